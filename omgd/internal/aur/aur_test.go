package aur

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/omgd/internal/store"
	"github.com/omg-arch/omg/shared/aurdump"
	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/corpus"
	"github.com/omg-arch/omg/shared/fetch"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

func TestMain(m *testing.M) { await.RunTestMain(m) }

// server is a Fetcher that acts as the AUR.
type server struct {
	mu        sync.Mutex
	down      error
	late      time.Duration
	body      string // the reply to each query; "" means a regular reply
	requested []string
	limit     int64 // that of the last request
	etag      string
	dump      []byte
	panics    bool
	// checksum returns the reply to the n-th request for the checksum of the dump; nil if there is none.
	checksum         func(n int) (string, error)
	checksumRequests int
}

func (s *server) record(r fetch.Request) (late time.Duration, body string, down error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit = r.MaxBytes
	s.requested = append(s.requested, strings.TrimPrefix(r.URL, "https://aur.example"))
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
	for _, a := range s.requested {
		if strings.Contains(a, part) {
			n++
		}
	}
	return n
}

func (s *server) Get(ctx context.Context, r fetch.Request, w io.Writer) (fetch.Response, error) {
	if strings.HasSuffix(r.URL, ".sha256") {
		return s.sendChecksum(w)
	}
	late, body, down := s.record(r)
	if late > 0 {
		select {
		case <-time.After(late):
		case <-ctx.Done():
			return fetch.Response{}, fetch.ErrSlow
		}
	}
	if down != nil {
		return fetch.Response{}, down
	}
	if body == "" {
		u, err := url.Parse(r.URL)
		if err != nil {
			return fetch.Response{}, err
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
	return fetch.Response{Bytes: int64(n)}, err
}

func (s *server) sendChecksum(w io.Writer) (fetch.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.checksum == nil {
		return fetch.Response{}, &fetch.StatusError{Code: http.StatusNotFound}
	}
	s.checksumRequests++
	text, err := s.checksum(s.checksumRequests)
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	return fetch.Response{Bytes: int64(len(text))}, err
}

func (s *server) File(_ context.Context, r fetch.Request, path string, check func(string) error) (fetch.Response, error) {
	_, _, down := s.record(r)
	s.mu.Lock()
	etag, dump := s.etag, s.dump
	s.mu.Unlock()
	switch {
	case down != nil:
		return fetch.Response{}, down
	case r.ETag != "" && r.ETag == etag:
		return fetch.Response{NotModified: true}, nil
	}
	if err := os.WriteFile(path+".new", dump, 0o600); err != nil {
		return fetch.Response{}, err
	}
	const modified = "Mon, 02 Jan 2006 15:04:05 GMT"
	at, err := http.ParseTime(modified)
	if err == nil {
		err = os.Chtimes(path+".new", time.Time{}, at)
	}
	if err == nil {
		err = check(path + ".new")
	}
	if err != nil {
		return fetch.Response{}, err
	}
	return fetch.Response{ETag: etag, LastModified: modified}, os.Rename(path+".new", path)
}

// disk is a store.ValueStore in memory that outlives an AUR, as a store on disk does.
type disk struct {
	mu     sync.Mutex
	values map[string][]byte
	times  map[string]time.Time
}

func newDisk() *disk { return &disk{values: map[string][]byte{}, times: map[string]time.Time{}} }

func (d *disk) Put(bucket, key string, value []byte, at time.Time) error {
	if err := wire.CheckMessagePack(value); err != nil {
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

// dumpPath is the path of the dump on the server.
const dumpPath = "/packages-meta-ext-v1.json.gz"

// settings returns a configuration whose files are in a directory of this test.
func settings(t *testing.T, s *server, remembered store.ValueStore) Config {
	t.Helper()
	dir := t.TempDir()
	c := config.Default().AUR
	c.URL, c.Watch = "https://aur.example/", true
	return Config{
		AUR: c, StaleAfter: 24 * time.Hour, Fetch: s, Store: remembered, Log: discard,
		DumpPath: filepath.Join(dir, "dump.gz"), IndexPath: filepath.Join(dir, "aur.omgidx"),
		Build: func(_ context.Context, dump, index string) error {
			packages, err := unpack(dump)
			if err != nil {
				return err
			}
			b, err := newReply(packages, time.Now())
			if err != nil {
				return err
			}
			return os.WriteFile(index, b.indexData, 0o600)
		},
		OnChange:        func() {},
		ForeignPackages: func() ([]string, bool) { return []string{"yay-bin", "spotify"}, true },
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

// names returns the names of the packages in a result.
func names(t *testing.T, f snapshot.AURQueryResult) (out []string) {
	t.Helper()
	require.NotNil(t, f.Packages, f.Source.Why)
	for p, err := range f.Packages.Packages() {
		require.NoError(t, err)
		out = append(out, p.Name)
	}
	return out
}

func TestBuildQuery(t *testing.T) {
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
		{wire.SearchRequest{Words: []string{"depends:a", "keyword:b"}}, "", errNotQueried},
		{wire.SearchRequest{Words: []string{"^fire"}, Regex: true}, "", errNotQueried},
		{wire.SearchRequest{Words: []string{"repo:aur"}}, "", errNotQueried},
		{wire.SearchRequest{Words: []string{"fire", "not:something", "is:installed"}}, search + "fire?by=name-desc", nil},
		{wire.SearchRequest{Words: []string{"is:installed"}}, "", errNotQueried},
		{wire.SearchRequest{Words: []string{"x"}}, "", ErrTooShort},
		{wire.SearchRequest{Words: []string{strings.Repeat("x", 300)}}, "", errNotQueried},
	} {
		q, err := buildQuery(&c.request)
		if c.err != nil {
			require.ErrorIs(t, err, c.err, "%q", c.request.Words)
			continue
		}
		require.NoError(t, err, "%q", c.request.Words)
		require.Equal(t, c.path, q.path)
	}
}

// TestSearch_TellsFields checks that a search in a field returns packages that have the searched value in
// this field.
func TestSearch_TellsFields(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := open(t, settings(t, &server{}, newDisk()))
		for word, has := range map[string]func(*wire.Package) []string{
			"keyword:web": func(p *wire.Package) []string { return p.AUR.Keywords },
			"depends:web": func(p *wire.Package) []string { return p.Depends },
			"group:web":   func(p *wire.Package) []string { return p.Groups },
		} {
			got := a.Search(t.Context(), 0, words(word))
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

// TestSearch_SharesRequest checks that a thousand equal searches, and another one soon after, send a single
// request.
func TestSearch_SharesRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{late: time.Second}
		a := open(t, settings(t, s, newDisk()))
		var wait sync.WaitGroup
		for range 1000 {
			wait.Go(func() {
				got := a.Search(t.Context(), 0, words("yay"))
				if got.Source.State != wire.SourceOK {
					t.Errorf("%s: %s", got.Source.State, got.Source.Why)
				}
			})
		}
		wait.Wait()
		require.Equal(t, 1, s.count("search"))
		require.Equal(t, []string{"yay"}, names(t, a.Search(t.Context(), 0, words("yay"))))
		require.Equal(t, 1, s.count("search"))
		time.Sleep(freshFor + time.Second)
		a.Search(t.Context(), 0, words("yay"))
		require.Equal(t, 2, s.count("search"))
	})
}

// TestSearch_Deadline checks that a search ends at aur.live.timeout, and that a later search gets the reply
// to the same request.
func TestSearch_Deadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{late: 5 * time.Second}
		a := open(t, settings(t, s, newDisk()))
		start := time.Now()
		got := a.Search(t.Context(), 0, words("yay"))
		require.Equal(t, 2*time.Second, time.Since(start))
		require.Nil(t, got.Packages)
		require.Equal(t, wire.SourceMissing, got.Source.State)
		require.Equal(t, "the AUR did not answer in time", got.Source.Why)
		time.Sleep(4 * time.Second)
		require.Equal(t, []string{"yay"}, names(t, a.Search(t.Context(), 0, words("yay"))))
		require.Equal(t, 1, s.count("search"))
	})
}

// TestInfo_Stale checks that a query returns the last reply, with its age, if the request fails. The next
// daemon returns the same reply.
func TestInfo_Stale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		c := settings(t, s, newDisk())
		a := open(t, c)
		at := time.Now()
		require.ElementsMatch(t, []string{"spotify", "yay"}, names(t, a.Info(t.Context(), 0, []string{"yay", "spotify", "yay", "no/name", ""})))
		s.set(func() { s.down = &fetch.StatusError{Code: 503} })
		for range 2 {
			time.Sleep(3 * time.Hour)
			got := a.Info(t.Context(), 0, []string{"spotify", "yay"})
			require.ElementsMatch(t, []string{"spotify", "yay"}, names(t, got))
			require.Equal(t, wire.SourceStale, got.Source.State)
			require.Equal(t, at.Unix(), got.Source.AsOf)
			require.Regexp(t, `^the AUR reports an error \(503 Service Unavailable\); its last reply is [36] hours old$`, got.Source.Why)
			a = open(t, c)
		}
	})
}

