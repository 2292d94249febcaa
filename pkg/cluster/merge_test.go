package cluster

import (
	"encoding/base64"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// Whatever is there stays; what is wanted is there once.
func TestAddingToWhatBelongsToEverybody(t *testing.T) {
	const imageHead = "{apiVersion: config.openshift.io/v1, kind: Image, metadata: {name: cluster, resourceVersion: '7'}, spec: "
	const hubHead = "{apiVersion: config.openshift.io/v1, kind: OperatorHub, metadata: {name: cluster, resourceVersion: '7'}, spec: "
	const policyHead = "{apiVersion: operator.openshift.io/v1, kind: MachineConfiguration, metadata: {name: cluster, resourceVersion: '7'}, spec: "
	cases := []struct{ name, have, want, spec string }{
		{"an empty spec", imageHead + "{}}", image,
			"{registrySources: {insecureRegistries: ['localhost:5000']}, additionalTrustedCA: {name: registry-cas}}"},
		{"an administrator's list", imageHead + "{registrySources: {insecureRegistries: [a:1], blockedRegistries: [evil.io]}, externalRegistryHostnames: [x]}}", image,
			"{registrySources: {insecureRegistries: [a:1, 'localhost:5000'], blockedRegistries: [evil.io]}, externalRegistryHostnames: [x], additionalTrustedCA: {name: registry-cas}}"},
		{"all there", imageHead + "{registrySources: {insecureRegistries: ['localhost:5000', b:1]}, additionalTrustedCA: {name: registry-cas}}}", image,
			"{registrySources: {insecureRegistries: ['localhost:5000', b:1]}, additionalTrustedCA: {name: registry-cas}}"},
		{"a catalog that somebody switched", hubHead + "{sources: [{name: community-operators, disabled: false}]}}", hub,
			"{sources: [{name: community-operators, disabled: false}], disableAllDefaultSources: true}"},
		{"sources by name", hubHead + "{sources: [{name: a, disabled: false}]}}",
			hubHead + "{sources: [{name: b, disabled: true}, {name: a, disabled: true}]}}",
			"{sources: [{name: a, disabled: true}, {name: b, disabled: true}]}"},
		{"policies of other units; their managementState", policyHead + "{managementState: Unmanaged, nodeDisruptionPolicy: {units: [{name: other.service, actions: [{type: None}]}], files: [{path: /a, actions: [{type: None}]}]}}}", policy,
			"{managementState: Unmanaged, nodeDisruptionPolicy: {units: [{name: other.service, actions: [{type: None}]}, {name: registry.service, actions: [{type: DaemonReload}]}], files: [{path: /a, actions: [{type: None}]}]}}"},
		{"our unit with other actions", policyHead + "{managementState: Managed, nodeDisruptionPolicy: {units: [{name: registry.service, actions: [{type: Reboot}, {type: Drain}]}]}}}", policy,
			"{managementState: Managed, nodeDisruptionPolicy: {units: [{name: registry.service, actions: [{type: DaemonReload}]}]}}"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			have := parse(t, c.have)
			merged, err := addTo(have, object(t, c.want))
			if err != nil {
				t.Fatal(err)
			}
			if want := parse(t, "{kind: x, spec: "+c.spec+"}"); !reflect.DeepEqual(merged.Object["spec"], want.Object["spec"]) {
				t.Errorf("got  %v\nwant %v", merged.Object["spec"], want.Object["spec"])
			}
			if !reflect.DeepEqual(have.Object, parse(t, c.have).Object) || merged.GetResourceVersion() != "7" {
				t.Error("what was read was changed, or its version is lost")
			}
			again, err := addTo(merged, object(t, c.want))
			if err != nil || !sameContent(again.Object, merged.Object) {
				t.Errorf("a second time changes it: %v %v", again.Object["spec"], err)
			}
		})
	}
}

