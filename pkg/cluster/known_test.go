package cluster

import (
	"strings"
	"testing"
)

func TestVersionsThatNobodyLookedAt(t *testing.T) {
	for version, want := range map[string]string{
		"": "", "4.8.0": "", "4.23.1": "",
		"4.7.3":  "warning: ClusterVersion/version: status.history: is 4.7.3; this program knows 4.8 to 4.23; see",
		"4.24.0": "warning: ClusterVersion/version: status.history: is 4.24.0",
		"5.0.0":  `error: ClusterVersion/version: status.history: "5.0.0" is no version 4.x; take a release`,
		"next":   `error: ClusterVersion/version: status.history: "next" is no version 4.x`,
	} {
		if got := lines(checkKnown(version)); !strings.HasPrefix(got, want) || (got == "") != (want == "") {
			t.Errorf("%s: %s", version, got)
		}
	}
}
