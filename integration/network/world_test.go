package network

import (
	"context"
	"errors"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/fakeserver"
	"github.com/omg-arch/omg/integration/programs"
	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/wire"
)

// TestMain lets more tests run at the same time than there are processors: they
// mostly wait.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	programs.Main(m)
}

// deadline is how long an answer waits for the AUR here.
const deadline = 500 * time.Millisecond

var writeDatabases sync.Once

// databases is the directory of pacman's databases that all tests share. It goes
// with the programs when the tests have ended.
func databases(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(programs.Dir(t), "databases")
	writeDatabases.Do(func() {
		require.NoError(t, fixture.Write(filepath.Join(dir, "db"), fixture.Options{Packages: 300, Installed: 20, Seed: 1}))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "pacman.conf"), []byte(fixture.Config), 0o644))
	})
	return dir
}

// world is an omgd and an AUR.
type world struct {
	t      *testing.T
	server *fakeserver.Server
	aur    *fakeserver.AUR
	// dump says that the AUR has its dump to give.
	dump atomic.Bool
	home string
	env  []string
	omgd *programs.Daemon
}

// packages are what the AUR has.
func packages() []fakeserver.Package {
	var all []fakeserver.Package
	for _, name := range []string{"yay", "yay-bin", "paru", "spotify", "zoom", "zoom-beta"} {
		desc := "about " + name
		all = append(all, fakeserver.Package{
			Record:  fakeserver.Record{Name: name, PackageBase: name, Version: "1-1", Description: &desc, NumVotes: len(name), LastModified: 1_700_000_000},
			Details: fakeserver.Details{Depends: []string{"glibc"}, Keywords: []string{"key-" + name}},
		})
		if base, ok := strings.CutSuffix(name, "-bin"); ok {
			all[len(all)-1].Provides = []string{base}
		}
	}
	return all
}

// newWorld makes one, over TLS, whose omgd is not started yet.
func newWorld(t *testing.T) *world {
	t.Helper()
	certs := fakeserver.NewCertificates(t)
	w := &world{t: t, aur: &fakeserver.AUR{}, home: t.TempDir()}
	w.aur.Replace(t, packages())
	w.server = fakeserver.Serve(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == fakeserver.DumpPath && !w.dump.Load() {
			http.NotFound(rw, r)
			return
		}
		w.aur.ServeHTTP(rw, r)
	}), certs)
	w.env = programs.Env(w.home, "SSL_CERT_FILE="+certs.File,
		"OMG_AUR_ENABLED=true", "OMG_AUR_URL="+w.server.URL, "OMG_AUR_LIVE_DEADLINE="+deadline.String(), "OMG_AUR_LIVE_DAILY=4000")
	return w
}

// start starts omgd and waits until it has read the databases.
func (w *world) start(more ...string) {
	w.t.Helper()
	w.startAt(filepath.Join(programs.Dir(w.t), "omgd"), more...)
}

// startAt starts the omgd at a path.
func (w *world) startAt(path string, more ...string) {
	w.t.Helper()
	dir := databases(w.t)
	w.omgd = programs.StartAt(w.t, path, append(w.env, more...), "--dbpath", filepath.Join(dir, "db"), "--pacman-config", filepath.Join(dir, "pacman.conf"))
	require.Eventually(w.t, func() bool {
		a := w.search(wire.SearchRequest{Words: []string{"lib"}, Offline: true})
		return a.code == 0 && len(a.names) > 0
	}, 20*time.Second, 20*time.Millisecond)
}

// omg runs the command line.
func (w *world) omg(args ...string) programs.Result {
	w.t.Helper()
	return programs.Run(w.t, w.env, "omg", append([]string{"--socket", w.omgd.Socket}, args...)...)
}

// dial connects to omgd.
func (w *world) dial() *client.Conn {
	w.t.Helper()
	conn, err := client.Dial(context.Background(), w.omgd.Socket, client.Options{Name: "test"})
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// answer is a search's, with the time when its first part and its end came.
type answer struct {
	names      []string
	result     wire.SearchResult
	first, end time.Duration
	code       wire.Code
}

func (w *world) search(r wire.SearchRequest) answer {
	w.t.Helper()
	conn := w.dial()
	defer conn.Close()
	var a answer
	start := time.Now()
	err := conn.Call(context.Background(), wire.OpSearch, &r, func(part []byte, _ bool) error {
		if a.first == 0 {
			a.first = time.Since(start)
		}
		return wire.DecodeSearch(part, &a.result, func(p *wire.Package) error {
			a.names = append(a.names, p.Repo+"/"+p.Name)
			return nil
		})
	})
	a.end = time.Since(start)
	var said *wire.Error
	if errors.As(err, &said) {
		a.code = said.Code
	} else {
		require.NoError(w.t, err)
	}
	return a
}

// source is the AUR's in an answer.
func (a answer) source() wire.Source {
	for _, s := range a.result.Sources {
		if s.Name == "aur" {
			return s
		}
	}
	return wire.Source{}
}
