package network

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/fakeserver"
	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/need"
)

// signedList returns a list of incidents with a sequence number, and its signature by the program minisign.
func signedList(t *testing.T, dir string, sequence int) (list, signature []byte) {
	t.Helper()
	path := filepath.Join(dir, "list.toml")
	harness.WriteFile(t, path, fixture.IncidentList(sequence, "9999-12-31", "bad"))
	out, err := exec.Command("minisign", "-S", "-s", filepath.Join(dir, "key"), "-m", path).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return harness.ReadFile(t, path), harness.ReadFile(t, path+".minisig")
}

// TestIncidents_Server checks that omgd downloads a list that minisign has signed from a server, that omg finds a known incident with
// it, and that omgd does not replace it by an older list.
func TestIncidents_Server(t *testing.T) {
	t.Parallel()
	need.Program(t, "minisign")
	dir := t.TempDir()
	out, err := exec.Command("minisign", "-G", "-W", "-p", filepath.Join(dir, "key.pub"), "-s", filepath.Join(dir, "key")).CombinedOutput()
	require.NoError(t, err, "%s", out)
	key := strings.Split(string(harness.ReadFile(t, filepath.Join(dir, "key.pub"))), "\n")[1]
	var served atomic.Pointer[[2][]byte]
	serve := func(sequence int) {
		list, signature := signedList(t, dir, sequence)
		served.Store(&[2][]byte{list, signature})
	}
	serve(7)
	certs := fakeserver.NewCertificates(t)
	server := fakeserver.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/list.toml":
			_, _ = w.Write(served.Load()[0])
		case "/list.toml.minisig":
			_, _ = w.Write(served.Load()[1])
		default:
			http.NotFound(w, r)
		}
	}), certs)
	s := harness.New(t, harness.WithEnv("SSL_CERT_FILE="+certs.CAFile, "OMG_AUR_ENABLED=true", "OMG_AUR_URL="+server.URL+"/aur",
		"OMG_AUR_INCIDENTS_SHIPPED=false", "OMG_AUR_INCIDENTS_LISTS="+server.URL+"/list.toml "+key))
	harness.WriteFile(t, filepath.Join(s.DB, "local/bad-1-1/desc"),
		"%NAME%\nbad\n\n%VERSION%\n1-1\n\n%BUILDDATE%\n1781265600\n\n%INSTALLDATE%\n1781265660\n\n%VALIDATION%\nnone\n\n")
	omgd := s.StartDaemon()
	check := func() harness.Result { return omgd.Omg("--data-dir", s.Data, "aur", "check", "--fail-on", "act") }
	harness.Await(t, func() bool { return check().Code == 5 }, "the list is used; omgd printed: %s", omgd.Stderr)
	require.Contains(t, check().Stdout, "act: built 2026-06-12 ")
	lists := slices.DeleteFunc(server.RequestTargets(), func(target string) bool { return !strings.HasPrefix(target, "/list.toml") })
	require.Equal(t, []string{"/list.toml", "/list.toml.minisig"}, lists)

	paths, err := filepath.Glob(filepath.Join(s.Data, "index", "incidents-*.signed"))
	require.NoError(t, err)
	require.Len(t, paths, 1)
	require.True(t, bytes.HasSuffix(harness.ReadFile(t, paths[0]), served.Load()[0]))

	// After a restart without the store, omgd requests the list again. An older list does not replace the last one.
	omgd.Stop()
	require.NoError(t, os.RemoveAll(filepath.Join(s.Data, "cache.pebble")))
	serve(6)
	omgd = s.StartDaemon()
	harness.Await(t, func() bool { return strings.Contains(omgd.Stderr(), "the list is older than the last one") }, "the list is refused; omgd printed: %s", omgd.Stderr)
	require.Equal(t, 5, check().Code)
	why := server.URL + "/list.toml: the list is older than the last one: its sequence number is 6, the last one was 7"
	omgd.AwaitOutput("incident lists: failed: ", "status")
	require.Contains(t, omgd.Omg("status").Stdout, why)
	require.Contains(t, omgd.Omg("doctor").Stdout, why)

	// Without the signature's key, the same file is not used.
	omgd.Stop()
	without := s.WithEnv("OMG_AUR_INCIDENTS_LISTS=").Run("omg", "--no-daemon", "--data-dir", s.Data, "aur", "check", "--fail-on", "act")
	require.Equal(t, 4, without.Code, without.Stderr)
	require.Empty(t, without.Stdout)
}
