package cluster

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// sound is a cluster with nothing to say about.
func sound() *snapshot {
	p := atRest("rendered-master-x")
	s := &snapshot{info: Info{URL: "https://api:6443", Version: "4.16.3"}, now: start, pool: &p.pool, nodes: p.nodes, aheadKnown: true,
		serverCert: start.Add(30 * 24 * time.Hour)}
	for _, n := range p.nodes {
		s.stats = append(s.stats, nodeSpace{node: n.Name, stats: &NodeStats{Node: n.Name, Root: Disk{CapacityBytes: 1000, UsedBytes: 500, Inodes: 100, InodesFree: 50}}})
	}
	return s
}

func TestChecksBeforeWriting(t *testing.T) {
	mirrors := func(texts ...string) func(*testing.T, *snapshot) {
		return func(t *testing.T, s *snapshot) {
			for _, text := range texts {
				s.mirrors = append(s.mirrors, parse(t, text))
			}
		}
	}
	as := func(version string, also func(*testing.T, *snapshot)) func(*testing.T, *snapshot) {
		return func(t *testing.T, s *snapshot) { s.info.Version = version; also(t, s) }
	}
	nothing := func(*testing.T, *snapshot) {}
	theirs := strings.Replace(idms, "name: example", "name: theirs", 1)
	older := strings.Replace(icspOurs, "name: example", "name: older", 1)
	cases := []struct {
		name    string
		spoil   func(*testing.T, *snapshot)
		objects []string
		options PrepareOptions
		want    []string
	}{
		{"nothing", nothing, []string{idms}, PrepareOptions{}, nil},
		{"another minor version", nothing, nil, PrepareOptions{Version: "4.17"}, []string{"error: ClusterVersion/version: status.history: the cluster is 4.16.3, the site says 4.17; set openshift"}},
		{"another patch", nothing, nil, PrepareOptions{Version: "4.16.9"}, nil},
		{"no OpenShift", as("", nothing), nil, PrepareOptions{Version: "4.16"}, []string{"error: ClusterVersion/version: is not there, or has no version"}},
		{"no pool", func(_ *testing.T, s *snapshot) { s.pool = nil }, nil, PrepareOptions{}, []string{"error: MachineConfigPool/master: is not there"}},
		{"paused", func(_ *testing.T, s *snapshot) { s.pool.Paused = true }, nil, PrepareOptions{}, []string{"error: MachineConfigPool/master: spec.paused: is true, and not by us"}},
		{"paused by us", func(_ *testing.T, s *snapshot) { s.pool.Paused, s.pool.PausedByUs = true, true }, nil, PrepareOptions{}, nil},
		{"degraded", func(_ *testing.T, s *snapshot) { s.pool.Degraded, s.pool.Reason = true, "why" }, nil, PrepareOptions{}, []string{"error: MachineConfigPool/master: status.conditions: is degraded (0 machines): why"}},
		{"five nodes and workers", func(_ *testing.T, s *snapshot) { s.pool.Machines, s.workers = 5, 2 }, nil, PrepareOptions{},
			[]string{"warning: MachineConfigPool/master: status.machineCount: is 5", "warning: MachineConfigPool/worker: status.machineCount: has 2 machines"}},
		{"bad nodes", func(_ *testing.T, s *snapshot) {
			s.nodes[1].DiskPressure, s.nodes[2].MemoryPressure = true, true
		}, nil, PrepareOptions{},
			[]string{"error: Node/node2: status.conditions[DiskPressure]: is True", "error: Node/node3: status.conditions[MemoryPressure]: is True"}},
		{"another pool's nodes", nothing, []string{strings.Replace(machine, "role: master", "role: edge", 1)}, PrepareOptions{},
			[]string{`error: MachineConfig/99-master-registry: metadata.labels[machineconfiguration.openshift.io/role]: is "edge"; only the pool master is paused and watched; set pool: master`}},
		{"one node needs more", nothing, nil, PrepareOptions{NodeBytes: 100, NodeExtra: map[string]int64{"node1": 0, "node2": 300, "node3": 150}},
			[]string{"error: Node/node2: node.fs: 500B of 1kB are in use; with 400B more it is 90 %"}},
		{"nodes that the site names otherwise", nothing, nil, PrepareOptions{NodeExtra: map[string]int64{"a": 0, "b": 260}},
			[]string{"warning: Node/node1: node.fs: 500B of 1kB are in use; with 260B more it is 76 %", "warning: Node/node2", "warning: Node/node3"}},
		{"75 percent", nothing, nil, PrepareOptions{NodeBytes: 250}, nil},
		{"more than 75 percent", nothing, nil, PrepareOptions{NodeBytes: 251}, []string{"warning: Node/node1: node.fs: 500B of 1kB are in use; with 251B more it is 76 %; free space in time: from 85 % on", "warning: Node/node2", "warning: Node/node3"}},
		{"more than 85 percent", nothing, nil, PrepareOptions{NodeBytes: 351}, []string{"error: Node/node1: node.fs: 500B of 1kB are in use; with 351B more it is 86 %; free space, or take", "error: Node/node2", "error: Node/node3"}},
		{"more than 85 percent, forced", nothing, nil, PrepareOptions{NodeBytes: 351, ForceSpace: true}, []string{"warning: Node/node1", "warning: Node/node2", "warning: Node/node3"}},
		{"unknown disks", func(_ *testing.T, s *snapshot) {
			s.stats[0] = nodeSpace{node: "node1", err: errors.New("node node1: stats: 500 no kubelet")}
			s.stats[1].stats.Root.UsedBytes = -1
			s.stats[2].stats.Root.InodesFree = 4
		}, nil, PrepareOptions{}, []string{"error: Node/node3: node.fs: 4 of 100 inodes are free", "warning: Node/node1: stats/summary: 500 no kubelet", "warning: Node/node2: node.fs: its kubelet does not say"}},
		{"a disk for images", func(_ *testing.T, s *snapshot) { s.stats[0].stats.Images = Disk{CapacityBytes: 100, UsedBytes: 90} }, nil, PrepareOptions{}, []string{"error: Node/node1: node.runtime.imageFs: 90B of 100B"}},
		{"mirror sets before 4.13", as("4.12.1", nothing), []string{idms}, PrepareOptions{}, []string{"error: ImageDigestMirrorSet/example: kind: the cluster is 4.12.1; the kind exists from 4.13 on"}},
		{"both kinds in 4.14", as("4.14.0", mirrors(older)), []string{strings.Replace(idms, "quay.io", "other.io", 1)}, PrepareOptions{}, []string{"error: ImageDigestMirrorSet/example: kind: 4.14.0 refuses it beside ImageContentSourcePolicy/older; replace"}},
		{"both kinds in 4.13, the other way round", as("4.13.0", mirrors(itms)), []string{icspOurs}, PrepareOptions{}, []string{"error: ImageContentSourcePolicy/example: kind: 4.13.0 refuses it beside ImageTagMirrorSet/example"}},
		{"both kinds in 4.16", mirrors(strings.Replace(older, "quay.io", "other.io", 1)), []string{idms}, PrepareOptions{}, nil},
		{"our own object of before", mirrors(strings.Replace(idms, "10.0.0.1", "10.0.0.7", 1)), []string{idms}, PrepareOptions{}, nil},
		{"an older object goes first", mirrors(strings.Replace(theirs, "'localhost:5000/ocp4/openshift', '10.0.0.1:5000/ocp4/openshift'", "'bastion:5000/x'", 1)), []string{idms}, PrepareOptions{},
			[]string{"warning: ImageDigestMirrorSet/example: quay.io/a/release: is in ImageDigestMirrorSet/theirs too; nodes will ask in this order: bastion:5000/x, localhost:5000/ocp4/openshift, 10.0.0.1:5000/ocp4/openshift; remove the older object if its registry is gone: it is asked before ours"}},
		{"an older object with the same", mirrors(theirs), []string{idms}, PrepareOptions{}, nil},
		{"two policies", mirrors(strings.Replace(theirs, "source:", "mirrorSourcePolicy: NeverContactSource, source:", 1)), []string{idms}, PrepareOptions{},
			[]string{"error: ImageDigestMirrorSet/example: quay.io/a/release: is AllowContactingSource, and NeverContactSource in ImageDigestMirrorSet/theirs; make them the same"}},
		{"a more specific source", mirrors(strings.Replace(theirs, "quay.io/a/release", "quay.io/a/release/x", 1)), []string{idms}, PrepareOptions{},
			[]string{"warning: ImageDigestMirrorSet/theirs: quay.io/a/release/x: is more specific than quay.io/a/release of ImageDigestMirrorSet/example and holds alone"}},
		{"a source with the same beginning", mirrors(strings.Replace(theirs, "quay.io/a/release", "quay.io/a/release2", 1)), []string{idms}, PrepareOptions{}, nil},
		{"tags are another matter", mirrors(strings.Replace(itms, "quay.io/a/tags", "quay.io/a/release", 1)), []string{idms}, PrepareOptions{}, nil},
		{"allowed registries", func(t *testing.T, s *snapshot) {
			s.image = parse(t, "{apiVersion: config.openshift.io/v1, kind: Image, metadata: {name: cluster}, spec: {registrySources: {allowedRegistries: [quay.io, '10.0.0.1:5000']}}}")
		}, []string{idms}, PrepareOptions{}, []string{"error: Image/cluster: spec.registrySources.allowedRegistries: does not have localhost:5000; add it"}},
		{"blocked registries", func(t *testing.T, s *snapshot) {
			s.image = parse(t, "{apiVersion: config.openshift.io/v1, kind: Image, metadata: {name: cluster}, spec: {registrySources: {blockedRegistries: ['localhost:5000']}}}")
		}, []string{idms}, PrepareOptions{}, []string{"error: Image/cluster: spec.registrySources.blockedRegistries: has localhost:5000"}},
		{"default catalogs", func(t *testing.T, s *snapshot) {
			s.hub = parse(t, "{apiVersion: config.openshift.io/v1, kind: OperatorHub, metadata: {name: cluster}, status: {sources: [{name: a, disabled: true}, {name: b, disabled: false}]}}")
		}, []string{idms}, PrepareOptions{}, []string{"warning: OperatorHub/cluster: spec.disableAllDefaultSources: is not set; enabled: b; set it"}},
		{"clocks and certificates", func(_ *testing.T, s *snapshot) {
			s.ahead, s.serverCert, s.clientCert, s.pending = -2*time.Minute, start.Add(71*time.Hour), start.Add(time.Hour), 3
		}, nil, PrepareOptions{}, []string{"warning: CertificateSigningRequest: 3 of nodes wait to be approved; look at them: oc get csr",
			"warning: https://api:6443: Date: its clock is 2m0s behind ours", "warning: https://api:6443: certificate: ends 2026-01-03T23:00:00Z (in 71h0m0s)", "warning: kubeconfig: client-certificate: ends 2026-01-01T01:00:00Z"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := sound()
			c.spoil(t, s)
			got := check(s, objects(t, c.objects...), c.options)
			same := slices.EqualFunc(strings.Split(lines(got), "\n"), c.want, strings.HasPrefix)
			if len(got) == 0 && len(c.want) == 0 {
				same = true
			}
			if !same {
				t.Errorf("got\n%s\nwant\n%s", lines(got), strings.Join(c.want, "\n"))
			}
		})
	}
}

