// Command validate checks the MachineConfigs among files of objects with the
// programs that will read them: Ignition and systemd.
//
//	validate [-openshift 4.17.0] FILE...
//
// Objects of other kinds are passed over: the API server checks those. Without
// systemd-analyze units are not checked, and it says so.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"

	"drayage/test/cluster/machineconfig"
	"drayage/test/cluster/unitfile"

	"sigs.k8s.io/yaml"
)

func main() {
	version := flag.String("openshift", "4.17.0", "OpenShift `version` that is to take them")
	flag.Parse()
	var minor int
	if _, err := fmt.Sscanf(*version, "4.%d", &minor); err != nil {
		fmt.Fprintf(os.Stderr, "validate: version %q: %v\n", *version, err)
		os.Exit(2)
	}
	if !unitfile.Available() {
		fmt.Fprintln(os.Stderr, "validate: systemd-analyze is not here: units are not checked")
	}
	var errs []error
	for _, f := range flag.Args() {
		if err := check(f, minor); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", f, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func check(path string, minor int) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var is struct {
		Kind string `json:"kind"`
	}
	if err := yaml.Unmarshal(raw, &is); err != nil || is.Kind != "MachineConfig" {
		return err
	}
	err = machineconfig.Check(raw, minor)
	if unitfile.Available() && err == nil {
		err = unitfile.Verify(context.Background(), raw)
	}
	return err
}
