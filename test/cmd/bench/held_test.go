package main

import (
	"strings"
	"testing"

	"drayage/test/content"
	"drayage/test/registry"
)

func TestHoldsKnowsAnImageByNameAndDigest(t *testing.T) {
	img, err := content.Image("held", content.ImageOptions{}, content.Random("held/layer", 1000))
	if err != nil {
		t.Fatal(err)
	}
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	node := registry.StartT(t, registry.Options{})
	if err := content.Push(t.Context(), node.Addr(), content.PushOptions{}, content.Named{Ref: "bench/a:v1", Content: img}); err != nil {
		t.Fatal(err)
	}
	other := "sha256:" + strings.Repeat("0", 64)
	for _, c := range []struct {
		at, digest, want string
		same             bool
	}{
		{at: "bench/a:v1", digest: digest.String(), same: true},
		{at: "bench/a:v1", digest: other},
		{at: "bench/b:v1", digest: digest.String(), want: "bench/b/manifests/v1"},
	} {
		same, err := holds(t.Context(), node.Addr()+"/"+c.at, c.digest)
		if same != c.same || (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v, %v, want %v, %q", c.at, c.digest, same, err, c.same, c.want)
		}
	}
}
