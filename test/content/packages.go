package content

import (
	"encoding/base64"
	"fmt"
	"slices"
)

// object is a JSON or YAML object; both encoders sort its keys.
type object = map[string]any

// madePackage is a made-up operator package.
type madePackage struct {
	name, prefix   string // of the package and of its bundles
	namespace      string // repositories are below registry.redhat.io/namespace
	defaultChannel string
	channels       []madeChannel
	operands       []string // repositories besides the bundle's
	versions       []string
	properties     []object // of each bundle, besides its package
	deprecations   []any
	bundleObject   bool // tells the CSV as olm.bundle.object, the older way
}

type madeChannel struct {
	name    string
	entries []object
}

// madeUp makes the three packages and their images:
//
//   - anchor-operator is kept as Red Hat's own are: versions are dates, entries
//     stand side by side and the head skips all others. One YAML file.
//   - buoy-operator has three channels of replaces chains, with a skipRange and
//     a tail that replaces what is no longer there. One JSON file.
//   - crane-operator has bundles of another prefix, replaces with skips,
//     a deprecation, a dependency on buoy-operator and its blobs over three files.
func (m *catalogMaker) madeUp() ([]File, error) {
	packages := []madePackage{anchor(), buoy(), crane()}
	m.own = m.o.Size / 2 / 24 // some two dozen images for two architectures each
	var files []File
	for _, p := range packages {
		made, err := m.packageFiles(p)
		if err != nil {
			return nil, err
		}
		files = append(files, made...)
	}
	return files, nil
}

func anchor() madePackage {
	old, mid, head := "4.17.0-202409100034", "4.17.0-202410211206", "4.17.0-202412170235"
	entry := func(v string) object {
		return object{"name": "anchor-operator.v" + v, "skipRange": ">=4.9.0 <" + v}
	}
	last := entry(head)
	last["skips"] = []string{"anchor-operator.v" + old, "anchor-operator.v" + mid, "anchor-operator.v4.17.0-202408050714"}
	return madePackage{
		name: "anchor-operator", prefix: "anchor-operator", namespace: "openshift4", defaultChannel: "stable",
		channels:   []madeChannel{{"stable", []object{entry(old), entry(mid), last}}},
		operands:   []string{"ose-anchor-rhel9-operator", "ose-anchor-daemon-rhel9", "ose-kube-rbac-proxy-rhel9"},
		versions:   []string{old, mid, head},
		properties: []object{gvk("olm.gvk", "anchor.openshift.io", "Anchor")},
	}
}

func buoy() madePackage {
	name := func(v string) string { return "buoy-operator.v" + v }
	chain := func(versions ...string) []object {
		var all []object
		for i, v := range versions[1:] {
			all = append(all, object{"name": name(v), "replaces": name(versions[i])})
		}
		return all
	}
	ranged := chain("1.1.0", "1.1.1", "1.2.0", "1.2.1")
	ranged[2]["skipRange"] = ">=1.1.0 <1.2.1"
	return madePackage{
		name: "buoy-operator", prefix: "buoy-operator", namespace: "buoy", defaultChannel: "stable-1.2",
		channels: []madeChannel{
			{"candidate", chain("1.2.0", "1.2.1", "1.3.0-rc.1")},
			{"stable-1.1", chain("1.0.9", "1.1.0", "1.1.1")},
			{"stable-1.2", ranged},
		},
		operands:   []string{"buoy-rhel9-operator", "buoy-agent-rhel9"},
		versions:   []string{"1.1.0", "1.1.1", "1.2.0", "1.2.1", "1.3.0-rc.1"},
		properties: []object{gvk("olm.gvk", "buoy.example.com", "Buoy")},
	}
}

