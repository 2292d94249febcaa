package oci

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/pkg/sysregistriesv2"
)

// quickSource is a source that reads only this registries.conf.
func quickSource(t *testing.T, conf string, o ClientOptions) *Source {
	t.Helper()
	aloneAtHome(t)
	s, err := NewSource(SourceOptions{ClientOptions: o, RegistriesConf: writeFile(t, "registries.conf", conf), SpoolDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	s.client = quickClient(t, o)
	t.Cleanup(func() { s.Close() })
	return s
}

// mirrored is a registries.conf: a registry by a name, and the servers that
// have its content, the last of which is itself.
func mirrored(name string, hosts ...string) string {
	last := len(hosts) - 1
	conf := fmt.Sprintf("[[registry]]\nprefix = %q\nlocation = %q\ninsecure = true\n", name, hosts[last])
	for _, h := range hosts[:last] {
		conf += fmt.Sprintf("[[registry.mirror]]\nlocation = %q\ninsecure = true\n", h)
	}
	return conf
}

func TestPlacesFollowRegistriesConf(t *testing.T) {
	const sum = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	cases := []struct{ name, conf, ref, want string }{
		{"no rule", "", "quay.io/a/b:v1", "quay.io/a/b v1"},
		{"a digest counts more than a tag", "", "quay.io/a/b:v1@" + sum, "quay.io/a/b " + sum},
		{"a name of Docker's", "", "busybox:1", "registry-1.docker.io/library/busybox 1"},
		{"a user of Docker's", "", "docker.io/me/x:1", "registry-1.docker.io/me/x 1"},
		{"a port", "", "localhost:5000/x:1", "localhost:5000/x 1"},
		{"marked insecure", "[[registry]]\nlocation = \"quay.io\"\ninsecure = true", "quay.io/a:1", "quay.io/a 1 insecure"},
		{"another host's rule", "[[registry]]\nlocation = \"quay.io\"\ninsecure = true", "quay.io.evil.test/a:1", "quay.io.evil.test/a 1"},
		{"another place", "[[registry]]\nprefix = \"quay.io/a\"\nlocation = \"lan:5000/q\"", "quay.io/a/b:1", "lan:5000/q/b 1"},
		{"another place for Docker's", "[[registry]]\nprefix = \"docker.io\"\nlocation = \"lan:5000/hub\"", "busybox:1", "lan:5000/hub/library/busybox 1"},
		{"the longest prefix", "[[registry]]\nprefix = \"quay.io\"\nlocation = \"x.test\"\n[[registry]]\nprefix = \"quay.io/a/b\"\nlocation = \"y.test/z\"", "quay.io/a/b:1", "y.test/z 1"},
		{"all hosts of a domain", "[[registry]]\nprefix = \"*.quay.io\"\ninsecure = true", "cdn.quay.io/a:1", "cdn.quay.io/a 1 insecure"},
		{"mirrors first", "[[registry]]\nlocation = \"quay.io\"\n[[registry.mirror]]\nlocation = \"m1.test\"\ninsecure = true\n[[registry.mirror]]\nlocation = \"m2.test/q\"", "quay.io/a:1",
			"m1.test/a 1 insecure, m2.test/q/a 1, quay.io/a 1"},
		{"mirrors for digests only, a tag", "[[registry]]\nlocation = \"quay.io\"\nmirror-by-digest-only = true\n[[registry.mirror]]\nlocation = \"m1.test\"", "quay.io/a:1", "quay.io/a 1"},
		{"mirrors for digests only, a digest", "[[registry]]\nlocation = \"quay.io\"\nmirror-by-digest-only = true\n[[registry.mirror]]\nlocation = \"m1.test\"", "quay.io/a@" + sum,
			"m1.test/a " + sum + ", quay.io/a " + sum},
		{"mirrors for digests only, both", "[[registry]]\nlocation = \"quay.io\"\nmirror-by-digest-only = true\n[[registry.mirror]]\nlocation = \"m1.test\"", "quay.io/a:1@" + sum,
			"m1.test/a " + sum + ", quay.io/a " + sum},
		{"a mirror for tags only", "[[registry]]\nlocation = \"quay.io\"\n[[registry.mirror]]\nlocation = \"m1.test\"\npull-from-mirror = \"tag-only\"", "quay.io/a@" + sum, "quay.io/a " + sum},
		{"blocked, with a mirror", "[[registry]]\nlocation = \"quay.io\"\nblocked = true\n[[registry.mirror]]\nlocation = \"m1.test\"", "quay.io/a:1", "m1.test/a 1"},
		{"blocked", "[[registry]]\nlocation = \"quay.io\"\nblocked = true", "quay.io/a:1", "error: quay.io/a:1: registries.conf blocks quay.io"},
		{"blocked, with a mirror that has no tags", "[[registry]]\nlocation = \"quay.io\"\nblocked = true\n[[registry.mirror]]\nlocation = \"m1.test\"\npull-from-mirror = \"digest-only\"", "quay.io/a:1",
			"error: quay.io/a:1: registries.conf leaves no registry to ask"},
		{"neither tag nor digest", "", "quay.io/a", "error: quay.io/a: has neither a tag nor a digest"},
		{"no reference", "", "quay.io/A:1", "error: quay.io/A:1: invalid reference format"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			places, err := quickSource(t, c.conf, ClientOptions{}).places(c.ref)
			var got []string
			for _, p := range places {
				s := p.String() + " " + p.ref
				if p.Insecure {
					s += " insecure"
				}
				got = append(got, s)
			}
			if err != nil {
				got = []string{"error: " + err.Error()}
			}
			if s := strings.Join(got, ", "); !strings.HasPrefix(s, c.want) || (err == nil && s != c.want) {
				t.Errorf("got  %s\nwant %s", s, c.want)
			}
		})
	}
}

func TestRegistriesConfThatIsWrongIsFoundBeforeAnyRegistryIsAsked(t *testing.T) {
	aloneAtHome(t)
	gone := filepath.Join(t.TempDir(), "gone.conf")
	cases := []struct{ name, path, want string }{
		{"not there", gone, "gone.conf"},
		{"version 1", writeFile(t, "old.conf", "[registries.insecure]\nregistries = [\"lan:5000\"]"), "must be in v2 format"},
		{"no TOML", writeFile(t, "bad.conf", "[[registry"), "bad.conf"},
		{"a scheme in a location", writeFile(t, "url.conf", "[[registry]]\nlocation = \"https://quay.io\""), "URI schemes are not supported"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := NewSource(SourceOptions{RegistriesConf: c.path})
			mustSay(t, err, c.want)
		})
	}
}

