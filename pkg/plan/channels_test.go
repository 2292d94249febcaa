package plan

import (
	"testing"

	"drayage/pkg/imageset"
)

// A saved graph that nobody asks for is most often a channel that was mistyped.
func TestSavedGraphsThatNobodyNeeds(t *testing.T) {
	cfg, err := imageset.Decode("x.yaml", []byte(`
apiVersion: mirror.openshift.io/v2alpha1
kind: ImageSetConfiguration
mirror:
  platform:
    architectures: [amd64]
    channels:
    - {name: stable-4.12, minVersion: 4.12.0}
    - {name: stable-4.14}
`))
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"": "", "stable-4.12": "", "stable-4.14/amd64": "", "/amd64": "",
		"stable-4.13":       "", // between the two
		"stable-4.2":        "saved graph of stable-4.2: the image set does not need it; it needs stable-4.12, stable-4.14, stable-4.13",
		"stable-4.14/arm64": "saved graph of stable-4.14/arm64: the image set does not need it; it needs stable-4.12, stable-4.14, stable-4.13",
	} {
		p := newPlanner(nil, Options{Graph: GraphOptions{Files: map[string]string{key: "graph.json"}}})
		got := ""
		if err := p.unusedGraphs(cfg); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", key, got, want)
		}
	}
}
