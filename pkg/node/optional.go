package node

import (
	"fmt"
	"regexp"
	"strings"

	"sigs.k8s.io/yaml"

	"drayage/pkg/manifest"
	"drayage/pkg/site"
)

// DisruptionPolicy is MachineConfiguration/cluster with what a change of the
// registry's files and unit does to a node: a restart of the unit in place of a
// reboot. OpenShift has it from 4.17 on. It is YAML.
func DisruptionPolicy(in Input) ([]byte, error) {
	files, err := Files(in)
	if err != nil {
		return nil, err
	}
	restart := map[string]any{"type": "Restart", "restart": map[string]any{"serviceName": Unit}}
	reload := map[string]any{"type": "DaemonReload"}
	var policies []map[string]any
	for _, f := range files {
		policies = append(policies, map[string]any{"path": f.Path, "actions": []any{restart}})
	}
	return yaml.Marshal(map[string]any{
		"apiVersion": "operator.openshift.io/v1", "kind": "MachineConfiguration",
		"metadata": map[string]any{"name": "cluster"},
		"spec": map[string]any{"nodeDisruptionPolicy": map[string]any{
			"files": policies,
			"units": []any{map[string]any{"name": Unit, "actions": []any{reload, restart}}},
		}},
	})
}

// KubeletConfigName is the name of a pool's KubeletConfig.
func KubeletConfigName(pool string) string { return pool + "-drayage-registry" }

// KubeletConfig is the object by which a node keeps resources for what runs
// beside the cluster, the registry among it, as YAML; nil when the site wants none.
func KubeletConfig(s *site.Site) ([]byte, error) {
	k := s.KubeletConfig
	if k == (site.KubeletConfig{}) {
		return nil, nil
	}
	spec := map[string]any{"machineConfigPoolSelector": map[string]any{"matchLabels": map[string]any{
		"pools.operator.machineconfiguration.openshift.io/" + s.Pool: "",
	}}}
	if k.AutoSizing {
		spec["autoSizingReserved"] = true
	} else {
		reserved := map[string]any{}
		for name, value := range map[string]string{
			"cpu": k.SystemReserved.CPU, "memory": k.SystemReserved.Memory, "ephemeral-storage": k.SystemReserved.EphemeralStorage,
		} {
			if value != "" {
				reserved[name] = value
			}
		}
		spec["kubeletConfig"] = map[string]any{"systemReserved": reserved}
	}
	return yaml.Marshal(map[string]any{
		"apiVersion": "machineconfiguration.openshift.io/v1", "kind": "KubeletConfig",
		"metadata": map[string]any{"name": KubeletConfigName(s.Pool)}, "spec": spec,
	})
}

var notInNames = regexp.MustCompile(`[^a-z0-9.-]+`)

// PinnedName is the name of a release's PinnedImageSet. Releases have an
// underscore in their architecture, names have none.
func PinnedName(pool, release string) string {
	return pool + "-drayage-" + notInNames.ReplaceAllString(strings.ToLower(release), "-")
}

// MaxPinned is how many images one PinnedImageSet holds.
const MaxPinned = 500

// pinnable is what a PinnedImageSet takes before the digest: a host with a dot,
// and at most one namespace.
var pinnable = regexp.MustCompile(`^([a-zA-Z0-9-]+\.)+[a-zA-Z0-9-]+(:[0-9]{2,5})?/([a-zA-Z0-9-_]{0,61}/)?[a-zA-Z0-9-_.]*$`)

// PinnedImageSet is the object that keeps the images of a release
// (<version>-<arch>) on the nodes once they are pulled, as YAML. They have the
// names by which the cluster asks for them. An error says which name the object
// does not take.
func PinnedImageSet(m *manifest.Manifest, s *site.Site, release string) (name string, raw []byte, err error) {
	name = PinnedName(s.Pool, release)
	var pinned []map[string]any
	seen := map[string]bool{}
	for _, i := range m.Images {
		if i.Release != release {
			continue
		}
		ref, err := manifest.ParseRef(i.Name)
		if err != nil {
			return name, nil, err
		}
		image := ref.Repository + "@" + i.Descriptor.Digest.String()
		if !pinnable.MatchString(ref.Repository) {
			return name, nil, fmt.Errorf("pinnedimageset %s: %s: the cluster takes host.domain/namespace/name only", name, ref.Repository)
		}
		if !seen[image] {
			seen[image] = true
			pinned = append(pinned, map[string]any{"name": image})
		}
	}
	if len(pinned) > MaxPinned {
		return name, nil, fmt.Errorf("pinnedimageset %s: %d images, the cluster takes at most %d", name, len(pinned), MaxPinned)
	}
	raw, err = yaml.Marshal(map[string]any{
		"apiVersion": "machineconfiguration.openshift.io/v1", "kind": "PinnedImageSet",
		"metadata": map[string]any{"name": name, "labels": map[string]any{role: s.Pool}},
		"spec":     map[string]any{"pinnedImages": pinned},
	})
	return name, raw, err
}
