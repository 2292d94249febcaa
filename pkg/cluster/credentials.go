package cluster

import (
	"encoding/base64"
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Credentials is the entry of each host (host:port) in the cluster's pull
// secret, by which nodes are let in to pull. What others put into the secret
// stays; another entry of one of these hosts is replaced. The object holds the
// password: it is made where it is applied, and belongs in no file. No change,
// finding or error shows anything of it.
func Credentials(hosts []string, user, password string) (Object, error) {
	type entry struct {
		Auth string `json:"auth"`
	}
	auths := map[string]entry{}
	for _, h := range hosts {
		auths[h] = entry{base64.StdEncoding.EncodeToString([]byte(user + ":" + password))}
	}
	raw, err := json.Marshal(map[string]any{"auths": auths})
	if err != nil {
		return Object{}, fmt.Errorf("%s: %w", pullSecret, err)
	}
	return fromUnstructured(&unstructured.Unstructured{Object: map[string]any{
		"apiVersion": kinds["Secret"].apiVersion(), "kind": "Secret",
		"metadata":   map[string]any{"name": pullSecret.Name, "namespace": pullSecret.Namespace},
		"type":       "kubernetes.io/dockerconfigjson",
		"stringData": map[string]any{dockerConfig: string(raw)},
	}})
}
