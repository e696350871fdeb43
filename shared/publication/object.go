package publication

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// windowBytes is how far back a compressed object refers, and thus the memory that a reader needs to decompress it.
const windowBytes = 8 << 20

var (
	// ErrObject means that an object does not have the content that the manifest promises.
	ErrObject = errors.New("not the content that the manifest promises")
	// ErrTooLarge means that a file is larger than allowed.
	ErrTooLarge = errors.New("larger than allowed")
)

// Fetcher gets the files of a published directory.
type Fetcher interface {
	// Fetch returns the content of a file. It reads no more than limit bytes: if the file is larger, the error wraps ErrTooLarge. If the
	// file does not exist, the error wraps fs.ErrNotExist. If a name is requested again, the reply must not come from a cache.
	Fetch(ctx context.Context, name string, limit int64) ([]byte, error)
}

// fetch gets a file, and checks its size again.
func fetch(ctx context.Context, from Fetcher, name string, limit int64) ([]byte, error) {
	content, err := from.Fetch(ctx, name, limit)
	if err == nil && int64(len(content)) > limit {
		err = ErrTooLarge
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return content, nil
}

// Compress returns a writer that compresses a content to an object. The same content gives the same object.
func Compress(to io.Writer) (io.WriteCloser, error) {
	return zstd.NewWriter(to, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(windowBytes), zstd.WithEncoderLevel(zstd.SpeedBetterCompression))
}

// OpenContent returns a reader of the content of a source. The object is checked, but the content that it has is not: see FetchContent.
func OpenContent(ctx context.Context, from Fetcher, s *Source) (io.ReadCloser, error) {
	return openObject(ctx, from, &s.Object)
}

// FetchContent writes the content of a source to the writer to. After an error, the caller must discard what was written.
func FetchContent(ctx context.Context, from Fetcher, s *Source, to io.Writer) error {
	r, err := OpenContent(ctx, from, s)
	if err != nil {
		return err
	}
	defer r.Close()
	return s.copyContent(&s.Object, to, r)
}

// FetchPatch returns the content of a patch.
func FetchPatch(ctx context.Context, from Fetcher, p *Patch) ([]byte, error) {
	r, err := openObject(ctx, from, &p.Object)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var content bytes.Buffer
	if n, err := io.Copy(&content, io.LimitReader(r, p.Size+1)); err != nil || n != p.Size {
		return nil, p.Object.wrong(n, p.Size, err)
	}
	return content.Bytes(), nil
}

// CheckContent reads r to its end and returns an error that wraps ErrObject unless it is the content of the source.
func (s *Source) CheckContent(r io.Reader) error { return s.copyContent(nil, io.Discard, r) }

// copyContent copies the content of a source while it checks its size and hash. The object is the one that r decompresses; nil if there is none.
func (s *Source) copyContent(o *Object, to io.Writer, r io.Reader) error {
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(to, hash), io.LimitReader(r, s.Size+1))
	switch {
	case err != nil || n != s.Size:
		return o.wrong(n, s.Size, err)
	case hex.EncodeToString(hash.Sum(nil)) != s.SHA256:
		return fmt.Errorf("%s %s: %w: another hash", s.Kind, s.Name, ErrObject)
	}
	return nil
}

// wrong returns the error for an object that is decompressed to n instead of size bytes, or whose decompression or copying failed with err.
func (o *Object) wrong(n, size int64, err error) error {
	name := "content"
	if o != nil {
		name = o.Name()
	}
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	case n > size:
		return fmt.Errorf("%s: %w: more than %d bytes", name, ErrObject, size)
	}
	return fmt.Errorf("%s: %w: %d bytes instead of %d", name, ErrObject, n, size)
}

// openObject gets an object, checks its size and its hash, and returns a reader that decompresses it.
func openObject(ctx context.Context, from Fetcher, o *Object) (io.ReadCloser, error) {
	content, err := fetch(ctx, from, o.Name(), o.Size)
	switch {
	case err != nil:
		return nil, err
	case int64(len(content)) != o.Size:
		return nil, fmt.Errorf("%s: %w: %d bytes instead of %d", o.Name(), ErrObject, len(content), o.Size)
	case digest(content) != o.SHA256:
		return nil, fmt.Errorf("%s: %w: another hash", o.Name(), ErrObject)
	}
	d, err := zstd.NewReader(bytes.NewReader(content), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(windowBytes))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.Name(), err)
	}
	return d.IOReadCloser(), nil
}
