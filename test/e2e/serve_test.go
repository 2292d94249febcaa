package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"drayage/pkg/manifest"
)

// served is a running `import serve`.
type served struct {
	url  string
	cmd  *exec.Cmd
	errs *strings.Builder
}

func serving(t *testing.T, dir string, args ...string) *served {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	s := &served{errs: &strings.Builder{}}
	s.cmd = command(ctx, dir, "import", append([]string{"serve", "--json", "--listen", "127.0.0.1:0"}, args...)...)
	s.cmd.Stderr = s.errs
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.cmd.Process.Kill(); s.cmd.Wait() })
	var r struct{ URL, Root string }
	if err := json.NewDecoder(out).Decode(&r); err != nil || r.Root == "" {
		t.Fatalf("%v:\n%s", err, s.errs)
	}
	s.url = r.URL
	return s
}

// stop is ^C; it returns the exit code.
func (s *served) stop() int {
	s.cmd.Process.Signal(syscall.SIGINT)
	_ = s.cmd.Wait()
	return s.cmd.ProcessState.ExitCode()
}

func TestServe(t *testing.T) {
	src, filled := sharedSource(t)
	dir := connected(t, src.Addr(), filled)
	build(t, dir)
	s := serving(t, dir, "--plain-http", "site.tar")
	addr := strings.TrimPrefix(s.url, "http://")
	writeSite(t, dir, addr)
	t.Run("every image can be pulled from it", func(t *testing.T) { pullAll(t, dir, addr) })
	t.Run("a range of a blob", func(t *testing.T) { rangeOfABlob(t, dir, s.url) })
	t.Run("nothing can be put", func(t *testing.T) {
		resp, err := http.Post(s.url+"/v2/ocp4/openshift/blobs/uploads/", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("answered %s", resp.Status)
		}
	})
	for _, path := range []string{"/v2/ocp4/openshift/manifests/gone", "/v2/gone/manifests/v1", "/v2/ocp4/openshift/blobs/sha256:ab", "/v2/ocp4", "/", "/v2/../etc/passwd"} {
		if resp, err := http.Get(s.url + path); err != nil || resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %v, %v", path, resp, err)
		}
	}
	if code := s.stop(); code != 0 || !strings.Contains(s.errs.String(), "\nserved: ") {
		t.Errorf("exit code %d:\n%s", code, s.errs)
	}
}

// rangeOfABlob reads the middle of the bundle's last blob.
func rangeOfABlob(t *testing.T, dir, base string) {
	m := packingList(t, dir)
	var release manifest.Image
	for _, i := range m.Images {
		if i.Role == manifest.RoleRelease {
			release = i
		}
	}
	raw := get(t, base+"/v2/ocp4/openshift/manifests/"+release.Release, "")
	var doc struct{ Layers []struct{ Digest string } }
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	blob := base + "/v2/ocp4/openshift/blobs/" + url.PathEscape(doc.Layers[0].Digest)
	whole := get(t, blob, "")
	if part := get(t, blob, "bytes=5-14"); !bytes.Equal(part, whole[5:15]) {
		t.Errorf("got %q, want %q", part, whole[5:15])
	}
}

func get(t *testing.T, url, span string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if span != "" {
		req.Header.Set("Range", span)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode/100 != 2 {
		t.Fatalf("%s: %s, %v", url, resp.Status, err)
	}
	return raw
}

// A blob that is damaged on the medium ends short: no client takes it for whole.
func TestServedDamageEndsShort(t *testing.T) {
	src, filled := sharedSource(t)
	dir := connected(t, src.Addr(), filled)
	build(t, dir)
	m := packingList(t, dir)
	last := m.Blobs[len(m.Blobs)-1]
	path := filepath.Join(dir, "site.tar")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	raw[int64(len(raw))-1024-(last.Size+511)/512*512+1] ^= 1
	if err := os.WriteFile(path, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	s := serving(t, dir, "--plain-http", "site.tar")
	short := 0
	for _, repo := range repositories(t, s.url) {
		resp, err := http.Get(s.url + "/v2/" + repo + "/blobs/" + last.Digest.String())
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode == http.StatusNotFound {
			continue
		}
		if err == nil || int64(len(got)) >= last.Size {
			t.Errorf("%s: %d of %d bytes, %v", repo, len(got), last.Size, err)
		}
		short++
	}
	if short == 0 {
		t.Error("no repository has the blob")
	}
	// Who serves is told, once.
	s.stop()
	if n := strings.Count(s.errs.String(), "site.tar: blobs/sha256/"+last.Digest.Encoded()+": content is sha256:"); n != 1 {
		t.Errorf("said %d times:\n%s", n, s.errs)
	}
}

func repositories(t *testing.T, base string) []string {
	t.Helper()
	var doc struct{ Repositories []string }
	if err := json.Unmarshal(get(t, base+"/v2/_catalog", ""), &doc); err != nil || len(doc.Repositories) == 0 {
		t.Fatalf("%+v, %v", doc, err)
	}
	return doc.Repositories
}

func TestServeWantsTLSOrAWord(t *testing.T) {
	src, filled := sharedSource(t)
	dir := connected(t, src.Addr(), filled)
	build(t, dir)
	bad(t, 2, "give a certificate (--cert and --key), or say --plain-http", dir, "import", "serve", "site.tar")
	bad(t, 2, "--plain-http uses no certificate", dir, "import", "serve", "--plain-http", "--cert", "x", "site.tar")
	bad(t, 2, "--cert gone.crt: ", dir, "import", "serve", "--cert", "gone.crt", "--key", "gone.key", "site.tar")
	bad(t, 2, "--listen nowhere:x: ", dir, "import", "serve", "--plain-http", "--listen", "nowhere:x", "site.tar")
}
