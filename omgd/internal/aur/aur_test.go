package aur

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Jguer/aur"
	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/omgd/internal/fetch"
	"github.com/omg-arch/omg/shared/answers"
	"github.com/omg-arch/omg/shared/aurdump"
	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/corpus"
	"github.com/omg-arch/omg/shared/wire"
)

func TestMain(m *testing.M) { await.Main(m) }

// server is an AUR without a network in between.
type server struct {
	mu     sync.Mutex
	down   error
	late   time.Duration
	body   string // instead of an answer
	asked  []string
	etag   string
	dump   []byte
	panics bool
}

func (s *server) note(r fetch.Request) (late time.Duration, body string, down error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, strings.TrimPrefix(r.URL, "https://aur.example"))
	if s.panics {
		panic("as told")
	}
	return s.late, s.body, s.down
}

func (s *server) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *server) count(part string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.asked {
		if strings.Contains(a, part) {
			n++
		}
	}
	return n
}

func (s *server) Get(ctx context.Context, r fetch.Request, w io.Writer) (fetch.Answer, error) {
	late, body, down := s.note(r)
	if late > 0 {
		select {
		case <-time.After(late):
		case <-ctx.Done():
			return fetch.Answer{}, fetch.ErrSlow
		}
	}
	if down != nil {
		return fetch.Answer{}, down
	}
	if body == "" {
		u, err := url.Parse(r.URL)
		if err != nil {
			return fetch.Answer{}, err
		}
		typ, names := "multiinfo", u.Query()["arg[]"]
		if strings.Contains(u.Path, "search") {
			typ, names = "search", []string{filepath.Base(u.Path)}
		}
		results := []map[string]any{}
		for _, n := range names {
			results = append(results, map[string]any{"Name": n, "Version": "1-1", "Description": "about " + n, "NumVotes": 3, "Popularity": 0.5, "Maintainer": nil})
		}
		b, _ := json.Marshal(map[string]any{"version": 5, "type": typ, "resultcount": len(results), "results": results})
		body = string(b)
	}
	n, err := io.WriteString(w, body)
	return fetch.Answer{Bytes: int64(n)}, err
}

func (s *server) File(_ context.Context, r fetch.Request, path string, check func(string) error) (fetch.Answer, error) {
	_, _, down := s.note(r)
	s.mu.Lock()
	etag, dump := s.etag, s.dump
	s.mu.Unlock()
	switch {
	case down != nil:
		return fetch.Answer{}, down
	case r.ETag != "" && r.ETag == etag:
		return fetch.Answer{NotModified: true}, nil
	}
	if err := os.WriteFile(path+".new", dump, 0o600); err != nil {
		return fetch.Answer{}, err
	}
	if err := check(path + ".new"); err != nil {
		return fetch.Answer{}, err
	}
	return fetch.Answer{ETag: etag, LastModified: "Mon, 02 Jan 2006 15:04:05 GMT"}, os.Rename(path+".new", path)
}

// disk is a store.
type disk struct {
	mu     sync.Mutex
	values map[string][]byte
	times  map[string]time.Time
}

func newDisk() *disk { return &disk{values: map[string][]byte{}, times: map[string]time.Time{}} }

func (d *disk) Put(bucket, key string, value []byte, at time.Time) error {
	if err := wire.Check(value); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.values[bucket+"/"+key], d.times[bucket+"/"+key] = bytes.Clone(value), time.Unix(0, at.UnixNano())
	return nil
}

func (d *disk) Get(bucket, key string) ([]byte, time.Time, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	v, ok := d.values[bucket+"/"+key]
	return v, d.times[bucket+"/"+key], ok
}

var discard = slog.New(slog.DiscardHandler)

