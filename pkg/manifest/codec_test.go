package manifest

import (
	"bytes"
	"errors"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// blob is a descriptor that the blobs list: 100 bytes called s.
func blob(s string) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString(s), Size: 100}
}

const (
	componentRepo = "quay.io/openshift-release-dev/ocp-v4.0-art-dev"
	catalogName   = "registry.redhat.io/redhat/redhat-operator-index:v4.9"
)

// whole is a packing list with every role, and nothing wrong.
func whole() *Manifest {
	registry, release, etcd, catalog, operator, additional :=
		blob("registry"), blob("release"), blob("etcd"), blob("catalog"), blob("operator"), blob("additional")
	return &Manifest{
		FormatVersion: FormatVersion,
		Images: []Image{
			{Name: "docker.io/library/registry:3", Role: RoleRegistry, Descriptor: registry, Bytes: 100},
			{Name: "quay.io/openshift-release-dev/ocp-release:4.9.0-x86_64", Role: RoleRelease, Release: "4.9.0-x86_64", Descriptor: release, Bytes: 200},
			{Name: componentRepo + "@" + etcd.Digest.String(), Role: RoleComponent, Release: "4.9.0-x86_64", Component: "etcd", Descriptor: etcd, Bytes: 100},
			{Name: catalogName, Role: RoleCatalog, Descriptor: catalog, Bytes: 100},
			{Name: "quay.io/acme/tool@" + operator.Digest.String(), Role: RoleOperator, Catalog: catalogName, Descriptor: operator, Bytes: 100},
			{Name: "quay.io/acme/extra:v1", Role: RoleAdditional, Descriptor: additional, Bytes: 100},
		},
		Signatures: []Signature{{Release: "4.9.0-x86_64", Data: []byte("signed")}},
		Catalogs: []Catalog{{
			Name: catalogName, Source: digest.FromString("source"), Platforms: []string{"linux/amd64"},
			Packages: []Package{{Name: "tool", DefaultChannel: "stable", Channels: []Channel{{Name: "stable", Bundles: []string{"tool.v1.0.0", "tool.v1.1.0"}}}}},
		}},
		Blobs: []ocispec.Descriptor{registry, release, etcd, catalog, operator, additional},
	}
}

