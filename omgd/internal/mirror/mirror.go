// Package mirror keeps the downloaded databases up to date. It downloads the databases that pacman -Sy or
// pacman -Fy would download, from the servers in pacman.conf, to omgd's data directory. So updates and the
// files of packages are known without root and without a change to the system. If a download fails, the last database stays in use, with its age and the
// reason. A round is one attempt to download all databases.
package mirror

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/omg-arch/omg/omgd/internal/schedule"
	"github.com/omg-arch/omg/omgd/internal/store"
	"github.com/omg-arch/omg/shared/fetch"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/sources"
	"github.com/omg-arch/omg/shared/upstream"
)

// bucket is the bucket of the results of the last round in the store.
const bucket = "mirror"

// Kind is a kind of databases that each repository has.
type Kind struct {
	upstream.DatabaseKind
	// IndexPath returns the path of a repository's index in a directory.
	IndexPath func(dir, repo string) string
	// storeKey is the key of the results of the last round in the store.
	storeKey string
}

// The kinds of databases.
var (
	Packages = Kind{DatabaseKind: upstream.Packages, IndexPath: repositoryIndexPath, storeKey: "repositories"}
	Files    = Kind{DatabaseKind: upstream.Files, IndexPath: sources.FilesIndexPath, storeKey: "files"}
)

// firstPause is the pause after the first round that failed.
const firstPause = 5 * time.Minute

func repositoryIndexPath(dir, repo string) string {
	return sources.IndexPath(dir, pkgindex.KindRepo, repo)
}

// Config configures a Downloader.
type Config struct {
	Kind
	// Interval is the time between two rounds.
	Interval time.Duration
	Fetch    *fetch.Client
	Store    store.ValueStore
	Log      *slog.Logger
	// Dir is the directory of the databases, their signatures and their indexes.
	Dir string
	// ReadConfig reads pacman.conf.
	ReadConfig func() (*pacmandb.Config, error)
	// BuildIndex builds an index file from a database. It fails if the database is invalid.
	BuildIndex func(ctx context.Context, db, index string) error
	// OnRoundDone is called after each round of downloads.
	OnRoundDone func()
}

// Downloader keeps the downloaded databases up to date.
type Downloader struct {
	Config
	// Demands lets users demand the next round.
	Demands *schedule.Demands

	lastResults atomic.Pointer[roundResults]
}

// roundResults has the results of the last round. A value of this type does not change after it is published.
type roundResults struct {
	// NextRoundAt is the time at which the next round begins, in Unix seconds.
	NextRoundAt int64                      `msgpack:"next"`
	Repos       map[string]repoRoundResult `msgpack:"repos"`
}

// repoRoundResult is the result of the last round for one repository.
type repoRoundResult struct {
	// URL is the address from which the database was downloaded. ETag is only valid for that address.
	URL          string `msgpack:"url"`
	ETag         string `msgpack:"etag"`
	LastModified string `msgpack:"last_modified"`
	// FailureReason is the reason why the last round failed for the repository; empty if it succeeded.
	FailureReason string `msgpack:"why"`
}

// New returns a Downloader with the results in the store. It sends no request: Run does that.
func New(c Config) *Downloader {
	m := &Downloader{Config: c, Demands: schedule.NewDemands()}
	k, _, _ := store.Load[roundResults](c.Store, bucket, c.storeKey)
	m.lastResults.Store(&k)
	return m
}

// FailureReason returns the reason why the last round failed for a repository. It is empty if the round succeeded, or
// if there was no round yet.
func (m *Downloader) FailureReason(repo string) string {
	return m.lastResults.Load().Repos[repo].FailureReason
}

// Run downloads the databases once an interval until ctx ends. The interval begins at the last round, even if
// omgd was restarted since then.
func (m *Downloader) Run(ctx context.Context) {
	var k *roundResults
	s := schedule.Schedule{
		Interval: m.Interval, FirstRetry: min(firstPause, m.Interval), Demands: m.Demands,
		OnPlanned: func(next time.Time) {
			k.NextRoundAt = next.Unix()
			m.save(k)
			m.OnRoundDone()
		},
	}
	s.Run(ctx, s.TimeUntil(m.lastResults.Load().NextRoundAt), func(ctx context.Context) (err error) {
		k, err = m.round(ctx)
		return err
	})
}

func (m *Downloader) save(k *roundResults) {
	m.lastResults.Store(k)
	store.Save(m.Store, m.Log, bucket, m.storeKey, k, time.Now())
}

