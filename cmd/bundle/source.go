package main

import (
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"drayage/internal/cmdline"
	"drayage/internal/progress"
	"drayage/pkg/graphdata"
	"drayage/pkg/imageset"
	"drayage/pkg/manifest"
	"drayage/pkg/oci"
	"drayage/pkg/plan"
	"drayage/pkg/release"
	"drayage/pkg/signature"
)

// sourceFlags say what travels and how registries are reached; plan and build
// have them alike.
func sourceFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "config", Aliases: []string{"c"}, Usage: "the image set: an ImageSetConfiguration in `FILE`"},
		&cli.StringFlag{Name: "registry-image", Value: plan.DefaultRegistryImage, Usage: "the registry that nodes run: `IMAGE`"},
		&cli.StringFlag{Name: "authfile", Usage: "credentials (a pull secret) in `FILE`; else REGISTRY_AUTH_FILE, docker's or podman's own"},
		&cli.StringFlag{Name: "registries-conf", Usage: "mirrors and insecure registries in `FILE`; else CONTAINERS_REGISTRIES_CONF or the system's own"},
		&cli.StringFlag{Name: "graph-url", Usage: "the update service, for channels with more than one version: `URL`; else UPDATE_URL_OVERRIDE or Red Hat's"},
		&cli.StringSliceFlag{Name: "graph", Usage: "a saved update graph in place of the service: `FILE`, or CHANNEL=FILE, CHANNEL/ARCH=FILE, several times"},
		&cli.BoolFlag{Name: "conditional-edges", Usage: "let upgrade paths use updates that Red Hat recommends not to all clusters"},
		&cli.StringFlag{Name: "graph-data", Usage: "for platform.graph, the data of the update graph: `URL|FILE`; else from beside --graph-url"},
		&cli.StringFlag{Name: "graph-base-image", Value: graphdata.DefaultBase, Usage: "for platform.graph, the `IMAGE` that the data is put on"},
		&cli.BoolFlag{Name: "with-dependencies", Usage: "add the packages that the operators require, as far as their catalog has them"},
		&cli.BoolFlag{Name: "keep-going", Usage: "leave out images of operators and additional images that registries refuse to give; the exit code is 7 then"},
		cmdline.KeyFlag,
		&cli.StringSliceFlag{Name: "signature-store", Usage: "where releases' signatures are: `URL`; else Red Hat's own; may be given several times"},
		&cli.BoolFlag{Name: "insecure-skip-signature", Usage: "take releases that nobody signed; the bundle says so for ever"},
		&cli.BoolFlag{Name: "skip-sigstore", Usage: "ask for no sigstore signatures (tags sha256-<hex>.sig); clusters from 4.21 on refuse OpenShift's images without them"},
		&cli.IntFlag{Name: "jobs", Value: 6, Usage: "`N` downloads at a time"},
		&cli.DurationFlag{Name: "timeout", Value: oci.DefaultTimeout, Usage: "give up on a registry that is silent for this `TIME`"},
		cmdline.ProgressFlag, cmdline.JSONFlag,
	}
}

// newSource makes the source of all content. spool is the folder for what has
// to be read before the bundle is begun; local has blobs that are here already,
// or is nil.
func newSource(c *cli.Context, spool string, local oci.LocalFunc) (*oci.Source, error) {
	s, err := oci.NewSource(oci.SourceOptions{
		ClientOptions:  oci.ClientOptions{AuthFile: c.String("authfile"), Timeout: c.Duration("timeout")},
		RegistriesConf: c.String("registries-conf"),
		SpoolDir:       spool,
		Local:          local,
	})
	if err != nil {
		return nil, &cmdline.UsageError{Err: err}
	}
	return s, nil
}