// settings of an AUR in a directory of the test's own.
func settings(t *testing.T, s *server, store Store) Config {
	t.Helper()
	dir := t.TempDir()
	c := config.Default().AUR
	c.URL = "https://aur.example/"
	return Config{
		AUR: c, Stale: 24 * time.Hour, Fetch: s, Store: store, Log: discard,
		Dump: filepath.Join(dir, "dump.gz"), Index: filepath.Join(dir, "aur.omgidx"),
		Build: func(_ context.Context, dump, index string) error {
			packages, err := unpack(dump)
			if err != nil {
				return err
			}
			b, err := newAnswer(packages, time.Now())
			if err != nil {
				return err
			}
			return os.WriteFile(index, b.data, 0o600)
		},
		Kick:      func() {},
		Installed: func() ([]string, bool) { return []string{"yay-bin", "spotify"}, true },
	}
}

func open(t *testing.T, c Config) *AUR {
	t.Helper()
	a, err := New(c)
	require.NoError(t, err)
	t.Cleanup(a.live.close)
	return a
}

func words(w ...string) *wire.SearchRequest { return &wire.SearchRequest{Words: w} }

// names are the packages of an answer.
func names(t *testing.T, f answers.FromAUR) (out []string) {
	t.Helper()
	require.NotNil(t, f.Packages, f.Source.Why)
	for p, err := range f.Packages.Packages() {
		require.NoError(t, err)
		out = append(out, p.Name)
	}
	return out
}

func TestAsked(t *testing.T) {
	const search = "/rpc/v5/search/"
	for _, c := range []struct {
		request wire.SearchRequest
		path    string
		err     error
	}{
		{wire.SearchRequest{Words: []string{"fire"}}, search + "fire?by=name-desc", nil},
		{wire.SearchRequest{Words: []string{"web", "firefox", "x"}}, search + "firefox?by=name-desc", nil},
		{wire.SearchRequest{Words: []string{"fire"}, NameOnly: true}, search + "fire?by=name", nil},
		{wire.SearchRequest{Words: []string{"name:fire", "web"}}, search + "fire?by=name", nil},
		{wire.SearchRequest{Words: []string{"desc:web browser"}}, search + "web%20browser?by=name-desc", nil},
		{wire.SearchRequest{Words: []string{"maint:jan"}}, search + "jan?by=maintainer", nil},
		{wire.SearchRequest{Words: []string{"keyword:web", "maint:jan", "firefox"}}, search + "web?by=keywords", nil},
		{wire.SearchRequest{Words: []string{"maint:jan", "keyword:web"}}, search + "web?by=keywords", nil},
		{wire.SearchRequest{Words: []string{"group:kde"}}, search + "kde?by=groups", nil},
		{wire.SearchRequest{Words: []string{"provides:browser"}}, search + "browser?by=provides", nil},
		{wire.SearchRequest{Words: []string{"depends:glibc", "fire"}}, search + "glibc?by=depends", nil},
		{wire.SearchRequest{Words: []string{"a/b?c&d"}}, search + "a%2Fb%3Fc&d?by=name-desc", nil},
		{wire.SearchRequest{Words: []string{"http://x"}}, search + "http:%2F%2Fx?by=name-desc", nil},
		{wire.SearchRequest{Words: []string{"depends:a", "keyword:b"}}, "", errNotAsked},
		{wire.SearchRequest{Words: []string{"^fire"}, Regex: true}, "", errNotAsked},
		{wire.SearchRequest{Words: []string{"repo:aur"}}, "", errNotAsked},
		{wire.SearchRequest{Words: []string{"x"}}, "", ErrTooShort},
		{wire.SearchRequest{Words: []string{strings.Repeat("x", 300)}}, "", errNotAsked},
	} {
		q, err := asked(&c.request)
		if c.err != nil {
			require.ErrorIs(t, err, c.err, "%q", c.request.Words)
			continue
		}
		require.NoError(t, err, "%q", c.request.Words)
		require.Equal(t, c.path, q.path)
	}
}

