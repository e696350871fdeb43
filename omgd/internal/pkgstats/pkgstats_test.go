package pkgstats

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/fetch"
	"github.com/omg-arch/omg/shared/fetch/fetchtest"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/popularity"
	"github.com/omg-arch/omg/shared/snapshot"
)

func TestMain(m *testing.M) { await.RunTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

// oneValue is a store.ValueStore that holds one value.
type oneValue struct{ value []byte }

func (s *oneValue) Put(_, _ string, value []byte, _ time.Time) error {
	s.value = bytes.Clone(value)
	return nil
}

func (s *oneValue) Get(_, _ string) ([]byte, time.Time, bool) {
	return s.value, time.Time{}, s.value != nil
}

// testSystem is a data directory and a server, which misbehaves when told to.
type testSystem struct {
	*fetchtest.Server
	t     *testing.T
	dir   string
	store oneValue
}

func newTestSystem(t *testing.T) *testSystem {
	return &testSystem{Server: fetchtest.NewServer(t), t: t, dir: t.TempDir()}
}

func (w *testSystem) path() string { return popularity.Path(w.dir) }

// start returns a Downloader as a starting daemon makes it.
func (w *testSystem) start(timeout time.Duration) *Downloader {
	w.t.Helper()
	client, err := fetch.New(config.Network{Proxy: "none", Timeout: config.Duration(timeout)}, "omg-test")
	require.NoError(w.t, err)
	w.t.Cleanup(client.Close)
	return New(Config{URL: w.URL, Path: w.path(), IsTrusted: paths.ProcessEnv().Trusts, Client: client, Store: &w.store, Log: quiet, OnRequestDone: func() {}})
}

// share returns the kept share of a package.
func (w *testSystem) share(name string) (popularity.Share, bool) {
	w.t.Helper()
	shares, err := popularity.ReadKept(w.path(), paths.ProcessEnv().Trusts)
	require.NoError(w.t, err)
	return shares.Of(name)
}

// shares answers a request with shares, and with 304 if the client has them.
func shares(etag string, percentages map[string]float64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("ETag", etag)
		_, _ = io.WriteString(w, fixture.PopularityReply(percentages))
	}
}

// TestUpdate checks that new shares replace earlier ones, that unchanged ones are confirmed, and what the request contains.
func TestUpdate(t *testing.T) {
	w := newTestSystem(t)
	d := w.start(await.Timeout)
	planned := d.Latest().NextRequestAt
	require.LessOrEqual(t, planned, time.Now().Unix(), "the first request is sent at once")
	require.Equal(t, &snapshot.PopularityData{StaleAfter: staleAfter, NextRequestAt: planned}, d.Latest(), "unknown")
	var requested []string
	answer := func(h http.HandlerFunc) {
		w.Respond(func(rw http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			requested = append(requested, r.Method+" "+r.RequestURI+string(body))
			h(rw, r)
		})
	}
	answer(shares(`"1"`, map[string]float64{"bash": 99.5}))
	require.NoError(t, d.Update(t.Context()))
	share, ok := w.share("bash")
	require.True(t, ok)
	require.EqualValues(t, 9950, share)
	first := *d.Latest()
	require.NotEmpty(t, first.SHA256)
	require.Positive(t, first.RepliedAt)
	require.Equal(t, []string{"GET /api/packages?limit=10000"}, requested, "the same request on every machine")
	header := w.LastRequest()
	require.Empty(t, header.Get("If-None-Match"))
	for name := range header {
		require.Contains(t, []string{"User-Agent", "Accept-Encoding"}, name, "nothing about the machine")
	}

	require.NoError(t, d.Update(t.Context()))
	require.Equal(t, `"1"`, w.LastRequest().Get("If-None-Match"))
	require.Equal(t, first.SHA256, d.Latest().SHA256)

	answer(shares(`"2"`, map[string]float64{"bash": 98}))
	require.NoError(t, d.Update(t.Context()))
	share, _ = w.share("bash")
	require.EqualValues(t, 9800, share)
	require.NotEqual(t, first.SHA256, d.Latest().SHA256)
}

