package importer

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"

	"drayage/pkg/oci"
	"drayage/pkg/site"
)

// SurveyOptions belong to Survey.
type SurveyOptions struct {
	Client *oci.Client
	Nodes  []site.Node
	// Jobs is how many requests one node sees at once. 0 means 8.
	Jobs int
}

// NodeContent is what stands on a node by its names alone: nobody has looked
// whether it is whole.
type NodeContent struct {
	Node      string `json:"node"`
	Host      string `json:"host"`
	Reachable bool   `json:"reachable"`
	// Releases are those of the release repository, 4.9.0-x86_64, sorted.
	Releases []string `json:"releases"`
	// Catalogs are repository:tag of images below the repository for operators
	// that say by a label that they are catalogs, sorted.
	Catalogs []string `json:"catalogs"`
	Error    string   `json:"error,omitempty"`
}

// Survey asks nodes, all at once, which releases and which catalogs they show.
// The contents are in the order of o.Nodes. The error is a [NodesError] for nodes
// that do not answer, or not to the end; when ctx ends, it is ctx's error.
func Survey(ctx context.Context, s *site.Site, o SurveyOptions) ([]NodeContent, error) {
	if o.Jobs <= 0 {
		o.Jobs = 8
	}
	contents := make([]NodeContent, len(o.Nodes))
	errs := onAll(len(o.Nodes), func(i int) error {
		n, c := o.Nodes[i], &contents[i]
		v := surveyor{registry: registryOf(s, n), client: o.Client, jobs: o.Jobs}
		*c = NodeContent{Node: n.Name, Host: v.Host, Releases: []string{}, Catalogs: []string{}}
		err := v.look(ctx, s.Repositories, c)
		c.Reachable = !noAnswer(err) && ctx.Err() == nil
		if err != nil {
			c.Error = err.Error()
			return fmt.Errorf("%s: %w", n.Name, err)
		}
		return nil
	})
	if ctx.Err() != nil {
		return contents, ctx.Err()
	}
	return contents, failed(errs)
}

type surveyor struct {
	registry
	client *oci.Client
	jobs   int
}

// releaseTag is the tag of a release; those of its components go on.
var releaseTag = regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?-(x86_64|aarch64|amd64|arm64|ppc64le|s390x|multi)$`)

func (v surveyor) look(ctx context.Context, r site.Repositories, c *NodeContent) error {
	tags, err := v.client.Tags(ctx, v.in(r.Release))
	if err != nil {
		return err
	}
	for _, tag := range tags {
		if releaseTag.MatchString(tag) {
			c.Releases = append(c.Releases, tag)
		}
	}
	slices.Sort(c.Releases)
	repos, err := v.client.Repositories(ctx, v.in(""))
	if err != nil {
		return err
	}
	repos = slices.DeleteFunc(repos, func(repo string) bool { return !strings.HasPrefix(repo, r.Operators+"/") })
	var mu sync.Mutex
	err = each(ctx, v.jobs, repos, func(ctx context.Context, repo string) error {
		found, err := v.catalogs(ctx, repo)
		mu.Lock()
		defer mu.Unlock()
		c.Catalogs = append(c.Catalogs, found...)
		return err
	})
	slices.Sort(c.Catalogs)
	return err
}

// catalogs are the tags of a repository of catalogs. One tag tells for all: a
// repository holds catalogs or something else.
func (v surveyor) catalogs(ctx context.Context, repo string) ([]string, error) {
	tags, err := v.client.Tags(ctx, v.in(repo))
	if err != nil {
		return nil, err
	}
	tags = slices.DeleteFunc(tags, func(tag string) bool { return strings.HasPrefix(tag, "sha256-") })
	if len(tags) == 0 {
		return nil, nil
	}
	is, err := v.isCatalog(ctx, repo, tags[0], 0)
	if err != nil || !is {
		return nil, err
	}
	var found []string
	for _, tag := range tags {
		found = append(found, repo+":"+tag)
	}
	return found, nil
}

// catalogLabel begins the labels by which an image says where its catalog lies.
const catalogLabel = "operators.operatorframework.io.index."

// maxConfig bounds an image's config, in bytes.
const maxConfig = 4 << 20

// isCatalog reads the labels of an image, of an index those of the first image
// that is there. What is not there, or cannot be read, is no catalog: whether it is
// whole is not asked here.
func (v surveyor) isCatalog(ctx context.Context, repo, ref string, depth int) (bool, error) {
	desc, raw, err := v.client.Manifest(ctx, v.in(repo), ref)
	if err != nil {
		return false, passing(ctx, err)
	}
	links, err := oci.Links(desc.MediaType, raw)
	if err != nil || depth > maxNesting {
		return false, nil //nolint:nilerr // see above
	}
	for _, l := range links {
		switch l.Kind {
		case oci.KindConfig:
			r, err := v.client.ReadBlob(ctx, []oci.Repository{v.in(repo)}, l.Descriptor)
			if err != nil {
				return false, nil //nolint:nilerr // see above
			}
			defer r.Close()
			raw, err := io.ReadAll(io.LimitReader(r, maxConfig))
			return err == nil && labelled(raw), passing(ctx, err)
		case oci.KindManifest, oci.KindIndex:
			d, err := v.client.ManifestDigest(ctx, v.in(repo), l.Descriptor.Digest.String())
			if err != nil {
				return false, passing(ctx, err)
			}
			if d != "" {
				return v.isCatalog(ctx, repo, d.String(), depth+1)
			}
		}
	}
	return false, nil
}

// passing keeps the errors that end a survey: a node that is gone.
func passing(ctx context.Context, err error) error {
	if ctx.Err() != nil || noAnswer(err) {
		return err
	}
	return nil
}

func labelled(config []byte) bool {
	var doc struct {
		Config struct{ Labels map[string]string } `json:"config"`
	}
	if json.Unmarshal(config, &doc) != nil {
		return false
	}
	for label := range doc.Config.Labels {
		if strings.HasPrefix(label, catalogLabel) {
			return true
		}
	}
	return false
}