// TestSearchTells: what a search by a field says about its results is known of them.
func TestSearchTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := open(t, settings(t, &server{}, newDisk()))
		for word, has := range map[string]func(*wire.Package) []string{
			"keyword:web": func(p *wire.Package) []string { return p.AUR.Keywords },
			"depends:web": func(p *wire.Package) []string { return p.Depends },
			"group:web":   func(p *wire.Package) []string { return p.Groups },
		} {
			got := a.Search(t.Context(), words(word))
			require.Equal(t, wire.SourceOK, got.Source.State, got.Source.Why)
			n := 0
			for p, err := range got.Packages.Packages() {
				require.NoError(t, err)
				require.Contains(t, has(&p), "web", word)
				n++
			}
			require.Equal(t, 1, n, word)
		}
	})
}

// TestEqualQuestions: a thousand at once are one request, and so is what is asked
// soon after.
func TestEqualQuestions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{late: time.Second}
		a := open(t, settings(t, s, newDisk()))
		var wait sync.WaitGroup
		for range 1000 {
			wait.Go(func() {
				got := a.Search(t.Context(), words("yay"))
				if got.Source.State != wire.SourceOK {
					t.Errorf("%s: %s", got.Source.State, got.Source.Why)
				}
			})
		}
		wait.Wait()
		require.Equal(t, 1, s.count("search"))
		require.Equal(t, []string{"yay"}, names(t, a.Search(t.Context(), words("yay"))))
		require.Equal(t, 1, s.count("search"))
		time.Sleep(freshFor + time.Second)
		a.Search(t.Context(), words("yay"))
		require.Equal(t, 2, s.count("search"))
	})
}

// TestDeadline: who asks waits no longer, and finds the answer when he asks again.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{late: 5 * time.Second}
		a := open(t, settings(t, s, newDisk()))
		start := time.Now()
		got := a.Search(t.Context(), words("yay"))
		require.Equal(t, 2*time.Second, time.Since(start))
		require.Nil(t, got.Packages)
		require.Equal(t, wire.SourceMissing, got.Source.State)
		require.Equal(t, "the AUR does not answer in time", got.Source.Why)
		time.Sleep(4 * time.Second)
		require.Equal(t, []string{"yay"}, names(t, a.Search(t.Context(), words("yay"))))
		require.Equal(t, 1, s.count("search"))
	})
}

// TestStale: what was said before is said again, with its age, by the next daemon
// too.
func TestStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := &server{}, newDisk()
		c := settings(t, s, store)
		a := open(t, c)
		at := time.Now()
		require.ElementsMatch(t, []string{"spotify", "yay"}, names(t, a.Info(t.Context(), []string{"yay", "spotify", "yay", "no/name", ""})))
		s.set(func() { s.down = &fetch.StatusError{Code: 503} })
		for range 2 {
			time.Sleep(3 * time.Hour)
			got := a.Info(t.Context(), []string{"spotify", "yay"})
			require.ElementsMatch(t, []string{"spotify", "yay"}, names(t, got))
			require.Equal(t, wire.SourceStale, got.Source.State)
			require.Equal(t, at.Unix(), got.Source.AsOf)
			require.Regexp(t, `^the AUR is out of order \(503 Service Unavailable\); what it said is [36] hours old$`, got.Source.Why)
			a = open(t, c)
		}
	})
}

// TestBreaker: an AUR that fails is left alone, and asked again after a while.
func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{down: fetch.ErrTruncated}
		a := open(t, settings(t, s, newDisk()))
		for i := range 20 {
			require.Equal(t, wire.SourceMissing, a.Search(t.Context(), words(fmt.Sprint("yay", i))).Source.State)
		}
		require.Equal(t, strikes, s.count("search"))
		rest := restFor * time.Duration(a.Live.Deadline)
		time.Sleep(rest + time.Second)
		a.Search(t.Context(), words("paru"))
		got := a.Search(t.Context(), words("paru"))
		require.Contains(t, got.Source.Why, "failed shortly before")
		require.Equal(t, strikes+1, s.count("search"))
		s.set(func() { s.down = nil })
		time.Sleep(rest + time.Second)
		for i := range 20 {
			require.Equal(t, wire.SourceOK, a.Search(t.Context(), words(fmt.Sprint("yay", i))).Source.State)
		}
	})
}