func encode(t *testing.T, m *Manifest) []byte {
	t.Helper()
	raw, err := Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestWhatIsEncodedIsDecoded(t *testing.T) {
	raw := encode(t, whole())
	m, err := Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(m, whole()) {
		t.Errorf("decoded: %+v", m)
	}
	if again := encode(t, m); !bytes.Equal(again, raw) {
		t.Errorf("encoded again:\n%s\nwas\n%s", again, raw)
	}
}

func TestEncodingIsCanonical(t *testing.T) {
	m := whole()
	m.Catalogs[0].Packages[0].Name = "<a&b>"
	const want = `   "packages": [
    {
     "name": "<a&b>",
`
	if raw := encode(t, m); !strings.Contains(string(raw), want) || !bytes.HasSuffix(raw, []byte("\n}\n")) {
		t.Errorf("want one space a level, no escapes of < and &, and a line end:\n%s", raw)
	}
}

func TestEncodeRefusesWhatNobodyCouldRead(t *testing.T) {
	m := whole()
	m.Features = []string{"riddle"}
	const want = `packing list: needs the feature "riddle", which this program does not know`
	if _, err := Encode(m); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	m = whole()
	m.Catalogs[0].Packages[0].Name = strings.Repeat("x", MaxSize)
	if _, err := Encode(m); err == nil || !strings.Contains(err.Error(), "at most 67108864 are read") {
		t.Errorf("a document beyond MaxSize: %v", err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	raw := string(encode(t, whole()))
	change := func(old, new string) string {
		if strings.Count(raw, old) == 0 {
			t.Fatalf("the document has no %q", old)
		}
		return strings.Replace(raw, old, new, 1)
	}
	cases := []struct{ name, document, want string }{
		{"a newer version by its number", change(`"formatVersion": 1`, `"formatVersion": 2, "new": {}`),
			"packing list: format version 2, this program reads 1"},
		{"a document without a version", `{}`, "packing list: format version 0, this program reads 1"},
		{"an unknown feature by name", change(`"formatVersion": 1`, `"formatVersion": 1, "features": ["zstd-delta"], "new": {}`),
			`packing list: needs the feature "zstd-delta", which this program does not know`},
		{"every unknown feature", change(`"formatVersion": 1`, `"formatVersion": 1, "features": ["a", "b"]`),
			"packing list: needs the feature \"a\", which this program does not know\n" +
				"packing list: needs the feature \"b\", which this program does not know"},
		{"an unknown key", change(`"role": "registry"`, `"role": "registry", "colour": "red"`),
			`packing list: json: unknown field "colour"`},
		{"a second document", raw + `{}`, "packing list: invalid character '{' after top-level value"},
		{"a word behind the document", raw + `x`, "packing list: invalid character 'x' after top-level value"},
		{"half a document", raw[:len(raw)/2], "packing list: unexpected end of JSON input"},
		{"nothing", "", "packing list: unexpected end of JSON input"},
		{"a list", "[]", "packing list: json: cannot unmarshal array into Go value of type struct { FormatVersion int \"json:\\\"formatVersion\\\"\"; Features []string \"json:\\\"features\\\"\" }"},
		{"what Validate finds", change(`"role": "registry"`, `"role": "spare"`),
			`packing list: image docker.io/library/registry:3: unknown role "spare"`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m, err := Decode([]byte(c.document))
			if err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			if newer := strings.Contains(c.want, "does not know") || strings.Contains(c.want, "version 2"); errors.As(err, new(*NewerError)) != newer {
				t.Errorf("a newer program's: want %t", newer)
			}
			if m != nil {
				t.Error("a manifest came back beside the error")
			}
		})
	}
}

func TestDecodeRefusesWhatIsTooLargeUnread(t *testing.T) {
	const want = "packing list: 67108865 bytes, at most 67108864 are read"
	if _, err := Decode(make([]byte, MaxSize+1)); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestSortGivesTheOrderThatValidateWants(t *testing.T) {
	m := whole()
	for i, j := 0, len(m.Images)-1; i < j; i, j = i+1, j-1 {
		m.Images[i], m.Images[j] = m.Images[j], m.Images[i]
	}
	if m.Validate() == nil {
		t.Fatal("Validate takes any order")
	}
	m.Sort()
	if !reflect.DeepEqual(m, whole()) {
		t.Errorf("sorted: %+v", m.Images)
	}
}

func TestSums(t *testing.T) {
	m := whole()
	if got := m.TotalBytes(); got != 700 {
		t.Errorf("TotalBytes %d, want 700: what the images say", got)
	}
}

// What Decode takes is valid, can be said again, and reads the same; it takes
// memory by the size of the document.
func FuzzDecode(f *testing.F) {
	raw, err := Encode(whole())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(`{"formatVersion":1}`))
	f.Add([]byte(`{"formatVersion":1,"features":null,"images":[],"blobs":[]}`))
	f.Add([]byte(`{"formatVersion":1,"Images":[{"name":"a:b"}]}`))
	f.Add([]byte(`{"formatVersion":1,"images":[],"blobs":` + strings.Repeat("[", 1000)))
	for _, cut := range []int{1, 100, len(raw) / 2, len(raw) - 2} {
		f.Add(raw[:cut])
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		m, err := Decode(document)
		runtime.ReadMemStats(&after)
		if took, most := after.TotalAlloc-before.TotalAlloc, uint64(1<<20+500*len(document)); took > most {
			t.Errorf("%d bytes took %d bytes of memory, want at most %d", len(document), took, most)
		}
		if (m == nil) == (err == nil) {
			t.Fatalf("%+v, %v", m, err)
		}
		if err != nil {
			return
		}
		if err := m.Validate(); err != nil {
			t.Fatalf("decoded and is not valid: %v", err)
		}
		once, err := Encode(m)
		if err != nil {
			t.Fatalf("decoded and cannot be encoded: %v", err)
		}
		again, err := Decode(once)
		if err != nil {
			t.Fatalf("encoded and cannot be decoded: %v", err)
		}
		if twice, err := Encode(again); err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("encoded twice:\n%s\n%s\n%v", once, twice, err)
		}
	})
}
