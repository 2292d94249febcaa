package node

import (
	"encoding/base64"
	"fmt"

	"sigs.k8s.io/yaml"
)

// MaxMachineConfig bounds a MachineConfig's YAML, in bytes. etcd takes objects of
// 1.5 MB, and the rendered configuration of a pool holds all of its MachineConfigs.
const MaxMachineConfig = 512 << 10

// role is the label by which a pool finds its MachineConfigs.
const role = "machineconfiguration.openshift.io/role"

type machineConfig struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Labels map[string]string `json:"labels"`
		Name   string            `json:"name"`
	} `json:"metadata"`
	Spec struct {
		Config ignition `json:"config"`
	} `json:"spec"`
}

// ignition has what the Machine Config Operator can change on a node that runs:
// files and units, and neither folders nor links. Every OpenShift from 4.7 on
// reads this version.
type ignition struct {
	Ignition struct {
		Version string `json:"version"`
	} `json:"ignition"`
	Storage struct {
		Files []ignitionFile `json:"files"`
	} `json:"storage"`
	Systemd struct {
		Units []ignitionUnit `json:"units"`
	} `json:"systemd"`
}

type ignitionFile struct {
	Contents struct {
		Source string `json:"source"`
	} `json:"contents"`
	Mode      int    `json:"mode"`
	Overwrite bool   `json:"overwrite"`
	Path      string `json:"path"`
}

type ignitionUnit struct {
	Contents string `json:"contents"`
	Enabled  bool   `json:"enabled"`
	Name     string `json:"name"`
}

// MachineConfigName is the name of a pool's MachineConfig.
func MachineConfigName(pool string) string { return "99-" + pool + "-drayage-registry" }

// MachineConfig is the object that brings the registry to every node of the
// site's pool, as YAML. It holds the server's key and the users' hashes.
func MachineConfig(in Input) ([]byte, error) {
	name := MachineConfigName(in.Site.Pool)
	files, err := Files(in)
	if err != nil {
		return nil, fmt.Errorf("machineconfig %s: %w", name, err)
	}
	text, err := UnitText(in)
	if err != nil {
		return nil, fmt.Errorf("machineconfig %s: %w", name, err)
	}
	mc := machineConfig{APIVersion: "machineconfiguration.openshift.io/v1", Kind: "MachineConfig"}
	mc.Metadata.Name, mc.Metadata.Labels = name, map[string]string{role: in.Site.Pool}
	mc.Spec.Config.Ignition.Version = "3.2.0"
	for _, f := range files {
		mc.Spec.Config.Storage.Files = append(mc.Spec.Config.Storage.Files, encodeFile(f))
	}
	mc.Spec.Config.Systemd.Units = []ignitionUnit{{Contents: text, Enabled: true, Name: Unit}}
	raw, err := yaml.Marshal(mc)
	if err == nil && len(raw) > MaxMachineConfig {
		err = fmt.Errorf("%d bytes, at most %d fit into a cluster", len(raw), MaxMachineConfig)
	}
	if err != nil {
		return nil, fmt.Errorf("machineconfig %s: %w", name, err)
	}
	return raw, nil
}

func encodeFile(f File) ignitionFile {
	e := ignitionFile{Mode: f.Mode, Overwrite: true, Path: f.Path}
	e.Contents.Source = "data:;base64," + base64.StdEncoding.EncodeToString(f.Content)
	return e
}
