package site

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// badFields holds, for each bad field, all that there is to say about it.
var badFields = map[string]struct{ text, want string }{
	"TLS over plain HTTP": {"registry: {plainHTTP: true, tls: {ca: ca.crt}}\n",
		"x.yaml:5: registry.tls: registry.plainHTTP says that there is none"},
	"a password over plain HTTP": {"registry: {plainHTTP: true, auth: {user: a}}\n",
		"x.yaml:5: registry.auth: over plain HTTP everybody could read the password, leave out plainHTTP"},
	"files without a user": {"registry: {auth: {password: p}}\n",
		"x.yaml:5: registry.auth.user: missing, want the user's name"},
	"a user with a colon": {"registry: {auth: {user: 'a:b'}}\n",
		`x.yaml:5: registry.auth.user: "a:b", want letters, digits, dots and dashes, at most 64`},
	"folders in place of files": {"registry: {tls: {ca: tls/, key: \"a\\nb\"}}\n",
		`x.yaml:5: registry.tls.ca: "tls/" is no name of a file` + "\n" +
			`x.yaml:5: registry.tls.key: "a\nb" is no name of a file`},
	"a version of distribution that there is not": {"registry: {distribution: 1}\n",
		"x.yaml:5: registry.distribution: 1, want 2 or 3"},
	"an image with a space": {"registry: {image: 'a b'}\n",
		`x.yaml:5: registry.image: "a b" is no name of an image and no digest`},
	"memory without a unit": {"registry: {memory: '1'}\n",
		`x.yaml:5: registry.memory: "1", want 128M at least, in M or G`},
	"too little memory": {"registry: {memory: 127M}\n",
		`x.yaml:5: registry.memory: "127M", want 128M at least, in M or G`},
	"storage with a space": {"registry: {storage: /var/a b}\n",
		`x.yaml:5: registry.storage: "/var/a b" is no path of a folder like /var/local-registry`},
	"storage with a way up": {"registry: {storage: /var/../etc}\n",
		`x.yaml:5: registry.storage: "/var/../etc" is no path of a folder like /var/local-registry`},
	"storage outside /var": {"registry: {storage: /opt/registry}\n",
		"x.yaml:5: registry.storage: /opt/registry does not lie in /var, which alone survives an update of a node"},
	"storage that is /var": {"registry: {storage: /var}\n",
		"x.yaml:5: registry.storage: /var does not lie in /var, which alone survives an update of a node"},
	"storage of the node's own": {"registry: {storage: /var/lib/containers/x}\n",
		"x.yaml:5: registry.storage: /var/lib/containers/x is the node's own, which it may empty"},
	"a pool that is no name":  {"pool: Master\n", `x.yaml:5: pool: "Master" is no DNS name in lower case`},
	"mirrors of another kind": {"mirrors: itms\n", `x.yaml:5: mirrors: "itms", want icsp or idms`},
	"mirror sets before their time": {"mirrors: idms\n",
		"x.yaml:5: mirrors: OpenShift 4.12 knows no ImageDigestMirrorSet, which came with 4.13"},
	"pinned images before their time": {"pinnedImages: true\n",
		"x.yaml:5: pinnedImages: OpenShift 4.12 has no PinnedImageSet, which came with 4.20"},
	"computed and given": {"kubeletConfig: {autoSizing: true, systemReserved: {cpu: 500m}}\n",
		"x.yaml:5: kubeletConfig.systemReserved: autoSizing computes it: one or the other"},
	"amounts that are none": {"kubeletConfig: {systemReserved: {memory: 2 Gi, ephemeralStorage: '-1'}}\n",
		`x.yaml:5: kubeletConfig.systemReserved.memory: "2 Gi" is no amount like 500m or 2Gi` + "\n" +
			`x.yaml:5: kubeletConfig.systemReserved.ephemeralStorage: "-1" is no amount like 500m or 2Gi`},
}

func TestBadFields(t *testing.T) {
	for name, c := range badFields {
		t.Run(name, func(t *testing.T) {
			if _, err := Decode("x.yaml", []byte(head+oneNode+c.text)); fmt.Sprint(err) != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestFilesHaveNamesOfTheirOwn(t *testing.T) {
	s, err := Decode("x.yaml", []byte(head+oneNode+"registry: {tls: {key: /etc/key}, auth: {user: puller, password: p}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if want := (TLS{"tls/ca.crt", "tls/registry.crt", "/etc/key"}); s.Registry.TLS != want {
		t.Errorf("TLS is %+v, want %+v", s.Registry.TLS, want)
	}
	if want := (Auth{"puller", "p", "auth/htpasswd"}); s.Registry.Auth != want {
		t.Errorf("auth is %+v, want %+v", s.Registry.Auth, want)
	}
}

func TestFilesLieBesideTheSite(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "site.yaml"), []byte(head+oneNode), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Read(filepath.Join(dir, "site.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.Path("tls/ca.crt"), filepath.Join(dir, "tls/ca.crt"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := s.Path("/etc/ca.crt"); got != "/etc/ca.crt" {
		t.Errorf("got %s", got)
	}
}

func TestMemoryMiB(t *testing.T) {
	for s, want := range map[string]int{"512M": 512, "2G": 2048, "": 0, "0G": 0, "1": 0, "1K": 0, "1.5G": 0, "1Gi": 0} {
		if got := MemoryMiB(s); got != want {
			t.Errorf("%q: %d, want %d", s, got, want)
		}
	}
}

func TestAtLeast(t *testing.T) {
	for _, c := range []struct {
		openshift    string
		major, minor int
		want         bool
	}{{"4.9", 4, 13, false}, {"4.13", 4, 13, true}, {"4.20.1", 4, 13, true}, {"5.0", 4, 13, true}, {"3.11", 4, 0, false}} {
		if got := (&Site{OpenShift: c.openshift}).AtLeast(c.major, c.minor); got != c.want {
			t.Errorf("%s at least %d.%d: %t", c.openshift, c.major, c.minor, got)
		}
	}
}
