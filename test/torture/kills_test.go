package torture

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"drayage/test/content"
	"drayage/test/faults"
	"drayage/test/registry"
)

// moment says when a program is killed: when so much time is over, or, if event
// is given, as soon as a file of such a name is in the folder that it writes to.
type moment struct {
	after time.Duration
	event string
}

func (m moment) String() string {
	if m.event != "" {
		return "when " + m.event + " was there"
	}
	return "after " + m.after.String()
}

// killed runs a program and kills it. It is false when the program was quicker,
// and ended well.
func killed(t *testing.T, m moment, out string, cmd func(context.Context) (program *programRun)) bool {
	t.Helper()
	limit := m.after
	if m.event != "" {
		limit = longest
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	run := cmd(ctx) // it ends with SIGKILL when ctx does
	ended := make(chan struct{})
	go func() { run.err = run.run(); close(ended) }()
	for m.event != "" {
		select {
		case <-ended:
		case <-time.After(200 * time.Microsecond):
			if there, _ := filepath.Glob(filepath.Join(out, m.event)); len(there) == 0 {
				continue
			}
			cancel()
			<-ended
		}
		break
	}
	<-ended
	if run.err != nil && ctx.Err() == nil {
		t.Fatalf("%v\n%s", run.err, run.said())
	}
	return run.err != nil
}

// programRun is a program that is to be killed.
type programRun struct {
	run  func() error
	said func() string
	err  error
}

func prepared(dir, program string, args ...string) func(context.Context) *programRun {
	return func(ctx context.Context) *programRun {
		cmd := command(ctx, dir, program, args...)
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, &said
		return &programRun{run: cmd.Run, said: said.String}
	}
}

// howOften chooses how often one job is killed before it is let to its end: half
// the time once.
func howOften(random *rand.Rand) int {
	n := 1
	for n < 4 && random.IntN(2) == 0 {
		n++
	}
	return n
}

// killedBuild is a kind of build that is killed.
type killedBuild struct {
	name   string
	kills  int
	more   []string // flags
	events []string
	old    bool // in half of all rounds another bundle has the name already
}

// A build that is killed at any moment is gone on with by the same command: what
// it writes is what an undisturbed one does, to the byte, and what the journal
// says is there is not fetched again. Nothing but what is whole has its final
// name, ever.
func TestKilledBuilds(t *testing.T) {
	random := wanted(t)
	src, f := filled(t, content.Options{Size: 6 << 20, Incompressible: true})
	base := connected(t, src.Addr(), f)
	good(t, base, "bundle", append(buildArgs()[:5], "-o", "base.tar")...)
	check(t, content.Push(t.Context(), src.Addr(), content.PushOptions{}, layered(t, 3<<20)))
	early := []string{"*.partial", "*.journal"}
	late := []string{".site.tar.sha256.*", "site.tar.sha256"}
	for _, k := range []killedBuild{
		{"plain", 35, []string{"--checksum"}, slices.Concat(early, late, []string{"site.tar"}), true},
		{"volumes", 25, []string{"--volume-size", "1MiB"}, slices.Concat(early, late, []string{"site.tar.001", "site.tar.004"}), false},
		{"delta", 20, []string{"--base", filepath.Join(base, "base.tar")}, append(early, "site.tar"), true},
	} {
		random := rand.New(rand.NewPCG(random.Uint64(), 0))
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			// A link of its own, so that what it carried can be told apart.
			proxy := proxied(t, src.Addr())
			k.torture(t, random, proxy, connected(t, proxy.Addr(), f), filepath.Join(base, "base.tar"))
		})
	}
}

// slowLink makes a build of few megabytes last a second or two.
func slowLink(t *testing.T, p *faults.Proxy) {
	t.Helper()
	check(t, p.SetRules(faults.Rule{PathRegexp: "/blobs/", Fault: faults.Throttle(2 << 20)}))
}

