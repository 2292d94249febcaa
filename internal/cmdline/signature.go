package cmdline

import (
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"drayage/pkg/bundle"
	"drayage/pkg/manifest"
	"drayage/pkg/oci"
	"drayage/pkg/signature"
)

// KeyFlag adds keys to the one that the program was built with.
var KeyFlag = &cli.StringSliceFlag{Name: "release-key", Usage: "trust releases signed by the OpenPGP key in `FILE` too; may be given several times"}

// Keyring is Red Hat's key and those of --release-key.
func Keyring(c *cli.Context) (signature.Keyring, error) {
	keys := signature.RedHat()
	for _, path := range c.StringSlice("release-key") {
		var err error
		if keys, err = keys.With(path); err != nil {
			return keys, &UsageError{Err: err}
		}
	}
	return keys, nil
}

// CheckSignatures checks the releases' signatures that a bundle carries.
func CheckSignatures(c *cli.Context, path string, m *manifest.Manifest) error {
	findings, err := signatureFindings(c, m)
	if err != nil {
		return err
	}
	if len(findings) > 0 {
		return &bundle.InvalidError{Path: path, Findings: findings}
	}
	WarnUnsigned(c, m)
	return nil
}

func signatureFindings(c *cli.Context, m *manifest.Manifest) ([]oci.Finding, error) {
	keys, err := Keyring(c)
	if err != nil {
		return nil, err
	}
	if err = keys.CheckManifest(m, time.Now()); err == nil {
		return nil, nil
	}
	var findings []oci.Finding
	for line := range strings.SplitSeq(err.Error(), "\n") {
		findings = append(findings, oci.Finding{Problem: line})
	}
	return findings, nil
}

// WarnUnsigned says of which releases nobody knows where they come from.
func WarnUnsigned(c *cli.Context, m *manifest.Manifest) {
	for _, name := range m.Unsigned {
		Warn(c, []string{fmt.Sprintf("release %s is not proven: its signature was skipped when the bundle was planned", name)})
	}
}
