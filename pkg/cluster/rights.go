package cluster

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// right is something that an account may do or not.
type right struct {
	verb            string
	gvr             schema.GroupVersionResource
	subresource     string
	namespace, name string
}

func (r right) String() string {
	what := r.gvr.Resource
	if r.subresource != "" {
		what += "/" + r.subresource
	}
	if r.gvr.Group != "" {
		what += "." + r.gvr.Group
	}
	if r.name != "" {
		what += " " + r.name
	}
	if r.namespace != "" {
		what += " in namespace " + r.namespace
	}
	return r.verb + " " + what
}

// rightsFor are those that writing the object takes.
func rightsFor(o Object) []right {
	verbs := []string{"get", "create", "patch"} // what is not there is created by a patch, and both are asked for
	if o.everybodys() {
		verbs = []string{"get", "update"}
	}
	var rights []right
	for _, v := range verbs {
		rights = append(rights, right{verb: v, gvr: kinds[o.Kind].gvr, namespace: o.Namespace, name: o.Name})
	}
	return rights
}

// nodesProxy is the right to ask nodes how full their disks are. It is much, and
// it can be done without.
var nodesProxy = right{verb: "get", gvr: nodesResource, subresource: "proxy"}

// generalRights are needed whatever is written.
func generalRights(objects []Object) []right {
	rights := []right{
		{verb: "get", gvr: machineConfigPools, name: MasterPool},
		{verb: "list", gvr: nodesResource},
		{verb: "get", gvr: kinds["MachineConfig"].gvr},
		nodesProxy,
	}
	for _, o := range objects {
		if o.stage() == stagePool {
			return append(rights, right{verb: "patch", gvr: machineConfigPools, name: MasterPool})
		}
	}
	return rights
}

// checkRights asks the server for every right, and returns the objects (by
// their String) that may not be written.
func (c *Cluster) checkRights(ctx context.Context, objects []Object) (findings []Finding, denied map[string]bool, err error) {
	type question struct {
		object string
		right  right
	}
	var questions []question
	for _, r := range generalRights(objects) {
		questions = append(questions, question{"", r})
	}
	for _, o := range objects {
		for _, r := range rightsFor(o) {
			questions = append(questions, question{o.String(), r})
		}
	}
	answers := make([]bool, len(questions))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(manyAtOnce)
	for i, q := range questions {
		g.Go(func() (err error) { answers[i], err = c.may(ctx, q.right); return err })
	}
	if err := g.Wait(); err != nil {
		return nil, nil, err
	}
	denied = map[string]bool{}
	for i, q := range questions {
		if answers[i] {
			continue
		}
		f := Finding{Object: q.object, Found: "no right to " + q.right.String(), Do: "use an account with the right, or have it granted"}
		if q.object == "" {
			f.Object, f.Warning = "rights", q.right == nodesProxy
		} else {
			denied[q.object] = true
		}
		findings = append(findings, f)
	}
	return findings, denied, nil
}

// may asks about the account of the kubeconfig. Everybody may ask this.
func (c *Cluster) may(ctx context.Context, r right) (bool, error) {
	attributes := map[string]any{"verb": r.verb, "group": r.gvr.Group, "version": r.gvr.Version, "resource": r.gvr.Resource}
	for k, v := range map[string]string{"subresource": r.subresource, "namespace": r.namespace, "name": r.name} {
		if v != "" {
			attributes[k] = v
		}
	}
	review := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": accessReviews.GroupVersion().String(), "kind": "SelfSubjectAccessReview",
		"spec": map[string]any{"resourceAttributes": attributes},
	}}
	answer, err := c.dynamic.Resource(accessReviews).Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return false, fmt.Errorf("rights: %w", err)
	}
	allowed, _, _ := unstructured.NestedBool(answer.Object, "status", "allowed")
	return allowed, nil
}
