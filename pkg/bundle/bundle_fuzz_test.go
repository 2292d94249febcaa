package bundle

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drayage/pkg/oci"
)

// FuzzReadJournal: whatever lies beside a partial file, what is believed to be
// in place lies within the bundle.
func FuzzReadJournal(f *testing.F) {
	w := small()
	l, _, err := layout(w.list())
	if err != nil {
		f.Fatal(err)
	}
	head := "drayage journal 1 " + l.Root.String() + " "
	var lines strings.Builder
	for i, e := range l.Blobs {
		lines.WriteString(journalLine(l.Parts[i].Digest.Encoded(), e.Offset, e.Size, e.Size))
	}
	f.Add([]byte(journalHead(l) + lines.String()))
	f.Add([]byte(journalHead(l) + lines.String()[:100]))
	f.Add([]byte(head + "9223372036854775807\n"))
	f.Add([]byte("drayage journal 2 " + l.Root.String() + " 33554432 1048576\nwhole\n"))
	f.Add([]byte(journalHead(l) + journalLine(l.Parts[0].Digest.Encoded(), 1<<62, 1<<62, 1<<62)))
	f.Add([]byte(journalHead(l) + journalLine(l.Parts[0].Digest.Encoded(), -1, 5, 5)))
	path := filepath.Join(f.TempDir(), "site.tar.journal")
	f.Fuzz(func(t *testing.T, raw []byte) {
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		j := readJournal(path)
		if j.root == "" && len(j.kept) > 0 {
			t.Error("blobs of no bundle")
		}
		if j.size < 0 || j.size > oci.MaxBundle {
			t.Errorf("a bundle of %d bytes", j.size)
		}
		for d, k := range j.kept {
			if d.Validate() != nil || k.offset < 0 || k.written < 0 || k.written > k.size || k.offset+k.size > j.size || k.offset+k.size < 0 {
				t.Errorf("%s: %+v of %d bytes", d, k, j.size)
			}
		}
	})
}

// FuzzVerifyStream: a bundle that comes through a pipe is found good when it is
// the one whose root was written down, byte for byte, and else there is a
// finding or an error, without a panic.
func FuzzVerifyStream(f *testing.F) {
	w := small()
	var out bytes.Buffer
	written, err := Stream(f.Context(), w.list(), w.open, &out, WriteOptions{})
	if err != nil {
		f.Fatal(err)
	}
	good := out.Bytes()
	for _, at := range []int{0, 1, 600, 2000, 4000, len(good) / 2, len(good) - 1} {
		changed := bytes.Clone(good)
		changed[at] ^= 0x55
		f.Add(changed)
		f.Add(good[:at])
	}
	f.Add(good)
	f.Add(append(bytes.Clone(good), 0))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := VerifyStream(t.Context(), bytes.NewReader(raw), written.Root, nil)
		whole := err == nil && len(r.Findings) == 0
		if whole != bytes.Equal(raw, good) {
			t.Errorf("whole: %t, the good bytes: %t", whole, !whole)
		}
		// Without a root all that is told is that it agrees with itself.
		if r, err := VerifyStream(t.Context(), bytes.NewReader(raw), "", nil); err != nil || r == nil {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

func journalHead(l *oci.Layout) string {
	return fmt.Sprint("drayage journal 1 ", l.Root, " ", l.Size, "\n")
}

func journalLine(hex string, offset, size, written int64) string {
	return fmt.Sprint(hex, " ", offset, " ", size, " ", written, "\n")
}
