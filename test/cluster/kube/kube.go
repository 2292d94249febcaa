// Package kube is as much of a Kubernetes client as the stand-ins need: lists
// into typed values and merge patches, over the dynamic client.
package kube

import (
	"context"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
)

// What the stand-ins read and write.
var (
	Nodes                 = resource("", "v1", "nodes")
	ConfigMaps            = resource("", "v1", "configmaps")
	Secrets               = resource("", "v1", "secrets")
	Images                = resource("config.openshift.io", "v1", "images")
	ImageDigestMirrorSets = resource("config.openshift.io", "v1", "imagedigestmirrorsets")
	ImageTagMirrorSets    = resource("config.openshift.io", "v1", "imagetagmirrorsets")
	ImagePolicies         = resource("operator.openshift.io", "v1alpha1", "imagecontentsourcepolicies")
	MachineConfigurations = resource("operator.openshift.io", "v1", "machineconfigurations")
	MachineConfigs        = resource("machineconfiguration.openshift.io", "v1", "machineconfigs")
	MachineConfigPools    = resource("machineconfiguration.openshift.io", "v1", "machineconfigpools")
	KubeletConfigs        = resource("machineconfiguration.openshift.io", "v1", "kubeletconfigs")
	CatalogSources        = resource("operators.coreos.com", "v1alpha1", "catalogsources")
	ClusterCatalogs       = resource("olm.operatorframework.io", "v1", "clustercatalogs")
)

func resource(group, version, name string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: group, Version: version, Resource: name}
}

// Client writes under one name, which stands in the managed fields.
type Client struct {
	Dynamic dynamic.Interface
	Manager string
}

// List reads all objects of a resource, in all namespaces. A resource that the
// cluster does not have has none.
func List[T any](ctx context.Context, c Client, r schema.GroupVersionResource) ([]T, error) {
	l, err := c.Dynamic.Resource(r).List(ctx, metav1.ListOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.Resource, err)
	}
	all := make([]T, len(l.Items))
	for i := range l.Items {
		if err := into(&l.Items[i], &all[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Get reads one object; one that is not there gives nil.
func Get[T any](ctx context.Context, c Client, r schema.GroupVersionResource, namespace, name string) (*T, error) {
	u, err := c.in(r, namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", r.Resource, name, err)
	}
	v := new(T)
	return v, into(u, v)
}

func into(u *unstructured.Unstructured, v any) error {
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, v); err != nil {
		return fmt.Errorf("%s %s: %w", u.GetKind(), u.GetName(), err)
	}
	return nil
}

// Create makes an object of a typed value, whose kind and version must be set.
func (c Client) Create(ctx context.Context, r schema.GroupVersionResource, v any) error {
	o, err := runtime.DefaultUnstructuredConverter.ToUnstructured(v)
	if err != nil {
		return err
	}
	u := &unstructured.Unstructured{Object: o}
	_, err = c.in(r, u.GetNamespace()).Create(ctx, u, metav1.CreateOptions{FieldManager: c.Manager})
	return err
}

// Patch merges a JSON document into a cluster-wide object, or into its status if
// the subresource says so.
func (c Client) Patch(ctx context.Context, r schema.GroupVersionResource, name string, patch any, subresource ...string) error {
	return c.PatchIn(ctx, r, "", name, patch, subresource...)
}

// PatchIn is Patch in a namespace.
func (c Client) PatchIn(ctx context.Context, r schema.GroupVersionResource, namespace, name string, patch any, subresource ...string) error {
	raw, err := json.Marshal(patch)
	if err != nil {
		return err
	}
	_, err = c.in(r, namespace).Patch(ctx, name, types.MergePatchType, raw, metav1.PatchOptions{FieldManager: c.Manager}, subresource...)
	if err != nil {
		return fmt.Errorf("%s %s: %w", r.Resource, name, err)
	}
	return nil
}

func (c Client) in(r schema.GroupVersionResource, namespace string) dynamic.ResourceInterface {
	if namespace == "" {
		return c.Dynamic.Resource(r)
	}
	return c.Dynamic.Resource(r).Namespace(namespace)
}
