package network

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/fakeserver"
	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/wire"
)

// TestPopularity checks that omgd downloads the shares of machines and builds the indexes with them, that results have the same order with
// omgd, with its indexes and without any index, that a restart sends no request and a broken server changes nothing, and that the indexes
// are as before when the shares are disabled.
func TestPopularity(t *testing.T) {
	t.Parallel()
	var reply atomic.Pointer[string]
	publish := func(percentages map[string]float64) {
		text := fixture.PopularityReply(percentages)
		reply.Store(&text)
	}
	publish(map[string]float64{"editor-b": 10, "editor-c": 40, "not-here": 1})
	certs := fakeserver.NewCertificates(t)
	server := fakeserver.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, *reply.Load()) }), certs)
	plain := harness.New(t, harness.WithEnv("SSL_CERT_FILE="+certs.CAFile, "OMG_NEWS_ENABLED=false", "OMG_NETWORK_PROXY=none"))
	harness.WriteFile(t, plain.PacmanConf, "[options]\nDBPath = "+plain.DB+"\n[core]\n")
	harness.WriteFile(t, plain.SyncDBPath("core"), harness.BuildDatabase(t,
		harness.NewPackageEntry("editor-a", "1-1", "DESC", "Text editor"), harness.NewPackageEntry("editor-b", "1-1", "DESC", "Text editor"),
		harness.NewPackageEntry("editor-c", "1-1", "DESC", "Text editor")))
	s := plain.WithEnv("OMG_POPULARITY_ENABLED=true", "OMG_POPULARITY_URL="+server.URL)

	const before, after = "editor-a\neditor-b\neditor-c\n", "editor-c\neditor-b\neditor-a\n"
	order := func(omgd *harness.Daemon) string { return omgd.Omg("search", "-q", "editor").Stdout }
	direct := func(s *harness.System) string {
		return s.Run("omg", append([]string{"--no-daemon"}, append(s.PathFlags(), "search", "-q", "editor")...)...).Stdout
	}
	state := func(r *wire.StatusResult) *wire.Source { return wire.FindSourceByKind(r.Sources, wire.KindPopularity) }
	await := func(omgd *harness.Daemon, want string) {
		t.Helper()
		harness.Await(t, func() bool { return order(omgd) == want }, "the order %q", want)
	}

	omgd := plain.StartDaemon()
	require.Equal(t, before, order(omgd))
	status := omgd.Status()
	require.Nil(t, state(&status))
	omgd.Stop()
	require.Empty(t, server.RequestTargets(), "nothing is requested unless the user has enabled it")

	omgd = s.StartDaemon()
	omgd.AwaitStatus(func(r *wire.StatusResult) bool { return state(r) != nil && state(r).State == wire.SourceOK }, "the shares")
	await(omgd, after)
	require.Contains(t, omgd.Omg("search", "--explain", "editor").Stdout, "because pkgstats found it on 40.00 % of machines)")
	// omgd plans the next request after it has begun to use the reply. Until then, a demand joins the first request.
	omgd.AwaitOutput(`(?m)^ *(Sources *: )?popularity +ok +.*, next request in [0-9]+ days$`, "status")
	omgd.AwaitOutput(`(?m)^popularity: no new request: `, "refresh", "--sources")
	require.Equal(t, []string{"/api/packages?limit=10000"}, server.RequestTargets())
	require.Regexp(t, `(?m)ok +popularity`, omgd.Omg("health").Stdout)
	require.Contains(t, omgd.Omg("metrics").Stdout, `omg_source_ok{kind="popularity",source="popularity",state="ok"} 1`)
	omgd.Stop()

	require.Equal(t, after, direct(s), "the index")
	index := s.IndexDir()
	require.NoError(t, os.Rename(index, index+".away"))
	require.Equal(t, after, direct(s), "no index: the kept shares")
	require.NoError(t, os.Rename(index+".away", index))
	require.Zero(t, s.Run("omg-index", "verify", filepath.Join(index, "core.omgidx")).Code)

	server.SetFault(func(w http.ResponseWriter, _ *http.Request, _ http.Handler, _ <-chan struct{}) {
		_, _ = io.WriteString(w, "<!DOCTYPE html><html><body>Log in to this network</body></html>")
	})
	omgd = s.StartDaemon()
	require.Equal(t, after, order(omgd))
	require.Len(t, server.RequestTargets(), 1, "a restarted omgd sends no request")
	omgd.Stop()

	// Without its kept reply, omgd sends a request within an hour, or when it is demanded.
	kept := filepath.Join(s.Data, "popularity.json")
	require.NoError(t, os.Remove(kept))
	omgd = s.StartDaemon()
	// A demand waits five seconds for the request. Later demands print why the last request has failed.
	omgd.AwaitOutput(`(?m)^popularity: .*failed: the request to pkgstats failed: not a list of packages`, "refresh", "--sources")
	require.Equal(t, "/api/packages?limit=10000", server.RequestTargets()[1])
	omgd.Stop()
	require.NoFileExists(t, kept, "a page is not a reply")

	omgd = plain.StartDaemon()
	await(omgd, before)
	require.NoFileExists(t, kept)
	require.Equal(t, before, direct(plain))
}
