package direct

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/statusfile"
	"github.com/omg-arch/omg/shared/wire"
)

// TestSecurity checks that installed packages are compared with the advisories in a file, and that the request fails
// without a file, because only the daemon downloads advisories.
func TestSecurity(t *testing.T) {
	w := newTestSystem(t)
	w.buildOwn()
	_, err := w.backend().Security(t.Context(), &wire.SecurityRequest{})
	require.Equal(t, wire.CodeNetwork, wire.CodeOf(err))
	require.ErrorContains(t, err, "--source")

	local, err := pacmandb.ReadLocal(t.Context(), w.path("db"))
	require.NoError(t, err)
	p := local.Packages[0]
	w.o.AdvisoriesFile = w.path("avg.json")
	w.write("avg.json", `[{"name":"AVG-1","packages":["`+p.Name+`"],"status":"Vulnerable","severity":"High","type":"arbitrary code execution",
		"affected":"`+p.Version+`","fixed":null,"ticket":null,"issues":["CVE-2026-1"],"advisories":[]},{"name":7}]`)
	security := func(names ...string) (*wire.SecurityResult, error) {
		return w.backend().Security(t.Context(), &wire.SecurityRequest{Packages: names})
	}
	result, err := security()
	require.NoError(t, err)
	require.Len(t, result.Packages, 1)
	require.Equal(t, p.Name, result.Packages[0].Name)
	require.Equal(t, "affected", result.Packages[0].Verdict)
	require.Equal(t, []string{"CVE-2026-1"}, result.Packages[0].Advisories[0].Issues)
	require.EqualValues(t, 1, result.Skipped)
	require.False(t, result.Partial)
	require.Equal(t, wire.SourceOK, source(t, result.Sources, wire.SourceTracker).State)
	result, err = security("nothing")
	require.NoError(t, err)
	require.Equal(t, []string{"nothing"}, result.Missing)

	require.NoError(t, os.WriteFile(w.database("extra"), []byte("<html>"), 0o644))
	require.NoError(t, os.Remove(w.index("extra")))
	result, err = security()
	require.NoError(t, err)
	require.True(t, result.Partial)
	require.Equal(t, wire.SourceFailed, source(t, result.Sources, "extra").State)

	for _, text := range []string{"", "<html>", `{"name":"AVG-1"}`} {
		w.write("avg.json", text)
		_, err := security()
		require.ErrorContains(t, err, w.path("avg.json")+": not a list of advisories")
	}
	require.NoError(t, os.Remove(w.path("avg.json")))
	_, err = security()
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.Mkdir(w.path("avg.json"), 0o755))
	_, err = security()
	require.ErrorContains(t, err, "a directory")
}

// TestWithoutDaemon checks that requests about the daemon fail if no daemon runs, and that refresh and cache clear do
// nothing.
func TestWithoutDaemon(t *testing.T) {
	w := newTestSystem(t)
	b := w.backend()
	_, err := b.Health(t.Context())
	require.EqualError(t, err, "health needs a running omgd: start it with omg daemon start")
	_, err = b.Metrics(t.Context())
	require.EqualError(t, err, "metrics needs a running omgd: start it with omg daemon start")
	_, err = b.LogLevel(t.Context(), "debug")
	require.EqualError(t, err, "log-level needs a running omgd: start it with omg daemon start")
	_, err = b.StatusHistory(t.Context(), &wire.HistoryRequest{})
	require.Equal(t, exit.Failed, exit.Code(err))
	require.Equal(t, &wire.RefreshResult{}, ask(w, (*Backend).Refresh))
	require.Equal(t, &wire.CacheClearResult{}, ask(w, (*Backend).ClearCache))
}

// TestSystem checks that the results of files, owns and why match the local database.
func TestSystem(t *testing.T) {
	w := newTestSystem(t)
	local, err := pacmandb.ReadLocal(t.Context(), w.path("db"))
	require.NoError(t, err)
	name := local.Packages[0].Name
	readme := "usr/share/" + name + "/README"
	w.write("root/"+readme, "")
	files, err := w.backend().Files(t.Context(), []string{name, "nothing"})
	require.NoError(t, err)
	root := w.path("root") + "/"
	require.Equal(t, &backend.FilesResult{
		Packages: []backend.FileList{{Name: name, Files: []string{root + "usr/", root + "usr/share/", root + "usr/share/" + name + "/", root + readme}}},
		Missing:  []string{"nothing"},
	}, files)
	require.NoError(t, os.Remove(w.path("db/local/"+name+"-"+local.Packages[0].Version+"/files")))
	files, err = w.backend().Files(t.Context(), []string{name})
	require.NoError(t, err)
	require.NotEmpty(t, files.Packages[0].UnknownReason)
	owners, err := w.backend().Owns(t.Context(), []string{root + readme, "/outside", root + "usr"})
	require.NoError(t, err)
	require.Equal(t, 1, owners.UnreadCount)
	require.Len(t, owners.Paths, 3)
	require.True(t, owners.Paths[0].Exists)
	require.Empty(t, owners.Paths[0].Owners, "the file list of the package is gone")
	require.Empty(t, owners.Paths[1].Owners)
	require.Len(t, owners.Paths[2].Owners, options.Installed-1, "a directory has all its owners")

	explained := 0
	for _, p := range local.DependPackages() {
		chains, err := w.backend().Why(t.Context(), p.Name, false)
		require.NoError(t, err)
		require.Equal(t, p.Name, chains.Name)
		for _, c := range chains.Chains {
			require.True(t, local.Find(c.Links[0].Name).Explicit())
			require.Equal(t, p.Name, c.Links[len(c.Links)-1].Name)
			explained++
		}
	}
	require.Positive(t, explained)
	chains, err := w.backend().Why(t.Context(), "nothing", true)
	require.NoError(t, err)
	require.Equal(t, &backend.WhyResult{Chains: []backend.DependencyChain{}}, chains)

	require.NoError(t, os.RemoveAll(w.path("db/local")))
	_, err = w.backend().Why(t.Context(), name, false)
	require.ErrorIs(t, err, pacmandb.ErrNoLocal)
}

