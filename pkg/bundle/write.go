package bundle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"drayage/internal/progress"
	"drayage/pkg/manifest"
	"drayage/pkg/oci"
)

// partial is what a bundle is called until it is whole.
const partial = ".partial"

// OpenFunc gives a blob's content, unproven: whoever writes it proves it.
type OpenFunc = func(context.Context, ocispec.Descriptor) (io.ReadCloser, error)

// WriteOptions belong to Unfinished.Write and Stream.
type WriteOptions struct {
	// Jobs is how many blobs are fetched at once; 0 means 6.
	Jobs     int
	Progress progress.Func
	// Checksum writes FILE.sha256 as well, and hashes every byte a second time for
	// it. Bundles in volumes always have it, streams never.
	Checksum bool
	// Owners are the names of the images that need each blob, for errors. It may be nil.
	Owners map[digest.Digest][]string
}

// Written says what Write wrote.
type Written struct {
	// Path is the file; with volumes what is before their numbers, in the folder of
	// the first one.
	Path string        `json:"path"`
	Root digest.Digest `json:"root"`
	// SHA256 is that of the whole file, in hex, as FILE.sha256 has it. It is empty
	// without a checksum, and for a bundle in volumes: each of them has its own.
	SHA256  string   `json:"sha256,omitempty"`
	Volumes []Volume `json:"volumes,omitempty"`
	Bytes   int64    `json:"bytes"`
	Images  int      `json:"images"`
	Blobs   int      `json:"blobs"`
	// Bases hold what a delta leaves out.
	Bases []manifest.Base `json:"bases,omitempty"`
}

// SpaceError is a medium that is too small, found before anything is written.
type SpaceError struct {
	Path       string
	Need, Have int64
	// Volumes is how many there are, and Fit for how many there is room; 0 for a
	// bundle in one file.
	Volumes, Fit int
}

// Error names both sizes, in bytes.
func (e *SpaceError) Error() string {
	if e.Volumes > 0 {
		return fmt.Sprintf("%s: the bundle has %d bytes in %d volumes, there is room for %d of them, %d bytes", e.Path, e.Need, e.Volumes, e.Fit, e.Have)
	}
	return fmt.Sprintf("%s: the bundle has %d bytes, %d are free here", e.Path, e.Need, e.Have)
}

// Unwrap makes it the operating system's "no space left".
func (e *SpaceError) Unwrap() error { return unix.ENOSPC }

func partBytes(l *oci.Layout) int64 {
	var n int64
	for _, p := range l.Parts {
		n += p.Size
	}
	return n
}

// opener adds the blobs of the packing list to those that open knows.
func (o WriteOptions) opener(own map[digest.Digest][]byte, open OpenFunc) OpenFunc {
	return func(ctx context.Context, d ocispec.Descriptor) (io.ReadCloser, error) {
		if raw, mine := own[d.Digest]; mine {
			return io.NopCloser(bytes.NewReader(raw)), nil
		}
		return open(ctx, d)
	}
}

// hold opens and locks the partial file. Between the two a build that had it may
// have ended and taken the name away, even to the finished bundle: a lock on that
// is worth nothing, and it is opened again. It is not done for ever: there are
// file systems that do not number their files.
func hold(path string) (*os.File, error) {
	for try := 1; ; try++ {
		f, err := os.OpenFile(path+partial, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o644)
		if err != nil {
			return nil, err
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
			f.Close()
			return nil, fmt.Errorf("%s: %w", path, errHeld)
		}
		if try == 3 || hasItsName(f) {
			return f, nil
		}
		f.Close()
	}
}

func hasItsName(f *os.File) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(f.Name())
	return err == nil && os.SameFile(mine, there)
}

// reserve fails early where there is too little room. Where the file system
// can, the space is taken at once, so that nobody else takes it meanwhile.
// What the file has already counts as room.
func reserve(f *os.File, path string, size int64) error {
	var fs unix.Statfs_t
	// A file system that counts no blocks at all says nothing about its room.
	if err := unix.Fstatfs(int(f.Fd()), &fs); err == nil && fs.Blocks > 0 && fs.Bsize > 0 {
		block := uint64(fs.Bsize)
		if err := checkFileSize(int64(fs.Type), size, path, false); err != nil {
			return err
		}
		room := fs.Bavail + occupied(f)/block
		if room < (uint64(size)+block-1)/block {
			return &SpaceError{Path: path, Need: size, Have: int64(room * block)}
		}
	}
	err := unix.Fallocate(int(f.Fd()), 0, 0, size)
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EFBIG) || errors.Is(err, unix.EDQUOT) {
		return &os.PathError{Op: "reserve", Path: path, Err: err}
	}
	return nil
}

// occupied is how many bytes of the medium a file has taken.
func occupied(f *os.File) uint64 {
	var stat unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &stat); err != nil || stat.Blocks < 0 {
		return 0
	}
	return uint64(stat.Blocks) * 512
}

// explain says of a blob that could not be had which images need it.
func (o WriteOptions) explain(err error) error {
	var blob *oci.BlobError
	if !errors.As(err, &blob) {
		return err
	}
	switch names := o.Owners[blob.Digest]; len(names) {
	case 0:
		return err
	case 1:
		return fmt.Errorf("%s: %w", names[0], err)
	default:
		return fmt.Errorf("%s and %d more: %w", names[0], len(names)-1, err)
	}
}
