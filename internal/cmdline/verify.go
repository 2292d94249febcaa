package cmdline

import (
	"fmt"

	"github.com/opencontainers/go-digest"
	"github.com/urfave/cli/v2"

	"drayage/internal/ui"
	"drayage/pkg/bundle"
)

// RootFlag is the flag by which a person proves a bundle.
var RootFlag = &cli.StringFlag{Name: "root", Usage: "the `DIGEST` that `bundle build` printed; the bundle must have it"}

// Root reads the flag.
func Root(c *cli.Context) (digest.Digest, error) {
	s := c.String("root")
	if s == "" {
		return "", nil
	}
	d, err := digest.Parse(s)
	if err != nil || d.Algorithm() != digest.SHA256 {
		return "", Usagef("--root: %q is no digest, want sha256: and 64 hex digits", s)
	}
	return d, nil
}

// Verify is the command that both programs have: whoever packs a bundle checks
// it, and whoever receives it does so again.
func Verify(program string) *cli.Command {
	return &cli.Command{
		Name:      "verify",
		Usage:     "prove a bundle: every byte, every reference, nothing extra",
		ArgsUsage: "FILE",
		Description: "Reads the whole file once and reports all that is wrong with it, each finding with\n" +
			"the image it belongs to. FILE may be -: standard input is read once. With --root the bundle\n" +
			"must also be the one that was meant.\n\n" +
			"   " + program + " verify --root sha256:9f86d08... /media/usb/site.bundle.tar",
		Flags: []cli.Flag{RootFlag, KeyFlag, SkipFlag, VolumeDirFlag, ProgressFlag, JSONFlag},
		Action: func(c *cli.Context) error {
			path, err := Arg(c, "FILE")
			if err != nil {
				return err
			}
			root, err := Root(c)
			if err != nil {
				return err
			}
			return verify(c, path, root)
		},
	}
}

func verify(c *cli.Context, path string, root digest.Digest) error {
	u := UI(c)
	report, err := verified(c, path, root, u)
	u.Close()
	if err != nil {
		return err
	}
	damaged := len(report.Findings) > 0
	if report.Manifest != nil {
		findings, err := signatureFindings(c, report.Manifest)
		if err != nil {
			return err
		}
		report.Findings = append(report.Findings, findings...)
		WarnUnsigned(c, report.Manifest)
		WarnOmittedCount(c, report.Manifest)
	}
	if c.Bool("json") {
		if err := PrintJSON(c.App.Writer, report); err != nil {
			return err
		}
	} else {
		printReport(c, report)
	}
	if len(report.Findings) == 0 {
		return nil
	}
	found := damagedError{&bundle.InvalidError{Path: path, Findings: report.Findings, Missing: report.Missing, Newer: report.Newer}, nil}
	if !damaged { // another copy would be no better
		found.cause = errUntrusted
	}
	return found
}

// damagedError is an InvalidError whose findings have been printed already.
type damagedError struct {
	*bundle.InvalidError
	cause error // errUntrusted when nothing is wrong but signatures
}

// Is tells what is wrong with signatures alone from damage.
func (e damagedError) Is(target error) bool { return e.cause != nil && target == e.cause }

func (e damagedError) Error() string {
	return fmt.Sprintf("%s: is not good; findings: %d", e.Path, len(e.Findings))
}

func (e damagedError) Unwrap() error { return e.InvalidError }

// verified proves a file, or what comes through standard input.
func verified(c *cli.Context, path string, root digest.Digest, u *ui.UI) (*bundle.Report, error) {
	if path == "-" {
		return bundle.VerifyStream(c.Context, Stdin(c), root, u.Progress())
	}
	return bundle.Verify(c.Context, path, root, u.Progress(), VolumeDirs(c)...)
}

func printReport(c *cli.Context, r *bundle.Report) {
	w := c.App.Writer
	for _, f := range r.Findings {
		fmt.Fprintln(w, f)
	}
	state := "good"
	if len(r.Findings) > 0 {
		state = fmt.Sprintf("NOT GOOD, findings: %d", len(r.Findings))
	}
	fmt.Fprintf(w, "%s: %s: %d images, %d blobs, %s\n", r.Path, state, r.Images, r.Blobs, ui.Bytes(r.Bytes))
	if r.Root == "" {
		return
	}
	if r.Manifest != nil && len(r.Manifest.Signatures) > 0 && len(r.Findings) == 0 {
		fmt.Fprintf(w, "signatures of releases: %d good\n", len(r.Manifest.Signatures))
	}
	how := "not compared: no --root was given"
	if r.RootChecked {
		how = "as given"
	}
	fmt.Fprintf(w, "root %s (%s)\n", r.Root, how)
}
