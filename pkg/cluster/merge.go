package cluster

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// addTo puts what is wanted into a copy of an object that belongs to everybody.
// Nothing that is there is taken away.
func addTo(have *unstructured.Unstructured, o Object) (*unstructured.Unstructured, error) {
	merged, want := have.DeepCopy(), o.unstructured()
	if o.is(pullSecret) {
		return merged, addCredentials(merged, want)
	}
	if name, other := trustedCA(have), trustedCA(want); name != "" && other != "" && name != other {
		return nil, &FindingsError{[]Finding{{Object: o.String(), Field: "spec.additionalTrustedCA.name",
			Found: "is " + name + ", want " + other, Do: "it changed while this ran; run the same command again"}}}
	}
	for k, v := range want.Object {
		switch k {
		case "apiVersion", "kind", "metadata", "status":
		default:
			merged.Object[k] = mergeValue(merged.Object[k], v, k)
		}
	}
	return merged, nil
}

// theirs are fields that stay as they are once they have a value.
var theirs = []string{"spec.managementState", "spec.logLevel", "spec.operatorLogLevel"}

// mergeValue adds want to have. Maps are merged by key, lists of texts are
// joined, lists of maps are merged by name or path.
func mergeValue(have, want any, path string) any {
	if have == nil {
		return want
	}
	switch w := want.(type) {
	case map[string]any:
		h, ok := have.(map[string]any)
		if !ok {
			return want
		}
		for k, v := range w {
			h[k] = mergeValue(h[k], v, path+"."+k)
		}
		return h
	case []any:
		h, ok := have.([]any)
		if !ok {
			return want
		}
		return mergeList(h, w, path)
	}
	if slices.Contains(theirs, path) {
		return have
	}
	return want
}

func mergeList(have, want []any, path string) []any {
	for _, w := range want {
		at := slices.IndexFunc(have, func(h any) bool { return sameEntry(h, w) })
		if at < 0 {
			have = append(have, w)
			continue
		}
		// What we say of an entry of ours holds as a whole: its actions are an
		// order, not a set.
		if h, ok := have[at].(map[string]any); ok {
			for k, v := range w.(map[string]any) {
				h[k] = v
			}
		}
	}
	return have
}

// sameEntry compares texts, or maps by what names them in a list.
func sameEntry(a, b any) bool {
	am, aok := a.(map[string]any)
	bm, bok := b.(map[string]any)
	if !aok || !bok {
		return reflect.DeepEqual(a, b)
	}
	for _, key := range []string{"name", "path"} {
		if v, ok := bm[key]; ok {
			return am[key] == v
		}
	}
	return reflect.DeepEqual(a, b)
}

// dockerConfig is the key of a secret of this kind, one JSON text.
const dockerConfig = ".dockerconfigjson"

// addCredentials adds the entries under auths. A secret that has them all keeps
// its very bytes.
func addCredentials(have, want *unstructured.Unstructured) error {
	haveRaw, err := secretText(have)
	if err != nil {
		return err
	}
	wantRaw, err := secretText(want)
	if err != nil {
		return err
	}
	merged, changed, err := mergeCredentials(haveRaw, wantRaw)
	if err != nil || !changed {
		return err
	}
	return unstructured.SetNestedField(have.Object, base64.StdEncoding.EncodeToString(merged), "data", dockerConfig)
}

// secretText decodes the one key; no error has anything of its content.
func secretText(u *unstructured.Unstructured) ([]byte, error) {
	if text, ok, _ := unstructured.NestedString(u.Object, "stringData", dockerConfig); ok {
		return []byte(text), nil
	}
	encoded, _, _ := unstructured.NestedString(u.Object, "data", dockerConfig)
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, credentialsFinding("is no base64")
	}
	return raw, nil
}

func credentialsFinding(found string) error {
	return &FindingsError{[]Finding{{Object: pullSecret.String(), Field: "data[" + dockerConfig + "]", Found: found,
		Do: "mend it by hand: oc set data secret/pull-secret -n openshift-config --from-file=.dockerconfigjson=FILE"}}}
}

func mergeCredentials(have, want []byte) (merged []byte, changed bool, err error) {
	outer, auths, err := decodeCredentials(have)
	if err != nil {
		return nil, false, err
	}
	_, add, err := decodeCredentials(want)
	if err != nil {
		return nil, false, err
	}
	for host, entry := range add {
		if old, ok := auths[host]; !ok || !sameJSON(old, entry) {
			auths[host], changed = entry, true
		}
	}
	if !changed {
		return have, false, nil
	}
	if outer["auths"], err = json.Marshal(auths); err != nil {
		return nil, false, fmt.Errorf("%s: %w", pullSecret, err)
	}
	merged, err = json.Marshal(outer)
	return merged, true, err
}

func decodeCredentials(raw []byte) (outer, auths map[string]json.RawMessage, err error) {
	outer, auths = map[string]json.RawMessage{}, map[string]json.RawMessage{}
	if len(raw) == 0 {
		return outer, auths, nil
	}
	if json.Unmarshal(raw, &outer) != nil {
		return nil, nil, credentialsFinding("is no JSON object")
	}
	if a, ok := outer["auths"]; ok && json.Unmarshal(a, &auths) != nil {
		return nil, nil, credentialsFinding("has auths that are no JSON object")
	}
	if auths == nil { // "auths": null
		auths = map[string]json.RawMessage{}
	}
	return outer, auths, nil
}

func sameJSON(a, b json.RawMessage) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}
