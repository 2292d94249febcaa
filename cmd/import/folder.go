package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"drayage/internal/durable"
	"drayage/pkg/icsp"
	"drayage/pkg/render"
)

// writeFolder writes the files and then removes those that an earlier render
// wrote and this one did not: `oc apply -f DIR` would apply them too. A file of
// somebody else's is never touched.
func writeFolder(c *cli.Context, dir string, objects []render.Object) error {
	mine := map[string]bool{}
	for _, o := range objects {
		path := filepath.Join(dir, filepath.FromSlash(o.File))
		mine[path] = true
		if err := writeObject(path, o); err != nil {
			return err
		}
	}
	for _, pattern := range []string{"[0-9]*-*", "optional/*"} {
		if err := removeOld(c, filepath.Join(dir, filepath.FromSlash(pattern)), mine); err != nil {
			return err
		}
	}
	return nil
}

func writeObject(path string, o render.Object) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	content := o.YAML
	if filepath.Ext(path) == ".yaml" { // JSON knows no comments
		content = append([]byte(renderedBy+note(o)), content...)
	}
	if o.Secret {
		return durable.WriteSecret(path, content)
	}
	return durable.WriteFile(path, content)
}

func removeOld(c *cli.Context, pattern string, mine map[string]bool) error {
	found, err := filepath.Glob(pattern)
	if err != nil {
		return err
	}
	for _, path := range found {
		if mine[path] || !rendered(path) {
			continue
		}
		if err := os.Remove(path); err != nil {
			return err
		}
		fmt.Fprintf(c.App.ErrWriter, "%s: removed, an earlier render wrote it\n", path)
	}
	return nil
}

func rendered(path string) bool {
	raw, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	switch filepath.Ext(path) {
	case ".json":
		return icsp.IsSignatures(raw)
	case ".yaml":
		return strings.HasPrefix(string(raw), renderedBy)
	}
	return false
}
