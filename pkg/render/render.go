// Package render is everything that a site's cluster is given, in the order in
// which it is to be given. It computes and asks nobody: the same packing list,
// site and files give the same bytes.
//
// # Stages
//
// Between the stages something else has to happen, so they are not one:
//
//	nodes     signatures, trust in the registries, tag mirrors, the registry's
//	          MachineConfig: all that makes nodes drain or start anew, in one
//	          batch, so that they do it once. The image of the registry is on the
//	          nodes before.
//	mirrors   where images are. Every node is whole before: a node whose registry
//	          has an image's manifest and lacks a blob fails to pull it, also when
//	          its neighbour has it all.
//	catalogs  what the cluster offers to install.
//
// # Optional objects
//
// What a site may want and nobody should get unasked stands apart: what a node
// keeps for itself (KubeletConfig), a restart of the unit in place of a reboot
// when it changes (MachineConfiguration), images that are kept on the nodes
// (PinnedImageSet), and what only a cluster with a certain operator knows
// (UpdateService).
//
// # Objects of the cluster's own
//
// Image/cluster, OperatorHub/cluster and MachineConfiguration/cluster are there
// before us and may hold what others put in. They are to be merged ([Object.Merge]):
// lists in them are replaced as a whole by whoever applies them. The ClusterCatalogs
// that a cluster comes with are its own too, and one field of theirs is ours
// ([DefaultCatalogs]).
package render

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"

	"drayage/pkg/access"
	"drayage/pkg/icsp"
	"drayage/pkg/manifest"
	"drayage/pkg/mirror"
	"drayage/pkg/node"
	"drayage/pkg/site"
)

// Stage is when an object is to be applied.
type Stage string

// The stages, in their order.
const (
	StageNodes    Stage = "nodes"
	StageMirrors  Stage = "mirrors"
	StageCatalogs Stage = "catalogs"
)

// Stages lists them in order.
var Stages = []Stage{StageNodes, StageMirrors, StageCatalogs}

// Object is an object for the cluster and what one has to know to apply it.
type Object struct {
	icsp.Object
	// File is where it goes: a name that sorts in the order of the objects, or
	// one in the folder optional, which `oc apply -f DIR` does not read.
	File  string
	Stage Stage
	// Optional objects are applied when a person wants them.
	Optional bool
	// Merge says that the object is the cluster's own: what stands in it beside
	// ours is to stay.
	Merge bool
	// Secret says that it holds a key or the hash of a password.
	Secret bool
	// Note says in a line what whoever applies it by hand should know; often empty.
	Note string
}

// Input is what the objects are made of.
type Input struct {
	Manifest *manifest.Manifest
	Site     *site.Site
	// Server holds the files that the site names.
	Server access.Server
	// Databases are the catalogs that are SQLite, by the digest of their image.
	Databases map[digest.Digest]bool
}

// All makes the objects in the order in which they are to be applied, the
// optional ones last. Warnings say what is not there and why. The error joins
// everything that is wrong.
func All(in Input) (objects []Object, warnings []string, err error) {
	plain, err := icsp.Render(in.Manifest, in.Site)
	if err != nil {
		return nil, nil, err
	}
	signatures, mirrors, sources, services := sort(plain)
	nodes, warnings, nodesErr := nodeObjects(in)
	catalogs, left, catalogsErr := catalogObjects(in, sources)
	warnings = append(warnings, left...)
	optional, optionalWarnings, optionalErr := optionalObjects(in)
	if err := errors.Join(nodesErr, catalogsErr, optionalErr); err != nil {
		return nil, nil, err
	}
	objects = slices.Concat(staged(StageNodes, signatures), nodes, staged(StageMirrors, mirrors), catalogs)
	for i, o := range objects {
		objects[i].File = icsp.FileName(i, len(objects), o.Object)
	}
	for _, o := range services {
		optional = append(optional, Object{Object: o, Stage: StageCatalogs, Optional: true, Note: noteService})
	}
	if _, err := mirror.NewUpdateService(in.Manifest, in.Site); errors.Is(err, mirror.ErrPlainHTTP) {
		warnings = append(warnings, fmt.Sprintf("update graph: no UpdateService is written: %v", err))
	}
	for i, o := range optional {
		optional[i].File = "optional/" + strings.ToLower(o.Kind) + "-" + o.Name + ".yaml"
	}
	return append(objects, optional...), append(warnings, optionalWarnings...), nil
}

// sort takes what icsp.Render made apart.
func sort(objects []icsp.Object) (signatures, mirrors, sources, services []icsp.Object) {
	for _, o := range objects {
		switch o.Kind {
		case "ConfigMap":
			signatures = append(signatures, o)
		case "CatalogSource":
			sources = append(sources, o)
		case "UpdateService":
			services = append(services, o)
		default:
			mirrors = append(mirrors, o)
		}
	}
	return signatures, mirrors, sources, services
}

func staged(stage Stage, objects []icsp.Object) []Object {
	var all []Object
	for _, o := range objects {
		all = append(all, Object{Object: o, Stage: stage})
	}
	return all
}

// noteService stands above what most clusters do not know.
const noteService = "wants the OpenShift Update Service operator in the cluster first"

