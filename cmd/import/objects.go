package main

import (
	"cmp"
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"drayage/internal/cmdline"
	"drayage/pkg/access"
	"drayage/pkg/bundle"
	"drayage/pkg/cluster"
	"drayage/pkg/render"
	"drayage/pkg/site"
)

// siteObject is an object and when it is applied.
type siteObject struct {
	cluster.Object
	stage render.Stage
}

// siteObjects are those that the site's cluster is given. What is optional is a
// person's to choose, with --optional.
func siteObjects(c *cli.Context, b *bundle.Bundle, s *site.Site) ([]siteObject, error) {
	server, warnings, err := readServer(s)
	if err != nil {
		return nil, err
	}
	cmdline.Warn(c, warnings)
	databases, err := catalogDatabases(c, b, s)
	if err != nil {
		return nil, err
	}
	in := render.Input{Manifest: b.Manifest, Site: s, Server: server, Databases: databases}
	rendered, warnings, err := render.All(in)
	if err != nil {
		return nil, err
	}
	cmdline.Warn(c, warnings)
	off, err := render.DefaultCatalogs(in)
	if err != nil {
		return nil, err
	}
	chosen, err := chooseOptional(rendered, c.StringSlice("optional"))
	if err != nil {
		return nil, err
	}
	objects, errs := credentials(s, server.Client)
	for _, r := range append(chosen, off...) {
		o, err := cluster.Decode(r.YAML)
		objects, errs = append(objects, siteObject{o, r.Stage}), append(errs, err)
	}
	return objects, errors.Join(errs...)
}

// credentials is the registries' entry in the cluster's pull secret, if they ask
// who one is. It is made here and is in no file.
func credentials(s *site.Site, client access.Client) ([]siteObject, []error) {
	if client.User == "" {
		return nil, nil
	}
	o, err := cluster.Credentials(s.MirrorHosts(), client.User, client.Password)
	return []siteObject{{o, render.StageNodes}}, []error{err}
}

// chooseOptional leaves the optional objects out that nobody named. A name is
// kind/name, in any case, or the file that render writes.
func chooseOptional(objects []render.Object, names []string) ([]render.Object, error) {
	var chosen []render.Object
	var known []string
	found := map[string]bool{}
	for _, o := range objects {
		if !o.Optional {
			chosen = append(chosen, o)
			continue
		}
		id := o.Kind + "/" + o.Name
		known = append(known, id)
		at := slices.IndexFunc(names, func(n string) bool { return strings.EqualFold(n, id) || n == o.File || n == path.Base(o.File) })
		if at >= 0 {
			found[names[at]] = true
			chosen = append(chosen, o)
		}
	}
	var errs []error
	for _, n := range names {
		if !found[n] {
			errs = append(errs, cmdline.Usagef("--optional %s: is no optional object of this site; there are: %s", n, cmp.Or(strings.Join(known, ", "), "none")))
		}
	}
	return chosen, errors.Join(errs...)
}

// ofStage are the objects of one stage, or of all when it is empty.
func ofStage(objects []siteObject, stage render.Stage) []cluster.Object {
	var some []cluster.Object
	for _, o := range objects {
		if stage == "" || o.stage == stage {
			some = append(some, o.Object)
		}
	}
	return some
}