// round requests each database that pacman -Sy would download. The record of each repository has the error of
// that repository. The returned error is that of the last repository that failed.
func (m *Downloader) round(ctx context.Context) (*roundResults, error) {
	before := m.lastResults.Load()
	conf, err := m.ReadConfig()
	if err != nil {
		m.Log.Warn("pacman.conf not read", "err", err)
		return &roundResults{Repos: maps.Clone(before.Repos)}, err
	}
	stage := filepath.Join(m.Dir, ".new")
	if err := recreateDir(stage); err != nil {
		m.Log.Warn("databases not downloaded", "err", err)
		return failedResults(conf.Repos, before.Repos, err), err
	}
	defer os.RemoveAll(stage)
	k := &roundResults{Repos: make(map[string]repoRoundResult)}
	for _, repo := range conf.Repos {
		if repo.Usage&pacmandb.UsageSync == 0 {
			continue
		}
		r, rerr := m.updateDatabase(ctx, &repo, before.Repos[repo.Name], stage)
		if ctx.Err() != nil {
			return k, ctx.Err()
		}
		if rerr != nil {
			r.FailureReason, err = rerr.Error(), rerr
			m.Log.Warn("database not downloaded", "repository", repo.Name, "err", rerr)
		}
		k.Repos[repo.Name] = r
	}
	m.removeUnconfigured(k.Repos)
	return k, err
}

// recreateDir makes an empty directory at dir, and removes anything that was there.
func recreateDir(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.MkdirAll(dir, 0o755)
}

// failedResults returns the results of a round that failed for all repositories with the same error.
func failedResults(repos []pacmandb.Repo, before map[string]repoRoundResult, err error) *roundResults {
	k := &roundResults{Repos: make(map[string]repoRoundResult)}
	for _, repo := range repos {
		r := before[repo.Name]
		r.FailureReason = err.Error()
		k.Repos[repo.Name] = r
	}
	return k
}

// removeUnconfigured removes the files of repositories that are no longer configured.
func (m *Downloader) removeUnconfigured(repos map[string]repoRoundResult) {
	kept := map[string]bool{}
	for repo := range repos {
		for _, name := range m.repoFileNames(repo) {
			kept[name] = true
		}
	}
	entries, _ := os.ReadDir(m.Dir)
	for _, e := range entries {
		for _, suffix := range m.repoFileNames("") {
			if strings.HasSuffix(e.Name(), suffix) && !kept[e.Name()] {
				_ = os.Remove(filepath.Join(m.Dir, e.Name()))
			}
		}
	}
}

// repoFileNames returns the names of a repository's files. Without a repository name, it returns the suffixes of
// these names. The index is last: readers look for the index, so the other files must be in place before it.
func (k *Kind) repoFileNames(repo string) []string {
	return []string{repo + k.Extension, k.signatureName(repo), k.IndexPath("", repo)}
}

func (k *Kind) signatureName(repo string) string { return repo + k.Extension + ".sig" }

// updateDatabase requests the database of a repository. It returns the new record of the database. If it fails, it returns the old
// record. A new database replaces the old one only after an index was built from the new one.
func (m *Downloader) updateDatabase(ctx context.Context, repo *pacmandb.Repo, r repoRoundResult, stage string) (repoRoundResult, error) {
	if _, err := os.Stat(m.IndexPath(m.Dir, repo.Name)); err != nil {
		r = repoRoundResult{} // there is no index: download the database even if it has not changed
	}
	d := &upstream.DatabaseDownload{
		DatabaseKind: m.DatabaseKind, Client: m.Fetch, Repo: repo, Path: filepath.Join(stage, repo.Name+m.Extension),
		Copy: upstream.DatabaseCopy{URL: r.URL, ETag: r.ETag, LastModified: r.LastModified},
		Check: func(path string) error {
			err := m.BuildIndex(ctx, path, m.IndexPath(stage, repo.Name))
			if err != nil {
				err = errors.New(strings.TrimPrefix(err.Error(), "read "+path+": "))
			}
			return err
		},
	}
	size, err := d.Run(ctx)
	switch {
	case err != nil:
		return r, err
	case size == 0:
		r.FailureReason = ""
		return r, m.markUpToDate(repo.Name)
	}
	if err := m.publish(repo.Name, stage); err != nil {
		return r, err
	}
	m.Log.Info("database downloaded", "repository", repo.Name, "bytes", size, "of", d.Copy.LastModified)
	return repoRoundResult{URL: d.Copy.URL, ETag: d.Copy.ETag, LastModified: d.Copy.LastModified}, nil
}

// markUpToDate sets the status change time (ctime) of a database to now, as a sign that the database is up to
// date. The modification time stays the one that the server has sent.
func (m *Downloader) markUpToDate(repo string) error {
	path := filepath.Join(m.Dir, repo+m.Extension)
	fi, err := os.Stat(path)
	if err != nil {
		return err
	}
	return os.Chtimes(path, fi.ModTime(), fi.ModTime())
}

// publish moves the files of a repository from the directory stage to their final places.
func (m *Downloader) publish(repo, stage string) error {
	for _, name := range m.repoFileNames(repo) {
		if err := os.Rename(filepath.Join(stage, name), filepath.Join(m.Dir, name)); err != nil {
			if !os.IsNotExist(err) || name != m.signatureName(repo) {
				return err
			}
			if err := os.Remove(filepath.Join(m.Dir, name)); err != nil && !os.IsNotExist(err) {
				return err
			}
		}
	}
	return nil
}
