package imageset

import "strings"

// table lists what oc-mirror has and this program does not do yet, with what to
// say about it. A key is the pattern of a field (mirror.helm), or such a pattern
// and in parentheses what that field may not hold.
type table map[string]string

// What fields may not hold.
const (
	okdChannel = "mirror.platform.channels[].type (okd)"
)

const (
	ofV1        = "it belongs to oc-mirror v1"
	noHelm      = "helm charts are not carried; list their images under additionalImages"
	sampleNames = "name the samples' images under additionalImages"
	nameIt      = "name the image under additionalImages"
)

// unsupported is what Decode refuses. Taking out a line accepts what it is about,
// as far as Config has a field for it. The fields of v1 are here so that a v1
// file is told more than "unknown key".
var unsupported = table{
	"archiveSize": "",
	"delete":      "it belongs to a DeleteImageSetConfiguration",

	"mirror.helm":    noHelm,
	"mirror.samples": sampleNames,

	"mirror.platform.kubeVirtContainer": nameIt,

	okdChannel: "want ocp",

	"mirror.operators[].targetCatalogSourceTemplate": "",
	"mirror.operators[].skipDependencies":            "",

	"mirror.operators[].packages[].minBundle":       "",
	"mirror.operators[].packages[].bundles":         "",
	"mirror.operators[].packages[].selectedBundles": "",

	"mirror.operators[].packages[].channels[].minBundle": "",

	"storageConfig":                  ofV1,
	"mirror.operators[].targetName":  ofV1,
	"mirror.operators[].originalRef": ofV1,
	"mirror.operators[].skipDeps":    ofV1,
}

// fields is the table without what is not about a whole field.
func (t table) fields() map[string]string {
	fields := map[string]string{}
	for key, reason := range t {
		if !strings.Contains(key, " ") {
			fields[key] = reason
		}
	}
	return fields
}
