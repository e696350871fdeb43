package aur

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/omgd/internal/fetch"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

const (
	dumpPath = "/packages-meta-ext-v1.json.gz"
	keyDump  = "dump"
	// maxDump is the most bytes of a dump, compressed; it has some 10 MB.
	maxDump = 128 << 20
	// dumpFirst is the pause after the first failure.
	dumpFirst = 10 * time.Minute
	dumpTotal = 30 * time.Minute
	// grace is the part of the interval by which a dump may be older than the
	// interval before it is called stale: it is asked for a little late each time.
	grace = 4
)

// dumpRecord is what is known of the dump, as the store has it.
type dumpRecord struct {
	ETag         string `msgpack:"etag"`
	LastModified string `msgpack:"last_modified"`
	// Good is when the dump was last found right, Next when it is asked for again, in
	// Unix seconds.
	Good int64 `msgpack:"good"`
	Next int64 `msgpack:"next"`
	// Why says why it could not be asked for last time; empty if it could.
	Why string `msgpack:"why"`
}

// Source says how far the dump can be believed now.
func (a *AUR) Source() wire.Source {
	d := a.dump.Load()
	s := wire.Source{Name: wire.SourceAUR, State: wire.SourceOK, Changed: d.Good}
	if at, err := http.ParseTime(d.LastModified); err == nil {
		s.AsOf = at.Unix()
	}
	if _, err := os.Stat(a.Index); err != nil {
		return wire.Source{Name: wire.SourceAUR, State: wire.SourceMissing, Why: cmp.Or(d.Why, "not downloaded yet")}
	}
	most := max(a.Stale, time.Duration(a.Interval)+time.Duration(a.Interval)/grace)
	switch age := time.Since(time.Unix(d.Good, 0)); {
	case d.Good == 0:
		s.State, s.Why = wire.SourceStale, "of unknown age"
	case age > most:
		s.State, s.Why = wire.SourceStale, ago(age)
	}
	if s.State == wire.SourceStale && d.Why != "" {
		s.Why += ": " + d.Why
	}
	return s
}

func (a *AUR) recallDump() {
	d := &dumpRecord{}
	if value, _, ok := a.Store.Get(bucket, keyDump); ok && msgpack.Unmarshal(value, d) != nil {
		d = &dumpRecord{}
	}
	if _, err := os.Stat(a.Dump); err != nil {
		d.ETag, d.LastModified = "", ""
	}
	a.dump.Store(d)
}

func (a *AUR) noteDump(d dumpRecord) {
	a.dump.Store(&d)
	value, err := msgpack.Marshal(&d)
	if err == nil {
		err = a.Store.Put(bucket, keyDump, value, time.Now())
	}
	if err != nil {
		a.Log.Warn("what is known of the AUR's dump is not remembered", "err", err)
	}
}

// runDump asks for the dump once an interval, counted from the last request, be it
// from before a restart.
func (a *AUR) runDump(ctx context.Context) {
	a.removeDead()
	a.rebuild(ctx)
	var d dumpRecord
	s := fetch.Schedule{Interval: time.Duration(a.Interval), First: min(dumpFirst, time.Duration(a.Interval)), Planned: func(next time.Time) {
		d.Next = next.Unix()
		a.noteDump(d)
		a.Kick()
	}}
	s.Run(ctx, s.Left(a.dump.Load().Next), func(ctx context.Context) (err error) {
		d, err = a.refreshDump(ctx)
		a.rebuild(ctx)
		return err
	})
}

// removeDead removes what a daemon left that was killed while it downloaded: what
// nobody can be writing to any more.
func (a *AUR) removeDead() {
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(a.Dump), "."+filepath.Base(a.Dump)+".*.tmp"))
	for _, path := range left {
		if fi, err := os.Stat(path); err == nil && time.Since(fi.ModTime()) > dumpTotal {
			_ = os.Remove(path)
		}
	}
}

// rebuild makes an index of the dump that there is when there is none of this
// version's.
func (a *AUR) rebuild(ctx context.Context) {
	if _, err := os.Stat(a.Dump); err != nil {
		return
	}
	_, err := count(a.Index)
	if err == nil {
		return
	}
	if !errors.Is(err, fs.ErrNotExist) {
		a.Log.Warn("the index of the AUR is built anew", "err", err)
	}
	if err := a.build(ctx, a.Dump); err != nil {
		a.Log.Warn("no index of the AUR's dump", "err", err)
		return
	}
	a.Kick()
}

// refreshDump asks for the dump if it has changed. A new one takes the place of the
// old when an index could be built of it.
func (a *AUR) refreshDump(ctx context.Context) (dumpRecord, error) {
	d := *a.dump.Load()
	if _, err := os.Stat(a.Dump); err != nil {
		d.ETag, d.LastModified = "", ""
	}
	got, err := a.Fetch.File(ctx, fetch.Request{
		URL: a.base + dumpPath, ETag: d.ETag, LastModified: d.LastModified, MaxBytes: maxDump, Total: dumpTotal, AsIs: true,
	}, a.Dump, func(path string) error { return a.build(ctx, path) })
	now := time.Now()
	switch {
	case err != nil:
		d.Why = Why(err)
		a.Log.Warn("no new dump of the AUR", "err", err)
		return d, err
	case !got.NotModified:
		d.ETag, d.LastModified = got.ETag, got.LastModified
		a.Log.Info("a new dump of the AUR", "bytes", got.Bytes)
	}
	d.Good, d.Why = now.Unix(), ""
	return d, nil
}

// ErrDump means that a dump cannot be read, or has far fewer packages than there
// were.
var ErrDump = errors.New("the AUR's dump is refused")

// build makes an index of a dump beside the one there is, which it takes the place
// of if it has about as many packages: what the AUR lost overnight it did not lose.
func (a *AUR) build(ctx context.Context, dump string) error {
	next := a.Index + ".new"
	defer os.Remove(next)
	if err := a.Build(ctx, dump, next); err != nil {
		// The file's name is nothing to a person: it is temporary.
		return fmt.Errorf("%w: %s", ErrDump, strings.TrimPrefix(err.Error(), "read "+dump+": "))
	}
	packages, err := count(next)
	if err != nil {
		return err
	}
	before, err := count(a.Index)
	if packages == 0 || err == nil && packages < before/2 {
		return fmt.Errorf("%w: %d packages, where there were %d", ErrDump, packages, before)
	}
	return os.Rename(next, a.Index)
}

// count is how many packages an index has.
func count(path string) (uint32, error) {
	f, err := pkgindex.Open(path, nil)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return f.Docs(), nil
}
