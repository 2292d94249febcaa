package cluster

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"
)

const mergePatch = types.MergePatchType

// parse reads an object of any kind.
func parse(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	js, err := yaml.YAMLToJSONStrict([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON(js); err != nil {
		t.Fatal(err)
	}
	return u
}

// object reads one that can be applied.
func object(t *testing.T, text string) Object {
	t.Helper()
	o, err := Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func objects(t *testing.T, texts ...string) []Object {
	t.Helper()
	var all []Object
	for _, text := range texts {
		all = append(all, object(t, text))
	}
	return all
}

// lines are findings as a person reads them.
func lines(findings []Finding) string {
	var all []string
	for _, f := range findings {
		prefix := "error: "
		if f.Warning {
			prefix = "warning: "
		}
		all = append(all, prefix+f.String())
	}
	return strings.Join(all, "\n")
}

// The objects of a site, small.
const (
	caMap       = "{apiVersion: v1, kind: ConfigMap, metadata: {name: registry-cas, namespace: openshift-config}, data: {localhost..5000: PEM}}"
	signature   = "{apiVersion: v1, kind: ConfigMap, metadata: {name: sha256-abc, namespace: openshift-config-managed, creationTimestamp: null, labels: {release.openshift.io/verification-signatures: ''}}, binaryData: {sha256-abc-1: AAAA}}"
	credentials = "{apiVersion: v1, kind: Secret, metadata: {name: pull-secret, namespace: openshift-config}, type: kubernetes.io/dockerconfigjson, stringData: {.dockerconfigjson: '{\"auths\":{\"localhost:5000\":{\"auth\":\"b3Vycw==\"}}}'}}"
	machine     = "{apiVersion: machineconfiguration.openshift.io/v1, kind: MachineConfig, metadata: {name: 99-master-registry, labels: {machineconfiguration.openshift.io/role: master}}, spec: {config: {ignition: {version: 3.2.0}, storage: {files: [{path: /etc/registry.yml, mode: 420, contents: {source: 'data:,version%3A%200.1%0A'}}]}, systemd: {units: [{name: registry.service, enabled: true, contents: \"[Unit]\"}]}}}}"
	image       = "{apiVersion: config.openshift.io/v1, kind: Image, metadata: {name: cluster}, spec: {registrySources: {insecureRegistries: ['localhost:5000']}, additionalTrustedCA: {name: registry-cas}}}"
	idms        = "{apiVersion: config.openshift.io/v1, kind: ImageDigestMirrorSet, metadata: {name: example}, spec: {imageDigestMirrors: [{source: quay.io/a/release, mirrors: ['localhost:5000/ocp4/openshift', '10.0.0.1:5000/ocp4/openshift']}]}}"
	icspOurs    = "{apiVersion: operator.openshift.io/v1alpha1, kind: ImageContentSourcePolicy, metadata: {name: example}, spec: {repositoryDigestMirrors: [{source: quay.io/a/release, mirrors: ['localhost:5000/ocp4/openshift']}]}}"
	itms        = "{apiVersion: config.openshift.io/v1, kind: ImageTagMirrorSet, metadata: {name: example}, spec: {imageTagMirrors: [{source: quay.io/a/tags, mirrors: ['localhost:5000/tags']}]}}"
	hub         = "{apiVersion: config.openshift.io/v1, kind: OperatorHub, metadata: {name: cluster}, spec: {disableAllDefaultSources: true}}"
	source      = "{apiVersion: operators.coreos.com/v1alpha1, kind: CatalogSource, metadata: {name: catalog, namespace: openshift-marketplace}, spec: {sourceType: grpc, image: 'dummy.io/c@sha256:aa'}}"
	policy      = "{apiVersion: operator.openshift.io/v1, kind: MachineConfiguration, metadata: {name: cluster}, spec: {managementState: Managed, nodeDisruptionPolicy: {units: [{name: registry.service, actions: [{type: DaemonReload}]}]}}}"
)
