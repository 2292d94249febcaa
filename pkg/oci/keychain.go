package oci

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/config/credentials"
	"github.com/docker/cli/cli/config/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// newKeychain reads credentials from one file, or from the ecosystem's own
// places when no file is named.
func newKeychain(authFile string) (authn.Keychain, error) {
	if authFile == "" {
		authFile = os.Getenv("REGISTRY_AUTH_FILE")
	}
	if authFile != "" {
		file, err := readAuthFile(authFile)
		if err != nil {
			return nil, err
		}
		return keychain{file}, nil
	}
	var k keychain
	for _, place := range authPlaces() {
		file, err := readAuthFile(place)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		k = append(k, file)
	}
	return k, nil
}

// authPlaces are where docker and podman keep credentials.
func authPlaces() []string {
	var places []string
	add := func(dir string, path ...string) {
		if dir != "" {
			places = append(places, filepath.Join(append([]string{dir}, path...)...))
		}
	}
	home, _ := os.UserHomeDir()
	if docker := os.Getenv("DOCKER_CONFIG"); docker != "" {
		add(docker, "config.json")
	} else {
		add(home, ".docker", "config.json")
	}
	add(os.Getenv("XDG_RUNTIME_DIR"), "containers", "auth.json")
	if own := os.Getenv("XDG_CONFIG_HOME"); own != "" {
		add(own, "containers", "auth.json")
	} else {
		add(home, ".config", "containers", "auth.json")
	}
	return places
}

func readAuthFile(name string) (*configfile.ConfigFile, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err // names the file
	}
	defer f.Close()
	cf, err := config.LoadFromReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: is no file of registry credentials: %w", name, err)
	}
	return cf, nil
}

// keychain looks credentials up as containers-auth.json(5) says: the most
// specific entry wins, from host/a/b up to host. The first file that has one
// counts.
type keychain []*configfile.ConfigFile

// Resolve returns the credentials for a repository, [authn.Anonymous] if there
// are none.
func (k keychain) Resolve(target authn.Resource) (authn.Authenticator, error) {
	for _, file := range k {
		for _, key := range authKeys(target) {
			cfg, err := lookUp(file, key)
			if err != nil {
				return nil, err
			}
			// A helper fills in the address; all else empty means: no entry.
			cfg.ServerAddress = ""
			if cfg != (types.AuthConfig{}) {
				return authn.FromConfig(authn.AuthConfig{
					Username: cfg.Username, Password: cfg.Password, Auth: cfg.Auth,
					IdentityToken: cfg.IdentityToken, RegistryToken: cfg.RegistryToken,
				}), nil
			}
		}
	}
	return authn.Anonymous, nil
}

// authKeys are the keys under which a repository's credentials may stand, the
// most specific one first.
func authKeys(target authn.Resource) []string {
	host := target.RegistryStr()
	path := strings.TrimPrefix(strings.TrimPrefix(target.String(), host), "/")
	// Docker's registry is one thing under many names, by which it is known for
	// historical reasons.
	docker := host == dockerServer || host == "index.docker.io"
	if docker {
		host = dockerHost
	}
	var keys []string
	for path != "" {
		keys = append(keys, host+"/"+path)
		path = path[:max(0, strings.LastIndexByte(path, '/'))]
	}
	keys = append(keys, host)
	if docker {
		keys = append(keys, authn.DefaultAuthKey, "index.docker.io", dockerServer)
	}
	return keys
}

// lookUp finds the entry of just this key. Docker's own look-up does not: asked
// for a host, it takes any entry of a path on this host, which is somebody
// else's.
func lookUp(file *configfile.ConfigFile, key string) (types.AuthConfig, error) {
	if file.CredentialsStore != "" || file.CredentialHelpers[key] != "" {
		return file.GetAuthConfig(key)
	}
	if cfg, ok := file.AuthConfigs[key]; ok {
		return cfg, nil
	}
	// Old files have addresses in place of hosts: https://quay.io/v1/.
	for _, address := range slices.Sorted(maps.Keys(file.AuthConfigs)) {
		if strings.Contains(address, "://") && credentials.ConvertToHostname(address) == key {
			return file.AuthConfigs[address], nil
		}
	}
	return types.AuthConfig{}, nil
}

func isBearer(ch *transport.Challenge) bool { return strings.EqualFold(ch.Scheme, "bearer") }
