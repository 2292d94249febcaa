package bundle

import (
	"bufio"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"drayage/pkg/oci"
)

// maxJournal bounds what is read of a journal, in bytes. A line takes some 100
// and stands for 1 MiB or a blob, so this is room for a bundle of 2 TB.
const maxJournal = 256 << 20

// journal says what of a partial file has been written, so that a build that
// was killed goes on. It is lines of text in a file beside the partial one:
//
//	drayage journal 1 ROOT SIZE
//	HEX OFFSET SIZE WRITTEN
//
// The first is the bundle that is being written; then, each time that some of a
// blob is in its place, comes where that is and how much. The last line for a blob
// counts. For volumes it is
//
//	drayage journal 2 ROOT SIZE VOLUME
//	volume NUMBER TIME "FOLDER"
//
// with a line for each volume when it is made, and another one before they are
// given their names, which is synced. In one file that takes the place of volumes
// the second line is "void volumes".
//
// Nothing is believed: what it speaks of is hashed again before it is used. So
// the rest is not synced, and a line that is torn or absurd is passed over.
type journal struct {
	path string
	root digest.Digest
	size int64
	// each is what a volume has, 0 without volumes.
	each   int64
	kept   map[digest.Digest]keptBlob
	places map[int]volumePlace // of volumes, from 0 on
	// voids says of one file that the partial volumes beside it are given up: a kill
	// can come before they are gone.
	voids bool

	mu      sync.Mutex
	file    *os.File
	offsets map[digest.Digest]int64
	sizes   map[digest.Digest]int64
}

// volumePlace is where a volume lies. One that is whole may have its own name, and
// is known under it by its folder and the time of its last change: an earlier bundle
// may have a volume of that name and size in another folder, and where a medium
// was another one may be now.
type volumePlace struct {
	folder string
	// changed is in nanoseconds since 1970, 0 while the volume is being written.
	changed int64
}

// keptBlob is where a blob lies in a partial file, and how much of it.
type keptBlob struct{ offset, size, written int64 }

func emptyJournal(path string) *journal {
	return &journal{path: path, kept: map[digest.Digest]keptBlob{}, places: map[int]volumePlace{}}
}

// readJournal reads what an earlier run left. A journal that is missing or
// cannot be read is an empty one.
func readJournal(path string) *journal {
	j := emptyJournal(path)
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return j
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() || info.Size() > maxJournal {
		return j
	}
	lines := bufio.NewScanner(f)
	if !lines.Scan() || !j.readHeader(lines.Text()) {
		return j
	}
	for lines.Scan() {
		j.readLine(lines.Text())
	}
	return j
}

func (j *journal) readHeader(line string) bool {
	var root string
	var version int
	var size, each int64
	n, _ := fmt.Sscanf(line, "drayage journal %d %s %d %d", &version, &root, &size, &each)
	if (version != 1 || n < 3) && (version != 2 || n != 4) {
		return false
	}
	if digest.Digest(root).Validate() != nil || size <= 0 || size > oci.MaxBundle {
		return false
	}
	if version == 2 && (each < MinVolume || each > oci.MaxBundle || (size-1)/each >= MaxVolumes) {
		return false
	}
	j.root, j.size, j.each = digest.Digest(root), size, each
	return true
}

func (j *journal) readLine(line string) {
	switch {
	case strings.HasPrefix(line, "volume "):
		j.readPlace(line)
		return
	case line == voidsLine && j.each == 0:
		j.voids = true
		return
	}
	var hex string
	var k keptBlob
	if n, _ := fmt.Sscanf(line, "%s %d %d %d", &hex, &k.offset, &k.size, &k.written); n != 4 {
		return
	}
	d := digest.NewDigestFromEncoded(digest.SHA256, hex)
	if d.Validate() != nil || k.offset < 0 || k.size < 0 || k.offset > j.size-k.size || k.written < 0 || k.written > k.size {
		return
	}
	j.kept[d] = k
}

