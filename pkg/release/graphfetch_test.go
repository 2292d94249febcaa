package release

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestFetchGraphAsksForChannelAndArchitecture(t *testing.T) {
	var asked string
	get := func(_ context.Context, url, accept string, most int64) ([]byte, error) {
		asked = url + " " + accept
		return graphText("stable-4.9", "4.9.0 4.9.1", "4.9.0>4.9.1"), nil
	}
	g, err := FetchGraph(t.Context(), get, "https://updates.example/graph?key=1", "stable-4.9", "x86_64")
	if err != nil || len(g.Versions()) != 2 {
		t.Fatalf("%v, %v", g, err)
	}
	if want := "https://updates.example/graph?arch=amd64&channel=stable-4.9&key=1 application/json"; asked != want {
		t.Errorf("asked for %s, want %s", asked, want)
	}
}

func TestFetchGraphSaysWhatIsWrong(t *testing.T) {
	down := func(context.Context, string, string, int64) ([]byte, error) {
		return nil, errors.New("updates.example: no answer")
	}
	garbage := func(context.Context, string, string, int64) ([]byte, error) { return []byte("<html>"), nil }
	cases := []struct {
		name, base, channel, arch, want string
		get                             Get
	}{
		{"no channel", "https://u", "stable 4.9", "amd64", `channel "stable 4.9": want a name like stable-4.12`, down},
		{"no architecture", "https://u", "stable-4.9", "m68k", "want amd64, arm64", down},
		{"no address", "updates.example", "stable-4.9", "amd64", "want one that begins with https://host", down},
		{"a password in a wrong address", "https://a:secret@\x7f", "stable-4.9", "amd64", "address of the update service: ", down},
		{"no answer", "https://u", "stable-4.9", "amd64", "graph stable-4.9 amd64: updates.example: no answer", down},
		{"another document", "https://u", "stable-4.9", "amd64", "graph stable-4.9 amd64: ", garbage},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := FetchGraph(t.Context(), c.get, c.base, c.channel, c.arch)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("error is %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestTheServiceIsTheFlagsOrTheEnvironmentsOrRedHats(t *testing.T) {
	t.Setenv("UPDATE_URL_OVERRIDE", "")
	if got := DefaultGraphURL(""); got != graphURL {
		t.Error(got)
	}
	t.Setenv("UPDATE_URL_OVERRIDE", "https://env")
	if got := DefaultGraphURL(""); got != "https://env" {
		t.Error(got)
	}
	if got := DefaultGraphURL("https://flag"); got != "https://flag" {
		t.Error(got)
	}
}
