package e2e

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"drayage/test/content"
	"drayage/test/faults"
	"drayage/test/registry"
)

// runsEnv says how often a push is repeated on fresh registries: 30 times by make
// test-registries. In all other runs of the tests once is enough.
const runsEnv = "DRAYAGE_TEST_RUNS"

func runs(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv(runsEnv))
	if err != nil {
		return 1
	}
	return n
}

// kinds are the registries that a push has to succeed on: one of today, and one
// that loses the race between two writers of a blob.
var kinds = map[string]func(t *testing.T) (addr string){
	"distribution 3.1": func(t *testing.T) string { return registry.StartT(t, registry.Options{}).Addr() },
	"distribution 2.8": func(t *testing.T) string { return registry.DebianT(t) },
}

// crowd is a bundle of many small images that share layers over many repositories,
// in the folder that comes back. Every layer but the last of an image is in
// several repositories, and every last one in two.
var crowd = sync.OnceValues(func() (string, error) {
	const repositories, each, bases = 8, 3, 5
	var all []content.Named
	set := "apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\nmirror:\n  additionalImages:\n"
	for i := range repositories * each {
		layers := []*content.Layer{
			content.Random(fmt.Sprint("base ", i%bases), 60_000), content.Random(fmt.Sprint("middle ", i%(bases-1)), 30_000),
			content.Random(fmt.Sprint("own ", i/2), 4_000),
		}
		img, err := content.Image(fmt.Sprint("crowd ", i), content.ImageOptions{OCI: i%2 == 0}, layers...)
		if err != nil {
			return "", err
		}
		d, err := img.Digest()
		if err != nil {
			return "", err
		}
		n := content.Named{Ref: fmt.Sprintf("quay.io/crowd/app%d:v%d", i%repositories, i), Digest: d.String(), Content: img}
		all = append(all, n)
		set += "  - name: " + n.Ref + "\n"
	}
	return bundleOf(all, set)
})

// bundleOf builds site.tar of these images and that of the registry, which travels
// unasked, in a folder that goes when all tests have ended.
func bundleOf(all []content.Named, set string) (string, error) {
	own, err := content.MakeRegistryImage(40_000, true)
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(bin, "crowd-")
	if err != nil {
		return "", err
	}
	ctx := context.Background()
	src, err := registry.Start(ctx, registry.Options{})
	if err != nil {
		return "", err
	}
	defer src.Close()
	if err := content.Push(ctx, src.Addr(), content.PushOptions{}, append(all, own)...); err != nil {
		return "", err
	}
	for name, text := range map[string]string{"imageset.yaml": set, "registries.conf": string(content.RegistriesConf(src.Addr()))} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	cmd := command(ctx, dir, "bundle", "build", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "--skip-sigstore", "-o", "site.tar")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return dir, nil
}

// inCrowd is a folder for one run, with the bundle in it.
func inCrowd(t *testing.T) string {
	t.Helper()
	from, err := crowd()
	check(t, err)
	dir := t.TempDir()
	check(t, os.Link(filepath.Join(from, "site.tar"), filepath.Join(dir, "site.tar")))
	return dir
}

// Many images that share layers go to three nodes at once, by many requests at
// once, again and again: the registries before 3.1 lose a blob now and then when
// two write it at once. Every third run is watched, and every sixth loses answers.
func TestPushOnRegistriesOfAllAges(t *testing.T) {
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		t.Run(kind, func(t *testing.T) {
			for i := range runs(t) {
				t.Run(fmt.Sprint("run ", i+1), func(t *testing.T) { pushToThree(t, kinds[kind], i) })
			}
		})
	}
}

func pushToThree(t *testing.T, start func(t *testing.T) string, run int) {
	dir := inCrowd(t)
	var watchers []*watched
	var addrs []string
	for range 3 {
		addr := start(t)
		if run%3 == 0 {
			w := watch(5 * ((run + 1) % 2))
			proxy, err := faults.Start(addr, faults.Rule{Fault: w.fault})
			check(t, err)
			defer proxy.Close()
			watchers, addr = append(watchers, w), proxy.Addr()
		}
		addrs = append(addrs, addr)
	}
	writeSite(t, dir, addrs...)
	good(t, dir, "import", "push", "--site", "site.yaml", "--jobs", "32", "--deep", "site.tar")
	for _, w := range watchers {
		w.judge(t)
	}
	if run > 0 {
		return
	}
	for _, addr := range addrs {
		pullAll(t, dir, addr)
	}
	copied(t, dir, addrs)
}