func (j *journal) readPlace(line string) {
	var number int
	var p volumePlace
	n, _ := fmt.Sscanf(line, "volume %d %d %q", &number, &p.changed, &p.folder)
	if n == 3 && number > 0 && number <= MaxVolumes && j.each > 0 {
		j.places[number-1] = p
	}
}

// bytes is how much of the bundle is in its place.
func (j *journal) bytes() int64 {
	var n int64
	for _, k := range j.kept {
		n += k.written
	}
	return n
}

// begin opens the journal to go on with it, or, when it is empty, for a bundle.
func (j *journal) begin(l *oci.Layout, each int64) (err error) {
	flags := os.O_WRONLY | os.O_CREATE | os.O_APPEND | unix.O_NOFOLLOW
	text := "\n" // the next line is whole even if the last one was torn
	if j.root == "" {
		j.root, j.size, j.each = l.Root, l.Size, each
		flags |= os.O_TRUNC
		text = j.header()
	}
	if j.file, err = os.OpenFile(j.path, flags, 0o644); err != nil {
		return err
	}
	j.offsets, j.sizes = map[digest.Digest]int64{}, map[digest.Digest]int64{}
	for i, p := range l.Parts {
		j.offsets[p.Digest], j.sizes[p.Digest] = l.Blobs[i].Offset, p.Size
	}
	_, err = j.file.WriteString(text)
	return err
}

// voidsLine is in the journal of one file that takes the place of volumes.
const voidsLine = "void volumes"

func (j *journal) header() string {
	if j.each > 0 {
		return fmt.Sprintf("drayage journal 2 %s %d %d\n", j.root, j.size, j.each)
	}
	head := fmt.Sprintf("drayage journal 1 %s %d\n", j.root, j.size)
	if j.voids {
		head += voidsLine + "\n"
	}
	return head
}

func (k keptBlob) line(d digest.Digest) string {
	return fmt.Sprintf("%s %d %d %d\n", d.Encoded(), k.offset, k.size, k.written)
}

// has says how much of a blob is in its place.
func (j *journal) has(d digest.Digest) int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.kept[d].written
}

// wrote notes how much of a blob is in its place. A journal that cannot be
// written costs only what the next run has to fetch again.
func (j *journal) wrote(d digest.Digest, n int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	k := keptBlob{j.offsets[d], j.sizes[d], n}
	if j.kept[d] == k {
		return
	}
	j.kept[d] = k
	_, _ = j.file.WriteString(k.line(d))
}

func (p volumePlace) line(i int) string {
	return fmt.Sprintf("volume %d %d %q\n", i+1, p.changed, p.folder)
}

// lies notes where the volumes lie, and has that on the medium before it returns.
// A journal that made room for something else has the volumes' places when it
// comes back.
func (j *journal) lies(places map[int]volumePlace) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.places = places
	if j.file == nil {
		return nil
	}
	if _, err := j.file.WriteString(j.placeLines()); err != nil {
		return err
	}
	return j.file.Sync()
}

func (j *journal) placeLines() string {
	var text strings.Builder
	for _, i := range slices.Sorted(maps.Keys(j.places)) {
		text.WriteString(j.places[i].line(i))
	}
	return text.String()
}

func (j *journal) close() {
	if j.file != nil {
		j.file.Close()
		j.file = nil
	}
}

// remove takes the journal away.
func (j *journal) remove() error {
	j.close()
	return gone(j.path)
}

// gone removes a file that may not be there.
func gone(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// restore writes a journal that was removed once more, all or nothing.
func (j *journal) restore() (err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file != nil {
		return nil
	}
	var text strings.Builder
	text.WriteString(j.header() + j.placeLines())
	for d, k := range j.kept {
		text.WriteString(k.line(d))
	}
	if j.file, err = os.OpenFile(j.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND|unix.O_NOFOLLOW, 0o644); err != nil {
		j.file = nil
		return err
	}
	if _, err = j.file.WriteString(text.String()); err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		err = errors.Join(err, j.remove())
	}
	return err
}
