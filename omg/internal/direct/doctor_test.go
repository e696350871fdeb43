package direct

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/sources"
	"github.com/omg-arch/omg/shared/wire"
)

// checks returns the results of doctor's checks with the given name, as lines "state: found". It requires that each
// problem has advice on how to solve it.
func (w *testSystem) checks(name string) (list []string) {
	w.t.Helper()
	all := ask(w, (*Backend).Doctor)
	for _, c := range all.Checks {
		if c.State == backend.CheckStateProblem {
			require.NotEmpty(w.t, c.Todo, c.Name)
		}
		if c.Name == name {
			list = append(list, c.State+": "+c.Found)
		}
	}
	return list
}

// problem requires that the checks with the given name found exactly one problem, and returns what was found.
func (w *testSystem) problem(name string) string {
	w.t.Helper()
	problems := slices.DeleteFunc(w.checks(name), func(line string) bool { return !strings.HasPrefix(line, "problem: ") })
	require.Len(w.t, problems, 1)
	return strings.TrimPrefix(problems[0], "problem: ")
}

// noProblem requires that all checks with the given name have the state ok.
func (w *testSystem) noProblem(name string) {
	w.t.Helper()
	list := w.checks(name)
	require.NotEmpty(w.t, list)
	for _, line := range list {
		require.True(w.t, strings.HasPrefix(line, "ok: "), line)
	}
}

// TestDoctor_Fresh checks that nothing is a problem on a system on which nothing of omg was set up.
func TestDoctor_Fresh(t *testing.T) {
	w := newTestSystem(t)
	delete(w.env, "OMG_CONFIG")
	states := map[string]string{}
	for _, c := range ask(w, (*Backend).Doctor).Checks {
		require.NotEqual(t, backend.CheckStateProblem, c.State, "%s: %s", c.Name, c.Found)
		require.NotContains(t, c.Todo, "pacman -Sy ")
		states[c.Name] = c.State
	}
	for _, name := range []string{"daemon", "index", "status file", "units"} {
		require.Equal(t, backend.CheckStateOff, states[name], name)
	}
	require.Equal(t, []string{"ok: default settings"}, w.checks("settings"))
}

func TestDoctor_Settings(t *testing.T) {
	w := newTestSystem(t)
	w.noProblem("settings")
	w.write("config.toml", "[aur]\nenabled = 'no'\n")
	require.Contains(t, w.problem("settings"), "config.toml:2: aur.enabled: ")
	w.write("config.toml", "[aur]\nenable = false\n")
	require.Equal(t, w.path("config.toml")+`:2: unknown setting "aur.enable"`, w.problem("settings"))

	w.write("config.toml", "")
	for _, left := range []string{"config.toml.pacnew", "config.toml.pacsave"} {
		w.write("root/etc/omg/"+left, "")
		require.Equal(t, "pacman has left "+w.path("root/etc/omg/"+left), w.problem("settings"))
		require.NoError(t, os.Remove(w.path("root/etc/omg/"+left)))
	}
	w.noProblem("settings")
}

// TestDoctor_EarlierOmg checks that what the earlier program of the name omg has left is reported once, and that its unit is a problem:
// systemd would start it instead of omgd.
func TestDoctor_EarlierOmg(t *testing.T) {
	w := newTestSystem(t)
	delete(w.env, "OMG_CONFIG")
	require.Empty(t, w.checks("earlier omg"))
	w.write("share/omg/versions/node/20.5.0/bin/node", "")
	require.Empty(t, w.checks("earlier omg"), "the runtimes are used")
	w.write("share/omg/cache.redb", "")
	w.write("share/omg/tools/bin/tool", "")
	w.write(".config/omg/policy.toml", "")
	require.Equal(t, []string{"off: not used: " + w.path("share/omg/cache.redb") + ", " + w.path("share/omg/tools") + ", " + w.path(".config/omg/policy.toml")}, w.checks("earlier omg"))

	w.write(".config/omg/config.toml", "shims_enabled = true\n[general]\nlevel = 3\n[aur]\nenabled = false\nmakeflags = '-j8'\n")
	require.Equal(t, w.path(".config/omg/config.toml")+": ignored, because only the earlier omg had these settings: "+
		"shims_enabled (line 1), general.level (line 3), aur.makeflags (line 6)", w.problem("settings"))

	w.write("root/usr/lib/systemd/user/omgd.service", "")
	w.write("root/usr/lib/systemd/user/omgd.socket", "")
	require.Equal(t, []string{"off: omgd.socket is installed but not enabled"}, w.checks("units"))
	own := w.path(".config/systemd/user/omgd.service")
	require.NoError(t, os.MkdirAll(filepath.Dir(own), 0o755))
	require.NoError(t, os.Symlink(os.DevNull, own))
	require.Equal(t, []string{"off: omgd.socket is installed but not enabled"}, w.checks("units"), "it is masked")
	require.NoError(t, os.Remove(own))
	w.write(".config/systemd/user/omgd.service", "")
	require.Equal(t, own+" does not belong to omgd.socket", w.problem("units"))
}