// TestUpdate_Refused checks that nothing but a good reply replaces the last good one, and that the reason is said.
func TestUpdate_Refused(t *testing.T) {
	body := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, text)
		}
	}
	good := fixture.PopularityReply(map[string]float64{"bash": 99})
	for name, c := range map[string]struct {
		handle http.HandlerFunc
		why    string
	}{
		"an error":             {body(500, "<html>"), "pkgstats reports an error (500 Internal Server Error)"},
		"too many requests":    {body(429, ""), "pkgstats reports an error (429 Too Many Requests)"},
		"a page with 200":      {body(200, "<!DOCTYPE html>"), "the request to pkgstats failed: not a list of packages with their popularity, as pkgstats publishes it: at byte 0"},
		"an error with 200":    {body(200, `{"type":"about:blank","title":"Bad Request"}`), "packagePopularities is missing"},
		"half":                 {body(200, good[:len(good)/2]), "the file is truncated"},
		"nothing":              {body(200, ""), "the file is empty"},
		"no packages":          {body(200, fixture.PopularityReply(nil)), "it has no packages"},
		"too large a share":    {body(200, fixture.PopularityReply(map[string]float64{"bash": 101})), "not a number from 0 to 100"},
		"megabytes of nesting": {body(200, `{"x":`+strings.Repeat("[", 8<<20)), "values are inside each other"},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, good)
		}, "the response is truncated"},
		"a gigabyte": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1073741824")
			w.WriteHeader(200)
		}, "too large"},
		"without an end": {func(w http.ResponseWriter, _ *http.Request) {
			for chunk := bytes.Repeat([]byte(" "), 1<<20); ; {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}, "too large"},
		"elsewhere, without TLS": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://example.org/", http.StatusFound)
		}, "not over TLS"},
		"an endless redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/again", http.StatusFound)
		}, "too many redirects"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTestSystem(t)
			d := w.start(await.Timeout)
			w.Respond(c.handle)
			require.Error(t, d.Update(t.Context()))
			require.Empty(t, d.Latest().SHA256)
			require.Zero(t, d.Latest().RepliedAt, "unknown")
			require.Contains(t, d.Latest().LastError, c.why)
			require.NotContains(t, d.Latest().LastError, w.dir, "no path of a temporary file")
			require.NoFileExists(t, w.path())

			w.Respond(shares(`"1"`, map[string]float64{"bash": 99}))
			require.NoError(t, d.Update(t.Context()))
			require.Empty(t, d.Latest().LastError)
			before := *d.Latest()
			w.Respond(c.handle)
			require.Error(t, d.Update(t.Context()))
			after := *d.Latest()
			require.Contains(t, after.LastError, c.why)
			after.LastError = ""
			require.Equal(t, before, after)
			share, _ := w.share("bash")
			require.EqualValues(t, 9900, share, "the last good shares are kept")
			entries, err := os.ReadDir(w.dir)
			require.NoError(t, err)
			require.Len(t, entries, 1, "nothing else is left behind")
		})
	}
}

