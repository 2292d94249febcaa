package oci

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"
)

// Whatever an upload ends with, the registry does not keep its half.
func TestAnUploadThatFailsIsTakenBack(t *testing.T) {
	cut := func(_ http.ResponseWriter, r *http.Request) {
		io.CopyN(io.Discard, r.Body, 10)
		panic(http.ErrAbortHandler)
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   int
	}{
		"a full disk":        {status(507, ""), 1},
		"always cut":         {cut, 4}, // three by the attempts, which learn that nothing was kept
		"silence":            {hang, 0},
		"refused altogether": {status(403, ""), 1},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, times(-1, "PUT", "/blobs/", c.answer))
			client := quickClient(t, ClientOptions{Timeout: 300 * time.Millisecond})
			if err := client.PutBlob(t.Context(), f.repo("a"), blobOf("content"), opener([]byte("content"))); err == nil {
				t.Fatal("no error")
			}
			if n := f.count("DELETE", "/blobs/uploads/"); n != c.want {
				t.Errorf("cancelled %d times, want %d", n, c.want)
			}
		})
	}
}

func TestAnUploadThatIsCancelledIsTakenBack(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	f := newFake(t, times(-1, "PUT", "/blobs/", func(w http.ResponseWriter, r *http.Request) {
		cancel()
		hang(w, r)
	}))
	err := quickClient(t, ClientOptions{}).PutBlob(ctx, f.repo("a"), blobOf("content"), opener([]byte("content")))
	if !errors.Is(err, context.Canceled) || f.count("DELETE", "/blobs/uploads/") != 1 {
		t.Errorf("%v, cancelled %d times", err, f.count("DELETE", "/blobs/uploads/"))
	}
}
