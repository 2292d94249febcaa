package bundle

import "drayage/pkg/manifest"

// Blobs is how many blobs the bundle of a packing list has, and their bytes
// together: those of the images, each once, and those that carry the packing list.
func Blobs(m *manifest.Manifest) (n int, bytes int64, err error) {
	l, _, err := layout(m)
	if err != nil {
		return 0, 0, err
	}
	return len(l.Blobs), partBytes(l), nil
}

// notBlobs are the first entries of the tar: oci-layout and index.json.
const notBlobs = 2

// Blobs is what [Blobs] says of the bundle's packing list, counted in the file.
func (b *Bundle) Blobs() (n int, bytes int64) {
	for i, e := range b.Entries() {
		if i >= notBlobs {
			n++
			bytes += e.Size
		}
	}
	return n, bytes
}