func TestConfig(t *testing.T) {
	w := newTestSystem(t)
	c, err := w.backend().Config(t.Context(), false)
	require.NoError(t, err)
	require.Equal(t, []string{w.path("config.toml")}, c.Files)
	i := slices.IndexFunc(c.Settings, func(s backend.Setting) bool { return s.Key == "aur.enabled" })
	require.GreaterOrEqual(t, i, 0)
	require.Equal(t, false, c.Settings[i].Value)
	require.Equal(t, true, c.Settings[i].Default)
	require.Contains(t, c.Settings[i].Origin, w.path("config.toml"))
	w.write("config.toml", "[aur\n")
	_, err = w.backend().Config(t.Context(), false)
	require.Equal(t, wire.CodeInvalid, wire.CodeOf(err))
	w.found("core", "extra", "multilib") // an invalid configuration file does not prevent a search
}

// TestRuntimes checks the results for a version of node in the home directory, and the errors for unknown runtimes and
// versions.
func TestRuntimes(t *testing.T) {
	w := newTestSystem(t)
	t.Chdir(w.home)
	w.write(".nvm/versions/node/v20.1.0/bin/node", "")
	w.write(".node-version", "20.1.0\n")
	b := w.backend()
	active, err := b.ActiveVersions(t.Context(), []string{"nodejs"})
	require.NoError(t, err)
	require.Len(t, active.Runtimes, 1)
	require.Equal(t, "20.1.0", active.Runtimes[0].Version)
	require.Equal(t, w.path(".node-version"), active.Runtimes[0].WantedSource)
	versions, err := b.InstalledVersions(t.Context(), []string{"node"})
	require.NoError(t, err)
	require.Equal(t, []backend.RuntimeVersion{{Runtime: "node", Version: "20.1.0", Manager: "nvm", Path: w.path(".nvm/versions/node/v20.1.0"), Active: true}}, versions.Versions)
	chosen, err := b.UseRuntime(t.Context(), "node", "20")
	require.NoError(t, err)
	require.Equal(t, "20.1.0", chosen.Version)
	require.Equal(t, "20.1.0", chosen.ActiveNow.Version)
	for _, err := range []error{
		func() error { _, err := b.ActiveVersions(t.Context(), []string{"perl"}); return err }(),
		func() error { _, err := b.InstalledVersions(t.Context(), []string{"perl"}); return err }(),
		func() error { _, err := b.UseRuntime(t.Context(), "perl", "5"); return err }(),
	} {
		require.Equal(t, wire.CodeInvalid, wire.CodeOf(err))
	}
	_, err = b.UseRuntime(t.Context(), "node", "99")
	require.Equal(t, exit.NotFound, exit.Code(err))
}

// TestRuntimes_SystemVersions checks where the versions of the system's packages come from.
func TestRuntimes_SystemVersions(t *testing.T) {
	w := newTestSystem(t)
	t.Chdir(w.home)
	writeStatus := func(s statusfile.Status) {
		s.RefreshedAt, s.Interval = time.Now(), time.Hour
		require.NoError(t, os.MkdirAll(w.path("run"), 0o700))
		require.NoError(t, statusfile.Write(w.path("run/omg.status"), s))
	}
	bun := func() (found []string) {
		t.Helper()
		versions, err := w.backend().InstalledVersions(t.Context(), []string{"bun"})
		require.NoError(t, err)
		for _, v := range versions.Versions {
			found = append(found, v.Version)
		}
		return found
	}
	for db, version := range map[string]string{"db": "1.1", "root/var/lib/pacman": "1.2"} {
		require.NoError(t, os.MkdirAll(w.path(db+"/local/bun-"+version+"-1"), 0o755))
	}
	known := statusfile.Status{Installed: statusfile.NewNumber(7)}
	writeStatus(known)
	require.Equal(t, []string{"1.1"}, bun(), "in the databases that the user chose")
	w.o.PacmanConfig = ""
	require.Empty(t, bun(), "the daemon knows that no runtime is installed")
	known.RuntimeVersions = []statusfile.RuntimeVersion{{Runtime: "bun", Version: "1.3"}}
	writeStatus(known)
	require.Equal(t, []string{"1.3"}, bun())
	writeStatus(statusfile.Status{})
	require.Equal(t, []string{"1.2"}, bun(), "the daemon does not know the packages")
	known.Boot = statusfile.BootID{1}
	writeStatus(known)
	require.Equal(t, []string{"1.2"}, bun(), "the status is older than the last boot")
	w.o.PacmanConfig = w.path("missing.conf")
	_, err := w.backend().InstalledVersions(t.Context(), []string{"bun"})
	require.ErrorContains(t, err, w.path("missing.conf"))
}
