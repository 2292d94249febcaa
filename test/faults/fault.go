package faults

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Fault is what goes wrong: it stands between a client and the registry.
type Fault func(registry http.Handler) http.Handler

// Status answers with a status and headers (Retry-After, say) and does not ask
// the registry. The body is a registry's error document.
func Status(code int, header http.Header) Fault {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for name, values := range header {
				w.Header()[http.CanonicalHeaderKey(name)] = values
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(code)
			if r.Method != http.MethodHead {
				io.WriteString(w, `{"errors":[{"code":"UNKNOWN","message":"made up"}]}`)
			}
		})
	}
}

// Hang takes the request, body and all, and never answers. It ends when the
// client goes or the proxy closes.
func Hang() Fault {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			// Only a body that was read lets the server see that the client went.
			io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
			panic(http.ErrAbortHandler)
		})
	}
}

// Drop breaks the connection without an answer, as soon as the request is there.
func Drop() Fault {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	}
}

// CutAfter sends the registry's header and n bytes of its body and then breaks
// the connection. A shorter body is sent whole.
func CutAfter(n int64) Fault {
	return onBody(func(b *body, p []byte) (int, error) {
		rest := n - b.sent
		if int64(len(p)) <= rest {
			return b.pass(p)
		}
		if _, err := b.pass(p[:max(0, rest)]); err != nil {
			return 0, err
		}
		http.NewResponseController(b.ResponseWriter).Flush()
		return 0, errCut
	})
}

// errCut makes the proxy break both connections.
var errCut = errors.New("cut")

// CutUpload passes n bytes of the request's body on to the registry and then
// breaks both connections. A shorter body is passed whole.
func CutUpload(n int64) Fault {
	return onUpload(func(read int64, p []byte) ([]byte, error) {
		if read >= n {
			return nil, errCut
		}
		return p[:min(int64(len(p)), n-read)], nil
	})
}

// FlipByte changes the byte at this offset of the registry's body.
func FlipByte(at int64) Fault {
	return onBody(func(b *body, p []byte) (int, error) {
		if i := at - b.sent; i >= 0 && i < int64(len(p)) {
			p = append([]byte(nil), p...)
			p[i] ^= 1
		}
		return b.pass(p)
	})
}

// WrongDigestHeader sends a Docker-Content-Digest that is not the content's.
func WrongDigestHeader() Fault {
	return onHeader(func(h http.Header) {
		h.Set("Docker-Content-Digest", "sha256:"+strings.Repeat("0", 64))
	})
}

// WrongLength sends a Content-Length that is by so many bytes more, or less if
// negative, than the registry's, but not under 0. Of a longer one the client
// sees the connection break before the body's end; of a shorter one it gets the
// start of the body and no sign of trouble.
func WrongLength(by int64) Fault {
	header := func(h http.Header) {
		if n, ok := length(h); ok {
			h.Set("Content-Length", strconv.FormatInt(max(0, n+by), 10))
		}
	}
	return onResponse(header, func(b *body, p []byte) (int, error) {
		whole := len(p)
		if n, ok := length(b.Header()); ok {
			p = p[:min(int64(whole), n-b.sent)] // more than it said, the server would not send at all
		}
		_, err := b.pass(p)
		return whole, err
	})
}

func length(h http.Header) (n int64, ok bool) {
	n, err := strconv.ParseInt(h.Get("Content-Length"), 10, 64)
	return n, err == nil
}

// Delay waits before it asks the registry.
func Delay(d time.Duration) Fault {
	return func(registry http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(d):
				registry.ServeHTTP(w, r)
			case <-r.Context().Done():
				panic(http.ErrAbortHandler)
			}
		})
	}
}

// pieces is how many pieces a second Throttle passes, each way.
const pieces = 20

// Throttle passes at most so many bytes a second, but at least 20, of the
// registry's body, and as many of the request's. What the proxy reads at once, 32 KiB,
// bounds it too: 640 KiB/s is the most.
func Throttle(bytesPerSecond int) Fault {
	piece := max(1, bytesPerSecond/pieces)
	down := onBody(func(b *body, p []byte) (int, error) {
		var sent int
		for len(p) > 0 {
			n, err := b.pass(p[:min(len(p), piece)])
			sent += n
			if err != nil {
				return sent, err
			}
			http.NewResponseController(b.ResponseWriter).Flush()
			time.Sleep(time.Second / pieces)
			p = p[n:]
		}
		return sent, nil
	})
	up := onUpload(func(_ int64, p []byte) ([]byte, error) {
		time.Sleep(time.Second / pieces)
		return p[:min(len(p), piece)], nil
	})
	return func(registry http.Handler) http.Handler { return up(down(registry)) }
}

// body is a response on its way to the client.
type body struct {
	http.ResponseWriter
	header func(http.Header)
	write  func(b *body, p []byte) (int, error)
	began  bool
	sent   int64
}

func onBody(write func(b *body, p []byte) (int, error)) Fault {
	return onResponse(func(http.Header) {}, write)
}

func onHeader(header func(http.Header)) Fault {
	return onResponse(header, (*body).pass)
}

func onResponse(header func(http.Header), write func(b *body, p []byte) (int, error)) Fault {
	return func(registry http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			registry.ServeHTTP(&body{ResponseWriter: w, header: header, write: write}, r)
		})
	}
}

// pass sends bytes on as they are.
func (b *body) pass(p []byte) (int, error) {
	n, err := b.ResponseWriter.Write(p)
	b.sent += int64(n)
	return n, err
}

// WriteHeader changes the header as the fault wants it, once.
func (b *body) WriteHeader(code int) {
	if !b.began && code >= http.StatusOK {
		b.began = true
		b.header(b.Header())
	}
	b.ResponseWriter.WriteHeader(code)
}

// Write sends bytes in the way of the fault.
func (b *body) Write(p []byte) (int, error) {
	if !b.began {
		b.WriteHeader(http.StatusOK)
	}
	return b.write(b, p)
}

// Unwrap lets http.ResponseController reach the connection.
func (b *body) Unwrap() http.ResponseWriter { return b.ResponseWriter }

// upload is a request's body on its way to the registry.
type upload struct {
	io.ReadCloser
	space func(read int64, p []byte) ([]byte, error) // how much of p to fill next
	read  int64
}

func onUpload(space func(read int64, p []byte) ([]byte, error)) Fault {
	return func(registry http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Body != http.NoBody {
				r.Body = &upload{ReadCloser: r.Body, space: space}
			}
			registry.ServeHTTP(w, r)
		})
	}
}

func (u *upload) Read(p []byte) (int, error) {
	p, err := u.space(u.read, p)
	if err != nil {
		return 0, err
	}
	n, err := u.ReadCloser.Read(p)
	u.read += int64(n)
	return n, err
}
