package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Manager is the name under which fields are held on the server.
const Manager = "drayage"

// requestTimeout bounds one request, with its body.
const requestTimeout = 30 * time.Second

// The client's own limit of requests, in requests a second. The library's
// default of 5 would make a run with a hundred objects wait for itself.
const (
	requestsPerSecond = 50
	requestBurst      = 100
)

// ErrNoKubeconfig says that nobody told which cluster is meant.
var ErrNoKubeconfig = errors.New("no kubeconfig: --kubeconfig, KUBECONFIG and ~/.kube/config name no cluster")

// ConfigError is a kubeconfig that cannot be used: a person's mistake.
type ConfigError struct{ Err error }

// Error is the cause.
func (e *ConfigError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *ConfigError) Unwrap() error { return e.Err }

// ConnectOptions belong to Connect.
type ConnectOptions struct {
	// Kubeconfig is a file; empty means KUBECONFIG, then ~/.kube/config.
	Kubeconfig string
	// Context is one of the kubeconfig's; empty means its current one.
	Context string
}

// Info says which cluster it is.
type Info struct {
	URL string `json:"url"`
	// ID and Version are empty where there is no ClusterVersion.
	ID      string `json:"id"`
	Version string `json:"version"`
}

// Cluster is a connection to one API server. Many goroutines may use it.
type Cluster struct {
	// Info is what the cluster said of itself when it was connected to.
	Info Info

	dynamic dynamic.Interface
	http    *http.Client
	traffic *traffic
	// clientCert is the end of the kubeconfig's certificate; zero when it has none.
	clientCert time.Time
	limits     limits
}

// Connect reads the kubeconfig and asks the API server which cluster it is. A
// server that does not answer is asked once. Errors are [ErrNoKubeconfig], a
// [*ConfigError] for a kubeconfig that cannot be used, and otherwise one line
// that names the server.
func Connect(ctx context.Context, o ConnectOptions) (*Cluster, error) {
	cfg, err := restConfig(o)
	if err != nil {
		return nil, err
	}
	c := &Cluster{Info: Info{URL: cfg.Host}, traffic: &traffic{}, limits: defaultLimits}
	if c.clientCert, err = clientCertificateEnd(cfg); err != nil {
		return nil, err
	}
	cfg.Wrap(c.traffic.wrap)
	if c.http, err = rest.HTTPClientFor(cfg); err != nil {
		return nil, &ConfigError{fmt.Errorf("kubeconfig: %w", err)}
	}
	if c.dynamic, err = dynamic.NewForConfigAndClient(cfg, c.http); err != nil {
		return nil, &ConfigError{fmt.Errorf("kubeconfig: %w", err)}
	}
	return c, c.identify(ctx)
}

func restConfig(o ConnectOptions) (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.Kubeconfig
	rules.WarnIfAllMissing = false
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: o.Context})
	cfg, err := loader.ClientConfig()
	switch {
	case clientcmd.IsEmptyConfig(err):
		return nil, ErrNoKubeconfig
	case err != nil:
		return nil, &ConfigError{fmt.Errorf("kubeconfig: %w", err)}
	}
	if !strings.Contains(cfg.Host, "://") {
		cfg.Host = "https://" + cfg.Host
	}
	cfg.QPS, cfg.Burst, cfg.Timeout = requestsPerSecond, requestBurst, requestTimeout
	cfg.UserAgent = Manager
	cfg.WarningHandler = rest.NoWarnings{} // it would print
	return cfg, nil
}

// clientCertificateEnd is zero for a kubeconfig with a token.
func clientCertificateEnd(cfg *rest.Config) (time.Time, error) {
	loaded := rest.CopyConfig(cfg)
	if err := rest.LoadTLSFiles(loaded); err != nil {
		return time.Time{}, &ConfigError{fmt.Errorf("kubeconfig: %w", err)}
	}
	if len(loaded.CertData) == 0 {
		return time.Time{}, nil
	}
	pair, err := tls.X509KeyPair(loaded.CertData, loaded.KeyData)
	if err != nil {
		return time.Time{}, &ConfigError{fmt.Errorf("kubeconfig: client certificate: %w", err)}
	}
	return pair.Leaf.NotAfter, nil
}

// identify reads the ClusterVersion. A server without one is some other
// Kubernetes; that is for Prepare to judge.
func (c *Cluster) identify(ctx context.Context) error {
	u, err := c.dynamic.Resource(clusterVersions).Get(ctx, "version", metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return c.connectError(ctx, err)
	}
	c.Info.ID, _, _ = unstructured.NestedString(u.Object, "spec", "clusterID")
	c.Info.Version = clusterVersion(u)
	return nil
}

// clusterVersion is the newest version that was installed to its end, or the
// one that is wanted where none was.
func clusterVersion(u *unstructured.Unstructured) string {
	history, _, _ := unstructured.NestedSlice(u.Object, "status", "history")
	for _, h := range history {
		if entry, ok := h.(map[string]any); ok && entry["state"] == "Completed" {
			version, _ := entry["version"].(string)
			return version
		}
	}
	version, _, _ := unstructured.NestedString(u.Object, "status", "desired", "version")
	return version
}

// connectError says in one line what is wrong with the way to the server.
func (c *Cluster) connectError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	f := Finding{Object: c.Info.URL}
	var expired x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	switch {
	case apierrors.IsUnauthorized(err):
		f.Found, f.Do = "401 Unauthorized", loginAgain
	case apierrors.IsForbidden(err):
		f.Found, f.Do = "403 "+err.Error(), "use an account that may read the ClusterVersion"
	case errors.As(err, &unknown):
		f.Found, f.Do = "its certificate is of another CA than the kubeconfig's", "take the kubeconfig of this cluster; do not go on without"
	case errors.As(err, &expired), errors.As(err, &host):
		f.Found, f.Do = rootCause(err), "compare the clocks, and the address with the kubeconfig's"
	default:
		f.Found, f.Do = rootCause(err), "see that the API server runs and can be reached from here"
	}
	return &FindingsError{[]Finding{f}}
}

// rootCause leaves out the request that an error of the HTTP client repeats.
func rootCause(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err.Error()
	}
	return err.Error()
}
