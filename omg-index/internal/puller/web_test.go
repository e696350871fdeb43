package puller

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/fetch"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/publication"
	"github.com/omg-arch/omg/shared/pulled"
	"github.com/omg-arch/omg/shared/sourcerecords"
)

func TestMain(m *testing.M) { await.RunTestMain(m) }

// server is a web server with a published directory. The function answer, unless it is nil, can reply in place of it: it reports whether it did.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	answer   func(w http.ResponseWriter, r *http.Request) bool
	requests []string // the paths and status codes
}

func newServer(t *testing.T, dir string) *server {
	t.Helper()
	s := &server{}
	files := http.FileServer(http.Dir(dir))
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		answer := s.answer
		s.mu.Unlock()
		recorder := &statusRecorder{ResponseWriter: w, code: http.StatusOK}
		defer func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.requests = append(s.requests, fmt.Sprintf("%s %d", r.URL.Path, recorder.code))
		}()
		if answer == nil || !answer(recorder, r) {
			files.ServeHTTP(recorder, r)
		}
	}))
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s
}

type statusRecorder struct {
	http.ResponseWriter
	code int
}

func (r *statusRecorder) WriteHeader(code int) {
	r.code = code
	r.ResponseWriter.WriteHeader(code)
}

func (s *server) setAnswer(answer func(w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// sent returns the requests after the last call.
func (s *server) sent() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.requests
	s.requests = nil
	return list
}

// mirror returns the server as a mirror, with a client of its own.
func (s *server) mirror(t *testing.T) Mirror {
	t.Helper()
	return s.mirrorWithTimeout(t, await.Timeout)
}

func (s *server) mirrorWithTimeout(t *testing.T, timeout time.Duration) Mirror {
	t.Helper()
	c, err := fetch.New(config.Network{Proxy: "none", Timeout: config.Duration(timeout)}, "omg-test")
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return NewWeb(s.URL+"/", c)
}

// publishAt publishes, and sets the modification time of the signature, by which a server decides whether it has changed.
func (w *world) publishAt(version string, at time.Time) {
	w.Helper()
	w.publish(version)
	require.NoError(w, os.Chtimes(filepath.Join(w.dir, publication.ManifestName+publication.SignatureSuffix), at, at))
}

func TestPull_Web(t *testing.T) {
	w := newWorld(t)
	w.publishAt("1-1", start)
	s := newServer(t, w.dir)
	r := w.pull(s.mirror(t))
	require.Equal(t, both("1-1"), w.versions())
	require.Len(t, s.sent(), 5, "the signature, the manifest, and three objects")
	whole := r.Bytes

	r = w.pull(s.mirror(t))
	require.Equal(t, []string{"/manifest.json.minisig 304"}, s.sent(), "nothing has changed: one request")
	require.Zero(t, r.Bytes)
	require.NoError(t, os.Remove(filepath.Join(w.own, "core.omgidx")))
	w.pull(s.mirror(t))
	require.Len(t, s.sent(), 1, "the records are there")
	require.Equal(t, both("1-1"), w.versions())

	w.publishAt("2-1", time.Now().Add(time.Minute))
	r = w.pull(s.mirror(t))
	require.Equal(t, both("2-1"), w.versions())
	require.Equal(t, 2, r.Sources[0].PatchCount)

	state, err := pulled.Read(w.own, paths.ProcessEnv().Trusts)
	require.NoError(t, err)
	require.Equal(t, r.Key.String(), state.Publisher)
	require.Equal(t, r.Sequence, state.Sequence)
	require.Equal(t, s.URL+"/", state.Mirror)
	require.Equal(t, whole+r.Bytes, state.Bytes)
	require.Equal(t, 3, state.Patches, "core and the two texts of the AUR, whose votes have not changed")
	require.Equal(t, r.Sequence, state.Find(sourcerecords.KindRepository, "core").Sequence)

	// Another publication in the same second is noticed.
	at := time.Now().Add(time.Minute)
	w.publishAt("3-1", at)
	w.pull(s.mirror(t))
	w.publishAt("4-1", at)
	w.pull(s.mirror(t))
	require.Equal(t, both("4-1"), w.versions())
}

// TestPull_Resume breaks off each download of an object after a part of it, and checks that nothing is sent twice.
func TestPull_Resume(t *testing.T) {
	w := newWorld(t)
	w.publish("1-1")
	s := newServer(t, w.dir)
	ranges := 0
	s.setAnswer(func(rw http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, "/objects/") {
			return false
		}
		if r.Header.Get("Range") != "" {
			ranges++
			return false
		}
		content, err := os.ReadFile(filepath.Join(w.dir, r.URL.Path))
		require.NoError(t, err)
		rw.Header().Set("Content-Length", fmt.Sprint(len(content)))
		_, _ = rw.Write(content[:len(content)/2])
		require.NoError(t, http.NewResponseController(rw.(*statusRecorder).ResponseWriter).Flush())
		panic(http.ErrAbortHandler)
	})
	s.Config.ErrorLog = nil
	r := w.pull(s.mirror(t))
	require.Equal(t, both("1-1"), w.versions())
	require.Equal(t, 3, ranges)
	total := int64(0)
	for i := range r.Publication.Sources {
		if slices.Contains([]string{"core", "aur"}, r.Publication.Sources[i].Name) {
			total += r.Publication.Sources[i].Object.Size
		}
	}
	documents := r.Bytes - total
	require.Positive(t, documents)
	require.Less(t, documents, int64(20<<10), "the signature and the manifest")
}

