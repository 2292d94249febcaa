// Package machineconfig looks into the Ignition part of a MachineConfig, which
// its CRD does not: anything may stand there.
//
// The parser and its checks are Ignition's own, github.com/coreos/ignition/v2.
package machineconfig

import (
	"errors"
	"fmt"

	"github.com/coreos/ignition/v2/config/util"
	ign "github.com/coreos/ignition/v2/config/v3_5"
	"github.com/coreos/ignition/v2/config/v3_5/types"
	mcv1 "github.com/openshift/api/machineconfiguration/v1"
	"github.com/vincent-petithory/dataurl"
	"sigs.k8s.io/yaml"
)

// Supported is the newest Ignition version that an OpenShift 4.minor takes.
func Supported(minor int) string {
	switch {
	case minor <= 6:
		return "3.1.0"
	case minor <= 12:
		return "3.2.0"
	case minor <= 18:
		return "3.4.0"
	}
	return "3.5.0"
}

// Parse reads the Ignition part. Every version up to the newest one known comes
// out in the form of that one.
func Parse(mc *mcv1.MachineConfig) (types.Config, error) {
	if len(mc.Spec.Config.Raw) == 0 {
		return types.Config{Ignition: types.Ignition{Version: types.MaxVersion.String()}}, nil
	}
	c, report, err := ign.ParseCompatibleVersion(mc.Spec.Config.Raw)
	if err != nil {
		return types.Config{}, fmt.Errorf("%s: parsing Ignition config: %w: %s", mc.Name, err, report.String())
	}
	return c, nil
}

// Version is the Ignition version that a MachineConfig says it has, or empty.
func Version(mc *mcv1.MachineConfig) string {
	v, _, err := util.GetConfigVersion(mc.Spec.Config.Raw)
	if err != nil {
		return ""
	}
	return v.String()
}

// Check reads a MachineConfig as YAML or JSON and returns everything that
// Ignition or an OpenShift 4.minor has against it, warnings too: a key that
// Ignition does not know is only a warning there, and yet never what was meant.
func Check(raw []byte, minor int) error {
	var mc mcv1.MachineConfig
	if err := yaml.UnmarshalStrict(raw, &mc); err != nil {
		return err
	}
	c, report, err := ign.ParseCompatibleVersion(mc.Spec.Config.Raw)
	errs := []error{err}
	for _, e := range report.Entries {
		errs = append(errs, fmt.Errorf("%s: %s", mc.Name, e.String()))
	}
	if err == nil {
		errs = append(errs, TooNew(&mc, minor), Fixed(types.Config{}, c))
	}
	return errors.Join(errs...)
}

// TooNew is an error if an OpenShift 4.minor does not take the Ignition version.
func TooNew(mc *mcv1.MachineConfig, minor int) error {
	if v := Version(mc); v > Supported(minor) {
		return fmt.Errorf("%s: unknown Ignition version %s: the newest of OpenShift 4.%d is %s", mc.Name, v, minor, Supported(minor))
	}
	return nil
}

// File is the content of a file, or nil if there is none at the path.
func File(c types.Config, path string) ([]byte, error) {
	for _, f := range c.Storage.Files {
		if f.Path != path || f.Contents.Source == nil {
			continue
		}
		u, err := dataurl.DecodeString(*f.Contents.Source)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return u.Data, nil
	}
	return nil, nil
}
