package e2e

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"drayage/test/content"
	"drayage/test/faults"
	"drayage/test/registry"
)

// largeWorld is a bundle with layers of several mebibytes, in its own folder.
func largeWorld(t *testing.T) (dir string) {
	t.Helper()
	src := registry.StartT(t, registry.Options{})
	filled, err := content.Fill(t.Context(), src.Addr(), content.Options{Size: 24 << 20, Incompressible: true})
	check(t, err)
	dir = connected(t, src.Addr(), filled)
	build(t, dir)
	return dir
}

// A proxy that takes a mebibyte at a time, as nginx does where nobody told it
// otherwise, is no obstacle.
func TestNodeBehindNginx(t *testing.T) {
	dir := largeWorld(t)
	for _, kind := range []string{"distribution 2.8", "distribution 3.1"} {
		t.Run(kind, func(t *testing.T) {
			log := &uploads{}
			watched, err := faults.Start(kinds[kind](t), faults.Rule{Fault: log.fault})
			check(t, err)
			defer watched.Close()
			plain := registry.StartT(t, registry.Options{})
			proxy := registry.NginxT(t, watched.Addr(), "client_max_body_size 1m;")
			writeSite(t, dir, proxy, plain.Addr())
			good(t, dir, "import", "push", "--site", "site.yaml", "--deep", "site.tar")
			if log.patches.Load() == 0 || log.largest.Load() > 1<<20 {
				t.Errorf("%d chunks came through, the largest body has %d bytes", log.patches.Load(), log.largest.Load())
			}
			pullAll(t, dir, proxy)
		})
	}
}

// uploads looks at what comes to a node.
type uploads struct {
	patches, status atomic.Int64 // requests
	largest, bytes  atomic.Int64 // of bodies

	mu    sync.Mutex
	told  []string // the Range of each answer that says how far an upload got
	begun []string // the Content-Range of each PUT that goes on with one
}

func (u *uploads) fault(reg http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPatch:
			u.patches.Add(1)
		case r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/uploads/"):
			u.status.Add(1)
			defer func() { u.note(&u.told, w.Header().Get("Range")) }()
		case r.Method == http.MethodPut && r.Header.Get("Content-Range") != "":
			u.note(&u.begun, r.Header.Get("Content-Range"))
		}
		for now := u.largest.Load(); r.ContentLength > now && !u.largest.CompareAndSwap(now, r.ContentLength); now = u.largest.Load() {
		}
		if r.Body != http.NoBody {
			r.Body = &meter{r.Body, &u.bytes}
		}
		reg.ServeHTTP(w, r)
	})
}

func (u *uploads) note(where *[]string, what string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	*where = append(*where, what)
}

// goOn tells whether each upload went on with the byte after those that it was told
// are there.
func (u *uploads) goOn() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	next := func(told, begun string) bool {
		last, err := strconv.Atoi(strings.TrimPrefix(told, "0-"))
		return err == nil && strings.HasPrefix(begun, strconv.Itoa(last+1)+"-")
	}
	kept := slices.DeleteFunc(slices.Clone(u.told), func(told string) bool { return told == "" || told == "0-0" })
	return slices.EqualFunc(kept, u.begun, next)
}

type meter struct {
	io.ReadCloser
	n *atomic.Int64
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.ReadCloser.Read(p)
	m.n.Add(int64(n))
	return n, err
}

// Where not even the smallest chunk is let through, nothing helps but the proxy's
// own configuration, and that is said.
func TestNodeBehindNginxThatTakesTooLittle(t *testing.T) {
	dir := largeWorld(t)
	proxy := registry.NginxT(t, registry.StartT(t, registry.Options{}).Addr(), "client_max_body_size 100k;")
	writeSite(t, dir, proxy)
	r := bad(t, 4, "413 Request Entity Too Large (of 262144 bytes)", dir, "import", "push", "--site", "site.yaml", "site.tar")
	if !strings.Contains(r.err, "client_max_body_size") {
		t.Errorf("no word of what to do:\n%s", r.err)
	}
}

// A connection that is cut in the middle of a layer costs distribution 3.1 what was
// on its way, however often that happens; how much that is, is up to the sockets. 2.8
// forgets what it had got, and begins again.
func TestCutUploadsGoOn(t *testing.T) {
	const layer, each = 8 << 20, 3 << 19
	img, err := content.Image("large", content.ImageOptions{}, content.Random("large", layer))
	check(t, err)
	d, err := img.Digest()
	check(t, err)
	large := content.Named{Ref: "quay.io/acme/large:v1", Digest: d.String(), Content: img}
	dir, err := bundleOf([]content.Named{large}, "apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\nmirror:\n  additionalImages:\n  - name: "+large.Ref+"\n")
	check(t, err)
	for _, c := range []struct {
		kind  string
		cuts  int64 // after so many bytes each
		asked int64
		goOn  bool
	}{
		{"distribution 2.8", 2, 2, false},
		{"distribution 3.1", 1000, layer / each, true}, // more often than anything else is tried
	} {
		t.Run(c.kind, func(t *testing.T) {
			node := &uploads{}
			through, err := faults.Start(kinds[c.kind](t), faults.Rule{Fault: node.fault})
			check(t, err)
			defer through.Close()
			cut := &cutting{left: c.cuts, after: each}
			proxy, err := faults.Start(through.Addr(), faults.Rule{Method: "PUT", Fault: cut.fault})
			check(t, err)
			defer proxy.Close()
			writeSite(t, dir, proxy.Addr())
			good(t, dir, "import", "push", "--site", "site.yaml", "--deep", "site.tar")
			if got, asked := node.bytes.Load(), node.status.Load(); got < layer || !c.goOn && got > layer+2*each+1<<20 || asked < c.asked {
				t.Errorf("the node was sent %d bytes, of a layer of %d, and asked %d times how far it got", got, layer, asked)
			}
			if c.goOn && !node.goOn() {
				t.Errorf("told %q, gone on with %q", node.told, node.begun)
			}
			pullAll(t, dir, proxy.Addr())
		})
	}
}

// cutting cuts the first uploads that have more than so many bytes.
type cutting struct {
	mu          sync.Mutex
	left, after int64
}

func (c *cutting) fault(reg http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		mine := r.ContentLength > c.after && c.left > 0
		if mine {
			c.left--
		}
		c.mu.Unlock()
		if mine {
			reg = faults.CutUpload(c.after)(reg)
		}
		reg.ServeHTTP(w, r)
	})
}

// What comes through a pipe passes by once, and is not lost to a proxy's 413.
func TestPipeToANodeBehindNginx(t *testing.T) {
	dir, root, raw := heavyWorld(t, 24<<20)
	node := registry.StartT(t, registry.Options{})
	writeSite(t, dir, registry.NginxT(t, node.Addr(), "client_max_body_size 1m;"), registry.StartT(t, registry.Options{}).Addr())
	if r := piped(t, dir, bytes.NewReader(raw), "--root", root, "--deep"); r.code != 0 || strings.Count(r.out, " whole\n") != 2 {
		t.Fatalf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
}
