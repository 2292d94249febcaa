package cluster

import "fmt"

// The versions 4.x whose machine-config operator was read: what drains nodes is
// known of these.
const (
	oldestKnown = 8
	newestKnown = 23
)

// checkKnown says when nobody knows what this cluster makes of the objects.
func checkKnown(version string) []Finding {
	major, minor, ok := parseVersion(version)
	if version == "" || ok && major == 4 && minor >= oldestKnown && minor <= newestKnown {
		return nil
	}
	f := Finding{Object: "ClusterVersion/version", Field: "status.history"}
	if !ok || major != 4 {
		f.Found, f.Do = fmt.Sprintf("%q is no version 4.x", version), "take a release of this program that knows it"
		return []Finding{f}
	}
	f.Found = fmt.Sprintf("is %s; this program knows 4.%d to 4.%d", version, oldestKnown, newestKnown)
	f.Do, f.Warning = "see what came with it before: nodes may drain more often than is said here", true
	return []Finding{f}
}
