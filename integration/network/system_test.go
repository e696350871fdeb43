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

// The constants long and short set how long a reply waits for the AUR. long is the longest time that omgd allows; no
// test waits that long. short is for tests in which the AUR never answers.
const (
	long  = "OMG_AUR_LIVE_TIMEOUT=1m"
	short = "OMG_AUR_LIVE_TIMEOUT=200ms"
)

// aurSystem is a system whose omgd asks the test's AUR.
type aurSystem struct {
	*harness.System
	server *fakeserver.Server
	aur    *fakeserver.AUR
	// dump is set if the server has a dump of the AUR.
	dump atomic.Bool
	omgd *harness.Daemon
	conn *client.Conn
}

// packages returns the AUR's packages.
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

// newAURSystem creates an aurSystem whose AUR uses TLS. Its omgd is not started yet.
func newAURSystem(t *testing.T) *aurSystem {
	t.Helper()
	return newAURSystemOf(t, func(h http.Handler, c *fakeserver.Certificates) *fakeserver.Server { return fakeserver.Serve(t, h, c) })
}

// newAURSystemOf creates an aurSystem. The function serve starts the server of its AUR.
func newAURSystemOf(t *testing.T, serve func(http.Handler, *fakeserver.Certificates) *fakeserver.Server) *aurSystem {
	t.Helper()
	certs := fakeserver.NewCertificates(t)
	w := &aurSystem{aur: &fakeserver.AUR{}}
	w.aur.Replace(t, packages())
	w.server = serve(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == fakeserver.DumpURLPath && !w.dump.Load() {
			http.NotFound(rw, r)
			return
		}
		w.aur.ServeHTTP(rw, r)
	}), certs)
	w.System = harness.New(t, harness.WithEnv("SSL_CERT_FILE="+certs.CAFile, "OMG_AUR_ENABLED=true", "OMG_AUR_URL="+w.server.URL,
		"OMG_AUR_LIVE_MAX_PER_DAY=4000", "OMG_NETWORK_TIMEOUT=2m"))
	return w
}

// start starts omgd with additional environment variables.
func (w *aurSystem) start(more ...string) {
	w.T.Helper()
	w.omgd = w.WithEnv(more...).StartDaemon()
	w.conn = w.omgd.Dial()
}

// answer is the result of a search.
type answer struct {
	names  []string
	early  int // how many names had arrived before the last chunk of the reply
	result wire.SearchResult
	code   wire.Code
}

// search sends a search by the protocol.
func (w *aurSystem) search(r wire.SearchRequest) (a answer) {
	w.T.Helper()
	err := w.conn.Call(context.Background(), wire.OpSearch, &r, func(part []byte, more bool) error {
		a.addChunk(w.T, part)
		if more {
			a.early = len(a.names)
		}
		return nil
	})
	var refusal *wire.Error
	if errors.As(err, &refusal) {
		a.code = refusal.Code
	} else {
		require.NoError(w.T, err)
	}
	return a
}

// addChunk adds a chunk to an answer.
func (a *answer) addChunk(t testing.TB, part []byte) {
	t.Helper()
	require.NoError(t, wire.DecodeSearchResult(part, &a.result, func(p *wire.Package) error {
		a.names = append(a.names, p.Repo+"/"+p.Name)
		return nil
	}))
}

// source returns the state of the AUR in an answer.
func (a *answer) source() wire.Source {
	for _, s := range a.result.Sources {
		if s.Name == wire.SourceAUR {
			return s
		}
	}
	return wire.Source{}
}

// words returns a request for packages that match these words.
func words(list ...string) wire.SearchRequest { return wire.SearchRequest{Words: list} }