// TestDoctor_DaemonShouldRun checks that it is a problem if no daemon runs although one has run, or although systemd should
// start it.
func TestDoctor_DaemonShouldRun(t *testing.T) {
	w := newTestSystem(t)
	units := filepath.Join(w.home, ".config", "systemd", "user")
	w.write(".config/systemd/user/omgd.socket", "")
	require.Equal(t, []string{"off: omgd.socket is installed but not enabled"}, w.checks("units"))
	w.write(".config/systemd/user/sockets.target.wants/omgd.socket", "")
	require.Equal(t, []string{"ok: omgd.socket is enabled in " + units}, w.checks("units"))
	require.Equal(t, "omgd is not running ("+w.path("run/omg.sock")+"), but omgd.socket is enabled in "+units, w.problem("daemon"))
	w.env["OMG_SOCKET_PATH"] = w.path("run/omg.sock") // systemd's socket is at another path
	require.Len(t, w.checks("daemon"), 1)
	require.Contains(t, w.checks("daemon")[0], "off: ")

	dir, err := os.MkdirTemp("", "doctor-") // a socket's path must be short
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	w.env["OMG_SOCKET_PATH"] = filepath.Join(dir, "s")
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	require.NoError(t, err)
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	require.NoError(t, l.Close())
	require.Contains(t, w.problem("daemon"), "omgd is not running ("+dir+"/s), but has left its socket")
}

// TestDoctor_Components checks the result for each state of a component of the daemon.
func TestDoctor_Components(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		soon := time.Now().Add(10*time.Minute + 30*time.Second).Unix()
		d := &doctor{Backend: newTestSystem(t).backend(), daemon: &servingDaemon{status: &wire.StatusResult{Basis: wire.Basis{Sources: []wire.Source{
			{Name: "aur", Kind: wire.KindAUR, NextRequestAt: soon}, {Name: "tracker", Kind: wire.KindTracker, NextRequestAt: 1},
		}}}}}
		for _, c := range []wire.Component{
			{Name: "socket", State: wire.HealthOK},
			{Name: "store", State: wire.HealthOK},
			{Name: "refresh", State: wire.HealthStarting, Why: "reading"},
			{Name: "libalpm", State: wire.HealthDegraded, Why: "missing: omg-alpm-worker is missing"},
			{Name: "tracker", State: wire.HealthDegraded, Why: "missing: " + wire.NotDownloadedYet},
			{Name: "tracker", State: wire.HealthDegraded, Why: wire.NotKnownYet},
			{Name: "tracker", State: wire.HealthDegraded, Why: "missing: refused"},
			{Name: "aur", State: wire.HealthOK},
			{Name: "aur", State: wire.HealthDegraded, Why: "stale: refused"},
		} {
			d.checkComponent(&c)
		}
		lines := make([]string, len(d.checks))
		for i, c := range d.checks {
			lines[i] = c.Name + " " + c.State + ": " + c.Found
		}
		require.Equal(t, []string{
			"store ok: ", "refresh unknown: reading", "libalpm off: omg-alpm-worker is not installed",
			"tracker unknown: missing: not downloaded yet", "tracker unknown: its state is not known yet", "tracker problem: missing: refused",
			"aur ok: next request in 10 minutes", "aur problem: stale: refused, next request in 10 minutes",
		}, lines)
		require.Contains(t, d.checks[7].Todo, "omg refresh --sources")
	})
}

