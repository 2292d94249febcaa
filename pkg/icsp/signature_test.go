package icsp

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/manifest"
)

func signed(hex, release string, data ...[]byte) *manifest.Manifest {
	m := &manifest.Manifest{Images: []manifest.Image{{
		Name: "quay.io/openshift-release-dev/ocp-release:" + release, Role: manifest.RoleRelease, Release: release,
		Descriptor: ocispec.Descriptor{Digest: digest.NewDigestFromEncoded(digest.SHA256, hex)},
	}}}
	for _, d := range data {
		m.Signatures = append(m.Signatures, manifest.Signature{Release: release, Data: d})
	}
	return m
}

func TestSignaturesAreWrittenAsOcWritesThem(t *testing.T) {
	hex := digest.FromString("x").Encoded()
	objects, err := signatures(signed(hex, "4.9.0-x86_64", []byte("one"), []byte("two")))
	if err != nil || len(objects) != 1 {
		t.Fatalf("%d objects, %v", len(objects), err)
	}
	want := `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"sha256-` + hex + `","namespace":"openshift-config-managed","creationTimestamp":null,` +
		`"labels":{"release.openshift.io/verification-signatures":""}},"binaryData":{"sha256-` + hex + `-1":"b25l","sha256-` + hex + `-2":"dHdv"}}` + "\n"
	if got := string(objects[0].YAML); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, want := FileName(0, 2, objects[0]), "01-signature-sha256-"+hex[:16]+".json"; got != want {
		t.Errorf("file %s, want %s", got, want)
	}
}

func TestUnsignedReleasesHaveNoConfigMap(t *testing.T) {
	if objects, err := signatures(signed(digest.FromString("x").Encoded(), "4.9.0-x86_64")); err != nil || len(objects) > 0 {
		t.Errorf("%d objects, %v", len(objects), err)
	}
}

// The ConfigMap of a real release, byte for byte.
func TestRealSignatureConfigMap(t *testing.T) {
	path := filepath.Join("..", "..", "..", "shared", "fixtures", "release-4.10-signature-configmap", "signature-sha256-195de2a5ef3af108.json")
	want, err := os.ReadFile(path)
	if err != nil {
		t.Skip("shared fixtures are not here: ", err)
	}
	var cm signatureMap
	if err := json.Unmarshal(want, &cm); err != nil {
		t.Fatal(err)
	}
	const hex = "195de2a5ef3af1083620a62a45ea61ac1233ffa27bbce7b30609a69775aeca19"
	objects, err := signatures(signed(hex, "4.10.18-x86_64", cm.BinaryData["sha256-"+hex+"-1"]))
	if err != nil || len(objects) != 1 || !bytes.Equal(objects[0].YAML, want) {
		t.Errorf("got %q, %v\nwant %q", objects[0].YAML, err, want)
	}
	if got := signatureFile(objects[0]); got != filepath.Base(path) {
		t.Errorf("file %s, want %s", got, filepath.Base(path))
	}
}