// TestTheirOwnWords: too many results are an answer, not a failure.
func TestTheirOwnWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{body: `{"version":5,"type":"error","resultcount":0,"results":[],"error":"Too many package results."}`}
		a := open(t, settings(t, s, newDisk()))
		for i := range 20 {
			got := a.Search(t.Context(), words(fmt.Sprint("lib", i)))
			require.Equal(t, "too many packages match", got.Source.Why)
		}
		require.Equal(t, 20, s.count("search"))
	})
}

func TestRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{down: &fetch.StatusError{Code: 429, RetryAfter: time.Hour}}
		a := open(t, settings(t, s, newDisk()))
		require.Equal(t, "the AUR takes no more requests from here for now", a.Search(t.Context(), words("yay")).Source.Why)
		for range 59 {
			time.Sleep(time.Minute)
			require.NotEqual(t, wire.SourceOK, a.Search(t.Context(), words("yay")).Source.State)
		}
		require.Equal(t, 1, s.count("search"))
		s.set(func() { s.down = nil })
		time.Sleep(2 * time.Minute)
		require.Equal(t, wire.SourceOK, a.Search(t.Context(), words("yay")).Source.State)
	})
}

// TestRetryAfter_IsNoFailure: questions during a pause that the AUR asked for are
// not counted as failures, so that it is asked as soon as the pause ends.
func TestRetryAfter_IsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{down: &fetch.StatusError{Code: 429, RetryAfter: time.Second}}
		a := open(t, settings(t, s, newDisk()))
		a.Search(t.Context(), words("yay"))
		for i := range 2 * strikes {
			require.NotEqual(t, wire.SourceOK, a.Search(t.Context(), words(fmt.Sprint("yay", i))).Source.State)
		}
		require.Equal(t, 1, s.count("search"))
		s.set(func() { s.down = nil })
		time.Sleep(time.Second)
		require.Equal(t, wire.SourceOK, a.Search(t.Context(), words("yay")).Source.State)
	})
}

// TestPanic: what goes wrong in a question is that question's.
func TestPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{panics: true}
		a := open(t, settings(t, s, newDisk()))
		require.Equal(t, wire.SourceMissing, a.Search(t.Context(), words("yay")).Source.State)
	})
}

// TestBudget: no more than so many questions in a day, however often the daemon
// starts.
func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		c := settings(t, s, newDisk())
		c.Live.Daily = 100
		a := open(t, c)
		for i := range 24 * 60 {
			a.Search(t.Context(), words(fmt.Sprint("yay", i)))
			time.Sleep(time.Minute)
			if i%60 == 0 {
				a = open(t, c)
			}
		}
		require.InDelta(t, 110, s.count("search"), 2)
		require.Equal(t, errBudget.Error(), a.Search(t.Context(), words("one more")).Source.Why)

		c.Live.Daily, c.Store = 0, newDisk()
		a = open(t, c)
		require.Equal(t, errBudget.Error(), a.Search(t.Context(), words("one more")).Source.Why)
		c.Live.Daily, c.Live.Enabled = 100, false
		a = open(t, c)
		require.Contains(t, a.Search(t.Context(), words("one more")).Source.Why, "aur.live.enabled")
	})
}

// TestWeek: what a week with many questions costs the AUR.
func TestWeek(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{etag: `"1"`, dump: gzipped(`[{"Name":"yay"}]`)}
		c := settings(t, s, newDisk())
		c.Live.Daily = 50
		a, err := New(c)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 7*24*time.Hour-time.Second)
		defer cancel()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			a.Run(ctx)
		}()
		for i := 0; ctx.Err() == nil; i++ {
			a.Search(t.Context(), words(fmt.Sprint("yay", i)))
			time.Sleep(24 * time.Minute) // 60 a day, more than are asked
		}
		<-ended
		require.LessOrEqual(t, s.count(dumpPath), 7)
		require.GreaterOrEqual(t, s.count(dumpPath), 6)
		require.LessOrEqual(t, s.count("/info"), 168)
		require.GreaterOrEqual(t, s.count("/info"), 150)
		require.LessOrEqual(t, s.count("/search"), 7*c.Live.Daily+a.burst())
		require.GreaterOrEqual(t, s.count("/search"), 7*c.Live.Daily)
	})
}