// TestSearch_Breaker checks that no request is sent for some time after several failures.
func TestSearch_Breaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{down: fetch.ErrTruncated}
		a := open(t, settings(t, s, newDisk()))
		for i := range 20 {
			require.Equal(t, wire.SourceMissing, a.Search(t.Context(), 0, words(fmt.Sprint("yay", i))).Source.State)
		}
		require.Equal(t, maxFailures, s.count("search"))
		rest := breakerPauseInTimeouts * time.Duration(a.LiveQueries.Timeout)
		time.Sleep(rest + time.Second)
		a.Search(t.Context(), 0, words("paru"))
		got := a.Search(t.Context(), 0, words("paru"))
		require.Contains(t, got.Source.Why, "the last request failed")
		require.Equal(t, maxFailures+1, s.count("search"))
		s.set(func() { s.down = nil })
		time.Sleep(rest + time.Second)
		for i := range 20 {
			require.Equal(t, wire.SourceOK, a.Search(t.Context(), 0, words(fmt.Sprint("yay", i))).Source.State)
		}
	})
}

// TestSearch_TooMany checks that the AUR's error about too many results is not counted as a failure.
func TestSearch_TooMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{body: `{"version":5,"type":"error","resultcount":0,"results":[],"error":"Too many package results."}`}
		a := open(t, settings(t, s, newDisk()))
		for i := range 20 {
			got := a.Search(t.Context(), 0, words(fmt.Sprint("lib", i)))
			require.Equal(t, "too many packages match", got.Source.Why)
		}
		require.Equal(t, 20, s.count("search"))
	})
}

