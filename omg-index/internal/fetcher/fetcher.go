// Package fetcher gets what omg-index publishes from its servers. It keeps the files in a directory, so that it requests them again only if they
// have changed. A file is replaced only by one that could be read completely.
package fetcher

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/fetch"
	"github.com/omg-arch/omg/shared/sourcefile"
)

const (
	// recordsName is the name of the file about the other ones.
	recordsName = "fetched.json"
	// maxRecords is the limit of this file in bytes.
	maxRecords = 4 << 20
	// stageName is the name of the directory of databases that are not checked yet.
	stageName = ".new"
)

// ErrLocked means that another process uses the directory.
var ErrLocked = errors.New("another omg-index fetches into this directory")

// NetworkError is the error of a request to a server that did not send a file.
type NetworkError struct{ error }

func (e *NetworkError) Unwrap() error { return e.error }

// Fetcher gets files into a directory, which it has locked.
type Fetcher struct {
	// Received is the number of bytes that were received, and NewCount the number of files that were new.
	Received int64
	NewCount int

	dir     string
	lock    *atomicfile.Lock
	client  client
	now     time.Time
	records map[string]*record
}

// record is what is known about a file in the directory.
type record struct {
	// URL is the address of the file. The other values are only used for a file with this address, except for databases.
	URL          string `json:"url"`
	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"last_modified,omitempty"`
	// SHA256 is the digest of the file: a file with another one was changed, and is requested without a condition.
	SHA256 string `json:"sha256"`
	// ConfirmedAt is when the server last had the file, and ModifiedAt the time of the file, both in Unix seconds.
	ConfirmedAt int64 `json:"confirmed"`
	ModifiedAt  int64 `json:"modified"`
	// PackageCount is the number of packages of a dump.
	PackageCount int `json:"packages,omitempty"`
}

// Open creates the directory if it does not exist, and locks it. The caller must call Close.
func Open(dir string, c *fetch.Client, now time.Time) (*Fetcher, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	lock, err := atomicfile.LockDir(dir, dir, ErrLocked)
	if err != nil {
		return nil, err
	}
	f := &Fetcher{dir: dir, lock: lock, now: now, records: map[string]*record{}}
	f.client = client{c, &f.Received}
	if err := f.readRecords(); err != nil {
		_ = lock.Close()
		return nil, err
	}
	return f, nil
}

// Close releases the lock.
func (f *Fetcher) Close() error { return f.lock.Close() }

// readRecords reads the file about the other ones. A damaged one only means that all files are requested again.
func (f *Fetcher) readRecords() error {
	file, err := os.Open(f.Path(recordsName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxRecords))
	if err != nil {
		return err
	}
	if json.Unmarshal(content, &f.records) != nil || f.records == nil {
		f.records = map[string]*record{}
	}
	return nil
}

// Path returns the path of a file.
func (f *Fetcher) Path(name string) string { return filepath.Join(f.dir, name) }

// known returns the record of a file, or an empty one if there is no such file.
func (f *Fetcher) known(ctx context.Context, name string) (record, error) {
	r := f.records[name]
	if r == nil {
		return record{}, nil
	}
	digest, err := sourcefile.DigestOfPath(ctx, f.Path(name))
	if ctx.Err() != nil {
		return record{}, ctx.Err()
	}
	if err != nil || digest != r.SHA256 {
		return record{}, nil
	}
	return *r, nil
}

// request requests a file if it differs from the one in the directory. The function get sends the request, and may change the record. A record of
// another address is not used.
func (f *Fetcher) request(ctx context.Context, name string, r fetch.Request, get func(r fetch.Request, last *record) (fetch.Response, error)) (record, error) {
	last, err := f.known(ctx, name)
	if err != nil {
		return last, err
	}
	if last.URL != r.URL {
		last = record{URL: r.URL}
	}
	r.ETag, r.LastModified = last.ETag, last.LastModified
	got, err := get(r, &last)
	if err == nil && !got.NotModified {
		f.NewCount++
		last.ETag, last.LastModified, last.SHA256, last.ModifiedAt = got.ETag, got.LastModified, "", 0
	}
	return last, err
}

// confirm records that a server has a file now, and gives the file the time of the record.
func (f *Fetcher) confirm(ctx context.Context, name string, r record) (err error) {
	if r.SHA256 == "" {
		if r.SHA256, err = sourcefile.DigestOfPath(ctx, f.Path(name)); err != nil {
			return err
		}
	}
	at := time.Unix(r.ModifiedAt, 0)
	if err := os.Chtimes(f.Path(name), at, at); err != nil {
		return err
	}
	r.ConfirmedAt = f.now.Unix()
	f.records[name] = &r
	content, err := json.MarshalIndent(f.records, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.Write(f.Path(recordsName), append(content, '\n'), atomicfile.Options{Mode: 0o644})
}

// modifiedAt returns when the server last changed a file, in Unix seconds. If it has not said that, this is when the file was first received.
func (f *Fetcher) modifiedAt(r *record) int64 {
	if at, err := http.ParseTime(r.LastModified); err == nil {
		return at.Unix()
	}
	if r.ModifiedAt != 0 {
		return r.ModifiedAt
	}
	return f.now.Unix()
}

// client sends requests. If a server replies that a file has not changed, but with the ETag of another file, the client requests the file once
// more without a condition. The errors of requests are of type *NetworkError, unless the server has sent something, or has no such file.
type client struct {
	*fetch.Client
	received *int64
}

// Get implements upstream.Client.
func (c client) Get(ctx context.Context, r fetch.Request, w io.Writer) (fetch.Response, error) {
	return c.request(ctx, r, func(r fetch.Request) (fetch.Response, error) { return c.Client.Get(ctx, r, w) })
}

// File implements upstream.Client.
func (c client) File(ctx context.Context, r fetch.Request, path string, check func(path string) error) (fetch.Response, error) {
	var refused error
	got, err := c.request(ctx, r, func(r fetch.Request) (fetch.Response, error) {
		return c.Client.File(ctx, r, path, func(path string) error {
			if check != nil {
				refused = check(path)
			}
			return refused
		})
	})
	if refused != nil {
		return got, refused
	}
	return got, err
}

func (c client) request(ctx context.Context, r fetch.Request, send func(r fetch.Request) (fetch.Response, error)) (fetch.Response, error) {
	got, err := send(r)
	if err == nil && got.NotModified && got.ETag != "" && r.ETag != "" && strings.TrimPrefix(got.ETag, "W/") != strings.TrimPrefix(r.ETag, "W/") {
		r.ETag, r.LastModified = "", ""
		got, err = send(r)
	}
	*c.received += got.Bytes
	var status *fetch.StatusError
	switch {
	case err == nil, ctx.Err() != nil, errors.Is(err, fetch.ErrTooLarge), errors.Is(err, fetch.ErrInsecure),
		errors.As(err, new(*fs.PathError)), errors.As(err, new(*os.LinkError)),
		errors.As(err, &status) && (status.Code == http.StatusNotFound || status.Code == http.StatusGone):
		return got, err
	}
	return got, &NetworkError{err}
}
