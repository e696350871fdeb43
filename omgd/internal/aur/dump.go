package aur

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"time"

	"github.com/klauspost/compress/gzip"
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
	// maxUnpacked is the most bytes of one that is not; it has some 70 MB.
	maxUnpacked = 1 << 30
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
	s := wire.Source{Name: Name, State: wire.SourceOK, Changed: d.Good}
	if at, err := http.ParseTime(d.LastModified); err == nil {
		s.AsOf = at.Unix()
	}
	if _, err := os.Stat(a.Index); err != nil {
		return wire.Source{Name: Name, State: wire.SourceMissing, Why: cmp.Or(d.Why, "not downloaded yet")}
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
	a.rebuild(ctx)
	s := fetch.Schedule{Interval: time.Duration(a.Interval), First: min(dumpFirst, time.Duration(a.Interval))}
	next := time.Until(time.Unix(a.dump.Load().Next, 0))
	timer := time.NewTimer(min(max(next, 0), 2*s.Interval))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		d, err := a.refreshDump(ctx)
		a.rebuild(ctx)
		if ctx.Err() != nil {
			return
		}
		pause := s.Next(err)
		d.Next = time.Now().Add(pause).Unix()
		a.noteDump(d)
		a.Kick()
		timer.Reset(pause)
	}
}

// rebuild makes an index of the dump that there is when there is none of this
// version's.
func (a *AUR) rebuild(ctx context.Context) {
	if _, err := os.Stat(a.Dump); err != nil {
		return
	}
	f, err := pkgindex.Open(a.Index, nil)
	if err == nil {
		_ = f.Close()
		return
	}
	if !errors.Is(err, fs.ErrNotExist) {
		a.Log.Warn("the index of the AUR is built anew", "err", err)
	}
	if err := a.Build(ctx, a.Dump, a.Index); err != nil {
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
	}, a.Dump, func(path string) error {
		if err := checkDump(path); err != nil {
			return err
		}
		return a.Build(ctx, path, a.Index)
	})
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

// ErrDump means that a file is not the AUR's dump, or not all of it.
var ErrDump = errors.New("not a dump of the AUR")

// checkDump refuses what is not a whole gzip file of one JSON array, before anyone
// reads more of it.
func checkDump(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDump, err)
	}
	defer z.Close()
	ends := &ends{}
	n, err := io.Copy(ends, io.LimitReader(z, maxUnpacked+1))
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrDump, err)
	case n > maxUnpacked:
		return fmt.Errorf("%w: more than %d bytes", ErrDump, int64(maxUnpacked))
	case ends.first != '[' || ends.last != ']':
		return fmt.Errorf("%w: no list", ErrDump)
	}
	return nil
}

// ends notes the first and the last byte that is not white space.
type ends struct{ first, last byte }

func (e *ends) Write(p []byte) (int, error) {
	const space = " \t\r\n"
	trim := func(c byte) bool { return c == space[0] || c == space[1] || c == space[2] || c == space[3] }
	if e.first == 0 {
		for _, c := range p {
			if !trim(c) {
				e.first = c
				break
			}
		}
	}
	for i := len(p) - 1; i >= 0; i-- {
		if !trim(p[i]) {
			e.last = p[i]
			break
		}
	}
	return len(p), nil
}
