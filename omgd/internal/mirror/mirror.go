// Package mirror keeps databases of omgd's own: it downloads what pacman -Sy would,
// from the servers that pacman.conf names, to a directory of omgd's, so that the
// updates are known without root and without touching anything of the system's.
// What cannot be downloaded stays as it was, and how old that is stays known.
package mirror

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/omgd/internal/fetch"
	"github.com/omg-arch/omg/shared/catalog"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/pacmandb"
)

// Where the store has what is remembered here.
const (
	bucket = "mirror"
	key    = "repositories"
)

const (
	// first is the pause after the first round in which something failed.
	first = 5 * time.Minute
	// maxServers is how many servers of a repository are tried in a round: a mirror
	// list may have hundreds.
	maxServers = 5
)

// Store remembers across restarts.
type Store interface {
	Put(bucket, key string, value []byte, at time.Time) error
	Get(bucket, key string) (value []byte, at time.Time, ok bool)
}

// Config says what is kept, and who is told.
type Config struct {
	config.Sync
	Fetch *fetch.Client
	Store Store
	Log   *slog.Logger
	// Dir is where the databases, their signatures and their indexes are.
	Dir string
	// Pacman reads pacman.conf.
	Pacman func() (*pacmandb.Config, error)
	// Build makes an index file of a database, and refuses what is none.
	Build func(ctx context.Context, db, index string) error
	// Changed is called after each round.
	Changed func()
}

// Mirror keeps the databases.
type Mirror struct {
	Config
	known atomic.Pointer[known]
}

// known is what is known of the databases. One that was given out is not changed
// any more.
type known struct {
	// Next is when they are asked for again, in Unix seconds.
	Next  int64             `msgpack:"next"`
	Repos map[string]record `msgpack:"repos"`
}

// record is what is known of one repository's database.
type record struct {
	// URL is where it came from, ETag what only that server understands.
	URL          string `msgpack:"url"`
	ETag         string `msgpack:"etag"`
	LastModified string `msgpack:"last_modified"`
	// Why says why it was not found right in the last round; empty if it was.
	Why string `msgpack:"why"`
}

// New makes a mirror from what was remembered. It asks nobody before Run.
func New(c Config) *Mirror {
	m := &Mirror{Config: c}
	k := &known{}
	if value, _, ok := c.Store.Get(bucket, key); ok && msgpack.Unmarshal(value, k) != nil {
		k = &known{}
	}
	m.known.Store(k)
	return m
}

// Why says why a repository's database was not found right in the last round, empty
// if it was or was not asked for yet.
func (m *Mirror) Why(repo string) string { return m.known.Load().Repos[repo].Why }

// Run asks for the databases once an interval, counted from the last round, be it
// from before a restart, until ctx is done.
func (m *Mirror) Run(ctx context.Context) {
	var k *known
	s := fetch.Schedule{Interval: time.Duration(m.Interval), First: min(first, time.Duration(m.Interval)), Planned: func(next time.Time) {
		k.Next = next.Unix()
		m.note(k)
		m.Changed()
	}}
	s.Run(ctx, s.Left(m.known.Load().Next), func(ctx context.Context) (err error) {
		k, err = m.round(ctx)
		return err
	})
}

func (m *Mirror) note(k *known) {
	m.known.Store(k)
	value, err := msgpack.Marshal(k)
	if err == nil {
		err = m.Store.Put(bucket, key, value, time.Now())
	}
	if err != nil {
		m.Log.Warn("what is known of the databases of our own is not remembered", "err", err)
	}
}

// round asks for each repository's database that pacman -Sy would download. The
// error is the last one; what is known says of which.
func (m *Mirror) round(ctx context.Context) (*known, error) {
	before := m.known.Load()
	conf, err := m.Pacman()
	if err != nil {
		m.Log.Warn("no databases of our own: pacman.conf cannot be read", "err", err)
		return &known{Repos: maps.Clone(before.Repos)}, err
	}
	stage := filepath.Join(m.Dir, ".new")
	if err := remake(stage); err != nil {
		m.Log.Warn("no databases of our own", "err", err)
		return failed(conf.Repos, before.Repos, err), err
	}
	defer os.RemoveAll(stage)
	k := &known{Repos: make(map[string]record)}
	for _, repo := range conf.Repos {
		if repo.Usage&pacmandb.UsageSync == 0 {
			continue
		}
		r, rerr := m.renew(ctx, repo, before.Repos[repo.Name], stage)
		if ctx.Err() != nil {
			return k, ctx.Err()
		}
		if rerr != nil {
			r.Why, err = rerr.Error(), rerr
			m.Log.Warn("no newer database of our own", "repository", repo.Name, "err", rerr)
		}
		k.Repos[repo.Name] = r
	}
	m.forget(k.Repos)
	return k, err
}

// remake makes an empty directory of ours.
func remake(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.MkdirAll(dir, 0o755)
}

