package node

import (
	"archive/tar"
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// stubPodman knows the image once it was tagged, and gives it from folders that
// hold a file called good.
const stubPodman = `#!/bin/sh
echo "$@" >> "$STATE/log"
case "$1 $2" in
"image exists") [ -e "$STATE/there" ] ;;
"pull --quiet")
	case "$3" in
	oci:*) [ -e "${3#oci:}/good" ] && echo 123 ;;
	*) : > "$STATE/there"; [ -e "$STATE/neighbour" ] ;;
	esac ;;
"tag 123") : > "$STATE/there" ;;
*) exit 9 ;;
esac
`

// scripted is the script with another storage, beside stubs of the programs.
func scripted(t *testing.T, replace ...string) (run func(arg string) (string, error), storage, state string) {
	t.Helper()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("bash is not here")
	}
	dir := t.TempDir()
	storage, state = filepath.Join(dir, "storage"), filepath.Join(dir, "state")
	bin := filepath.Join(dir, "bin")
	for _, d := range []string{storage, state, bin} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	in := plain(t)
	in.Site.Registry.Storage = storage
	text, err := in.script()
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.NewReplacer(append(replace, "sleep 1", "sleep 0.01")...).Replace(string(text)))
	path := filepath.Join(bin, "drayage-registry")
	if err := os.WriteFile(path, text, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bin, "podman"), []byte(stubPodman), 0o755); err != nil {
		t.Fatal(err)
	}
	return func(arg string) (string, error) {
		cmd := exec.Command(path, arg)
		cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "STATE=" + state}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}, storage, state
}

func touch(t *testing.T, path ...string) {
	t.Helper()
	for _, p := range path {
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheImageIsLoadedFromTheNode(t *testing.T) {
	const image = "quay.io/me/registry@" + digestA
	for name, c := range map[string]struct {
		files []string // in storage
		there string   // in state
		want  string   // of what it says
		fails bool
	}{
		"there already":                {nil, "there", "", false},
		"from its folder":              {[]string{"image/index.json", "image/good"}, "", image + ": loaded from @/image\n", false},
		"from one that is not renamed": {[]string{"image.new/index.json", "image.new/good"}, "", image + ": loaded from @/image.new\n", false},
		"past one that is another":     {[]string{"image/index.json", "image.old/index.json", "image.old/good"}, "", "@/image: does not give " + image + "\n" + image + ": loaded from @/image.old\n", false},
		"past one that was cut":        {[]string{"image/good", "image.old/index.json", "image.old/good"}, "", image + ": loaded from @/image.old\n", false},
		"from a neighbour":             {nil, "neighbour", image + ": is not in @/image, asking other registries for it\n", false},
		"from nowhere, and it says so": {nil, "", image + ": is not in @/image, asking other registries for it\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			run, storage, state := scripted(t, "timeout 120 ", "")
			for _, f := range c.files {
				touch(t, filepath.Join(storage, f))
			}
			if c.there != "" {
				touch(t, filepath.Join(state, c.there))
			}
			out, err := run("load")
			if want := strings.ReplaceAll(c.want, "@/", storage+"/"); out != want || (err != nil) != c.fails {
				t.Errorf("%v, said\n%swant\n%s", err, out, want)
			}
		})
	}
}

func TestReadyWaitsForAnAnswer(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not here")
	}
	for _, c := range []struct {
		status int
		fails  bool
	}{{200, false}, {401, false}, {503, true}} {
		asked := 0
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if asked++; asked < 3 || r.URL.Path != "/v2/" {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			w.WriteHeader(c.status)
		}))
		defer s.Close()
		run, _, _ := scripted(t, "http://127.0.0.1:5000", s.URL, "{1..60}", "{1..4}")
		if out, err := run("ready"); (err != nil) != c.fails || c.fails != strings.Contains(out, "the registry did not answer") {
			t.Errorf("%d: %v, %s", c.status, err, out)
		}
	}
	run, _, _ := scripted(t)
	if out, err := run("other"); err == nil || out != "usage: drayage-registry load|ready\n" {
		t.Errorf("%v, %s", err, out)
	}
}

func tarOf(t *testing.T, names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, n := range names {
		if err := w.WriteHeader(&tar.Header{Name: n, Typeflag: tar.TypeReg, Size: int64(len(n)), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(w, n)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReceiverTakesWholeImagesOnly(t *testing.T) {
	in := plain(t)
	in.Site.Registry.Storage = filepath.Join(t.TempDir(), "registry")
	receive := func(raw []byte) error {
		cmd := exec.Command("sh", "-c", Receiver(in.Site))
		cmd.Stdin = bytes.NewReader(raw)
		return cmd.Run()
	}
	one, two := tarOf(t, "blobs/sha256/1", "oci-layout", "index.json"), tarOf(t, "blobs/sha256/2", "oci-layout", "index.json")
	has := func(path string) bool {
		_, err := os.Stat(filepath.Join(in.Site.Registry.Storage, path))
		return err == nil
	}
	if err := receive(one); err != nil || !has("image/blobs/sha256/1") {
		t.Fatal(err)
	}
	for _, cut := range [][]byte{two[:700], two[:1024], tarOf(t, "blobs/sha256/2"), nil} {
		if err := receive(cut); err == nil || !has("image/blobs/sha256/1") || !has("image/index.json") {
			t.Errorf("%d bytes: %v", len(cut), err)
		}
	}
	for range 2 {
		if err := receive(two); err != nil || !has("image/blobs/sha256/2") || has("image.new") {
			t.Fatal(err)
		}
	}
	if strings.Contains(Receiver(in.Site), "'") {
		t.Error("a shell quotes it in ''")
	}
}
