package plan

import (
	"fmt"
	"strings"
	"testing"

	"drayage/pkg/manifest"
)

// withHoles is stocked without an operand, and an additional image that is nowhere.
func withHoles(t *testing.T) (*upstream, string) {
	t.Helper()
	u := stocked(t)
	u.request("DELETE", "acme/tool/manifests/v1", "", nil)
	return u, everything + "  - name: HOST/acme/nowhere:v1\n"
}

func (u *upstream) tryMake(text string, keepGoing bool) (*Plan, error) {
	o := u.options()
	o.KeepGoing = keepGoing
	return Make(u.t.Context(), u.imageset(text), u.source(), o)
}

func omitted(u *upstream, p *Plan) string {
	var lines []string
	for _, o := range p.Manifest.Omitted {
		lines = append(lines, strings.ReplaceAll(fmt.Sprintf("%s %s %s %s: %s", o.Role, o.Name, o.Catalog, o.Bundles, o.Reason), u.host+"/", ""))
	}
	return strings.Join(lines, "\n")
}

func TestWhatIsRefusedIsLeftOutOnRequest(t *testing.T) {
	u, text := withHoles(t)
	if _, err := u.tryMake(text, false); err == nil || !strings.Contains(err.Error(), "acme/nowhere:v1: ") {
		t.Errorf("without KeepGoing: %v", err)
	}
	p, err := u.tryMake(text, true)
	if err != nil {
		t.Fatal(err)
	}
	want := "operator acme/tool:v1 redhat/index:v4.9 [tool.v1.1.0]: 404 not found\n" +
		"additional acme/nowhere:v1  []: 404 not found"
	if got := omitted(u, p); got != want {
		t.Errorf("omitted\n%s\nwant\n%s", got, want)
	}
	if n := len(p.Manifest.Images); n != 7 {
		t.Errorf("%d images, want 7", n)
	}
	again, err := u.tryMake(text, true)
	if err != nil || encoded(t, again.Manifest) != encoded(t, p.Manifest) {
		t.Errorf("planned again it differs, %v", err)
	}
	pinned, err := Pin(t.Context(), p.Manifest, u.source(), u.options())
	if err != nil || encoded(t, pinned.Manifest) != encoded(t, p.Manifest) {
		t.Errorf("pinned it differs, %v", err)
	}
}

func TestWhatNobodyCanDoWithoutIsNotLeftOut(t *testing.T) {
	for name, c := range map[string]struct{ gone, image string }{
		"a release":          {"release/ocp/manifests/4.9.0-x86_64", "release/ocp:4.9.0-x86_64: "},
		"a catalog":          {"redhat/index/manifests/v4.9", "redhat/index:v4.9: "},
		"the registry image": {"library/registry/manifests/3", "library/registry:3: "},
	} {
		t.Run(name, func(t *testing.T) {
			u := stocked(t)
			u.request("DELETE", c.gone, "", nil)
			if _, err := u.tryMake(everything, true); err == nil || !strings.Contains(err.Error(), c.image) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A registry that is down may have the image.
func TestARegistryThatIsDownIsNoRefusal(t *testing.T) {
	u := stocked(t)
	text := everything + "  - name: 127.0.0.1:1/acme/nowhere:v1\n"
	if _, err := u.tryMake(text, true); err == nil || !strings.Contains(err.Error(), "127.0.0.1:1/acme/nowhere:v1: ") {
		t.Errorf("got %v", err)
	}
}

func TestABlockedImageIsNotCalledLeftOut(t *testing.T) {
	u, text := withHoles(t)
	p, err := u.tryMake(text+"  blockedImages: [{name: acme/nowhere}, {name: 'acme/tool:'}]\n", true)
	if err != nil || len(p.Manifest.Omitted) != 0 {
		t.Errorf("%v, %v", p, err)
	}
}

// A catalog may name anything.
func TestANameThatIsNoReferenceIsLeftOutOnRequest(t *testing.T) {
	for name, want := range map[string]string{
		"UPPER:1":                  "UPPER:1",
		"a\x1b[31m:1":              `"a\x1b[31m:1"`,
		strings.Repeat("a ", 300):  `"` + strings.Repeat("a ", 255) + "a",
		"quay.io/a/b-without-any":  "quay.io/a/b-without-any",
		`quoted"`:                  `"quoted\""`,
		strings.Repeat("\x01", 20): `"` + strings.Repeat(`\x01`, 20) + `"`,
	} {
		p := newPlanner(nil, Options{KeepGoing: true})
		cat, err := manifest.ParseRef("quay.io/r/index:v1")
		if err != nil {
			t.Fatal(err)
		}
		if !p.leaveOutName(cat, name, []string{"a.v1"}) || !p.leaveOutName(cat, name, []string{"a.v1"}) {
			t.Fatal("not left out")
		}
		if n := len(p.list.Omitted); n != 1 || p.list.Omitted[0].Name != want || p.list.Omitted[0].Reason != manifest.ReasonNoReference {
			t.Errorf("%q: %d, %+v", name, n, p.list.Omitted)
		}
	}
}
