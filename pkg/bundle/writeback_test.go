package bundle

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestRangesAreThoseOfTheVolumes(t *testing.T) {
	v := &volumes{files: []*os.File{nil, nil, nil}, each: 100, size: 250}
	for _, c := range []struct {
		name  string
		at, n int64
		want  []int64 // offset and length of each piece
	}{
		{"within one", 10, 20, []int64{10, 20}},
		{"over a border", 90, 20, []int64{90, 10, 0, 10}},
		{"over two borders", 99, 102, []int64{99, 1, 0, 100, 0, 1}},
		{"up to a border", 50, 50, []int64{50, 50}},
		{"beyond the last file", 290, 20, []int64{90, 10}},
		{"nothing", 50, 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []int64
			for _, r := range v.ranges(c.at, c.n) {
				got = append(got, r.offset, r.len)
			}
			if len(got) != len(c.want) {
				t.Fatalf("got %v, want %v", got, c.want)
			}
			for i := range got {
				if got[i] != c.want[i] {
					t.Fatalf("got %v, want %v", got, c.want)
				}
			}
		})
	}
}

// What a medium says while a file is written, fsync of that file does not say again.
func TestWritebackKeepsWhatTheMediumSaid(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, said := range []error{unix.EIO, unix.ENOSPC, unix.EDQUOT, unix.EREMOTEIO, unix.ENODATA, unix.ENOLINK, unix.ETIMEDOUT, unix.ESTALE} {
		var stopped []error
		w := &writeback{stop: func(err error) { stopped = append(stopped, err) }}
		for _, cannot := range []error{nil, unix.ENOSYS, unix.EINVAL, unix.ESPIPE, unix.EOPNOTSUPP} {
			w.note(f, cannot)
		}
		if err := w.failed(); err != nil {
			t.Fatalf("a file system that cannot do it: %v", err)
		}
		w.note(f, said)
		w.note(f, unix.EROFS)
		if err := w.failed(); !errors.Is(err, said) || !strings.Contains(err.Error(), f.Name()) {
			t.Errorf("got %v, want the first one, %v, and which file it is of", err, said)
		}
		if len(stopped) != 1 || !errors.Is(stopped[0], said) {
			t.Errorf("%v: the writing was ended with %v", said, stopped)
		}
	}
}

func TestWritebackBoundsWhatIsOnTheWay(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := &writeback{file: single(f, 1<<40)}
	for at := int64(0); at < 5*onTheWay; at += onTheWay / 4 {
		w.settle(sentRange{f, at, onTheWay / 4})
		if w.bytes > onTheWay || len(w.waiting) > 4 {
			t.Fatalf("%d bytes in %d ranges are on their way", w.bytes, len(w.waiting))
		}
	}
}
