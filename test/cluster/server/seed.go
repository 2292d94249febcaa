package server

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/template"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"
)

// ClusterID is the identity of every test cluster.
const ClusterID = "11111111-2222-4333-8444-555555555555"

//go:embed seed.yaml
var seedText string

var seedTemplate = template.Must(template.New("seed").Funcs(template.FuncMap{
	"add": func(a, b int) int { return a + b },
}).Parse(seedText))

// plurals are the resources of the kinds in seed.yaml.
var plurals = map[string]string{
	"Namespace": "namespaces", "Secret": "secrets", "Node": "nodes", "Image": "images", "OperatorHub": "operatorhubs",
	"ClusterVersion": "clusterversions", "MachineConfigPool": "machineconfigpools", "MachineConfiguration": "machineconfigurations",
	"ClusterCatalog": "clustercatalogs", "ClusterRole": "clusterroles", "ClusterRoleBinding": "clusterrolebindings",
}

// seed makes the objects that a cluster has from its installation.
func seed(ctx context.Context, c dynamic.Interface, o Options) error {
	var b bytes.Buffer
	err := seedTemplate.Execute(&b, map[string]any{
		"Version":    o.Version,
		"Channel":    strings.Join(strings.SplitN(o.Version, ".", 3)[:2], "."),
		"Digest":     strings.Repeat("0", 64),
		"ClusterID":  ClusterID,
		"Nodes":      o.Nodes,
		"Pools":      []string{"master", "worker"},
		"Policies":   o.minor() >= 16,
		"Catalogs":   o.hasClusterCatalogs(),
		"Namespaces": []string{"openshift-config", "openshift-config-managed", "openshift-marketplace", "openshift-machine-config-operator", "openshift-update-service"},
	})
	if err != nil {
		return err
	}
	docs := utilyaml.NewYAMLReader(bufio.NewReader(&b))
	for {
		raw, err := docs.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := create(ctx, c, raw); err != nil {
			return err
		}
	}
}

// create makes an object and then, where the kind keeps it apart, its status.
func create(ctx context.Context, c dynamic.Interface, raw []byte) error {
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal(raw, &u.Object); err != nil {
		return err
	}
	if u.GetKind() == "" {
		return nil
	}
	gv, err := schema.ParseGroupVersion(u.GetAPIVersion())
	if err != nil {
		return err
	}
	var r dynamic.ResourceInterface = c.Resource(gv.WithResource(plurals[u.GetKind()]))
	if ns := u.GetNamespace(); ns != "" {
		r = c.Resource(gv.WithResource(plurals[u.GetKind()])).Namespace(ns)
	}
	made, err := r.Create(ctx, u, metav1.CreateOptions{FieldManager: "installer"})
	if err != nil {
		return fmt.Errorf("%s %s: %w", u.GetKind(), u.GetName(), err)
	}
	if status, ok := u.Object["status"]; ok && made.Object["status"] == nil {
		made.Object["status"] = status
		if _, err := r.UpdateStatus(ctx, made, metav1.UpdateOptions{FieldManager: "installer"}); err != nil {
			return fmt.Errorf("%s %s: status: %w", u.GetKind(), u.GetName(), err)
		}
	}
	return nil
}