// TestPull_ResumeLater checks that a later pull goes on, from another mirror, and that a wrong beginning does no harm.
func TestPull_ResumeLater(t *testing.T) {
	for _, wrong := range []bool{false, true} {
		w := newWorld(t)
		w.publish("1-1")
		s := newServer(t, w.dir)
		s.setAnswer(func(rw http.ResponseWriter, r *http.Request) bool {
			if !strings.HasPrefix(r.URL.Path, "/objects/") {
				return false
			}
			if r.Header.Get("Range") != "" {
				rw.WriteHeader(http.StatusServiceUnavailable)
				return true
			}
			content, err := os.ReadFile(filepath.Join(w.dir, r.URL.Path))
			require.NoError(t, err)
			rw.Header().Set("Content-Length", fmt.Sprint(len(content)))
			part := content[:len(content)/2]
			if wrong {
				part = bytes.Repeat([]byte("x"), len(part))
			}
			_, _ = rw.Write(part)
			require.NoError(t, http.NewResponseController(rw.(*statusRecorder).ResponseWriter).Flush())
			panic(http.ErrAbortHandler)
		})
		r, err := w.tryPull(s.mirror(t))
		require.NoError(t, err)
		require.Error(t, r.Sources[0].Err)
		other := newServer(t, w.dir)
		w.pull(other.mirror(t), s.mirror(t))
		require.Equal(t, both("1-1"), w.versions())
		partial := slices.ContainsFunc(other.sent(), func(request string) bool { return strings.HasSuffix(request, " 206") })
		require.True(t, partial, "the rest is requested")
	}
}

// TestPull_Health checks that a mirror that has failed is asked last, for a time that grows.
func TestPull_Health(t *testing.T) {
	w := newWorld(t)
	w.publish("1-1")
	bad, good := newServer(t, w.dir), newServer(t, w.dir)
	bad.setAnswer(func(rw http.ResponseWriter, _ *http.Request) bool {
		rw.WriteHeader(http.StatusInternalServerError)
		return true
	})
	mirrors := func() []Mirror { return []Mirror{bad.mirror(t), good.mirror(t)} }
	r := w.pull(mirrors()...)
	require.Len(t, r.Refused, 1)
	require.Contains(t, r.Refused[0], "the server reports an error (500 Internal Server Error)")
	bad.sent()
	w.pull(mirrors()...)
	require.Empty(t, bad.sent(), "it has just failed")
	w.hours++
	for range 12 { // it fails each time when it is asked again
		w.pull(mirrors()...)
		w.hours++
	}
	asked := len(bad.sent())
	require.Greater(t, asked, 3)
	require.Less(t, asked, 12)
	bad.setAnswer(nil)
	w.hours += 24
	w.publish("2-1")
	require.Equal(t, bad.URL+"/", w.pull(mirrors()...).Mirror)
	require.NotEmpty(t, bad.sent())
	good.sent()
	w.pull(mirrors()...)
	require.Empty(t, good.sent(), "the first one works again")
}