func TestAnotherTrustedCAInTheMiddle(t *testing.T) {
	have := parse(t, "{apiVersion: config.openshift.io/v1, kind: Image, metadata: {name: cluster}, spec: {additionalTrustedCA: {name: theirs}}}")
	_, err := addTo(have, object(t, image))
	want := "Image/cluster: spec.additionalTrustedCA.name: is theirs, want registry-cas; it changed while this ran; run the same command again"
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

func TestCredentialsAreAdded(t *testing.T) {
	const want = `{"auths":{"localhost:5000":{"auth":"new"}}}`
	cases := []struct{ name, have, merged string }{
		{"none", ``, want},
		{"no auths", `{"x":1}`, `{"auths":{"localhost:5000":{"auth":"new"}},"x":1}`},
		{"null", `{"auths":null}`, want},
		{"others'", `{"auths": {"quay.io": {"auth":"a", "email":"e"}}, "credHelpers":{"r":"h"}}`,
			`{"auths":{"localhost:5000":{"auth":"new"},"quay.io":{"auth":"a","email":"e"}},"credHelpers":{"r":"h"}}`},
		{"an older one of ours", `{"auths":{"localhost:5000":{"auth":"old"}}}`, want},
		{"there, written otherwise", `{ "auths" : {"localhost:5000": {"auth":"new"}, "q":{} } }`, `{ "auths" : {"localhost:5000": {"auth":"new"}, "q":{} } }`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			have := parse(t, "{apiVersion: v1, kind: Secret, metadata: {name: pull-secret, namespace: openshift-config}}")
			have.Object["data"] = map[string]any{dockerConfig: base64.StdEncoding.EncodeToString([]byte(c.have)), "other": "eA=="}
			o := object(t, strings.Replace(credentials, "b3Vycw==", "new", 1))
			merged, err := addTo(have, o)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := secretText(merged)
			if err != nil || string(raw) != c.merged {
				t.Errorf("got %s, %v", raw, err)
			}
			if data := merged.Object["data"].(map[string]any); data["other"] != "eA==" {
				t.Errorf("data %v", data)
			}
		})
	}
}

func TestCredentialsThatCannotBeRead(t *testing.T) {
	for _, text := range []string{"secret", `{"auths":"secret"}`, `["secret"]`} {
		have := parse(t, "{apiVersion: v1, kind: Secret, metadata: {name: pull-secret, namespace: openshift-config}}")
		have.Object["data"] = map[string]any{dockerConfig: base64.StdEncoding.EncodeToString([]byte(text))}
		_, err := addTo(have, object(t, credentials))
		if err == nil || strings.Contains(err.Error(), `"secret`) || !strings.Contains(err.Error(), "Secret/openshift-config/pull-secret: data[.dockerconfigjson]: ") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestJoiningTheTrustedCA(t *testing.T) {
	have := parse(t, "{apiVersion: config.openshift.io/v1, kind: Image, metadata: {name: cluster}, spec: {additionalTrustedCA: {name: theirs}}}")
	joined := joinTrustedCA(objects(t, caMap, signature, image), have)
	if got := joined[0].String(); got != "ConfigMap/openshift-config/theirs" || !joined[0].neverForce {
		t.Errorf("%s", got)
	}
	if raw, _ := json.Marshal(joined[0].content); string(raw) != `{"apiVersion":"v1","data":{"localhost..5000":"PEM"},"kind":"ConfigMap","metadata":{"name":"theirs","namespace":"openshift-config"}}` {
		t.Errorf("%s", raw)
	}
	if trustedCA(joined[2].unstructured()) != "" || len(joined[2].content["spec"].(map[string]any)) != 1 {
		t.Errorf("%v", joined[2].content)
	}
	empty := parse(t, "{apiVersion: config.openshift.io/v1, kind: Image, metadata: {name: cluster}}")
	ours := objects(t, caMap, image)
	if left := joinTrustedCA(ours, empty); left[0].String() != ours[0].String() || trustedCA(left[1].unstructured()) != "registry-cas" {
		t.Errorf("%v", left)
	}
	if left := joinTrustedCA(ours, nil); len(left) != 2 {
		t.Errorf("%v", left)
	}
}

func TestDifferencesNamePathsAndNoValues(t *testing.T) {
	before := map[string]any{"spec": map[string]any{"a": "secret", "same": 1, "l": []any{"x"}, "deep": map[string]any{"b": map[string]any{"c": map[string]any{"d": 1}}}},
		"data": map[string]any{"localhost..5000": "x"}, "metadata": map[string]any{"resourceVersion": "1", "labels": map[string]any{"k": "v"}}, "status": 1}
	after := map[string]any{"spec": map[string]any{"a": "other", "same": int64(1), "l": []any{"x", "y"}, "deep": map[string]any{"b": map[string]any{"c": map[string]any{"d": 2}}}},
		"data": map[string]any{}, "metadata": map[string]any{"resourceVersion": "2"}, "status": 2}
	want := []string{`data["localhost..5000"]`, "metadata.labels", "spec.a", "spec.deep.b.c", "spec.l"}
	if got := differences(before, after); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
	if !sameContent(before, map[string]any{"spec": before["spec"], "data": before["data"], "metadata": map[string]any{"resourceVersion": "9", "labels": map[string]any{"k": "v"}}}) {
		t.Error("a resource version is content")
	}
}
