package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"drayage/internal/cmdline"
	"drayage/internal/durable"
	"drayage/pkg/access"
	"drayage/pkg/site"
)

func tlsCommand() *cli.Command {
	return &cli.Command{
		Name:  "tls",
		Usage: "make the CA and the certificate of a site's registries, once",
		Description: "One CA for the site and one server certificate that names localhost and every node. What is\n" +
			"there is never overwritten; --renew makes another certificate from the CA that there is, when\n" +
			"a node has come or the old one expires. Keep ca.key apart: nodes never need it.\n\n" +
			"   import tls --site site.yaml\n" +
			"   import tls --site site.yaml --renew",
		Flags: []cli.Flag{
			siteFlag,
			&cli.IntFlag{Name: "days", Value: 3650, Usage: "how many `DAYS` the certificate holds; the CA holds twice as long"},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write into `DIR`, in place of where the site has its files"},
			&cli.BoolFlag{Name: "renew", Usage: "a new certificate from the CA that is there"},
			cmdline.JSONFlag,
		},
		Action: runTLS,
	}
}

// tlsFiles are the names of the files, and of the CA's key, which the site does
// not name.
type tlsFiles struct {
	CA          string `json:"ca"`
	CAKey       string `json:"caKey"`
	Certificate string `json:"certificate"`
	Key         string `json:"key"`
}

// tlsResult is what --json prints; docs/json.md describes it.
type tlsResult struct {
	tlsFiles
	Names []string `json:"names"`
	// Until is the last day of the certificate.
	Until string `json:"until"`
}

func runTLS(c *cli.Context) error {
	if err := cmdline.NoArgs(c); err != nil {
		return err
	}
	s, err := readSite(c)
	if err != nil {
		return err
	}
	days := c.Int("days")
	switch {
	case days < 1 || days > access.MaxDays:
		return cmdline.Usagef("--days %d: want 1 to %d", days, access.MaxDays)
	case s.Registry.PlainHTTP:
		return cmdline.Usagef("tls: registry.plainHTTP in the site says that its registries have none")
	}
	names := filesOf(s, c.String("output"))
	made, err := makeTLS(s, names, c.Bool("renew"), days)
	if err != nil {
		return err
	}
	return printTLS(c, s, names, made)
}

// filesOf says where the files go: where the site has them, or into a folder.
func filesOf(s *site.Site, dir string) tlsFiles {
	t := s.Registry.TLS
	f := tlsFiles{CA: s.Path(t.CA), Certificate: s.Path(t.Certificate), Key: s.Path(t.Key)}
	if dir != "" {
		f = tlsFiles{CA: filepath.Join(dir, "ca.crt"), Certificate: filepath.Join(dir, "registry.crt"), Key: filepath.Join(dir, "registry.key")}
	}
	f.CAKey = filepath.Join(filepath.Dir(f.CA), "ca.key")
	return f
}

func makeTLS(s *site.Site, f tlsFiles, renew bool, days int) (access.Files, error) {
	if renew {
		return renewTLS(s, f, days)
	}
	if err := refuseExisting(f.CA, f.CAKey, f.Certificate, f.Key); err != nil {
		return access.Files{}, err
	}
	made, err := access.Make(access.Names(s), days, time.Now())
	if err != nil {
		return made, err
	}
	// The CA first: with it and its key, --renew makes the rest.
	return made, errors.Join(writeSecret(f.CAKey, made.CAKey), writePublic(f.CA, made.CA),
		writeSecret(f.Key, made.Key), writePublic(f.Certificate, made.Certificate))
}

func renewTLS(s *site.Site, f tlsFiles, days int) (access.Files, error) {
	ca, caErr := os.ReadFile(f.CA)
	key, keyErr := os.ReadFile(f.CAKey)
	if err := errors.Join(caErr, keyErr); err != nil {
		return access.Files{}, err
	}
	made, err := access.Renew(access.Files{CA: ca, CAKey: key}, access.Names(s), days, time.Now())
	if err != nil {
		return made, fmt.Errorf("%s: %w", f.CA, err)
	}
	return made, errors.Join(writeSecret(f.Key, made.Key), writePublic(f.Certificate, made.Certificate))
}

// refuseExisting names every file that is there.
func refuseExisting(paths ...string) error {
	var errs []error
	for _, path := range paths {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, cmdline.Usagef("%s: is there, and is not overwritten; --renew makes what can be made anew", path))
		}
	}
	return errors.Join(errs...)
}

func writeSecret(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return durable.WriteSecret(path, content)
}

func writePublic(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return durable.WriteFile(path, content)
}

func printTLS(c *cli.Context, s *site.Site, f tlsFiles, made access.Files) error {
	until, err := access.Until(made.Certificate)
	if err != nil {
		return err
	}
	result := tlsResult{f, access.Names(s), until.Format(time.DateOnly)}
	if c.Bool("json") {
		return cmdline.PrintJSON(c.App.Writer, result)
	}
	fmt.Fprintf(c.App.Writer, "%s\n%s\n%s\n%s\n", f.CA, f.CAKey, f.Certificate, f.Key)
	fmt.Fprintf(c.App.Writer, "names %d hosts, holds until %s\n", len(result.Names), result.Until)
	if want := filesOf(s, ""); want != f {
		fmt.Fprintf(c.App.Writer, "in %s, under registry:\n  tls: {ca: %s, certificate: %s, key: %s}\n", c.String("site"),
			beside(c, f.CA), beside(c, f.Certificate), beside(c, f.Key))
	}
	return nil
}

// beside is a path as the site's file has to name it.
func beside(c *cli.Context, path string) string {
	dir, err := filepath.Abs(filepath.Dir(c.String("site")))
	if err != nil {
		return path
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(dir, full); err == nil {
		return rel
	}
	return full
}
