package importer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/manifest"
	"drayage/pkg/oci"
)

// inventory is what nodes hold under names: repository:tag, and the digest that
// each of them has there.
type inventory struct {
	client *oci.Client
	jobs   int
	hosts  []registry // in the order of the site
	names  []string   // of these nodes
	tags   map[spot]map[int]digest.Digest
	bare   []map[string]bool // of each host, repositories that it lists without tags
}

// takeInventory asks all these nodes at once. Those that do not answer are left
// out, and their errors come back; at least one must answer.
func takeInventory(ctx context.Context, client *oci.Client, jobs int, names []string, hosts []registry) (*inventory, []error) {
	found := make([]map[spot]digest.Digest, len(hosts))
	bare := make([]map[string]bool, len(hosts))
	errs := onAll(len(hosts), func(i int) (err error) {
		found[i], bare[i], err = namesOn(ctx, client, jobs, hosts[i])
		return err
	})
	inv := &inventory{client: client, jobs: jobs, tags: map[spot]map[int]digest.Digest{}}
	var silent []error
	for i := range hosts {
		if errs[i] != nil {
			silent = append(silent, fmt.Errorf("%s: %w", names[i], errs[i]))
			continue
		}
		at := len(inv.hosts)
		inv.hosts, inv.names = append(inv.hosts, hosts[i]), append(inv.names, names[i])
		inv.bare = append(inv.bare, bare[i])
		for s, d := range found[i] {
			if inv.tags[s] == nil {
				inv.tags[s] = map[int]digest.Digest{}
			}
			inv.tags[s][at] = d
		}
	}
	return inv, silent
}

// namesOn lists all tags of all repositories of a node, and which of these show none.
func namesOn(ctx context.Context, client *oci.Client, jobs int, host registry) (found map[spot]digest.Digest, bare map[string]bool, err error) {
	repos, err := client.Repositories(ctx, host.in(""))
	if err != nil {
		return nil, nil, err
	}
	var mu sync.Mutex
	found, bare = map[spot]digest.Digest{}, map[string]bool{}
	err = each(ctx, jobs, repos, func(ctx context.Context, repo string) error {
		r := host.in(repo)
		tags, err := client.Tags(ctx, r)
		if err != nil {
			return err
		}
		if len(tags) == 0 {
			mu.Lock()
			bare[repo] = true
			mu.Unlock()
		}
		for _, tag := range tags {
			d, err := client.ManifestDigest(ctx, r, tag)
			if err != nil {
				return err
			}
			if d == "" { // a tag without its manifest: another node may have it
				continue
			}
			mu.Lock()
			found[spot{repo, tag}] = d
			mu.Unlock()
		}
		return nil
	})
	if err == nil && len(found) == 0 { // empty, or it does not show what it has
		err = fmt.Errorf("%s: shows no images", host.Host)
	}
	return found, bare, err
}

// agreed are the names of which no two nodes say different things, and one
// error for each of the others. A name that only some nodes have is taken.
func (inv *inventory) agreed() (map[spot]digest.Digest, []error) {
	agreed := map[spot]digest.Digest{}
	var errs []error
	for _, s := range slices.SortedFunc(maps.Keys(inv.tags), compareSpots) {
		said := inv.tags[s]
		var lines []string
		for i, name := range inv.names {
			if d, ok := said[i]; ok {
				agreed[s] = d
				lines = append(lines, name+" "+d.String())
			}
		}
		if different := slices.Compact(slices.Sorted(maps.Values(said))); len(different) > 1 {
			delete(agreed, s)
			errs = append(errs, fmt.Errorf("%s: the nodes disagree: %s", s.key(), strings.Join(lines, ", ")))
		}
	}
	return agreed, errs
}

func compareSpots(a, b spot) int { return strings.Compare(a.repo+":"+a.ref, b.repo+":"+b.ref) }

// read gets a manifest from the first node that has it, as its digest says.
func (inv *inventory) read(ctx context.Context, repo string, d digest.Digest) (desc ocispec.Descriptor, raw []byte, err error) {
	var errs []error
	for _, h := range inv.hosts {
		if desc, raw, err = inv.client.Manifest(ctx, h.in(repo), d.String()); err == nil {
			return desc, raw, nil
		}
		if ctx.Err() != nil {
			return desc, nil, ctx.Err()
		}
		errs = append(errs, err)
	}
	for _, err := range errs { // whoever is out of order may have it
		if !oci.NotFound(err) {
			return desc, nil, err
		}
	}
	return desc, nil, errs[0]
}

