package signature

import (
	"bytes"
	"crypto"
	"testing"
	"time"

	"golang.org/x/crypto/openpgp"
	"golang.org/x/crypto/openpgp/packet"
)

// FuzzCheck: whatever a store answers, reading it ends without a panic, and it
// is never a signature about another release than the one that was signed.
func FuzzCheck(f *testing.F) {
	key, err := openpgp.NewEntity("Test", "", "test@example.com", &packet.Config{RSABits: 1024, DefaultHash: crypto.SHA256, Time: func() time.Time { return now.Add(-time.Hour) }})
	if err != nil {
		f.Fatal(err)
	}
	keys := Keyring{openpgp.EntityList{key}}
	var signed bytes.Buffer
	w, err := openpgp.Sign(&signed, key, nil, &packet.Config{DefaultHash: crypto.SHA256, Time: func() time.Time { return now.Add(-time.Minute) }})
	if err != nil {
		f.Fatal(err)
	}
	if _, err := w.Write([]byte(content(release.Digest, Repository+":"+release.Name))); err != nil {
		f.Fatal(err)
	}
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	if err := keys.Check(signed.Bytes(), release, now); err != nil {
		f.Fatal(err)
	}
	for _, at := range []int{0, 1, 2, 13, signed.Len() / 2, signed.Len() - 1} {
		changed := bytes.Clone(signed.Bytes())
		changed[at] ^= 0x81
		f.Add(changed)
		f.Add(changed[:at])
	}
	f.Add(signed.Bytes())
	f.Add(redHat)
	f.Add([]byte("\xa3\x01\x00\x00\xff\xff")) // compressed, and empty
	f.Add(bytes.Repeat([]byte{0xa3, 0x01}, 1000))
	other := release
	other.Name = "4.98.0-x86_64"
	f.Fuzz(func(t *testing.T, raw []byte) {
		if keys.Check(raw, other, now) == nil {
			t.Error("a signature about a release that nobody signed")
		}
		_ = RedHat().Check(raw, release, now)
		_, _ = readKeys(raw)
	})
}