func planOptions(c *cli.Context, p progress.Func) (plan.Options, error) {
	keys, err := cmdline.Keyring(c)
	if err != nil {
		return plan.Options{}, err
	}
	stores := c.StringSlice("signature-store")
	if c.Bool("insecure-skip-signature") && (len(stores) > 0 || c.IsSet("release-key")) {
		return plan.Options{}, cmdline.Usagef("--insecure-skip-signature checks nothing: leave out --signature-store and --release-key, or itself")
	}
	for _, s := range stores {
		if !isURL(s) {
			return plan.Options{}, cmdline.Usagef("--signature-store %q: want a URL, https://host/path", s)
		}
	}
	if len(stores) == 0 {
		stores = signature.Stores
	}
	graphs, err := savedGraphs(c.StringSlice("graph"))
	if err != nil {
		return plan.Options{}, err
	}
	return plan.Options{
		RegistryImage: c.String("registry-image"), SkipSigstore: c.Bool("skip-sigstore"), Jobs: c.Int("jobs"), Progress: p,
		WithDependencies: c.Bool("with-dependencies"), KeepGoing: c.Bool("keep-going"),
		Graph: plan.GraphOptions{
			URL: release.DefaultGraphURL(c.String("graph-url")), Files: graphs, Conditional: c.Bool("conditional-edges"),
			Data: c.String("graph-data"), BaseImage: c.String("graph-base-image"),
		},
		Signatures: plan.SignatureOptions{Keyring: keys, Stores: stores, Skip: c.Bool("insecure-skip-signature"), Now: time.Now()},
	}, nil
}

// savedGraphs reads --graph: FILE, CHANNEL=FILE, CHANNEL/ARCH=FILE or /ARCH=FILE.
func savedGraphs(args []string) (map[string]string, error) {
	files := map[string]string{}
	for _, arg := range args {
		channel, path, named := strings.Cut(arg, "=")
		if !named {
			channel, path = "", arg
		}
		if _, twice := files[channel]; twice {
			return nil, cmdline.Usagef("--graph %s: a graph for that is given already; several channels want CHANNEL=FILE", arg)
		}
		if _, err := os.Stat(path); err != nil {
			return nil, &cmdline.UsageError{Err: err}
		}
		files[channel] = path
	}
	return files, nil
}

// readConfig reads the image set that -c names.
func readConfig(c *cli.Context) (*imageset.Config, error) {
	cfg, err := imageset.Read(c.String("config"))
	if err != nil {
		return nil, &cmdline.UsageError{Err: err}
	}
	return cfg, nil
}

// readPlan reads a plan that `bundle plan -o` saved.
func readPlan(path string) (*manifest.Manifest, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, &cmdline.UsageError{Err: err}
	}
	if info.Size() > manifest.MaxSize {
		return nil, cmdline.Usagef("%s: %d bytes, a plan has at most %d", path, info.Size(), manifest.MaxSize)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, &cmdline.UsageError{Err: err}
	}
	m, err := manifest.Decode(raw)
	if err != nil {
		return nil, &cmdline.UsageError{Err: fmt.Errorf("%s: %w", path, err)}
	}
	if m.Delta != nil {
		return nil, cmdline.Usagef("%s: is the packing list of a delta and no plan", path)
	}
	return m, nil
}

// checkSourceFlags refuses names, addresses and numbers that make no sense.
func checkSourceFlags(c *cli.Context) error {
	if _, err := manifest.ParseRef(c.String("registry-image")); err != nil {
		return cmdline.Usagef("--registry-image: %w", err)
	}
	if _, err := manifest.ParseRef(c.String("graph-base-image")); err != nil {
		return cmdline.Usagef("--graph-base-image: %w", err)
	}
	if err := checkGraphURL(c); err != nil {
		return err
	}
	if err := checkGraphData(c.String("graph-data")); err != nil {
		return err
	}
	return cmdline.CheckLimits(c)
}

// isURL says whether something can be asked over HTTP.
func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http")
}

// checkGraphURL refuses an address that is none.
func checkGraphURL(c *cli.Context) error {
	if s := c.String("graph-url"); s != "" && !isURL(s) {
		return cmdline.Usagef("--graph-url %q: want a URL, https://host/path", s)
	}
	return nil
}

// checkGraphData refuses an address or a file that nobody could read.
func checkGraphData(from string) error {
	switch {
	case from == "":
		return nil
	case graphdata.IsURL(from):
		if !isURL(from) {
			return cmdline.Usagef("--graph-data %q: want a URL, https://host/path, or a file", graphdata.Shown(from))
		}
		return nil
	}
	info, err := os.Stat(from)
	if err != nil {
		return &cmdline.UsageError{Err: err}
	}
	if !info.Mode().IsRegular() {
		return cmdline.Usagef("--graph-data %s: is no regular file", from)
	}
	return nil
}
