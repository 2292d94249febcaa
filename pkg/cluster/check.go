package cluster

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Clocks and certificates: beyond these a person is warned.
const (
	clockTolerance = time.Minute
	// certificateNotice is shorter than the pause between renewals of an API
	// server's certificates, which are replaced days before their end.
	certificateNotice = 72 * time.Hour
	compactMachines   = 3
)

// check judges what was seen before objects are written. All findings are
// returned, errors and warnings.
func check(s *snapshot, objects []Object, o PrepareOptions) []Finding {
	findings := slices.Clone(s.findings)
	for _, f := range [][]Finding{
		checkVersion(s, o.Version), checkKnown(s.info.Version), checkPool(s), checkNodes(s.nodes), checkRoles(objects), checkSpace(s.stats, o),
		checkMirrorKinds(s, objects), checkOverlaps(s, objects), checkRegistrySources(s.image, objects),
		checkHub(s.hub, objects), checkTimes(s),
	} {
		findings = append(findings, f...)
	}
	return inOrder(findings)
}

// checkVersion compares major.minor.
func checkVersion(s *snapshot, want string) []Finding {
	const object, field = "ClusterVersion/version", "status.history"
	if s.info.Version == "" {
		return []Finding{{Object: object, Found: "is not there, or has no version: this is no OpenShift cluster", Do: "look at the address: " + s.info.URL}}
	}
	major, minor, ok := parseVersion(s.info.Version)
	wantMajor, wantMinor, wantOK := parseVersion(want)
	if want == "" || ok && wantOK && major == wantMajor && minor == wantMinor {
		return nil
	}
	return []Finding{{Object: object, Field: field, Found: "the cluster is " + s.info.Version + ", the site says " + want,
		Do: "set openshift in the site's file, or take the kubeconfig of the right cluster"}}
}

func parseVersion(v string) (major, minor int, ok bool) {
	parts := strings.SplitN(v, ".", 3)
	if len(parts) < 2 {
		return 0, 0, false
	}
	major, err1 := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	return major, minor, err1 == nil && err2 == nil
}

func checkPool(s *snapshot) []Finding {
	object := "MachineConfigPool/" + MasterPool
	if s.pool == nil {
		return []Finding{{Object: object, Found: "is not there", Do: "look at the address: " + s.info.URL}}
	}
	p := *s.pool
	var findings []Finding
	if p.Paused && !p.PausedByUs {
		findings = append(findings, pausedByOthers)
	}
	if p.Degraded || p.Broken > 0 {
		findings = append(findings, Finding{Object: object, Field: "status.conditions", Found: fmt.Sprintf("is degraded (%d machines): %s", p.Broken, p.Reason),
			Do: "mend the pool first: oc describe mcp " + p.Name})
	}
	if p.Machines != compactMachines {
		findings = append(findings, Finding{Object: object, Field: "status.machineCount", Found: fmt.Sprintf("is %d, a compact cluster has %d", p.Machines, compactMachines),
			Do: "look whether this is the cluster that is meant", Warning: true})
	}
	if s.workers > 0 {
		findings = append(findings, Finding{Object: "MachineConfigPool/worker", Field: "status.machineCount", Found: fmt.Sprintf("has %d machines, which are not waited for", s.workers),
			Do: "watch them with oc get mcp worker", Warning: true})
	}
	return findings
}

// checkUpdating: a pool that rolls out already may be waited for, but it must
// not be paused in the middle. planned says that it would be.
func checkUpdating(p *Pool, planned bool) []Finding {
	if p == nil || p.Paused || (!p.Updating && p.Target == p.Current) {
		return nil
	}
	f := Finding{Object: "MachineConfigPool/" + p.Name, Field: "status.conditions", Found: fmt.Sprintf("is updating: %d of %d machines have %s", p.UpToDate, p.Machines, p.Target),
		Do: "wait until it is done, then run the same command again"}
	if !planned {
		f.Warning, f.Do = true, "it is waited for before mirrors are written, unless nothing is to be waited for"
	}
	return []Finding{f}
}

// checkNodes leaves readiness to checkReady, which has to know what is written.
func checkNodes(nodes []Node) []Finding {
	var findings []Finding
	add := func(n Node, field, found, do string) {
		findings = append(findings, Finding{Object: "Node/" + n.Name, Field: field, Found: found, Do: do})
	}
	for _, n := range nodes {
		if n.DiskPressure {
			add(n, "status.conditions[DiskPressure]", "is True", "free space on it first: it evicts pods and deletes images")
		}
		if n.MemoryPressure {
			add(n, "status.conditions[MemoryPressure]", "is True", "free memory on it first")
		}
	}
	return findings
}

