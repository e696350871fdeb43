package fetcher

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/advisories"
	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/aurdump"
	"github.com/omg-arch/omg/shared/feed"
	"github.com/omg-arch/omg/shared/fetch"
	"github.com/omg-arch/omg/shared/news"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/popularity"
	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/upstream"
	"github.com/omg-arch/omg/shared/wire"
)

// The names of the files that are not databases.
const (
	DumpName       = "packages-meta-ext-v1.json.gz"
	AdvisoriesName = "all.json"
	NewsName       = "news.json"
	SharesName     = "popularity.json"
)

// sharesInterval is the time between two requests for the shares of machines, which change once a month.
const sharesInterval = 7 * 24 * time.Hour

// Database gets the database of a repository from the servers that pacman.conf names for it.
func (f *Fetcher) Database(ctx context.Context, kind upstream.DatabaseKind, repo *pacmandb.Repo) error {
	name := repo.Name + kind.Extension
	r, err := f.known(ctx, name)
	if err != nil {
		return err
	}
	stage := f.Path(stageName)
	if err := errors.Join(os.RemoveAll(stage), os.Mkdir(stage, 0o755)); err != nil {
		return err
	}
	defer os.RemoveAll(stage)
	d := &upstream.DatabaseDownload{
		DatabaseKind: kind, Client: f.client, Repo: repo, Path: filepath.Join(stage, name),
		Copy: upstream.DatabaseCopy{URL: r.URL, ETag: r.ETag, LastModified: r.LastModified},
		Check: func(path string) error {
			if kind == upstream.Files {
				read, err := pacmandb.ReadSyncFiles(ctx, path, func(*pacmandb.FileList) error { return nil })
				if err == nil {
					err = read.CheckFileLists()
				}
				return withoutPath(path, err)
			}
			_, err := pacmandb.ReadSync(ctx, path, repo.Name, func(*wire.Package) error { return nil }, func() {})
			return withoutPath(path, err)
		},
	}
	size, err := d.Run(ctx)
	if err != nil {
		return err
	}
	if size > 0 {
		if err := f.install(name); err != nil {
			return err
		}
		f.NewCount++
		r = record{URL: d.Copy.URL, ETag: d.Copy.ETag, LastModified: d.Copy.LastModified}
	}
	r.ModifiedAt = f.modifiedAt(&r)
	return f.confirm(ctx, name, r)
}

// install moves a new database and its signature to their places.
func (f *Fetcher) install(name string) error {
	signature := name + ".sig"
	err := os.Rename(f.Path(filepath.Join(stageName, signature)), f.Path(signature))
	if errors.Is(err, fs.ErrNotExist) {
		err = atomicfile.Remove(f.Path(signature))
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Path(filepath.Join(stageName, name)), f.Path(name))
}

// Dump gets the dump of the AUR at an address. A dump with less than half as many packages as the last one is a fault of the AUR.
func (f *Fetcher) Dump(ctx context.Context, address string) error {
	r, err := f.request(ctx, DumpName, upstream.Dump(address), func(request fetch.Request, r *record) (fetch.Response, error) {
		d := upstream.DumpDownload{Client: f.client, Request: request, Path: f.Path(DumpName), Check: func(path string) error {
			count := 0
			_, err := aurdump.Read(ctx, path, func(*wire.Package) error { count++; return nil })
			switch {
			case err != nil:
				return fmt.Errorf("%w: %w", upstream.ErrDumpRejected, withoutPath(path, err))
			case count == 0 || count < r.PackageCount/2:
				return fmt.Errorf("%w: %d packages, the last dump had %d", upstream.ErrDumpRejected, count, r.PackageCount)
			}
			r.PackageCount = count
			return nil
		}}
		return d.Run(ctx)
	})
	if err != nil {
		return err
	}
	r.ModifiedAt = f.modifiedAt(&r)
	return f.confirm(ctx, DumpName, r)
}

// Advisories gets the advisories of the security tracker at an address.
func (f *Fetcher) Advisories(ctx context.Context, address string) error {
	return f.document(ctx, AdvisoriesName, upstream.Advisories(address), func(path string) error {
		_, err := sourcefile.Read(ctx, path, func(in io.Reader) error {
			_, _, err := advisories.Read(in)
			return err
		})
		return err
	})
}

// Shares gets the shares of machines from the pkgstats at an address, at most once a week.
func (f *Fetcher) Shares(ctx context.Context, address string) error {
	request := upstream.Shares(address)
	r, err := f.known(ctx, SharesName)
	if age := f.now.Sub(time.Unix(r.ConfirmedAt, 0)); err != nil || r.URL == request.URL && age >= 0 && age < sharesInterval {
		return err
	}
	return f.document(ctx, SharesName, request, func(path string) error {
		_, err := popularity.Read(ctx, path)
		return err
	})
}

// document gets a document, which is as new as its last confirmation.
func (f *Fetcher) document(ctx context.Context, name string, request fetch.Request, check func(path string) error) error {
	r, err := f.request(ctx, name, request, func(request fetch.Request, _ *record) (fetch.Response, error) {
		return f.client.File(ctx, request, f.Path(name), func(path string) error { return withoutPath(path, check(path)) })
	})
	if err != nil {
		return err
	}
	r.ModifiedAt = f.now.Unix()
	return f.confirm(ctx, name, r)
}

// News gets the feed of Arch's news at an address, and keeps its items as omgd does.
func (f *Fetcher) News(ctx context.Context, address string) error {
	kept := &news.File{}
	if r, err := f.known(ctx, NewsName); err != nil {
		return err
	} else if last, err := news.Read(f.Path(NewsName), paths.ProcessEnv().Trusts); err == nil && r.URL == address {
		kept = last
	} else {
		delete(f.records, NewsName)
	}
	r, err := f.request(ctx, NewsName, upstream.News(address), func(request fetch.Request, _ *record) (fetch.Response, error) {
		var body bytes.Buffer
		got, err := f.client.Get(ctx, request, &body)
		if err != nil || got.NotModified {
			return got, err
		}
		// An item without a time gets that of the feed, so that the same feed gives the same items.
		at := time.Unix(f.modifiedAt(&record{LastModified: got.LastModified}), 0)
		kept.Items, err = feed.Parse(body.Bytes(), address, kept.Items, at)
		return got, err
	})
	if err != nil {
		return err
	}
	kept.URL, kept.ETag, kept.LastModified, kept.ConfirmedAt = address, r.ETag, r.LastModified, f.now.Unix()
	if err := kept.Write(f.Path(NewsName)); err != nil {
		return err
	}
	r.SHA256, r.ModifiedAt = "", f.now.Unix()
	return f.confirm(ctx, NewsName, r)
}

// withoutPath removes the path of a new file from an error about its content.
func withoutPath(path string, err error) error {
	if err == nil {
		return nil
	}
	text := strings.TrimPrefix(err.Error(), "read "+path+": ")
	return errors.New(strings.TrimPrefix(text, path+": "))
}
