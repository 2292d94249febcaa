package content

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"

	"drayage/pkg/manifest"
)

var (
	// digestRef is a reference by digest, in any text.
	digestRef = regexp.MustCompile(`[a-zA-Z0-9][a-zA-Z0-9.-]*(?::[0-9]+)?/[a-z0-9][a-z0-9._/-]*(?::[\w.-]+)?@sha256:[0-9a-f]{64}`)
	// base64Text is what may be a base64 value, as olm.bundle.object has.
	base64Text = regexp.MustCompile(`[A-Za-z0-9+/]{64,}={0,2}`)
)

// rewritten are the files of a real catalog that lead to made-up images.
func (m *catalogMaker) rewritten() ([]File, error) {
	files, err := readAll(m.o.Dir)
	if err != nil {
		return nil, err
	}
	repos := repositoriesByDigest(files)
	m.own = m.o.Size / 2 / int64(max(1, len(repos)))
	digests := map[string]string{} // real to made up
	for _, old := range slices.Sorted(maps.Keys(repos)) {
		if digests[old], err = m.standIn(old, repos[old]); err != nil {
			return nil, err
		}
	}
	for i := range files {
		files[i].Content = inText(files[i].Content, func(b []byte) []byte {
			return digestRef.ReplaceAllFunc(b, func(ref []byte) []byte {
				at := bytes.LastIndexByte(ref, '@') + 1
				return append(bytes.Clone(ref[:at]), digests[string(ref[at:])]...)
			})
		})
	}
	return files, m.standInsByTag(files)
}

// standIn makes the image for a real digest, in each repository, and gives its digest.
func (m *catalogMaker) standIn(old string, repos map[string]bool) (string, error) {
	img, err := m.simple(strings.TrimPrefix(old, "sha256:"))
	if err != nil {
		return "", err
	}
	for repo := range repos {
		if _, err := m.relate(repo, img); err != nil {
			return "", err
		}
	}
	d, err := img.Digest()
	return d.String(), err
}

// standInsByTag makes the images that blobs name by tag alone.
func (m *catalogMaker) standInsByTag(files []File) error {
	for _, f := range files {
		blobs, err := readBlobs(f)
		if err != nil {
			return err
		}
		for _, image := range images(blobs) {
			ref, err := manifest.ParseRef(image)
			if err != nil {
				return fmt.Errorf("%s: %w", f.Path, err)
			}
			if ref.Digest != "" {
				continue
			}
			img, err := m.simple(ref.String())
			if err != nil {
				return err
			}
			if m.related[ref.String()], err = tagged(ref.Repository, ref.Tag, img); err != nil {
				return err
			}
		}
	}
	return nil
}

func readAll(dir fs.FS) ([]File, error) {
	var files []File
	err := fs.WalkDir(dir, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(dir, path)
		files = append(files, File{Path: path, Content: b})
		return err
	})
	return files, err
}

// repositoriesByDigest finds every reference by digest.
func repositoriesByDigest(files []File) map[string]map[string]bool {
	found := map[string]map[string]bool{}
	for _, f := range files {
		inText(f.Content, func(b []byte) []byte {
			for _, s := range digestRef.FindAllString(string(b), -1) {
				ref, err := manifest.ParseRef(s)
				if err != nil {
					continue // looks like one, but nobody could pull it
				}
				d := ref.Digest.String()
				if found[d] == nil {
					found[d] = map[string]bool{}
				}
				found[d][ref.Repository] = true
			}
			return b
		})
	}
	return found
}

// inText applies f to a text and to the base64 values in it.
func inText(b []byte, f func([]byte) []byte) []byte {
	b = base64Text.ReplaceAllFunc(b, func(coded []byte) []byte {
		plain, err := base64.StdEncoding.DecodeString(string(coded))
		if err != nil || !bytes.Contains(plain, []byte("@sha256:")) {
			return coded
		}
		return []byte(base64.StdEncoding.EncodeToString(f(plain)))
	})
	return f(b)
}
