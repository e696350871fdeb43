package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/fetch"
	"github.com/omg-arch/omg/shared/pacmandb"
)

// maxSignatureSize is pacman's limit for a signature, in bytes.
const maxSignatureSize = 16 << 10

// errUnsigned means that a signature is missing which pacman.conf requires.
var errUnsigned = errors.New("the signature that SigLevel in pacman.conf requires is missing")

// download downloads a URL to a file. For a file:// URL it copies the file.
func (m *Downloader) download(ctx context.Context, r fetch.Request, path string) (fetch.Response, error) {
	switch scheme, _, _ := strings.Cut(r.URL, ":"); scheme {
	case "http", "https":
		return m.Fetch.File(ctx, r, path, nil)
	case "file":
		return copyFile(r, path)
	default:
		return fetch.Response{}, fmt.Errorf("URL scheme %s is not supported", scheme)
	}
}

// copyFile does what fetch.Client.File does, for a file:// URL.
func copyFile(r fetch.Request, path string) (a fetch.Response, err error) {
	u, err := url.Parse(r.URL)
	if err != nil {
		return a, err
	}
	from, err := os.OpenFile(u.Path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return a, err
	}
	defer from.Close()
	fi, err := from.Stat()
	switch {
	case err != nil:
		return a, err
	case !fi.Mode().IsRegular():
		return a, fmt.Errorf("%s: not a regular file", u.Path)
	case fi.Size() > r.MaxBytes:
		return a, fmt.Errorf("%w: %d bytes, at most %d", fetch.ErrTooLarge, fi.Size(), r.MaxBytes)
	}
	a.LastModified = fi.ModTime().UTC().Format(http.TimeFormat)
	if a.LastModified == r.LastModified {
		a.NotModified = true
		return a, nil
	}
	to, err := os.Create(path)
	if err != nil {
		return a, err
	}
	a.Bytes, err = io.Copy(to, io.LimitReader(from, r.MaxBytes))
	return a, errors.Join(err, to.Sync(), to.Close())
}

// downloadSignature downloads the signature of a staged database, unless SigLevel in pacman.conf disables signatures
// of databases. omgd only stores the signature, because verifying it needs pacman's keys.
func (m *Downloader) downloadSignature(ctx context.Context, wanted pacmandb.SignaturePolicy, url, staged string) error {
	if wanted == pacmandb.SignatureNever {
		return nil
	}
	_, err := m.download(ctx, fetch.Request{URL: url + ".sig", MaxBytes: maxSignatureSize, KeepEncoding: true, AllowHTTP: true}, staged+".sig")
	if err == nil || wanted == pacmandb.SignatureOptional && ctx.Err() == nil {
		return nil
	}
	var refused *fetch.StatusError
	if errors.Is(err, fs.ErrNotExist) || errors.As(err, &refused) && refused.Code == http.StatusNotFound {
		return errUnsigned
	}
	return fmt.Errorf("the signature: %w", err)
}
