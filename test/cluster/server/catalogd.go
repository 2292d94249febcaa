package server

import "slices"

// The CRD of ClusterCatalog, of the second Operator Lifecycle Manager, and the
// OpenShift 4.minor from which on a cluster has it.
const (
	catalogdModule = "github.com/operator-framework/operator-controller"
	catalogdCRD    = "config/base/catalogd/crd/bases/olm.operatorframework.io_clustercatalogs.yaml"
	catalogdMinor  = 18
)

func (o Options) hasClusterCatalogs() bool {
	return o.minor() >= catalogdMinor && !slices.Contains(o.Without, "clustercatalogs")
}
