package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/manifest"
	"drayage/test/content"
	"drayage/test/faults"
	"drayage/test/registry"
)

// signedWorld is a source some of whose images have sigstore attachments, and
// what each of them is: repository on the source, digest that is signed.
type signedWorld struct {
	src    *registry.Registry
	filled *content.Filled
	signer *content.Signer
	dir    string // connected
	list   *manifest.Manifest
	signed map[string]content.Named // by the role of the image, or "child"
}

// signImages fills a source, finds out what travels, and signs one image of each role.
func signImages(t *testing.T) *signedWorld {
	t.Helper()
	w := &signedWorld{src: registry.StartT(t, registry.Options{}), signed: map[string]content.Named{}}
	var err error
	if w.filled, err = content.Fill(t.Context(), w.src.Addr(), content.Options{}); err != nil {
		t.Fatal(err)
	}
	if w.signer, err = content.NewSigner(); err != nil {
		t.Fatal(err)
	}
	w.dir = connected(t, w.src.Addr(), w.filled)
	build(t, w.dir)
	w.list = packingList(t, w.dir)
	for _, i := range w.list.Images {
		if i.Role == manifest.RoleSignature {
			t.Fatalf("%s travels and is not there yet", i.Name)
		}
		if _, done := w.signed[string(i.Role)]; !done && i.Role != manifest.RoleCatalog {
			w.sign(t, string(i.Role), i.Name, i.Descriptor.Digest.String())
		}
	}
	for _, n := range w.filled.Additional {
		if x, ok := n.Content.(v1.ImageIndex); ok {
			m, err := x.IndexManifest()
			if err != nil {
				t.Fatal(err)
			}
			w.sign(t, "child", n.Ref, m.Manifests[0].Digest.String())
		}
	}
	if len(w.signed) != 6 {
		t.Fatalf("signed: %v", w.signed)
	}
	return w
}

func (w *signedWorld) sign(t *testing.T, key, name, digest string) {
	t.Helper()
	ref, err := manifest.ParseRef(name)
	if err != nil {
		t.Fatal(err)
	}
	n, err := w.signer.Attach(ref.Repository, digest)
	if err != nil {
		t.Fatal(err)
	}
	if err := content.Push(t.Context(), w.src.Addr(), content.PushOptions{}, n); err != nil {
		t.Fatal(err)
	}
	w.signed[key] = n
}

// fetched is what a registry gives for a manifest.
func fetched(t *testing.T, addr, repo, tag string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/v2/"+repo+"/manifests/"+tag, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", ocispec.MediaTypeImageManifest)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s:%s: %s, %v", addr, repo, tag, resp.Status, err)
	}
	return raw
}

func TestSigstoreAttachmentsReachEveryNode(t *testing.T) {
	w := signImages(t)
	root := build(t, w.dir)
	list := packingList(t, w.dir)
	if got := len(list.Images) - len(w.list.Images); got != len(w.signed) {
		t.Errorf("%d attachments travel, want %d", got, len(w.signed))
	}
	out := good(t, w.dir, "import", "verify", "--root", root, "site.tar")
	if want := fmt.Sprintf("good: %d images", len(list.Images)); !strings.Contains(out, want) {
		t.Errorf("verify does not say %q:\n%s", want, out)
	}
	two := nodes(t, w.dir, 2)
	good(t, w.dir, "import", "push", "--site", "site.yaml", "site.tar")
	// Where the image is that is signed, by role.
	for role, repo := range map[string]string{
		"registry": "registry", "release": "ocp4/openshift", "component": "ocp4/openshift",
		"operator": "olm-mirror/" + flat(t, w.signed["operator"].Ref), "additional": path(t, w.signed["additional"].Ref), "child": path(t, w.signed["child"].Ref),
	} {
		n := w.signed[role]
		tag := n.Ref[strings.LastIndex(n.Ref, ":")+1:]
		want := fetched(t, w.src.Addr(), strings.TrimSuffix(n.Ref, ":"+tag), tag)
		for _, node := range two {
			if got := fetched(t, node.Addr(), repo, tag); !bytes.Equal(got, want) {
				t.Errorf("%s: %s:%s is\n%s\nat the source\n%s", node.Addr(), repo, tag, got, want)
			}
		}
	}
	for _, node := range two {
		pullAll(t, w.dir, node.Addr())
	}
	t.Run("inspect and plan have a row", func(t *testing.T) {
		if out := good(t, w.dir, "bundle", "inspect", "site.tar"); strings.Count(out, "\nsignature ") != len(w.signed) {
			t.Errorf("inspect printed:\n%s", out)
		}
		out := good(t, w.dir, "bundle", "plan", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "--insecure-skip-signature", "-o", "plan.json")
		if !strings.Contains(out, fmt.Sprintf("signature%9d", len(w.signed))) {
			t.Errorf("plan printed:\n%s", out)
		}
	})
	t.Run("a second build and a saved plan give the same", func(t *testing.T) {
		again := build(t, w.dir, "--jobs", "1", "-o", "again.tar")
		one, err := os.ReadFile(filepath.Join(w.dir, "site.tar"))
		if err != nil {
			t.Fatal(err)
		}
		two, err := os.ReadFile(filepath.Join(w.dir, "again.tar"))
		if err != nil || !bytes.Equal(one, two) || again != root {
			t.Errorf("roots %s and %s, %v", root, again, err)
		}
		w.sign(t, "component", w.signed["component"].Ref, "sha256:"+strings.TrimSuffix(strings.SplitN(w.signed["component"].Ref, ":sha256-", 2)[1], ".sig"))
		out := good(t, w.dir, "bundle", "build", "--plan", "plan.json", "--registries-conf", "registries.conf", "--insecure-skip-signature", "-o", "planned.tar")
		if got := rootOf(t, out); got != root {
			t.Errorf("built from the plan, root is %s, want %s", got, root)
		}
		if moved := build(t, w.dir); moved == root {
			t.Error("signed again, and the image set still gives the old root")
		}
	})
}

