package main

import (
	"strings"
	"testing"
	"time"
)

// seconds are rounds of a step that took so long.
func seconds(all ...int) (u []usage) {
	for _, s := range all {
		u = append(u, usage{wall: time.Duration(s) * time.Second, read: 100, result: 100})
	}
	return u
}

func TestBarsJudgeMediansByTheFastestPeerThatKeepsNames(t *testing.T) {
	r := &report{
		world: &world{set: &set{unique: 100}},
		tools: []tool{{name: our, keeps: true}, {name: "imgpkg"}, {name: "slow", keeps: true}, {name: "fast", keeps: true}},
		rounds: map[string]map[string][]usage{
			our:      {stepBuild: seconds(9, 8, 99), stepPush: seconds(8)},
			"imgpkg": {stepBuild: seconds(10), stepPush: seconds(10)},
			"slow":   {stepPush: seconds(20)},
			"fast":   {stepPush: seconds(12)},
		},
		cold: 1.05,
	}
	want := map[string]string{
		"build: time / imgpkg's":          "0.900 missed",
		"push: time / imgpkg's":           "0.800 met",
		"push: time / fast's":             "0.667 missed",
		"push, cold: bytes read / bundle": "1.050 met",
	}
	for _, b := range r.bars() {
		if w, ok := want[b.what]; ok && w != b.got+" "+b.verdict {
			t.Errorf("%s: %s %s, want %s", b.what, b.got, b.verdict, w)
		}
		delete(want, b.what)
	}
	if len(want) != 0 {
		t.Errorf("no such bars: %v", want)
	}
}

func TestBarsThatNeedAnAbsentPeerAreNotMeasured(t *testing.T) {
	r := &report{tools: []tool{{name: our}}, rounds: map[string]map[string][]usage{our: {stepBuild: seconds(1)}}}
	if b := r.against(stepBuild, imgpkgTool, buildBar); b.verdict != notMeasured {
		t.Errorf("got %+v", b)
	}
}

func TestPickSaysWhatIsMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	tools, absent, err := pick("bin", "crane,imgpkg")
	if err != nil || len(tools) != 1 || tools[0].name != our {
		t.Errorf("got %v, %v", tools, err)
	}
	if text := strings.Join(absent, "\n"); !strings.Contains(text, "imgpkg: not on PATH") || !strings.Contains(text, "crane: not on PATH") {
		t.Errorf("got %s", text)
	}
	if _, _, err := pick("bin", "crane,nothing"); err == nil || !strings.Contains(err.Error(), `-peers nothing: no such tool`) {
		t.Errorf("got %v", err)
	}
}

// The set is as large as was asked for, shares what it should, and is the same again.
func TestSetHasItsSize(t *testing.T) {
	const size = 16 << 20
	one, err := makeSet(size)
	if err != nil {
		t.Fatal(err)
	}
	if one.unique < size || one.unique > size*12/10 {
		t.Errorf("%d bytes unique, want %d and a little", one.unique, size)
	}
	if one.summed < 3*one.unique {
		t.Errorf("%d bytes summed, want three times the %d unique ones", one.summed, one.unique)
	}
	two, err := makeSet(size)
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range one.images {
		if n.Digest != two.images[i].Digest {
			t.Errorf("%s: another digest the second time", n.Ref)
		}
	}
}
