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
		w.sign(t, "component", w.signed["component"].Ref, signedDigest(t, w.signed["component"].Ref))
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
func TestClustersAcceptWhatIsSigned(t *testing.T) {
	w := signImages(t)
	build(t, w.dir)
	node := nodes(t, w.dir, 1)[0]
	good(t, w.dir, "import", "push", "--site", "site.yaml", "site.tar")
	w.policy(t, node.Addr()+"/ocp4/openshift")
	t.Run("by the library that CRI-O has", func(t *testing.T) {
		program := filepath.Join(t.TempDir(), "policy")
		build := exec.Command("go", "build", "-tags", "containers_image_openpgp", "-o", program, ".")
		build.Dir = filepath.Join("..", "policy")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		w.judged(t, func(ref string) *exec.Cmd {
			return exec.Command(program, "-policy", "policy.json", "-registries-d", "registries.d", "-registries-conf", "mirrors.conf", ref)
		})
	})
	t.Run("by skopeo", func(t *testing.T) {
		if _, err := exec.LookPath("skopeo"); err != nil {
			t.Skip("skopeo is not here: the test of a foreign reader is left out")
		}
		w.judged(t, func(ref string) *exec.Cmd {
			return exec.Command("skopeo", "--policy", "policy.json", "--registries.d", "registries.d", "--registries-conf", "mirrors.conf",
				"copy", "-q", "--remove-signatures", ref, "dir:"+t.TempDir())
		})
	})
}

// policy writes what the machine config operator writes on a node: a policy, the
// switch for attachments, and mirrors for digests. The source is blocked.
func (w *signedWorld) policy(t *testing.T, mirror string) {
	t.Helper()
	key, err := w.signer.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	write(t, w.dir, "cosign.pub", string(key))
	write(t, w.dir, "policy.json", fmt.Sprintf(`{"default": [{"type": "reject"}], "transports": {"docker": {"quay.io": [
		{"type": "sigstoreSigned", "keyPath": %q, "signedIdentity": {"type": "matchRepository"}}]}}}`, filepath.Join(w.dir, "cosign.pub")))
	conf := ""
	for _, source := range []string{content.ReleaseRepository, content.ComponentRepository} {
		conf += fmt.Sprintf("[[registry]]\nlocation = %q\nblocked = true\nmirror-by-digest-only = true\n[[registry.mirror]]\nlocation = %q\ninsecure = true\n", source, mirror)
	}
	write(t, w.dir, "mirrors.conf", conf)
	dir := filepath.Join(w.dir, "registries.d")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "sigstore-registries.yaml", "docker:\n  quay.io/openshift-release-dev: {use-sigstore-attachments: true}\n  "+
		mirror+": {use-sigstore-attachments: true}\n")
}

// judged asks a foreign reader about every image of the release: it has to
// accept those two that are signed, and to refuse the others for that.
func (w *signedWorld) judged(t *testing.T, reader func(ref string) *exec.Cmd) {
	t.Helper()
	signed := map[string]bool{}
	for _, role := range []string{"release", "component"} {
		signed[signedDigest(t, w.signed[role].Ref)] = true
	}
	accepted, refused := 0, 0
	for _, i := range w.list.Images {
		if i.Role != manifest.RoleRelease && i.Role != manifest.RoleComponent {
			continue
		}
		cmd := reader("docker://quay.io/" + path(t, i.Name) + "@" + i.Descriptor.Digest.String())
		cmd.Dir = w.dir
		raw, err := cmd.CombinedOutput()
		out := string(raw)
		switch {
		case strings.Contains(out, "sigstore disabled"):
			t.Skip("this reader was built without sigstore: " + strings.TrimSpace(out))
		case signed[i.Descriptor.Digest.String()] && err != nil:
			t.Errorf("%s: is signed and refused: %v: %s", i.Name, err, out)
		case signed[i.Descriptor.Digest.String()]:
			accepted++
		case err == nil || !strings.Contains(out, "A signature was required, but no signature exists"):
			t.Errorf("%s: is not signed: %v: %s", i.Name, err, out)
		default:
			refused++
		}
	}
	if accepted != len(signed) || refused == 0 {
		t.Errorf("%d accepted, want %d; %d refused", accepted, len(signed), refused)
	}
	t.Logf("%d accepted, %d refused", accepted, refused)
}

// signedDigest is what an attachment is about.
func signedDigest(t *testing.T, attachment string) string {
	t.Helper()
	ref, err := manifest.ParseRef(attachment)
	if err != nil {
		t.Fatal(err)
	}
	d, ok := ref.Signed()
	if !ok {
		t.Fatalf("%s is no attachment", attachment)
	}
	return d.String()
}
