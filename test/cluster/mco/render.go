package mco

import (
	"context"
	"crypto/md5"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"drayage/test/cluster/kube"
	"drayage/test/cluster/machineconfig"

	ign "github.com/coreos/ignition/v2/config/v3_5"
	"github.com/coreos/ignition/v2/config/v3_5/types"
	mcv1 "github.com/openshift/api/machineconfiguration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// render brings a pool to the rendered configuration of its sources, once the
// delay since the change is over.
func (o *Operator) render(ctx context.Context, w *world, p *pool) (time.Duration, error) {
	sources := o.sources(w, p)
	rendered, err := o.merged(p.Name, sources)
	if err != nil {
		p.degraded = err.Error()
		return idleTime, nil
	}
	want := configuration(rendered.Name, sources)
	if sameConfiguration(p.Spec.Configuration, want) {
		delete(o.due, p.Name)
		return idleTime, nil
	}
	if wait := o.wait(w, p); wait > 0 {
		return wait, nil
	}
	if err := o.client.Create(ctx, kube.MachineConfigs, rendered); err != nil && !apierrors.IsAlreadyExists(err) {
		return 0, err
	}
	w.configs[rendered.Name] = rendered
	// The status follows with the next look: for a moment it is that of an older generation.
	o.store.Log(p.Name, "render", "%s", rendered.Name)
	return 0, o.client.Patch(ctx, kube.MachineConfigPools, p.Name, map[string]any{"spec": map[string]any{"configuration": want}})
}

// wait is how much of the delay is left. The first configuration of all is made
// at once: it is there before anybody looks.
func (o *Operator) wait(w *world, p *pool) time.Duration {
	if p.Spec.Configuration.Name == "" {
		return 0
	}
	due, ok := o.due[p.Name]
	if !ok {
		due = time.Now().Add(time.Duration(w.state.RenderDelay) * time.Millisecond)
		o.due[p.Name] = due
	}
	return time.Until(due)
}

// sources are the MachineConfigs that a pool selects, sorted by name.
func (o *Operator) sources(w *world, p *pool) []*mcv1.MachineConfig {
	var all []*mcv1.MachineConfig
	for _, name := range slices.Sorted(maps.Keys(w.configs)) {
		if mc := w.configs[name]; selects(p.Spec.MachineConfigSelector, mc.Labels) {
			all = append(all, mc)
		}
	}
	return all
}

// merged is the rendered MachineConfig. Where two sources name one file or unit,
// the later name wins.
func (o *Operator) merged(pool string, sources []*mcv1.MachineConfig) (*mcv1.MachineConfig, error) {
	out := types.Config{Ignition: types.Ignition{Version: types.MaxVersion.String()}}
	var arguments []string
	var errs []error
	for _, mc := range sources {
		c, err := machineconfig.Parse(mc)
		errs = append(errs, err, machineconfig.TooNew(mc, o.minor))
		out = ign.Merge(out, c)
		arguments = append(arguments, mc.Spec.KernelArguments...)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	out.Ignition.Version = machineconfig.Supported(o.minor)
	raw, err := json.Marshal(out)
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("rendered-%s-%x", pool, md5.Sum(fmt.Append(raw, arguments)))
	mc := machineConfig(name, pool, raw)
	mc.Labels = nil // it is nobody's source
	mc.Spec.KernelArguments = arguments
	return mc, nil
}

func configuration(name string, sources []*mcv1.MachineConfig) mcv1.MachineConfigPoolStatusConfiguration {
	c := mcv1.MachineConfigPoolStatusConfiguration{ObjectReference: corev1.ObjectReference{Name: name}}
	for _, mc := range sources {
		c.Source = append(c.Source, corev1.ObjectReference{APIVersion: mcv1.GroupVersion.String(), Kind: "MachineConfig", Name: mc.Name})
	}
	return c
}

func sameConfiguration(a, b mcv1.MachineConfigPoolStatusConfiguration) bool {
	return a.Name == b.Name && slices.Equal(a.Source, b.Source)
}