func TestSearch_RetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{down: &fetch.StatusError{Code: 429, RetryAfter: time.Hour}}
		a := open(t, settings(t, s, newDisk()))
		require.Equal(t, "the AUR refuses requests for now (rate limit)", a.Search(t.Context(), 0, words("yay")).Source.Why)
		for range 59 {
			time.Sleep(time.Minute)
			require.NotEqual(t, wire.SourceOK, a.Search(t.Context(), 0, words("yay")).Source.State)
		}
		require.Equal(t, 1, s.count("search"))
		s.set(func() { s.down = nil })
		time.Sleep(2 * time.Minute)
		require.Equal(t, wire.SourceOK, a.Search(t.Context(), 0, words("yay")).Source.State)
	})
}

// TestSearch_RetryAfterNoFailure checks that queries during a pause that the AUR has requested are not
// counted as failures. So requests go on as soon as the pause ends.
func TestSearch_RetryAfterNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{down: &fetch.StatusError{Code: 429, RetryAfter: time.Second}}
		a := open(t, settings(t, s, newDisk()))
		a.Search(t.Context(), 0, words("yay"))
		for i := range 2 * maxFailures {
			require.NotEqual(t, wire.SourceOK, a.Search(t.Context(), 0, words(fmt.Sprint("yay", i))).Source.State)
		}
		require.Equal(t, 1, s.count("search"))
		s.set(func() { s.down = nil })
		time.Sleep(time.Second)
		require.Equal(t, wire.SourceOK, a.Search(t.Context(), 0, words("yay")).Source.State)
	})
}

