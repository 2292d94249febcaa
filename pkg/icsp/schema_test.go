package icsp

import (
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// schema is the part of an openAPIV3Schema that says what an object may hold.
type schema struct {
	Type                 string            `json:"type"`
	Properties           map[string]schema `json:"properties"`
	AdditionalProperties *schema           `json:"additionalProperties"`
	Required             []string          `json:"required"`
	Items                *schema           `json:"items"`
	Pattern              string            `json:"pattern"`
	Enum                 []any             `json:"enum"`
	ListType             string            `json:"x-kubernetes-list-type"`
}

// violations lists what the schema has against v, each with its path.
func (s schema) violations(path string, v any) []string {
	var found []string
	add := func(format string, a ...any) { found = append(found, path+": "+fmt.Sprintf(format, a...)) }
	if n, ok := v.(float64); ok && s.Type == "integer" && n == float64(int64(n)) {
		return nil
	}
	if s.Type != "" && s.Type != typeOf(v) {
		add("%s, want %s", typeOf(v), s.Type)
		return found
	}
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, v) {
		add("%v is not one of %v", v, s.Enum)
	}
	switch v := v.(type) {
	case string:
		if !regexp.MustCompile(s.Pattern).MatchString(v) {
			add("%q does not match", v)
		}
	case []any:
		found = append(found, s.listViolations(path, v)...)
	case map[string]any:
		found = append(found, s.mapViolations(path, v)...)
	}
	return found
}

func (s schema) listViolations(path string, list []any) []string {
	var found []string
	for i, v := range list {
		at := fmt.Sprintf("%s[%d]", path, i)
		if s.ListType == "set" && slices.Contains(list[:i], v) {
			found = append(found, at+": twice in a set")
		}
		if s.Items != nil {
			found = append(found, s.Items.violations(at, v)...)
		}
	}
	return found
}

func (s schema) mapViolations(path string, m map[string]any) []string {
	var found []string
	for _, key := range s.Required {
		if _, ok := m[key]; !ok {
			found = append(found, path+"."+key+": required")
		}
	}
	for key, v := range m {
		property, known := s.Properties[key]
		switch {
		case known:
			found = append(found, property.violations(path+"."+key, v)...)
		case s.AdditionalProperties != nil:
			found = append(found, s.AdditionalProperties.violations(path+"."+key, v)...)
		case path != ".metadata": // which every kind has, and no schema describes
			found = append(found, path+"."+key+": unknown field")
		}
	}
	sort.Strings(found)
	return found
}

