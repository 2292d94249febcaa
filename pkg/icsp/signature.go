package icsp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"drayage/pkg/manifest"
)

// signatureNamespace and signatureLabel are where the cluster version operator
// looks for signatures.
const (
	signatureNamespace = "openshift-config-managed"
	signatureLabel     = "release.openshift.io/verification-signatures"
)

// signatureMap is the ConfigMap that holds a release's signatures, its keys in
// the order in which `oc adm release mirror` writes them.
type signatureMap struct {
	Kind       string `json:"kind"`
	APIVersion string `json:"apiVersion"`
	Metadata   struct {
		Name              string            `json:"name"`
		Namespace         string            `json:"namespace"`
		CreationTimestamp *string           `json:"creationTimestamp"`
		Labels            map[string]string `json:"labels"`
	} `json:"metadata"`
	BinaryData map[string][]byte `json:"binaryData"`
}

// signatures makes a ConfigMap for each release that has signatures. The bytes
// are those of `oc`: one line of JSON, which is YAML too.
func signatures(m *manifest.Manifest) ([]Object, error) {
	var objects []Object
	done := map[string]bool{}
	for _, r := range m.Releases() {
		name := "sha256-" + r.Descriptor.Digest.Encoded()
		data := map[string][]byte{}
		for _, s := range m.Signatures {
			if s.Release == r.Release {
				data[fmt.Sprintf("%s-%d", name, len(data)+1)] = s.Data
			}
		}
		if len(data) == 0 || done[name] {
			continue
		}
		done[name] = true
		o, err := renderSignatures(name, data)
		if err != nil {
			return nil, err
		}
		objects = append(objects, o)
	}
	return objects, nil
}

func renderSignatures(name string, data map[string][]byte) (Object, error) {
	cm := signatureMap{Kind: "ConfigMap", APIVersion: "v1", BinaryData: data}
	cm.Metadata.Name, cm.Metadata.Namespace = name, signatureNamespace
	cm.Metadata.Labels = map[string]string{signatureLabel: ""}
	raw, err := json.Marshal(cm)
	if err != nil {
		return Object{}, fmt.Errorf("configmap %s: %w", name, err)
	}
	return Object{Kind: cm.Kind, Name: name, Namespace: signatureNamespace, YAML: append(raw, '\n')}, nil
}

// IsSignatures tells whether a document is a ConfigMap as Render writes it for
// signatures, byte for byte.
func IsSignatures(raw []byte) bool {
	var cm signatureMap
	if json.Unmarshal(raw, &cm) != nil || !strings.HasPrefix(cm.Metadata.Name, "sha256-") || len(cm.BinaryData) == 0 {
		return false
	}
	o, err := renderSignatures(cm.Metadata.Name, cm.BinaryData)
	return err == nil && bytes.Equal(o.YAML, raw)
}

// signatureFile is the name that `oc` gives to the file: the digest's first 16
// digits.
func signatureFile(o Object) string {
	hex := strings.TrimPrefix(o.Name, "sha256-")
	return "signature-sha256-" + hex[:min(16, len(hex))] + ".json"
}
