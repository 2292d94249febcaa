package icsp

import (
	"errors"
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"

	"drayage/pkg/manifest"
	"drayage/pkg/mirror"
	"drayage/pkg/site"
)

// TrustedCA is the ConfigMap in openshift-config that holds the registries' CA.
const (
	TrustedCA          = "drayage-registry-ca"
	trustedCANamespace = "openshift-config"
)

// updateServiceCA is the key under which the update service looks for a CA.
const updateServiceCA = "updateservice-registry"

// Access makes what a cluster needs to talk to the site's registries. Over plain
// HTTP that is Image/cluster, which names them as insecure; otherwise the
// ConfigMap with their CA, PEM, and Image/cluster, which names the ConfigMap.
// Image/cluster is the cluster's own object: it has to be merged.
//
// When an update graph travels, the CA stands there once more, under the key by
// which the update service looks for it.
func Access(m *manifest.Manifest, s *site.Site, ca []byte) ([]Object, error) {
	if s.Registry.PlainHTTP {
		o, err := imageCluster(map[string]any{"registrySources": map[string]any{"insecureRegistries": s.MirrorHosts()}})
		return []Object{o}, err
	}
	data := map[string]string{}
	for _, host := range s.MirrorHosts() {
		data[strings.Replace(host, ":", "..", 1)] = string(ca) // a key has no colon
	}
	if _, graph := m.GraphImage(); graph {
		data[updateServiceCA] = string(ca)
	}
	cm, err := object("v1", "ConfigMap", trustedCANamespace, TrustedCA, map[string]any{"data": data})
	if err != nil {
		return nil, err
	}
	image, err := imageCluster(map[string]any{"additionalTrustedCA": map[string]any{"name": TrustedCA}})
	return []Object{cm, image}, err
}

func imageCluster(spec map[string]any) (Object, error) {
	return object("config.openshift.io/v1", "Image", "", "cluster", map[string]any{"spec": spec})
}

// OperatorHub makes OperatorHub/cluster without the catalogs that a cluster comes
// with, which it cannot reach. It is the cluster's own object: it has to be merged.
func OperatorHub() (Object, error) {
	return object("config.openshift.io/v1", "OperatorHub", "", "cluster",
		map[string]any{"spec": map[string]any{"disableAllDefaultSources": true}})
}

// TakesTagMirrors tells whether the site's cluster can be told where images are
// that are asked for by tag: from 4.13 on, and not beside an
// ImageContentSourcePolicy before 4.15, where the two exclude each other.
func TakesTagMirrors(s *site.Site) bool {
	return kindFor(s) == digestMirrorSet || s.AtLeast(4, 15)
}

// TagMirrors makes the ImageTagMirrorSets for images that pods ask for by tag.
// left are those that no rule can serve: all of them when the cluster takes none.
// A cluster drains its nodes for each new one.
func TagMirrors(m *manifest.Manifest, s *site.Site) (objects []Object, left []manifest.Image, err error) {
	if !TakesTagMirrors(s) {
		return nil, mirror.TagOnly(m), nil
	}
	rules, left, err := mirror.TagRules(m, s.Repositories)
	if err != nil || len(rules) == 0 {
		return nil, left, err
	}
	entries := groupEntries(mirror.Group{Rules: rules}, s.MirrorHosts())
	parts, err := split(entries)
	if err := errors.Join(checkEntries(entries), err); err != nil {
		return nil, nil, fmt.Errorf("imagetagmirrorset %s: %w", nameAdditional, err)
	}
	for i, part := range parts {
		name := nameAdditional
		if i > 0 {
			name = fmt.Sprintf("%s-%d", name, i)
		}
		o, err := object("config.openshift.io/v1", "ImageTagMirrorSet", "", name,
			map[string]any{"spec": map[string]any{"imageTagMirrors": part}})
		if err != nil {
			return nil, nil, err
		}
		objects = append(objects, o)
	}
	return objects, left, nil
}

// object makes an object of what is not its head.
func object(apiVersion, kind, namespace, name string, body map[string]any) (Object, error) {
	head := map[string]any{"name": name}
	if namespace != "" {
		head["namespace"] = namespace
	}
	body["apiVersion"], body["kind"], body["metadata"] = apiVersion, kind, head
	raw, err := yaml.Marshal(body)
	if err != nil {
		return Object{}, fmt.Errorf("%s %s: %w", strings.ToLower(kind), name, err)
	}
	return Object{Kind: kind, Name: name, Namespace: namespace, YAML: raw}, nil
}
