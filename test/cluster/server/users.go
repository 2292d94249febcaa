package server

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Users, each a context of the kubeconfig and a kubeconfig of its own. What they
// may do stands in seed.yaml.
const (
	adminUser   = "admin"    // everything
	viewerUser  = "viewer"   // reads everything, changes nothing
	noStatsUser = "nostats"  // everything but nodes/proxy
	nobodyUser  = "nobody"   // known, and may do nothing
	strangeUser = "stranger" // not known: 401
)

var userNames = []string{adminUser, viewerUser, noStatsUser, nobodyUser, strangeUser}

// users has a token for each user.
type users map[string]string

func newUsers() users {
	u := users{}
	for _, name := range userNames {
		u[name] = rand.Text()
	}
	return u
}

func (u users) admin() string { return u[adminUser] }

// writeTokens writes the file that the API server knows its users by.
func (u users) writeTokens(dir string) (string, error) {
	var b strings.Builder
	for _, name := range slices.DeleteFunc(slices.Clone(userNames), func(n string) bool { return n == strangeUser }) {
		group := ""
		if name == adminUser {
			group = "system:masters"
		}
		fmt.Fprintf(&b, "%s,%s,%s,%s\n", u[name], name, name, group)
	}
	path := filepath.Join(dir, "tokens.csv")
	return path, os.WriteFile(path, []byte(b.String()), 0o600)
}

// writeKubeconfigs writes DIR/kubeconfig with a context for each user, admin's
// being the current one, and DIR/kubeconfig-USER for each.
func (u users) writeKubeconfigs(dir, server string, ca []byte) (string, error) {
	all := clientcmdapi.NewConfig()
	all.Clusters["test"] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: ca}
	for name, token := range u {
		all.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: token}
		all.Contexts[name] = &clientcmdapi.Context{Cluster: "test", AuthInfo: name}
	}
	for _, name := range userNames {
		all.CurrentContext = name
		if err := clientcmd.WriteToFile(*all, filepath.Join(dir, "kubeconfig-"+name)); err != nil {
			return "", err
		}
	}
	all.CurrentContext = adminUser
	path := filepath.Join(dir, "kubeconfig")
	return path, clientcmd.WriteToFile(*all, path)
}
