package mco

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"drayage/test/cluster/kube"
	"drayage/test/cluster/registriesconf"

	mcv1 "github.com/openshift/api/machineconfiguration/v1"
	"github.com/vincent-petithory/dataurl"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Files that the operator itself writes.
const (
	registriesPath = "/etc/containers/registries.conf"
	pullSecretPath = "/var/lib/kubelet/config.json"
	kubeletPath    = "/etc/kubernetes/kubelet.conf"
)

// generate keeps the operator's own MachineConfigs up to date, and says whether
// it changed any.
func (o *Operator) generate(ctx context.Context, w *world) (bool, error) {
	changed := false
	for _, p := range w.pools {
		for name, mc := range o.generated(w, p.Name) {
			did, err := o.put(ctx, w.configs[name], mc)
			if err != nil {
				return false, err
			}
			changed = changed || did
		}
	}
	return changed, nil
}

// generated are the operator's MachineConfigs for a pool. Registries that cannot
// be made are left as they are.
func (o *Operator) generated(w *world, pool string) map[string]*mcv1.MachineConfig {
	all := map[string]*mcv1.MachineConfig{}
	add := func(name, path string, content []byte) {
		all[name] = machineConfig(name, pool, ignitionFile(path, content))
	}
	add("00-"+pool, pullSecretPath, w.pull)
	add("01-"+pool+"-container-runtime", registriesPath, []byte(registriesconf.Base))
	registries, err := o.registries(w)
	if err != nil {
		o.complain(err)
	} else {
		add("99-"+pool+"-generated-registries", registriesPath, registries)
	}
	for _, k := range w.kubelets {
		if k.Spec.KubeletConfig != nil && selects(k.Spec.MachineConfigPoolSelector, poolLabels(w, pool)) {
			add("99-"+pool+"-generated-kubelet", kubeletPath, k.Spec.KubeletConfig.Raw)
		}
	}
	return all
}

func poolLabels(w *world, name string) map[string]string {
	for _, p := range w.pools {
		if p.Name == name {
			return p.Labels
		}
	}
	return nil
}

func (o *Operator) registries(w *world) ([]byte, error) {
	old, both := len(w.mirrors.Policies) > 0, len(w.mirrors.DigestSets)+len(w.mirrors.TagSets) > 0
	if old && both && (o.minor == 13 || o.minor == 14) {
		return nil, fmt.Errorf("imagecontentsourcepolicies and imagedigestmirrorsets or imagetagmirrorsets cannot be there together in OpenShift 4.%d", o.minor)
	}
	return registriesconf.Render(w.mirrors)
}

// put creates or replaces a MachineConfig that is not as it should be.
func (o *Operator) put(ctx context.Context, old, mc *mcv1.MachineConfig) (bool, error) {
	if old == nil {
		return true, o.client.Create(ctx, kube.MachineConfigs, mc)
	}
	if sameJSON(old.Spec.Config.Raw, mc.Spec.Config.Raw) {
		return false, nil
	}
	// A merge patch merges maps, lists it replaces; the form is always the same.
	patch := map[string]any{"spec": map[string]any{"config": json.RawMessage(mc.Spec.Config.Raw)}}
	return true, o.client.Patch(ctx, kube.MachineConfigs, mc.Name, patch)
}

func sameJSON(a, b []byte) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	a, _ = json.Marshal(x)
	b, _ = json.Marshal(y)
	return bytes.Equal(a, b)
}

func machineConfig(name, pool string, config []byte) *mcv1.MachineConfig {
	return &mcv1.MachineConfig{
		TypeMeta:   metav1.TypeMeta{APIVersion: mcv1.GroupVersion.String(), Kind: "MachineConfig"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{roleLabel: pool}, Annotations: map[string]string{annotationPrefix + "generated-by-controller-version": "testcluster"}},
		Spec:       mcv1.MachineConfigSpec{Config: runtime.RawExtension{Raw: config}},
	}
}

// ignitionFile is a configuration of one file, in the form that the operator writes.
func ignitionFile(path string, content []byte) []byte {
	raw, _ := json.Marshal(map[string]any{ // strings only: it cannot go wrong
		"ignition": map[string]any{"version": "3.1.0"}, // every OpenShift takes it
		"storage": map[string]any{"files": []any{map[string]any{
			"path":      path,
			"mode":      0o644,
			"overwrite": true,
			"contents":  map[string]any{"source": dataurl.New(content, "text/plain").String()},
		}}},
	})
	return raw
}
