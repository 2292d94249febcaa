package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"drayage/internal/cmdline"
	"drayage/pkg/bundle"
	"drayage/pkg/cluster"
	"drayage/pkg/icsp"
	"drayage/pkg/importer"
	"drayage/pkg/oci"
	"drayage/pkg/render"
)

func TestOptionalObjectsAreChosenByName(t *testing.T) {
	objects := []render.Object{
		{Object: icsp.Object{Kind: "Image", Name: "cluster"}, File: "01-image-cluster.yaml"},
		{Object: icsp.Object{Kind: "KubeletConfig", Name: "k"}, File: "optional/kubeletconfig-k.yaml", Optional: true},
		{Object: icsp.Object{Kind: "PinnedImageSet", Name: "p"}, File: "optional/pinnedimageset-p.yaml", Optional: true},
	}
	for _, c := range []struct{ names, want, err string }{
		{"", "Image", ""},
		{"kubeletconfig/k", "Image KubeletConfig", ""},
		{"optional/kubeletconfig-k.yaml pinnedimageset-p.yaml", "Image KubeletConfig PinnedImageSet", ""},
		{"Image/cluster x", "Image", "--optional Image/cluster: is no optional object of this site; there are: KubeletConfig/k, PinnedImageSet/p\n" +
			"--optional x: is no optional object of this site; there are: KubeletConfig/k, PinnedImageSet/p"},
	} {
		chosen, err := chooseOptional(objects, strings.Fields(c.names))
		var kinds []string
		for _, o := range chosen {
			kinds = append(kinds, o.Kind)
		}
		if got := strings.Join(kinds, " "); got != c.want || (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
			t.Errorf("%q: %s, %v", c.names, got, err)
		}
	}
}

// Where some nodes are not whole a person may go on; where none is, or the bundle
// is damaged, nobody may.
func TestWhatMayBeDegraded(t *testing.T) {
	some := &importer.NodesError{Failed: 1, Of: 3, Errs: []error{errors.New("node3: gone")}}
	none := &importer.NodesError{Failed: 3, Of: 3, Errs: []error{errors.New("all gone")}}
	damaged := &importer.NodesError{Failed: 1, Of: 3, Errs: []error{&bundle.InvalidError{Path: "b", Findings: []oci.Finding{{Problem: "x"}}}}}
	for _, c := range []struct {
		err     error
		allowed bool
		passes  bool
	}{
		{nil, false, true}, {some, false, false}, {some, true, true}, {none, true, false}, {damaged, true, false}, {context.Canceled, true, false},
	} {
		var got error
		flags := []string{}
		if c.allowed {
			flags = append(flags, "--allow-degraded")
		}
		_, _, err := run(&cli.Command{Name: "run", Flags: []cli.Flag{&cli.BoolFlag{Name: "allow-degraded"}}, Action: func(ctx *cli.Context) error {
			got = (&onSite{c: ctx}).tolerate(c.err)
			return nil
		}}, flags...)
		if err != nil || (got == nil) != c.passes {
			t.Errorf("%v, allowed %v: %v %v", c.err, c.allowed, got, err)
		}
	}
}

func TestAStepSaysWhatItDid(t *testing.T) {
	same := cluster.Change{Kind: "Namespace", Name: "n", Result: cluster.Unchanged}
	made := cluster.Change{Kind: "Namespace", Name: "n", Result: cluster.Created}
	if s := appliedStep([]cluster.Change{same, made}); s.Result != stepDone || s.Text != "objects: 1 created, 1 unchanged; in force" {
		t.Errorf("%+v", s)
	}
	if s := appliedStep([]cluster.Change{same}); s.Result != stepNothing || s.Text != "objects: 1 unchanged; in force" {
		t.Errorf("%+v", s)
	}
	if s := (runStep{}).failed(&cmdline.ClusterError{Err: context.Canceled}); s.Result != stepCancelled {
		t.Errorf("%+v", s)
	}
}

// A warning is printed when it is new, and once in a run.
func TestWarningsOfLaterStepsArePrinted(t *testing.T) {
	old := cluster.Finding{Object: "Node/a", Found: "old", Warning: true}
	fresh := cluster.Finding{Object: "Node/a", Found: "new", Warning: true}
	var r *onSite
	_, stderr, err := run(&cli.Command{Name: "run", Action: func(c *cli.Context) error {
		r = &onSite{c: c, result: runResult{Findings: []cluster.Finding{old}}}
		r.warn([]cluster.Finding{old, fresh, {Object: "Node/a", Found: "an error"}})
		r.warn([]cluster.Finding{fresh})
		return nil
	}})
	if err != nil || strings.Count(stderr, "warning: ") != 1 || !strings.Contains(stderr, "Node/a: new") || len(r.result.Findings) != 2 {
		t.Errorf("%v: %q %v", err, stderr, r.result.Findings)
	}
}
