package registry

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestRegistryKeepsDataAndAddressOverRestart(t *testing.T) {
	r := StartT(t, Options{})
	digest := pushBlob(t, r.Addr(), "a/b", "some bytes")
	before := r.Addr()
	for name, end := range map[string]func() error{"stop": r.Stop, "kill": r.Kill} {
		if err := end(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if c, err := net.Dial("tcp", before); err == nil {
			c.Close()
			t.Fatalf("%s: it still listens on %s", name, before)
		}
		if err := r.Restart(t.Context()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if r.Addr() != before {
			t.Errorf("%s: address %s, want %s", name, r.Addr(), before)
		}
		if status, body := get(t, "http://"+r.Addr()+"/v2/a/b/blobs/"+digest); status != 200 || body != "some bytes" {
			t.Errorf("%s: %d %q", name, status, body)
		}
	}
}

func TestStopDoesNotWaitForUnusedConnections(t *testing.T) {
	r := StartT(t, Options{})
	c, err := net.Dial("tcp", r.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	get(t, "http://"+r.Addr()+"/v2/") // so that the one before it has been accepted
	began := time.Now()
	if err := r.Stop(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > stopTime/2 {
		t.Errorf("it took %s", took)
	}
}

func TestStopAndCloseMayBeCalledTwice(t *testing.T) {
	r := StartT(t, Options{})
	if err := r.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(r.Root()); !os.IsNotExist(err) {
		t.Errorf("%s: still there: %v", r.Root(), err)
	}
}

func TestEndOfContextStopsTheRegistry(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r, err := Start(ctx, Options{})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func TestAccessLogHasEachRequestOnceWithItsBytes(t *testing.T) {
	r := StartT(t, Options{})
	big := strings.Repeat("x", 3<<20)
	digest := pushBlob(t, r.Addr(), "a/b", big)
	if err := r.ClearRequests(); err != nil {
		t.Fatal(err)
	}
	url := "http://" + r.Addr() + "/v2/a/b/blobs/" + digest
	want := []Request{
		{"GET", "/v2/a/b/blobs/" + digest, 200, 3 << 20},
		{"HEAD", "/v2/a/b/blobs/" + digest, 200, 0},
		{"HEAD", "/v2/a/b/manifests/none", 404, 0},
		{"GET", "/v2/", 200, 2},
	}
	get(t, url+"?ignored=query")
	head(t, url)
	head(t, "http://"+r.Addr()+"/v2/a/b/manifests/none")
	got, err := r.Requests()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want[:3]) {
		t.Errorf("got %v, want %v", got, want[:3])
	}
	if err := r.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	get(t, "http://"+r.Addr()+"/v2/")
	if got, err := r.Requests(); err != nil || !slices.Equal(got, want) {
		t.Errorf("after a restart: got %v, %v, want %v", got, err, want)
	}
}

func TestUsersAreAskedForTheirPassword(t *testing.T) {
	r := StartT(t, Options{Users: map[string]string{"joe": "secret"}})
	for _, c := range []struct {
		userinfo string
		want     int
	}{{"", 401}, {"joe:wrong@", 401}, {"joe:secret@", 200}} {
		if got, _ := get(t, "http://"+c.userinfo+r.Addr()+"/v2/"); got != c.want {
			t.Errorf("%q: %d, want %d", c.userinfo, got, c.want)
		}
	}
}

func TestDeleteIsRefusedUnlessAllowed(t *testing.T) {
	for allowed, want := range map[bool]int{false: 405, true: 202} {
		r := StartT(t, Options{Delete: allowed})
		digest := pushBlob(t, r.Addr(), "a/b", "some bytes")
		status, _ := request(t, http.MethodDelete, "http://"+r.Addr()+"/v2/a/b/blobs/"+digest, "")
		if status != want {
			t.Errorf("allowed %v: %d, want %d", allowed, status, want)
		}
	}
}

func TestStartRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		o    Options
		want string
	}{
		"an address that is not loopback": {Options{Addr: "0.0.0.0:0"}, "not a loopback address"},
		"an address without a port":       {Options{Addr: "127.0.0.1"}, "127.0.0.1"},
		"a port that is taken":            {Options{Addr: taken(t)}, "address already in use"},
	} {
		r, err := Start(t.Context(), c.o)
		if err == nil {
			r.Close()
			t.Errorf("%s: it started", name)
		} else if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q in it", name, err, c.want)
		}
	}
}

func TestBinaryComesFromTheEnvironment(t *testing.T) {
	built, err := Binary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := strings.TrimSuffix(built, "/registry")
	for _, value := range []string{built, dir} {
		t.Setenv(BinaryEnv, value)
		if got, err := Binary(t.Context()); err != nil || got != built {
			t.Errorf("%s: %s, %v", value, got, err)
		}
	}
	t.Setenv(BinaryEnv, dir+"/none")
	if got, err := Binary(t.Context()); err == nil {
		t.Errorf("a file that is not there gave %s", got)
	}
}

// taken is an address on which somebody listens.
func taken(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

func pushBlob(t *testing.T, addr, repo, content string) string {
	t.Helper()
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(content)))
	url := fmt.Sprintf("http://%s/v2/%s/blobs/uploads/?digest=%s", addr, repo, digest)
	r, err := http.Post(url, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	status, body := request(t, http.MethodPut, r.Header.Get("Location")+"&digest="+digest, content)
	if status != http.StatusCreated {
		t.Fatalf("%s: %d %s", url, status, body)
	}
	return digest
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	return request(t, http.MethodGet, url, "")
}

func head(t *testing.T, url string) {
	t.Helper()
	request(t, http.MethodHead, url, "")
}

func request(t *testing.T, method, url, content string) (int, string) {
	t.Helper()
	q, err := http.NewRequest(method, url, strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

// The same index of an image that is nowhere, with and without Sparse.
func TestSparseTakesIndexesWithoutTheirImages(t *testing.T) {
	const index = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[` +
		`{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:d262a12de33125907e0b75a5ea34301dd27c4a6bde8295f6b922411f07623e61",` +
		`"size":7,"platform":{"os":"linux","architecture":"s390x"}}]}`
	for sparse, want := range map[bool]int{true: 201, false: 400} {
		r := StartT(t, Options{Sparse: sparse})
		q, err := http.NewRequest(http.MethodPut, "http://"+r.Addr()+"/v2/a/b/manifests/v1", strings.NewReader(index))
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("Content-Type", "application/vnd.oci.image.index.v1+json")
		resp, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("sparse %t: %s, want %d", sparse, resp.Status, want)
		}
	}
}
