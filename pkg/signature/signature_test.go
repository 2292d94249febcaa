package signature

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/crypto/openpgp"
	"golang.org/x/crypto/openpgp/packet"
)

var now = time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)

var release = Release{Digest: digest.FromString("release"), Repository: "mirror.example/ocp/release", Name: "4.99.0-x86_64"}

// signer is a key of our own.
func signer(t *testing.T) (*openpgp.Entity, Keyring) {
	t.Helper()
	e, err := openpgp.NewEntity("Test", "", "test@example.com", &packet.Config{RSABits: 1024, DefaultHash: crypto.SHA256, Time: func() time.Time { return now.Add(-time.Hour) }})
	if err != nil {
		t.Fatal(err)
	}
	return e, Keyring{openpgp.EntityList{e}}
}

func content(d digest.Digest, reference string) string {
	return fmt.Sprintf(`{"critical":{"type":"atomic container signature","image":{"docker-manifest-digest":%q},"identity":{"docker-reference":%q}},"optional":{"creator":"test","timestamp":1}}`, d, reference)
}

func sign(t *testing.T, e *openpgp.Entity, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := openpgp.Sign(&b, e, nil, &packet.Config{DefaultHash: crypto.SHA256, Time: func() time.Time { return now.Add(-time.Minute) }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestCheck(t *testing.T) {
	e, ours := signer(t)
	other, _ := signer(t)
	good := content(release.Digest, Repository+":"+release.Name)
	cases := []struct {
		name string
		raw  []byte
		want string // empty: it is good
	}{
		{"good", sign(t, e, good), ""},
		{"good, by the name of the mirror it was asked for", sign(t, e, content(release.Digest, release.Repository+":"+release.Name)), ""},
		{"by another key", sign(t, other, good), "is not trusted"},
		{"about another digest", sign(t, e, content(digest.FromString("other"), Repository+":"+release.Name)), "is about"},
		{"another version", sign(t, e, content(release.Digest, Repository+":4.98.0-x86_64")), "says that this is"},
		{"another architecture", sign(t, e, content(release.Digest, Repository+":4.99.0-aarch64")), "says that this is"},
		{"another repository", sign(t, e, content(release.Digest, "quay.io/somebody/ocp-release:"+release.Name)), "says that this is"},
		{"another type", sign(t, e, strings.Replace(good, "atomic", "atomik", 1)), "type is"},
		{"a key too many", sign(t, e, strings.Replace(good, `"optional"`, `"more":1,"optional"`, 1)), "unknown field"},
		{"no JSON", sign(t, e, "release 4.99.0 is fine"), "signed content: "},
		{"empty", nil, "EOF"},
		{"garbage", []byte("not a signature at all"), ""},
		{"too large", make([]byte, MaxSize+1), "more than 51200 bytes"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := ours.Check(c.raw, release, now)
			switch {
			case c.name == "garbage":
				if err == nil {
					t.Error("garbage is taken for a signature")
				}
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error is %v, want one with %q", err, c.want)
			}
		})
	}
}

// A signature of which any byte is changed, or that is cut, is no longer one.
func TestCheckRefusesEveryChange(t *testing.T) {
	e, ours := signer(t)
	good := sign(t, e, content(release.Digest, Repository+":"+release.Name))
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		if ours.Check(bad, release, now) == nil && !harmless(good, bad, ours) {
			t.Errorf("byte %d of %d changed, and it is still good", i, len(good))
		}
		if ours.Check(good[:i], release, now) == nil {
			t.Errorf("cut to %d of %d bytes, and it is still good", i, len(good))
		}
	}
}

// harmless: a few bytes of an OpenPGP message are not signed and say nothing,
// such as the file name that a message may carry. The signed content is the
// same then.
func harmless(good, bad []byte, k Keyring) bool {
	a, errA := k.open(good, now)
	b, errB := k.open(bad, now)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

func TestCheckKnowsThatSignaturesExpire(t *testing.T) {
	e, ours := signer(t)
	text := content(release.Digest, Repository+":"+release.Name)
	for _, c := range []struct {
		lifetime uint32 // in seconds, from an hour ago
		want     string
	}{{60, "expired on 2026-01-01"}, {7200, ""}} {
		err := ours.Check(lasting(t, e, text, c.lifetime), release, now)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("lifetime %d s: %v", c.lifetime, err)
		}
	}
}

// lasting signs for a time, which the library's own Sign cannot.
func lasting(t *testing.T, e *openpgp.Entity, text string, seconds uint32) []byte {
	t.Helper()
	key := e.PrivateKey
	var b bytes.Buffer
	one := &packet.OnePassSignature{SigType: packet.SigTypeBinary, Hash: crypto.SHA256, PubKeyAlgo: key.PubKeyAlgo, KeyId: key.KeyId, IsLast: true}
	sig := &packet.Signature{SigType: packet.SigTypeBinary, Hash: crypto.SHA256, PubKeyAlgo: key.PubKeyAlgo,
		CreationTime: now.Add(-time.Hour), IssuerKeyId: &key.KeyId, SigLifetimeSecs: &seconds}
	hash := sha256.New()
	hash.Write([]byte(text))
	if err := one.Serialize(&b); err != nil {
		t.Fatal(err)
	}
	w, err := packet.SerializeLiteral(unclosed{&b}, true, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(w, text)
	if err := errors.Join(w.Close(), sig.Sign(hash, key, nil), sig.Serialize(&b)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type unclosed struct{ *bytes.Buffer }

func (unclosed) Close() error { return nil }

func TestRedHatIsTheKeyThatItSaysItIs(t *testing.T) {
	keys := RedHat().keys
	if len(keys) != 1 {
		t.Fatalf("%d keys", len(keys))
	}
	if got := strings.ToUpper(hex.EncodeToString(keys[0].PrimaryKey.Fingerprint[:])); got != Fingerprint {
		t.Errorf("fingerprint %s, want %s", got, Fingerprint)
	}
}

// Real signatures of releases, of both packet versions that are about.
func TestRealSignatures(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "fixtures", "signatures-real")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("shared fixtures are not here: ", err)
	}
	for hex, name := range map[string]string{
		"195de2a5ef3af1083620a62a45ea61ac1233ffa27bbce7b30609a69775aeca19": "4.10.18-x86_64", // packets of version 3
		"0065822bf39b11e3a3113eb2dee4bddf0a07fe0967892498771bd9728e145ad0": "4.16.37-x86_64", // of version 4
	} {
		raw, err := os.ReadFile(filepath.Join(dir, "sha256="+hex, "signature-1"))
		if err != nil {
			t.Fatal(err)
		}
		r := Release{Digest: digest.NewDigestFromEncoded(digest.SHA256, hex), Repository: Repository, Name: name}
		if err := RedHat().Check(raw, r, now); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		r.Name = "4.10.19-x86_64"
		if RedHat().Check(raw, r, now) == nil {
			t.Errorf("the signature of %s is taken for that of another release", name)
		}
		bad := bytes.Clone(raw)
		bad[len(bad)-30] ^= 1
		r.Name = name
		if RedHat().Check(bad, r, now) == nil {
			t.Errorf("%s: a changed signature is good", name)
		}
	}
}

func TestFetch(t *testing.T) {
	e, ours := signer(t)
	other, _ := signer(t)
	good := sign(t, e, content(release.Digest, Repository+":"+release.Name))
	bad := sign(t, other, content(release.Digest, Repository+":"+release.Name))
	path := "/sha256=" + release.Digest.Encoded() + "/signature-"
	cases := []struct {
		name  string
		files map[string][]byte
		want  int
		err   string
	}{
		{"in the first store", map[string][]byte{"a" + path + "1": good}, 1, ""},
		{"all of a store's", map[string][]byte{"a" + path + "1": good, "a" + path + "2": good}, 2, ""},
		{"a bad one before a good one", map[string][]byte{"a" + path + "1": bad, "a" + path + "2": good}, 1, ""},
		{"in the second store", map[string][]byte{"b" + path + "1": good}, 1, ""},
		{"the first store has a bad one only", map[string][]byte{"a" + path + "1": bad, "b" + path + "1": good}, 1, ""},
		{"nowhere", nil, 0, "release 4.99.0-x86_64 has no good signature: a: has none\nb: has none"},
		{"bad ones only", map[string][]byte{"a" + path + "1": bad}, 0, "a: signature-1: is by the key"},
		{"the stores do not answer", map[string][]byte{"a" + path + "1": nil}, 0, "no good signature: no answer"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			get := func(_ context.Context, url string, _ int64) ([]byte, bool, error) {
				raw, ok := c.files[url]
				if ok && raw == nil {
					return nil, false, errors.New("no answer")
				}
				return raw, !ok, nil
			}
			got, err := Fetch(t.Context(), get, []string{"a", "b/"}, ours, release, now)
			if len(got) != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("%d signatures, %v", len(got), err)
			}
		})
	}
}

func TestWithReadsKeysOfBothForms(t *testing.T) {
	e, _ := signer(t)
	var b bytes.Buffer
	if err := e.Serialize(&b); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key.gpg")
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	k, err := RedHat().With(path)
	if err != nil || len(k.keys) != 2 {
		t.Fatalf("%d keys, %v", len(k.keys), err)
	}
	if err := k.Check(sign(t, e, content(release.Digest, Repository+":"+release.Name)), release, now); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(path, []byte("no key"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := RedHat().With(path); err == nil || !strings.Contains(err.Error(), "key.gpg: want public keys") {
		t.Errorf("error is %v", err)
	}
	// Some publish armour without the empty line that should follow its head.
	head := []byte("-----BEGIN PGP PUBLIC KEY BLOCK-----\n")
	if err := os.WriteFile(path, bytes.Replace(redHat, append(head, '\n'), head, 1), 0o644); err != nil {
		t.Fatal(err)
	}
	if k, err := RedHat().With(path); err != nil || len(k.keys) != 2 {
		t.Errorf("%d keys, %v", len(k.keys), err)
	}
	if _, err := RedHat().With(path + "x"); err == nil {
		t.Error("a file that is not there is read")
	}
}
