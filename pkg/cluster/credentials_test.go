package cluster

import (
	"strings"
	"testing"
)

func TestCredentialsAreAddedToThoseThatAreThere(t *testing.T) {
	o, err := Credentials([]string{"localhost:5000", "10.0.0.1:5000"}, "puller", "secret")
	if err != nil || !o.is(pullSecret) || !o.everybodys() {
		t.Fatalf("%+v, %v", o, err)
	}
	have := parse(t, "{apiVersion: v1, kind: Secret, metadata: {name: pull-secret, namespace: openshift-config}, stringData: {.dockerconfigjson: '{\"auths\":{\"quay.io\":{\"auth\":\"dGhlaXJz\"},\"localhost:5000\":{\"auth\":\"b2xk\"}}}'}}")
	merged, err := addTo(have, o)
	if err != nil {
		t.Fatal(err)
	}
	merged.Object["stringData"] = map[string]any{}
	raw, err := secretText(merged)
	// puller:secret
	want := `{"auths":{"10.0.0.1:5000":{"auth":"cHVsbGVyOnNlY3JldA=="},"localhost:5000":{"auth":"cHVsbGVyOnNlY3JldA=="},"quay.io":{"auth":"dGhlaXJz"}}}`
	if err != nil || string(raw) != want {
		t.Errorf("%v\ngot  %s\nwant %s", err, raw, want)
	}
	change := changeOf(o, have, merged)
	for _, f := range change.Fields {
		if strings.Contains(f, "cHVsbGVy") || strings.Contains(f, "secret\"") {
			t.Errorf("a change shows %q", f)
		}
	}
}
