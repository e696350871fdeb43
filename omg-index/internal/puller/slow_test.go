package puller

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aead.dev/minisign"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/publication"
)

// TestAttack_SlowObjects checks that a server that sends objects as slowly as the time limit allows does not keep a pull from asking the next mirror,
// that it is not asked for each further object, and that it is asked last the next time.
func TestAttack_SlowObjects(t *testing.T) {
	w := newWorld(t)
	w.publish("1-1")
	bad := newServer(t, w.dir)
	var slow atomic.Int64
	bad.setAnswer(func(rw http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, "/objects/") {
			return false
		}
		slow.Add(1)
		for n := 0; r.Context().Err() == nil && n < 100; n++ {
			_, _ = rw.Write([]byte("x"))
			_ = http.NewResponseController(rw.(*statusRecorder).ResponseWriter).Flush()
			time.Sleep(10 * time.Millisecond)
		}
		<-r.Context().Done()
		return true
	})
	mirror := bad.mirror(t)
	r, err := Pull(t.Context(), w.own, []Mirror{mirror, w.mirror()}, &Options{
		Trust:     publication.Trust{Online: []minisign.PublicKey{w.key.Public().(minisign.PublicKey)}},
		IsTrusted: paths.ProcessEnv().Trusts, Architecture: "x86_64", Now: start.Add(time.Hour), maxWait: time.Second,
	})
	require.NoError(t, err)
	for _, s := range r.Sources {
		require.NoError(t, s.Err)
	}
	require.Equal(t, both("1-1"), w.versions())
	require.Len(t, r.Refused, 1)
	require.Contains(t, r.Refused[0], bad.URL+"/: ")
	require.Contains(t, r.Refused[0], "the server did not answer in time")
	require.LessOrEqual(t, slow.Load(), int64(1))
	remembered, err := os.ReadFile(filepath.Join(w.own, mirrorsName))
	require.NoError(t, err)
	require.Contains(t, string(remembered), "asked_last_until")
}
