// Package signature checks the signatures of OpenShift releases: that Red Hat,
// or whoever else is trusted, says of a digest that it is a certain release.
//
// # What a signature is
//
// An OpenPGP message (often compressed, of packet version 3 up to about 4.10)
// whose content is a small JSON document, the "atomic container signature". It
// names the image's digest, and a reference that says which release that is:
//
//	{"critical": {"type": "atomic container signature",
//	  "image": {"docker-manifest-digest": "sha256:0065..."},
//	  "identity": {"docker-reference": "quay.io/openshift-release-dev/ocp-release:4.16.37-x86_64"}},
//	 "optional": {"creator": "Red Hat ...", "timestamp": 1741000000}}
//
// Signatures lie at <store>/sha256=<hex>/signature-<n>, n from 1.
//
// # What is checked
//
// The key that signed is one that this program was built with ([RedHat]) or
// that a person added; never one that came with the release. The content is
// read to its end before the signature is looked at: only then does OpenPGP
// know. The digest is the one that was asked for, and the reference names the
// repository, version and architecture that the release image says of itself.
// Anything else is an error: there is no half-trusted release.
package signature

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/opencontainers/go-digest"
	//lint:ignore SA1019 Signatures of the 4.9 era are packets of version 3, which its successors do not read.
	"golang.org/x/crypto/openpgp"
)

const (
	// MaxSize bounds a signature, in bytes. They have about 900.
	MaxSize = 50 << 10
	// maxContent bounds what a signature may unpack to, in bytes.
	maxContent = 1 << 20
	// maxKeys bounds a file of keys, in bytes.
	maxKeys = 1 << 20
	// Repository is where Red Hat's releases are, by the name that is signed.
	Repository = "quay.io/openshift-release-dev/ocp-release"
	// signatureType is the only type of signature there is.
	signatureType = "atomic container signature"
)

// Fingerprint is that of the key with which Red Hat signs releases, "release
// key 2".
const Fingerprint = "567E347AD0044ADE55BA8A5F199E2F91FD431D51"

//go:embed keys/redhat-release-key-2.asc
var redHat []byte

// Keyring is who is trusted.
type Keyring struct{ keys openpgp.EntityList }

// RedHat is the keyring with the one key that Red Hat signs releases with.
func RedHat() Keyring {
	keys, err := readKeys(redHat)
	if err != nil { // it is part of the program, and a test reads it
		panic(err)
	}
	return Keyring{keys}
}

// With adds the public keys in a file, armored or binary, to those that are
// trusted.
func (k Keyring) With(path string) (Keyring, error) {
	f, err := os.Open(path)
	if err != nil {
		return k, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxKeys+1))
	if err != nil {
		return k, err
	}
	if len(raw) > maxKeys {
		return k, fmt.Errorf("%s: more than %d bytes, want public keys", path, maxKeys)
	}
	keys, err := readKeys(raw)
	if err != nil {
		return k, fmt.Errorf("%s: want public keys: %w", path, err)
	}
	return Keyring{append(k.keys[:len(k.keys):len(k.keys)], keys...)}, nil
}

// readKeys reads armored or binary keys. Red Hat's own download is armored
// without the empty line behind the head, so that is read too.
func readKeys(raw []byte) (openpgp.EntityList, error) {
	if keys, err := openpgp.ReadArmoredKeyRing(bytes.NewReader(raw)); err == nil {
		return keys, nil
	}
	head := []byte("-----BEGIN PGP PUBLIC KEY BLOCK-----\n")
	if keys, err := openpgp.ReadArmoredKeyRing(bytes.NewReader(bytes.Replace(raw, head, append(head, '\n'), 1))); err == nil {
		return keys, nil
	}
	keys, err := openpgp.ReadKeyRing(bytes.NewReader(raw))
	if err == nil && len(keys) == 0 {
		err = errors.New("there is none")
	}
	return keys, err
}

// Release is what a signature must be about.
type Release struct {
	// Digest is that of the release image, or of the index of images.
	Digest digest.Digest
	// Repository is where the image was asked for. A signature for it or for
	// [Repository] will do: mirrors keep Red Hat's signatures.
	Repository string
	// Name is <version>-<architecture>, as in the release's tag.
	Name string
}

// document is what is signed.
type document struct {
	Critical struct {
		Type  string `json:"type"`
		Image struct {
			Digest string `json:"docker-manifest-digest"`
		} `json:"image"`
		Identity struct {
			Reference string `json:"docker-reference"`
		} `json:"identity"`
	} `json:"critical"`
	Optional struct {
		Creator   string `json:"creator"`
		Timestamp int64  `json:"timestamp"`
	} `json:"optional"`
}

// Check proves that a signature is by a trusted key and about this release. now
// is for signatures that expire.
func (k Keyring) Check(raw []byte, r Release, now time.Time) error {
	if len(raw) > MaxSize {
		return fmt.Errorf("more than %d bytes", MaxSize)
	}
	content, err := k.open(raw, now)
	if err != nil {
		return err
	}
	var doc document
	d := json.NewDecoder(bytes.NewReader(content))
	d.DisallowUnknownFields()
	if err := d.Decode(&doc); err != nil {
		return fmt.Errorf("signed content: %w", err)
	}
	return doc.about(r)
}

// open reads a message to its end and then asks whether it is signed well.
func (k Keyring) open(raw []byte, now time.Time) ([]byte, error) {
	md, err := openpgp.ReadMessage(bytes.NewReader(raw), k.keys, nil, nil)
	if err != nil {
		return nil, err
	}
	if !md.IsSigned {
		return nil, errors.New("is not signed")
	}
	content, err := io.ReadAll(io.LimitReader(md.UnverifiedBody, maxContent+1))
	switch {
	case err != nil:
		return nil, err
	case len(content) > maxContent:
		return nil, fmt.Errorf("signed content: more than %d bytes", maxContent)
	case md.SignedBy == nil:
		return nil, fmt.Errorf("is by the key %016X, which is not trusted", md.SignedByKeyId)
	case md.SignatureError != nil:
		return nil, md.SignatureError
	case md.Signature == nil && md.SignatureV3 == nil:
		return nil, errors.New("its signature cannot be read")
	}
	if s := md.Signature; s != nil && s.SigLifetimeSecs != nil && *s.SigLifetimeSecs != 0 { // 0 means for ever
		if end := s.CreationTime.Add(time.Duration(*s.SigLifetimeSecs) * time.Second); now.After(end) {
			return nil, fmt.Errorf("expired on %s", end.UTC().Format(time.DateOnly))
		}
	}
	return content, nil
}

func (d document) about(r Release) error {
	c := d.Critical
	switch {
	case c.Type != signatureType:
		return fmt.Errorf("type is %q, want %q", c.Type, signatureType)
	case c.Image.Digest != r.Digest.String():
		return fmt.Errorf("is about %q, want %s", c.Image.Digest, r.Digest)
	case c.Identity.Reference == Repository+":"+r.Name, c.Identity.Reference == r.Repository+":"+r.Name:
		return nil
	}
	return fmt.Errorf("says that this is %q, want %s:%s", c.Identity.Reference, Repository, r.Name)
}
