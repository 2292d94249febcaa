package site

import (
	"path"
	"regexp"
	"strconv"
	"strings"

	"drayage/internal/strictyaml"
)

// checkRegistry checks what the registries on the nodes shall be like.
func checkRegistry(d *strictyaml.Document, r Registry) {
	checkAccess(d, r)
	if r.Distribution != 0 && r.Distribution != 2 && r.Distribution != 3 {
		d.Wrongf("registry.distribution", "%d, want 2 or 3", r.Distribution)
	}
	if strings.ContainsFunc(r.Image, func(c rune) bool { return c <= ' ' || c > '~' }) {
		d.Wrongf("registry.image", "%.64q is no name of an image and no digest", r.Image)
	}
	checkStorage(d, r.Storage)
	if MemoryMiB(r.Memory) < minMemory {
		d.Wrongf("registry.memory", "%.64q, want 128M at least, in M or G", r.Memory)
	}
}

func checkAccess(d *strictyaml.Document, r Registry) {
	if r.PlainHTTP && r.TLS != (TLS{}) {
		d.Wrongf("registry.tls", "registry.plainHTTP says that there is none")
	}
	checkFileName(d, "registry.tls.ca", r.TLS.CA)
	checkFileName(d, "registry.tls.certificate", r.TLS.Certificate)
	checkFileName(d, "registry.tls.key", r.TLS.Key)
	switch a := r.Auth; {
	case a == (Auth{}):
	case r.PlainHTTP:
		d.Wrongf("registry.auth", "over plain HTTP everybody could read the password, leave out plainHTTP")
	case a.User == "":
		d.Missingf("registry.auth.user", "missing, want the user's name")
	case !userName.MatchString(a.User):
		d.Wrongf("registry.auth.user", "%.64q, want letters, digits, dots and dashes, at most 64", a.User)
	}
	checkFileName(d, "registry.auth.password", r.Auth.Password)
	checkFileName(d, "registry.auth.htpasswd", r.Auth.HTPasswd)
}

// userName leaves out the colon, which ends a name in an htpasswd file and in a
// request.
var userName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func checkFileName(d *strictyaml.Document, field, name string) {
	if strings.ContainsFunc(name, func(c rune) bool { return c < ' ' }) || strings.HasSuffix(name, "/") {
		d.Wrongf(field, "%.64q is no name of a file", name)
	}
}

// storageFolder has what needs no quoting, neither in a unit nor in a shell.
var storageFolder = regexp.MustCompile(`^/[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*$`)

// checkStorage wants a folder in /var: nothing else of a node can be written to
// and survives an update.
func checkStorage(d *strictyaml.Document, folder string) {
	const field = "registry.storage"
	switch {
	case !storageFolder.MatchString(folder):
		d.Wrongf(field, "%.64q is no path of a folder like /var/local-registry", folder)
	case path.Dir(folder) == "/" || !strings.HasPrefix(folder, "/var/"):
		d.Wrongf(field, "%s does not lie in /var, which alone survives an update of a node", folder)
	case folder == "/var/lib" || strings.HasPrefix(folder+"/", "/var/lib/containers/") || strings.HasPrefix(folder+"/", "/var/lib/kubelet/"):
		d.Wrongf(field, "%s is the node's own, which it may empty", folder)
	}
}

// minMemory is the least that a registry gets, in MiB.
const minMemory = 128

var memorySize = regexp.MustCompile(`^([1-9][0-9]{0,6})([MG])$`)

// MemoryMiB is a size as in Registry.Memory in MiB: 512 of 512M, 2048 of 2G; 0 of
// what is none.
func MemoryMiB(s string) int {
	m := memorySize.FindStringSubmatch(s)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1]) // at most seven digits
	if m[2] == "G" {
		n *= 1024
	}
	return n
}