// run runs an AUR until stop.
func run(t *testing.T, c Config) (a *AUR, stop func()) {
	t.Helper()
	a, err := New(c)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		a.Run(ctx)
	}()
	return a, func() {
		cancel()
		<-ended
	}
}

// TestRestart: a new daemon asks for nothing that is not due.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{etag: `"1"`, dump: gzipped(`[{"Name":"yay"}]`)}
		c := settings(t, s, newDisk())
		for range 10 {
			a, stop := run(t, c)
			time.Sleep(time.Minute)
			require.Equal(t, 1, s.count(dumpPath))
			require.Equal(t, 1, s.count("/info"))
			require.Equal(t, []string{"spotify", "yay-bin"}, a.Foreign().Names)
			require.Equal(t, "1-1", a.Foreign().Packages["yay-bin"].Version)
			require.Equal(t, wire.SourceOK, a.Source().State)
			stop()
		}
		time.Sleep(27 * time.Hour)
		_, stop := run(t, c)
		time.Sleep(time.Second)
		stop()
		require.Equal(t, 2, s.count(dumpPath))
		require.Equal(t, 2, s.count("/info"))
	})
}

// TestDumpDown: the last good dump stays, is called stale when it is, and a server
// that is down is asked less and less often.
func TestDumpDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{etag: `"1"`, dump: gzipped(`[{"Name":"yay"}]`)}
		c := settings(t, s, newDisk())
		a, stop := run(t, c)
		defer stop()
		require.Equal(t, wire.SourceMissing, a.Source().State)
		time.Sleep(time.Minute)
		require.Equal(t, wire.SourceOK, a.Source().State)
		s.set(func() { s.down = &fetch.StatusError{Code: 502} })
		time.Sleep(24 * time.Hour)
		require.Equal(t, wire.SourceOK, a.Source().State)
		time.Sleep(7 * 24 * time.Hour)
		src := a.Source()
		require.Equal(t, wire.SourceStale, src.State)
		require.Equal(t, "8 days old: the AUR is out of order (502 Bad Gateway)", src.Why)
		require.Less(t, s.count(dumpPath), 20)
		require.FileExists(t, c.Dump)
		s.set(func() { s.down = nil })
		time.Sleep(27 * time.Hour)
		require.Equal(t, wire.SourceOK, a.Source().State)
	})
}

// TestDumpRefused: what is no dump takes no place, nor does one that lost most of
// its packages.
func TestDumpRefused(t *testing.T) {
	good := gzipped(`[{"Name":"a"},{"Name":"b"},{"Name":"c"},{"Name":"d"}]`)
	for name, dump := range map[string][]byte{
		"nothing":   nil,
		"text":      []byte("<html>"),
		"truncated": good[:len(good)/2],
		"empty":     gzipped(`[]`),
		"a quarter": gzipped(`[{"Name":"a"}]`),
	} {
		t.Run(name, func(t *testing.T) {
			s := &server{etag: `"1"`, dump: good}
			a := open(t, settings(t, s, newDisk()))
			d, err := a.refreshDump(t.Context())
			require.NoError(t, err)
			a.noteDump(d)
			s.dump, s.etag = dump, `"2"`
			d, err = a.refreshDump(t.Context())
			require.Error(t, err)
			require.NotEmpty(t, d.Why)
			require.Equal(t, `"1"`, d.ETag, "the old one is the one to ask for changes of")
			kept, err := os.ReadFile(a.Dump)
			require.NoError(t, err)
			require.Equal(t, good, kept)
			n, err := count(a.Index)
			require.NoError(t, err)
			require.EqualValues(t, 4, n)
		})
	}
}

