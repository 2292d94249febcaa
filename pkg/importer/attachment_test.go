package importer

import (
	"slices"
	"strings"
	"testing"

	"drayage/pkg/manifest"
)

// A cluster that finds an image without its signature refuses it and asks no
// other mirror: so the signature is there first, in each repository.
func TestAttachmentsAreThereBeforeTheirImages(t *testing.T) {
	w := newWorld()
	child := w.content("base", "amd64")
	w.add("quay.io/acme/multi:v1", w.index(child, w.content("base", "arm64")))
	w.images = append(w.images, manifest.Image{
		Name: "quay.io/acme/multi:v2", Role: manifest.RoleAdditional, TargetRepository: "apps/multi", Descriptor: child,
	})
	name := manifest.Attachment("quay.io/acme/multi", child.Digest).String()
	signature := w.content(`{"critical":{}}`)
	w.images = append(w.images, manifest.Image{Name: name, Role: manifest.RoleSignature, Descriptor: signature})
	// Somebody asked for the same attachment by its name.
	w.add(name, signature)
	n := newNode(t)
	results, m, err := push(t, w.bundle(t), siteOf(n))
	if err != nil {
		t.Fatal(err)
	}
	m.check(t)
	_, tag, _ := strings.Cut(name, ":")
	for _, repo := range []string{"acme/multi:", "apps/multi:"} {
		if got := n.tag(repo + tag); got != signature.Digest {
			t.Errorf("%s%s is %q, want %s", repo, tag, got, signature.Digest)
		}
	}
	// Two places of images, two of the attachment.
	if results[0].Images != 4 {
		t.Errorf("%d names stand on the node, want 4", results[0].Images)
	}
	signed := false
	for _, c := range slices.Backward(n.changes()) {
		is := strings.HasSuffix(c, ".sig")
		if signed && !is && !strings.HasPrefix(c, "blob ") && !strings.HasPrefix(c, "mount ") {
			t.Errorf("%s comes before a signature", c)
		}
		signed = signed || is
	}
	if !signed {
		t.Error("no signature was written")
	}
}
