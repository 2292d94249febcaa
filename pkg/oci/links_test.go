package oci

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestLinksOfImagesAndIndexes(t *testing.T) {
	d := func(mediaType string) string {
		return fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":1}`, mediaType, digest.FromString("x"))
	}
	image := func(layers ...string) string {
		return `{"schemaVersion":2,"config":` + d(ocispec.MediaTypeImageConfig) + `,"layers":[` + strings.Join(layers, ",") + `]}`
	}
	index := func(children ...string) string {
		return `{"schemaVersion":2,"manifests":[` + strings.Join(children, ",") + `]}`
	}
	const i, m = ocispec.MediaTypeImageIndex, ocispec.MediaTypeImageManifest
	cases := []struct{ name, mediaType, doc, want string }{
		{"an image", m, image(d("layer"), d("layer")), "config layer layer"},
		{"an image of Docker's", dockerManifest, image(d(dockerLayer)), "config layer"},
		{"an image of a config alone", m, image(), "config"},
		{"foreign layers", dockerManifest, image(d(dockerForeign), d("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"), d(dockerLayer)), "config layer"},
		{"a layer that calls itself a manifest", m, image(d(m)), "config layer"},
		{"an index", i, index(d(m), d(dockerManifest), d(i), d(dockerList)), "manifest manifest index index"},
		{"an index of a bare blob", i, index(d("text/plain"), d(m)), "layer manifest"},
		{"an index of nothing", dockerList, index(), ""},
		{"neither", "text/plain", "{}", `error: media type "text/plain" is neither`},
		{"no JSON", m, "{", "error: unexpected end"},
		{"schema 1", m, `{"schemaVersion":1}`, "error: schema version 1, want 2"},
		{"another thing than it is listed as", m, `{"schemaVersion":2,"mediaType":"` + i + `"}`, `error: says it is "` + i + `" and is listed as "` + m + `"`},
		{"an image without a config", m, `{"schemaVersion":2,"layers":[]}`, "error: is no image manifest"},
		{"an image with children", m, `{"schemaVersion":2,"config":{},"manifests":[{}]}`, "error: is no image manifest"},
		{"a digest that is a path", i, index(`{"mediaType":"x","digest":"sha256:../../../etc/passwd","size":1}`), `error: "sha256:../../../etc/passwd": invalid`},
		{"another kind of digest", i, index(`{"mediaType":"x","digest":"sha512:` + strings.Repeat("a", 128) + `","size":1}`), "error: sha512:"},
		{"a negative size", i, index(`{"mediaType":"x","digest":"` + digest.FromString("x").String() + `","size":-1}`), "error: sha256:"},
		{"a size beyond all numbers", i, index(`{"mediaType":"x","digest":"` + digest.FromString("x").String() + `","size":99999999999999999999}`), "error: json:"},
	}
	names := map[Kind]string{KindIndex: "index", KindManifest: "manifest", KindConfig: "config", KindLayer: "layer"}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			links, err := Links(c.mediaType, []byte(c.doc))
			if want, bad := strings.CutPrefix(c.want, "error: "); bad {
				mustSay(t, err, want)
				return
			}
			var got []string
			for _, l := range links {
				got = append(got, names[l.Kind])
			}
			if s := strings.Join(got, " "); s != c.want || err != nil {
				t.Errorf("got %q, %v; want %q", s, err, c.want)
			}
		})
	}
}

func TestLinksReportsAllThatIsWrong(t *testing.T) {
	_, err := Links(ocispec.MediaTypeImageIndex, []byte(`{"schemaVersion":2,"manifests":[{"digest":"one"},{"digest":"two"}]}`))
	for _, want := range []string{`"one"`, `"two"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want it to name %s", err, want)
		}
	}
}

func TestWalkVisitsEachOnceAndGoesOnBesideWhatItCannotRead(t *testing.T) {
	w := newWorld()
	one, two := w.image("x:1", "base", "one"), w.image("x:2", "base", "two")
	gone := described(ocispec.MediaTypeImageManifest, []byte("gone"))
	bare := w.put("text/plain", []byte("bare"))
	inner := w.put(ocispec.MediaTypeImageIndex, indexOf(two, one))
	root := w.put(ocispec.MediaTypeImageIndex, indexOf(one, gone, inner, bare))
	seen := map[digest.Digest]int{}
	var order []digest.Digest
	err := Walk(Root{Descriptor: root}, w.manifest, func(l Link) {
		seen[l.Descriptor.Digest]++
		order = append(order, l.Descriptor.Digest)
	})
	if err == nil || err.Error() != "not here" {
		t.Errorf("error is %v", err)
	}
	if len(seen) != len(w.blobs)+1 || len(order) != len(seen) || order[0] != root.Digest || order[1] != one.Digest {
		t.Errorf("visited %d of %d: %v", len(order), len(w.blobs)+1, order)
	}
}

func TestWalkRefusesWhatIsNoImageAndWhatIsTooDeep(t *testing.T) {
	err := Walk(Root{Descriptor: ocispec.Descriptor{MediaType: "text/plain", Digest: "sha256:x"}}, nil, nil)
	mustSay(t, err, `sha256:x: media type "text/plain" is neither`)
	err = Walk(Root{Descriptor: ocispec.Descriptor{MediaType: dockerSchema1 + "+json", Digest: "sha256:x"}}, nil, nil)
	mustSay(t, err, "sha256:x: is a Docker schema 1 manifest")
	w := newWorld()
	d := w.image("x:1", "layer")
	for range maxDepth + 1 {
		d = w.put(ocispec.MediaTypeImageIndex, indexOf(d))
	}
	err = Walk(Root{Descriptor: d}, w.manifest, func(Link) {})
	mustSay(t, err, "indexes are nested more than 4 deep")
}

func TestPartsAreOrderedAndEachOnce(t *testing.T) {
	w := newWorld()
	one, two := w.image("x:1", "base", "one"), w.image("x:2", "base", "two")
	root := w.put(ocispec.MediaTypeImageIndex, indexOf(two, one))
	parts, err := Parts([]Root{{Descriptor: one}, {Descriptor: root}, {Descriptor: root}}, w.manifest)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	var n int64
	for _, p := range parts {
		kinds = append(kinds, fmt.Sprint(int(p.Kind)))
		n += p.Descriptor.Size
	}
	if s := strings.Join(kinds, ""); s != "10122333" {
		t.Errorf("kinds in order: %s", s)
	}
	if size, err := ImageBytes(Root{Descriptor: root}, w.manifest); size != n || err != nil {
		t.Errorf("image has %d bytes, its parts %d, %v", size, n, err)
	}
	w.blobs[one.Digest] = []byte("{")
	if _, err := Parts([]Root{{Descriptor: root}}, w.manifest); err == nil || errors.Unwrap(err) == err {
		t.Error("a manifest that cannot be read is no error")
	}
}

func TestLayoutHasALimit(t *testing.T) {
	for _, sizes := range [][]int64{{-1}, {1 << 62, 1 << 62, 1 << 62}, {MaxBundle}} {
		var parts []ocispec.Descriptor
		for i, n := range sizes {
			parts = append(parts, ocispec.Descriptor{Digest: digest.FromString(fmt.Sprint(i)), Size: n})
		}
		_, err := NewLayout(nil, parts)
		mustSay(t, err, "a bundle has at most")
	}
}
