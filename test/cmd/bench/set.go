package main

import (
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"drayage/test/content"
)

// The set has the shape of a release with other images beside it: many images in
// one repository, some in their own, bases that many of them share.
const (
	images   = 64
	crowd    = 40 // how many of them share one repository
	indexes  = 2
	bases    = 3
	groups   = 8
	basePart = 32 // each base is such a part of all
	teamPart = 96 // and each group's layer such a one
	host     = "quay.io"
)

// set is what the source is filled with.
type set struct {
	images []content.Named
	unique int64 // bytes of blobs and manifests, each once
	summed int64 // the same, counted for each image that has them
}

// setMaker shares layers out.
type setMaker struct {
	size, own int64 // of all; of what no two images share
	weights   int64
	bases     [bases]*content.Layer
	groups    [groups]*content.Layer
}

func makeSet(size int64) (*set, error) {
	m := &setMaker{size: size, own: size - bases*(size/basePart) - groups*(size/teamPart)}
	for i := range m.bases {
		m.bases[i] = content.Random(fmt.Sprint("bench/base/", i), size/basePart)
	}
	for i := range m.groups {
		m.groups[i] = content.Random(fmt.Sprint("bench/group/", i), size/teamPart)
	}
	for i := range images + 2*indexes {
		m.weights += weight(i)
	}
	s := &set{images: make([]content.Named, images+indexes)}
	var g errgroup.Group // sums of layers are the work
	g.SetLimit(4)
	for i := range s.images {
		g.Go(func() (err error) {
			s.images[i], err = m.named(i)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return s, s.count()
}

// weight makes images of sizes from 1 to 16.
func weight(i int) int64 { return 1 + int64(i*7%16) }

func (m *setMaker) named(i int) (content.Named, error) {
	var c content.Content
	var err error
	if i < images {
		c, err = content.Image(fmt.Sprint("bench ", i), content.ImageOptions{OCI: i%2 == 1}, m.layers(i, i)...)
	} else {
		o := content.ImageOptions{OCI: i%2 == 1}
		c, err = content.MultiArch(fmt.Sprint("bench ", i), o, []string{"amd64", "arm64"}, func(arch string) []*content.Layer {
			return m.layers(i, map[string]int{"amd64": i, "arm64": i + indexes}[arch])
		})
	}
	if err != nil {
		return content.Named{}, err
	}
	d, err := c.Digest()
	return content.Named{Ref: reference(i), Digest: d.String(), Content: c}, err
}

func reference(i int) string {
	switch {
	case i < crowd:
		return fmt.Sprintf("%s/bench/components:c%02d", host, i)
	case i < images:
		return fmt.Sprintf("%s/bench/app-%02d:v1", host, i)
	}
	return fmt.Sprintf("%s/bench/multi-%02d:v1", host, i)
}

// layers are a base, a group's and two of the image's own.
func (m *setMaker) layers(i, seed int) []*content.Layer {
	own := m.own * weight(seed) / m.weights
	return []*content.Layer{
		m.bases[i%bases],
		m.groups[i%groups],
		content.Random(fmt.Sprint("bench/own/", seed), own*3/4),
		content.Random(fmt.Sprint("bench/more/", seed), own/4),
	}
}

// count adds up what there is.
func (s *set) count() error {
	seen := map[string]bool{}
	for _, n := range s.images {
		err := parts(n.Content, func(digest v1.Hash, size int64) {
			s.summed += size
			if !seen[digest.String()] {
				seen[digest.String()] = true
				s.unique += size
			}
		})
		if err != nil {
			return fmt.Errorf("%s: %w", n.Ref, err)
		}
	}
	return nil
}

// part is anything with a digest and a size.
type part interface {
	Digest() (v1.Hash, error)
	Size() (int64, error)
}

// parts calls add for everything that an image or index consists of.
func parts(c content.Content, add func(v1.Hash, int64)) error {
	if index, ok := c.(v1.ImageIndex); ok {
		m, err := index.IndexManifest()
		if err != nil {
			return err
		}
		for _, d := range m.Manifests {
			img, err := index.Image(d.Digest)
			if err != nil {
				return err
			}
			if err := parts(img, add); err != nil {
				return err
			}
		}
		return one(index, add)
	}
	img, ok := c.(v1.Image)
	if !ok {
		return fmt.Errorf("neither an image nor an index: %T", c)
	}
	m, err := img.Manifest()
	if err != nil {
		return err
	}
	add(m.Config.Digest, m.Config.Size)
	for _, l := range m.Layers {
		add(l.Digest, l.Size)
	}
	return one(img, add)
}

func one(p part, add func(v1.Hash, int64)) error {
	d, err := p.Digest()
	if err != nil {
		return err
	}
	size, err := p.Size()
	add(d, size)
	return err
}