func (k killedBuild) torture(t *testing.T, random *rand.Rand, proxy *faults.Proxy, dir, old string) {
	args := append(append(buildArgs()[:5], "-o", "out/site.tar"), k.more...)
	out := filepath.Join(dir, "out")
	check(t, os.Mkdir(out, 0o755))
	slowLink(t, proxy)
	began := time.Now()
	good(t, dir, "bundle", args...)
	lasts := time.Since(began)
	want := folder(t, out)
	once := carried(proxy.Requests())
	done, rounds, again, fetched := 0, 0, 0, 0
	for ; done < scaled(k.kills) && rounds < 4*k.kills; rounds++ {
		check(t, os.RemoveAll(out))
		check(t, os.Mkdir(out, 0o755))
		withOld := k.old && rounds%2 == 1
		before := map[string][]byte{}
		if withOld {
			before["site.tar"] = read(t, old)
			write(t, out, "site.tar", string(before["site.tar"]))
		}
		asked := len(proxy.Requests())
		whole := map[string]bool{}
		slowLink(t, proxy)
		var last moment
		for range howOften(random) {
			m := moment{after: time.Duration(random.Int64N(int64(lasts)))}
			if !withOld && random.IntN(3) == 0 {
				m.event = k.events[random.IntN(len(k.events))]
			}
			from := len(proxy.Requests())
			if !killed(t, m, out, prepared(dir, "bundle", args...)) {
				clear(whole) // it ended, and the next one is a new build
				break
			}
			done++
			last = m
			again += k.afterKill(t, m, folder(t, out), want, before)
			again += refetched(t, k.name, m, proxy.Requests()[from:], whole)
			journaled(t, out, want, whole)
		}
		check(t, proxy.SetRules())
		from := len(proxy.Requests())
		r := call(t, dir, "bundle", args...)
		if r.code != 0 {
			t.Errorf("%s: the run after the kills: exit code %d\n%s%s", k.name, r.code, r.out, r.err)
		}
		again += refetched(t, k.name, last, proxy.Requests()[from:], whole)
		if d := differ(folder(t, out), want); d != "" {
			t.Errorf("%s: the folder is not as after an undisturbed build: %s", k.name, d)
		}
		fetched += carried(proxy.Requests()[asked:])
	}
	if done < scaled(k.kills) {
		t.Errorf("%s: only %d kills", k.name, done)
	}
	fmt.Printf("kills: build, %s: %d in %d builds of %s; requests for blobs %d, undisturbed %d; whole blobs fetched again: %d\n",
		k.name, done, rounds, lasts.Round(time.Millisecond), fetched, once*rounds, again)
}

// afterKill looks at what a killed build has left under final names: what was
// there before, or what will be in the end.
func (k killedBuild) afterKill(t *testing.T, m moment, got, want, before map[string][]byte) int {
	t.Helper()
	for name, raw := range got {
		if strings.HasPrefix(name, ".") || strings.Contains(name, ".partial") {
			continue
		}
		old, was := before[name]
		if !bytes.Equal(raw, want[name]) && !(was && bytes.Equal(raw, old)) {
			t.Errorf("%s, killed %s: %s has its name and %d bytes, and is not whole", k.name, m, name, len(raw))
		}
	}
	return 0
}

// carried counts requests for blobs.
func carried(requests []faults.Request) (n int) {
	for _, q := range requests {
		if q.Method == "GET" && strings.Contains(q.Path, "/blobs/sha256:") {
			n++
		}
	}
	return n
}

// refetched counts, and reports, requests for blobs that were whole before.
func refetched(t *testing.T, name string, m moment, requests []faults.Request, whole map[string]bool) (n int) {
	t.Helper()
	for _, q := range requests {
		if _, hex, ok := strings.Cut(q.Path, "/blobs/sha256:"); ok && q.Method == "GET" && whole[hex] {
			t.Errorf("%s, killed %s: %s was whole in the journal and is fetched again", name, m, hex)
			n++
		}
	}
	return n
}

// journaled notes the blobs that the journal says are whole. A build that had
// ended but for its last steps has none any more, or needs none: the same command
// is a new build then.
func journaled(t *testing.T, out string, want map[string][]byte, whole map[string]bool) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(out, "site.tar.partial.journal"))
	if finished(folder(t, out), want) {
		clear(whole)
		return
	}
	if err != nil {
		if len(whole) > 0 {
			t.Errorf("the journal is gone, and the bundle is not there: %v", err)
		}
		return
	}
	for line := range strings.Lines(string(raw)) {
		var hex string
		var offset, size, written int64
		if n, _ := fmt.Sscanf(line, "%64s %d %d %d", &hex, &offset, &size, &written); n == 4 && size == written && strings.HasSuffix(line, "\n") {
			whole[hex] = true
		}
	}
}

// finished tells whether all has its final name, but perhaps the checksum.
func finished(got, want map[string][]byte) bool {
	for name, raw := range want {
		if !bytes.Equal(got[name], raw) && !strings.HasSuffix(name, ".sha256") {
			return false
		}
	}
	return true
}

// folder is what a folder holds.
func folder(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(dir)
	check(t, err)
	all := map[string][]byte{}
	for _, e := range entries {
		if raw, err := os.ReadFile(filepath.Join(dir, e.Name())); err == nil {
			all[e.Name()] = raw
		}
	}
	return all
}

func differ(got, want map[string][]byte) string {
	for name, raw := range want {
		if !bytes.Equal(got[name], raw) {
			return fmt.Sprintf("%s has %d bytes, want %d as they were", name, len(got[name]), len(raw))
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			return name + " is left behind"
		}
	}
	return ""
}

// site is three nodes, each behind a link of its own.
type site struct {
	dir   string
	nodes []*registry.Registry
	links []*faults.Proxy
}

func newSite(t *testing.T, bundle string) *site {
	t.Helper()
	s := &site{dir: t.TempDir()}
	var addrs []string
	for range 3 {
		n := registry.StartT(t, registry.Options{})
		p := proxied(t, n.Addr())
		s.nodes, s.links, addrs = append(s.nodes, n), append(s.links, p), append(addrs, p.Addr())
	}
	check(t, os.Symlink(bundle, filepath.Join(s.dir, "site.tar")))
	write(t, s.dir, "site.yaml", siteText(addrs...))
	return s
}

