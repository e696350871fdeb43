package tracker

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/omgd/internal/document/documenttest"
	"github.com/omg-arch/omg/omgd/internal/store"
	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/fetch"
	"github.com/omg-arch/omg/shared/fetch/fetchtest"
)

func TestMain(m *testing.M) { await.RunTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

const modified = "Tue, 14 Nov 2023 22:13:20 GMT"

// records returns a handler whose reply has n advisories. If a request has the reply's ETag and date, the
// handler replies with 304.
func records(n int) http.HandlerFunc {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(`{"name":"AVG-%d","packages":["a"],"status":"Fixed","severity":"High","type":"x","affected":"1-1","fixed":"2-1","issues":[],"advisories":[]}`, i)
	}
	etag := fmt.Sprintf(`"%d"`, n)
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") == etag && r.Header.Get("If-Modified-Since") == modified {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("ETag", etag)
		w.Header().Set("Last-Modified", modified)
		_, _ = io.WriteString(w, "["+strings.Join(all, ",")+"]")
	}
}

type testSystem struct {
	web *fetchtest.Server
	dir string
}

// respond sets the reply to requests for the list of advisories. Other requests get a 404.
func (w *testSystem) respond(h http.HandlerFunc) {
	w.web.Respond(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/all.json" {
			http.NotFound(rw, r)
			return
		}
		h(rw, r)
	})
}

// open opens the store with timeouts so long that even a slow machine does not reach them.
func (w *testSystem) open() *store.Store {
	return store.Open(w.dir, store.Limits{OpenTimeout: await.Timeout, OperationTimeout: await.Timeout, CloseTimeout: await.Timeout}, quiet)
}

// tracker returns a Downloader that uses the test system's store. The function stop closes the store and the
// client.
func (w *testSystem) tracker(t *testing.T) (tr *Downloader, stop func()) {
	t.Helper()
	client, err := fetch.New(config.Network{Proxy: "none", Timeout: config.Duration(await.Timeout)}, "omg-test")
	require.NoError(t, err)
	s := w.open()
	tr = New(Config{
		URL: w.web.URL + "/", Interval: time.Hour, StaleAfter: 24 * time.Hour, Client: client, Store: s, Log: quiet,
		OnRequestDone: func() {},
	})
	return tr, func() {
		client.Close()
		require.NoError(t, s.Close())
	}
}

// TestTracker_Ask checks the advisories after each kind of reply: no reply yet, the first reply, a reply that
// is not modified, and a new reply.
func TestTracker_Ask(t *testing.T) {
	start := time.Now().Unix()
	w := &testSystem{web: fetchtest.NewServer(t), dir: t.TempDir()}
	tr, stop := w.tracker(t)
	require.Zero(t, tr.Latest().RepliedAt, "no records yet")

	w.respond(records(3))
	require.NoError(t, tr.Update(t.Context()))
	first := tr.Latest()
	require.Len(t, first.Records, 3)
	require.EqualValues(t, 1_700_000_000, first.AsOf)
	require.GreaterOrEqual(t, first.RepliedAt, start)
	require.Empty(t, w.web.LastRequest().Get("If-None-Match"))

	tr.Kept.ConfirmedAt, first.RepliedAt = 5, 5 // a time long ago
	require.NoError(t, tr.Update(t.Context()))
	require.Equal(t, `"3"`, w.web.LastRequest().Get("If-None-Match"))
	require.Equal(t, modified, w.web.LastRequest().Get("If-Modified-Since"))
	again := tr.Latest()
	require.NotSame(t, first, again, "an earlier result is not changed")
	require.GreaterOrEqual(t, again.RepliedAt, start, "a reply that is not modified confirms the advisories now")
	require.Equal(t, first.Records, again.Records)
	stop()

	// The next Downloader loads the stored reply and sends the reply's ETag.
	tr, stop = w.tracker(t)
	documenttest.RequireKept(t, tr, again, tr.Latest())
	w.respond(records(4))
	require.NoError(t, tr.Update(t.Context()))
	require.Equal(t, `"3"`, w.web.LastRequest().Get("If-None-Match"))
	require.Len(t, tr.Latest().Records, 4)
	stop()
}

// TestTracker_Faults checks that the advisories stay after each fault, with their age and the reason.
func TestTracker_Faults(t *testing.T) {
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
		"503 in HTML":                       {body(503, "<html>maintenance</html>"), "503"},
		"HTML":                              {body(200, "<html>welcome</html>"), "not a list of advisories"},
		"truncated":                         {body(200, `[{"name":"AVG-1","packages":["a"`), "not a list of advisories"},
		"nothing":                           {body(200, ""), "not a list of advisories"},
		"no valid advisory":                 {body(200, `[{"name":1},{"packages":"x"}]`), "none of 2 records"},
		"not modified, without a condition": {body(304, ""), "304"},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, "[")
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
			http.Redirect(w, r, "http://example.org/all.json", http.StatusFound)
		}, "not over TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &testSystem{web: fetchtest.NewServer(t), dir: t.TempDir()}
			tr, stop := w.tracker(t)
			w.respond(c.handle)
			require.Error(t, tr.Update(t.Context()))
			require.Zero(t, tr.Latest().RepliedAt, "unknown")
			require.Contains(t, tr.Latest().LastError, c.why)
			require.Contains(t, tr.Latest().LastError, "the security tracker")

			w.respond(records(2))
			require.NoError(t, tr.Update(t.Context()))
			require.Empty(t, tr.Latest().LastError)
			before := *tr.Latest()

			w.respond(c.handle)
			if name == "not modified, without a condition" {
				tr.Kept.ETag, tr.Kept.LastModified = "", "" // the reply 304 to a request without a condition is an error
			}
			require.Error(t, tr.Update(t.Context()))
			after := *tr.Latest()
			require.Contains(t, after.LastError, c.why)
			stop()

			tr, stop = w.tracker(t)
			documenttest.RequireKept(t, tr, &before, tr.Latest())
			after.LastError = ""
			require.Equal(t, before, after)
			stop()
		})
	}
}

