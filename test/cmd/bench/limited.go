package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// Rates of links, in bytes a second.
const (
	megabyte         = 1_000_000
	sourceRate int64 = 60 * megabyte
	nodeRate   int64 = 110 * megabyte
	slowRate         = nodeRate / 10
)

// linkResult is what was measured with links in between.
type linkResult struct {
	// build by a source of sourceRate; fetched are the bytes that came over the link.
	build   time.Duration
	fetched int64
	// passes is what a link without limit passes, in bytes a second; limited what
	// one of nodeRate does.
	passes, limited int64
	// direct and open are pushes without links and through links without limit.
	direct, open time.Duration
	// push to nodes of nodeRate each; sent are the bytes that one node got.
	push time.Duration
	sent int64
	// pair is how long two such nodes take alone, together the same two beside
	// one of slowRate, slow that one itself: the slower of the two each time.
	pair, together, slow time.Duration
}

func (l *linkResult) buildFloor() time.Duration { return floor(l.fetched, sourceRate) }
func (l *linkResult) pushFloor() time.Duration  { return floor(l.sent, nodeRate) }

func floor(n int64, rate int64) time.Duration {
	return time.Duration(float64(n) / float64(rate) * float64(time.Second))
}

// measureLinks runs ours over links. The bundle of measureCold is still there.
func (r *report) measureLinks() error {
	passes, err := throughput(0, probe)
	if err != nil {
		return err
	}
	limited, err := throughput(nodeRate, 2*nodeRate)
	if err != nil {
		return err
	}
	r.links = &linkResult{passes: passes, limited: limited}
	say("a link without limit passes %d MB/s, one of %d passes %d", passes/megabyte, nodeRate/megabyte, limited/megabyte)
	own := runner{r.world, r.tools[0]}
	for _, part := range []func(runner) error{r.limitedBuild, r.openPush, r.limitedPush, r.unevenPush} {
		if err := part(own); err != nil {
			return err
		}
	}
	return nil
}

func (r *report) limitedBuild(own runner) (err error) {
	k, err := newLink(r.source.Addr(), sourceRate)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.close()) }()
	if err := r.write("limited.conf", registriesConf(k.addr())); err != nil {
		return err
	}
	if err := r.source.ClearRequests(); err != nil {
		return err
	}
	bin := filepath.Dir(own.t.program)
	u, err := spawn(r.ctx, own.dir(), own.env(), buildOurs(bin, "../limited.conf"))
	if err != nil {
		return err
	}
	r.links.build = u.wall
	r.links.fetched, err = r.fetched()
	say("build at %d MB/s: %.2f s, floor %.2f s   load %.2f", sourceRate/megabyte, u.wall.Seconds(), r.links.buildFloor().Seconds(), u.load)
	return err
}

// openPush measures whether links are in the way by themselves.
func (r *report) openPush(own runner) error {
	direct, err := r.pushOver(own, "")
	if err != nil {
		return err
	}
	open, err := r.pushOver(own, "", 0, 0, 0)
	if err != nil {
		return err
	}
	r.links.direct, r.links.open = direct.wall, open.wall
	say("push without links %.2f s, through links without limit %.2f s", direct.wall.Seconds(), open.wall.Seconds())
	return nil
}

func (r *report) limitedPush(own runner) error {
	p, err := r.pushOver(own, "", nodeRate, nodeRate, nodeRate)
	if err != nil {
		return err
	}
	r.links.push, r.links.sent = p.wall, p.nodes[0].BytesSent
	say("push at %d MB/s: %.2f s, floor %.2f s   load %.2f", nodeRate/megabyte, p.wall.Seconds(), r.links.pushFloor().Seconds(), loadNow())
	return nil
}

func (r *report) unevenPush(own runner) error {
	pair, err := r.pushOver(own, " --node node1 --node node2", nodeRate, nodeRate, slowRate)
	if err != nil {
		return err
	}
	all, err := r.pushOver(own, "", nodeRate, nodeRate, slowRate)
	if err != nil {
		return err
	}
	r.links.pair = max(pair.nodes[0].took(), pair.nodes[1].took())
	r.links.together = max(all.nodes[0].took(), all.nodes[1].took())
	r.links.slow = all.nodes[2].took()
	say("two fast nodes alone %.2f s, beside a slow one %.2f s, that one %.2f s   load %.2f",
		r.links.pair.Seconds(), r.links.together.Seconds(), r.links.slow.Seconds(), loadNow())
	return nil
}

// pushed is a push to empty nodes.
type pushed struct {
	wall  time.Duration
	nodes []nodeResult
}

// nodeResult is a node in what import push prints with --json.
type nodeResult struct {
	BytesSent int64   `json:"bytesSent"`
	Seconds   float64 `json:"seconds"`
}

func (n nodeResult) took() time.Duration { return time.Duration(n.Seconds * float64(time.Second)) }

// pushOver pushes over a link of a rate to each node, or without links.
func (r *report) pushOver(own runner, flags string, rates ...int64) (p pushed, err error) {
	if err := r.clear(); err != nil {
		return p, err
	}
	addrs := r.addrs()
	for i, rate := range rates {
		k, err := newLink(addrs[i], rate)
		if err != nil {
			return p, err
		}
		defer k.close()
		addrs[i] = k.addr()
	}
	if err := r.write("linked.yaml", siteFile(addrs)); err != nil {
		return p, err
	}
	u, err := spawn(r.ctx, own.dir(), own.env(), pushOurs(filepath.Dir(own.t.program), "../linked.yaml"+flags))
	if err != nil {
		return p, err
	}
	var result struct{ Nodes []nodeResult }
	if err := json.Unmarshal([]byte(u.out), &result); err != nil {
		return p, fmt.Errorf("import push --json: %w", err)
	}
	return pushed{u.wall, result.Nodes}, nil
}