func TestRegistriesConfIsFoundWhereTheEcosystemKeepsIt(t *testing.T) {
	aloneAtHome(t)
	sysregistriesv2.InvalidateCache()
	t.Cleanup(sysregistriesv2.InvalidateCache)
	t.Setenv("CONTAINERS_REGISTRIES_CONF", writeFile(t, "env.conf", mirrored("quay.io", "lan:5000")))
	s, err := NewSource(SourceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	places, err := s.places("quay.io/a:1")
	if err != nil || len(places) != 1 || places[0].Host != "lan:5000" {
		t.Errorf("places %v, %v", places, err)
	}
}

// A file that was named is read with what lies beside it, and nothing else:
// neither the environment nor the machine's own drop-ins change what it says.
func TestANamedRegistriesConfStandsAlone(t *testing.T) {
	aloneAtHome(t)
	named := writeFile(t, "named.conf", mirrored("named.test", "lan:1"))
	for dir, conf := range map[string]string{
		filepath.Join(os.Getenv("XDG_CONFIG_HOME"), "containers", "registries.conf.d"): mirrored("machine.test", "lan:2"),
		named + ".d": mirrored("beside.test", "lan:3"),
	} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "x.conf"), []byte(conf), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("CONTAINERS_REGISTRIES_CONF", writeFile(t, "env.conf", mirrored("env.test", "lan:4")))
	t.Setenv("CONTAINERS_REGISTRIES_CONF_OVERRIDE", writeFile(t, "over.conf", mirrored("over.test", "lan:5")))
	s, err := NewSource(SourceOptions{RegistriesConf: named})
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]string{
		"named.test": "lan:1", "machine.test": "machine.test", "beside.test": "lan:3", "env.test": "env.test", "over.test": "over.test",
	} {
		if places, err := s.places(host + "/a:1"); err != nil || places[0].Host != want {
			t.Errorf("%s: places %v, %v; want %s", host, places, err, want)
		}
	}
}

