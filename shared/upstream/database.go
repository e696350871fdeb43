package upstream

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
	"time"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/fetch"
	"github.com/omg-arch/omg/shared/pacmandb"
)

const (
	// MaxServers is how many servers of a repository are asked. A mirror list may have hundreds of servers.
	MaxServers = 5
	// MaxSignatureSize is pacman's limit for a signature, in bytes.
	MaxSignatureSize = 16 << 10
)

// ErrUnsigned means that a signature is missing which pacman.conf requires.
var ErrUnsigned = errors.New("the signature that SigLevel in pacman.conf requires is missing")

// DatabaseKind is a kind of databases that each repository has.
type DatabaseKind struct {
	// Extension is the extension of a database's name, with a dot.
	Extension string
	// MaxSize is the limit of a database in bytes.
	MaxSize int64
}

// The kinds of databases. The largest of Arch's package databases has about 10 MB, the largest list of files about 50 MB.
var (
	Packages = DatabaseKind{Extension: ".db", MaxSize: 256 << 20}
	Files    = DatabaseKind{Extension: ".files", MaxSize: 1 << 30}
)

// DatabaseCopy is what is known about a copy of a database. The zero value is no copy.
type DatabaseCopy struct {
	// URL is the address from which the database was downloaded. ETag is only valid for that address.
	URL, ETag string
	// LastModified is when the database was last modified, as in the header of that name.
	LastModified string
}

// DatabaseDownload downloads a database of a repository, and its signature.
type DatabaseDownload struct {
	DatabaseKind
	Client Client
	Repo   *pacmandb.Repo
	// Copy is the copy that is there already.
	Copy DatabaseCopy
	// Path is the path of a new file, to which the database is downloaded. Its signature has the path Path + ".sig". The caller moves them.
	Path string
	// Check returns an error for a database that must not be used.
	Check func(path string) error
}

// Run requests the database from the servers of the repository, in order, until a request succeeds, and returns the size of the new database, which
// d.Copy then describes. The size is 0 if the copy is up to date; a server whose database is older confirms it as well. The error is that of the
// first server, which is the preferred one; its text has those of the other servers.
func (d *DatabaseDownload) Run(ctx context.Context) (size int64, err error) {
	if len(d.Repo.Servers) == 0 {
		return 0, fmt.Errorf("pacman.conf has no Server for %s", d.Repo.Name)
	}
	for _, server := range d.Repo.Servers[:min(len(d.Repo.Servers), MaxServers)] {
		size, serverErr := d.runServer(ctx, server)
		if serverErr == nil {
			return size, nil
		}
		if err == nil {
			err = fmt.Errorf("%s: %w", server, serverErr)
		} else {
			err = fmt.Errorf("%w; %s: %v", err, server, serverErr)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return 0, err
}

func (d *DatabaseDownload) runServer(ctx context.Context, server string) (size int64, err error) {
	address := strings.TrimRight(server, "/") + "/" + d.Repo.Name + d.Extension
	r := fetch.Request{URL: address, LastModified: d.Copy.LastModified, MaxBytes: d.MaxSize, KeepEncoding: true, AllowHTTP: true}
	if d.Copy.URL == address {
		r.ETag = d.Copy.ETag
	}
	got, err := d.download(ctx, r, d.Path)
	if err != nil || got.NotModified || older(got.LastModified, d.Copy.LastModified) {
		return 0, err
	}
	at, err := http.ParseTime(got.LastModified)
	if err != nil {
		at = time.Now() // the server sent no time
	}
	if err := os.Chtimes(d.Path, at, at); err != nil {
		return 0, err
	}
	if err := d.downloadSignature(ctx, address); err != nil {
		return 0, err
	}
	if err := d.Check(d.Path); err != nil {
		return 0, fmt.Errorf("its database was rejected: %w", err)
	}
	d.Copy = DatabaseCopy{URL: address, ETag: got.ETag, LastModified: at.UTC().Format(http.TimeFormat)}
	return got.Bytes, nil
}

// download downloads a URL to a file. For a file:// URL it copies the file.
func (d *DatabaseDownload) download(ctx context.Context, r fetch.Request, path string) (fetch.Response, error) {
	switch scheme, _, _ := strings.Cut(r.URL, ":"); scheme {
	case "http", "https":
		return d.Client.File(ctx, r, path, nil)
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

// downloadSignature downloads the signature of the new database, unless SigLevel in pacman.conf disables signatures of databases. It is
// not verified, because this needs pacman's keys.
func (d *DatabaseDownload) downloadSignature(ctx context.Context, address string) error {
	wanted := d.Repo.SignaturePolicy
	if wanted == pacmandb.SignatureNever {
		return nil
	}
	_, err := d.download(ctx, fetch.Request{URL: address + ".sig", MaxBytes: MaxSignatureSize, KeepEncoding: true, AllowHTTP: true}, d.Path+".sig")
	if err == nil || wanted == pacmandb.SignatureOptional && ctx.Err() == nil {
		return nil
	}
	var refused *fetch.StatusError
	if errors.Is(err, fs.ErrNotExist) || errors.As(err, &refused) && refused.Code == http.StatusNotFound {
		return ErrUnsigned
	}
	return fmt.Errorf("the signature: %w", err)
}

// older reports whether a server's database is older than the local database: some mirrors are hours behind
// others. The parameters are the times at which the databases were last modified. If the time of the local
// database is in the future, it is wrong, and older returns false.
func older(server, local string) bool {
	t, terr := http.ParseTime(server)
	o, oerr := http.ParseTime(local)
	return terr == nil && oerr == nil && t.Before(o) && !o.After(time.Now())
}
