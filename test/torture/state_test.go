package torture

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"drayage/test/registry"
)

// state is what a node shows: the links of tags, manifests and layers with what
// they point at, and the sizes of blobs. What was begun and not finished is none.
type state map[string]string

func stateOf(t *testing.T, root string) state {
	t.Helper()
	s := state{}
	top := filepath.Join(root, "docker/registry/v2")
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.Name() == "_uploads" || strings.HasSuffix(path, "/_manifests/tags/"+d.Name()+"/index"):
			return fs.SkipDir
		case d.IsDir() || d.Name() != "link" && d.Name() != "data":
			return nil
		}
		name, _ := filepath.Rel(top, path)
		if d.Name() == "link" {
			raw, err := os.ReadFile(path)
			s[name] = string(raw)
			return err
		}
		info, err := d.Info()
		if err == nil {
			s[name] = strconv.FormatInt(info.Size(), 10)
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Error(err)
	}
	return s
}

// differences names, at most five, what two states do not share.
func differences(got, want state) []string {
	var all []string
	for name, w := range want {
		if g, ok := got[name]; !ok {
			all = append(all, "lacks "+name)
		} else if g != w {
			all = append(all, name+" is "+g)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			all = append(all, "has "+name)
		}
	}
	slices.Sort(all)
	return all[:min(len(all), 5)]
}

// wipe makes a node an empty one. It keeps nothing in memory.
func wipe(t *testing.T, r *registry.Registry) {
	t.Helper()
	if _, err := r.Requests(); err != nil { // what still runs would write
		t.Error(err)
	}
	if err := os.RemoveAll(filepath.Join(r.Root(), "docker")); err != nil {
		t.Error(err)
	}
}

// restore gives a node what a folder holds.
func restore(t *testing.T, r *registry.Registry, from string) {
	t.Helper()
	wipe(t, r)
	if err := os.CopyFS(filepath.Join(r.Root(), "docker"), os.DirFS(filepath.Join(from, "docker"))); err != nil {
		t.Error(err)
	}
}

// broken are manifests that a node shows while something that they name is
// missing there.
func broken(t *testing.T, root string) []string {
	t.Helper()
	s := stateOf(t, root)
	var all []string
	for _, link := range slices.Sorted(maps.Keys(s)) {
		repo, rest, _ := strings.Cut(link, "/_manifests/")
		if !strings.HasSuffix(link, "/link") || !strings.Contains(link, "/_manifests/") {
			continue
		}
		hex := strings.TrimPrefix(s[link], "sha256:")
		raw, err := os.ReadFile(filepath.Join(root, "docker/registry/v2", blobPath(hex)))
		if err != nil {
			all = append(all, rest+": "+err.Error())
			continue
		}
		var doc struct {
			Config            *struct{ Digest string }
			Layers, Manifests []struct{ Digest string }
		}
		if err := json.Unmarshal(raw, &doc); err != nil {
			all = append(all, rest+": "+err.Error())
		}
		if doc.Config != nil {
			doc.Layers = append(doc.Layers, *doc.Config)
		}
		for _, l := range doc.Layers {
			hex := strings.TrimPrefix(l.Digest, "sha256:")
			if _, ok := s[repo+"/_layers/sha256/"+hex+"/link"]; !ok {
				all = append(all, rest+" in "+repo+": lacks the blob "+hex)
			}
			if _, ok := s[blobPath(hex)]; !ok {
				all = append(all, rest+" in "+repo+": lacks the content "+hex)
			}
		}
		for _, m := range doc.Manifests {
			hex := strings.TrimPrefix(m.Digest, "sha256:")
			if _, ok := s[repo+"/_manifests/revisions/sha256/"+hex+"/link"]; !ok {
				all = append(all, rest+" in "+repo+": lacks the manifest "+hex)
			}
		}
	}
	return all
}

func blobPath(hex string) string { return "blobs/sha256/" + hex[:2] + "/" + hex + "/data" }