func TestResolveTriesEachPlace(t *testing.T) {
	w := newWorld()
	w.image("quay.io/a/x:v1", "layer")
	good := newFake(t, nil)
	fill(t, quickClient(t, ClientOptions{}), good.repo("a/x"), w)
	html := func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/html")
		io.WriteString(rw, "<html>log in here</html>")
	}
	bad := map[string]http.HandlerFunc{
		"missing":          status(404, ""),
		"refused":          status(403, ""),
		"in trouble":       status(500, ""),
		"a page to log in": html,
		"another manifest": func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Content-Type", ocispec.MediaTypeImageManifest)
			io.WriteString(rw, `{"schemaVersion":2,"config":{},"layers":[]}`)
		},
	}
	for name, answer := range bad {
		t.Run(name, func(t *testing.T) {
			mirror := newFake(t, times(-1, "GET", "/manifests/", answer))
			s := quickSource(t, mirrored("quay.io", mirror.host(), good.host()), ClientOptions{})
			ref := "quay.io/a/x@" + w.images[0].Descriptor.Digest.String()
			if name != "another manifest" {
				ref = "quay.io/a/x:v1"
			}
			desc, raw, err := s.Resolve(t.Context(), ref)
			if err != nil || desc.Digest != w.images[0].Descriptor.Digest || desc.MediaType != ocispec.MediaTypeImageManifest || len(raw) == 0 {
				t.Errorf("got %v, %v", desc, err)
			}
			if mirror.count("GET", "/manifests/") == 0 {
				t.Error("the mirror was not asked")
			}
			alone := quickSource(t, mirrored("quay.io", good.host(), mirror.host()), ClientOptions{})
			_, _, err = alone.Resolve(t.Context(), "quay.io/a/none@"+digest.FromString("none").String())
			mustSay(t, err, "quay.io/a/none@", mirror.host(), "(and before it: "+good.host(), "404")
		})
	}
}

func TestResolveSettlesTheMediaType(t *testing.T) {
	cases := []struct{ name, header, doc, want string }{
		{"as the header says", ocispec.MediaTypeImageIndex, `{}`, ocispec.MediaTypeImageIndex},
		{"with parameters", ocispec.MediaTypeImageIndex + "; charset=utf-8", `{}`, ocispec.MediaTypeImageIndex},
		{"as the document says", "application/json", `{"mediaType":"` + dockerManifest + `"}`, dockerManifest},
		{"as an index looks", "", `{"schemaVersion":2,"manifests":[]}`, ocispec.MediaTypeImageIndex},
		{"as an image looks", "text/plain", `{"schemaVersion":2,"config":{}}`, ocispec.MediaTypeImageManifest},
		{"Docker schema 1", dockerSchema1 + "+prettyjws", `{"schemaVersion":1}`, "error: is a Docker schema 1 manifest"},
		{"Docker schema 1 in disguise", "application/json", `{"schemaVersion":1}`, "error: is a Docker schema 1 manifest"},
		{"something else", "application/vnd.test", `{"schemaVersion":2}`, `error: media type "application/vnd.test" is neither`},
		{"with tricks", "", `{"mediaType":"\u001b[2J"}`, `error: media type "\x1b[2J" is neither`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, times(-1, "GET", "/manifests/", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", c.header)
				io.WriteString(w, c.doc)
			}))
			s := quickSource(t, mirrored("quay.io", f.host()), ClientOptions{})
			desc, _, err := s.Resolve(t.Context(), "quay.io/a:v1")
			if want, bad := strings.CutPrefix(c.want, "error: "); bad {
				mustSay(t, err, "quay.io/a:v1: "+f.host()+": ", want)
			} else if err != nil || desc.MediaType != c.want {
				t.Errorf("got %q, %v", desc.MediaType, err)
			}
		})
	}
}

