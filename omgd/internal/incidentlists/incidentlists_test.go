package incidentlists

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aead.dev/minisign"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omgd/internal/store"
	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/fetch"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/incidents"
	"github.com/omg-arch/omg/shared/paths"
)

func TestMain(m *testing.M) { await.RunTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

// publisher is a server with a list, which misbehaves when told to.
type publisher struct {
	t       *testing.T
	private minisign.PrivateKey
	*Downloader

	mu        sync.Mutex
	handlers  map[string]http.HandlerFunc // by path
	requested []string                    // the path and the ETag of each request
}

func newPublisher(t *testing.T) *publisher {
	t.Helper()
	public, private, err := minisign.GenerateKey(nil)
	require.NoError(t, err)
	p := &publisher{t: t, private: private, handlers: map[string]http.HandlerFunc{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.requested = append(p.requested, r.URL.Path+" "+r.Header.Get("If-None-Match"))
		handle := p.handlers[r.URL.Path]
		p.mu.Unlock()
		if handle == nil {
			handle = http.NotFound
		}
		handle(w, r)
	}))
	t.Cleanup(server.Close)
	location, err := incidents.ParseLocation(server.URL + "/list.toml " + public.String())
	require.NoError(t, err)
	client, err := fetch.New(config.Network{Proxy: "none", Timeout: config.Duration(await.Timeout)}, "omg-test")
	require.NoError(t, err)
	t.Cleanup(client.Close)
	s := store.Open(t.TempDir(), store.Limits{OpenTimeout: await.Timeout, OperationTimeout: await.Timeout, CloseTimeout: await.Timeout}, quiet)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	p.Downloader = New(Config{
		Location: location, Dir: filepath.Join(t.TempDir(), "index"), Client: client, Store: s, Log: quiet, IsTrusted: paths.ProcessEnv().Trusts,
	})
	return p
}

// handle sets the handler of a path.
func (p *publisher) handle(path string, h http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.handlers[path] = h
}

// serve makes the server serve a list with a signature of the publisher. It answers 304 if the request has the ETag of the list.
func (p *publisher) serve(list string) {
	etag := fmt.Sprintf(`"%x"`, sha256.Sum256([]byte(list)))
	p.handle("/list.toml", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("ETag", etag)
		_, _ = io.WriteString(w, list)
	})
	p.handle("/list.toml.minisig", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(minisign.Sign(p.private, []byte(list)))
	})
}

// requests returns the requests since the last call.
func (p *publisher) requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer func() { p.requested = nil }()
	return p.requested
}

// sequence returns the sequence number of the list that is kept; 0 if there is none.
func (p *publisher) sequence() int64 {
	p.t.Helper()
	list, _, err := incidents.ReadSigned(&p.Location, p.path, p.IsTrusted)
	if err != nil {
		require.ErrorIs(p.t, err, os.ErrNotExist)
		return 0
	}
	return list.Sequence
}

// TestUpdate checks that a list replaces an earlier one, that an unchanged list is confirmed, and that a lost file is downloaded
// again.
func TestUpdate(t *testing.T) {
	p, r := newPublisher(t), record{}
	p.serve(fixture.IncidentList(7, "9999-12-31", "evil"))
	require.NoError(t, p.update(t.Context(), &r))
	require.EqualValues(t, 7, p.sequence())
	require.EqualValues(t, 7, r.Sequence)
	require.Equal(t, []string{"/list.toml ", "/list.toml.minisig "}, p.requests())

	old := time.Unix(1_700_000_000, 0)
	require.NoError(t, os.Chtimes(p.path, old, old))
	before := r.ETag
	require.NoError(t, p.update(t.Context(), &r))
	require.Equal(t, []string{"/list.toml " + before}, p.requests(), "the signature is not requested again")
	_, confirmed, err := incidents.ReadSigned(&p.Location, p.path, p.IsTrusted)
	require.NoError(t, err)
	require.True(t, confirmed.After(old), "the server has confirmed the list")

	p.serve(fixture.IncidentList(8, "9999-12-31", "worse"))
	require.NoError(t, p.update(t.Context(), &r))
	require.EqualValues(t, 8, p.sequence())

	require.NoError(t, os.Remove(p.path))
	p.requests()
	require.NoError(t, p.update(t.Context(), &r))
	require.Equal(t, []string{"/list.toml ", "/list.toml.minisig "}, p.requests(), "without the file, the request has no ETag")
	require.EqualValues(t, 8, p.sequence())
}

