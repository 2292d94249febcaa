package torture

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"drayage/test/content"
	"drayage/test/faults"
	"drayage/test/registry"
)

// lanes is how many cells of the matrix are tried at once: most of the time they
// wait.
const lanes = 10

// act is a command whose requests fail.
type act struct {
	name, program string
	args          []string
	code          int // when what was asked for cannot be had
	lines         int // of an error: one for each image, or for each node
	// others says that one line is clear, and that others say what follows of it.
	others bool
	// must are the kinds of requests without which the test would be none.
	must []string
	// harmless are what the command does its work in spite of, though it lasts:
	// "kind: failure", or "kind" for all.
	harmless []string
	// either are those of which that depends on which request it is, or that
	// look like an answer: an empty list of tags is one. What is said is not
	// judged then, only what the run after it does.
	either []string
	// lane makes a place to work: the registry that the proxy stands before, how
	// to make it new, and how to tell what is there in the end.
	lane func(t *testing.T) *lane
}

// lane is one place to work in: what happens there happens in turn.
type lane struct {
	dir    string
	proxy  *faults.Proxy
	renew  func(t *testing.T)
	differ func(t *testing.T) []string // from the undisturbed result
}

// cell is one case of the matrix.
type cell struct {
	kind    kind
	failure failure
	times   int // 0 for ever
}

func (c cell) String() string {
	how := "for ever"
	if c.times > 0 {
		how = "once"
	}
	return c.kind.name + ": " + c.failure.name + ", " + how
}

// Each kind of request that a command makes fails in each way, once and for
// ever. Once, it is made again, or there is one line about it. For ever, there
// is one line that names the host, the request and the answer, and the exit
// code. Then the registry is well again, and the same command ends with what an
// undisturbed one has.
func TestEveryRequestFailsInEveryWay(t *testing.T) {
	random := wanted(t)
	dir, src := smallWorld(t)
	for _, a := range []act{buildAct(dir, src), pushAct(dir), repairAct(t, dir)} {
		t.Run(a.name, func(t *testing.T) {
			cells := a.cells(t)
			random.Shuffle(len(cells), func(i, j int) { cells[i], cells[j] = cells[j], cells[i] })
			cells = cells[:scaled(len(cells))]
			queue := make(chan cell)
			var workers sync.WaitGroup
			for range lanes {
				l := a.lane(t)
				workers.Go(func() {
					for c := range queue {
						a.try(t, l, c)
					}
				})
			}
			for _, c := range cells {
				queue <- c
			}
			close(queue)
			workers.Wait()
			fmt.Printf("matrix: %s: %d cases\n", a.name, len(cells))
		})
	}
}

// cells are all cases of the kinds of requests that an undisturbed run makes.
// Kinds that it does not make are told.
func (a act) cells(t *testing.T) []cell {
	l := a.lane(t)
	rules := []faults.Rule{firstBlobCut()} // so that there is a rest to ask for
	for _, k := range kinds {
		rules = append(rules, k.rule(faults.Delay(0), 0))
	}
	check(t, l.proxy.SetRules(rules...))
	l.renew(t)
	before := len(l.proxy.Requests())
	r := call(t, l.dir, a.program, a.args...)
	if d := l.differ(t); r.code != 0 || len(d) > 0 {
		t.Fatalf("undisturbed: exit code %d, %q\n%s%s", r.code, d, r.out, r.err)
	}
	for _, q := range l.proxy.Requests()[before:] {
		if q.Rule < 0 {
			t.Errorf("%s %s: a request of a kind that the matrix does not have", q.Method, q.Path)
		}
	}
	seen := map[string]bool{}
	for i, hits := range l.proxy.Hits()[1:] {
		seen[kinds[i].name] = hits > 0
	}
	var all []cell
	var never []string
	for _, k := range kinds {
		if !seen[k.name] {
			never = append(never, k.name)
			if slices.Contains(a.must, k.name) {
				t.Errorf("no request of the kind %s was made: nothing of it is tried", k.name)
			}
			continue
		}
		for _, f := range failures {
			if f.fault(k) == nil {
				continue
			}
			all = append(all, cell{k, f, 1}, cell{k, f, 0})
		}
	}
	fmt.Printf("matrix: %s makes no request of these kinds, and so none fails: %s\n", a.name, strings.Join(never, ", "))
	return all
}

// firstBlobCut breaks the first blob off after its first byte.
func firstBlobCut() faults.Rule {
	return faults.Rule{Method: "GET", PathRegexp: "/blobs/sha256:", Match: without(ranged), Times: 1, Fault: faults.CutAfter(1)}
}

