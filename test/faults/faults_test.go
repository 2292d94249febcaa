package faults

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// content is what the stand-in for a registry serves.
var content = strings.Repeat("0123456789", 10_000)

// upstream answers GET and HEAD with content and others with what it was sent.
func upstream(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			// All of it before the answer: HTTP/1.1 is not for both at once.
			if b, err := io.ReadAll(r.Body); err == nil {
				w.Write(b)
			}
			return
		}
		w.Header().Set("Docker-Content-Digest", "sha256:right")
		w.Header().Set("X-Host", r.Host)
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(content))
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

func start(t *testing.T, rules ...Rule) *Proxy {
	t.Helper()
	p, err := Start(upstream(t), rules...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// answer is what a client got.
type answer struct {
	status int
	header http.Header
	body   string
	err    error // of the request or of reading the body
}

func ask(t *testing.T, p *Proxy, method, path, body string) answer {
	t.Helper()
	// One connection a request, or the client would try again by itself when
	// an idle one breaks.
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}
	q, err := http.NewRequestWithContext(t.Context(), method, "http://"+p.Addr()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Do(q)
	if err != nil {
		return answer{err: err}
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	return answer{r.StatusCode, r.Header, string(b), err}
}

func TestWithoutAFaultAllGoesThrough(t *testing.T) {
	p := start(t)
	a := ask(t, p, "GET", "/v2/x", "")
	if a.status != 200 || a.err != nil || a.body != content || a.header.Get("Docker-Content-Digest") != "sha256:right" {
		t.Errorf("GET: %d %v, %d bytes", a.status, a.err, len(a.body))
	}
	if got := a.header.Get("X-Host"); got != p.Addr() {
		t.Errorf("the registry saw the host %s, want the proxy's %s", got, p.Addr())
	}
	if a := ask(t, p, "PUT", "/v2/x", "sent"); a.body != "sent" || a.err != nil {
		t.Errorf("PUT: %+v", a)
	}
}

func TestStatusAnswersInTheRegistrysPlace(t *testing.T) {
	p := start(t, Rule{Fault: Status(429, http.Header{"retry-after": {"7"}})})
	a := ask(t, p, "GET", "/v2/x", "")
	if a.status != 429 || a.header.Get("Retry-After") != "7" || !strings.Contains(a.body, `"errors"`) || a.err != nil {
		t.Errorf("%+v", a)
	}
}

func TestHangEndsWithTheClientOrTheProxy(t *testing.T) {
	p := start(t, Rule{Fault: Hang()})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	q, _ := http.NewRequestWithContext(ctx, "PUT", "http://"+p.Addr()+"/v2/x", strings.NewReader(content))
	if _, err := http.DefaultClient.Do(q); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a client in a hurry: %v, want that its time was up", err)
	}
	time.AfterFunc(50*time.Millisecond, func() { p.Close() })
	if a := ask(t, p, "GET", "/v2/x", ""); a.err == nil {
		t.Errorf("a proxy that closed gave %d", a.status)
	}
}

func TestDropBreaksWithoutAnAnswer(t *testing.T) {
	p := start(t, Rule{Fault: Drop(), Match: func(r *http.Request) bool { return r.URL.RawQuery == "drop" }})
	if a := ask(t, p, "HEAD", "/v2/x?drop", ""); a.err == nil {
		t.Errorf("it was answered: %d", a.status)
	}
	if a := ask(t, p, "HEAD", "/v2/x", ""); a.err != nil || a.status != 200 {
		t.Errorf("another request: %+v", a)
	}
}

func TestCutAfterSendsTheStartAndBreaks(t *testing.T) {
	for _, n := range []int{0, 1, 4096, 70_000} {
		p := start(t, Rule{Fault: CutAfter(int64(n))})
		a := ask(t, p, "GET", "/v2/x", "")
		if a.status != 200 || !errors.Is(a.err, io.ErrUnexpectedEOF) || a.body != content[:n] {
			t.Errorf("%d: %d %v, %d bytes", n, a.status, a.err, len(a.body))
		}
	}
	p := start(t, Rule{Fault: CutAfter(int64(len(content)))})
	if a := ask(t, p, "GET", "/v2/x", ""); a.err != nil || a.body != content {
		t.Errorf("a body that is no longer: %v, %d bytes", a.err, len(a.body))
	}
}

func TestCutUploadBreaksInTheMiddleOfTheRequest(t *testing.T) {
	p := start(t, Rule{Method: "PUT", Times: 1, Fault: CutUpload(5000)})
	if a := ask(t, p, "PUT", "/v2/x", content); a.err == nil {
		t.Errorf("it was answered: %d", a.status)
	}
	if a := ask(t, p, "PUT", "/v2/x", content); a.err != nil || a.body != content {
		t.Errorf("the second time: %v, %d bytes", a.err, len(a.body))
	}
	p = start(t, Rule{Method: "PUT", Fault: CutUpload(5000)})
	if a := ask(t, p, "PUT", "/v2/x", "short"); a.err != nil || a.body != "short" {
		t.Errorf("a shorter body: %+v", a)
	}
}

func TestFlipByteChangesThatByteAlone(t *testing.T) {
	for _, at := range []int{0, 50_000, len(content) - 1} {
		p := start(t, Rule{Fault: FlipByte(int64(at))})
		a := ask(t, p, "GET", "/v2/x", "")
		want := []byte(content)
		want[at] ^= 1
		if a.err != nil || !bytes.Equal([]byte(a.body), want) {
			t.Errorf("%d: %v, %d bytes", at, a.err, len(a.body))
		}
	}
}

func TestWrongDigestHeaderLeavesTheRest(t *testing.T) {
	p := start(t, Rule{Fault: WrongDigestHeader()})
	for _, method := range []string{"GET", "HEAD"} {
		a := ask(t, p, method, "/v2/x", "")
		if got := a.header.Get("Docker-Content-Digest"); got != "sha256:"+strings.Repeat("0", 64) || a.status != 200 || a.err != nil {
			t.Errorf("%s: %s, %d %v", method, got, a.status, a.err)
		}
		if method == "GET" && a.body != content {
			t.Errorf("the body has %d bytes", len(a.body))
		}
	}
}

func TestWrongLength(t *testing.T) {
	p := start(t, Rule{Fault: WrongLength(10)})
	if a := ask(t, p, "GET", "/v2/x", ""); !errors.Is(a.err, io.ErrUnexpectedEOF) || a.body != content {
		t.Errorf("longer: %v, %d bytes", a.err, len(a.body))
	}
	for by, want := range map[int64]string{-10: content[:len(content)-10], -1 << 40: ""} {
		p := start(t, Rule{Fault: WrongLength(by)})
		if a := ask(t, p, "GET", "/v2/x", ""); a.err != nil || a.body != want {
			t.Errorf("%d: %v, %d bytes, want %d", by, a.err, len(a.body), len(want))
		}
	}
}

func TestDelayAndThrottleTakeTheirTime(t *testing.T) {
	for name, c := range map[string]struct {
		fault  Fault
		method string
		least  time.Duration
	}{
		"delay":         {Delay(200 * time.Millisecond), "GET", 200 * time.Millisecond},
		"throttle down": {Throttle(len(content) * 4), "GET", 200 * time.Millisecond},
		"throttle up":   {Throttle(len(content) * 4), "PUT", 200 * time.Millisecond},
	} {
		p := start(t, Rule{Fault: c.fault})
		began := time.Now()
		a := ask(t, p, c.method, "/v2/x", content)
		if took := time.Since(began); took < c.least || a.err != nil || a.body != content {
			t.Errorf("%s: %s, want at least %s; %v, %d bytes", name, took, c.least, a.err, len(a.body))
		}
	}
}

func TestRulesAreForTheirRequestsAndTurns(t *testing.T) {
	fail := func(code int) Fault { return Status(code, nil) }
	for name, c := range map[string]struct {
		rules []Rule
		want  []int // of five times GET /v2/blobs/x
	}{
		"all":                 {[]Rule{{Fault: fail(500)}}, []int{500, 500, 500, 500, 500}},
		"the first two":       {[]Rule{{Times: 2, Fault: fail(500)}}, []int{500, 500, 200, 200, 200}},
		"from the second":     {[]Rule{{Nth: 2, Fault: fail(500)}}, []int{200, 500, 500, 500, 500}},
		"second and third":    {[]Rule{{Nth: 2, Times: 2, Fault: fail(500)}}, []int{200, 500, 500, 200, 200}},
		"another method":      {[]Rule{{Method: "PUT", Fault: fail(500)}}, []int{200, 200, 200, 200, 200}},
		"another path":        {[]Rule{{PathRegexp: "/manifests/", Fault: fail(500)}}, []int{200, 200, 200, 200, 200}},
		"this path":           {[]Rule{{PathRegexp: "^/v2/.*/x$", Times: 1, Fault: fail(500)}}, []int{500, 200, 200, 200, 200}},
		"first one goes":      {[]Rule{{Times: 1, Fault: fail(500)}, {Times: 2, Fault: fail(503)}}, []int{500, 503, 200, 200, 200}},
		"one after the other": {[]Rule{{Nth: 1, Times: 1, Fault: fail(500)}, {Nth: 4, Times: 1, Fault: fail(503)}}, []int{500, 200, 200, 503, 200}},
	} {
		p := start(t, c.rules...)
		var got []int
		for range 5 {
			got = append(got, ask(t, p, "GET", "/v2/blobs/x", "").status)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestRequestsAndHitsAreCounted(t *testing.T) {
	p := start(t, Rule{Method: "HEAD", Fault: Status(500, nil)}, Rule{Method: "GET", Nth: 2, Fault: Delay(0)})
	ask(t, p, "GET", "/v2/a?query", "")
	ask(t, p, "HEAD", "/v2/b", "")
	ask(t, p, "GET", "/v2/c", "")
	want := []Request{{"GET", "/v2/a", "", -1}, {"HEAD", "/v2/b", "", 0}, {"GET", "/v2/c", "", 1}}
	if got := p.Requests(); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := p.Hits(); !slices.Equal(got, []int{1, 1}) {
		t.Errorf("hits %v", got)
	}
}

func TestManyClientsAtOnce(t *testing.T) {
	p := start(t, Rule{Times: 10, Fault: Status(500, nil)})
	var mu sync.Mutex
	var wg sync.WaitGroup
	got := map[int]int{}
	for range 30 {
		wg.Go(func() {
			a := ask(t, p, "GET", "/v2/x", "")
			mu.Lock()
			defer mu.Unlock()
			got[a.status]++
		})
	}
	wg.Wait()
	if got[500] != 10 || got[200] != 20 || len(p.Requests()) != 30 {
		t.Errorf("%v, %d requests", got, len(p.Requests()))
	}
}

func TestRulesThatAreWrongAreAllNamed(t *testing.T) {
	_, err := Start("127.0.0.1:1", Rule{Fault: Hang()}, Rule{PathRegexp: "(", Fault: Hang()}, Rule{})
	if err == nil || !strings.Contains(err.Error(), "rule 1: ") || !strings.Contains(err.Error(), "rule 2: no fault") {
		t.Errorf("%v", err)
	}
}

func TestARegistryThatIsDownBreaksTheConnection(t *testing.T) {
	p, err := Start("127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if a := ask(t, p, "GET", "/v2/x", ""); a.err == nil {
		t.Errorf("it was answered: %d", a.status)
	}
}