// checkRegistrySources: what may be pulled from must include our mirrors.
func checkRegistrySources(image *unstructured.Unstructured, objects []Object) []Finding {
	if image == nil {
		return nil
	}
	allowed, _, _ := unstructured.NestedStringSlice(image.Object, "spec", "registrySources", "allowedRegistries")
	blocked, _, _ := unstructured.NestedStringSlice(image.Object, "spec", "registrySources", "blockedRegistries")
	var findings []Finding
	for _, host := range mirrorHosts(objects) {
		if len(allowed) > 0 && !slices.ContainsFunc(allowed, func(scope string) bool { return inScope(host, scope) }) {
			findings = append(findings, Finding{Object: "Image/cluster", Field: "spec.registrySources.allowedRegistries", Found: "does not have " + host,
				Do: "add it: nodes refuse to pull from a registry that is not in the list"})
		}
		if slices.ContainsFunc(blocked, func(scope string) bool { return inScope(host, scope) }) {
			findings = append(findings, Finding{Object: "Image/cluster", Field: "spec.registrySources.blockedRegistries", Found: "has " + host,
				Do: "take it out: nodes refuse to pull from it"})
		}
	}
	return findings
}

// inScope: a scope is host[:port][/path], or *.domain.
func inScope(host, scope string) bool {
	if suffix, ok := strings.CutPrefix(scope, "*"); ok {
		name, _, _ := strings.Cut(host, ":")
		return strings.HasSuffix(name, suffix)
	}
	return scope == host
}

// mirrorHosts are the registries, host:port, to which the objects send nodes.
func mirrorHosts(objects []Object) []string {
	var hosts []string
	for _, o := range objects {
		for _, r := range mirrorRules(o.unstructured()) {
			for _, m := range r.Mirrors {
				host, _, _ := strings.Cut(m, "/")
				hosts = append(hosts, host)
			}
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

// checkHub: catalogs that come with the cluster cannot be pulled where there is
// no network.
func checkHub(hub *unstructured.Unstructured, objects []Object) []Finding {
	if hub == nil {
		return nil
	}
	for _, o := range objects {
		if o.Kind == "OperatorHub" {
			return nil
		}
	}
	var on []string
	sources, _, _ := unstructured.NestedSlice(hub.Object, "status", "sources")
	for _, entry := range sources {
		if m, ok := entry.(map[string]any); ok && m["disabled"] != true {
			name, _ := m["name"].(string)
			on = append(on, name)
		}
	}
	if off, _, _ := unstructured.NestedBool(hub.Object, "spec", "disableAllDefaultSources"); off || len(on) == 0 {
		return nil
	}
	return []Finding{{Object: "OperatorHub/cluster", Field: "spec.disableAllDefaultSources", Found: "is not set; enabled: " + strings.Join(on, ", "),
		Do: "set it where there is no network: these catalogs cannot be pulled", Warning: true}}
}

// checkTimes: clocks, certificates, and requests for certificates.
func checkTimes(s *snapshot) []Finding {
	var findings []Finding
	warn := func(object, field, found, do string) {
		findings = append(findings, Finding{Object: object, Field: field, Found: found, Do: do, Warning: true})
	}
	if s.aheadKnown && s.ahead.Abs() > clockTolerance {
		where := "ahead of"
		if s.ahead < 0 {
			where = "behind"
		}
		warn(s.info.URL, "Date", fmt.Sprintf("its clock is %s %s ours", s.ahead.Abs().Round(time.Second), where), "set the clock that is wrong")
	}
	ends := func(object, field string, end time.Time, do string) {
		if left := end.Sub(s.now); !end.IsZero() && left < certificateNotice {
			warn(object, field, fmt.Sprintf("ends %s (in %s)", end.UTC().Format(time.RFC3339), left.Round(time.Minute)), do)
		}
	}
	ends(s.info.URL, "certificate", s.serverCert, "see that the cluster renews its certificates: oc get co kube-apiserver")
	ends("kubeconfig", "client-certificate", s.clientCert, "get a new kubeconfig in time")
	if s.pending > 0 {
		warn("CertificateSigningRequest", "", fmt.Sprintf("%d of nodes wait to be approved", s.pending), "look at them: oc get csr; then oc adm certificate approve NAME")
	}
	return findings
}