func TestTracker_OneBadRecord(t *testing.T) {
	w := &testSystem{web: fetchtest.NewServer(t), dir: t.TempDir()}
	tr, stop := w.tracker(t)
	defer stop()
	w.respond(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `[{"name":"AVG-1","packages":["a"],"status":"Fixed","severity":"High","affected":"1-1","fixed":"2-1"},{"name":"AVG-2","packages":5}]`)
	})
	require.NoError(t, tr.Update(t.Context()))
	require.Len(t, tr.Latest().Records, 1)
	require.Equal(t, 1, tr.Latest().SkippedCount)
}

// TestTracker_Stored checks that a stored reply is used only if it is valid and comes from the configured
// tracker.
func TestTracker_Stored(t *testing.T) {
	w := &testSystem{web: fetchtest.NewServer(t), dir: t.TempDir()}
	tr, stop := w.tracker(t)
	w.respond(records(2))
	require.NoError(t, tr.Update(t.Context()))
	good, _, _ := store.Load[savedReply](tr.Store, bucket, key)
	require.Less(t, len(good.Body), 500, "compressed")
	stop()
	for name, spoil := range map[string]func(*savedReply){
		"another tracker's": func(s *savedReply) { s.URL = "https://example.org" },
		"not compressed":    func(s *savedReply) { s.Body = []byte("[]") },
		"nothing":           func(s *savedReply) { s.Body = nil },
		"cut off":           func(s *savedReply) { s.Body = s.Body[:len(s.Body)-20] },
		"no advisories":     func(s *savedReply) { s.Body = gzipCompress([]byte("<html>")) },
		"far too large":     func(s *savedReply) { s.Body = gzipCompress(append([]byte("["), make([]byte, 64<<20)...)) },
	} {
		s := w.open()
		bad := good
		spoil(&bad)
		value, err := msgpack.Marshal(&bad)
		require.NoError(t, err)
		require.NoError(t, s.Put(bucket, key, value, time.Now()))
		require.NoError(t, s.Close())
		tr, stop = w.tracker(t)
		require.Zero(t, tr.Latest().RepliedAt, name)
		require.Zero(t, tr.Kept.ConfirmedAt, name)
		require.Empty(t, tr.Kept.ETag, "%s: the request has no condition", name)
		stop()
	}
}

// getter is a Getter that calls a function for each download.
type getter func(w io.Writer) fetch.Response

func (g getter) Get(_ context.Context, _ fetch.Request, w io.Writer) (fetch.Response, error) {
	return g(w), nil
}

// oneValue is a store.ValueStore that holds one value.
type oneValue struct{ value []byte }

func (s *oneValue) Put(_, _ string, value []byte, _ time.Time) error {
	s.value = bytes.Clone(value)
	return nil
}

func (s *oneValue) Get(_, _ string) ([]byte, time.Time, bool) {
	return s.value, time.Time{}, s.value != nil
}

// TestRun_AsksWhenItIsDue checks that a request is sent an hour after the last reply, also across restarts.
func TestRun_AsksWhenItIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, requested, kept := time.Now(), []time.Duration(nil), &oneValue{}
		run := func(d time.Duration) {
			changed := 0
			before := len(requested)
			tr := New(Config{
				URL: "https://tracker.example", Interval: time.Hour, StaleAfter: 24 * time.Hour, Store: kept, Log: quiet,
				Client: getter(func(w io.Writer) fetch.Response {
					requested = append(requested, time.Since(began))
					_, _ = io.WriteString(w, `[{"name":"AVG-1","packages":["a"],"status":"Fixed","severity":"High","affected":"1-1","fixed":"2-1"}]`)
					return fetch.Response{ETag: `"1"`, LastModified: modified}
				}),
				OnRequestDone: func() { changed++ },
			})
			start := time.Now()
			ctx, end := context.WithTimeout(t.Context(), d)
			defer end()
			tr.Run(ctx)
			require.Equal(t, d, time.Since(start), "Run ends with its context")
			require.Len(t, tr.Latest().Records, 1)
			require.Equal(t, len(requested)-before, changed)
			require.Positive(t, time.Until(time.Unix(tr.Latest().NextRequestAt, 0))+time.Second)
			require.Less(t, time.Until(time.Unix(tr.Latest().NextRequestAt, 0)), 67*time.Minute)
		}
		run(10 * time.Minute)
		require.Equal(t, []time.Duration{0}, requested)
		run(49 * time.Minute)
		require.Len(t, requested, 1, "the reply is too young for another request")
		run(2 * time.Minute)
		require.Equal(t, []time.Duration{0, time.Hour}, requested)
		run(23*time.Hour + time.Minute)
		require.InDelta(t, 23, len(requested), 2, "an hour and up to a tenth of one apart")
	})
}