// path is a reference without host and tag.
func path(t *testing.T, name string) string {
	t.Helper()
	ref, err := manifest.ParseRef(name)
	if err != nil {
		t.Fatal(err)
	}
	return ref.Path()
}

// flat is a path in one component.
func flat(t *testing.T, name string) string { return strings.ReplaceAll(path(t, name), "/", "-") }

func TestSourceThatFailsForSigstoreTags(t *testing.T) {
	src, filled := sharedSource(t)
	proxy, err := faults.Start(src.Addr(), faults.Rule{PathRegexp: `\.sig$`, Fault: faults.Status(500, nil)})
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	dir := connected(t, proxy.Addr(), filled)
	args := []string{"build", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "--insecure-skip-signature", "-o", "site.tar"}
	r := bad(t, 5, "of 4.9.0-x86_64: sigstore attachment: quay.io/openshift-release-dev/ocp-v4.0-art-dev:sha256-", dir, "bundle", args...)
	if !strings.Contains(r.err, ".sig: 500 ") || !strings.Contains(r.err, "\nhint: blockedImages") || strings.Count(r.err, "bundle: ") > 11 {
		t.Errorf("printed:\n%s", r.err)
	}
	nothingLeft(t, dir)
	good(t, dir, "bundle", append(args, "--skip-sigstore")...)
	good(t, dir, "bundle", "plan", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "--insecure-skip-signature", "--skip-sigstore", "-o", "plan.json")
	bad(t, 2, "--skip-sigstore goes with -c", dir, "bundle", "build", "--plan", "plan.json", "--skip-sigstore", "-o", "other.tar")
}

// A cluster's own way: a policy that wants sigstore signatures, attachments
// switched on for the source and for its mirror, the image asked for under its
// source and found on the node.
func TestSkopeoVerifiesSignaturesFromANode(t *testing.T) {
	if _, err := exec.LookPath("skopeo"); err != nil {
		t.Skip("skopeo is not here: the test of a foreign reader is left out")
	}
	w := signImages(t)
	build(t, w.dir)
	node := nodes(t, w.dir, 1)[0]
	good(t, w.dir, "import", "push", "--site", "site.yaml", "site.tar")
	key, err := w.signer.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	write(t, w.dir, "cosign.pub", string(key))
	write(t, w.dir, "policy.json", fmt.Sprintf(`{"default":[{"type":"reject"}],"transports":{"docker":{"quay.io":[
		{"type":"sigstoreSigned","keyPath":%q,"signedIdentity":{"type":"matchRepository"}}]}}}`, filepath.Join(w.dir, "cosign.pub")))
	write(t, w.dir, "mirrors.conf", fmt.Sprintf("[[registry]]\nlocation = \"quay.io/openshift-release-dev\"\nblocked = true\n"+
		"[[registry]]\nlocation = %q\nmirror-by-digest-only = true\nblocked = true\n[[registry.mirror]]\nlocation = %q\ninsecure = true\n"+
		"[[registry]]\nlocation = %q\nmirror-by-digest-only = true\nblocked = true\n[[registry.mirror]]\nlocation = %q\ninsecure = true\n",
		content.ReleaseRepository, node.Addr()+"/ocp4/openshift", content.ComponentRepository, node.Addr()+"/ocp4/openshift"))
	lookaside := filepath.Join(w.dir, "registries.d")
	if err := os.Mkdir(lookaside, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, lookaside, "sigstore-registries.yaml", "docker:\n  quay.io/openshift-release-dev:\n    use-sigstore-attachments: true\n  "+
		node.Addr()+"/ocp4/openshift:\n    use-sigstore-attachments: true\n")
	copied := func(name string) (string, error) {
		cmd := exec.Command("skopeo", "--policy", "policy.json", "--registries.d", lookaside, "--registries-conf", "mirrors.conf",
			"copy", "-q", "--remove-signatures", "docker://"+name, "dir:"+t.TempDir())
		cmd.Dir = w.dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	signed := map[string]bool{}
	for _, role := range []string{"release", "component"} {
		_, tag, _ := strings.Cut(w.signed[role].Ref, ":")
		signed[strings.TrimSuffix(strings.TrimPrefix(tag, "sha256-"), ".sig")] = true
	}
	accepted, refused := 0, 0
	for _, i := range w.list.Images {
		if i.Role != manifest.RoleRelease && i.Role != manifest.RoleComponent {
			continue
		}
		name := path(t, i.Name)
		out, err := copied("quay.io/" + name + "@" + i.Descriptor.Digest.String())
		switch {
		case signed[i.Descriptor.Digest.Encoded()] && err != nil:
			t.Errorf("%s: is signed: %v\n%s", i.Name, err, out)
		case signed[i.Descriptor.Digest.Encoded()]:
			accepted++
		case err == nil || !strings.Contains(out, "signature"):
			t.Errorf("%s: is not signed: %v\n%s", i.Name, err, out)
		default:
			refused++
		}
	}
	if accepted != 2 || refused == 0 {
		t.Errorf("%d accepted, %d refused", accepted, refused)
	}
	t.Logf("%d accepted, %d refused", accepted, refused)
}