func typeOf(v any) string {
	switch v.(type) {
	case string:
		return "string"
	case bool:
		return "boolean"
	case float64:
		return "number"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return "null"
}

// crd is a CustomResourceDefinition with one version.
type crd struct {
	Spec struct {
		Group string `json:"group"`
		Scope string `json:"scope"`
		Names struct {
			Kind string `json:"kind"`
		} `json:"names"`
		Versions []struct {
			Name   string `json:"name"`
			Schema struct {
				OpenAPIV3Schema schema `json:"openAPIV3Schema"`
			} `json:"schema"`
		} `json:"versions"`
	} `json:"spec"`
}

func readCRD(t *testing.T, name string) crd {
	t.Helper()
	var c crd
	if err := yaml.Unmarshal(fixture(t, "crds/"+name), &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Spec.Versions) != 1 || c.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties == nil {
		t.Fatalf("%s: want one version with a schema", name)
	}
	return c
}

func (c crd) apiVersion() string {
	return c.Spec.Group + "/" + c.Spec.Versions[0].Name
}

// violations lists what an API server with this CRD has against an object.
func (c crd) violations(t *testing.T, o Object) []string {
	t.Helper()
	var doc map[string]any
	if err := yaml.UnmarshalStrict(o.YAML, &doc); err != nil {
		t.Fatal(err)
	}
	found := c.Spec.Versions[0].Schema.OpenAPIV3Schema.violations("", doc)
	if doc["apiVersion"] != c.apiVersion() || doc["kind"] != c.Spec.Names.Kind {
		found = append(found, fmt.Sprintf("%v %v, want %s %s", doc["apiVersion"], doc["kind"], c.apiVersion(), c.Spec.Names.Kind))
	}
	if namespaced := c.Spec.Scope == "Namespaced"; namespaced != (o.Namespace != "") {
		found = append(found, fmt.Sprintf("namespace %q, but the scope is %s", o.Namespace, c.Spec.Scope))
	}
	return found
}

const (
	icspCRD   = "0000_10_config-operator_01_imagecontentsourcepolicies.crd.yaml"
	idmsCRD   = "0000_10_config-operator_01_imagedigestmirrorsets.crd.yaml"
	sourceCRD = "operators.coreos.com_catalogsources.yaml"
)

func TestObjectsAreValidByTheClustersSchemas(t *testing.T) {
	for _, c := range []struct {
		crd, openshift string
		objects        int
	}{
		{"by-release/0000_10_config-operator_01_imagecontentsourcepolicy.crd-4.9.yaml", "4.9", 4},
		{"by-release/0000_10_config-operator_01_imagecontentsourcepolicy.crd-4.12.yaml", "4.12", 4},
		{icspCRD, "4.12", 4},
		{"by-release/0000_10_config-operator_01_imagedigestmirrorset.crd-4.13.yaml", "4.13", 4},
		{"by-release/0000_10_config-operator_01_imagedigestmirrorset.crd-4.14.yaml", "4.14", 4},
		{idmsCRD, "4.21", 4},
		{sourceCRD, "4.9", 1},
		{sourceCRD, "4.21", 1},
	} {
		t.Run(c.openshift+" "+c.crd, func(t *testing.T) {
			definition := readCRD(t, c.crd)
			checked := 0
			for _, o := range render(t, blogManifest(), blogSite(c.openshift)) {
				if o.Kind != definition.Spec.Names.Kind {
					continue
				}
				checked++
				for _, v := range definition.violations(t, o) {
					t.Errorf("%s %s: %s", o.Kind, o.Name, v)
				}
			}
			if checked != c.objects {
				t.Errorf("%d objects of this kind, want %d", checked, c.objects)
			}
		})
	}
}

// The check above is worth something only if it refuses what a cluster refuses.
func TestSchemaCheckRefuses(t *testing.T) {
	const idms = "apiVersion: config.openshift.io/v1\nkind: ImageDigestMirrorSet\nmetadata: {name: x}\n"
	for name, c := range map[string]struct{ doc, want string }{
		"no spec":          {idms, ".spec: required"},
		"unknown field":    {idms + "spec: {repositoryDigestMirrors: []}", ".spec.repositoryDigestMirrors: unknown field"},
		"flat metadata":    {idms + "spec: {}\nname: x", ".name: unknown field"},
		"no source":        {idms + "spec: {imageDigestMirrors: [{mirrors: [a/b]}]}", ".spec.imageDigestMirrors[0].source: required"},
		"mirror with tag":  {idms + `spec: {imageDigestMirrors: [{source: a/b, mirrors: ["c/d:e"]}]}`, `.spec.imageDigestMirrors[0].mirrors[0]: "c/d:e" does not match`},
		"mirror twice":     {idms + "spec: {imageDigestMirrors: [{source: a/b, mirrors: [c, c]}]}", ".spec.imageDigestMirrors[0].mirrors[1]: twice in a set"},
		"unknown policy":   {idms + "spec: {imageDigestMirrors: [{source: a/b, mirrorSourcePolicy: Never}]}", ".spec.imageDigestMirrors[0].mirrorSourcePolicy: Never is not one of [NeverContactSource AllowContactingSource]"},
		"wrong type":       {idms + "spec: {imageDigestMirrors: a/b}", ".spec.imageDigestMirrors: string, want array"},
		"wrong apiVersion": {strings.Replace(idms, "v1", "v2", 1) + "spec: {}", "config.openshift.io/v2 ImageDigestMirrorSet, want config.openshift.io/v1 ImageDigestMirrorSet"},
	} {
		t.Run(name, func(t *testing.T) {
			got := readCRD(t, idmsCRD).violations(t, Object{YAML: []byte(c.doc)})
			if !slices.Equal(got, []string{c.want}) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestPatternsAreThoseOfTheCluster(t *testing.T) {
	list := readCRD(t, idmsCRD).Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"].Properties["imageDigestMirrors"]
	if got, want := sourcePattern, list.Items.Properties["source"].Pattern; got != want {
		t.Errorf("source:\n%s\nwant:\n%s", got, want)
	}
	if got, want := mirrorPattern, list.Items.Properties["mirrors"].Items.Pattern; got != want {
		t.Errorf("mirror:\n%s\nwant:\n%s", got, want)
	}
}

func TestPatterns(t *testing.T) {
	for s, want := range map[string]struct{ source, mirror bool }{
		"localhost:5000/ocp4/openshift":  {true, true},
		"10.10.21.174:5000/registry":     {true, true},
		"quay.io":                        {true, true},
		"*.example.com":                  {true, false},
		"quay.io/a/b:tag":                {false, false},
		"quay.io/a/b@" + digestA:         {false, false},
		"quay.io/A":                      {false, false},
		"https://quay.io/a":              {false, false},
		"[fd00::1]:5000/a":               {false, false},
		"quay.io/a/":                     {false, false},
		"quay.io//a":                     {false, false},
		"quay.io/a\nquay.io/b":           {false, false},
		"":                               {false, false},
		"quay.io/openshift-release_dev/": {false, false},
	} {
		if got := sourceRegexp.MatchString(s); got != want.source {
			t.Errorf("source %q: %t", s, got)
		}
		if got := mirrorRegexp.MatchString(s); got != want.mirror {
			t.Errorf("mirror %q: %t", s, got)
		}
	}
}