func crane() madePackage {
	name := func(v string) string { return "craneoperator.v" + v }
	return madePackage{
		name: "crane-operator", prefix: "craneoperator", namespace: "openshift4", defaultChannel: "alpha",
		channels: []madeChannel{{"alpha", []object{
			{"name": name("2.0.0")},
			{"name": name("2.0.1"), "replaces": name("2.0.0")},
			{"name": name("2.1.0"), "replaces": name("2.0.0"), "skips": []string{name("2.0.1")}},
		}}},
		operands: []string{"ose-crane-rhel9-operator", "ose-kube-rbac-proxy-rhel9"},
		versions: []string{"2.0.0", "2.0.1", "2.1.0"},
		properties: []object{
			gvk("olm.gvk", "crane.openshift.io", "Crane"),
			gvk("olm.gvk.required", "buoy.example.com", "Buoy"),
			{"type": "olm.package.required", "value": object{"packageName": "buoy-operator", "versionRange": ">=1.1.0"}},
		},
		deprecations: []any{object{
			"message":   "craneoperator.v2.0.1 drops its load, go to 2.1.0.\n",
			"reference": object{"schema": "olm.bundle", "name": name("2.0.1")},
		}},
		bundleObject: true,
	}
}

func gvk(kind, group, name string) object {
	return object{"type": kind, "value": object{"group": group, "kind": name, "version": "v1"}}
}

// packageFiles makes the images of a package and the files that tell of it.
func (m *catalogMaker) packageFiles(p madePackage) ([]File, error) {
	head := []any{object{"schema": "olm.package", "name": p.name, "defaultChannel": p.defaultChannel,
		"description": "The " + p.name + " is made up.\n"}}
	var channels, bundles []any
	for _, c := range p.channels {
		channels = append(channels, object{"schema": "olm.channel", "name": c.name, "package": p.name, "entries": c.entries})
	}
	for _, v := range p.versions {
		b, err := m.bundleBlob(p, v)
		if err != nil {
			return nil, err
		}
		bundles = append(bundles, b)
	}
	type part struct {
		path  string
		write func(...any) ([]byte, error)
		blobs []any
	}
	all := slices.Concat(head, channels, bundles)
	parts := []part{{p.name + "/catalog.yaml", catalogYAML, all}}
	switch {
	case len(p.channels) > 1:
		parts = []part{{p.name + "/catalog.json", catalogJSON, all}}
	case p.deprecations != nil:
		d := object{"schema": "olm.deprecations", "package": p.name, "entries": p.deprecations}
		parts = []part{
			{p.name + "/package.yaml", catalogYAML, append(head, d)},
			{p.name + "/channels/alpha.yaml", catalogYAML, channels},
			{p.name + "/bundles.json", catalogJSON, bundles},
		}
	}
	var files []File
	for _, q := range parts {
		b, err := q.write(q.blobs...)
		if err != nil {
			return nil, err
		}
		files = append(files, File{Path: q.path, Content: b})
	}
	return files, nil
}

// bundleBlob makes a bundle's images and the blob that tells of them.
func (m *catalogMaker) bundleBlob(p madePackage, version string) (object, error) {
	name := p.prefix + ".v" + version
	base := "registry.redhat.io/" + p.namespace + "/"
	related := []object{}
	for _, o := range p.operands {
		ref, err := m.operand(base+o, version)
		if err != nil {
			return nil, err
		}
		related = append(related, object{"name": o, "image": ref})
	}
	csv := fmt.Sprintf(`{"apiVersion":"operators.coreos.com/v1alpha1","kind":"ClusterServiceVersion",`+
		`"metadata":{"name":%q},"spec":{"version":%q,"relatedImages":[{"name":"operator","image":%q}]}}`,
		name, version, related[0]["image"])
	ref, err := m.bundle(base+"ose-"+p.name+"-bundle", p.name, name, csv)
	if err != nil {
		return nil, err
	}
	related = append(related, object{"name": "", "image": ref})
	properties := append([]object{
		{"type": "olm.package", "value": object{"packageName": p.name, "version": version}},
	}, p.properties...)
	if p.bundleObject {
		data := base64.StdEncoding.EncodeToString([]byte(csv))
		properties = append(properties, object{"type": "olm.bundle.object", "value": object{"data": data}})
	} else {
		properties = append(properties, object{"type": "olm.csv.metadata", "value": object{
			"annotations": object{"capabilities": "Basic Install"}, "displayName": p.name, "minKubeVersion": "1.22.0",
		}})
	}
	return object{"schema": "olm.bundle", "name": name, "package": p.name, "image": ref,
		"relatedImages": related, "properties": properties}, nil
}
