package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"drayage/internal/cmdline"
	"drayage/internal/ui"
	"drayage/pkg/oci"
	"drayage/pkg/release"
)

// graphReader reads update graphs: from a saved one, or from the service.
type graphReader struct {
	arch   string
	file   string
	url    string
	source *oci.Source
	ui     *ui.UI
}

func newGraphReader(c *cli.Context) (*graphReader, error) {
	arch, ok := release.GraphArch(c.String("arch"))
	if !ok {
		return nil, cmdline.Usagef("--arch %.64q: want amd64, arm64, ppc64le, s390x or multi", c.String("arch"))
	}
	if c.IsSet("graph") && c.IsSet("graph-url") {
		return nil, cmdline.Usagef("list releases: --graph is read in place of --graph-url: give one of them")
	}
	if err := checkGraphURL(c); err != nil {
		return nil, err
	}
	if err := cmdline.CheckTimeout(c); err != nil {
		return nil, err
	}
	file, err := savedGraph(c)
	if err != nil {
		return nil, err
	}
	source, err := newSource(c, "", nil)
	if err != nil {
		return nil, err
	}
	return &graphReader{
		arch: arch, file: file, url: release.DefaultGraphURL(c.String("graph-url")),
		source: source, ui: cmdline.UI(c),
	}, nil
}

// savedGraph is the file that --graph names, which may be written as for plan.
func savedGraph(c *cli.Context) (string, error) {
	if !c.IsSet("graph") {
		return "", nil
	}
	files, err := savedGraphs([]string{c.String("graph")})
	for _, path := range files {
		return path, err
	}
	return "", err
}

func (r *graphReader) close() {
	r.ui.Close()
	r.source.Close()
}

// read reads the graph of a channel. A channel that the service does not know is
// a graph without releases.
func (r *graphReader) read(ctx context.Context, channel string) (*release.Graph, error) {
	if r.file != "" {
		return release.ReadGraph(r.file)
	}
	r.ui.Progress().Note("", fmt.Sprintf("reading the update graph of %s for %s", channel, r.arch))
	get := func(ctx context.Context, url, accept string, most int64) ([]byte, error) {
		raw, _, err := r.source.Document(ctx, url, accept, most)
		return raw, err
	}
	return release.FetchGraph(ctx, get, r.url, channel, r.arch)
}

// channelKinds are the beginnings of the names of channels, those first that
// have the most releases: the others take theirs from them.
var channelKinds = []string{"candidate", "fast", "stable", "eus"}

// ofVersion reads a graph that has the releases of a minor version, 4.16: the
// service lists no channels, so the usual ones are tried.
func (r *graphReader) ofVersion(ctx context.Context, minor string) (*release.Graph, error) {
	for _, kind := range channelKinds {
		g, err := r.read(ctx, kind+"-"+minor)
		if err != nil || len(g.Versions()) > 0 {
			return g, err
		}
	}
	return nil, fmt.Errorf("version %s: the update service has no %s-%s for %s", minor, strings.Join(channelKinds, "-"+minor+", "), minor, r.arch)
}

// named reads the graph of a channel that has to be there.
func (r *graphReader) named(ctx context.Context, channel string) (*release.Graph, error) {
	g, err := r.read(ctx, channel)
	if err != nil {
		return nil, err
	}
	known := g.ChannelList("")
	if r.file == "" && len(g.Versions()) > 0 || r.file != "" && len(known) == 0 {
		return g, nil
	}
	for _, k := range known {
		if k.Name == channel {
			return g, nil
		}
	}
	if minor := release.ChannelVersion(channel); r.file == "" && minor != "" {
		if g, err = r.ofVersion(ctx, minor); err != nil {
			return nil, fmt.Errorf("channel %s: %w", channel, err)
		}
		known = g.ChannelList(minor)
	}
	return nil, fmt.Errorf("channel %s: there is none for %s%s", channel, r.arch, thereAre(known))
}

// thereAre names channels.
func thereAre(channels []release.ListedChannel) string {
	var names []string
	for _, ch := range channels {
		names = append(names, ch.Name)
	}
	if len(names) == 0 {
		return ""
	}
	return "; there are: " + strings.Join(names, ", ")
}
