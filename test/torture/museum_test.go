package torture

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"drayage/test/registry"
)

// museumPage is the list of exhibits and of what is said about each.
// writeMuseumEnv writes it anew.
const (
	museumPage     = "../../docs/museum.md"
	writeMuseumEnv = "DRAYAGE_TORTURE_WRITE"
)

// shown is what the page says of an exhibit.
type shown struct{ name, verify, push string }

func (s shown) String() string { return "| " + s.name + " | " + s.verify + " | " + s.push + " |\n" }

// Each bad bundle is made here, shown to `bundle verify` and to `import push`, and
// gets the exit code and the very line that docs/museum.md says. None of them
// brings an image to a node.
func TestMuseumOfBadBundles(t *testing.T) {
	wanted(t)
	node := registry.StartT(t, registry.Options{})
	raw, err := os.ReadFile(museumPage)
	check(t, err)
	page := string(raw)
	var table strings.Builder
	count := 0
	for _, e := range exhibits(t) {
		dir := t.TempDir()
		for name, raw := range e.files {
			write(t, dir, name, string(raw))
		}
		write(t, dir, "site.yaml", siteText(node.Addr()))
		verify := call(t, dir, "bundle", append(append([]string{"verify"}, e.flags...), "site.tar")...)
		push := call(t, dir, "import", append(append([]string{"push", "--site", "site.yaml"}, e.flags...), "site.tar")...)
		got := shown{e.name, said(node, verify, verify.out), said(node, push, strings.Join(push.errorLines("import"), "\n"))}
		table.WriteString(got.String())
		if !strings.Contains(page, got.String()) {
			t.Errorf("%s does not say\n%s", museumPage, got)
		}
		if strings.ContainsAny(verify.out+verify.err+push.out+push.err, "\x1b\x07") {
			t.Errorf("%s: a terminal was steered: %q", e.name, verify.out+verify.err+push.out+push.err)
		}
		if verify.code != e.verify || push.code != e.push {
			t.Errorf("%s: exit codes %d and %d, want %d and %d", e.name, verify.code, push.code, e.verify, e.push)
		}
		if e.push != 0 {
			for link := range stateOf(t, node.Root()) {
				if strings.Contains(link, "/_manifests/tags/") {
					t.Errorf("%s: it left %s on the node", e.name, link)
				}
			}
		}
		wipe(t, node)
		count++
	}
	head, old, _ := strings.Cut(page, tableHead)
	if rows := strings.Count(old, "\n| "); count != rows && rows > 0 && !strings.Contains(old, table.String()) {
		t.Errorf("%s has %d rows, there are %d exhibits", museumPage, rows, count)
	}
	if os.Getenv(writeMuseumEnv) != "" {
		check(t, os.WriteFile(filepath.FromSlash(museumPage), []byte(head+tableHead+table.String()), 0o644))
	}
	fmt.Printf("museum: %d exhibits\n", count)
}

const tableHead = "| exhibit | `bundle verify` | `import push` |\n|---|---|---|\n"

var (
	hex64 = regexp.MustCompile(`([0-9a-f]{12})[0-9a-f]{52}`)
)

// said is the exit code and the first line, with digests cut short and the
// node's address left out.
func said(node *registry.Registry, r result, text string) string {
	line, _, _ := strings.Cut(text, "\n")
	line = strings.ReplaceAll(hex64.ReplaceAllString(line, "$1..."), node.Addr(), "NODE")
	if r.code == 0 {
		return "0"
	}
	return fmt.Sprintf("%d: `%s`", r.code, strings.ReplaceAll(line, "|", `\|`))
}
