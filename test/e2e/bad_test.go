package e2e

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"drayage/pkg/manifest"
)

// bundleFile is the shared world's bundle, as bytes and as its packing list.
func bundleFile(t *testing.T) (dir string, raw []byte, list *manifest.Manifest) {
	t.Helper()
	src, filled := sharedSource(t)
	dir = connected(t, src.Addr(), filled)
	build(t, dir)
	raw, err := os.ReadFile(filepath.Join(dir, "site.tar"))
	if err != nil {
		t.Fatal(err)
	}
	return dir, raw, packingList(t, dir)
}

// entryOffset is where a blob's content begins in the tar.
func entryOffset(t *testing.T, raw []byte, d digest.Digest) int {
	t.Helper()
	i := bytes.Index(raw, []byte("blobs/sha256/"+d.Encoded()+"\x00"))
	if i < 0 {
		t.Fatalf("%s is not in the bundle", d)
	}
	return i + 512
}

// last is the digest of the last blob, a layer.
func last(m *manifest.Manifest) digest.Digest { return m.Blobs[len(m.Blobs)-1].Digest }

func component(t *testing.T, m *manifest.Manifest) manifest.Image {
	t.Helper()
	for _, i := range m.Images {
		if i.Component == "etcd" {
			return i
		}
	}
	t.Fatal("no component etcd")
	return manifest.Image{}
}

// Each bad bundle is told by verify, with code 3 and a line that says what is
// wrong, and refused by push without a byte being sent.
func TestBadBundles(t *testing.T) {
	dir, raw, list := bundleFile(t)
	etcd := component(t, list)
	three := nodes(t, dir, 1)
	flip := func(at int) []byte {
		b := bytes.Clone(raw)
		b[at] ^= 0x10
		return b
	}
	cases := []struct {
		name string
		file []byte
		want string // in what verify prints
	}{
		{"empty", nil, "is cut"},
		{"not a bundle", bytes.Repeat([]byte("x"), 5000), "no tar header"},
		{"cut in the middle", raw[:len(raw)/2], "is cut"},
		{"cut in the first header", raw[:100], "is cut"},
		{"cut before the end", raw[:len(raw)-1], "is cut"},
		{"longer than it should be", append(bytes.Clone(raw), make([]byte, 512)...), "the tar ends at"},
		{"a flipped byte in a layer", flip(entryOffset(t, raw, last(list)) + 5), "blobs/sha256/" + last(list).Encoded() + ": content is sha256:"},
		{"a flipped byte in an image manifest", flip(entryOffset(t, raw, etcd.Descriptor.Digest) + 40), "needed by " + etcd.Name},
		{"a flipped byte in index.json", flip(bytes.Index(raw, []byte("quay.io/openshift-release-dev"))), "index.json"},
		{"a flipped byte in a tar header", flip(entryOffset(t, raw, last(list)) - 300), last(list).Encoded()},
		{"a missing blob", edited(t, raw, drop(last(list))), "blobs/sha256/" + last(list).Encoded() + ": is not in the bundle; needed by"},
		{"a blob too many", edited(t, raw, add("blobs/sha256/"+digest.FromString("more").Encoded(), tar.TypeReg, "more")), "nothing names it"},
		{"an entry twice", edited(t, raw, twice(last(list))), "stands in the tar twice"},
		{"a path that leads out", edited(t, raw, add("../../etc/passwd", tar.TypeReg, "x")), `entry "../../etc/passwd"`},
		{"an absolute path", edited(t, raw, add("/etc/passwd", tar.TypeReg, "x")), `entry "/etc/passwd"`},
		{"a symbolic link", edited(t, raw, add("blobs/sha256/link", tar.TypeSymlink, "")), `entry "blobs/sha256/link"`},
		{"a folder", edited(t, raw, add("blobs/", tar.TypeDir, "")), `entry "blobs/"`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(dir, "bad.tar")
			if err := os.WriteFile(path, c.file, 0o644); err != nil {
				t.Fatal(err)
			}
			r := call(t, dir, "import", "verify", "bad.tar")
			if r.code != 3 || !strings.Contains(r.out+r.err, c.want) {
				t.Errorf("verify: exit code %d, want 3 and %q in:\n%s%s", r.code, c.want, r.out, r.err)
			}
			if push := call(t, dir, "import", "push", "--site", "site.yaml", "bad.tar"); push.code != 3 {
				t.Errorf("push: exit code %d, want 3\n%s%s", push.code, push.out, push.err)
			}
			if images := tags(t, three[0].Root()); len(images) > 0 {
				t.Errorf("push of a bad bundle left the images %v", images)
			}
		})
	}
}

func TestAnotherRootIsRefused(t *testing.T) {
	dir, _, _ := bundleFile(t)
	other := digest.FromString("another").String()
	nodes(t, dir, 1)
	for _, args := range [][]string{
		{"verify", "--root", other, "site.tar"},
		{"push", "--site", "site.yaml", "--root", other, "site.tar"},
		{"render", "--site", "site.yaml", "--root", other, "-o", "-", "site.tar"},
	} {
		r := bad(t, 3, "want "+other, dir, "import", args...)
		if r.out != "" {
			t.Errorf("%s printed a result:\n%s", args[0], r.out)
		}
	}
	bad(t, 3, "want "+other, dir, "bundle", "verify", "--root", other, "site.tar")
}

// tags lists the tags that a registry's folder has.
func tags(t *testing.T, root string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, "docker/registry/v2/repositories/*/*/_manifests/tags/*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// edit changes a tar: it is asked for each entry whether to keep it, and may
// write more.
type edit func(w *tar.Writer, h *tar.Header, body []byte) (keep bool)

func edited(t *testing.T, raw []byte, e edit) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for r := tar.NewReader(bytes.NewReader(raw)); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if e(w, h, body) {
			w.WriteHeader(h)
			w.Write(body)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func drop(d digest.Digest) edit {
	return func(_ *tar.Writer, h *tar.Header, _ []byte) bool { return !strings.HasSuffix(h.Name, d.Encoded()) }
}

func twice(d digest.Digest) edit {
	return func(w *tar.Writer, h *tar.Header, body []byte) bool {
		if strings.HasSuffix(h.Name, d.Encoded()) {
			w.WriteHeader(h)
			w.Write(body)
		}
		return true
	}
}

// add puts an entry behind index.json.
func add(name string, kind byte, body string) edit {
	return func(w *tar.Writer, h *tar.Header, content []byte) bool {
		if h.Name != "index.json" {
			return true
		}
		w.WriteHeader(h)
		w.Write(content)
		link := ""
		if kind == tar.TypeSymlink {
			link = "/etc/passwd"
		}
		w.WriteHeader(&tar.Header{Typeflag: kind, Name: name, Linkname: link, Size: int64(len(body)), Mode: 0o644})
		io.WriteString(w, body)
		return false
	}
}
