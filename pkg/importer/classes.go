package importer

import (
	"slices"

	"github.com/opencontainers/go-digest"

	"drayage/internal/progress"
	"drayage/pkg/manifest"
	"drayage/pkg/site"
)

// classify notes of which class of images a blob is.
func (w *work) classify(d digest.Digest, r manifest.Role) {
	if w.classOf == nil {
		w.classOf = map[digest.Digest][]string{}
	}
	if class := r.Class(); !slices.Contains(w.classOf[d], class) {
		w.classOf[d] = append(w.classOf[d], class)
	}
}

// classes counts the blobs of each class for one node; nil when no classes are
// known, as of what other nodes hold.
func (w *work) classes() *progress.Classes {
	if w.classOf == nil {
		return nil
	}
	c := progress.NewClasses()
	for _, b := range w.blobs {
		c.Add(b.desc.Digest.String(), b.desc.Size, w.classOf[b.desc.Digest])
	}
	return c
}

// sizes are the blobs in their order, for the time that is told.
func (w *work) sizes() []progress.Blob {
	all := make([]progress.Blob, 0, len(w.blobs))
	for _, b := range w.blobs {
		all = append(all, progress.Blob{Name: b.desc.Digest.String(), Bytes: b.desc.Size})
	}
	return all
}

func names(nodes []site.Node) []string {
	all := make([]string, 0, len(nodes))
	for _, n := range nodes {
		all = append(all, n.Name)
	}
	return all
}

// brought notes that a blob is on the node; worked says that it was not before.
func (p *pusher) brought(d digest.Digest, worked bool) {
	for _, e := range p.classes.Done(d.String(), worked) {
		p.report.ClassEnded(e)
	}
}
