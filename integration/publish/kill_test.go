package publish

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
)

// TestPull_Killed kills a pull at each of its requests, with an empty directory and with what was pulled the day before. What is there is whole each
// time, of this day or of the day before, and the next pull goes on from it.
func TestPull_Killed(t *testing.T) {
	p := newPublisher(t, 1, 150)
	var requests, killAt atomic.Int64
	started := make(chan *harness.Process, 1)
	files := http.FileServer(http.Dir(p.dir))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) == killAt.Load() {
			(<-started).Signal(syscall.SIGKILL)
			<-r.Context().Done()
			return
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	m := harness.New(t, harness.WithoutDatabases())
	pull := func(data string) *harness.Process {
		return harness.Start(t, m.Command("omg-index", "pull", "--child", "-P", p.key, "--data-dir", data, server.URL)) // the process that is killed
	}
	verify := func(data string, days ...string) {
		t.Helper()
		indexes, err := filepath.Glob(filepath.Join(data, "pulled", "*.omgidx"))
		require.NoError(t, err)
		if len(indexes) == 0 {
			return
		}
		requireOK(t, m.Run("omg-index", append([]string{"verify"}, indexes...)...))
		info := requireOK(t, m.Run("omg-index", append([]string{"info"}, indexes...)...)).Stdout
		of := 0
		for _, day := range days {
			of += strings.Count(info, "modified "+day+"T12:00:00Z")
		}
		require.Equal(t, len(indexes), of, info)
	}
	before := t.TempDir()
	for day, want := range [][]string{{"2026-09-21"}, {"2026-09-21", "2026-09-22"}} {
		if day > 0 {
			p.publish(day + 1)
		}
		data, kills := "", int64(1)
		for ; ; kills++ {
			data = t.TempDir()
			require.NoError(t, os.CopyFS(data, os.DirFS(before)))
			requests.Store(0)
			killAt.Store(kills)
			process := pull(data)
			started <- process
			process.Wait()
			verify(data, want...)
			if requests.Load() < kills {
				<-started
				break
			}
			killAt.Store(0)
			require.Zero(t, pull(data).Wait().Code)
			verify(data, want[len(want)-1])
		}
		require.Greater(t, kills, int64(5))
		verify(data, want[len(want)-1])
		before = data
	}
}