// flaky serves one blob in pieces: after each of cuts bytes the connection ends.
// It honours ranges unless it is told not to.
func flaky(content string, honour bool, cuts ...int) func(http.ResponseWriter, *http.Request) bool {
	n := 0
	return times(-1, "GET", "/blobs/", func(w http.ResponseWriter, r *http.Request) {
		rest, code := content, 200
		if from, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok && honour {
			at, _ := strconv.Atoi(strings.TrimSuffix(from, "-"))
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", at, len(content)-1, len(content)))
			rest, code = content[at:], 206
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(rest)))
		w.WriteHeader(code)
		if n < len(cuts) {
			n++
			io.WriteString(w, rest[:min(len(rest), cuts[n-1])])
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
		io.WriteString(w, rest)
	})
}

// partless is flaky for a registry that does not give parts.
func partless(content string, refusal http.HandlerFunc, cuts ...int) func(http.ResponseWriter, *http.Request) bool {
	whole := flaky(content, false, cuts...)
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Range") != "" {
			refusal(w, r)
			return true
		}
		return whole(w, r)
	}
}

func TestDownloadsGoOnWhereTheyWereCut(t *testing.T) {
	content := strings.Repeat("0123456789", 1000)
	cases := []struct {
		name   string
		answer func(http.ResponseWriter, *http.Request) bool
		asked  int
	}{
		{"whole", flaky(content, true), 1},
		{"cut at the front", flaky(content, true, 0), 2},
		{"cut often", flaky(content, true, 1000, 10, 0, 0, 500, 0, 1), 8},
		{"cut where ranges are not known", flaky(content, false, 1000, 2000), 3},
		{"cut where ranges are refused", partless(content, status(416, ""), 1000), 3},
		{"cut where ranges are an error", partless(content, status(400, ""), 1000, 3000), 5},
		{"cut where ranges are misread", partless(content, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", "bytes 3-9/10000")
			status(206, content[3:10])(w, nil)
		}, 1000), 3},
		{"with trouble between", func() func(http.ResponseWriter, *http.Request) bool {
			inner, n := flaky(content, true, 1000), 0
			trouble := times(-1, "GET", "/blobs/", status(502, ""))
			return func(w http.ResponseWriter, r *http.Request) bool {
				if strings.Contains(r.URL.Path, "/blobs/") {
					n++
				}
				return n == 2 && trouble(w, r) || inner(w, r)
			}
		}(), 3},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, c.answer)
			s := quickSource(t, mirrored("quay.io", f.host()), ClientOptions{})
			r, err := s.openAny(t.Context(), []string{"quay.io/a"}, blobOf(content))
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if got, err := io.ReadAll(r); string(got) != content || err != nil {
				t.Errorf("read %d bytes, %v", len(got), err)
			}
			if n := f.count("GET", "/blobs/"); n != c.asked {
				t.Errorf("asked %d times, want %d", n, c.asked)
			}
		})
	}
}

func TestDownloadsThatGetNowhereEnd(t *testing.T) {
	content := strings.Repeat("x", 1000)
	dead := newFake(t, flaky(content, true, 100, 0, 0, 0, 0, 0, 0, 0, 0))
	s := quickSource(t, mirrored("quay.io", dead.host()), ClientOptions{})
	r, _ := s.openAny(t.Context(), []string{"quay.io/a"}, blobOf(content))
	defer r.Close()
	got, err := io.ReadAll(r)
	mustSay(t, err, dead.host()+": GET a/blobs/", "unexpected EOF")
	if n := dead.count("GET", "/blobs/"); n != 1+attempts-1 || len(got) != 100 {
		t.Errorf("asked %d times, read %d bytes", n, len(got))
	}
}

