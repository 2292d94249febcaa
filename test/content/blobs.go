package content

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"

	"go.yaml.in/yaml/v3"
)

// catalogBlob is as much of a blob of a catalog as is needed here.
type catalogBlob struct {
	Schema        string `json:"schema" yaml:"schema"`
	Name          string `json:"name" yaml:"name"`
	Image         string `json:"image" yaml:"image"`
	RelatedImages []struct {
		Image string `json:"image" yaml:"image"`
	} `json:"relatedImages" yaml:"relatedImages"`
}

// readBlobs reads the blobs of a file: JSON documents one after the other or
// YAML documents. Files of other kinds have none.
func readBlobs(f File) ([]catalogBlob, error) {
	var decode func(any) error
	switch {
	case !slices.Contains([]string{".json", ".yaml", ".yml"}, path.Ext(f.Path)):
		return nil, nil
	case bytes.HasPrefix(bytes.TrimSpace(f.Content), []byte("{")):
		decode = json.NewDecoder(bytes.NewReader(f.Content)).Decode
	default:
		decode = yaml.NewDecoder(bytes.NewReader(f.Content)).Decode
	}
	var all []catalogBlob
	for {
		var b catalogBlob
		err := decode(&b)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: document %d: %w", f.Path, len(all)+1, err)
		}
		all = append(all, b)
	}
}

// images are those that blobs name, in their order.
func images(blobs []catalogBlob) []string {
	var all []string
	for _, b := range blobs {
		all = append(all, b.Image)
		for _, r := range b.RelatedImages {
			all = append(all, r.Image)
		}
	}
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}

func packageNames(files []File) ([]string, error) {
	var names []string
	for _, f := range files {
		blobs, err := readBlobs(f)
		if err != nil {
			return nil, err
		}
		for _, b := range blobs {
			if b.Schema == "olm.package" {
				names = append(names, b.Name)
			}
		}
	}
	slices.Sort(names)
	return names, nil
}

// catalogYAML writes blobs as YAML documents.
func catalogYAML(blobs ...any) ([]byte, error) {
	var b bytes.Buffer
	for _, blob := range blobs {
		doc, err := yaml.Marshal(blob)
		if err != nil {
			return nil, err
		}
		b.WriteString("---\n")
		b.Write(doc)
	}
	return b.Bytes(), nil
}

// catalogJSON writes blobs as JSON documents one after the other.
func catalogJSON(blobs ...any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "    ")
	e.SetEscapeHTML(false)
	for _, blob := range blobs {
		if err := e.Encode(blob); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}
