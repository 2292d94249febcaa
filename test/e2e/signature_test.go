package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drayage/test/signing"
)

// A release is taken only with a signature of somebody who is trusted, on both
// sides of the gap.
func TestReleaseSignatures(t *testing.T) {
	src, filled := sharedSource(t)
	release := filled.Release.Image
	cases := []struct {
		name string
		put  func(*signing.Store) error
		line string // empty: it is taken
	}{
		{"signed", func(s *signing.Store) error { return s.Sign(release.Digest, release.Ref) }, ""},
		{"not signed", func(*signing.Store) error { return nil }, "release 4.9.0-x86_64 has no good signature"},
		{"signed for another version", func(s *signing.Store) error {
			return s.Sign(release.Digest, strings.Replace(release.Ref, "4.9.0", "4.9.1", 1))
		}, "says that this is"},
		{"garbage", func(s *signing.Store) error { s.Put(release.Digest, []byte("<html>log in</html>")); return nil }, "signature-1: openpgp:"},
		{"too large", func(s *signing.Store) error { s.Put(release.Digest, make([]byte, 1<<20)); return nil }, "more than 51200 bytes"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			store, err := signing.Start()
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			if err := c.put(store); err != nil {
				t.Fatal(err)
			}
			dir := connected(t, src.Addr(), filled)
			writeKey(t, dir, store)
			args := []string{"build", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "--release-key", "key.asc", "--signature-store", store.URL(), "-o", "site.tar"}
			if c.line != "" {
				bad(t, 5, c.line, dir, "bundle", args...)
				nothingLeft(t, dir)
				return
			}
			good(t, dir, "bundle", args...)
			checkedOnSite(t, dir)
		})
	}
}

func writeKey(t *testing.T, dir string, store *signing.Store) {
	t.Helper()
	key, err := store.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "key.asc", string(key))
}

// checkedOnSite: without the key every verb refuses the bundle, with it the
// signature is good and becomes a ConfigMap.
func checkedOnSite(t *testing.T, dir string) {
	t.Helper()
	nodes(t, dir, 1)
	const untrusted = "release 4.9.0-x86_64: signature-1: is by the key"
	if r := call(t, dir, "import", "verify", "--strict", "site.tar"); r.code != 3 || !strings.Contains(r.out, untrusted) {
		t.Errorf("verify without the key: exit code %d\n%s%s", r.code, r.out, r.err)
	}
	bad(t, 3, untrusted, dir, "import", "push", "--site", "site.yaml", "site.tar")
	bad(t, 3, untrusted, dir, "import", "render", "--site", "site.yaml", "-o", "manifests", "site.tar")
	if out := good(t, dir, "import", "verify", "--release-key", "key.asc", "site.tar"); !strings.Contains(out, "signatures of releases: 1 good") {
		t.Errorf("verify printed:\n%s", out)
	}
	good(t, dir, "import", "push", "--site", "site.yaml", "--release-key", "key.asc", "site.tar")
	good(t, dir, "import", "render", "--site", "site.yaml", "--release-key", "key.asc", "-o", "manifests", "site.tar")
	found, err := filepath.Glob(filepath.Join(dir, "manifests", "01-signature-sha256-*.json"))
	if err != nil || len(found) != 1 {
		t.Fatalf("signature files: %v, %v", found, err)
	}
	if raw, _ := os.ReadFile(found[0]); !strings.HasPrefix(string(raw), `{"kind":"ConfigMap"`) {
		t.Errorf("ConfigMap: %s", raw)
	}
}

// What was skipped is on record: in the packing list, and said by every verb.
func TestSkippedSignaturesAreOnRecord(t *testing.T) {
	src, filled := sharedSource(t)
	dir := connected(t, src.Addr(), filled)
	root := build(t, dir)
	if got := packingList(t, dir).Unsigned; len(got) != 1 || got[0] != "4.9.0-x86_64" {
		t.Errorf("unsigned: %v", got)
	}
	if r := call(t, dir, "import", "verify", "site.tar"); r.code != 0 || !strings.Contains(r.err, "warning: release 4.9.0-x86_64 is not proven") {
		t.Errorf("exit code %d\n%s", r.code, r.err)
	}
	// The bundle's own word is not enough: somebody on this side has to give theirs.
	const without = "release 4.9.0-x86_64 travels without a signature"
	if r := call(t, dir, "import", "verify", "--strict", "site.tar"); r.code != 3 || !strings.Contains(r.out, without) {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
	nodes(t, dir, 1)
	bad(t, 3, without, dir, "import", "push", "--strict", "--site", "site.yaml", "site.tar")
	good(t, dir, "import", "push", "--strict", "--site", "site.yaml", "--root", root, "site.tar")
}