// TestUpdate_Slow checks that a server that stops sending in the middle of a reply is given up.
func TestUpdate_Slow(t *testing.T) {
	w := newTestSystem(t)
	d := w.start(100 * time.Millisecond)
	w.Respond(func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(rw, fixture.PopularityReply(map[string]float64{"bash": 99})[:20])
		rw.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	require.ErrorIs(t, d.Update(t.Context()), fetch.ErrSlow)
	require.Equal(t, "pkgstats did not answer in time", d.Latest().LastError)
	require.NoFileExists(t, w.path())
}

// TestLoad checks what a starting daemon makes of what an earlier one has kept.
func TestLoad(t *testing.T) {
	kept := func(t *testing.T) *testSystem {
		w := newTestSystem(t)
		d := w.start(await.Timeout)
		w.Respond(shares(`"1"`, map[string]float64{"bash": 99}))
		d.Latest()
		require.NoError(t, d.Update(t.Context()))
		return w
	}
	t.Run("good", func(t *testing.T) {
		w := kept(t)
		d := w.start(await.Timeout)
		require.NotEmpty(t, d.Latest().SHA256)
		require.Positive(t, d.Latest().RepliedAt)
		require.NoError(t, d.Update(t.Context()))
		require.Equal(t, `"1"`, w.LastRequest().Get("If-None-Match"))
	})
	t.Run("another server", func(t *testing.T) {
		w := kept(t)
		d := w.start(await.Timeout)
		d.URL = "https://pkgstats.example"
		require.Empty(t, d.Latest().SHA256)
		require.NoFileExists(t, w.path())
		require.Empty(t, d.Kept.ETag)
		require.LessOrEqual(t, d.Kept.NextRequestAt, time.Now().Unix())
	})
	for name, spoil := range map[string]func(path string) error{
		"lost":             os.Remove,
		"half":             func(path string) error { return os.Truncate(path, 30) },
		"for all to write": func(path string) error { return os.Chmod(path, 0o666) },
	} {
		t.Run(name, func(t *testing.T) {
			w := kept(t)
			require.NoError(t, spoil(w.path()))
			d := w.start(await.Timeout)
			require.Empty(t, d.Latest().SHA256)
			require.Zero(t, d.Latest().RepliedAt)
			require.Equal(t, name == "lost", d.Latest().LastError == "")
			require.NoError(t, d.Update(t.Context()))
			require.Empty(t, w.LastRequest().Get("If-None-Match"), "without a good file, the request has no condition")
			share, _ := w.share("bash")
			require.EqualValues(t, 9900, share)
			require.Empty(t, d.Latest().LastError)
		})
	}
	t.Run("disabled", func(t *testing.T) {
		w := kept(t)
		Forget(w.path(), &w.store, quiet)
		require.NoFileExists(t, w.path())
		before := bytes.Clone(w.store.value)
		Forget(w.path(), &w.store, quiet)
		require.Equal(t, before, w.store.value)
		d := w.start(await.Timeout)
		require.Empty(t, d.Latest().SHA256)
		require.LessOrEqual(t, d.Kept.NextRequestAt, time.Now().Unix(), "enabled again, the shares are requested at once")
	})
}

// getter is a Getter that calls a function for each download.
type getter func(path string) error

func (g getter) File(_ context.Context, _ fetch.Request, path string, check func(string) error) (fetch.Response, error) {
	if err := g(path); err != nil {
		return fetch.Response{}, err
	}
	return fetch.Response{ETag: `"1"`}, check(path)
}

// TestRun_Monthly checks that a request is sent each fourth or fifth week, on another day each time, also across restarts, and that
// failures are repeated later and later.
func TestRun_Monthly(t *testing.T) {
	const day = 24 * time.Hour
	synctest.Test(t, func(t *testing.T) {
		dir, began, kept := t.TempDir(), time.Now(), &oneValue{}
		var requested []time.Duration
		var failure error
		changed := 0
		run := func(d time.Duration) {
			p := New(Config{
				URL: "https://pkgstats.example", Path: filepath.Join(dir, "popularity.json"), IsTrusted: paths.ProcessEnv().Trusts, Store: kept, Log: quiet,
				Client: getter(func(path string) error {
					requested = append(requested, time.Since(began))
					if failure != nil {
						return failure
					}
					return os.WriteFile(path, []byte(fixture.PopularityReply(map[string]float64{"bash": 99})), 0o644)
				}),
				OnRequestDone: func() { changed++ },
			})
			start := time.Now()
			ctx, end := context.WithTimeout(t.Context(), d)
			defer end()
			p.Run(ctx)
			require.Equal(t, d, time.Since(start), "Run ends with its context")
			require.GreaterOrEqual(t, time.Until(time.Unix(p.Latest().NextRequestAt, 0)), -time.Second)
			require.LessOrEqual(t, time.Until(time.Unix(p.Latest().NextRequestAt, 0)), 35*day)
		}
		for range 27 {
			run(day)
		}
		require.Equal(t, []time.Duration{0}, requested, "a daemon that starts each day sends one request in four weeks")
		run(9 * day)
		require.Len(t, requested, 2)
		run(1000 * day)
		days := map[time.Duration]bool{}
		for i := 1; i < len(requested); i++ {
			pause := requested[i] - requested[i-1]
			require.GreaterOrEqual(t, pause, 28*day-time.Second) // the time of the next request is kept in seconds
			require.LessOrEqual(t, pause, 35*day)
			days[pause/day] = true
		}
		require.Greater(t, len(days), 2, "the day is random")
		require.InDelta(t, 1000/31.5, len(requested), 5)
		require.Equal(t, len(requested), changed)

		failure, requested = errors.New("unreachable"), nil
		run(36 * day)
		require.Greater(t, len(requested), 3)
		for i := range 3 {
			pause := time.Hour << i
			require.GreaterOrEqual(t, requested[i+1]-requested[i], pause, "a failure is repeated after an hour, then after two")
			require.LessOrEqual(t, requested[i+1]-requested[i], pause+pause/10)
		}

		failure, requested = nil, nil
		require.NoError(t, os.Remove(filepath.Join(dir, "popularity.json")))
		run(2 * time.Hour)
		require.Len(t, requested, 1, "a lost file is downloaded again within an hour")
	})
}
