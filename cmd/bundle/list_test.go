package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/opencontainers/go-digest"

	"drayage/internal/cmdline"
)

// updateService answers for the channels of 4.16; any other has no releases.
// What was asked for is in the slice.
func updateService(t *testing.T) (url string, asked *[]string) {
	t.Helper()
	node := func(version, channels string) string {
		return fmt.Sprintf(`{"version": %q, "payload": "quay.io/r/release@%s", "metadata": {"url": "https://e/%s", "io.openshift.upgrades.graph.release.channels": %q}}`,
			version, digest.FromString(version), version, channels)
	}
	graph := `{"version": 1, "nodes": [` + strings.Join([]string{
		node("4.16.0", "candidate-4.16,fast-4.16,stable-4.16,eus-4.18"), node("4.16.1", "candidate-4.16,fast-4.16"), node("4.16.2", "candidate-4.16"),
	}, ",") + `], "edges": [[0,1]], "conditionalEdges": [
		{"edges": [{"from": "4.16.0", "to": "4.16.2"}, {"from": "4.16.1", "to": "4.16.2"}], "risks": [{"name": "Snow", "url": "https://e/snow", "message": "it may snow"}]},
		{"edges": [{"from": "4.16.1", "to": "4.16.2"}], "risks": [{"name": "Hail", "url": "https://e/hail", "message": "it may\u001b hail"}]}]}`
	asked = &[]string{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		channel := r.URL.Query().Get("channel")
		*asked = append(*asked, channel+" "+r.URL.Query().Get("arch"))
		if strings.HasSuffix(channel, "-4.16") && channel != "stabel-4.16" && channel != "eus-4.16" {
			fmt.Fprint(w, graph)
			return
		}
		fmt.Fprint(w, `{"version": 1, "nodes": [], "edges": []}`)
	}))
	t.Cleanup(s.Close)
	t.Setenv("REGISTRY_AUTH_FILE", "")
	return s.URL + "/graph", asked
}

func TestListReleases(t *testing.T) {
	url, asked := updateService(t)
	out, err := run(listCommand(), "releases", "--channel", "stable-4.16", "--arch", "aarch64", "--graph-url", url)
	if err != nil {
		t.Fatal(err)
	}
	want := "VERSION  DIGEST        UPDATES FROM  RISKS\n" +
		"4.16.0   " + digest.FromString("4.16.0").Encoded()[:12] + "  0\n" +
		"4.16.1   " + digest.FromString("4.16.1").Encoded()[:12] + "  1\n" +
		"4.16.2   " + digest.FromString("4.16.2").Encoded()[:12] + "  0             Hail, Snow\n"
	if out != want || strings.Join(*asked, ", ") != "stable-4.16 arm64" {
		t.Errorf("asked %q, got\n%s\nwant\n%s", *asked, out, want)
	}
	out, err = run(listCommand(), "releases", "--channel", "stable-4.16", "--graph-url", url, "--json")
	if err != nil {
		t.Fatal(err)
	}
	var r releasesResult
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	last := r.Releases[len(r.Releases)-1]
	if r.Channel != "stable-4.16" || r.Architecture != "amd64" || len(r.Releases) != 3 || last.Digest != digest.FromString("4.16.2") ||
		last.Payload != "quay.io/r/release@"+last.Digest.String() || last.URL != "https://e/4.16.2" || len(last.Channels) != 1 || len(last.UpdatesFrom) != 0 {
		t.Errorf("got %+v", r)
	}
	if got := fmt.Sprint(last.Risks); got != "[{{Hail https://e/hail it may hail} [4.16.1]} {{Snow https://e/snow it may snow} [4.16.0 4.16.1]}]" {
		t.Errorf("risks are %s", got)
	}
}

func TestListChannelsOfAVersion(t *testing.T) {
	url, asked := updateService(t)
	for version, want := range map[string]string{
		"4.16":   "CHANNEL         RELEASES  LATEST\ncandidate-4.16  3         4.16.2\nfast-4.16       2         4.16.1\nstable-4.16     1         4.16.0\n",
		"4.16.1": "CHANNEL         RELEASES  LATEST\ncandidate-4.16  3         4.16.2\nfast-4.16       2         4.16.1\n",
	} {
		*asked = nil
		out, err := run(listCommand(), "releases", "--version", version, "--graph-url", url)
		if err != nil || out != want {
			t.Errorf("%s: %v, got\n%s\nwant\n%s", version, err, out, want)
		}
		if strings.Join(*asked, ", ") != "candidate-4.16 amd64" {
			t.Errorf("asked %q, want one channel", *asked)
		}
	}
}

