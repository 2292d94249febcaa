package mco

import (
	"cmp"
	"path"
	"reflect"
	"slices"
	"strings"

	"drayage/test/cluster/machineconfig"

	"github.com/coreos/ignition/v2/config/v3_5/types"
	mcv1 "github.com/openshift/api/machineconfiguration/v1"
	operatorv1 "github.com/openshift/api/operator/v1"
)

// Versions, as minor numbers of OpenShift 4, from which on the rules change.
const (
	reloadsRegistries = 7  // before, a new registries.conf reboots
	safeRegistries    = 8  // before, it always drains
	overrideFrom      = 14 // image-registry-override-drain is looked at
	overrideTo        = 19
	policies          = 17 // NodeDisruptionPolicy is there
)

// disruption is what a change does to a node.
type disruption struct {
	drain, reboot bool
	// actions are those of the change: reload crio, restart x.service, ...
	actions []string
}

// disrupt decides what the way from one rendered configuration to another does.
func (o *Operator) disrupt(w *world, from, to *mcv1.MachineConfig) (disruption, error) {
	a, err := machineconfig.Parse(from)
	if err != nil {
		return disruption{}, err
	}
	b, err := machineconfig.Parse(to)
	if err != nil {
		return disruption{}, err
	}
	if err := machineconfig.Fixed(a, b); err != nil {
		return disruption{}, err
	}
	d := disruption{}
	if !slices.Equal(from.Spec.KernelArguments, to.Spec.KernelArguments) {
		d.act("reboot")
	}
	for _, u := range changed(a.Systemd.Units, b.Systemd.Units, func(u types.Unit) string { return u.Name }) {
		d.act(o.unitActions(w, u)...)
	}
	files := changed(a.Storage.Files, b.Storage.Files, func(f types.File) string { return f.Path })
	for _, f := range files {
		d.act(o.fileActions(w, f)...)
	}
	d.drain = d.reboot || slices.Contains(d.actions, "drain")
	if !d.drain && slices.Contains(files, registriesPath) {
		d.drain, err = o.registriesDrain(w, a, b)
	}
	return d, err
}

func (d *disruption) act(actions ...string) {
	for _, a := range actions {
		d.reboot = d.reboot || a == "reboot"
		if a != "none" && !slices.Contains(d.actions, a) {
			d.actions = append(d.actions, a)
		}
	}
}

// changed are the keys of what is not the same in both, sorted.
func changed[T any](old, next []T, key func(T) string) []string {
	was := map[string]T{}
	for _, v := range old {
		was[key(v)] = v
	}
	var keys []string
	for _, v := range next {
		if before, ok := was[key(v)]; !ok || !reflect.DeepEqual(before, v) {
			keys = append(keys, key(v))
		}
		delete(was, key(v))
	}
	for k := range was {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (o *Operator) unitActions(w *world, name string) []string {
	if o.minor >= policies {
		for _, p := range w.policy.Units {
			if string(p.Name) == name {
				return specActions(p.Actions)
			}
		}
	}
	return []string{"reboot"}
}

// fileActions: a policy of the cluster's own comes before what is built in, and
// of several the longest path.
func (o *Operator) fileActions(w *world, name string) []string {
	if o.minor >= policies {
		own := slices.Clone(w.policy.Files)
		slices.SortFunc(own, func(a, b operatorv1.NodeDisruptionPolicySpecFile) int { return cmp.Compare(len(b.Path), len(a.Path)) })
		for _, p := range own {
			if name == p.Path || strings.HasPrefix(name, strings.TrimSuffix(p.Path, "/")+"/") {
				return specActions(p.Actions)
			}
		}
	}
	switch {
	case name == pullSecretPath, name == "/etc/kubernetes/kubelet-ca.crt":
		return []string{"none"}
	case name == registriesPath && o.minor < reloadsRegistries:
		return []string{"reboot"}
	case name == registriesPath, name == "/etc/containers/policy.json", path.Dir(name) == "/etc/containers/registries.d":
		return []string{"reload crio"}
	}
	return []string{"reboot"}
}

func specActions(all []operatorv1.NodeDisruptionPolicySpecAction) []string {
	var out []string
	for _, a := range all {
		s := strings.ToLower(string(a.Type))
		if a.Restart != nil {
			s += " " + string(a.Restart.ServiceName)
		}
		if a.Reload != nil {
			s += " " + string(a.Reload.ServiceName)
		}
		out = append(out, s)
	}
	return out
}

// registriesDrain decides for a changed registries.conf that does not reboot.
func (o *Operator) registriesDrain(w *world, a, b types.Config) (bool, error) {
	if o.minor < safeRegistries {
		return true, nil
	}
	if w.override && o.minor >= overrideFrom && o.minor <= overrideTo {
		return false, nil
	}
	old, err := machineconfig.File(a, registriesPath)
	if err != nil {
		return false, err
	}
	next, err := machineconfig.File(b, registriesPath)
	return !SafeRegistries(old, next), err
}
