package imageset

const (
	oneVersion = "ask for one version, with minVersion and maxVersion the same"
	ofV1       = "it belongs to oc-mirror v1"
)

// unsupported lists the fields of oc-mirror that are known and not done yet, with
// what to say about them. Those of v1 are here so that a v1 file is told more
// than "unknown key".
var unsupported = map[string]string{
	"archiveSize": "",
	"delete":      "it belongs to a DeleteImageSetConfiguration",

	"mirror.helm":          "name the charts' images under additionalImages",
	"mirror.blockedImages": "",
	"mirror.samples":       "name the samples' images under additionalImages",

	"mirror.platform.graph":             "",
	"mirror.platform.kubeVirtContainer": "name the image under additionalImages",
	"mirror.platform.platforms":         "use architectures",

	"mirror.platform.channels[].shortestPath": oneVersion,
	"mirror.platform.channels[].full":         oneVersion,

	"mirror.operators[].targetCatalog":               "",
	"mirror.operators[].targetTag":                   "",
	"mirror.operators[].targetCatalogSourceTemplate": "",
	"mirror.operators[].skipDependencies":            "",
	"mirror.operators[].platforms":                   "",

	"mirror.operators[].packages[].channels":        "",
	"mirror.operators[].packages[].minVersion":      "",
	"mirror.operators[].packages[].maxVersion":      "",
	"mirror.operators[].packages[].defaultChannel":  "",
	"mirror.operators[].packages[].minBundle":       "",
	"mirror.operators[].packages[].bundles":         "",
	"mirror.operators[].packages[].selectedBundles": "",

	"mirror.additionalImages[].targetRepo": "",
	"mirror.additionalImages[].targetTag":  "",
	"mirror.additionalImages[].platforms":  "",

	"storageConfig":                  ofV1,
	"mirror.operators[].targetName":  ofV1,
	"mirror.operators[].originalRef": ofV1,
	"mirror.operators[].skipDeps":    ofV1,
}