// try is one case.
func (a act) try(t *testing.T, l *lane, c cell) {
	l.renew(t)
	rules := []faults.Rule{c.kind.rule(c.failure.fault(c.kind), c.times)}
	if c.kind.name == rest {
		rules = append(rules, firstBlobCut())
	}
	if err := l.proxy.SetRules(rules...); err != nil {
		t.Error(err)
		return
	}
	args := a.args
	if c.failure.name == "hang" {
		args = slices.Insert(slices.Clone(args), 1, "--timeout", shortTimeout)
	}
	r := call(t, l.dir, a.program, args...)
	if l.proxy.Hits()[0] == 0 {
		t.Errorf("%s: %s: it never happened", a.name, c)
	}
	if problem := a.judge(t, l, c, r); problem != "" {
		t.Errorf("%s: %s: %s; exit code %d\n%s%s", a.name, c, problem, r.code, r.out, r.err)
	}
	if err := l.proxy.SetRules(); err != nil {
		t.Error(err)
	}
	r = call(t, l.dir, a.program, a.args...)
	if d := l.differ(t); r.code != 0 || len(d) > 0 {
		t.Errorf("%s: %s: the run after it: exit code %d, %q\n%s%s", a.name, c, r.code, d, r.out, r.err)
	}
}

// judge says what is wrong with what a command made of a failure.
func (a act) judge(t *testing.T, l *lane, c cell, r result) string {
	if slices.Contains(a.either, c.kind.name+": "+c.failure.name) {
		return ""
	}
	lasting := c.times == 0
	harmless := slices.Contains(a.harmless, c.kind.name) || slices.Contains(a.harmless, c.kind.name+": "+c.failure.name)
	if r.code == 0 {
		if d := l.differ(t); len(d) > 0 {
			return fmt.Sprintf("it says that all is well: %q", d)
		}
		if lasting && !harmless && !c.failure.quiet {
			return "nobody noticed"
		}
		return ""
	}
	lines := r.errorLines(a.program)
	switch {
	case !lasting && c.failure.heals:
		return "once is not for ever"
	case lasting && harmless:
		return "it is said to do no harm"
	case r.code != a.code:
		return fmt.Sprintf("want exit code %d", a.code)
	case len(lines) == 0 || len(lines) > a.lines:
		return fmt.Sprintf("%d lines, want 1 to %d", len(lines), a.lines)
	}
	for _, line := range lines {
		if line == "sigstore attachments: no more were asked for" {
			continue
		}
		problem := c.unclear(line, l.proxy.Addr())
		switch {
		case problem == "" && a.others:
			return ""
		case problem != "" && !a.others:
			return problem + ": " + line
		}
	}
	if a.others {
		return "no line is clear about it"
	}
	return ""
}

// unclear says what a line does not say.
func (c cell) unclear(line, host string) string {
	switch {
	case c.failure.missing && strings.Contains(line, " images are not whole: "): // by its answers
		return ""
	case !strings.Contains(line, host):
		return "the host is not named"
	case !namesRequest(line, c.kind) && (c.kind.name != "ping" || c.failure.name != "401"): // a ping only asks how to enter
		return "the request is not named"
	case c.failure.says != nil && !slices.ContainsFunc(c.failure.says, func(s string) bool { return strings.Contains(line, s) }):
		return fmt.Sprintf("want one of %q", c.failure.says)
	}
	return ""
}

// namesRequest looks for the method and what was asked for.
func namesRequest(line string, k kind) bool {
	switch k.name {
	case "ping":
		return strings.Contains(line, "GET /v2/")
	case "token":
		return strings.Contains(line, "token")
	}
	about := "/manifests/"
	switch {
	case strings.Contains(k.path, "blobs/uploads"):
		about = "/blobs/uploads/"
	case strings.Contains(k.path, "/blobs/"):
		about = "/blobs/sha256:"
	case strings.Contains(k.path, "_catalog"):
		about = "_catalog"
	case strings.Contains(k.path, "/tags/"):
		about = "/tags/list"
	}
	return strings.Contains(line, about) && strings.Contains(line, k.method+" ") ||
		about == "/manifests/" && strings.Contains(line, ": manifest ")
}

// smallImages is how many lines there may be about the small world: one for each
// image, or for each sigstore attachment that there might be.
const smallImages = 16

// smallWorld is a folder with an image set of three images that share layers, and
// its source.
func smallWorld(t *testing.T) (dir string, src *registry.Registry) {
	t.Helper()
	f, err := content.Make(content.Options{Size: 256 << 10, Incompressible: true})
	check(t, err)
	src = registry.StartT(t, registry.Options{})
	again := f.Additional[1] // the same once more, in another repository: mounted there
	again.Ref = "quay.io/openshift/again:v1"
	f.Additional = append(f.Additional, again)
	check(t, content.Push(t.Context(), src.Addr(), content.PushOptions{}, append(slices.Clone(f.Additional), f.Registry)...))
	dir = connected(t, src.Addr(), f)
	text := "apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\nmirror:\n  additionalImages:\n"
	for _, n := range f.Additional {
		text += "  - name: " + n.Ref + "\n"
	}
	write(t, dir, "imageset.yaml", text)
	good(t, dir, "bundle", buildArgs()...)
	return dir, src
}

