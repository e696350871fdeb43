package newsfeed

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omgd/internal/document/documenttest"
	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/fetch"
	"github.com/omg-arch/omg/shared/fetch/fetchtest"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/news"
	"github.com/omg-arch/omg/shared/wire"
)

func TestMain(m *testing.M) { await.RunTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

func trustsSelf(uid uint32) bool { return int(uid) == os.Getuid() }

const modified = "Tue, 14 Nov 2023 22:13:20 GMT"

// serve returns a handler with a feed. If a request has the reply's ETag and date, the handler replies with 304.
func serve(etag, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") == etag && r.Header.Get("If-Modified-Since") == modified {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("ETag", etag)
		w.Header().Set("Last-Modified", modified)
		w.Header().Set("Content-Type", "application/rss+xml; charset=utf-8")
		_, _ = io.WriteString(w, body)
	}
}

// newDownloader returns a Downloader with the file in dir.
func newDownloader(t *testing.T, web *fetchtest.Server, dir string) *Downloader {
	t.Helper()
	client, err := fetch.New(config.Network{Proxy: "none", Timeout: config.Duration(await.Timeout)}, "omg-test")
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return New(Config{
		URL: web.URL + "/feed", Interval: 6 * time.Hour, StaleAfter: 24 * time.Hour, Path: news.Path(dir), IsTrusted: trustsSelf, Client: client,
		Log: quiet, OnRequestDone: func() {},
	})
}

func titles(items []wire.NewsItem) (list []string) {
	for i := range items {
		list = append(list, items[i].Title)
	}
	return list
}

// TestUpdate checks the news after each kind of reply: no reply yet, the first reply, a reply that is not modified, and a new reply.
func TestUpdate(t *testing.T) {
	start, dir, web := time.Now().Unix(), t.TempDir(), fetchtest.NewServer(t)
	d := newDownloader(t, web, dir)
	require.Zero(t, d.Latest().RepliedAt, "no news yet")

	web.Respond(serve(`"1"`, fixture.TwoNewsItems))
	require.NoError(t, d.Update(t.Context()))
	first := d.Latest()
	require.Equal(t, []wire.NewsItem{
		{NewsHeadline: wire.NewsHeadline{ID: "tag:archlinux.org,2023-11-14:/news/second/", Title: "Second", URL: "https://archlinux.org/news/second/", PublishedAt: 1_700_000_000}, Text: "About second."},
		{NewsHeadline: wire.NewsHeadline{ID: "tag:archlinux.org,2023-11-14:/news/first/", Title: "First", URL: "https://archlinux.org/news/first/", PublishedAt: 1_690_000_000}, Text: "About first."},
	}, first.Items, "the newest first")
	require.GreaterOrEqual(t, first.RepliedAt, start)
	require.Empty(t, web.LastRequest().Get("If-None-Match"))
	require.Equal(t, "omg-test", web.LastRequest().Get("User-Agent"))

	d.Kept.ConfirmedAt = 5 // a time long ago
	require.NoError(t, d.Update(t.Context()))
	require.Equal(t, `"1"`, web.LastRequest().Get("If-None-Match"))
	require.Equal(t, modified, web.LastRequest().Get("If-Modified-Since"))
	again := d.Latest()
	require.NotSame(t, first, again, "an earlier result is not changed")
	require.GreaterOrEqual(t, again.RepliedAt, start, "a reply that is not modified confirms the news now")
	require.Equal(t, first.Items, again.Items)

	// The next Downloader reads the file and sends the reply's ETag.
	d = newDownloader(t, web, dir)
	documenttest.RequireKept(t, d, again, d.Latest())
	web.Respond(serve(`"2"`, fixture.NewsFeed(fixture.NewsItem("third", "Third", modified))))
	require.NoError(t, d.Update(t.Context()))
	require.Equal(t, `"1"`, web.LastRequest().Get("If-None-Match"))
	require.Equal(t, []string{"Third"}, titles(d.Latest().Items))
}