// work is what it takes to have all these names somewhere else: each image is
// walked. An image that an index names and no node has is left out, as it is of
// a sparse index. Errors are of single images, which are then left out.
func (inv *inventory) work(ctx context.Context, agreed map[spot]digest.Digest) (*work, []error) {
	c := &gatherer{inv: inv, repos: map[digest.Digest]map[string]bool{}, blobs: map[digest.Digest]ocispec.Descriptor{}, seen: map[spot]*gathered{}}
	var errs []error
	groups := map[digest.Digest]int{}
	for _, s := range slices.SortedFunc(maps.Keys(agreed), compareSpots) {
		d := agreed[s]
		g, err := c.gather(ctx, spot{s.repo, d.String()}, 0)
		if ctx.Err() != nil {
			return nil, []error{ctx.Err()}
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.key(), err))
			continue
		}
		c.keep(s.repo, g)
		c.w.images = append(c.w.images, append([]string{s.key()}, slices.Sorted(maps.Keys(g.keys))...))
		i, ok := groups[d]
		if !ok {
			i = len(c.w.tags)
			groups[d], c.w.tags = i, append(c.w.tags, nil)
		}
		_, signs := manifest.Ref{Repository: s.repo, Tag: s.ref}.Signed()
		c.w.tags[i] = append(c.w.tags[i], manifestWork{repo: s.repo, ref: s.ref, desc: g.desc, raw: g.raw, signature: signs})
	}
	return c.finish(), errs
}

// gatherer walks images on nodes.
type gatherer struct {
	inv   *inventory
	w     work
	repos map[digest.Digest]map[string]bool
	blobs map[digest.Digest]ocispec.Descriptor
	seen  map[spot]*gathered
	kept  map[spot]bool
}

// gathered is one manifest in one repository and all that it consists of.
type gathered struct {
	desc     ocispec.Descriptor
	raw      []byte
	children []*gathered
	blobs    []ocispec.Descriptor
	leftOut  []ocispec.Descriptor
	keys     map[string]bool
}

// maxNesting bounds indexes within indexes.
const maxNesting = 4

func (c *gatherer) gather(ctx context.Context, s spot, depth int) (*gathered, error) {
	if g := c.seen[s]; g != nil {
		return g, nil
	}
	if depth > maxNesting {
		return nil, fmt.Errorf("%s: indexes are nested more than %d deep", s.ref, maxNesting)
	}
	desc, raw, err := c.inv.read(ctx, s.repo, digest.Digest(s.ref))
	if err != nil {
		return nil, err
	}
	links, err := oci.Links(desc.MediaType, raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.ref, err)
	}
	g := &gathered{desc: desc, raw: raw, keys: map[string]bool{s.key(): true}}
	for _, l := range links {
		d := l.Descriptor
		if l.Kind != oci.KindIndex && l.Kind != oci.KindManifest {
			g.blobs = append(g.blobs, d)
			g.keys[s.repo+"@"+d.Digest.String()] = true
			continue
		}
		child, err := c.gather(ctx, spot{s.repo, d.Digest.String()}, depth+1)
		switch {
		case oci.NotFound(err):
			g.leftOut = append(g.leftOut, d)
		case err != nil:
			return nil, err
		default:
			g.children = append(g.children, child)
			maps.Copy(g.keys, child.keys)
		}
	}
	c.seen[s] = g
	return g, nil
}

// keep takes in what a manifest consists of, children first.
func (c *gatherer) keep(repo string, g *gathered) {
	for _, child := range g.children {
		c.keep(repo, child)
		at := spot{repo, child.desc.Digest.String()}
		if c.kept == nil {
			c.kept = map[spot]bool{}
		}
		if !c.kept[at] {
			c.kept[at] = true
			c.w.manifests = append(c.w.manifests, manifestWork{repo: repo, ref: at.ref, desc: child.desc, raw: child.raw})
		}
	}
	for _, d := range g.blobs {
		if c.repos[d.Digest] == nil {
			c.repos[d.Digest] = map[string]bool{}
			c.blobs[d.Digest] = d
		}
		c.repos[d.Digest][repo] = true
	}
	if len(g.leftOut) > 0 {
		c.w.sparse.indexes = append(c.w.sparse.indexes, manifestWork{repo: repo, ref: g.desc.Digest.String(), desc: g.desc, raw: g.raw})
		room := max(0, maxLeftOut-len(c.w.sparse.leftOut))
		c.w.sparse.leftOut = append(c.w.sparse.leftOut, g.leftOut[:min(len(g.leftOut), room)]...)
	}
}

// finish puts blobs in the order of their digests and signatures first.
func (c *gatherer) finish() *work {
	for _, d := range slices.Sorted(maps.Keys(c.blobs)) {
		c.w.blobs = append(c.w.blobs, blobWork{desc: c.blobs[d], repos: slices.Sorted(maps.Keys(c.repos[d]))})
		c.w.bytes += c.blobs[d].Size
	}
	all := collector{work: c.w}
	all.splitTags()
	return &all.work
}

var errNoSource = errors.New("no other node of the site answers")

// gaps is a warning of indexes of which no node that answered has all images, and
// empty if there are none. Most are sparse by intention. Where a node is silent, it
// may have the rest.
func (w *work) gaps() string {
	seen := map[string]bool{}
	for _, x := range w.sparse.indexes {
		seen[x.repo+"@"+x.ref] = true
	}
	if len(seen) == 0 {
		return ""
	}
	return fmt.Sprintf("indexes of which some images are on none of the nodes that answer: %d, %s among them; copied without those", len(seen), slices.Min(slices.Collect(maps.Keys(seen))))
}
