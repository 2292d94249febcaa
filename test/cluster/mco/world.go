package mco

import (
	"cmp"
	"context"
	"slices"

	"drayage/test/cluster/control"
	"drayage/test/cluster/kube"
	"drayage/test/cluster/registriesconf"

	configv1 "github.com/openshift/api/config/v1"
	mcv1 "github.com/openshift/api/machineconfiguration/v1"
	operatorv1 "github.com/openshift/api/operator/v1"
	operatorv1alpha1 "github.com/openshift/api/operator/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// world is what there is at one moment.
type world struct {
	state    control.State
	pools    []*pool
	configs  map[string]*mcv1.MachineConfig
	mirrors  registriesconf.Objects
	pull     []byte // the cluster's pull secret
	kubelets []mcv1.KubeletConfig
	policy   operatorv1.NodeDisruptionPolicyConfig
	override bool // image-registry-override-drain is there
}

// pool is a pool and its nodes, sorted by name.
type pool struct {
	mcv1.MachineConfigPool
	nodes []*node
	// degraded says why it cannot be rendered.
	degraded string
}

// node is a node and the configuration that it is to have.
type node struct {
	corev1.Node
	target string
}

func (o *Operator) read(ctx context.Context) (*world, error) {
	w := &world{configs: map[string]*mcv1.MachineConfig{}}
	for _, step := range []func(context.Context, *world) error{o.readPools, o.readMirrors, o.readRest} {
		if err := step(ctx, w); err != nil {
			return &world{}, err
		}
	}
	return w, nil
}

func (o *Operator) readPools(ctx context.Context, w *world) error {
	configs, err := kube.List[mcv1.MachineConfig](ctx, o.client, kube.MachineConfigs)
	if err != nil {
		return err
	}
	for i := range configs {
		w.configs[configs[i].Name] = &configs[i]
	}
	nodes, err := kube.List[corev1.Node](ctx, o.client, kube.Nodes)
	if err != nil {
		return err
	}
	slices.SortFunc(nodes, func(a, b corev1.Node) int { return cmp.Compare(a.Name, b.Name) })
	pools, err := kube.List[mcv1.MachineConfigPool](ctx, o.client, kube.MachineConfigPools)
	if err != nil {
		return err
	}
	// A node that is in both is in master's pool alone; it comes first by its name.
	slices.SortFunc(pools, func(a, b mcv1.MachineConfigPool) int { return cmp.Compare(a.Name, b.Name) })
	taken := map[string]bool{}
	for _, p := range pools {
		is := &pool{MachineConfigPool: p}
		for _, n := range nodes {
			if !taken[n.Name] && selects(p.Spec.NodeSelector, n.Labels) {
				taken[n.Name] = true
				is.nodes = append(is.nodes, &node{Node: n})
			}
		}
		w.pools = append(w.pools, is)
	}
	return nil
}

func selects(s *metav1.LabelSelector, l map[string]string) bool {
	selector, err := metav1.LabelSelectorAsSelector(s)
	return err == nil && selector.Matches(labels.Set(l))
}

func (o *Operator) readMirrors(ctx context.Context, w *world) error {
	var err error
	if w.mirrors.Policies, err = pointers(kube.List[operatorv1alpha1.ImageContentSourcePolicy](ctx, o.client, kube.ImagePolicies)); err != nil {
		return err
	}
	if w.mirrors.DigestSets, err = pointers(kube.List[configv1.ImageDigestMirrorSet](ctx, o.client, kube.ImageDigestMirrorSets)); err != nil {
		return err
	}
	if w.mirrors.TagSets, err = pointers(kube.List[configv1.ImageTagMirrorSet](ctx, o.client, kube.ImageTagMirrorSets)); err != nil {
		return err
	}
	image, err := kube.Get[configv1.Image](ctx, o.client, kube.Images, "", "cluster")
	if err != nil || image == nil {
		return err
	}
	w.mirrors.Insecure = image.Spec.RegistrySources.InsecureRegistries
	w.mirrors.Blocked = image.Spec.RegistrySources.BlockedRegistries
	return nil
}

func pointers[T any](all []T, err error) ([]*T, error) {
	var p []*T
	for i := range all {
		p = append(p, &all[i])
	}
	return p, err
}

func (o *Operator) readRest(ctx context.Context, w *world) error {
	secret, err := kube.Get[corev1.Secret](ctx, o.client, kube.Secrets, "openshift-config", "pull-secret")
	if err != nil {
		return err
	}
	if secret != nil {
		w.pull = secret.Data[corev1.DockerConfigJsonKey]
	}
	if w.kubelets, err = kube.List[mcv1.KubeletConfig](ctx, o.client, kube.KubeletConfigs); err != nil {
		return err
	}
	m, err := kube.Get[operatorv1.MachineConfiguration](ctx, o.client, kube.MachineConfigurations, "", "cluster")
	if err != nil {
		return err
	}
	if m != nil {
		w.policy = m.Spec.NodeDisruptionPolicy
	}
	override, err := kube.Get[corev1.ConfigMap](ctx, o.client, kube.ConfigMaps, "openshift-machine-config-operator", "image-registry-override-drain")
	w.override = override != nil
	return err
}