func TestListReleasesSaysWhatIsNotThere(t *testing.T) {
	url, _ := updateService(t)
	for _, c := range []struct {
		line, want string
		code       int
	}{
		{"--channel stabel-4.16", "channel stabel-4.16: there is none for amd64; there are: candidate-4.16, fast-4.16, stable-4.16", cmdline.ExitSource},
		{"--channel stable-4.61", "channel stable-4.61: version 4.61: the update service has no candidate-4.61, fast-4.61, stable-4.61, eus-4.61 for amd64", cmdline.ExitSource},
		{"--channel stable", "channel stable: there is none for amd64", cmdline.ExitSource},
		{"--version 4.61", "version 4.61: the update service has no candidate-4.61, fast-4.61, stable-4.61, eus-4.61 for amd64", cmdline.ExitSource},
		{"--version 4.16.7", "version 4.16.7: there is none for amd64; nearest below is 4.16.2, there is none above", cmdline.ExitSource},
		{"--version 4", `--version "4": want a version like 4.16 or 4.16.3`, cmdline.ExitUsage},
		{"--version 4.16 --channel stable-4.16", "list releases: --channel lists releases, --version lists channels: give one of them", cmdline.ExitUsage},
		{"", "list releases: of which channel? --channel stable-4.16 lists its releases, --version 4.16 the channels of 4.16", cmdline.ExitUsage},
		{"--channel a --arch m68k", `--arch "m68k": want amd64, arm64, ppc64le, s390x or multi`, cmdline.ExitUsage},
		{"--channel a --graph gone.json", "stat gone.json: no such file or directory", cmdline.ExitUsage},
		{"--channel a --graph list.go", "list releases: --graph is read in place of --graph-url: give one of them", cmdline.ExitUsage},
		{"--channel a --graph-url ftp://updates.example", `--graph-url "ftp://updates.example": want a URL, https://host/path`, cmdline.ExitUsage},
		{"--channel a --timeout 1ms", "--timeout 1ms: want a second at least, as in 90s or 5m", cmdline.ExitUsage},
		{"stable-4.16", `releases: takes no argument, but was given "stable-4.16"`, cmdline.ExitUsage},
	} {
		args := append([]string{"releases"}, strings.Fields(c.line)...)
		if !strings.Contains(c.line, "gone.json") {
			args = append([]string{"releases", "--graph-url", url}, strings.Fields(c.line)...)
		}
		out, err := run(listCommand(), args...)
		if err == nil || !strings.HasSuffix(err.Error(), c.want) || cmdline.ExitCode(err) != c.code || out != "" {
			t.Errorf("%s: code %d, out %q\ngot  %v\nwant %s", c.line, cmdline.ExitCode(err), out, err, c.want)
		}
	}
}

// A saved graph is listed without asking anybody.
func TestListReleasesOfASavedGraph(t *testing.T) {
	t.Setenv("REGISTRY_AUTH_FILE", "")
	graph := filepath.Join(t.TempDir(), "graph.json")
	text := `{"nodes": [{"version": "4.9.0", "payload": "quay.io/r/release@` + digest.FromString("x").String() + `", "metadata": {}}], "edges": []}`
	if err := os.WriteFile(graph, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"--graph", graph}, {"--graph", "stable-4.9=" + graph, "--channel", "stable-4.9"}} {
		if out, err := run(listCommand(), append([]string{"releases"}, args...)...); err != nil || !strings.Contains(out, "\n4.9.0    2d711642b726  0\n") {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	_, err := run(listCommand(), "releases", "--graph", graph, "--version", "4.9")
	if err == nil || err.Error() != "version 4.9: the graph tells of no channel" {
		t.Error(err)
	}
}

func TestListsThatCannotWork(t *testing.T) {
	t.Setenv("REGISTRY_AUTH_FILE", "")
	for line, want := range map[string]string{
		"":                                  "list: what? there are: releases, operators, channels, versions",
		"opertors":                          `list: there is no "opertors"; there are: releases, operators, channels, versions`,
		"operators":                         "list operators: which CATALOG? see bundle list operators --help",
		"operators a:1 b":                   "list operators: takes CATALOG, these are too many: b",
		"operators --channel x a:1":         "list operators: --channel is of a package: give --package too",
		"operators a":                       `catalog "a": has neither a tag nor a digest`,
		"channels a:1":                      "list channels: which PACKAGE? see bundle list channels --help",
		"channels --catalog a:1":            "list channels: which PACKAGE? see bundle list channels --help",
		"versions a:1 b --channel c":        "list versions: --channel comes after CATALOG PACKAGE; flags come first: bundle list versions --channel c a:1 b",
		"versions --arch multi a:1 b":       `--arch "multi": want amd64, arm64, ppc64le or s390x`,
		"operators --timeout 0s a:1":        "--timeout 0s: want a second at least, as in 90s or 5m",
		"operators --authfile gone.txt a:1": "gone.txt",
	} {
		out, err := run(listCommand(), strings.Fields(line)...)
		if err == nil || !strings.Contains(err.Error(), want) || out != "" {
			t.Errorf("%s: out %q\ngot  %v\nwant %s", line, out, err, want)
		}
		if code := cmdline.ExitCode(err); code != cmdline.ExitUsage {
			t.Errorf("%s: code %d", line, code)
		}
	}
}

func TestTablesFitATerminal(t *testing.T) {
	var b bytes.Buffer
	err := printTable(&b, []string{"A", "B"}, [][]string{{"one", strings.Repeat("é", 200)}, {"two\x1b[31m", "short"}, {"", ""}})
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if n := utf8.RuneCountInString(line) - 1; n > tableWidth || strings.HasSuffix(line, " \n") {
			t.Errorf("%d characters: %q", n, line)
		}
	}
	if !strings.Contains(b.String(), "é...\n") || !strings.Contains(b.String(), "two?[31m  short\n") {
		t.Errorf("got\n%s", b.String())
	}
}