// TestUpdate_Faults checks that the news stay after each fault of the server, with their age and the reason.
func TestUpdate_Faults(t *testing.T) {
	body := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, text)
		}
	}
	for name, c := range map[string]struct {
		handle http.HandlerFunc
		why    string
	}{
		"500 with a feed":                   {body(500, fixture.TwoNewsItems), "500"},
		"503 in HTML":                       {body(503, "<html>maintenance</html>"), "503"},
		"a page of a hotel":                 {body(200, "<!DOCTYPE html><html><head><title>Welcome</title></head><body><p>Log in</body></html>"), "no valid feed"},
		"truncated":                         {body(200, fixture.TwoNewsItems[:len(fixture.TwoNewsItems)-40]), "no valid feed"},
		"truncated in a tag":                {body(200, fixture.TwoNewsItems[:300]), "no valid feed"},
		"nothing":                           {body(200, ""), "no valid feed"},
		"no items":                          {body(200, fixture.NewsFeed()), "it has no items"},
		"JSON":                              {body(200, `{"version":"https://jsonfeed.org/version/1","title":"x","items":[{"id":"1","title":"a"}]}`), "no valid feed"},
		"not modified, without a condition": {body(304, ""), "304"},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100000")
			_, _ = io.WriteString(w, fixture.TwoNewsItems)
		}, "the response is truncated"},
		"a gigabyte": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1073741824")
			w.WriteHeader(200)
		}, "too large"},
		"without an end": {func(w http.ResponseWriter, _ *http.Request) {
			for chunk := make([]byte, 1<<20); ; {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}, "too large"},
		"elsewhere, without TLS": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://example.org/", http.StatusFound)
		}, "not over TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, web := t.TempDir(), fetchtest.NewServer(t)
			d := newDownloader(t, web, dir)
			web.Respond(c.handle)
			require.Error(t, d.Update(t.Context()))
			require.Zero(t, d.Latest().RepliedAt, "unknown")
			require.Contains(t, d.Latest().LastError, c.why)
			require.Contains(t, d.Latest().LastError, "the server of Arch's news")
			require.NoFileExists(t, d.Path)

			web.Respond(serve(`"1"`, fixture.TwoNewsItems))
			require.NoError(t, d.Update(t.Context()))
			require.Empty(t, d.Latest().LastError)
			before := *d.Latest()

			web.Respond(c.handle)
			if name == "not modified, without a condition" {
				d.Kept.ETag, d.Kept.LastModified = "", "" // the reply 304 to a request without a condition is an error
			}
			require.Error(t, d.Update(t.Context()))
			after := *d.Latest()
			require.Contains(t, after.LastError, c.why)
			documenttest.RequireKept(t, d, &before, newDownloader(t, web, dir).Latest())
			after.LastError = ""
			require.Equal(t, before, after)
		})
	}
}

// TestUpdate_File checks that the news are kept in memory if the file cannot be written, and that a bad file is not used.
func TestUpdate_File(t *testing.T) {
	dir, web := t.TempDir(), fetchtest.NewServer(t)
	web.Respond(serve(`"1"`, fixture.TwoNewsItems))
	d := newDownloader(t, web, filepath.Join(dir, "missing"))
	require.NoError(t, d.Update(t.Context()))
	require.Len(t, d.Latest().Items, 2)

	require.NoError(t, os.WriteFile(news.Path(dir), []byte("{}"), 0o644))
	d = newDownloader(t, web, dir)
	require.Zero(t, d.Latest().RepliedAt)
	require.NoError(t, d.Update(t.Context()))
	require.Empty(t, web.LastRequest().Get("If-None-Match"))

	d = newDownloader(t, web, dir)
	d.URL = web.URL + "/other"
	require.Zero(t, d.Latest().RepliedAt, "the news of another feed")

	require.NoError(t, Remove(news.Path(dir)))
	require.NoFileExists(t, news.Path(dir))
	require.NoError(t, Remove(news.Path(dir)), "nothing to remove")
}

// getter is a Getter that calls a function for each download.
type getter func(w io.Writer) (fetch.Response, error)

func (g getter) Get(_ context.Context, _ fetch.Request, w io.Writer) (fetch.Response, error) {
	return g(w)
}

// TestRun checks that a request is sent six hours after the last reply, also across restarts, that a failed one is repeated after a pause
// that the server can make longer, and that an unchanged feed does not change the news.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		began, requested := time.Now(), []time.Duration(nil)
		var failure error
		run := func(d time.Duration) *Downloader {
			planned := 0
			before := len(requested)
			f := New(Config{
				URL: "https://archlinux.example/feed", Interval: 6 * time.Hour, Path: news.Path(dir), IsTrusted: trustsSelf, Log: quiet,
				Client: getter(func(w io.Writer) (fetch.Response, error) {
					requested = append(requested, time.Since(began))
					if failure == nil {
						_, _ = io.WriteString(w, fixture.NewsFeed(fixture.NewsItem("a", "A", "Sat, 22 Jul 1995 04:26:40 +0000")))
					}
					return fetch.Response{ETag: `"1"`}, failure
				}),
				OnRequestDone: func() { planned++ },
			})
			start := time.Now()
			ctx, end := context.WithTimeout(t.Context(), d)
			defer end()
			f.Run(ctx)
			require.Equal(t, d, time.Since(start), "Run ends with its context")
			require.Equal(t, len(requested)-before, planned)
			return f
		}
		require.Len(t, run(time.Hour).Latest().Items, 1)
		require.Equal(t, []time.Duration{0}, requested)
		run(4*time.Hour + 59*time.Minute)
		require.Len(t, requested, 1, "the reply is too young for another request")
		f := run(2 * time.Minute)
		require.Equal(t, []time.Duration{0, 6 * time.Hour}, requested)
		require.InDelta(t, 6*time.Hour+18*time.Minute, time.Until(time.Unix(f.Latest().NextRequestAt, 0)), float64(19*time.Minute))

		time.Sleep(7 * time.Hour)
		failure = &fetch.StatusError{Code: http.StatusServiceUnavailable, RetryAfter: 3 * time.Hour}
		requested = nil
		f = run(2 * time.Hour)
		require.Len(t, requested, 1, "not before Retry-After")
		require.Contains(t, f.Latest().LastError, "503")
		require.Len(t, f.Latest().Items, 1)
		failure = fmt.Errorf("no route")
		requested = nil
		run(10 * time.Minute)
		require.InDelta(t, 4, len(requested), 1, "after 1, 2 and 4 minutes, and up to a tenth more")
	})
}
