package cmdline

import (
	"errors"
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

// SkipFlag lets a person take releases that nobody signed.
var SkipFlag = &cli.BoolFlag{Name: "insecure-skip-signature", Usage: "take releases that travel without a signature"}

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
		return untrustedError{&bundle.InvalidError{Path: path, Findings: findings}}
	}
	WarnUnsigned(c, m)
	return nil
}

// errUntrusted tells a bundle whose releases are not proven from a damaged one.
var errUntrusted = errors.New("release not proven")

type untrustedError struct{ *bundle.InvalidError }

func (e untrustedError) Unwrap() error        { return e.InvalidError }
func (e untrustedError) Is(target error) bool { return target == errUntrusted }

func signatureFindings(c *cli.Context, m *manifest.Manifest) ([]oci.Finding, error) {
	keys, err := Keyring(c)
	if err != nil {
		return nil, err
	}
	var findings []oci.Finding
	if err := keys.CheckManifest(m, time.Now()); err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			findings = append(findings, oci.Finding{Problem: line})
		}
	}
	// That a bundle says of itself that it need not be proven proves nothing: a
	// person on this side says so too, by the flag or by the root of this very bundle.
	if c.Bool(SkipFlag.Name) || c.String(RootFlag.Name) != "" {
		return findings, nil
	}
	for _, name := range m.Unsigned {
		findings = append(findings, oci.Finding{Problem: "release " + name +
			" travels without a signature: give the bundle's --root, or --insecure-skip-signature"})
	}
	return findings, nil
}

// WarnUnsigned says of which releases nobody knows where they come from.
func WarnUnsigned(c *cli.Context, m *manifest.Manifest) {
	for _, name := range m.Unsigned {
		Warn(c, []string{fmt.Sprintf("release %s is not proven: its signature was skipped when the bundle was planned", name)})
	}
}
