// Package unitfile has systemd's own word on units of a MachineConfig.
//
// `systemd-analyze verify` finds misspelt keys, values that are not taken and
// programs that are not there. It does not find what is only unwise.
package unitfile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"drayage/test/cluster/machineconfig"

	mcv1 "github.com/openshift/api/machineconfiguration/v1"
	"sigs.k8s.io/yaml"
)

// program is systemd's checker, from the package systemd.
const program = "systemd-analyze"

// unitFolder is where units lie below a root.
const unitFolder = "etc/systemd/system"

// Available tells whether this host can check units.
func Available() bool {
	_, err := exec.LookPath(program)
	return err == nil
}

// targets are what every service wants to be there.
var targets = []string{"sysinit.target", "basic.target", "shutdown.target", "multi-user.target", "network-online.target"}

// executable finds the programs that a unit starts.
var executable = regexp.MustCompile(`(?m)^Exec[A-Za-z]+=[-@:+!]*(/[^\s]+)`)

// Verify reads a MachineConfig, lays its units and files out below an empty root
// with a stub for every program of the system that they start, and returns all
// that systemd says against them.
func Verify(ctx context.Context, raw []byte) error {
	var mc mcv1.MachineConfig
	if err := yaml.UnmarshalStrict(raw, &mc); err != nil {
		return err
	}
	c, err := machineconfig.Parse(&mc)
	if err != nil {
		return err
	}
	root, err := os.MkdirTemp("", "unitfile-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(root)
	for _, t := range targets {
		if err := put(root, filepath.Join(unitFolder, t), "[Unit]\n", 0o644); err != nil {
			return err
		}
	}
	ours := map[string]bool{}
	for _, f := range c.Storage.Files {
		ours[f.Path] = true
		mode := 0o644
		if f.Mode != nil {
			mode = *f.Mode
		}
		if err := put(root, f.Path, "#!/bin/sh\n", os.FileMode(mode)); err != nil {
			return err
		}
	}
	var errs []error
	for _, u := range c.Systemd.Units {
		if u.Contents != nil {
			errs = append(errs, verify(ctx, root, ours, u.Name, *u.Contents))
		}
	}
	return errors.Join(errs...)
}

// verify checks one unit. A program that the MachineConfig brings itself gets no
// stub: with the wrong mode it is not found.
func verify(ctx context.Context, root string, ours map[string]bool, name, content string) error {
	if err := put(root, filepath.Join(unitFolder, name), content, 0o644); err != nil {
		return err
	}
	for _, m := range executable.FindAllStringSubmatch(content, -1) {
		if ours[m[1]] {
			continue
		}
		if err := put(root, m[1], "#!/bin/sh\n", 0o755); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, program, "verify", "--man=no", "--root="+root, name)
	out, err := cmd.CombinedOutput()
	said := strings.TrimSpace(string(out))
	if err == nil && said == "" {
		return nil
	}
	return errors.Join(err, fmt.Errorf("%s: %s", name, said))
}

func put(root, path, content string, mode os.FileMode) error {
	path = filepath.Join(root, filepath.Clean("/"+path))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(content), mode)
}
