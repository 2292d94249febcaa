package registry

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// Request is one line of the access log: a request that was served.
type Request struct {
	Method string
	// Path is as it was sent, without the query: /v2/quay.io/a/b/blobs/sha256:...
	Path   string
	Status int
	// Bytes is the size of the response's body as far as it was sent.
	Bytes int64
}

// Requests reads the access log: every request since Start, over restarts too,
// in the order in which they ended. While the registry runs it first waits
// until no request is being served, for at most five seconds; then that is an
// error, and the log so far comes with it. Requests that Kill cut off are not there.
func (r *Registry) Requests() ([]Request, error) {
	settled := r.settle()
	b, err := os.ReadFile(r.accessLog())
	if err != nil {
		return nil, errors.Join(settled, err)
	}
	var all []Request
	for line := range strings.Lines(string(b)) {
		var q Request
		if _, err := fmt.Sscanf(line, "%s %s %d %d\n", &q.Method, &q.Path, &q.Status, &q.Bytes); err != nil {
			return nil, fmt.Errorf("%s: line %q: %w", r.accessLog(), line, err)
		}
		all = append(all, q)
	}
	return all, settled
}

// settle asks the child to wait for the requests that it serves.
func (r *Registry) settle() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.child == nil {
		return nil
	}
	if _, err := fmt.Fprintln(r.child.in, "sync"); err != nil {
		return fmt.Errorf("registry %s: %w", r.addr, err)
	}
	line, err := r.child.line(syncTime)
	if err != nil {
		return fmt.Errorf("registry %s: %w", r.addr, err)
	}
	if line != "synced" {
		return fmt.Errorf("registry %s: %s", r.addr, line)
	}
	return nil
}

// ClearRequests empties the access log, so that Requests tells only what comes after.
func (r *Registry) ClearRequests() error {
	if err := r.settle(); err != nil {
		return err
	}
	return os.Truncate(r.accessLog(), 0)
}

func writeHtpasswd(path string, users map[string]string) error {
	var b strings.Builder
	for user, password := range users {
		// The cheapest hash there is: it is checked with every request.
		h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
		if err != nil {
			return fmt.Errorf("user %s: %w", user, err)
		}
		fmt.Fprintf(&b, "%s:%s\n", user, h)
	}
	return os.WriteFile(path, []byte(b.String()), 0o600)
}
