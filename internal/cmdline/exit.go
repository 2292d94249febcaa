package cmdline

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"syscall"

	"drayage/internal/ui"
	"drayage/pkg/access"
	"drayage/pkg/bundle"
	"drayage/pkg/importer"
	"drayage/pkg/manifest"
	"drayage/pkg/oci"
	"drayage/pkg/signature"
)

// The exit codes. docs/exit-codes.md is their table.
const (
	ExitOK        = 0
	ExitOther     = 1   // something that has no number of its own
	ExitUsage     = 2   // the command line, or a file that a person wrote
	ExitBundle    = 3   // the bundle is damaged, or not the one that was meant
	ExitNodes     = 4   // some nodes are not whole; run it again
	ExitSource    = 5   // what the image set asks for cannot be had
	ExitSpace     = 6   // the medium is full or too small
	ExitOmitted   = 7   // done, but something that was asked for is left out
	ExitCluster   = 8   // the cluster refused, or did not finish
	ExitCancelled = 130 // ^C
)

// UsageError is something that a person wrote wrong.
type UsageError struct{ Err error }

// Error is the cause.
func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *UsageError) Unwrap() error { return e.Err }

// Usagef makes a UsageError.
func Usagef(format string, a ...any) error { return &UsageError{fmt.Errorf(format, a...)} }

// SourceError is something that was asked for and cannot be had: a registry
// does not give it, or it is not what it should be.
type SourceError struct{ Err error }

// Error is the cause.
func (e *SourceError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *SourceError) Unwrap() error { return e.Err }

// ClusterError is what a cluster did not take, or did not do in time. It has a
// type here because this package does not know the one that knows clusters:
// what packs bundles would have to contain it.
type ClusterError struct{ Err error }

// Error is the cause.
func (e *ClusterError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *ClusterError) Unwrap() error { return e.Err }

// StreamError is what ended a build whose bundle went through a pipe: nothing of it
// is kept.
type StreamError struct{ Err error }

// Error is the cause.
func (e *StreamError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *StreamError) Unwrap() error { return e.Err }

// Stream makes a StreamError of what went wrong, and nothing of nothing.
func Stream(err error) error {
	if err == nil {
		return nil
	}
	return &StreamError{err}
}

// BaseError is about what --base names, for which no other flag of build speaks.
type BaseError struct{ Err error }

// Error is the cause.
func (e *BaseError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *BaseError) Unwrap() error { return e.Err }

// ExitCode is the number for an error.
func ExitCode(err error) int {
	var (
		usage   *UsageError
		invalid *bundle.InvalidError
		root    *bundle.RootError
		nodes   *importer.NodesError
		http    *oci.HTTPError
		content *oci.ContentError
		source  *SourceError
		cluster *ClusterError
		omitted *OmittedError
		missing *fs.PathError
		kind    *bundle.KindError
	)
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, errCancelled):
		return ExitCancelled
	case errors.As(err, &usage), errors.As(err, &kind):
		return ExitUsage
	case errors.As(err, &invalid), errors.As(err, &root):
		return ExitBundle
	case errors.As(err, &nodes):
		return ExitNodes
	case errors.As(err, &cluster):
		return ExitCluster
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return ExitSpace
	case errors.As(err, &source), errors.As(err, &http), errors.As(err, &content):
		return ExitSource
	case errors.As(err, &omitted):
		return ExitOmitted
	case errors.As(err, &missing) && errors.Is(err, fs.ErrNotExist):
		return ExitUsage
	}
	return ExitOther
}

// report prints an error: each line of it with the program's name, then what
// may help.
func report(w io.Writer, program string, err error) {
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintf(w, "%s: %s\n", program, line)
	}
	var unfinished *bundle.UnfinishedError
	if errors.As(err, &unfinished) {
		fmt.Fprintf(w, "hint: %s keeps %s of %s; the same command goes on from there\n",
			unfinished.Path, ui.Bytes(unfinished.Kept), ui.Bytes(unfinished.Size))
	}
	if h := hint(err); h != "" {
		fmt.Fprintf(w, "hint: %s\n", h)
	}
}