// copied pulls one image from each node with another program.
func copied(t *testing.T, dir string, addrs []string) {
	t.Helper()
	if _, err := exec.LookPath("skopeo"); err != nil {
		t.Log("skopeo is not here: nobody else pulls")
		return
	}
	for i, addr := range addrs {
		skopeo(t, dir, "copy", "-q", "--src-tls-verify=false", fmt.Sprintf("docker://%s/crowd/app%d:v%d", addr, i, i), "dir:"+t.TempDir())
	}
}

// watched notes which uploads of a blob are under way at once, from the POST that
// begins one to the end of its last request.
type watched struct {
	mu       sync.Mutex
	now      int                 // counts begins and ends
	sessions map[string]int      // where an upload goes on -> when it began
	span     map[string][][2]int // repository@digest -> begins and ends of uploads
	overlaps []string
	puts     map[string]int // digest -> uploads that ended well
	lose     int            // of so many of them the answer to one is lost; 0 is none
	ended    int
}

func watch(lose int) *watched {
	return &watched{sessions: map[string]int{}, puts: map[string]int{}, span: map[string][][2]int{}, lose: lose}
}

func (w *watched) tick() int { w.now++; return w.now }

// fault is a rule's: it only looks, and loses answers.
func (w *watched) fault(reg http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		repo, session, upload := strings.Cut(r.URL.Path, "/blobs/uploads/")
		if !upload {
			reg.ServeHTTP(rw, r)
			return
		}
		w.mu.Lock()
		begin := w.tick()
		w.mu.Unlock()
		seen := &seeing{ResponseWriter: rw}
		if r.Method == http.MethodPost {
			reg.ServeHTTP(seen, r)
			w.began(rw.Header().Get("Location"), begin)
			return
		}
		d := r.URL.Query().Get("digest")
		if d == "" {
			reg.ServeHTTP(rw, r)
			return
		}
		seen.held = w.lose > 0
		reg.ServeHTTP(seen, r)
		if w.finished(repo, session, d, seen.status) {
			panic(http.ErrAbortHandler)
		}
		seen.release()
	})
}

func (w *watched) began(location string, at int) {
	u, err := url.Parse(location)
	if err != nil {
		return
	}
	_, session, _ := strings.Cut(u.Path, "/blobs/uploads/")
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sessions[session] = at
}

// finished notes the end of an upload, and tells whether its answer gets lost.
func (w *watched) finished(repo, session, d string, status int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	key, mine := repo+"@"+d, [2]int{w.sessions[session], w.tick()}
	for _, other := range w.span[key] {
		if mine[0] < other[1] {
			w.overlaps = append(w.overlaps, key)
		}
	}
	w.span[key] = append(w.span[key], mine)
	if status != http.StatusCreated {
		return false
	}
	w.puts[d]++
	w.ended++
	return w.lose > 0 && w.ended%w.lose == 0
}

// seeing keeps the status of an answer, and the answer back until it is released.
type seeing struct {
	http.ResponseWriter
	held   bool
	status int
	body   []byte
}

func (s *seeing) WriteHeader(code int) {
	s.status = code
	if !s.held {
		s.ResponseWriter.WriteHeader(code)
	}
}

func (s *seeing) Write(b []byte) (int, error) {
	if s.held {
		s.body = append(s.body, b...)
		return len(b), nil
	}
	return s.ResponseWriter.Write(b)
}

func (s *seeing) release() {
	if s.held {
		s.ResponseWriter.WriteHeader(s.status)
		s.ResponseWriter.Write(s.body)
	}
}

// judge wants that of one blob there was never more than one upload under way to
// a registry, and never a second one at all: other repositories mount it, and an
// answer that was lost is no reason to send it again.
func (w *watched) judge(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, key := range w.overlaps {
		t.Errorf("two uploads at once of %s", key)
	}
	for d, n := range w.puts {
		if n != 1 {
			t.Errorf("%s was uploaded %d times", d, n)
		}
	}
	if len(w.puts) < 40 {
		t.Errorf("only %d blobs were uploaded", len(w.puts))
	}
}

// The main job on a registry of before 3.1.
func TestWholePathOnDebian(t *testing.T) {
	addrs := []string{registry.DebianT(t), registry.DebianT(t), registry.DebianT(t)}
	src, filled := sharedSource(t)
	dir := connected(t, src.Addr(), filled)
	root := build(t, dir)
	writeSite(t, dir, addrs...)
	good(t, dir, "import", "push", "--site", "site.yaml", "--root", root, "--deep", "site.tar")
	for _, addr := range addrs {
		pullAll(t, dir, addr)
	}
	if again := good(t, dir, "import", "push", "--site", "site.yaml", "--json", "site.tar"); strings.Contains(again, `"whole": false`) || !strings.Contains(again, `"blobsSent": 0`) {
		t.Errorf("a second push:\n%s", again)
	}
}
