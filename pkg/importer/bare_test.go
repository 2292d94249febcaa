package importer

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// A registry says 404 for the tags of a repository that has lost them as of one
// that is not there.
func TestRepositoriesWithoutTagsAreNamed(t *testing.T) {
	const line = " lists 1 repositories for which no node shows a tag, acme/two among them; not copied"
	for name, c := range map[string]struct {
		without int // how many nodes say 404
		want    []string
	}{
		"no node shows a tag": {2, []string{"node1" + line, "node2" + line}},
		"another has it":      {1, []string{"node1 lacks 1 names that others have, acme/two:v1 among them"}},
	} {
		t.Run(name, func(t *testing.T) {
			nodes, s, _ := replaced(t)
			for _, n := range nodes[:c.without] {
				n.otherwise(func(w http.ResponseWriter, r *http.Request) bool {
					if !strings.HasSuffix(r.URL.Path, "/acme/two/tags/list") {
						return false
					}
					w.WriteHeader(http.StatusNotFound)
					w.Write([]byte(`{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry"}]}`))
					return true
				})
			}
			result, err := copyTo(t, s)
			if err != nil || !result.Whole || !slices.Equal(result.Warnings, c.want) {
				t.Errorf("%v: %+v", err, result)
			}
			if has := nodes[2].tag("acme/two:v1") != ""; has != (c.without == 1) {
				t.Errorf("acme/two:v1 is there: %v", has)
			}
		})
	}
}