// TestSearch_Panic checks that a panic in a query makes only this query fail.
func TestSearch_Panic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{panics: true}
		a := open(t, settings(t, s, newDisk()))
		require.Equal(t, wire.SourceMissing, a.Search(t.Context(), 0, words("yay")).Source.State)
	})
}

// TestSearch_Share checks that a user who sends as many queries as possible gets half of the limit, and that
// other users and root can still send queries. A user does not notice that another user has sent the same query.
func TestSearch_Share(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		c := settings(t, s, newDisk())
		c.LiveQueries.MaxPerDay = 1000
		a := open(t, c)
		ask := func(user uint32, word string) wire.Source { return a.Search(t.Context(), user, words(word)).Source }
		for i := range 300 {
			ask(1, fmt.Sprint("yay", i))
		}
		require.Equal(t, 50, s.count("search"), "half of the burst")
		require.Equal(t, errShare.Error(), ask(1, "one more").Why)
		require.Equal(t, wire.SourceOK, ask(2, "yay1").State)
		require.Equal(t, 51, s.count("search"), "another user's reply is not used")
		require.Equal(t, wire.SourceOK, ask(2, "yay1").State)
		require.Equal(t, 51, s.count("search"), "the user's own reply is used")
		for i := range 300 {
			ask(2, fmt.Sprint("yay", i))
		}
		require.Equal(t, 75, s.count("search"), "half of what was left")
		for i := range 20 {
			require.Equal(t, wire.SourceOK, ask(0, fmt.Sprint("root", i)).State)
		}
		time.Sleep(24 * time.Hour)
		require.Equal(t, wire.SourceOK, ask(1, "the next day").State)
		require.Len(t, a.live.budget.usedByUser, 1, "users who have all their queries again need no memory")
	})
}

// TestSearch_NotDelayed checks that a search does not wait for another user's searches, however many of them
// wait for the AUR.
func TestSearch_NotDelayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{late: time.Second}
		c := settings(t, s, newDisk())
		c.LiveQueries.MaxPerDay = 1000
		a := open(t, c)
		var wait sync.WaitGroup
		defer wait.Wait()
		for i := range 2 * maxConcurrent {
			wait.Go(func() { a.Search(t.Context(), 1, words(fmt.Sprint("yay", i))) })
		}
		synctest.Wait()
		start := time.Now()
		require.Equal(t, wire.SourceOK, a.Search(t.Context(), 2, words("yay")).Source.State)
		require.Equal(t, time.Second, time.Since(start))
	})
}

// TestSearch_Budget checks that the daily limit of queries also holds across restarts.
func TestSearch_Budget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		c := settings(t, s, newDisk())
		c.LiveQueries.MaxPerDay = 100
		a := open(t, c)
		for i := range 24 * 60 {
			a.Search(t.Context(), 0, words(fmt.Sprint("yay", i)))
			time.Sleep(time.Minute)
			if i%60 == 0 {
				a = open(t, c)
			}
		}
		require.InDelta(t, 110, s.count("search"), 2)
		require.Equal(t, errDailyQueryLimit.Error(), a.Search(t.Context(), 0, words("one more")).Source.Why)

		c.LiveQueries.MaxPerDay, c.Store = 0, newDisk()
		a = open(t, c)
		require.Equal(t, errDailyQueryLimit.Error(), a.Search(t.Context(), 0, words("one more")).Source.Why)
		c.LiveQueries.MaxPerDay, c.LiveQueries.Enabled = 100, false
		a = open(t, c)
		require.Contains(t, a.Search(t.Context(), 0, words("one more")).Source.Why, "aur.live.enabled")
	})
}

