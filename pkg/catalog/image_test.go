package catalog

import (
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/oci"
)

func TestConfigsFolderSaysWhatAnImageIs(t *testing.T) {
	cases := []struct {
		name   string
		labels map[string]string
		folder string
		err    string
	}{
		{"file-based", map[string]string{labelConfigs: "/configs"}, "configs", ""},
		{"file-based, with a slash", map[string]string{labelConfigs: "/configs/"}, "configs", ""},
		{"both: file-based wins, as in oc", map[string]string{labelConfigs: "/c", labelDatabase: "/database/index.db"}, "c", ""},
		{"SQLite", map[string]string{labelDatabase: "/database/index.db"}, "", "is a SQLite catalog"},
		{"no catalog", nil, "", "is no operator catalog"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			img := &oci.Image{Config: ocispec.Image{Config: ocispec.ImageConfig{Labels: c.labels}}}
			folder, err := configsFolder(img)
			if folder != c.folder || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("%q, %v", folder, err)
			}
		})
	}
}
