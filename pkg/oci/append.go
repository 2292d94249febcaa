package oci

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// AppendOptions say what Content.Append changes beside the layer.
type AppendOptions struct {
	// Cmd replaces the image's command; nil keeps it.
	Cmd []string
	// Entrypoint replaces the image's entrypoint; nil keeps it, an empty list
	// leaves the image without one.
	Entrypoint []string
	// Labels are added to the config's.
	Labels map[string]string
	// Comment is the history entry of the layer.
	Comment string
}

// Append makes a new image of an old one and one layer more, given as an
// uncompressed tar, and adds it to the content. Everything else of the old
// image is kept: its layers, all keys of its config, its family of media types.
// The same arguments give the same digest.
func (c *Content) Append(img *Image, layer []byte, o AppendOptions) (ocispec.Descriptor, error) {
	zipped, err := compress(layer)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	config, err := appendConfig(img.RawConfig, digest.FromBytes(layer), o)
	if err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("config %s: %w", img.Manifest.Config.Digest, err)
	}
	m := img.Manifest
	m.SchemaVersion, m.MediaType = 2, img.Descriptor.MediaType
	m.Config = described(img.Manifest.Config.MediaType, config)
	m.Layers = append(m.Layers[:len(m.Layers):len(m.Layers)], described(layerType(img.Descriptor.MediaType), zipped))
	raw, err := json.Marshal(m)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	for _, blob := range [][]byte{zipped, config, raw} {
		c.AddBlob(blob)
	}
	return described(img.Descriptor.MediaType, raw), nil
}

func described(mediaType string, raw []byte) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
}

func layerType(manifestType string) string {
	if manifestType == dockerManifest {
		return dockerLayer
	}
	return ocispec.MediaTypeImageLayerGzip
}

// compress makes gzip without a time or a name, which the same version of this
// program repeats byte for byte.
func compress(raw []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	w.ModTime = time.Unix(0, 0) // the zero Time would be written as one in 2042
	if _, err := w.Write(raw); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// appendConfig edits the config as a document and not as a type, so that keys
// that the image spec does not know survive.
func appendConfig(raw []byte, diffID digest.Digest, o AppendOptions) ([]byte, error) {
	var doc, run, rootfs map[string]any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber() // as a float, a large number would become another one
	if err := d.Decode(&doc); err != nil {
		return nil, err
	}
	run, _ = doc["config"].(map[string]any)
	if run == nil {
		run = map[string]any{}
	}
	rootfs, _ = doc["rootfs"].(map[string]any)
	ids, ok := rootfs["diff_ids"].([]any)
	if !ok {
		return nil, fmt.Errorf("has no rootfs.diff_ids")
	}
	rootfs["diff_ids"] = append(ids, diffID.String())
	if o.Cmd != nil {
		run["Cmd"] = o.Cmd
	}
	switch {
	case len(o.Entrypoint) > 0:
		run["Entrypoint"] = o.Entrypoint
	case o.Entrypoint != nil:
		delete(run, "Entrypoint")
	}
	labels, _ := run["Labels"].(map[string]any)
	if labels == nil {
		labels = map[string]any{}
	}
	for k, v := range o.Labels {
		labels[k] = v
	}
	run["Labels"] = labels
	doc["config"] = run
	history, _ := doc["history"].([]any)
	doc["history"] = append(history, map[string]any{"created_by": o.Comment})
	return json.Marshal(doc)
}