// hint says what a person can do. Packages state facts; advice is given here.
func hint(err error) string {
	var (
		http     *oci.HTTPError
		nodes    *importer.NodesError
		root     *bundle.RootError
		invalid  *bundle.InvalidError
		unsigned *signature.UnsignedError
		attached *manifest.AttachmentError
		tooLarge *bundle.FileSizeError

		unfinished *bundle.UnfinishedError
		left       *bundle.LeftError
		file       *access.FileError
	)
	switch {
	case errors.Is(err, errCancelled) && errors.As(err, &unfinished):
		return ""
	case errors.Is(err, errCancelled) && errors.As(err, new(*StreamError)):
		return "of a bundle in a pipe nothing is kept here: the same command begins anew; what a node has got is not sent to it again"
	case errors.Is(err, errCancelled):
		return "nothing half-written has a final name; the same command again does the rest"
	case errors.Is(err, errUntrusted) && errors.As(err, new(damagedError)): // all of it has been read
		return "no byte is damaged: the release is not signed by a key that is trusted here; one of your own is trusted with --release-key FILE"
	case errors.Is(err, errUntrusted):
		return "a key of your own is trusted with --release-key FILE"
	case errors.As(err, &file) && errors.Is(err, fs.ErrNotExist):
		return "`import tls` makes a CA and a certificate for a site's registries, `import htpasswd` a password"
	case errors.As(err, new(*BaseError)) && errors.As(err, &invalid) && invalid.Missing:
		return "of a base in several folders, `bundle inspect --volume-dir DIR --save-manifest LIST` makes one file, and --base LIST takes it"
	case errors.As(err, &invalid) && invalid.Missing:
		return "volumes in other folders are found with --volume-dir DIR, once for each"
	case errors.As(err, &left):
		return "go on with all its folders (--volume-dir DIR, once for each), or give it up: rm " + strings.Join(left.Remove, " ")
	case errors.As(err, &tooLarge):
		return "--volume-size 4GiB splits the bundle into files that fit there"
	case errors.As(err, new(*bundle.KindError)):
		return "a bundle is a file; `-` in its place reads one from standard input"
	case errors.As(err, &invalid) && invalid.Cut:
		return "the same pipe again goes on: what a node has is not sent to it again"
	case errors.As(err, &invalid) && invalid.Newer:
		return "a newer program wrote it: read it with one as new"
	case errors.As(err, new(damagedError)): // it has just listed all
		return "take another copy of the bundle"
	case errors.As(err, &invalid):
		return "take another copy of the bundle; verify lists all that is wrong with this one"
	case errors.Is(err, importer.ErrSilent):
		return "on the node: systemctl status drayage-registry, journalctl -u drayage-registry; the same command again goes on"
	case errors.As(err, &nodes):
		return fmt.Sprintf("%d of %d nodes are whole; %s", nodes.Of-nodes.Failed, nodes.Of, nodeAdvice(err))
	case errors.As(err, &attached):
		return "blockedImages in the image set leaves one sigstore attachment out, --skip-sigstore all of them"
	case errors.As(err, &http) && (http.Status == 401 || http.Status == 403):
		return "give credentials with --authfile FILE (a pull secret), or `podman login " + loginName(http.Host) + "`"
	case errors.As(err, &unsigned):
		return "a key of your own is trusted with --release-key FILE, a store of your own asked with --signature-store URL"
	case errors.As(err, &root):
		return "this is another bundle than the one whose root was written down; do not import it"
	case ExitCode(err) == ExitSpace:
		return "free space there, or choose a larger medium"
	case errors.Is(err, oci.ErrPlainHTTP):
		return "a registry without TLS needs `insecure = true` in registries.conf"
	}
	return ""
}

// nodeAdvice is for nodes that could not be filled.
func nodeAdvice(err error) string {
	var (
		http   *oci.HTTPError
		sparse *importer.SparseError
		lacks  *importer.LackError
		state  *importer.StateError
	)
	_ = errors.As(err, &state)
	switch {
	case state != nil && len(state.State.Damaged) > 0:
		return damageAdvice(state.State)
	case errors.As(err, &sparse):
		return "a registry of distribution 3 takes indexes without all platforms with `validation: {manifests: {indexes: {platforms: none}}}`; any takes a bundle built without `platforms:`"
	case errors.As(err, &lacks):
		return "a node without the base needs the base first, or a bundle that holds everything"
	case errors.Is(err, oci.ErrPlainHTTP):
		return "nodes without TLS need `plainHTTP: true` under `registry:` in the site's file"
	case errors.As(err, &http) && (http.Status == 401 || http.Status == 403):
		return "give the nodes' credentials with registry.auth in the site's file, or with --authfile FILE"
	case errors.As(err, &http) && http.Status == 413:
		return "a proxy before the node's registry takes no request of that size: nginx does with `client_max_body_size 0;`"
	case errors.As(err, &http) && refusedWrite(http):
		return "the registry failed at writing, as it does when its disk is full: on " + http.Host + " look at `df -h` and `df -i` of its storage folder, and at its log; then the same command again goes on"
	case oci.CertificateError(err):
		return "registry.tls.ca in the site's file has to be the CA of the certificate that the nodes have; `import tls --renew` makes a new certificate"
	}
	switch {
	case state != nil && !state.State.Reachable:
		return "see whether the registry on " + state.State.Node + " runs and can be reached from here"
	case state != nil:
		return "`import push`, or `import repair --node " + state.State.Node + "`, brings what is missing"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the same command again finishes the rest; a registry that is down: on its node systemctl status drayage-registry, journalctl -u drayage-registry"
	}
	return "the same command again finishes the rest"
}

// refusedWrite is a registry that failed at something that writes. Distribution
// says 500 UNKNOWN whatever the cause, a full disk too.
func refusedWrite(e *oci.HTTPError) bool {
	writes := e.Method == http.MethodPost || e.Method == http.MethodPatch || e.Method == http.MethodPut
	return writes && (e.Status == http.StatusInternalServerError || e.Status == http.StatusInsufficientStorage)
}

// damageAdvice: distribution keeps a blob that it has, whatever is sent.
func damageAdvice(s importer.NodeState) string {
	hex := s.Damaged[0].Encoded()
	return fmt.Sprintf("a registry does not replace what it has: on %s remove docker/registry/v2/blobs/sha256/%.2s/%s/data below its storage folder (%d damaged in all), then `import repair --node %s`",
		s.Node, hex, hex, len(s.Damaged), s.Node)
}

// loginName is the name by which credentials for a host are kept.
func loginName(host string) string {
	if host == "registry-1.docker.io" {
		return "docker.io"
	}
	return host
}