// slow makes an import last a second or two, its manifests not less than its blobs.
func (s *site) slow(t *testing.T, slow bool) {
	t.Helper()
	for _, p := range s.links {
		var rules []faults.Rule
		if slow {
			rules = []faults.Rule{
				{Method: "PUT", PathRegexp: "/manifests/", Fault: faults.Delay(20 * time.Millisecond)},
				{PathRegexp: "/blobs/uploads/", Fault: faults.Throttle(4 << 20)},
			}
		}
		check(t, p.SetRules(rules...))
	}
}

// written counts what a node took: blobs and manifests that were sent whole.
func written(t *testing.T, n *registry.Registry) (count int) {
	t.Helper()
	requests, err := n.Requests()
	check(t, err)
	for _, q := range requests {
		if q.Method == "PUT" && q.Status == 201 {
			count++
		}
	}
	return count
}

// killedImport is a command that fills nodes and is killed.
type killedImport struct {
	name   string
	kills  int
	args   []string
	filled []int // the nodes that it fills
}

// An import that is killed at any moment is gone on with by the same command. No
// node shows a manifest ever while something that it names is missing; in the
// end every node has what it has after an undisturbed one, and was sent no blob
// and no manifest twice.
func TestKilledImports(t *testing.T) {
	random := wanted(t)
	src, f := filled(t, content.Options{Size: 4 << 20, Incompressible: true})
	dir := connected(t, src.Addr(), f)
	good(t, dir, "bundle", buildArgs()...)
	for _, k := range []killedImport{
		{"push", 30, []string{"push", "--site", "site.yaml", "--deep", "site.tar"}, []int{0, 1, 2}},
		{"repair from the bundle", 10, []string{"repair", "--site", "site.yaml", "--node", "node2", "--deep", "site.tar"}, []int{1}},
		{"repair from the nodes", 15, []string{"repair", "--site", "site.yaml", "--node", "node2", "--from-nodes", "--deep"}, []int{1}},
	} {
		random := rand.New(rand.NewPCG(random.Uint64(), 0))
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			k.torture(t, random, newSite(t, filepath.Join(dir, "site.tar")))
		})
	}
}

func (k killedImport) torture(t *testing.T, random *rand.Rand, s *site) {
	good(t, s.dir, "import", "push", "--site", "site.yaml", "site.tar") // for those that repair copies from
	var want []state
	for _, n := range s.nodes {
		want = append(want, stateOf(t, n.Root()))
	}
	k.renew(t, s)
	s.slow(t, true)
	began := time.Now()
	good(t, s.dir, "import", k.args...)
	lasts := time.Since(began)
	once := written(t, s.nodes[1])
	done, rounds, most := 0, 0, 0
	for ; done < scaled(k.kills) && rounds < 4*k.kills; rounds++ {
		k.renew(t, s)
		s.slow(t, true)
		for range howOften(random) {
			m := moment{after: time.Duration(random.Int64N(int64(lasts)))}
			if !killed(t, m, s.dir, prepared(s.dir, "import", k.args...)) {
				break
			}
			done++
			for i, n := range s.nodes {
				_, err := n.Requests() // what was on its way has come to its end
				check(t, err)
				if b := broken(t, n.Root()); len(b) > 0 {
					t.Errorf("%s, killed %s: node%d shows %d manifests that are not whole: %s", k.name, m, i+1, len(b), b[0])
				}
			}
		}
		s.slow(t, false)
		if r := call(t, s.dir, "import", k.args...); r.code != 0 {
			t.Errorf("%s: the run after the kills: exit code %d\n%s%s", k.name, r.code, r.out, r.err)
		}
		for i, n := range s.nodes {
			if d := differences(stateOf(t, n.Root()), want[i]); len(d) > 0 {
				t.Errorf("%s: node%d is not as after an undisturbed run: %q", k.name, i+1, d)
			}
		}
		for _, i := range k.filled {
			n := written(t, s.nodes[i])
			if most = max(most, n); n > once {
				t.Errorf("%s: node%d took %d blobs and manifests, %d undisturbed", k.name, i+1, n, once)
			}
		}
	}
	if done < scaled(k.kills) {
		t.Errorf("%s: only %d kills", k.name, done)
	}
	fmt.Printf("kills: import %s: %d in %d runs of %s; blobs and manifests that a node took: %d at most, undisturbed %d\n",
		k.name, done, rounds, lasts.Round(time.Millisecond), most, once)
}

// renew makes the nodes empty that the command fills.
func (k killedImport) renew(t *testing.T, s *site) {
	t.Helper()
	for _, i := range k.filled {
		wipe(t, s.nodes[i])
		check(t, s.nodes[i].ClearRequests())
	}
}