// TestUpdate_Refused checks that nothing but a later list of the publisher replaces the last good list.
func TestUpdate_Refused(t *testing.T) {
	_, other, err := minisign.GenerateKey(nil)
	require.NoError(t, err)
	text := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
	}
	truncated := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "5000")
		_, _ = io.WriteString(w, "name")
	}
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(code)
		}
	}
	const list, signature = "/list.toml", "/list.toml.minisig"
	for name, c := range map[string]struct {
		misbehave func(p *publisher)
		want      string
	}{
		"an older list": {func(p *publisher) { p.serve(fixture.IncidentList(6, "9999-12-31", "evil")) }, "the list is older than the last one: its sequence number is 6, the last one was 7"},
		"another list":  {func(p *publisher) { p.serve(fixture.IncidentList(7, "9999-12-31", "good")) }, "the list has changed, but not its sequence number: 7"},
		"another key": {func(p *publisher) {
			p.handle(signature, text(string(minisign.Sign(other, []byte(fixture.IncidentList(8, "9999-12-31", "evil"))))))
		}, "the signature is not valid"},
		"another list's": {func(p *publisher) {
			p.handle(signature, text(string(minisign.Sign(p.private, []byte(fixture.IncidentList(7, "9999-12-31", "evil"))))))
		}, "the signature is not valid"},
		"no signature":         {func(p *publisher) { p.handle(signature, nil) }, "the signature: refused: 404 Not Found"},
		"an empty signature":   {func(p *publisher) { p.handle(signature, text("")) }, "the signature is not valid"},
		"a large signature":    {func(p *publisher) { p.handle(signature, text(strings.Repeat("x", incidents.MaxSignatureBytes+1))) }, "the signature: too large"},
		"a large list":         {func(p *publisher) { p.handle(list, text(strings.Repeat("#", incidents.MaxBytes+1))) }, "too large"},
		"a truncated list":     {func(p *publisher) { p.handle(list, truncated) }, "the response is truncated"},
		"a list that is cut":   {func(p *publisher) { p.handle(list, text(fixture.IncidentList(8, "9999-12-31", "evil")[:100])) }, "the signature is not valid"},
		"an error":             {func(p *publisher) { p.handle(list, status(http.StatusInternalServerError)) }, "refused: 500"},
		"too many requests":    {func(p *publisher) { p.handle(list, status(http.StatusTooManyRequests)) }, "refused: 429"},
		"a signed broken list": {func(p *publisher) { p.serve(fixture.IncidentList(8, "9999-12-31", "evil") + "[[incident]]\n") }, ":11: packages is missing or empty"},
		"a signed other file":  {func(p *publisher) { p.serve("# " + strings.Repeat("x", 100)) }, "name is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			p, r := newPublisher(t), record{}
			p.serve(fixture.IncidentList(7, "9999-12-31", "evil"))
			require.NoError(t, p.update(t.Context(), &r))
			before, err := os.ReadFile(p.path)
			require.NoError(t, err)
			p.serve(fixture.IncidentList(8, "9999-12-31", "evil"))
			c.misbehave(p)
			require.ErrorContains(t, p.update(t.Context(), &r), c.want)
			after, err := os.ReadFile(p.path)
			require.NoError(t, err)
			require.Equal(t, before, after, "the last good list stays")

			p.serve(fixture.IncidentList(8, "9999-12-31", "evil"))
			require.NoError(t, p.update(t.Context(), &r), "the server recovers")
			require.EqualValues(t, 8, p.sequence())
		})
	}
}

// TestUpdate_OlderAfterLoss checks that an older list is refused even if the file with the last list has been lost.
func TestUpdate_OlderAfterLoss(t *testing.T) {
	p, r := newPublisher(t), record{}
	p.serve(fixture.IncidentList(7, "9999-12-31", "evil"))
	require.NoError(t, p.update(t.Context(), &r))
	require.NoError(t, os.Remove(p.path))
	p.serve(fixture.IncidentList(6, "9999-12-31", "evil"))
	require.ErrorIs(t, p.update(t.Context(), &r), ErrOlder)
	require.Zero(t, p.sequence())
	p.serve(fixture.IncidentList(7, "9999-12-31", "evil"))
	require.NoError(t, p.update(t.Context(), &r))
	require.EqualValues(t, 7, p.sequence())
}

