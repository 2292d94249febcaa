package oci

import (
	"fmt"
	"os"
	"strings"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/config/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// newKeychain reads credentials from one file, or leaves it to the ecosystem's
// own places when no file is named.
func newKeychain(authFile string) (authn.Keychain, error) {
	if authFile == "" {
		authFile = os.Getenv("REGISTRY_AUTH_FILE")
	}
	if authFile == "" {
		return authn.DefaultKeychain, nil
	}
	f, err := os.Open(authFile)
	if err != nil {
		return nil, err // names the file
	}
	defer f.Close()
	cf, err := config.LoadFromReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: is no file of registry credentials: %w", authFile, err)
	}
	return fileKeychain{cf}, nil
}

// fileKeychain looks credentials up as containers-auth.json(5) says: the most
// specific entry wins, from host/a/b up to host.
type fileKeychain struct{ file *configfile.ConfigFile }

func (k fileKeychain) Resolve(target authn.Resource) (authn.Authenticator, error) {
	for key := target.String(); ; {
		cfg, err := k.file.GetAuthConfig(authKey(key))
		if err != nil {
			return nil, err
		}
		// GetAuthConfig fills in the address; all else empty means: no entry.
		cfg.ServerAddress = ""
		if cfg != (types.AuthConfig{}) {
			return authn.FromConfig(authn.AuthConfig{
				Username: cfg.Username, Password: cfg.Password, Auth: cfg.Auth,
				IdentityToken: cfg.IdentityToken, RegistryToken: cfg.RegistryToken,
			}), nil
		}
		i := strings.LastIndexByte(key, '/')
		if i < 0 {
			return authn.Anonymous, nil
		}
		key = key[:i]
	}
}

// authKey: docker knows its own registry by an older name.
func authKey(key string) string {
	if key == "index.docker.io" || key == "docker.io" {
		return authn.DefaultAuthKey
	}
	return key
}

func isBearer(ch *transport.Challenge) bool { return strings.EqualFold(ch.Scheme, "bearer") }
