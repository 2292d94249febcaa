package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/urfave/cli/v2"

	"drayage/internal/cmdline"
	"drayage/pkg/cluster"
	"drayage/pkg/icsp"
	"drayage/pkg/manifest"
)

// Every kind that render writes can be applied.
func TestRenderedObjectsCanBeApplied(t *testing.T) {
	for _, o := range []icsp.Object{
		{YAML: []byte(`{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"sha256-1","namespace":"openshift-config-managed","creationTimestamp":null,"labels":{"release.openshift.io/verification-signatures":""}},"binaryData":{"sha256-1-1":"AA=="}}` + "\n")},
		{YAML: []byte("apiVersion: operator.openshift.io/v1alpha1\nkind: ImageContentSourcePolicy\nmetadata:\n  name: example\nspec:\n  repositoryDigestMirrors: []\n")},
	} {
		if _, err := cluster.Decode(o.YAML); err != nil {
			t.Error(err)
		}
	}
}

func TestWhatAnUpdateBringsToADisk(t *testing.T) {
	m := &manifest.Manifest{
		Images: []manifest.Image{
			{Role: manifest.RoleRelease, Release: "4.12.0-x86_64", Bytes: 100}, {Role: manifest.RoleComponent, Release: "4.12.0-x86_64", Bytes: 50},
			{Role: manifest.RoleRelease, Release: "4.13.0-x86_64", Bytes: 30}, {Role: manifest.RoleOperator, Bytes: 1000},
		},
		Blobs: []ocispec.Descriptor{{Digest: digest.FromString("a"), Size: 120}},
	}
	for installed, want := range map[string]int64{"": 120, "4.11.0": 120, "4.12.0": 30, "4.1": 120} {
		if got := releaseBytes(m, installed); got != want {
			t.Errorf("%q: %d, want %d", installed, got, want)
		}
	}
}

func TestApplyResultsArePrinted(t *testing.T) {
	result := applyResult{
		Cluster: cluster.Info{URL: "https://api:6443", ID: "id"},
		Objects: []cluster.Change{
			{Kind: "Image", Name: "cluster", Result: cluster.Changed, Fields: []string{"a", "b", "c", "d", "e", "f", "g"}},
			{Kind: "CatalogSource", Namespace: "ns", Name: "c", Result: cluster.Created, Untried: true},
			{Kind: "Namespace", Name: "n", Result: cluster.Created},
			{Kind: "Namespace", Name: "o", Result: cluster.Unchanged},
			{Kind: "Namespace", Name: "p", Result: cluster.Refused},
		},
		Findings: []cluster.Finding{{Object: "Image/cluster", Found: "bad"}, {Object: "Node/n", Found: "full", Warning: true}},
	}
	show := func(dry bool, args ...string) (string, string) {
		r := result
		r.DryRun = dry
		out, errs, err := run(&cli.Command{Name: "apply", Flags: []cli.Flag{cmdline.JSONFlag}, Action: func(c *cli.Context) error {
			printPlan(c, r)
			return printApply(c, r)
		}}, args...)
		if err != nil {
			t.Fatal(err)
		}
		return out, errs
	}
	const plan = "Image/cluster       change a, b, c, d, e, f and 1 more\n" +
		"CatalogSource/ns/c  create (its namespace is made first; the server could not try it)\n" +
		"Namespace/n         create\nNamespace/o         unchanged\nNamespace/p         refused\n"
	const head = "cluster https://api:6443\n  id id, OpenShift unknown\n"
	if out, errs := show(true); out != plan || errs != head+"warning: Node/n: full\n" {
		t.Errorf("out\n%serr\n%s", out, errs)
	}
	out, errs := show(false)
	if want := "Image/cluster       changed\nCatalogSource/ns/c  created\n"; !strings.HasPrefix(out, want) || errs != head+plan+"warning: Node/n: full\n" {
		t.Errorf("out\n%serr\n%s", out, errs)
	}
	out, _ = show(true, "--json")
	var got applyResult
	if err := json.Unmarshal([]byte(out), &got); err != nil || len(got.Objects) != 5 || !got.Findings[1].Warning || got.Findings[0].Warning || !got.DryRun {
		t.Errorf("%v in %s", err, out)
	}
}
