package oci

import (
	"slices"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func on(d ocispec.Descriptor, platform string) ocispec.Descriptor {
	parts := append(strings.Split(platform, "/"), "")
	d.Platform = &ocispec.Platform{OS: parts[0], Architecture: parts[1], Variant: parts[2]}
	return d
}

// manifold is an index of images for several platforms, one of them in an index
// within, with an attestation, an image without a platform and a bare blob.
func manifold(w *world) (root ocispec.Descriptor, children map[string]ocispec.Descriptor) {
	children = map[string]ocispec.Descriptor{}
	var outer []ocispec.Descriptor
	for _, p := range []string{"linux/amd64", "linux/arm64/v8", "linux/arm/v6", "linux/arm/v7", "unknown/unknown"} {
		children[p] = w.image("x:"+p, "base", p)
		outer = append(outer, on(children[p], p))
	}
	children["none"] = w.image("x:none", "base", "none")
	children["bare"] = w.put("text/spdx+json", []byte("a bill of materials"))
	children["linux/s390x"] = w.image("x:s390x", "base", "s390x")
	inner := w.put(ocispec.MediaTypeImageIndex, indexOf(on(children["linux/s390x"], "linux/s390x")))
	children["inner"] = inner
	return w.put(ocispec.MediaTypeImageIndex, indexOf(append(outer, children["none"], children["bare"], inner)...)), children
}

func TestRootOfSomePlatforms(t *testing.T) {
	w := newWorld()
	index, children := manifold(w)
	for name, c := range map[string]struct {
		platforms []string
		want      []string // of children; inner is always there
	}{
		"all":              {nil, []string{"linux/amd64", "linux/arm64/v8", "linux/arm/v6", "linux/arm/v7", "unknown/unknown", "none", "bare", "linux/s390x"}},
		"one":              {[]string{"linux/amd64"}, []string{"linux/amd64"}},
		"every variant":    {[]string{"linux/arm"}, []string{"linux/arm/v6", "linux/arm/v7"}},
		"one variant":      {[]string{"linux/arm/v7"}, []string{"linux/arm/v7"}},
		"within an index":  {[]string{"linux/arm64", "linux/s390x"}, []string{"linux/arm64/v8", "linux/s390x"}},
		"none that it has": {[]string{"linux/ppc64le"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			root := Root{index, c.platforms}
			var got []string
			manifests := map[string]bool{}
			err := Walk(root, w.manifest, func(l Link) {
				for name, d := range children {
					if d.Digest == l.Descriptor.Digest && name != "inner" {
						got = append(got, name)
					}
				}
				manifests[l.Descriptor.Digest.String()] = true
			})
			slices.Sort(got)
			if want := slices.Sorted(slices.Values(c.want)); err != nil || !slices.Equal(got, want) {
				t.Errorf("walked %q, %v, want %q", got, err, want)
			}
			if !manifests[index.Digest.String()] || !manifests[children["inner"].Digest.String()] {
				t.Error("an index is missing")
			}
			out, err := LeftOut(root, w.manifest)
			if err != nil || len(out)+len(c.want) != 8 {
				t.Errorf("%d are left out, %v, want %d", len(out), err, 8-len(c.want))
			}
		})
	}
}

// One image may stand in an index for two platforms.
func TestOneImageForTwoPlatforms(t *testing.T) {
	w := newWorld()
	d := w.image("x:1", "scripts")
	index := w.put(ocispec.MediaTypeImageIndex, indexOf(on(d, "linux/amd64"), on(d, "linux/arm64")))
	root := Root{index, []string{"linux/arm64"}}
	if err := CheckPlatforms(root, w.manifest); err != nil {
		t.Error(err)
	}
	if out, err := LeftOut(root, w.manifest); err != nil || len(out) > 0 {
		t.Errorf("left out: %v, %v", out, err)
	}
	if n, err := ImageBytes(root, w.manifest); err != nil || n == index.Size {
		t.Errorf("%d bytes, %v", n, err)
	}
}

func TestCheckPlatforms(t *testing.T) {
	w := newWorld()
	index, children := manifold(w)
	for want, platforms := range map[string][]string{
		"": {"linux/amd64", "linux/s390x"},
		": has no image for linux/arm/v5, linux/ppc64le, only for linux/amd64, linux/arm/v6, linux/arm/v7, linux/arm64/v8, linux/s390x": {"linux/amd64", "linux/arm/v5", "linux/ppc64le"},
	} {
		err := CheckPlatforms(Root{index, platforms}, w.manifest)
		if want == "" && err != nil || want != "" && (err == nil || err.Error() != index.Digest.String()+want) {
			t.Errorf("%q: %v, want %s", platforms, err, want)
		}
	}
	err := CheckPlatforms(Root{children["none"], []string{"linux/amd64"}}, w.manifest)
	mustSay(t, err, "has no image for linux/amd64, only for none")
	delete(w.blobs, children["inner"].Digest)
	mustSay(t, CheckPlatforms(Root{index, []string{"linux/s390x"}}, w.manifest), "not here")
}

func TestAddImageAsksForSomePlatformsOnly(t *testing.T) {
	w := newWorld()
	index, children := manifold(w)
	c, f := serve(t, w)
	if err := c.AddImage(t.Context(), "quay.io/a", Root{index, []string{"linux/arm64"}}); err != nil {
		t.Fatal(err)
	}
	if n := f.count("GET", "/manifests/"); n != 3 {
		t.Errorf("asked for %d manifests, want 3: two indexes and an image manifest", n)
	}
	if _, err := c.Manifest(children["linux/amd64"]); err == nil {
		t.Error("an image for another platform was fetched")
	}
}

func TestVerifyOfSomePlatforms(t *testing.T) {
	w := newWorld()
	index, children := manifold(w)
	w.images = []Named{{Name: "x:some", Descriptor: index, Platforms: []string{"linux/amd64"}}}
	raw := bundleOf(t, w)
	check := func(want string, platforms ...string) {
		t.Helper()
		a, findings := OpenArchive(strings.NewReader(string(raw)), int64(len(raw)))
		if len(findings) > 0 {
			t.Fatal(findings)
		}
		a.Images[0].Platforms = platforms
		findings, err := a.Verify(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range findings {
			got = append(got, f.String())
		}
		if strings.Join(got, "\n") != want {
			t.Errorf("%q:\n%s\nwant\n%s", platforms, strings.Join(got, "\n"), want)
		}
	}
	blob := func(name string) string { return "blobs/sha256/" + children[name].Digest.Encoded() }
	check("", "linux/amd64")
	check(blob("linux/arm64/v8")+": is not in the bundle; needed by x:some", "linux/amd64", "linux/arm64")
	check("blobs/sha256/"+index.Digest.Encoded()+": has no image for linux/ppc64le, only for linux/amd64, linux/arm/v6, linux/arm/v7, linux/arm64/v8, linux/s390x; needed by x:some",
		"linux/amd64", "linux/ppc64le")
}

func TestIndexOfOurs(t *testing.T) {
	w := newWorld()
	amd, arm := on(w.image("x:1", "amd"), "linux/amd64"), on(w.image("x:2", "arm"), "linux/arm64/v8")
	arm.Annotations = map[string]string{"a": "b"}
	for _, mediaType := range []string{ocispec.MediaTypeImageIndex, dockerList} {
		c := NewContent(nil)
		one, err := c.Index(mediaType, []ocispec.Descriptor{arm, amd})
		if err != nil {
			t.Fatal(err)
		}
		two, err := c.Index(mediaType, []ocispec.Descriptor{amd, arm})
		if err != nil || one.Digest != two.Digest || one.MediaType != mediaType {
			t.Errorf("%+v and %+v, %v", one, two, err)
		}
		raw, err := c.Manifest(one)
		if err != nil {
			t.Fatal(err)
		}
		links, err := Links(mediaType, raw)
		if err != nil || len(links) != 2 || links[0].Descriptor.Digest != amd.Digest || links[1].Descriptor.Platform.Variant != "v8" || links[1].Descriptor.Annotations != nil {
			t.Errorf("%+v, %v", links, err)
		}
	}
	c := NewContent(nil)
	_, err := c.Index(ocispec.MediaTypeImageManifest, nil)
	mustSay(t, err, "is not one of an image index")
	amd.Platform = nil
	_, err = c.Index(dockerList, []ocispec.Descriptor{amd})
	mustSay(t, err, "has no platform")
}
