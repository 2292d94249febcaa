package mirror

import (
	"reflect"
	"testing"

	"drayage/pkg/manifest"
)

func TestTagRules(t *testing.T) {
	moved := image(manifest.RoleAdditional, "quay.io/a/moved:1", digestA)
	moved.TargetRepository = "tools/moved"
	renamed := image(manifest.RoleAdditional, "quay.io/a/renamed:1", digestA)
	renamed.TargetTag = "2"
	m := &manifest.Manifest{Images: []manifest.Image{
		image(manifest.RoleAdditional, "quay.io/z/last:1", digestA),
		image(manifest.RoleAdditional, "quay.io/a/two:1", digestA),
		image(manifest.RoleAdditional, "quay.io/a/two:2", digestB),
		image(manifest.RoleAdditional, "quay.io/a/pinned@"+digestA, digestA),
		image(manifest.RoleRegistry, "docker.io/library/registry:2", digestA),
		moved, renamed,
	}}
	rules, left, err := TagRules(m, blogRepositories)
	if err != nil {
		t.Fatal(err)
	}
	want := []Rule{{"quay.io/a/moved", []string{"tools/moved"}}, {"quay.io/a/two", []string{"a/two"}}, {"quay.io/z/last", []string{"z/last"}}}
	if !reflect.DeepEqual(rules, want) {
		t.Errorf("got %+v, want %+v", rules, want)
	}
	if len(left) != 1 || left[0].Name != renamed.Name {
		t.Errorf("left are %+v", left)
	}
}

func TestTagRulesNameWhatDoesNotParse(t *testing.T) {
	bad := image(manifest.RoleAdditional, "quay.io/a/b:1", digestA)
	bad.TargetRepository = "UPPER"
	if _, _, err := TagRules(&manifest.Manifest{Images: []manifest.Image{bad}}, blogRepositories); err == nil {
		t.Error("no error")
	}
}