// TestRebuild: a dump without an index gets one without a request.
func TestRebuild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{etag: `"1"`, dump: gzipped(`[{"Name":"yay"}]`)}
		c := settings(t, s, newDisk())
		_, stop := run(t, c)
		time.Sleep(time.Second)
		stop()
		require.NoError(t, os.WriteFile(c.Index, []byte("of another version"), 0o600))
		a, stop := run(t, c)
		time.Sleep(time.Second)
		require.Equal(t, wire.SourceOK, a.Source().State)
		stop()
		require.NoError(t, os.Remove(c.Dump))
		_, stop = run(t, c)
		time.Sleep(27 * time.Hour)
		stop()
		require.FileExists(t, c.Dump, "without it, nothing is unchanged")
		require.Equal(t, 2, s.count(dumpPath))
	})
}

// TestLeftOver: what a killed daemon left goes, what another one writes stays.
func TestLeftOver(t *testing.T) {
	c := settings(t, &server{}, newDisk())
	dead, alive := filepath.Join(filepath.Dir(c.Dump), ".dump.gz.1.tmp"), filepath.Join(filepath.Dir(c.Dump), ".dump.gz.2.tmp")
	for _, path := range []string{dead, alive} {
		require.NoError(t, os.WriteFile(path, nil, 0o600))
	}
	old := time.Now().Add(-time.Hour)
	require.NoError(t, os.Chtimes(dead, old, old))
	open(t, c).removeDead()
	require.NoFileExists(t, dead)
	require.FileExists(t, alive)
}

// TestSameAsTheDump: a package is the same by a live answer as by the dump.
func TestSameAsTheDump(t *testing.T) {
	path := corpus.AUR(t)
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	var records []aur.Pkg
	require.NoError(t, json.NewDecoder(z).Decode(&records))
	i := 0
	_, err = aurdump.Read(t.Context(), path, func(p *wire.Package) error {
		want, err := msgpack.Marshal(p)
		require.NoError(t, err)
		live := toPackage(&records[i])
		got, err := msgpack.Marshal(&live)
		require.NoError(t, err)
		require.Equal(t, want, got, p.Name)
		i++
		return nil
	})
	require.NoError(t, err)
	require.Len(t, records, i)
	require.NotZero(t, i)
}

func TestNewRefusesAddresses(t *testing.T) {
	for _, address := range []string{"http://aur.example", "ftp://aur.example", "aur.example", "://"} {
		c := settings(t, &server{}, newDisk())
		c.URL = address
		_, err := New(c)
		require.Error(t, err, address)
	}
}

// TestForgetsNonsense: what the store has that is not what was put there is passed
// over.
func TestForgetsNonsense(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newDisk()
		value, err := msgpack.Marshal([]byte("no index"))
		require.NoError(t, err)
		for _, key := range []string{keyForeign, keyForeignNames, keyDump, keySpent, searching("name-desc", "yay").path} {
			require.NoError(t, store.Put(bucket, key, value, time.Now()))
		}
		a := open(t, settings(t, &server{down: fetch.ErrSlow}, store))
		require.Nil(t, a.Foreign())
		require.Equal(t, wire.SourceMissing, a.Search(t.Context(), words("yay")).Source.State)
	})
}

// FuzzAsk: whatever the AUR says, it is an answer or an error.
func FuzzAsk(f *testing.F) {
	f.Add(`{"version":5,"type":"search","resultcount":1,"results":[{"Name":"yay","Version":"1-1","NumVotes":-3,"Popularity":1e308,"Depends":["a>=1",""]}]}`)
	f.Add(`{"version":5,"type":"error","error":"\u0000\u001b[31m"}`)
	f.Add(`{"version":5,"type":"search","results":null}`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, body string) {
		a := &AUR{Config: Config{Fetch: &server{body: body}}, base: "https://aur.example"}
		packages, err := a.ask(t.Context(), searching("keywords", "web"), time.Second)
		if err != nil {
			return
		}
		got, err := newAnswer(packages, time.Now())
		require.NoError(t, err)
		require.NoError(t, got.file.Check())
		for p, err := range got.file.Packages() {
			require.NoError(t, err)
			require.NotEmpty(t, p.Name)
			require.NotContains(t, p.Name, "/")
			require.Equal(t, wire.SourceAUR, p.Repo)
		}
	})
}