// TestRun_Week checks the number of requests in a week with many live queries.
func TestRun_Week(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{etag: `"1"`, dump: gzipped(`[{"Name":"spotify"},{"Name":"yay-bin"}]`)}
		c := settings(t, s, newDisk())
		c.LiveQueries.MaxPerDay = 50
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
			a.Search(t.Context(), 0, words(fmt.Sprint("yay", i)))
			time.Sleep(24 * time.Minute) // 60 queries a day; the limit is 50
		}
		<-ended
		require.LessOrEqual(t, s.count(dumpPath), 7)
		require.GreaterOrEqual(t, s.count(dumpPath), 6)
		require.LessOrEqual(t, s.count("/info"), 168)
		require.GreaterOrEqual(t, s.count("/info"), 150)
		require.LessOrEqual(t, s.count("/search"), 7*c.LiveQueries.MaxPerDay+a.burst())
		require.GreaterOrEqual(t, s.count("/search"), 7*c.LiveQueries.MaxPerDay)
	})
}

// run starts an AUR, and returns it with the function that stops it.
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

// TestRun_Restart checks that a new daemon sends no regular request before the request is due.
func TestRun_Restart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{etag: `"1"`, dump: gzipped(`[{"Name":"spotify"},{"Name":"yay-bin"}]`)}
		c := settings(t, s, newDisk())
		for range 10 {
			a, stop := run(t, c)
			time.Sleep(time.Minute)
			require.Equal(t, 1, s.count(dumpPath))
			require.Equal(t, 1, s.count("/info"))
			require.Equal(t, []string{"spotify", "yay-bin"}, a.ForeignReplies().QueriedNames)
			require.Equal(t, "1-1", a.ForeignReplies().Packages["yay-bin"].Version)
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

// TestDump_Down checks that the last dump stays and becomes stale while the server is down, and that the
// pauses between requests grow.
func TestDump_Down(t *testing.T) {
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
		require.Equal(t, "8 days old: the AUR reports an error (502 Bad Gateway)", src.Why)
		require.Less(t, s.count(dumpPath), 20)
		require.FileExists(t, c.DumpPath)
		s.set(func() { s.down = nil })
		time.Sleep(27 * time.Hour)
		require.Equal(t, wire.SourceOK, a.Source().State)
	})
}

// TestDump_Refused checks that neither an invalid dump nor a dump without most of its packages replaces the
// last dump.
func TestDump_Refused(t *testing.T) {
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
			a.saveDump(d)
			s.dump, s.etag = dump, `"2"`
			d, err = a.refreshDump(t.Context())
			require.Error(t, err)
			require.NotEmpty(t, d.Why)
			require.Equal(t, `"1"`, d.ETag, "the next request asks for changes of the old dump")
			kept, err := os.ReadFile(a.DumpPath)
			require.NoError(t, err)
			require.Equal(t, good, kept)
			n, _, err := describeIndex(a.IndexPath)
			require.NoError(t, err)
			require.EqualValues(t, 4, n)
		})
	}
}

// TestDump_Rebuild checks that an index is built from the stored dump without a request, if the index is not
// usable.
func TestDump_Rebuild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{etag: `"1"`, dump: gzipped(`[{"Name":"yay"}]`)}
		c := settings(t, s, newDisk())
		_, stop := run(t, c)
		time.Sleep(time.Second)
		stop()
		require.NoError(t, os.WriteFile(c.IndexPath, []byte("of another version"), 0o600))
		a, stop := run(t, c)
		time.Sleep(time.Second)
		require.Equal(t, wire.SourceOK, a.Source().State)
		stop()
		require.NoError(t, os.Remove(c.DumpPath))
		_, stop = run(t, c)
		time.Sleep(27 * time.Hour)
		stop()
		require.FileExists(t, c.DumpPath, "without a dump, the request has no ETag")
		require.Equal(t, 2, s.count(dumpPath))
	})
}

