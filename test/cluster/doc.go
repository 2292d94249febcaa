// Package cluster has the tests of the cluster side: what Drayage renders and
// does is given to a real API server with the real CRDs, to the machine-config
// operator's own library, and to registries from which skopeo pulls.
//
// They run what a user runs, the two programs, and know no package of the
// project but those of its tests. The cluster is the program cmd/testcluster;
// package harness starts it. `make test-cluster` runs everything here.
//
// This is a module of its own: Kubernetes does not get into the module graph of
// the product or of its other tests. Tests elsewhere run the program, by
// TESTCLUSTER=path, and speak to its control endpoint (package control).
package cluster
