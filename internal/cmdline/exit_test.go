package cmdline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"testing"

	"drayage/pkg/bundle"
	"drayage/pkg/importer"
	"drayage/pkg/manifest"
	"drayage/pkg/oci"
)

var (
	unauthorized = &oci.HTTPError{Host: "quay.io", Method: "GET", Path: "a/b/manifests/1", Status: 401, Message: "Unauthorized"}
	damaged      = &bundle.InvalidError{Path: "site.tar", Findings: []oci.Finding{{Problem: "is cut"}}}
	another      = &bundle.RootError{Path: "site.tar", Got: "sha256:1", Want: "sha256:2"}
)

func nodesError(of int, errs ...error) error {
	return &importer.NodesError{Failed: len(errs), Of: of, Errs: errs}
}

func TestExitCode(t *testing.T) {
	_, missing := os.Open("/nonexistent/site.tar")
	full := &fs.PathError{Op: "write", Path: "site.tar", Err: syscall.ENOSPC}
	cases := []struct {
		name string
		err  error
		want int
	}{
		{"nothing", nil, ExitOK},
		{"anything else", errors.New("x"), ExitOther},
		{"a cancelled context that nobody cancelled by a signal", context.Canceled, ExitOther},
		{"a bad command line", Usagef("build: where to?"), ExitUsage},
		{"a file that is not there", missing, ExitUsage},
		{"a file that may not be read", &fs.PathError{Op: "open", Path: "x", Err: fs.ErrPermission}, ExitOther},
		{"a damaged bundle", damaged, ExitBundle},
		{"a damaged bundle, reported already", damagedError{damaged, nil}, ExitBundle},
		{"another bundle", another, ExitBundle},
		{"a node that is down", nodesError(3, &oci.HTTPError{Err: syscall.ECONNREFUSED}), ExitNodes},
		{"a node that is full", nodesError(3, &oci.HTTPError{Status: 507}), ExitNodes},
		{"a node that met the bundle's damage", nodesError(3, damaged), ExitBundle},
		{"a registry's answer", unauthorized, ExitSource},
		{"content that is wrong", &oci.ContentError{}, ExitSource},
		{"what an image set asks for", &SourceError{errors.New("no such package")}, ExitSource},
		{"a full medium", full, ExitSpace},
		{"a full medium while planning", &SourceError{full}, ExitSpace},
		{"a medium that is too small", &bundle.SpaceError{Path: "site.tar", Need: 2, Have: 1}, ExitSpace},
		{"a quota", &fs.PathError{Err: syscall.EDQUOT}, ExitSpace},
		{"a file system with small files only", &fs.PathError{Err: syscall.EFBIG}, ExitSpace},
		{"a cluster that refuses", &ClusterError{errors.New("Image/cluster: no")}, ExitCluster},
		{"a cluster whose server is not there", &ClusterError{&oci.HTTPError{}}, ExitCluster},
		{"something that is left out", errors.Join(nil, &OmittedError{2}), ExitOmitted},
		{"something that is left out, and a result that cannot be printed", errors.Join(full, &OmittedError{2}), ExitSpace},
		{"^C", errCancelled, ExitCancelled},
	}
	for _, c := range cases {
		if got := ExitCode(c.err); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
		if c.err == nil {
			continue
		}
		if got := ExitCode(errors.Join(nil, fmt.Errorf("subject: %w", c.err))); got != c.want {
			t.Errorf("%s, wrapped: %d, want %d", c.name, got, c.want)
		}
	}
}

