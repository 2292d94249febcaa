package cluster

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// stage is when an object is written; the package comment has the list.
type stage int

const (
	stageGround stage = iota + 1
	stagePool
	stageMirrors
	stageCatalogs
	stageLast
)

// kind is what the table knows of a kind of object.
type kind struct {
	gvr        schema.GroupVersionResource
	namespaced bool
	stage      stage
	// everybodys are objects with parts of many owners: never applied, always
	// read and added to.
	everybodys bool
}

func (k kind) apiVersion() string { return k.gvr.GroupVersion().String() }

func resource(apiVersion, name string) schema.GroupVersionResource {
	group, version, found := strings.Cut(apiVersion, "/")
	if !found {
		group, version = "", apiVersion
	}
	return schema.GroupVersionResource{Group: group, Version: version, Resource: name}
}

// kinds are all that can be written.
var kinds = map[string]kind{
	"Namespace": {gvr: resource("v1", "namespaces"), stage: stageGround},
	"ConfigMap": {gvr: resource("v1", "configmaps"), namespaced: true, stage: stageGround},
	"Secret":    {gvr: resource("v1", "secrets"), namespaced: true, stage: stageGround},
	"MachineConfiguration": {gvr: resource("operator.openshift.io/v1", "machineconfigurations"),
		stage: stageGround, everybodys: true},

	"MachineConfig": {gvr: resource("machineconfiguration.openshift.io/v1", "machineconfigs"), stage: stagePool},
	"KubeletConfig": {gvr: resource("machineconfiguration.openshift.io/v1", "kubeletconfigs"), stage: stagePool},
	"Image":         {gvr: resource("config.openshift.io/v1", "images"), stage: stagePool, everybodys: true},
	"ImageTagMirrorSet": {gvr: resource("config.openshift.io/v1", "imagetagmirrorsets"),
		stage: stagePool},

	"ImageContentSourcePolicy": {gvr: resource("operator.openshift.io/v1alpha1", "imagecontentsourcepolicies"),
		stage: stageMirrors},
	"ImageDigestMirrorSet": {gvr: resource("config.openshift.io/v1", "imagedigestmirrorsets"), stage: stageMirrors},

	"OperatorHub": {gvr: resource("config.openshift.io/v1", "operatorhubs"), stage: stageCatalogs, everybodys: true},
	"CatalogSource": {gvr: resource("operators.coreos.com/v1alpha1", "catalogsources"), namespaced: true,
		stage: stageCatalogs},
	"ClusterCatalog": {gvr: resource("olm.operatorframework.io/v1", "clustercatalogs"), stage: stageCatalogs},

	"PinnedImageSet": {gvr: resource("machineconfiguration.openshift.io/v1", "pinnedimagesets"), stage: stageLast},
	"UpdateService": {gvr: resource("updateservice.operator.openshift.io/v1", "updateservices"), namespaced: true,
		stage: stageLast},
}

// Those that are only read, or written in another way.
var (
	machineConfigPools = resource("machineconfiguration.openshift.io/v1", "machineconfigpools")
	clusterVersions    = resource("config.openshift.io/v1", "clusterversions")
	nodesResource      = resource("v1", "nodes")
	podsResource       = resource("v1", "pods")
	disruptionBudgets  = resource("policy/v1", "poddisruptionbudgets")
	signingRequests    = resource("certificates.k8s.io/v1", "certificatesigningrequests")
	accessReviews      = resource("authorization.k8s.io/v1", "selfsubjectaccessreviews")
)

func knownKinds() string { return strings.Join(slices.Sorted(maps.Keys(kinds)), ", ") }
