package registriesconf

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	configv1 "github.com/openshift/api/config/v1"
	operatorv1alpha1 "github.com/openshift/api/operator/v1alpha1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// Add reads the documents of a file, YAML or JSON, name is for errors. Objects
// of other kinds are passed over; a field that a kind does not have is an error.
func (o *Objects) Add(name string, raw []byte) error {
	docs := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(raw)))
	for {
		doc, err := docs.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = o.add(doc)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
}

func (o *Objects) add(doc []byte) error {
	var is struct {
		Kind string `json:"kind"`
	}
	if err := yaml.Unmarshal(doc, &is); err != nil {
		return err
	}
	switch is.Kind {
	case "ImageContentSourcePolicy":
		return decode(doc, &o.Policies)
	case "ImageDigestMirrorSet":
		return decode(doc, &o.DigestSets)
	case "ImageTagMirrorSet":
		return decode(doc, &o.TagSets)
	case "Image":
		var images []*configv1.Image
		if err := decode(doc, &images); err != nil {
			return err
		}
		o.Insecure = append(o.Insecure, images[0].Spec.RegistrySources.InsecureRegistries...)
		o.Blocked = append(o.Blocked, images[0].Spec.RegistrySources.BlockedRegistries...)
	}
	return nil
}

func decode[T operatorv1alpha1.ImageContentSourcePolicy | configv1.ImageDigestMirrorSet | configv1.ImageTagMirrorSet | configv1.Image](doc []byte, to *[]*T) error {
	v := new(T)
	if err := yaml.UnmarshalStrict(doc, v); err != nil {
		return err
	}
	*to = append(*to, v)
	return nil
}