// The last byte is here: how the connection ends after it is nobody's concern,
// and there is nothing left to ask for.
func TestADownloadEndsWithItsLastByte(t *testing.T) {
	for _, content := range []string{"content", ""} {
		ends := map[string]func(http.ResponseWriter, *http.Request){
			"cut":    func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			"silent": hang,
		}
		for name, end := range ends {
			f := newFake(t, times(-1, "GET", "/blobs/", func(w http.ResponseWriter, r *http.Request) {
				io.WriteString(w, content) // without a length: the end is a chunk of its own
				w.(http.Flusher).Flush()
				end(w, r)
			}))
			s := quickSource(t, mirrored("quay.io", f.host()), ClientOptions{Timeout: 300 * time.Millisecond})
			r, err := s.readAhead(t.Context(), []string{"quay.io/a"}, blobOf(content))
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if got, err := io.ReadAll(r); string(got) != content || err != nil {
				t.Errorf("%s: read %q, %v", name, got, err)
			}
			if n := f.count("GET", "/blobs/"); n != 1 {
				t.Errorf("%s: asked %d times", name, n)
			}
		}
	}
}

// A connection that is dropped without a word falls silent.
func TestASilentDownloadIsTakenUpOnce(t *testing.T) {
	const content = "0123456789"
	silent := func(n int) func(http.ResponseWriter, *http.Request) bool {
		after := flaky(content, true)
		first := times(n, "GET", "/blobs/", func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Range") == "" {
				w.Header().Set("Content-Length", "10")
				io.WriteString(w, content[:4])
			} else {
				w.Header().Set("Content-Range", "bytes 4-9/10")
				w.WriteHeader(206)
			}
			w.(http.Flusher).Flush()
			hang(w, r)
		})
		return func(w http.ResponseWriter, r *http.Request) bool { return first(w, r) || after(w, r) }
	}
	for n, want := range map[int]string{1: content, -1: content[:4]} {
		f := newFake(t, silent(n))
		s := quickSource(t, mirrored("quay.io", f.host()), ClientOptions{Timeout: 300 * time.Millisecond})
		r, _ := s.openAny(t.Context(), []string{"quay.io/a"}, blobOf(content))
		got, err := io.ReadAll(r)
		r.Close()
		if string(got) != want || (err == nil) != (n == 1) {
			t.Errorf("%d: read %q, %v", n, got, err)
		}
		if err != nil && !errors.Is(err, errStalled) {
			t.Errorf("error is %v", err)
		}
		if asked := f.count("GET", "/blobs/"); asked != 2 {
			t.Errorf("%d: asked %d times, want 2", n, asked)
		}
	}
}

func TestBlobsComeFromTheNextPlaceThatHasThem(t *testing.T) {
	content := strings.Repeat("0123456789", 100)
	good := newFake(t, flaky(content, true))
	mirrors := map[string]func(http.ResponseWriter, *http.Request) bool{
		"missing":            times(-1, "GET", "/blobs/", status(404, "")),
		"forbidden":          times(-1, "GET", "/blobs/", status(403, "")),
		"cut for ever":       flaky(content, true, 100, 0, 0, 0, 0, 0, 0, 0),
		"no registry at all": times(-1, "GET", "/v2/", status(404, "")),
	}
	for name, answer := range mirrors {
		t.Run(name, func(t *testing.T) {
			mirror := newFake(t, answer)
			s := quickSource(t, mirrored("quay.io", mirror.host(), good.host()), ClientOptions{})
			r, err := s.openAny(t.Context(), []string{"quay.io/a"}, blobOf(content))
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if got, err := io.ReadAll(r); string(got) != content || err != nil {
				t.Errorf("read %d bytes, %v", len(got), err)
			}
		})
	}
}

func TestABlobThatNobodyHasNamesAllWhoWereAsked(t *testing.T) {
	one, two := newFake(t, nil), newFake(t, nil)
	s := quickSource(t, mirrored("quay.io", one.host(), two.host()), ClientOptions{})
	r, _ := s.openAny(t.Context(), []string{"quay.io/a"}, blobOf("x"))
	defer r.Close()
	_, err := io.ReadAll(r)
	mustSay(t, err, two.host()+": GET a/blobs/", "(and before it: "+one.host()+": GET a/blobs/", "404 ")
}

