package aur

import (
	"context"
	"net/http"
	"os"
	"time"

	"github.com/omg-arch/omg/omgd/internal/gitfetch"
	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

const (
	// maxArchive is the limit of a pack in bytes.
	maxArchive     = 128 << 20
	archiveTimeout = 30 * time.Minute
)

// usesArchive reports whether the AUR's git archive is downloaded instead of its dump.
func (a *AUR) usesArchive() bool { return a.AUR.Source == config.AURArchive }

// downloadArchive downloads the latest commit of the git archive as a pack, unless that is the commit in d. It builds the index, and then replaces the
// last pack. It sets the commit and its time in d. A pack with another commit than the latest one is refused.
func (a *AUR) downloadArchive(ctx context.Context, d *dumpRecord) (bytes int64, err error) {
	repository := &gitfetch.Repository{Getter: a.Fetch, URL: a.ArchiveURL, MaxBytes: maxArchive, Timeout: archiveTimeout}
	commit, err := repository.Head(ctx)
	if err != nil || commit == d.ETag {
		return 0, err
	}
	f, err := atomicfile.Begin(a.DumpPath, atomicfile.Options{Mode: 0o644, Sync: true})
	if err != nil {
		return 0, err
	}
	defer f.Discard()
	got, err := repository.Download(ctx, commit, f)
	if err != nil {
		return 0, err
	}
	if err := a.build(ctx, f.Name(), commit); err != nil {
		return 0, err
	}
	at := a.indexedDumpTime()
	if err := os.Chtimes(f.Name(), time.Time{}, at); err != nil {
		return 0, err
	}
	if err := f.Commit(); err != nil {
		return 0, err
	}
	d.ETag, d.LastModified = commit, at.UTC().Format(http.TimeFormat)
	return got.Bytes, nil
}

// indexedDumpTime returns the time of the dump or the archive from which the index was built.
func (a *AUR) indexedDumpTime() time.Time {
	f, err := pkgindex.Open(a.IndexPath, nil)
	if err != nil {
		return time.Now()
	}
	defer f.Close()
	source, _ := f.IndexInfo().FindSource(pkgindex.KindAUR, wire.SourceAUR)
	return time.Unix(source.AsOf, 0)
}
