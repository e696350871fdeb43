package publish

import (
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
)

// startEdgeOf starts an edge of an origin that is not nginx.
func startEdgeOf(t *testing.T, origin http.HandlerFunc) *server {
	t.Helper()
	s := httptest.NewServer(origin)
	t.Cleanup(s.Close)
	return startNginx(t, "omg-edge.conf", map[string]string{"http://omg.example.org": s.URL, "/var/cache/nginx/omg": filepath.Join(t.TempDir(), "cache")})
}

// TestEdge_SlowOrigin has an origin that needs longer for an object than nginx waits by default before it requests the object again for the next
// reader.
func TestEdge_SlowOrigin(t *testing.T) {
	const defaultLockAge = 5 * time.Second
	var requests atomic.Int64
	begun, release := make(chan struct{}), make(chan struct{})
	edge := startEdgeOf(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/objects/ab/object" {
			return
		}
		if requests.Add(1) == 1 {
			close(begun)
		}
		<-release
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		_, _ = io.WriteString(w, "content")
	})
	replies := make(chan string, 2)
	read := func() { replies <- get(t, edge.URL+"/objects/ab/object") }
	go read()
	harness.Receive(t, begun, "the first request")
	go read()
	time.Sleep(defaultLockAge + time.Second)
	require.EqualValues(t, 1, requests.Load(), "the second reader waits")
	close(release)
	for range 2 {
		require.Equal(t, "content", harness.Receive(t, replies, "a reply"))
	}
	require.EqualValues(t, 1, requests.Load())
}

// TestEdge_NoStatement has readers ask for a statement that does not exist: the origin is asked once. Other files that are missing may be there a
// moment later.
func TestEdge_NoStatement(t *testing.T) {
	var statements, others atomic.Int64
	edge := startEdgeOf(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/omg/keys.json.minisig":
			statements.Add(1)
		case "/omg/objects/ab/object":
			others.Add(1)
		}
		w.WriteHeader(http.StatusNotFound)
	})
	begin := time.Now()
	for range 20 {
		for _, name := range []string{"keys.json.minisig", "objects/ab/object"} {
			r, err := http.Get(edge.URL + "/omg/" + name)
			require.NoError(t, err)
			require.NoError(t, r.Body.Close())
			require.Equal(t, http.StatusNotFound, r.StatusCode)
		}
	}
	require.LessOrEqual(t, statements.Load(), 1+int64(time.Since(begin)/time.Minute), "the edge remembers it for a minute")
	require.EqualValues(t, 20, others.Load())
}