// TestAttack_BadServers checks pulls from servers that do something else than to send the files. Each of them is named, nothing of it is used, and
// the next mirror is asked.
func TestAttack_BadServers(t *testing.T) {
	var part bytes.Buffer
	z := gzip.NewWriter(&part)
	_, err := z.Write(make([]byte, 1<<20))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	bomb := bytes.Repeat(part.Bytes(), 64) // a file of several parts is valid (RFC 1952 section 2.2)
	elsewhere := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(elsewhere.Close)
	isObject := func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/objects/") }
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter, r *http.Request) bool
		want   string
	}{
		"error":   {func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(500); return true }, "reports an error (500"},
		"no file": {func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(404); return true }, "there is no signature"},
		"page": {func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("<html>Please log in</html>"))
			return true
		}, "the signature of manifest.json: damaged, or changed by somebody: not one of minisign"},
		"endless signature": {func(w http.ResponseWriter, _ *http.Request) bool {
			for range 1 << 20 {
				if _, err := w.Write(make([]byte, 4<<10)); err != nil {
					break
				}
			}
			return true
		}, "larger than allowed"},
		"endless objects": {func(w http.ResponseWriter, r *http.Request) bool {
			for isObject(r) {
				if _, err := w.Write(make([]byte, 4<<10)); err != nil {
					break
				}
			}
			return isObject(r)
		}, "larger than allowed"},
		"oversized": {func(w http.ResponseWriter, r *http.Request) bool {
			if isObject(r) {
				w.Header().Set("Content-Length", fmt.Sprint(int64(1)<<50))
				w.WriteHeader(200)
			}
			return isObject(r)
		}, "larger than allowed"},
		"gzip bomb": {func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb)
			return true
		}, "larger than allowed"},
		"gzip bomb as an object": {func(w http.ResponseWriter, r *http.Request) bool {
			if isObject(r) {
				w.Header().Set("Content-Encoding", "gzip")
				_, _ = w.Write(bomb)
			}
			return isObject(r)
		}, "larger than allowed"},
		"truncated objects": {func(w http.ResponseWriter, r *http.Request) bool {
			if isObject(r) {
				_, _ = w.Write([]byte("short"))
			}
			return isObject(r)
		}, "bytes instead of"},
		"not modified, without a request for that": {func(w http.ResponseWriter, r *http.Request) bool {
			w.WriteHeader(304)
			return true
		}, "reports an error (304"},
		"other part": {func(w http.ResponseWriter, r *http.Request) bool {
			if isObject(r) {
				w.Header().Set("Content-Range", "bytes 5-9/10")
				w.WriteHeader(206)
				_, _ = w.Write([]byte("other"))
			}
			return isObject(r)
		}, "reports an error (206"},
		"redirect to another server": {func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, elsewhere.URL, http.StatusFound)
			return true
		}, "there is no signature"},
		"endless redirects": {func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
			return true
		}, "too many redirects"},
		"another scheme": {func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
			return true
		}, "not over TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.publish("1-1")
			good, bad := newServer(t, w.dir), newServer(t, w.dir)
			w.pull(good.mirror(t))
			w.publish("2-1")
			bad.setAnswer(c.answer)
			r, err := w.tryPull(bad.mirror(t))
			if err == nil {
				for _, s := range r.Sources {
					require.ErrorContains(t, s.Err, bad.URL)
					require.ErrorContains(t, s.Err, c.want)
				}
			} else {
				require.ErrorContains(t, err, bad.URL)
				require.ErrorContains(t, err, c.want)
			}
			require.Equal(t, both("1-1"), w.versions())
			require.Less(t, r.Bytes, int64(1<<20))
			w.hours += 48 // it is asked first again, and the manifest expires
			w.publish("3-1")
			w.pull(bad.mirror(t), good.mirror(t))
			require.Equal(t, both("3-1"), w.versions())
		})
	}
}

// TestAttack_SlowServer checks that a server that sends nothing, or a byte now and then, does not hold up the next mirror.
func TestAttack_SlowServer(t *testing.T) {
	for name, answer := range map[string]func(w http.ResponseWriter, r *http.Request) bool{
		"nothing": func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true },
		"slowly": func(w http.ResponseWriter, r *http.Request) bool {
			for r.Context().Err() == nil {
				_, _ = w.Write([]byte("x"))
				_ = http.NewResponseController(w.(*statusRecorder).ResponseWriter).Flush()
				time.Sleep(10 * time.Millisecond)
			}
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.publish("1-1")
			good, bad := newServer(t, w.dir), newServer(t, w.dir)
			bad.setAnswer(answer)
			r := w.pull(bad.mirrorWithTimeout(t, 200*time.Millisecond), good.mirror(t))
			require.Equal(t, both("1-1"), w.versions())
			require.Len(t, r.Refused, 1)
			require.Contains(t, r.Refused[0], "the server did not answer in time")
		})
	}
}

// TestAttack_OldWebMirror checks that a server whose files are old cannot hold back a machine that knows of newer ones, and is not believed that
// nothing has changed.
func TestAttack_OldWebMirror(t *testing.T) {
	w := newWorld(t)
	w.publish("1-1")
	old := filepath.Join(t.TempDir(), "old")
	require.NoError(t, os.CopyFS(old, os.DirFS(w.dir)))
	require.NoError(t, os.Chtimes(filepath.Join(old, publication.ManifestName+publication.SignatureSuffix), start, start))
	frozen, good := newServer(t, old), newServer(t, w.dir)
	w.pull(frozen.mirror(t))
	w.hours += 50
	r := w.pull(frozen.mirror(t))
	require.True(t, r.Stale, "it says that nothing has changed: the manifest expires nevertheless")
	w.publish("2-1")
	w.pull(frozen.mirror(t), good.mirror(t))
	require.Equal(t, both("2-1"), w.versions())
	_, err := w.tryPull(frozen.mirror(t))
	require.ErrorIs(t, err, publication.ErrOlder)
}
