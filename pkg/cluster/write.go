package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
)

// Result is what became of an object, or would.
type Result string

// The results.
const (
	Created   Result = "created"
	Changed   Result = "changed"
	Unchanged Result = "unchanged"
	// Refused is an object that the server did not take when it tried it.
	Refused Result = "refused"
)

// Change is what became of one object, or would.
type Change struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	Result    Result `json:"result"`
	// Fields are the paths that differ, of an object that is changed.
	Fields []string `json:"fields,omitempty"`
	// Untried says that the server could not try the object, because its
	// namespace is made in the same run.
	Untried bool `json:"untried,omitempty"`
}

// String is Kind/name or Kind/namespace/name.
func (c Change) String() string { return objectID(c.Kind, c.Namespace, c.Name) }

// writing is how an object is written.
type writing struct {
	// dry has the server try it and keep nothing.
	dry bool
	// force takes fields over from other managers; only for what is ours.
	force bool
}

func (w writing) dryRun() []string {
	if w.dry {
		return []string{metav1.DryRunAll}
	}
	return nil
}

func (c *Cluster) resource(o Object) dynamic.ResourceInterface {
	k := kinds[o.Kind]
	if k.namespaced {
		return c.dynamic.Resource(k.gvr).Namespace(o.Namespace)
	}
	return c.dynamic.Resource(k.gvr)
}

// read returns nil for an object that is not there.
func (c *Cluster) read(ctx context.Context, o Object) (*unstructured.Unstructured, error) {
	u, err := c.resource(o).Get(ctx, o.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) && !isUnknownResource(err) {
		return nil, nil
	}
	return u, err
}

// write brings one object to the cluster, once.
func (c *Cluster) write(ctx context.Context, o Object, w writing) (Change, error) {
	if o.everybodys() {
		return c.add(ctx, o, w)
	}
	before, err := c.read(ctx, o)
	if err != nil {
		return Change{}, err
	}
	after, err := c.resource(o).Apply(ctx, o.Name, o.unstructured(), metav1.ApplyOptions{
		FieldManager: Manager, Force: w.force && !o.neverForce, DryRun: w.dryRun(),
	})
	if err != nil {
		return Change{}, err
	}
	return changeOf(o, before, after), nil
}

// conflictTries bounds how often an object is read anew because somebody else
// wrote it in between.
const conflictTries = 10

// add merges what is wanted into an object that belongs to everybody.
func (c *Cluster) add(ctx context.Context, o Object, w writing) (Change, error) {
	var err error
	for range conflictTries {
		var change Change
		if change, err = c.addOnce(ctx, o, w); !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) {
			return change, err
		}
	}
	return Change{}, fmt.Errorf("%s: changed by others %d times while it was written: %w", o, conflictTries, err)
}

func (c *Cluster) addOnce(ctx context.Context, o Object, w writing) (Change, error) {
	before, err := c.read(ctx, o)
	if o.isPart() && (isUnknownResource(err) || err == nil && before == nil) {
		return Change{Kind: o.Kind, Name: o.Name, Result: Unchanged}, nil
	}
	if err != nil {
		return Change{}, err
	}
	if before == nil {
		after, err := c.resource(o).Create(ctx, o.unstructured(), metav1.CreateOptions{FieldManager: Manager, DryRun: w.dryRun()})
		return changeOf(o, nil, after), err
	}
	merged, err := addTo(before, o)
	if err != nil {
		return Change{}, err
	}
	if sameContent(before.Object, merged.Object) {
		return changeOf(o, before, before), nil
	}
	after, err := c.resource(o).Update(ctx, merged, metav1.UpdateOptions{FieldManager: Manager, DryRun: w.dryRun()})
	if err != nil {
		return Change{}, err
	}
	return changeOf(o, before, after), nil
}

func changeOf(o Object, before, after *unstructured.Unstructured) Change {
	c := Change{Kind: o.Kind, Namespace: o.Namespace, Name: o.Name, Result: Unchanged}
	switch {
	case before == nil:
		c.Result = Created
	case after.GetResourceVersion() == before.GetResourceVersion() && sameContent(before.Object, after.Object):
	case !sameContent(before.Object, after.Object):
		c.Result, c.Fields = Changed, differences(before.Object, after.Object)
	}
	return c
}

// sameContent compares what people and controllers mean by an object: who holds
// a field is no change.
func sameContent(a, b map[string]any) bool { return reflect.DeepEqual(content(a), content(b)) }

// content leaves out what the server counts by itself, and the status.
func content(object map[string]any) map[string]any {
	kept := map[string]any{}
	for k, v := range object {
		if k != "status" && k != "metadata" {
			kept[k] = v
		}
	}
	meta, _ := object["metadata"].(map[string]any)
	for _, k := range []string{"labels", "annotations"} {
		if v, ok := meta[k]; ok {
			kept["metadata."+k] = v
		}
	}
	return normal(kept)
}

// normal makes numbers of one value one type: some of them come from JSON.
func normal(m map[string]any) map[string]any {
	raw, err := json.Marshal(m)
	if err != nil { // it came from JSON
		return m
	}
	var out map[string]any
	if json.Unmarshal(raw, &out) != nil {
		return m
	}
	return out
}