// memory is a store in memory.
type memory map[string][]byte

func (m memory) Put(bucket, key string, value []byte, _ time.Time) error {
	m[bucket+key] = value
	return nil
}

func (m memory) Get(bucket, key string) ([]byte, time.Time, bool) {
	value, ok := m[bucket+key]
	return value, time.Time{}, ok
}

// refusing is a Getter that refuses each request, and counts the requests.
type refusing struct{ requests int }

func (r *refusing) Get(context.Context, fetch.Request, io.Writer) (fetch.Response, error) {
	r.requests++
	return fetch.Response{}, &fetch.StatusError{Code: http.StatusTooManyRequests, RetryAfter: 6 * time.Hour}
}

// TestRun_Restarts checks that a daemon that restarts often waits as long as the server demands.
func TestRun_Restarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		public, _, err := minisign.GenerateKey(nil)
		require.NoError(t, err)
		location, err := incidents.ParseLocation("https://example.org/list.toml " + public.String())
		require.NoError(t, err)
		server, stored := &refusing{}, memory{}
		for range 12 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			New(Config{Location: location, Dir: t.TempDir(), Client: server, Store: stored, Log: quiet, IsTrusted: paths.ProcessEnv().Trusts}).Run(ctx)
			cancel()
		}
		require.Equal(t, 2, server.requests)
	})
}

// TestFailureReason checks that a failed request has a reason until the next one succeeds, and that each change is reported.
func TestFailureReason(t *testing.T) {
	p := newPublisher(t)
	changed := make(chan string, 10)
	p.OnChange = func() { changed <- p.FailureReason() }
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { p.Run(ctx) })
	require.Equal(t, "its server reports an error (404 Not Found)", <-changed)
	cancel()
	running.Wait()
	p.serve(fixture.IncidentList(3, "9999-12-31", "bad"))
	r := record{}
	require.NoError(t, p.update(t.Context(), &r))
	r.NextRequestAt = 0
	require.NoError(t, os.Remove(p.path))
	store.Save(p.Store, quiet, bucket, p.Location.FileName(), &r, time.Now())
	ctx, cancel = context.WithCancel(t.Context())
	running.Go(func() { p.Run(ctx) })
	require.Empty(t, <-changed)
	cancel()
	running.Wait()
}

// TestUpdate_DiskFaults lets each step of writing a list fail once. The last good list stays, and the next request writes the new one.
func TestUpdate_DiskFaults(t *testing.T) {
	for _, fault := range []error{unix.EIO, unix.ENOSPC} {
		p := newPublisher(t)
		p.serve(fixture.IncidentList(1, "9999-12-31", "bad"))
		r := record{}
		require.NoError(t, p.update(t.Context(), &r))
		p.serve(fixture.IncidentList(2, "9999-12-31", "bad"))
		for at := 1; ; at++ {
			require.Less(t, at, 20)
			steps, failed := 0, atomicfile.Op("")
			inject := atomicfile.Fault(func(op atomicfile.Op, _ string) error {
				if steps++; steps == at {
					failed = op
					return fault
				}
				return nil
			})
			atomicfile.TestFault.Store(&inject)
			err := p.update(t.Context(), &r)
			atomicfile.TestFault.Store(nil)
			if failed == "" {
				require.NoError(t, err)
				break
			}
			require.ErrorIs(t, err, fault)
			if failed != atomicfile.OpSyncDir { // after it, the new list is there
				require.EqualValues(t, 1, p.sequence(), failed)
			}
			left, err := os.ReadDir(p.Dir)
			require.NoError(t, err)
			require.Len(t, left, 1, failed)
		}
		require.EqualValues(t, 2, p.sequence())
	}
}

func TestRemoveOthers(t *testing.T) {
	p := newPublisher(t)
	dir := t.TempDir()
	kept := filepath.Join(dir, p.Location.FileName())
	for _, path := range []string{kept, filepath.Join(dir, "incidents-0123456789abcdef.signed"), filepath.Join(dir, "core.omgidx")} {
		require.NoError(t, os.WriteFile(path, nil, 0o644))
	}
	RemoveOthers(dir, []incidents.Location{p.Location})
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 2)
	require.FileExists(t, kept)
	RemoveOthers(dir, nil)
	require.NoFileExists(t, kept)
}