// failed is what is known where nothing could be renewed.
func failed(repos []pacmandb.Repo, before map[string]record, err error) *known {
	k := &known{Repos: make(map[string]record)}
	for _, repo := range repos {
		r := before[repo.Name]
		r.Why = err.Error()
		k.Repos[repo.Name] = r
	}
	return k
}

// forget removes what is there of repositories that are no longer configured.
func (m *Mirror) forget(repos map[string]record) {
	entries, _ := os.ReadDir(m.Dir)
	for _, e := range entries {
		for _, suffix := range []string{".db", ".db.sig", catalog.IndexSuffix} {
			name, ok := strings.CutSuffix(e.Name(), suffix)
			if _, kept := repos[name]; ok && !kept {
				_ = os.Remove(filepath.Join(m.Dir, e.Name()))
			}
		}
	}
}

// renew asks a repository's servers for its database until one has it, and returns
// what is known of it then: with an error what was known before.
func (m *Mirror) renew(ctx context.Context, repo pacmandb.Repo, r record, stage string) (record, error) {
	if _, err := os.Stat(catalog.OwnIndex(m.Dir, repo.Name)); err != nil {
		r = record{} // nothing that could be "not modified"
	}
	if len(repo.Servers) == 0 {
		return r, fmt.Errorf("pacman.conf names no server of %s", repo.Name)
	}
	var wrong error
	for _, server := range repo.Servers[:min(len(repo.Servers), maxServers)] {
		next, err := m.ask(ctx, repo, server, r, stage)
		if err == nil {
			return next, nil
		}
		if wrong == nil {
			wrong = err // the first server is the preferred one
		}
		if ctx.Err() != nil {
			break
		}
	}
	return r, wrong
}

// ask asks one server. A new database takes the place of the old when an index
// could be built of it.
func (m *Mirror) ask(ctx context.Context, repo pacmandb.Repo, server string, r record, stage string) (record, error) {
	url := strings.TrimRight(server, "/") + "/" + repo.Name + ".db"
	staged := filepath.Join(stage, repo.Name+".db")
	req := fetch.Request{URL: url, LastModified: r.LastModified, MaxBytes: maxDatabase, AsIs: true, Plain: true}
	if r.URL == url {
		req.ETag = r.ETag
	}
	got, err := m.get(ctx, req, staged)
	if err != nil {
		return r, named(server, err)
	}
	if got.NotModified || older(got.LastModified, r.LastModified) {
		r.Why = ""
		return r, m.confirm(repo.Name)
	}
	at, err := http.ParseTime(got.LastModified)
	if err != nil {
		at = time.Now() // a server that does not say
	}
	if err := os.Chtimes(staged, at, at); err != nil {
		return r, err
	}
	if err := m.signature(ctx, repo.Signature, url, staged); err != nil {
		return r, named(server, err)
	}
	if err := m.Build(ctx, staged, catalog.OwnIndex(stage, repo.Name)); err != nil {
		return r, named(server, fmt.Errorf("its database is refused: %s", strings.TrimPrefix(err.Error(), "read "+staged+": ")))
	}
	if err := m.publish(repo.Name, stage); err != nil {
		return r, err
	}
	m.Log.Info("a new database of our own", "repository", repo.Name, "bytes", got.Bytes, "of", at.Format(time.DateTime))
	return record{URL: url, ETag: got.ETag, LastModified: at.UTC().Format(http.TimeFormat)}, nil
}

// confirm remembers that a database is what its mirror has: by its status change
// time, which is this machine's, while its other times stay the mirror's.
func (m *Mirror) confirm(repo string) error {
	path := filepath.Join(m.Dir, repo+".db")
	fi, err := os.Stat(path)
	if err != nil {
		return err
	}
	return os.Chtimes(path, fi.ModTime(), fi.ModTime())
}

// older says that a server is behind the one that we have something from: mirrors
// differ by hours. What is from the future is no measure.
func older(theirs, ours string) bool {
	t, terr := http.ParseTime(theirs)
	o, oerr := http.ParseTime(ours)
	return terr == nil && oerr == nil && t.Before(o) && !o.After(time.Now())
}

// publish has what was staged take its place: the index last, for it is what
// readers look at.
func (m *Mirror) publish(repo, stage string) error {
	names := []string{repo + ".db", repo + ".db.sig", repo + catalog.IndexSuffix}
	for _, name := range names {
		if err := os.Rename(filepath.Join(stage, name), filepath.Join(m.Dir, name)); err != nil {
			if !os.IsNotExist(err) || name != repo+".db.sig" {
				return err
			}
			if err := os.Remove(filepath.Join(m.Dir, name)); err != nil && !os.IsNotExist(err) {
				return err
			}
		}
	}
	return nil
}

// named adds the server to what went wrong with it.
func named(server string, err error) error {
	return fmt.Errorf("%s: %w", server, err)
}
