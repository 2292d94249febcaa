package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"drayage/internal/cmdline"
	"drayage/internal/ui"
	"drayage/pkg/bundle"
	"drayage/pkg/cluster"
	"drayage/pkg/manifest"
	"drayage/pkg/site"
)

// clusterFlags are those of the commands that write to a cluster.
var clusterFlags = []cli.Flag{
	&cli.StringFlag{Name: "kubeconfig", Usage: "the cluster's kubeconfig in `FILE`; otherwise KUBECONFIG, then ~/.kube/config"},
	&cli.StringFlag{Name: "context", Usage: "the kubeconfig's context `NAME`; otherwise its current one"},
	&cli.BoolFlag{Name: "yes", Usage: "do not ask"},
	&cli.StringSliceFlag{Name: "optional", Usage: "the optional object `NAME` too, as kind/name or as render's file; may be given several times"},
	&cli.DurationFlag{Name: "node-timeout", Value: cluster.DefaultNodeTimeout, Usage: "give up when one node is not done after this `TIME`"},
	&cli.BoolFlag{Name: "force-space", Usage: "go on although a node's disk gets fuller than it should"},
	&cli.BoolFlag{Name: "force-conflicts", Usage: "take fields of these objects over from other managers"},
}

func checkNodeTimeout(c *cli.Context) error {
	if d := c.Duration("node-timeout"); d < time.Second {
		return cmdline.Usagef("--node-timeout %s: want a second at least, as in 40m", d)
	}
	return nil
}

// nobodyToAsk: neither is there a terminal nor did anybody say --yes.
func nobodyToAsk(c *cli.Context) bool { return !c.Bool("yes") && !term.IsTerminal(int(os.Stdin.Fd())) }

func prepareOptions(c *cli.Context, to *cluster.Cluster, s *site.Site, b *bundle.Bundle, u *ui.UI) cluster.PrepareOptions {
	return cluster.PrepareOptions{
		Version: s.OpenShift, NodeBytes: releaseBytes(b.Manifest, to.Info.Version),
		ForceSpace: c.Bool("force-space"), ForceConflicts: c.Bool("force-conflicts"), AllowDegraded: c.Bool("allow-degraded"), Progress: u.Progress(),
	}
}

func connect(c *cli.Context) (*cluster.Cluster, error) {
	to, err := cluster.Connect(c.Context, cluster.ConnectOptions{Kubeconfig: c.String("kubeconfig"), Context: c.String("context")})
	var config *cluster.ConfigError
	if errors.Is(err, cluster.ErrNoKubeconfig) || errors.As(err, &config) {
		return nil, &cmdline.UsageError{Err: err}
	}
	return to, clusterError(err)
}

// clusterError keeps nil nil.
func clusterError(err error) error {
	if err == nil {
		return nil
	}
	return &cmdline.ClusterError{Err: err}
}

// releaseBytes is what an update to the largest release that the cluster does
// not have yet will put on every node's disk a second time: at most, because
// what images share is known for the whole bundle only.
func releaseBytes(m *manifest.Manifest, installed string) int64 {
	sums := map[string]int64{}
	for _, i := range m.Images {
		if i.Release != "" && (installed == "" || !strings.HasPrefix(i.Release, installed+"-")) {
			sums[i.Release] += i.Bytes
		}
	}
	var most int64
	for _, n := range sums {
		most = max(most, n)
	}
	var all int64
	for _, b := range m.Blobs {
		all += b.Size
	}
	if m.Delta != nil {
		_, left := m.Delta.LeftOut()
		all += left
	}
	return min(most, all)
}

// ask wants a y, and waits for an answer, or for ^C.
func ask(c *cli.Context, question string) error {
	fmt.Fprint(c.App.ErrWriter, question+" [y/N] ")
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(os.Stdin).ReadString('\n') // no answer is no
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-c.Context.Done():
		fmt.Fprintln(c.App.ErrWriter)
		return c.Context.Err()
	case a := <-answer:
		if a == "y" || a == "yes" {
			return nil
		}
		return fmt.Errorf("%s: nothing was written, because the answer was not y", c.Command.Name)
	}
}
