package main

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/urfave/cli/v2"

	"drayage/internal/cmdline"
	"drayage/pkg/release"
)

func listReleasesCommand() *cli.Command {
	return &cli.Command{
		Name:  "releases",
		Usage: "list the releases of a channel, or the channels of a version",
		Description: "With --channel the releases of that channel, the lowest first: UPDATES FROM counts the\n" +
			"releases of the channel that can be updated straight to it, RISKS names why others are\n" +
			"recommended to some clusters only. With --version 4.16 the channels of 4.16, with\n" +
			"--version 4.16.3 those that have 4.16.3.\n\n" +
			"   bundle list releases --version 4.16\n" +
			"   bundle list releases --channel stable-4.16",
		Flags: listFlags(
			&cli.StringFlag{Name: "channel", Usage: "list the releases of `CHANNEL`"},
			&cli.StringFlag{Name: "version", Usage: "list the channels of `VERSION`"},
			&cli.StringFlag{Name: "graph-url", Usage: "the update service: `URL`; else UPDATE_URL_OVERRIDE or Red Hat's"},
			&cli.StringFlag{Name: "graph", Usage: "a saved update graph in place of the service: `FILE`"}),
		Action: runListReleases,
	}
}

// askedVersion is 4.16 or 4.16.3, or what else begins like this.
var askedVersion = regexp.MustCompile(`^((?:0|[1-9][0-9]{0,4})\.(?:0|[1-9][0-9]{0,4}))(\..+)?$`)

func runListReleases(c *cli.Context) error {
	if err := cmdline.NoArgs(c); err != nil {
		return err
	}
	channel, version := c.String("channel"), c.String("version")
	switch m := askedVersion.FindStringSubmatch(version); {
	case channel != "" && version != "":
		return cmdline.Usagef("list releases: --channel lists releases, --version lists channels: give one of them")
	case version != "" && m == nil:
		return cmdline.Usagef("--version %.64q: want a version like 4.16 or 4.16.3", version)
	case channel == "" && version == "" && c.String("graph") == "":
		return cmdline.Usagef("list releases: of which channel? --channel stable-4.16 lists its releases, --version 4.16 the channels of 4.16")
	}
	r, err := newGraphReader(c)
	if err != nil {
		return err
	}
	defer r.close()
	if version != "" {
		err = listReleaseChannels(c, r, version)
	} else {
		err = listChannelReleases(c, r, channel)
	}
	if err != nil {
		return &cmdline.SourceError{Err: err}
	}
	return nil
}

// releaseChannelsResult is what --json prints; docs/json.md describes it.
type releaseChannelsResult struct {
	Version      string                  `json:"version"`
	Architecture string                  `json:"architecture"`
	Channels     []release.ListedChannel `json:"channels"`
}

func listReleaseChannels(c *cli.Context, r *graphReader, version string) error {
	m := askedVersion.FindStringSubmatch(version)
	g, err := r.ofVersion(c.Context, m[1])
	if err != nil {
		return err
	}
	list := g.ChannelList(m[1])
	if m[2] != "" {
		n, ok := g.Node(version)
		if !ok {
			return fmt.Errorf("version %.64s: there is none for %s; %s", version, r.arch, g.Near(version))
		}
		list = slices.DeleteFunc(g.ChannelList(""), func(ch release.ListedChannel) bool { return !slices.Contains(n.Channels, ch.Name) })
	}
	if len(list) == 0 {
		return fmt.Errorf("version %.64s: the graph tells of no channel%s", version, thereAre(g.ChannelList("")))
	}
	if c.Bool("json") {
		return cmdline.PrintJSON(c.App.Writer, releaseChannelsResult{version, r.arch, list})
	}
	var rows [][]string
	for _, ch := range list {
		rows = append(rows, []string{ch.Name, strconv.Itoa(ch.Releases), ch.Latest})
	}
	return printTable(c.App.Writer, []string{"CHANNEL", "RELEASES", "LATEST"}, rows)
}

// releasesResult is what --json prints; docs/json.md describes it.
type releasesResult struct {
	Channel      string          `json:"channel,omitempty"`
	Architecture string          `json:"architecture"`
	Releases     []releaseResult `json:"releases"`
}

type releaseResult struct {
	Version     string           `json:"version"`
	Payload     string           `json:"payload"`
	Digest      digest.Digest    `json:"digest"`
	URL         string           `json:"url,omitempty"`
	Channels    []string         `json:"channels"`
	UpdatesFrom []string         `json:"updatesFrom"`
	Risks       []riskFromResult `json:"risks"`
}

// riskFromResult is a risk, and the releases from which the update has it.
type riskFromResult struct {
	riskResult
	From []string `json:"from"`
}

func listChannelReleases(c *cli.Context, r *graphReader, channel string) error {
	read := r.named
	if channel == "" {
		read = r.read
	}
	g, err := read(c.Context, channel)
	if err != nil {
		return err
	}
	result := releasesResult{Channel: channel, Architecture: r.arch, Releases: []releaseResult{}}
	var rows [][]string
	for _, version := range g.Versions() {
		one := describeRelease(g, version)
		result.Releases = append(result.Releases, one)
		var risks []string
		for _, risk := range one.Risks {
			risks = append(risks, risk.Name)
		}
		rows = append(rows, []string{one.Version, one.Digest.Encoded()[:12], strconv.Itoa(len(one.UpdatesFrom)), strings.Join(risks, ", ")})
	}
	if c.Bool("json") {
		return cmdline.PrintJSON(c.App.Writer, result)
	}
	return printTable(c.App.Writer, []string{"VERSION", "DIGEST", "UPDATES FROM", "RISKS"}, rows)
}

func describeRelease(g *release.Graph, version string) releaseResult {
	n, _ := g.Node(version)
	r := releaseResult{
		Version: n.Version, Payload: n.Payload.String(), Digest: n.Payload.Digest, URL: n.URL,
		Channels: append([]string{}, n.Channels...), UpdatesFrom: []string{}, Risks: []riskFromResult{},
	}
	for _, h := range g.Into(version) {
		if !h.Conditional {
			r.UpdatesFrom = append(r.UpdatesFrom, h.From)
		}
		for _, risk := range h.Risks {
			r.addRisk(riskResult{risk.Name, risk.URL, risk.Message}, h.From)
		}
	}
	slices.SortFunc(r.Risks, func(a, b riskFromResult) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Message, b.Message))
	})
	return r
}

func (r *releaseResult) addRisk(risk riskResult, from string) {
	for i := range r.Risks {
		if r.Risks[i].riskResult == risk {
			r.Risks[i].From = append(r.Risks[i].From, from)
			return
		}
	}
	r.Risks = append(r.Risks, riskFromResult{risk, []string{from}})
}