func TestReadAheadProvesAndKeeps(t *testing.T) {
	const content = "0123456789"
	wrong := func(n int, body string) func(http.ResponseWriter, *http.Request) bool {
		bad, good := times(n, "GET", "/blobs/", status(200, body)), flaky(content, true)
		return func(w http.ResponseWriter, r *http.Request) bool { return bad(w, r) || good(w, r) }
	}
	cases := []struct {
		name   string
		answer func(http.ResponseWriter, *http.Request) bool
		asked  int
		err    string
	}{
		{"right", wrong(0, ""), 1, ""},
		{"wrong once", wrong(1, "012345678X"), 2, ""},
		{"wrong twice", wrong(2, "012345678X"), 2, ": content is " + digest.FromString("012345678X").String()},
		{"too long once", wrong(1, content+"0"), 2, ""},
		{"too long twice", wrong(-1, content+strings.Repeat("0", 1<<20)), 2, ": is longer than 10 bytes"},
		{"too short for ever", wrong(-1, "0123"), 1 + attempts - 1, ": ended after 4 of 10 bytes"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, c.answer)
			s := quickSource(t, mirrored("quay.io", f.host()), ClientOptions{})
			for range 2 {
				r, err := s.readAhead(t.Context(), []string{"quay.io/a"}, blobOf(content))
				if c.err != "" {
					mustSay(t, err, blobOf(content).Digest.String(), c.err)
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if got, err := io.ReadAll(r); string(got) != content || err != nil {
					t.Errorf("read %q, %v", got, err)
				}
			}
			if n := f.count("GET", "/blobs/"); n != c.asked {
				t.Errorf("asked %d times, want %d", n, c.asked)
			}
			if c.err != "" {
				return
			}
			r, err := s.openAny(t.Context(), []string{"elsewhere.test/b"}, blobOf(content))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); string(got) != content || err != nil {
				t.Errorf("kept: %q, %v", got, err)
			}
		})
	}
}

func TestTheSpoolLeavesNothingBehind(t *testing.T) {
	f := newFake(t, flaky("content", true))
	s := quickSource(t, mirrored("quay.io", f.host()), ClientOptions{})
	if _, err := s.readAhead(t.Context(), []string{"quay.io/a"}, blobOf("content")); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(s.spool.dir); len(left) != 0 {
		t.Errorf("left %v", left)
	}
	_, err := s.readAhead(t.Context(), []string{"quay.io/a"}, ocispec.Descriptor{Digest: "sha256:../../etc/passwd"})
	mustSay(t, err, `"sha256:../../etc/passwd"`)
}

// serve puts a world's images into a fake registry and returns a content that
// gets them as quay.io/a.
func serve(t *testing.T, w *world) (*Content, *fake) {
	t.Helper()
	f := newFake(t, func(rw http.ResponseWriter, r *http.Request) bool {
		i := strings.LastIndexByte(r.URL.Path, '/')
		raw, ok := w.blobs[digest.Digest(r.URL.Path[i+1:])]
		if ok {
			rw.Write(raw)
		}
		return ok
	})
	return NewContent(quickSource(t, mirrored("quay.io", f.host()), ClientOptions{})), f
}

func indexOf(children ...ocispec.Descriptor) []byte {
	raw, _ := json.Marshal(ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: children})
	return raw
}