// TestPackage_SameAsTheDump checks that a package in a live reply equals the same package in the dump.
func TestPackage_SameAsTheDump(t *testing.T) {
	path := corpus.AURDump(t)
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	var records []json.RawMessage
	require.NoError(t, json.NewDecoder(z).Decode(&records))
	i := 0
	_, err = aurdump.Read(t.Context(), path, func(p *wire.Package) error {
		want, err := msgpack.Marshal(p)
		require.NoError(t, err)
		live, err := aurdump.DecodePackage(records[i])
		require.NoError(t, err)
		got, err := msgpack.Marshal(live)
		require.NoError(t, err)
		require.Equal(t, want, got, p.Name)
		i++
		return nil
	})
	require.NoError(t, err)
	require.Len(t, records, i)
	require.NotZero(t, i)
}

func TestNew_RefusesAddresses(t *testing.T) {
	for _, address := range []string{"http://aur.example", "ftp://aur.example", "aur.example", "://"} {
		c := settings(t, &server{}, newDisk())
		c.URL = address
		_, err := New(c)
		require.Error(t, err, address)
	}
}

// TestNew_ForgetsNonsense checks that invalid values in the store are ignored.
func TestNew_ForgetsNonsense(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		remembered := newDisk()
		value, err := msgpack.Marshal([]byte("no index"))
		require.NoError(t, err)
		for _, key := range []string{keyForeign, keyForeignNames, keyDump, keyQueriesLeft, newSearchQuery("name-desc", "yay").path} {
			require.NoError(t, remembered.Put(storeBucket, key, value, time.Now()))
		}
		a := open(t, settings(t, &server{down: fetch.ErrSlow}, remembered))
		require.Nil(t, a.ForeignReplies())
		require.Equal(t, wire.SourceMissing, a.Search(t.Context(), 0, words("yay")).Source.State)
	})
}

// TestAsk_WithAnOddResult checks that an invalid result in a reply does not affect the valid results.
func TestAsk_WithAnOddResult(t *testing.T) {
	body := `{"version":5,"type":"multiinfo","results":[null,{"Name":"one","Version":"1-1","NumVotes":"3"},{"Name":["no"]},{"Name":"two","Version":"2-1","License":"GPL"}]}`
	a := &AUR{Config: Config{Fetch: &server{body: body}}, base: "https://aur.example"}
	packages, leftOut, err := a.ask(t.Context(), infoQuery([]string{"one", "two"}), time.Second)
	require.NoError(t, err)
	require.Len(t, packages, 2)
	require.Equal(t, 2, leftOut)
	require.EqualValues(t, 3, packages[0].AUR.Votes)
	require.Equal(t, []string{"GPL"}, packages[1].Licenses)
}

// FuzzAsk checks that any reply of the AUR gives either valid packages or an error.
func FuzzAsk(f *testing.F) {
	f.Add(`{"version":5,"type":"search","resultcount":1,"results":[{"Name":"yay","Version":"1-1","NumVotes":-3,"Popularity":1e308,"Depends":["a>=1",""]}]}`)
	f.Add(`{"version":5,"type":"error","error":"\u0000\u001b[31m"}`)
	f.Add(`{"version":5,"type":"search","results":null}`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, body string) {
		a := &AUR{Config: Config{Fetch: &server{body: body}}, base: "https://aur.example"}
		packages, _, err := a.ask(t.Context(), newSearchQuery("keywords", "web"), time.Second)
		if err != nil {
			return
		}
		got, err := newReply(packages, time.Now())
		require.NoError(t, err)
		require.NoError(t, got.index.Check())
		for p, err := range got.index.Packages() {
			require.NoError(t, err)
			require.NotEmpty(t, p.Name)
			require.NotContains(t, p.Name, "/")
			require.Equal(t, wire.SourceAUR, p.Repo)
		}
	})
}
