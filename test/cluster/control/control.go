// Package control is how a test tells a running test cluster what is to go wrong
// in it, and how it learns what happened. It knows nothing of Kubernetes.
//
// The cluster serves it in plain HTTP on loopback, at the address that it prints
// when it is ready. From another language or module it is as easily spoken:
//
//	GET    /state     the [State] in force, as JSON
//	PATCH  /state     a part of it: keys that are not named stay, and in a map
//	                  null takes an entry away
//	GET    /journal   a JSON list of [Entry], in the order in which they happened
//	DELETE /journal   empties it
//	POST   /restart   ends the API server as a crash does, leaves it away for
//	                  ?downMillis=N, and replies when it answers again
//
// Errors are answered with 400, or 500 for a restart, and one line of text.
package control

// State is what the stand-ins do. Times are in milliseconds.
type State struct {
	// RenderDelay is how long the machine-config operator waits between a change
	// and the rendered configuration; in a real one 5000.
	RenderDelay int64 `json:"renderDelayMillis"`
	// Step is how long each step of a node takes: working, cordon, drain, apply,
	// reboot, boot, uncordon, done.
	Step int64 `json:"stepMillis"`
	// DrainTimeout is after which a drain that goes on is a degraded node; in a
	// real cluster an hour.
	DrainTimeout int64 `json:"drainTimeoutMillis"`
	// CatalogDelay is how long a catalog is CONNECTING.
	CatalogDelay int64 `json:"catalogDelayMillis"`
	// Halted stops the operators: nothing is rendered, no status changes, no node
	// moves, no catalog connects.
	Halted bool `json:"halted"`
	// Degraded has the reason for each node that does not get through its update,
	// or that is degraded without one.
	Degraded map[string]string `json:"degraded"`
	// StuckDrain has the nodes whose drain does not end.
	StuckDrain map[string]bool `json:"stuckDrain"`
	// Catalogs has the state in which a CatalogSource ends, by its name; READY if
	// it is not here. A ClusterCatalog of the name is not served, for that reason.
	Catalogs map[string]string `json:"catalogs"`
	// Stats is what the kubelet of a node says of its disk.
	Stats map[string]Stats `json:"stats"`
}

// Stats is a kubelet's answer to stats/summary, or the want of one.
type Stats struct {
	CapacityBytes uint64 `json:"capacityBytes"`
	UsedBytes     uint64 `json:"usedBytes"`
	Inodes        uint64 `json:"inodes"`
	InodesFree    uint64 `json:"inodesFree"`
	// Empty leaves out every number, as a kubelet may.
	Empty bool `json:"empty,omitempty"`
	// Silent never answers.
	Silent bool `json:"silent,omitempty"`
	// Status answers with this HTTP status and no summary.
	Status int `json:"status,omitempty"`
}

// Entry is one thing that happened.
type Entry struct {
	// Subject is a node, a pool, a catalog, or "machine-config-controller", whose
	// entries are what the real one says in its log and nowhere else.
	Subject string `json:"subject"`
	// Step is what it did: cordon, drain, reboot, render, error and so on.
	Step string `json:"step"`
	// Detail is the configuration that it is about, or a message.
	Detail string `json:"detail"`
}

// Default is a cluster in which all goes well, and fast.
func Default() State {
	return State{
		RenderDelay:  300,
		Step:         30,
		DrainTimeout: 3600_000,
		CatalogDelay: 100,
		Degraded:     map[string]string{},
		StuckDrain:   map[string]bool{},
		Catalogs:     map[string]string{},
		Stats:        map[string]Stats{},
	}
}

// DefaultStats is a node with 120 GB of disk, a quarter of it used.
func DefaultStats() Stats {
	return Stats{CapacityBytes: 120e9, UsedBytes: 30e9, Inodes: 60e6, InodesFree: 59e6}
}
