package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// MaxObject bounds the text of one object, in bytes: etcd takes no more.
const MaxObject = 1_572_864

// Object is one object that is to be on the cluster.
type Object struct {
	Kind string
	// Namespace is empty for an object of the whole cluster.
	Namespace string
	Name      string

	content map[string]any
	// neverForce is set on an object of ours that shares a name with somebody
	// else's.
	neverForce bool
	// drains is set on a mirror set that takes something away from the one that
	// is there: every node is drained for it.
	drains bool
}

// String is Kind/name, or Kind/namespace/name.
func (o Object) String() string { return objectID(o.Kind, o.Namespace, o.Name) }

func objectID(kind, namespace, name string) string {
	if namespace != "" {
		return kind + "/" + namespace + "/" + name
	}
	return kind + "/" + name
}

// pullSecret is the cluster's one file of credentials.
var pullSecret = Object{Kind: "Secret", Namespace: "openshift-config", Name: "pull-secret"}

func (o Object) is(other Object) bool {
	return o.Kind == other.Kind && o.Namespace == other.Namespace && o.Name == other.Name
}

// everybodys tells an object to which things are added from one that is applied.
func (o Object) everybodys() bool { return kinds[o.Kind].everybodys || o.is(pullSecret) || o.isPart() }

// stage tells when the object is written. What drains nodes goes where they
// drain anyway.
func (o Object) stage() stage {
	s := kinds[o.Kind].stage
	if s == stageMirrors && (o.drains || o.forbidsSource()) {
		return stagePool
	}
	return s
}

func (o Object) forbidsSource() bool {
	for _, r := range mirrorRules(o.unstructured()) {
		if r.Policy == neverContactSource {
			return true
		}
	}
	return false
}

// unstructured is a copy.
func (o Object) unstructured() *unstructured.Unstructured {
	return (&unstructured.Unstructured{Object: o.content}).DeepCopy()
}

var documentMark = regexp.MustCompile(`(?m)^---(\s|$)`)

// Decode reads one object, YAML or JSON, of at most [MaxObject] bytes. The error
// holds all findings: a kind that is not in the table (it is named), another
// apiVersion than the table's, no name, a namespace where none belongs or the
// other way round.
func Decode(raw []byte) (Object, error) {
	if len(raw) > MaxObject {
		return Object{}, fmt.Errorf("object: more than %d bytes", MaxObject)
	}
	body := bytes.TrimSpace(bytes.TrimPrefix(raw, []byte("---\n")))
	if documentMark.Match(body) {
		return Object{}, errors.New("object: several documents, want one")
	}
	js, err := yaml.YAMLToJSONStrict(body)
	if err != nil {
		return Object{}, fmt.Errorf("object: %w", err)
	}
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON(js); err != nil {
		return Object{}, fmt.Errorf("object: %w", err)
	}
	return fromUnstructured(u)
}

func fromUnstructured(u *unstructured.Unstructured) (Object, error) {
	// A null here is what Go types leave behind; the server has no opinion on it.
	unstructured.RemoveNestedField(u.Object, "metadata", "creationTimestamp")
	o := Object{Kind: u.GetKind(), Namespace: u.GetNamespace(), Name: u.GetName(), content: u.Object}
	k, ok := kinds[o.Kind]
	if !ok {
		return Object{}, fmt.Errorf("%s: kind %s is none of those that can be applied: %s", o, o.Kind, knownKinds())
	}
	var errs []error
	if v := u.GetAPIVersion(); v != k.apiVersion() {
		errs = append(errs, fmt.Errorf("%s: apiVersion is %s, want %s", o, v, k.apiVersion()))
	}
	if o.Name == "" {
		errs = append(errs, fmt.Errorf("%s: metadata.name is missing", o.Kind))
	}
	if k.namespaced && o.Namespace == "" {
		errs = append(errs, fmt.Errorf("%s: metadata.namespace is missing", o))
	}
	if !k.namespaced && o.Namespace != "" {
		errs = append(errs, fmt.Errorf("%s: metadata.namespace is %s, but the kind has none", o, o.Namespace))
	}
	return o, errors.Join(errs...)
}
