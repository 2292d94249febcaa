package cmdline

import (
	"bytes"
	"testing"

	"github.com/urfave/cli/v2"

	"drayage/pkg/manifest"
)

func TestWhatIsLeftOutIsSaid(t *testing.T) {
	const index = "quay.io/r/index:v1"
	m := &manifest.Manifest{
		Catalogs: []manifest.Catalog{
			{Name: "quay.io/r/another:v1", Packages: []manifest.Package{{Name: "wrong", Channels: []manifest.Channel{{Bundles: []string{"a.v1"}}}}}},
			{Name: index, Packages: []manifest.Package{{Name: "tool", Channels: []manifest.Channel{{Bundles: []string{"a.v1", "a.v2"}}}}}},
		},
		Omitted: []manifest.Omission{
			{Name: "quay.io/a/many:1", Role: manifest.RoleOperator, Catalog: index, Bundles: []string{"a.v1", "a.v2", "a.v3", "a.v4", "a.v5"}, Reason: "404 not found"},
			{Name: "quay.io/a/one:1", Role: manifest.RoleOperator, Catalog: index, Bundles: []string{"a.v1"}, Reason: "404 not found"},
			{Name: "quay.io/a/none:1", Role: manifest.RoleOperator, Catalog: index, Reason: "404 not found"},
			{Name: "quay.io/a/more:1", Role: manifest.RoleAdditional, Reason: "403 denied"},
		},
	}
	var out bytes.Buffer
	c := cli.NewContext(&cli.App{ErrWriter: &out}, nil, nil)
	WarnOmittedCount(c, m)
	const want = "warning: left out: quay.io/a/many:1 (operator, of quay.io/r/index:v1): 404 not found; " +
		"will not install or run: a.v1 of tool, a.v2 of tool, a.v3, and 2 more\n" +
		"warning: left out: quay.io/a/one:1 (operator, of quay.io/r/index:v1): 404 not found; will not install or run: a.v1 of tool\n" +
		"warning: left out: quay.io/a/none:1 (operator, of quay.io/r/index:v1): 404 not found\n" +
		"warning: left out: quay.io/a/more:1 (additional): 403 denied\n" +
		"warning: the bundle was built with --keep-going: 4 images that were asked for are left out\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
	if err := CheckOmitted(m); err == nil || err.Error() != "4 images that were asked for are left out" {
		t.Errorf("got %v", err)
	}
	out.Reset()
	WarnOmittedCount(c, &manifest.Manifest{})
	if err := CheckOmitted(&manifest.Manifest{}); err != nil || out.Len() > 0 {
		t.Errorf("of nothing: %v, %q", err, out.String())
	}
}