// noteMerge stands above what `oc apply` would replace.
const noteMerge = "the cluster's own object: what it has there already, add here before you apply it"

func nodeObjects(in Input) ([]Object, []string, error) {
	if len(in.Manifest.Images) == 0 {
		return nil, nil, nil
	}
	trust, trustErr := icsp.Access(in.Manifest, in.Site, in.Server.CA)
	objects := staged(StageNodes, trust)
	for i := range objects {
		if objects[i].Kind == "Image" {
			objects[i].Merge, objects[i].Note = true, noteMerge
		}
	}
	tags, left, tagsErr := icsp.TagMirrors(in.Manifest, in.Site)
	objects = append(objects, staged(StageNodes, tags)...)
	var warnings []string
	for _, i := range left {
		warnings = append(warnings, fmt.Sprintf("%s: mirror rules hold for digests: pods get it only as %s", i.Name, byDigest(i)))
	}
	config, warning, configErr := machineConfig(in)
	if warning != "" {
		warnings = append(warnings, warning)
	}
	return append(objects, config...), warnings, errors.Join(trustErr, tagsErr, configErr)
}

// byDigest is how a pod has to name an image so that the mirror rules hold for it.
func byDigest(i manifest.Image) string {
	ref, err := manifest.ParseRef(i.Name)
	if err != nil { // the packing list was validated
		return i.Name
	}
	return manifest.Ref{Repository: ref.Repository, Digest: i.Descriptor.Digest}.String()
}

// nodeInput is what the registry on a node is made of; nil and why when there
// shall be none, or cannot be.
func nodeInput(in Input) (*node.Input, string, error) {
	if !in.Site.Registry.Managed {
		return nil, "", nil
	}
	image, ok, err := node.ChooseImage(in.Manifest, in.Site)
	if err != nil {
		return nil, "", err
	}
	if !ok {
		return nil, "the bundle has no registry image, so no MachineConfig brings one to the nodes; `registry.managed: false` in the site says that this is meant", nil
	}
	var elsewhere []string
	for _, n := range in.Site.Nodes {
		if _, port, _ := net.SplitHostPort(n.Host(in.Site.Registry)); port != strconv.Itoa(in.Site.Registry.Port) {
			elsewhere = append(elsewhere, n.Name)
		}
	}
	if len(elsewhere) > 0 {
		return nil, fmt.Sprintf("one MachineConfig gives all nodes one port, and the registries of %s are not on %d, so none is made; `registry.managed: false` in the site says that this is meant",
			strings.Join(elsewhere, ", "), in.Site.Registry.Port), nil
	}
	return &node.Input{Site: in.Site, Image: image, Certificate: in.Server.Certificate, Key: in.Server.Key, HTPasswd: in.Server.HTPasswd}, "", nil
}

func machineConfig(in Input) ([]Object, string, error) {
	input, why, err := nodeInput(in)
	if input == nil {
		return nil, why, err
	}
	raw, err := node.MachineConfig(*input)
	if err != nil {
		return nil, "", err
	}
	o := Object{Object: icsp.Object{Kind: "MachineConfig", Name: node.MachineConfigName(in.Site.Pool), YAML: raw}, Stage: StageNodes}
	o.Note = "each node of the pool drains and starts anew, one after the other; the registry's image has to be there before"
	o.Secret = len(input.Key)+len(input.HTPasswd) > 0
	return []Object{o}, "", nil
}

func optionalObjects(in Input) (objects []Object, warnings []string, err error) {
	add := func(kind, name, note string, raw []byte) {
		objects = append(objects, Object{Object: icsp.Object{Kind: kind, Name: name, YAML: raw}, Stage: StageNodes, Optional: true, Note: note})
	}
	raw, err := node.KubeletConfig(in.Site)
	if raw != nil {
		add("KubeletConfig", node.KubeletConfigName(in.Site.Pool), "each node of the pool drains and starts anew; apply it together with the MachineConfig", raw)
	}
	errs := []error{err}
	if input, _, err := nodeInput(in); err == nil && input != nil && in.Site.AtLeast(4, 17) {
		raw, err := node.DisruptionPolicy(*input)
		add("MachineConfiguration", "cluster", noteMerge, raw)
		objects[len(objects)-1].Merge = true
		errs = append(errs, err)
	}
	if in.Site.PinnedImages {
		pinned, left, err := pinnedSets(in)
		objects, warnings = append(objects, pinned...), append(warnings, left...)
		errs = append(errs, err)
	}
	return objects, warnings, errors.Join(errs...)
}

func pinnedSets(in Input) (objects []Object, warnings []string, err error) {
	var errs []error
	for _, r := range in.Manifest.Releases() {
		name, raw, err := node.PinnedImageSet(in.Manifest, in.Site, r.Release)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		objects = append(objects, Object{
			Object: icsp.Object{Kind: "PinnedImageSet", Name: name, YAML: raw}, Stage: StageMirrors, Optional: true,
			Note: "each node pulls all of these and keeps them: look at its free space first",
		})
	}
	if len(in.Manifest.Releases()) == 0 {
		warnings = append(warnings, "pinnedImages: the bundle has no release")
	}
	return objects, warnings, errors.Join(errs...)
}