// TestDoctor_UsedIndex checks that omg doctor names the index that omg uses: that of all users, if only it matches the
// database.
func TestDoctor_UsedIndex(t *testing.T) {
	w := newTestSystem(t)
	w.buildOwn()
	shared := w.path("root" + paths.SystemDataDir + "/index/core.omgidx")
	text, err := os.ReadFile(w.database("multilib"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(w.database("core"), text, 0o644))
	require.Equal(t, w.index("core")+" is older than the databases: core", w.problem("index"))
	require.NoError(t, os.MkdirAll(filepath.Dir(shared), 0o755))
	w.build(shared, "core")
	w.noProblem("index")
	require.Contains(t, w.checks("index")[0], "ok: "+shared+", ")
	require.Contains(t, w.checks("index")[1], "ok: "+w.index("extra")+", ")
	// The indexes of other databases are no problem.
	other := options
	other.Seed++
	require.NoError(t, fixture.WriteDatabases(w.path("other"), other))
	w.o.DBPath = w.path("other")
	require.Len(t, w.checks("index"), 1)
	require.Contains(t, w.checks("index")[0], "off: no index in ")
}

func TestDoctor_Databases(t *testing.T) {
	w := newTestSystem(t)
	w.buildOwn()
	w.noProblem("databases")
	require.Len(t, w.checks("databases"), 3)
	w.noProblem("clock")
	for _, b := range badDatabases() {
		w := newTestSystem(t)
		w.buildOwn()
		b.make(t, w.database("extra"))
		require.Contains(t, w.problem("databases"), b.says, b.name)
		require.Len(t, w.checks("databases"), 3, "the others are well")
	}
	later := time.Now().Add(72 * time.Hour)
	require.NoError(t, os.Chtimes(w.database("core"), later, later))
	require.Equal(t, "a database has a timestamp in the future", w.problem("clock"))
	require.NoError(t, os.RemoveAll(w.path("db/sync")))
	w.write("pacman.conf", "[options]\nDBPath = "+w.path("db")+"\n")
	require.Equal(t, "no package databases in "+w.path("db")+"/sync", w.problem("databases"))
	w.write("pacman.conf", "[options\n")
	require.Contains(t, w.problem("databases"), "pacman.conf")
	require.Empty(t, w.checks("index"), "of which databases?")
}

func TestDoctor_Local(t *testing.T) {
	w := newTestSystem(t)
	require.Equal(t, []string{fmt.Sprintf("ok: %d packages installed", options.Installed)}, w.checks("local database"))
	entries, err := os.ReadDir(w.path("db/local"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(w.path("db/local/"+entries[1].Name()+"/desc"), nil, 0o644))
	require.Equal(t, "local/"+entries[1].Name()+" has an empty desc", w.problem("local database"))
	w.write("db/local/ALPM_DB_VERSION", "8\n")
	require.Contains(t, w.problem("local database"), "wrong version")
	require.NoError(t, os.RemoveAll(w.path("db/local")))
	require.Equal(t, []string{"unknown: no local database at " + w.path("db/local")}, w.checks("local database"))
}

func TestDoctor_Indexes(t *testing.T) {
	w := newTestSystem(t)
	require.Equal(t, []string{"off: no index in " + filepath.Dir(w.index("core"))}, w.checks("index"))
	w.buildOwn()
	w.noProblem("index")
	require.Len(t, w.checks("index"), 3)
	w.buildAUR(w.index(wire.SourceAUR))
	w.noProblem("index")
	require.Len(t, w.checks("index"), 4)
	for _, name := range []string{"core", wire.SourceAUR} {
		good, err := os.ReadFile(w.index(name))
		require.NoError(t, err)
		for _, b := range append(flips(good)[10:20], nil, []byte("<html>")) {
			require.NoError(t, os.WriteFile(w.index(name), b, 0o644))
			found := w.problem("index")
			require.Equal(t, 1, strings.Count(found, w.index(name)), found)
			require.Len(t, w.checks("index"), 4)
		}
		require.NoError(t, os.WriteFile(w.index(name), good, 0o644))
	}
	w.noProblem("index")

	text, err := os.ReadFile(w.database("multilib"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(w.database("core"), text, 0o644))
	require.Equal(t, w.index("core")+" is older than the databases: core", w.problem("index"))
	// If a database cannot be read, its index is still valid.
	require.NoError(t, os.Remove(w.database("core")))
	w.noProblem("index")
}

func TestDoctor_NamedIndexes(t *testing.T) {
	w := newTestSystem(t)
	w.buildOwn()
	all := w.path("all.omgidx")
	w.build(all, "core", "extra", "multilib")
	w.o.IndexPaths = []string{all, filepath.Dir(w.index("core"))}
	w.noProblem("index")
	require.Len(t, w.checks("index"), 4)
	w.o.IndexPaths = []string{all}
	require.NoError(t, os.Mkdir(w.path("empty"), 0o755))
	for named, says := range map[string]string{w.path("nothing"): "no such file", w.path("empty"): "no index in " + w.path("empty"), w.path("pacman.conf"): "not an omg index"} {
		w.o.IndexPaths = []string{all, named}
		require.Contains(t, w.problem("index"), says)
		require.Len(t, w.checks("index"), 2)
	}
	text, err := os.ReadFile(w.database("multilib"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(w.database("core"), text, 0o644))
	w.o.IndexPaths = []string{all}
	require.Equal(t, all+" is older than the databases: core", w.problem("index"))
	require.NoError(t, os.Remove(w.database("core")))
	w.noProblem("index")
}

func TestDoctor_Downloads(t *testing.T) {
	w := newTestSystem(t)
	w.buildOwn()
	const name = "downloaded databases"
	require.Empty(t, w.checks(name), "omgd downloads none")
	w.write("config.toml", "[sync]\nenabled = true\n")
	w.writeDownload("core", options, time.Now())
	w.writeDownload("extra", options, time.Now().Add(-20*365*24*time.Hour))
	checks := w.checks(name)
	require.Len(t, checks, 3)
	require.Regexp(t, `^ok: core, (new|\d+ (second|minute)s? old)$`, checks[0])
	require.Equal(t, "ok: extra: pacman's database is newer", checks[1])
	require.Equal(t, "problem: multilib: omgd's download: not downloaded yet", checks[2])
	index := sources.IndexPath(filepath.Join(w.path("share/omg"), sources.DownloadDir), pkgindex.KindRepo, "core")
	require.NoError(t, os.WriteFile(index, []byte("<html>"), 0o644))
	require.Equal(t, "problem: core: omgd's download: "+index+": not an omg index", w.checks(name)[0])
	w.o.DBPath = w.path("db")
	require.Empty(t, w.checks(name), "they say nothing of databases that are named")
}

func TestDoctor_Surroundings(t *testing.T) {
	w := newTestSystem(t)
	w.buildOwn()
	w.noProblem("db.lck")
	w.noProblem("data directory")
	require.Equal(t, []string{"ok: " + w.path("run/omg.sock") + " does not exist: your daemon is not running"}, w.checks("socket"))
	require.Equal(t, []string{"off: omgd is not running (" + w.path("run/omg.sock") + "): omg reads the databases itself"}, w.checks("daemon"))
	require.Equal(t, []string{"off: " + w.path("run/omg.status") + " does not exist"}, w.checks("status file"))

	w.write("db/db.lck", "")
	require.Equal(t, []string{"ok: pacman is running"}, w.checks("db.lck"))
	old := time.Now().Add(-time.Hour)
	for _, name := range []string{"db/db.lck", "db/local", "db/sync"} {
		require.NoError(t, os.Chtimes(w.path(name), old, old))
	}
	require.Contains(t, w.problem("db.lck"), "remove this lock if pacman is not running")

	w.write("run/omg.sock", "")
	require.Equal(t, w.path("run/omg.sock")+" is not a socket", w.problem("socket"))
	require.NoError(t, os.Remove(w.path("run/omg.sock")))
	dir, err := os.MkdirTemp("", "doctor-") // a socket's path must be short
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	w.o.Socket = filepath.Join(dir, "s")
	l, err := net.Listen("unix", w.o.Socket)
	require.NoError(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			_ = nc.Close() // a broken daemon closes the connection without an answer
		}
	}()
	w.noProblem("socket")
	require.Contains(t, w.problem("daemon"), "the connection to omgd failed")
	require.NoError(t, l.Close())
	<-ended

	w.write("run/omg.status", "nonsense")
	w.o.Socket = ""
	require.NotEmpty(t, w.problem("status file"))
	w.write("share/file", "")
	w.o.DataDir = w.path("share/file/data")
	require.Contains(t, w.problem("data directory"), "not a directory")
	w.o.DataDir = w.path("new/data")
	require.Equal(t, []string{"ok: " + w.path("new/data") + " does not exist yet"}, w.checks("data directory"))
}