func TestErrorLinesCarryTheProgramsName(t *testing.T) {
	docker := &oci.HTTPError{Host: "registry-1.docker.io", Method: "GET", Path: "x", Status: 403, Message: "no"}
	cases := []struct {
		name string
		err  error
		want string
	}{
		{"one line", errors.New("x: y"), "bundle: x: y\n"},
		{"several errors", errors.Join(errors.New("a"), errors.New("b")), "bundle: a\nbundle: b\n"},
		{"401 for a sigstore attachment", &manifest.AttachmentError{Image: "quay.io/a/b:1", Err: unauthorized},
			"bundle: quay.io/a/b:1: sigstore attachment: quay.io: GET a/b/manifests/1: 401 Unauthorized\n" +
				"hint: blockedImages in the image set leaves one sigstore attachment out, --skip-sigstore all of them\n"},
		{"401", fmt.Errorf("quay.io/a/b:1: %w", unauthorized),
			"bundle: quay.io/a/b:1: quay.io: GET a/b/manifests/1: 401 Unauthorized\n" +
				"hint: give credentials with --authfile FILE (a pull secret), or `podman login quay.io`\n"},
		{"403 of Docker Hub, whose server is called otherwise", docker,
			"bundle: registry-1.docker.io: GET x: 403 no\n" +
				"hint: give credentials with --authfile FILE (a pull secret), or `podman login docker.io`\n"},
		{"404", &oci.HTTPError{Host: "quay.io", Method: "GET", Path: "x", Status: 404, Message: "no"}, "bundle: quay.io: GET x: 404 no\n"},
		{"no TLS at a source", &oci.HTTPError{Host: "r", Err: oci.ErrPlainHTTP},
			"bundle: r: speaks plain HTTP only and is not marked insecure\n" +
				"hint: a registry without TLS needs `insecure = true` in registries.conf\n"},
		{"no TLS at a node", nodesError(1, fmt.Errorf("node1: %w", &oci.HTTPError{Host: "r", Err: oci.ErrPlainHTTP})),
			"bundle: node1: r: speaks plain HTTP only and is not marked insecure\n" +
				"hint: 0 of 1 nodes are whole; nodes without TLS need `plainHTTP: true` under `registry:` in the site's file\n"},
		{"a node that lets nobody in", nodesError(1, unauthorized),
			"bundle: quay.io: GET a/b/manifests/1: 401 Unauthorized\n" +
				"hint: 0 of 1 nodes are whole; give the nodes' credentials with registry.auth in the site's file, or with --authfile FILE\n"},
		{"a node that fails at writing", nodesError(2, &oci.HTTPError{Host: "r:5000", Method: "PATCH", Path: "a/blobs/uploads/x", Status: 500, Message: "UNKNOWN: unknown error"}),
			"bundle: r:5000: PATCH a/blobs/uploads/x: 500 UNKNOWN: unknown error\n" +
				"hint: 1 of 2 nodes are whole; the registry failed at writing, as it does when its disk is full: on r:5000 look at `df -h` and `df -i` of its storage folder, and at its log; then the same command again goes on\n"},
		{"a node that fails at reading", nodesError(2, &oci.HTTPError{Host: "r:5000", Method: "HEAD", Path: "a/blobs/x", Status: 500, Message: "no"}),
			"bundle: r:5000: HEAD a/blobs/x: 500 no\nhint: 1 of 2 nodes are whole; the same command again finishes the rest\n"},
		{"nodes that are down", nodesError(3, errors.New("node1: x"), errors.New("node3: y")),
			"bundle: node1: x\nbundle: node3: y\n" +
				"hint: 1 of 3 nodes are whole; the same command again finishes the rest\n"},
		{"damage that a node met", nodesError(3, damaged), "bundle: site.tar: is cut\n" +
			"hint: take another copy of the bundle; verify lists all that is wrong with this one\n"},
		{"damage that verify found", damagedError{&bundle.InvalidError{Path: "site.tar", Findings: make([]oci.Finding, 2)}, nil},
			"bundle: site.tar: is not good; findings: 2\nhint: take another copy of the bundle\n"},
		{"a release that is not proven, and no damage", damagedError{&bundle.InvalidError{Path: "site.tar", Findings: make([]oci.Finding, 1)}, errUntrusted},
			"bundle: site.tar: is not good; findings: 1\nhint: no byte is damaged: the release is not signed by a key that is trusted here; one of your own is trusted with --release-key FILE\n"},
		{"a newer format", fmt.Errorf("x: %w", &bundle.InvalidError{Path: "site.tar", Findings: []oci.Finding{{Problem: "needs more"}}, Newer: true}),
			"bundle: x: site.tar: needs more\nhint: a newer program wrote it: read it with one as new\n"},
		{"another root", another, "bundle: site.tar: root is sha256:1, want sha256:2\n" +
			"hint: this is another bundle than the one whose root was written down; do not import it\n"},
		{"a volume that is not there", &bundle.InvalidError{Path: "site.tar", Findings: []oci.Finding{{Problem: "volume 2 is missing"}}, Missing: true},
			"bundle: site.tar: volume 2 is missing\nhint: volumes in other folders are found with --volume-dir DIR, once for each\n"},
		{"a volume of a base that is not there", &BaseError{&bundle.InvalidError{Path: "may.tar", Findings: []oci.Finding{{Problem: "volume 2 is missing"}}, Missing: true}},
			"bundle: may.tar: volume 2 is missing\nhint: of a base in several folders, `bundle inspect --volume-dir DIR --save-manifest LIST` makes one file, and --base LIST takes it\n"},
		{"work in a folder that was forgotten", &bundle.LeftError{Path: "a/s.tar", Problem: "its volume 3 is not in a", Remove: []string{"a/s.tar.*partial*", "'b c/s.tar'.*partial*"}},
			"bundle: a/s.tar: its volume 3 is not in a\nhint: go on with all its folders (--volume-dir DIR, once for each), or give it up: rm a/s.tar.*partial* 'b c/s.tar'.*partial*\n"},
		{"a small medium", &bundle.SpaceError{Path: "site.tar", Need: 2, Have: 1},
			"bundle: site.tar: the bundle has 2 bytes, 1 are free here\nhint: free space there, or choose a larger medium\n"},
	}
	for _, c := range cases {
		var out bytes.Buffer
		report(&out, "bundle", c.err)
		if out.String() != c.want {
			t.Errorf("%s: got\n%swant\n%s", c.name, &out, c.want)
		}
	}
}
