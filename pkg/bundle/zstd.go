package bundle

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

const (
	// packWindow is how far back a packed stream refers, in bytes. What compresses
	// in a bundle are documents; layers are compressed already.
	packWindow = 4 << 20
	// maxUnpackWindow bounds how far back a stream may refer that was packed by
	// somebody else, in bytes: what the zstd program does without --long and
	// --ultra. It is memory that a reader has to have.
	maxUnpackWindow = 8 << 20
)

var zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

// Pack compresses what is written to a pipe, as zstd, and quickly. Its Close ends
// the stream and does not close w. Readers ([VerifyStream], [OpenPipe]) find out by
// themselves that a stream is packed.
func Pack(w io.Writer) (io.WriteCloser, error) {
	return zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(packWindow), zstd.WithEncoderConcurrency(2))
}

// unzstd unpacks a stream that is packed, and gives any other as it is. Closing
// it frees memory and leaves r open.
func unzstd(r io.Reader) (io.ReadCloser, error) {
	peeked := bufio.NewReaderSize(r, 64<<10)
	// What is too short to be looked at is too short to be anything.
	if magic, _ := peeked.Peek(len(zstdMagic)); !bytes.Equal(magic, zstdMagic) {
		return io.NopCloser(peeked), nil
	}
	d, err := zstd.NewReader(peeked, zstd.WithDecoderConcurrency(2), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxUnpackWindow))
	if err != nil {
		return nil, err
	}
	return &unpacker{d}, nil
}

// unpacker says of errors that they are zstd's.
type unpacker struct{ *zstd.Decoder }

func (u *unpacker) Read(b []byte) (int, error) {
	n, err := u.Decoder.Read(b)
	switch {
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return n, err
	case errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded):
		err = fmt.Errorf("refers back further than %d bytes, as after --long or --ultra", maxUnpackWindow)
	}
	return n, fmt.Errorf("zstd: %w", err)
}

func (u *unpacker) Close() error {
	u.Decoder.Close()
	return nil
}
