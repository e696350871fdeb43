package publication

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/omg-arch/omg/shared/records"
)

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

// OpenContent returns a reader of the content of a source. The object is checked, but the hash of the content is not: see FetchContent.
func OpenContent(ctx context.Context, from Fetcher, s *Source) (io.ReadCloser, error) {
	return openObject(ctx, from, &s.Object, s.Size)
}

// OpenPatch returns a reader of a patch. The caller checks the content that the patch gives with CheckContent.
func OpenPatch(ctx context.Context, from Fetcher, p *Patch) (io.ReadCloser, error) {
	return openObject(ctx, from, &p.Object, p.Size)
}

// FetchContent writes the content of a source to the writer to. After an error, the caller must discard what was written.
func FetchContent(ctx context.Context, from Fetcher, s *Source, to io.Writer) error {
	r, err := OpenContent(ctx, from, s)
	if err != nil {
		return err
	}
	defer r.Close()
	return s.copyContent(to, r)
}

// CheckContent reads r to its end and returns an error that wraps ErrObject unless it is the content of the source.
func (s *Source) CheckContent(r io.Reader) error { return s.copyContent(io.Discard, r) }

// copyContent copies the content of a source while it checks its size and hash.
func (s *Source) copyContent(to io.Writer, r io.Reader) error {
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(to, hash), io.LimitReader(r, s.Size+1))
	switch {
	case err != nil:
		return fmt.Errorf("%s %s: %w", s.Kind, s.Name, err)
	case n != s.Size:
		return fmt.Errorf("%s %s: %w: another size", s.Kind, s.Name, ErrObject)
	case hex.EncodeToString(hash.Sum(nil)) != s.SHA256:
		return fmt.Errorf("%s %s: %w: another hash", s.Kind, s.Name, ErrObject)
	}
	return nil
}

// openObject gets an object, checks its size and its hash, and returns a reader that decompresses it to size bytes.
func openObject(ctx context.Context, from Fetcher, o *Object, size int64) (io.ReadCloser, error) {
	content, err := fetch(ctx, from, o.Name(), o.Size)
	switch {
	case err != nil:
		return nil, err
	case int64(len(content)) != o.Size:
		return nil, fmt.Errorf("%s: %w: %d bytes instead of %d", o.Name(), ErrObject, len(content), o.Size)
	case Digest(content) != o.SHA256:
		return nil, fmt.Errorf("%s: %w: another hash", o.Name(), ErrObject)
	}
	r, err := records.NewDecompressor(bytes.NewReader(content), size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.Name(), err)
	}
	return &objectReader{r, o}, nil
}

// objectReader adds the name of the object to the errors of a decompressor.
type objectReader struct {
	io.ReadCloser
	object *Object
}

func (r *objectReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("%s: %w: %w", r.object.Name(), ErrObject, err)
	}
	return n, err
}
