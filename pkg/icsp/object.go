// Package icsp renders the cluster objects that say where images are: mirror
// sets, which send a cluster that asks for a source to the site's nodes, a
// CatalogSource for each pruned catalog, the ConfigMaps with the signatures of
// releases, and the UpdateService that offers them. It knows names and facts
// only: the same manifest and the same site give the same bytes.
//
// # Kinds
//
// OpenShift up to 4.12 understands ImageContentSourcePolicy
// (operator.openshift.io/v1alpha1), 4.13 and later get ImageDigestMirrorSet
// (config.openshift.io/v1), unless the site's mirrors field says otherwise. Both
// hold for images that are asked for by digest. For those that pods ask for by
// tag there are ImageTagMirrorSets, from 4.13 on ([TagMirrors]).
//
// Beside them stand what a cluster needs to talk to the registries ([Access]), and
// what becomes of its own catalogs ([OperatorHub], [DefaultClusterCatalogs]); for the
// second Operator Lifecycle Manager there are [ClusterCatalogs]. Package render puts
// all of it in order.
//
// # Names
//
// The names are those that the tools and the usual recipe give, so that a site
// that was set up by hand is updated and does not get every rule twice:
//
//	release     example, which "oc adm release mirror" prints
//	registry    registry
//	operators   <catalog>-0, with the label operators.openshift.org/catalog, as from "oc adm catalog mirror"
//	catalog     the first label of the catalog host (dummyregistry), with the same label;
//	            with "-catalog" behind it when that is one of the fixed names here
//	graph       update-service
//	additional  additional
//
// The UpdateService is called update-service-oc-mirror, as "oc mirror" calls it.
//
// An object of more than [MaxSize] bytes is split: the operators' parts count
// on (<catalog>-1), the others' second part is example-1.
//
// # Mirrors
//
// A source's mirrors are its repositories on every host of the site, in the
// site's order. mirrorSourcePolicy is left out: another object that names the
// same source with another policy would stop the whole roll-out.
package icsp

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"drayage/pkg/manifest"
	"drayage/pkg/mirror"
	"drayage/pkg/site"
)

// Object is one object for the cluster.
type Object struct {
	Kind string
	Name string
	// Namespace is empty for an object of the whole cluster.
	Namespace string
	// YAML is one document in block style, without a separator before it.
	YAML []byte
}

// Render makes the objects in the order in which they are to be applied: the
// releases' signatures, without which a cluster refuses an update, mirror sets
// (release, registry, operators, catalog, graph, additional), CatalogSources, and
// last the UpdateService, which a cluster without its operator does not take.
// The error joins everything that is wrong with the names: what [mirror.Rules]
// finds, or else each source and mirror that the cluster would refuse, and
// objects that get the same name. A site without a version is an error too.
func Render(m *manifest.Manifest, s *site.Site) ([]Object, error) {
	if major, _ := s.Version(); major == 0 {
		return nil, fmt.Errorf("site: openshift %q: no version, which decides the kinds of objects", s.OpenShift)
	}
	groups, err := mirror.Rules(m, s)
	if err != nil {
		return nil, err
	}
	catalogs, err := mirror.Catalogs(m, s)
	if err != nil {
		return nil, err
	}
	objects, err := signatures(m)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, g := range groups {
		sets, err := renderGroup(g, s)
		objects = append(objects, sets...)
		errs = append(errs, err)
	}
	sources, err := catalogSources(catalogs)
	objects = append(objects, sources...)
	errs = append(errs, err)
	service, err := updateService(m, s)
	objects = append(objects, service...)
	errs = append(errs, err, checkNames(objects))
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return objects, nil
}

// FileName names the file of object i of the n that Render made. The names sort
// in the order of the objects. Signatures are JSON and keep the name that `oc`
// gives them behind the number.
func FileName(i, n int, o Object) string {
	name := strings.ToLower(o.Kind) + "-" + o.Name + ".yaml"
	if o.Kind == "ConfigMap" && o.Namespace == signatureNamespace {
		name = signatureFile(o)
	}
	return fmt.Sprintf("%0*d-%s", max(2, len(strconv.Itoa(n))), i+1, name)
}

func checkNames(objects []Object) error {
	var errs []error
	seen := map[string]bool{}
	for _, o := range objects {
		id := strings.ToLower(o.Kind) + " " + o.Name
		if seen[id] {
			errs = append(errs, fmt.Errorf("%s: two objects get this name", id))
		}
		seen[id] = true
	}
	return errors.Join(errs...)
}

// kind is what the cluster's version calls a mirror set.
type kind struct {
	apiVersion, kind string
}

var (
	contentSourcePolicy = kind{"operator.openshift.io/v1alpha1", "ImageContentSourcePolicy"}
	digestMirrorSet     = kind{"config.openshift.io/v1", "ImageDigestMirrorSet"}
)

func kindFor(s *site.Site) kind {
	if s.Mirrors == site.ICSP || s.Mirrors == "" && !s.AtLeast(4, 13) {
		return contentSourcePolicy
	}
	return digestMirrorSet
}