func TestAddImageFollowsWhatAnImageNames(t *testing.T) {
	w := newWorld()
	one := w.image("x:1", "base", "one")
	two := w.image("x:2", "base", "two")
	bare := w.put("text/spdx+json", []byte("a bill of materials"))
	inner := w.put(ocispec.MediaTypeImageIndex, indexOf(two, bare))
	root := w.put(ocispec.MediaTypeImageIndex, indexOf(one, inner, one))
	c, f := serve(t, w)
	if err := c.AddImage(t.Context(), "quay.io/a", Root{Descriptor: root}); err != nil {
		t.Fatal(err)
	}
	parts, err := Parts([]Root{{Descriptor: root}}, c.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	if len(parts) != len(w.blobs) {
		t.Errorf("%d parts, want all %d", len(parts), len(w.blobs))
	}
	if n := f.count("GET", "/manifests/"); n != 4 {
		t.Errorf("asked for %d manifests, want 4", n)
	}
	for _, p := range parts {
		r, err := c.Open(t.Context(), p.Descriptor)
		if err != nil {
			t.Fatal(err)
		}
		if raw, err := io.ReadAll(r); digest.FromBytes(raw) != p.Descriptor.Digest || err != nil {
			t.Errorf("%s: %d bytes, %v", p.Descriptor.MediaType, len(raw), err)
		}
		r.Close()
	}
}

// An index that names an index that names an index, each many times over, is a
// few kilobytes that would be walked for ever.
func TestAddImageAsksForEachManifestOnce(t *testing.T) {
	w := newWorld()
	d := w.image("x:1", "layer")
	for range maxDepth {
		var many []ocispec.Descriptor
		for range 2000 {
			many = append(many, d)
		}
		d = w.put(ocispec.MediaTypeImageIndex, indexOf(many...))
	}
	c, f := serve(t, w)
	start := time.Now()
	if err := c.AddImage(t.Context(), "quay.io/a", Root{Descriptor: d}); err != nil {
		t.Fatal(err)
	}
	if n := f.count("GET", "/manifests/"); n != maxDepth+1 || time.Since(start) > 10*time.Second {
		t.Errorf("asked for %d manifests in %s", n, time.Since(start))
	}
}

func TestAddImageHasLimits(t *testing.T) {
	deep := newWorld()
	d := deep.image("x:1", "layer")
	for range maxDepth + 1 {
		d = deep.put(ocispec.MediaTypeImageIndex, indexOf(d))
	}
	wide := newWorld()
	var many []ocispec.Descriptor
	for i := range MaxImageManifests {
		many = append(many, wide.put(ocispec.MediaTypeImageIndex, indexOf(blobOf(strconv.Itoa(i)))))
	}
	large := newWorld()
	huge := large.image("x:1", "layer")
	huge.Size = MaxManifest + 1
	wrong := newWorld()
	lie := wrong.image("x:1", "layer")
	lie.Size++
	cases := []struct {
		name string
		w    *world
		root ocispec.Descriptor
		want string
	}{
		{"depth", deep, d, "indexes are nested more than 4 deep"},
		{"number", wide, wide.put(ocispec.MediaTypeImageIndex, indexOf(many...)), "quay.io/a: names more than 4096 image manifests"},
		{"size", large, large.put(ocispec.MediaTypeImageIndex, indexOf(huge)), "at most 4194304 are read"},
		{"size that is not so", wrong, wrong.put(ocispec.MediaTypeImageIndex, indexOf(lie)), lie.Digest.String()},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			content, _ := serve(t, c.w)
			if c.name == "number" { // so many requests would take their time
				for _, raw := range c.w.blobs {
					content.AddBlob(raw)
				}
			}
			mustSay(t, content.AddImage(t.Context(), "quay.io/a", Root{Descriptor: c.root}), c.want)
		})
	}
}

// Two images of one blob: it is had from whichever repository has it.
func TestABlobOfTwoRepositoriesIsReadFromEither(t *testing.T) {
	w := newWorld()
	one := w.image("x:1", "shared")
	two := w.image("x:2", "shared")
	c, f := serve(t, w)
	inner := f.answer
	f.answer = func(rw http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/a/blobs/") {
			status(404, "")(rw, r)
			return true
		}
		return inner(rw, r)
	}
	for repo, d := range map[string]ocispec.Descriptor{"quay.io/a": one, "quay.io/b": two} {
		if err := c.AddImage(t.Context(), repo, Root{Descriptor: d}); err != nil {
			t.Fatal(err)
		}
	}
	r, err := c.ReadAhead(t.Context(), blobOf("shared"))
	if err != nil {
		t.Fatal(err)
	}
	if raw, err := io.ReadAll(r); string(raw) != "shared" || err != nil {
		t.Errorf("%q, %v", raw, err)
	}
	_, err = c.ReadAhead(t.Context(), blobOf("nobody's"))
	mustSay(t, err, "no image names it")
}