func TestAPoolThatRollsOutAlready(t *testing.T) {
	p := rolling(func(*Node) {}).pool
	if got := lines(checkUpdating(&p, true)); !strings.HasPrefix(got, "error: MachineConfigPool/master: status.conditions: is updating: 0 of 3 machines have rendered-master-new; wait") {
		t.Error(got)
	}
	if got := lines(checkUpdating(&p, false)); !strings.HasPrefix(got, "warning: ") {
		t.Error(got)
	}
	rest := atRest("x").pool
	if got := checkUpdating(&rest, true); got != nil {
		t.Error(got)
	}
}

func TestOrderOfMergedMirrors(t *testing.T) {
	cases := []struct {
		lists [][]string
		want  string
	}{
		{[][]string{{"localhost", "n1"}, {"bastion"}}, "bastion localhost n1"},
		{[][]string{{"localhost", "n1"}, {"n1", "z"}}, "localhost n1 z"},
		{[][]string{{"b", "a"}}, "b a"},
		{[][]string{{"b", "a"}, {"a", "b"}}, "a b"},
		{[][]string{{"a", "a"}}, "a"},
		{nil, ""},
	}
	for _, c := range cases {
		if got := strings.Join(mergedOrder(c.lists), " "); got != c.want {
			t.Errorf("%v: %s, want %s", c.lists, got, c.want)
		}
	}
}

func TestCatalogStates(t *testing.T) {
	cases := []struct {
		text  string
		ready bool
		state string
	}{
		{"{kind: CatalogSource, status: {connectionState: {lastObservedState: READY}}}", true, "READY"},
		{"{kind: CatalogSource, status: {connectionState: {lastObservedState: CONNECTING}, message: no such image}}", false, "CONNECTING no such image"},
		{"{kind: CatalogSource}", false, ""},
		{"{kind: ClusterCatalog, status: {conditions: [{type: Serving, status: 'True', reason: Available}]}}", true, "Available"},
		{"{kind: ClusterCatalog, status: {conditions: [{type: Serving, status: 'False', reason: Unavailable, message: m}]}}", false, "Unavailable m"},
	}
	for _, c := range cases {
		u := &unstructured.Unstructured{Object: parse(t, c.text).Object}
		if k := catalogOf(u); k.Ready != c.ready || k.State != c.state {
			t.Errorf("%s: %+v", c.text, k)
		}
	}
}
