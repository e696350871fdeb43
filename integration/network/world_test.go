package network

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/fakeserver"
	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/wire"
)

func TestMain(m *testing.M) { harness.MainParallel(m, "8") }

// How long an answer waits for the AUR: the longest that omgd takes, which no
// answer reaches, and a time that is sure to come where the AUR never answers.
const (
	long  = "OMG_AUR_LIVE_TIMEOUT=1m"
	short = "OMG_AUR_LIVE_TIMEOUT=200ms"
)

// world is a system whose omgd asks an AUR of the test's.
type world struct {
	*harness.System
	server *fakeserver.Server
	aur    *fakeserver.AUR
	// dump says that the AUR has its dump to give.
	dump atomic.Bool
	omgd *harness.Daemon
	conn *client.Conn
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
	return newWorldOf(t, func(h http.Handler, c *fakeserver.Certificates) *fakeserver.Server { return fakeserver.Serve(t, h, c) })
}

// newWorldOf makes one with a server that a function starts.
func newWorldOf(t *testing.T, serve func(http.Handler, *fakeserver.Certificates) *fakeserver.Server) *world {
	t.Helper()
	certs := fakeserver.NewCertificates(t)
	w := &world{aur: &fakeserver.AUR{}}
	w.aur.Replace(t, packages())
	w.server = serve(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == fakeserver.DumpPath && !w.dump.Load() {
			http.NotFound(rw, r)
			return
		}
		w.aur.ServeHTTP(rw, r)
	}), certs)
	w.System = harness.New(t, harness.Env("SSL_CERT_FILE="+certs.File, "OMG_AUR_ENABLED=true", "OMG_AUR_URL="+w.server.URL,
		"OMG_AUR_LIVE_MAX_PER_DAY=4000", "OMG_NETWORK_TIMEOUT=2m"))
	return w
}

// start starts omgd, with more variables.
func (w *world) start(more ...string) {
	w.T.Helper()
	w.omgd = w.With(more...).Start()
	w.conn = w.omgd.Dial()
}

// answer is a search's.
type answer struct {
	names  []string
	early  int // how many of the names came before the last part
	result wire.SearchResult
	code   wire.Code
}

// search asks omgd by the protocol.
func (w *world) search(r wire.SearchRequest) (a answer) {
	w.T.Helper()
	err := w.conn.Call(context.Background(), wire.OpSearch, &r, func(part []byte, more bool) error {
		a.take(w.T, part)
		if more {
			a.early = len(a.names)
		}
		return nil
	})
	var said *wire.Error
	if errors.As(err, &said) {
		a.code = said.Code
	} else {
		require.NoError(w.T, err)
	}
	return a
}

// take adds a part to an answer.
func (a *answer) take(t testing.TB, part []byte) {
	t.Helper()
	require.NoError(t, wire.DecodeSearch(part, &a.result, func(p *wire.Package) error {
		a.names = append(a.names, p.Repo+"/"+p.Name)
		return nil
	}))
}

// source is the AUR's in an answer.
func (a *answer) source() wire.Source {
	for _, s := range a.result.Sources {
		if s.Name == wire.SourceAUR {
			return s
		}
	}
	return wire.Source{}
}

// words is a search for words.
func words(list ...string) wire.SearchRequest { return wire.SearchRequest{Words: list} }
