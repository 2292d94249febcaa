package manifest

import (
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

// Each rule of Validate is broken once, with the exact words that come of it.
func TestValidateNamesWhatIsWrong(t *testing.T) {
	const (
		registry = "packing list: image docker.io/library/registry:3: "
		release  = "packing list: image quay.io/openshift-release-dev/ocp-release:4.9.0-x86_64: "
		signed   = "packing list: release 4.9.0-x86_64: "
		extra    = "packing list: image quay.io/acme/extra:v1: "
		catalog  = "packing list: catalog " + catalogName + ": "
	)
	var (
		gone     = digest.FromString("gone")
		etcd     = "packing list: image " + componentRepo + "@" + digest.FromString("etcd").String() + ": "
		operator = "packing list: image quay.io/acme/tool@" + digest.FromString("operator").String() + ": "
	)
	cases := []struct {
		name  string
		spoil func(*Manifest)
		want  []string
	}{
		{"nothing", func(*Manifest) {}, nil},
		{"version", func(m *Manifest) { m.FormatVersion = 7 }, []string{"packing list: format version 7, want 1"}},
		{"feature", func(m *Manifest) { m.Features = []string{"split"} },
			[]string{`packing list: needs the feature "split", which this program does not know`}},

		{"blob: digest", func(m *Manifest) { m.Blobs = append(m.Blobs, blob("x")); m.Blobs[6].Digest = "sha256:1234" },
			[]string{"packing list: blob sha256:1234: invalid checksum digest length"}},
		{"blob: no digest", func(m *Manifest) { m.Blobs = append(m.Blobs, blob("x")); m.Blobs[6].Digest = "" },
			[]string{`packing list: blob "": invalid checksum digest format`}},
		{"blob: algorithm", func(m *Manifest) {
			m.Blobs = append(m.Blobs, blob("x"))
			m.Blobs[6].Digest = digest.SHA512.FromString("x")
		}, []string{"packing list: blob " + digest.SHA512.FromString("x").String() + ": digest algorithm sha512, want sha256"}},
		{"blob: size", func(m *Manifest) { m.Blobs = append(m.Blobs, blob("x")); m.Blobs[6].Size = -1 },
			[]string{"packing list: blob " + digest.FromString("x").String() + ": size -1"}},
		{"blob: twice", func(m *Manifest) { m.Blobs = append(m.Blobs, m.Blobs[0]) },
			[]string{"packing list: blob " + digest.FromString("registry").String() + ": listed twice"}},
		{"blobs: sum", func(m *Manifest) {
			m.Blobs = append(m.Blobs, blob("x"), blob("y"))
			m.Blobs[6].Size, m.Blobs[7].Size = 1<<62, 1<<62
		}, []string{"packing list: the blobs have more than 1125899906842624 bytes"}},

		{"image: name", func(m *Manifest) { m.Images[0].Name = "UPPER:1" },
			[]string{`packing list: image UPPER:1: "UPPER:1": invalid reference format: repository name (library/UPPER) must be lowercase`}},
		{"image: name without tag and digest", func(m *Manifest) { m.Images[0].Name = "quay.io/a/b" },
			[]string{`packing list: image quay.io/a/b: "quay.io/a/b": has neither a tag nor a digest`}},
		{"image: name not in full", func(m *Manifest) { m.Images[0].Name = "registry:3" },
			[]string{"packing list: image registry:3: name is not in full, want docker.io/library/registry:3"}},
		{"image: role", func(m *Manifest) { m.Images[5].Role = "spare" }, []string{extra + `unknown role "spare"`}},
		{"image: twice", func(m *Manifest) { m.Images = append(m.Images, m.Images[5]) }, []string{extra + "listed twice"}},
		{"image: order", func(m *Manifest) { m.Images[0], m.Images[1] = m.Images[1], m.Images[0] }, []string{registry + "out of order"}},
		{"image: release missing", func(m *Manifest) { m.Images[2].Release = "" },
			[]string{etcd + "a release and its components say which release they are, nothing else does"}},
		{"image: release too many", func(m *Manifest) { m.Images[0].Release = "4.9.0-x86_64" },
			[]string{registry + "a release and its components say which release they are, nothing else does"}},
		{"image: component missing", func(m *Manifest) { m.Images[2].Component = "" }, []string{etcd + "a component says which it is, nothing else does"}},
		{"image: component too many", func(m *Manifest) { m.Images[0].Component = "etcd" }, []string{registry + "a component says which it is, nothing else does"}},
		{"image: catalog missing", func(m *Manifest) { m.Images[4].Catalog = "" },
			[]string{operator + "an operator image says through which catalog it came, nothing else does"}},
		{"image: catalog too many", func(m *Manifest) { m.Images[0].Catalog = catalogName },
			[]string{registry + "an operator image says through which catalog it came, nothing else does"}},
		{"image: target too many", func(m *Manifest) { m.Images[4].TargetRepository = "a/b" },
			[]string{operator + "an additional image or a catalog may say where it stands, nothing else does"}},
		{"image: target that is none", func(m *Manifest) { m.Images[3].TargetRepository = "../../other" },
			[]string{"packing list: image " + catalogName + `: its target is "../../other", which is no repository`}},
		{"image: target tag that is none", func(m *Manifest) { m.Images[3].TargetRepository, m.Images[3].TargetTag = "a/b", "v:1" },
			[]string{"packing list: image " + catalogName + `: its target's tag is "v:1", which is none`}},
		{"image: target of a catalog", func(m *Manifest) { m.Images[3].TargetRepository, m.Images[3].TargetTag = "a/b", "v1" }, nil},
		{"image: release that is no tag", func(m *Manifest) { m.Images[1].Release, m.Signatures[0].Release = "4.9.0+1-x86_64", "4.9.0+1-x86_64" },
			[]string{release + `release and component make the tag "4.9.0+1-x86_64", which is none`}},
		{"image: component that is no tag", func(m *Manifest) { m.Images[2].Component = "a/b\x1b" },
			[]string{etcd + `release and component make the tag "4.9.0-x86_64-a/b\x1b", which is none`}},
		{"image: component that is too long", func(m *Manifest) { m.Images[2].Component = strings.Repeat("c", 116) },
			[]string{etcd + `release and component make the tag "4.9.0-x86_64-` + strings.Repeat("c", 116) + `", which is none`}},
		{"image: not among the blobs", func(m *Manifest) { m.Images[5].Descriptor.Digest = gone },
			[]string{extra + "its digest " + gone.String() + " is not among the blobs"}},
		{"image: another size", func(m *Manifest) { m.Images[5].Descriptor.Size = 99 },
			[]string{extra + "its size is 99 among the images and 100 among the blobs"}},
		{"image: name and descriptor", func(m *Manifest) { m.Images[4].Descriptor = m.Blobs[0] },
			[]string{operator + "name and descriptor differ: " + digest.FromString("registry").String()}},
		{"image: bytes", func(m *Manifest) { m.Images[5].Bytes = 99 }, []string{extra + "99 bytes in all, but its own manifest has 100"}},

		{"signature: missing", func(m *Manifest) { m.Signatures = nil },
			[]string{signed + "has no signature and is not listed as unsigned"}},
		{"signature: of a release that is unsigned", func(m *Manifest) { m.Unsigned = []string{"4.9.0-x86_64"} },
			[]string{signed + "has a signature and is listed as unsigned"}},
		{"signature: empty", func(m *Manifest) { m.Signatures[0].Data = nil }, []string{signed + "a signature has 0 bytes, want 1 to 51200"}},
		{"signature: too large", func(m *Manifest) { m.Signatures[0].Data = make([]byte, MaxSignature+1) },
			[]string{signed + "a signature has 51201 bytes, want 1 to 51200"}},
		{"signature: too many", func(m *Manifest) { m.Signatures = slices.Repeat(m.Signatures, MaxSignatures+1) },
			[]string{signed + "has 10 signatures, at most 9 are read"}},
		{"signature: of what does not travel", func(m *Manifest) { m.Signatures = append(m.Signatures, Signature{"5.0.0\n", []byte("x")}) },
			[]string{`packing list: release "5.0.0\n": is spoken of in signatures or unsigned, and does not travel`}},
		{"unsigned: what does not travel", func(m *Manifest) { m.Unsigned = []string{"5.0.0-x86_64"} },
			[]string{"packing list: release 5.0.0-x86_64: is spoken of in signatures or unsigned, and does not travel"}},
		{"signature: order", func(m *Manifest) {
			m.Signatures, m.Unsigned = nil, []string{"4.9.0-x86_64", "4.8.0-x86_64"}
		}, []string{
			"packing list: release 4.8.0-x86_64: is spoken of in signatures or unsigned, and does not travel",
			"packing list: signatures or unsigned releases are out of order",
		}},

		{"catalog: no image", func(m *Manifest) {
			c := m.Catalogs[0]
			c.Name = "registry.redhat.io/redhat/z:v1"
			m.Catalogs = append(m.Catalogs, c)
		}, []string{"packing list: catalog registry.redhat.io/redhat/z:v1: no image of that name"}},
		{"catalog: no record", func(m *Manifest) { m.Catalogs = nil },
			[]string{"packing list: image " + catalogName + ": catalogs does not say how it was made"}},
		{"catalog: an image's is not there", func(m *Manifest) { m.Images[4].Catalog = "quay.io/a/b:1" },
			[]string{operator + "names the catalog quay.io/a/b:1, which is not there"}},
		{"catalog: twice", func(m *Manifest) { m.Catalogs = append(m.Catalogs, m.Catalogs[0]) }, []string{catalog + "listed twice"}},
		{"catalog: order", func(m *Manifest) {
			c := m.Catalogs[0]
			c.Name = "quay.io/a/b:1"
			m.Catalogs = append(m.Catalogs, c)
		}, []string{
			"packing list: catalog quay.io/a/b:1: out of order",
			"packing list: catalog quay.io/a/b:1: no image of that name",
		}},
		{"catalog: source", func(m *Manifest) { m.Catalogs[0].Source = "latest" },
			[]string{catalog + "source latest: invalid checksum digest format"}},
		{"catalog: bundle that steers the terminal", func(m *Manifest) { m.Catalogs[0].Packages[0].Channels[0].Bundles[1] = "\x1b[2J" },
			[]string{catalog + `"\x1b[2J" cannot be printed`}},
		{"catalog: channel of bad UTF-8", func(m *Manifest) { m.Catalogs[0].Packages[0].Channels[0].Name = "\xff" },
			[]string{catalog + `"\xff" cannot be printed`}},
		{"catalog: package of two lines", func(m *Manifest) { m.Catalogs[0].Packages[0].Name = "a\nb" },
			[]string{catalog + `"a\nb" cannot be printed`}},
		{"catalog: platform", func(m *Manifest) { m.Catalogs[0].Platforms = []string{"\a"} }, []string{catalog + `"\a" is no platform like linux/amd64`}},
		{"catalog: no platform", func(m *Manifest) { m.Catalogs[0].Platforms = nil }, []string{catalog + "names no platform"}},

		{"names that cannot be printed", func(m *Manifest) {
			m.Images[0].Name = "a\nb"
			m.Images[4].Catalog = "c\r"
			m.Images[5].Descriptor.Digest = "d\x1b"
			m.Blobs[5].Digest = "e\t"
		}, []string{
			`packing list: blob "e\t": invalid checksum digest format`,
			`packing list: image "a\nb": "a\nb": invalid reference format`,
			extra + `its digest "d\x1b" is not among the blobs`,
			operator + `names the catalog "c\r", which is not there`,
		}},
		{"all at once", func(m *Manifest) {
			m.FormatVersion = 0
			m.Images[0].Bytes = 0
			m.Images[5].Role = ""
		}, []string{
			"packing list: format version 0, want 1",
			registry + "0 bytes in all, but its own manifest has 100",
			extra + `unknown role ""`,
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := whole()
			c.spoil(m)
			got := ""
			if err := m.Validate(); err != nil {
				got = err.Error()
			}
			if want := strings.Join(c.want, "\n"); got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// A catalog's name keeps the digest of the catalog that it was pruned from.
func TestCatalogByDigestHasAnotherDigest(t *testing.T) {
	m := whole()
	name := "registry.redhat.io/redhat/redhat-operator-index@" + digest.FromString("source").String()
	m.Images[3].Name, m.Images[4].Catalog, m.Catalogs[0].Name = name, name, name
	if err := m.Validate(); err != nil {
		t.Error(err)
	}
}
