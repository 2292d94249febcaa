package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/urfave/cli/v2"

	"drayage/internal/cmdline"
	"drayage/pkg/access"
)

func htpasswdCommand() *cli.Command {
	return &cli.Command{
		Name:  "htpasswd",
		Usage: "make the password of a site's registries and its hash, once",
		Description: "The site names the user: registry.auth.user. A file of the password that is there is taken,\n" +
			"otherwise a password is made. The file of its hash, which the nodes get, is never\n" +
			"overwritten but with --renew.\n\n" +
			"   import htpasswd --site site.yaml",
		Flags: []cli.Flag{
			siteFlag,
			&cli.BoolFlag{Name: "renew", Usage: "write the hash of the password that is there once more"},
			cmdline.JSONFlag,
		},
		Action: runHTPasswd,
	}
}

// htpasswdResult is what --json prints; docs/json.md describes it.
type htpasswdResult struct {
	User     string `json:"user"`
	Password string `json:"passwordFile"`
	HTPasswd string `json:"htpasswdFile"`
	Made     bool   `json:"passwordMade"`
}

func runHTPasswd(c *cli.Context) error {
	if err := cmdline.NoArgs(c); err != nil {
		return err
	}
	s, err := readSite(c)
	if err != nil {
		return err
	}
	auth := s.Registry.Auth
	if auth.User == "" {
		return cmdline.Usagef("htpasswd: registry.auth.user in the site names nobody")
	}
	r := htpasswdResult{User: auth.User, Password: s.Path(auth.Password), HTPasswd: s.Path(auth.HTPasswd)}
	if !c.Bool("renew") {
		if err := refuseExisting(r.HTPasswd); err != nil {
			return err
		}
	}
	password, made, err := takePassword(r.Password)
	if err != nil {
		return err
	}
	r.Made = made
	line, err := access.HTPasswd(auth.User, password)
	if err != nil {
		return err
	}
	if err := writeSecret(r.HTPasswd, line); err != nil {
		return err
	}
	if c.Bool("json") {
		return cmdline.PrintJSON(c.App.Writer, r)
	}
	_, err = fmt.Fprintf(c.App.Writer, "%s\n%s\n", r.Password, r.HTPasswd)
	return err
}

// takePassword reads the password that is there, or makes one.
func takePassword(path string) (password string, made bool, err error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		password = access.NewPassword()
		return password, true, writeSecret(path, []byte(password+"\n"))
	}
	if err != nil {
		return "", false, err
	}
	if password, err = access.ParsePassword(raw); err != nil {
		return "", false, cmdline.Usagef("%s: %w", path, err)
	}
	return password, false, nil
}