func buildAct(whole string, src *registry.Registry) act {
	return act{
		name: "build", program: "bundle", code: 5, lines: smallImages, args: buildArgs(),
		harmless: []string{"manifest HEAD: 404", "blob GET: cut", "ping: cut"}, either: []string{"rest of a blob GET: cut"},
		must: []string{"ping", "token", "manifest GET by tag", "manifest GET", blobGET, rest},
		lane: func(t *testing.T) *lane {
			l := &lane{dir: t.TempDir()}
			l.proxy = proxied(t, guarded(t, src.Addr()))
			want := read(t, filepath.Join(whole, "site.tar"))
			write(t, l.dir, "imageset.yaml", string(read(t, filepath.Join(whole, "imageset.yaml"))))
			conf := strings.ReplaceAll(string(read(t, filepath.Join(whole, "registries.conf"))), src.Addr(), l.proxy.Addr())
			write(t, l.dir, "registries.conf", conf)
			l.renew = func(t *testing.T) {
				os.Remove(filepath.Join(l.dir, "site.tar"))
			}
			l.differ = func(t *testing.T) []string {
				if got, err := os.ReadFile(filepath.Join(l.dir, "site.tar")); err != nil || !bytes.Equal(got, want) {
					return []string{fmt.Sprintf("site.tar: %d bytes, want %d as they were: %v", len(got), len(want), err)}
				}
				return nil
			}
			return l
		},
	}
}

func pushAct(whole string) act {
	return act{
		name: "push", program: "import", code: 4, lines: 1, args: []string{"push", "--site", "site.yaml", "--deep", "site.tar"},
		harmless: []string{"ping: cut", "blob GET: cut", "mount POST: 401", "mount POST: 404"}, either: []string{"rest of a blob GET: cut"},
		must: []string{"ping", "token", "manifest HEAD", "manifest GET", "manifest PUT", "manifest PUT by tag", "blob HEAD", blobGET, rest,
			"upload POST", "mount POST", "upload PUT"},
		lane: func(t *testing.T) *lane {
			node := registry.StartT(t, registry.Options{})
			l := &lane{dir: t.TempDir()}
			l.proxy = proxied(t, guarded(t, node.Addr()))
			check(t, os.Symlink(filepath.Join(whole, "site.tar"), filepath.Join(l.dir, "site.tar")))
			write(t, l.dir, "site.yaml", siteText(l.proxy.Addr()))
			good(t, l.dir, "import", "push", "--site", "site.yaml", "site.tar")
			want := stateOf(t, node.Root())
			l.renew = func(t *testing.T) { wipe(t, node) }
			l.differ = func(t *testing.T) []string { return differences(stateOf(t, node.Root()), want) }
			return l
		},
	}
}

// repairAct fills a node from one other, which is in trouble.
func repairAct(t *testing.T, whole string) act {
	return act{
		name: "repair", program: "import", code: 4, lines: smallImages, others: true, args: []string{"repair", "--site", "site.yaml", "--node", "node2", "--from-nodes"},
		harmless: []string{"ping: cut", "blob GET: cut"},
		// A tag or a list of tags that is not there is an answer: what a node does not
		// show it does not have. A name without tags is 404 in distribution.
		either: []string{"rest of a blob GET: cut", "rest of a blob GET: dropped", "tags GET: 404", "manifest HEAD: 404"},
		must:   []string{"ping", "token", "catalog GET", "tags GET", "manifest GET", "manifest HEAD", blobGET, rest},
		lane: func(t *testing.T) *lane {
			full, node := registry.StartT(t, registry.Options{}), registry.StartT(t, registry.Options{})
			l := &lane{dir: t.TempDir()}
			l.proxy = proxied(t, guarded(t, full.Addr()))
			check(t, os.Symlink(filepath.Join(whole, "site.tar"), filepath.Join(l.dir, "site.tar")))
			write(t, l.dir, "site.yaml", siteText(l.proxy.Addr(), node.Addr()))
			good(t, l.dir, "import", "push", "--site", "site.yaml", "--node", "node1", "site.tar")
			want := stateOf(t, full.Root())
			l.renew = func(t *testing.T) { wipe(t, node) }
			l.differ = func(t *testing.T) []string { return differences(stateOf(t, node.Root()), want) }
			return l
		},
	}
}

func proxied(t *testing.T, addr string) *faults.Proxy {
	t.Helper()
	p, err := faults.Start(addr)
	check(t, err)
	t.Cleanup(func() { p.Close() })
	return p
}
