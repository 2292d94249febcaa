package main

import (
	"fmt"
	"time"
)

// What has to be reached.
const (
	fetchBar    = 1.02 // bytes fetched, of the unique bytes
	writeBar    = 1.02 // bytes written, of the bundle's
	buildBar    = 0.8  // build's time, of imgpkg's
	pushBar     = 0.85 // push's time, of imgpkg's
	keeperBar   = 0.6  // and of the fastest that keeps names and digests
	mediumBar   = 1.05 // bytes read of a cold medium, of the bundle's
	memoryBar   = 64 << 20
	againBar    = 1500 * time.Millisecond
	buildLink   = 1.05 // build's time over a limited link, of the floor
	pushLink    = 1.1  // push's
	besideSlow  = 1.05 // two fast nodes beside a slow one, of the same alone
	noWrites    = 0
	imgpkgTool  = "imgpkg"
	notMeasured = "not measured"
)

// bar is one line of what was to be reached.
type bar struct {
	what, want, got, verdict string
}

// bars judges.
func (r *report) bars() []bar {
	all := []bar{r.fetchedOnce(), r.writtenOnce(), r.against(stepBuild, imgpkgTool, buildBar), r.against(stepPush, imgpkgTool, pushBar)}
	keeper := r.fastestKeeper()
	all = append(all, r.against(stepPush, keeper, keeperBar))
	all = append(all, atMost("push, cold: bytes read / bundle", r.cold, mediumBar))
	all = append(all, r.memory(stepBuild), r.memory(stepPush))
	all = append(all, r.nothingToDo()...)
	return append(all, r.linkBars()...)
}

func (r *report) fetchedOnce() bar {
	u, _ := r.median(our, stepBuild)
	return atMost("build: bytes fetched / unique bytes", ratio(u.fetched, r.set.unique), fetchBar)
}

func (r *report) writtenOnce() bar {
	u, _ := r.median(our, stepBuild)
	return atMost("build: bytes written / bundle", ratio(u.written, u.result), writeBar)
}

// against compares our time with a peer's.
func (r *report) against(step, peer string, most float64) bar {
	what := fmt.Sprintf("%s: time / %s's", step, peer)
	mine, _ := r.median(our, step)
	theirs, _ := r.median(peer, step)
	return atMost(what, ratio(mine.wall, theirs.wall), most)
}

// fastestKeeper is the peer that pushes fastest of those that keep names and digests.
func (r *report) fastestKeeper() string {
	best, least := "the fastest that keeps names", time.Duration(0)
	for _, t := range r.tools[1:] {
		if u, ok := r.median(t.name, stepPush); ok && t.keeps && (least == 0 || u.wall < least) {
			best, least = t.name, u.wall
		}
	}
	return best
}

func (r *report) memory(step string) bar {
	u, _ := r.median(our, step)
	return bar{step + ": peak memory", "<= " + mib(memoryBar), mib(u.peak), verdict(u.peak <= memoryBar)}
}

func (r *report) nothingToDo() []bar {
	u, _ := r.median(our, stepAgain)
	got := bar{"again: time", fmt.Sprintf("< %.1f s", againBar.Seconds()), fmt.Sprintf("%.2f s", u.wall.Seconds()), verdict(u.wall < againBar)}
	sent := bar{
		"again: requests that write, and bytes written", "0, 0",
		fmt.Sprintf("%d, %d", u.writes, u.written), verdict(u.writes == noWrites && u.written == 0),
	}
	if u.writes < 0 {
		sent.got, sent.verdict = "-", notMeasured
	}
	return []bar{got, sent}
}

func (r *report) linkBars() []bar {
	if r.links == nil {
		return nil
	}
	l := r.links
	return []bar{
		atMost(fmt.Sprintf("build, source of %d MB/s: time / floor", sourceRate/megabyte), ratio(l.build, l.buildFloor()), buildLink),
		atMost(fmt.Sprintf("push, nodes of %d MB/s: time / floor", nodeRate/megabyte), ratio(l.push, l.pushFloor()), pushLink),
		atMost("push, one node at a tenth: the other two / as if alone", ratio(l.together, l.pair), besideSlow),
	}
}

func atMost(what string, got, most float64) bar {
	want := fmt.Sprintf("<= %.2f", most)
	if got == 0 {
		return bar{what, want, "-", notMeasured}
	}
	return bar{what, want, fmt.Sprintf("%.3f", got), verdict(got <= most)}
}

func verdict(ok bool) string {
	if ok {
		return "met"
	}
	return "missed"
}

func mib(n int64) string { return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20)) }
