package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/operator-framework/api/crds"
	apiextv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextclient "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"
)

// openshiftModule has the CRDs of OpenShift as files.
const openshiftModule = "github.com/openshift/api"

// Folders of openshiftModule.
const (
	configCRDs   = "config/v1/zz_generated.crd-manifests/"
	operatorCRDs = "operator/v1alpha1/zz_generated.crd-manifests/"
	machineCRDs  = "machineconfiguration/v1/zz_generated.crd-manifests/"
	payloadCRDs  = "payload-manifests/crds/"
)

// openshiftCRDs are the files, and the OpenShift 4.minor from which on a cluster
// has each.
var openshiftCRDs = []struct {
	from int
	file string
}{
	{0, configCRDs + "0000_00_cluster-version-operator_01_clusterversions-Default.crd.yaml"},
	{0, configCRDs + "0000_00_cluster-version-operator_01_clusteroperators.crd.yaml"},
	{0, configCRDs + "0000_03_marketplace_01_operatorhubs.crd.yaml"},
	{0, configCRDs + "0000_10_config-operator_01_images.crd.yaml"},
	{0, operatorCRDs + "0000_10_config-operator_01_imagecontentsourcepolicies.crd.yaml"},
	{0, machineCRDs + "0000_80_machine-config_01_machineconfigs.crd.yaml"},
	{0, machineCRDs + "0000_80_machine-config_01_machineconfigpools-SelfManagedHA.crd.yaml"},
	{0, machineCRDs + "0000_80_machine-config_01_kubeletconfigs-Default.crd.yaml"},
	{13, configCRDs + "0000_10_config-operator_01_imagedigestmirrorsets.crd.yaml"},
	{13, configCRDs + "0000_10_config-operator_01_imagetagmirrorsets.crd.yaml"},
	{16, payloadCRDs + "0000_80_machine-config_01_machineconfigurations.crd.yaml"},
	{20, machineCRDs + "0000_80_machine-config_01_pinnedimagesets.crd.yaml"},
}

// installCRDs makes the CRDs that an OpenShift 4.minor has, but for those whose
// plural names are in without, and waits until they are served.
func installCRDs(ctx context.Context, c *rest.Config, minor int, without []string) error {
	all, err := readCRDs(minor)
	if err != nil {
		return err
	}
	client, err := apiextclient.NewForConfig(c)
	if err != nil {
		return err
	}
	api := client.ApiextensionsV1().CustomResourceDefinitions()
	all = slices.DeleteFunc(all, func(d *apiextv1.CustomResourceDefinition) bool {
		return slices.Contains(without, d.Spec.Names.Plural)
	})
	for _, d := range all {
		if _, err := api.Create(ctx, d, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	for _, d := range all {
		for {
			got, err := api.Get(ctx, d.Name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			if slices.ContainsFunc(got.Status.Conditions, func(c apiextv1.CustomResourceDefinitionCondition) bool {
				return c.Type == apiextv1.Established && c.Status == apiextv1.ConditionTrue
			}) {
				break
			}
			time.Sleep(pollTime)
		}
	}
	return nil
}

func readCRDs(minor int) ([]*apiextv1.CustomResourceDefinition, error) {
	all := []*apiextv1.CustomResourceDefinition{
		crds.CatalogSource(), crds.Subscription(), crds.ClusterServiceVersion(), crds.InstallPlan(), crds.OperatorGroup(),
	}
	for _, f := range openshiftCRDs {
		if minor < f.from {
			continue
		}
		d, err := readCRD(openshiftModule, f.file)
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	if minor < catalogdMinor {
		return all, nil
	}
	d, err := readCRD(catalogdModule, catalogdCRD)
	return append(all, d), err
}

func readCRD(module, file string) (*apiextv1.CustomResourceDefinition, error) {
	dir, err := moduleDir(module)
	if err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		return nil, err
	}
	d := &apiextv1.CustomResourceDefinition{}
	if err := yaml.Unmarshal(raw, d); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return d, nil
}

// moduleDir is where a module that the program was built with lies in the module
// cache. The version is the program's own record, so it may run anywhere.
func moduleDir(module string) (string, error) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "", errors.New("this program has no record of its modules")
	}
	cache := os.Getenv("GOMODCACHE")
	if cache == "" {
		path := os.Getenv("GOPATH")
		if path == "" {
			home, err := os.UserHomeDir()
			if err != nil {
				return "", err
			}
			path = filepath.Join(home, "go")
		}
		cache = filepath.Join(strings.Split(path, string(filepath.ListSeparator))[0], "pkg", "mod")
	}
	for _, m := range info.Deps {
		if m.Path == module {
			return filepath.Join(cache, module+"@"+m.Version), nil
		}
	}
	return "", fmt.Errorf("%s: is not a module of this program", module)
}
