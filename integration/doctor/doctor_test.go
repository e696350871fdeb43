// Package doctor tests that omg doctor finds the problems of a system.
package doctor

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/wire"
)

func TestMain(m *testing.M) { harness.MainParallel(m, "4") }

// newSystem returns a System with an index, for tests that break a part of it.
func newSystem(t *testing.T) *harness.System {
	t.Helper()
	s := harness.New(t)
	s.BuildIndexes()
	return s
}

// command returns the arguments that run omg doctor on a System.
func command(s *harness.System, args ...string) []string {
	return slices.Concat([]string{"doctor", "--json", "--socket", s.Socket()}, s.PathFlags(), args)
}

type check struct{ Name, State, Found, Todo string }

// examine runs omg doctor and returns the checks with a given name.
func examine(s *harness.System, name string) []check {
	s.T.Helper()
	return read(s, s.Run("omg", command(s)...), name)
}

// read returns the checks with this name in the output of omg doctor.
func read(s *harness.System, r harness.Result, name string) (found []check) {
	s.T.Helper()
	var all struct {
		Schema int
		Checks []check
	}
	require.NoError(s.T, json.Unmarshal([]byte(r.Stdout), &all), r.Stderr)
	require.Equal(s.T, 1, all.Schema)
	problems := 0
	for _, c := range all.Checks {
		if c.State == "problem" {
			problems++
			require.NotEmpty(s.T, c.Todo, "%s says what to do", c.Name)
		}
		if c.Name == name {
			found = append(found, c)
		}
	}
	require.Equal(s.T, problems > 0, r.Code == 6, "exit %d with %d problems", r.Code, problems)
	return found
}

// TestDoctor_Problems breaks one part of a system in each case. omg doctor must find no problem before, and must
// afterwards find this problem and print advice.
func TestDoctor_Problems(t *testing.T) {
	hour := time.Hour
	for name, c := range map[string]struct {
		breaks func(*harness.System)
		check  string
		says   string
	}{
		"no databases": {func(s *harness.System) { require.NoError(t, os.RemoveAll(filepath.Join(s.DB, "sync"))) }, "databases", "core: no database"},
		"one database missing": {func(s *harness.System) {
			require.NoError(t, os.Remove(s.SyncDBPath("extra")))
		}, "databases", "extra: no database"},
		"a broken pacman.conf": {func(s *harness.System) {
			harness.WriteFile(t, s.PacmanConf, "Include = /no/such/file\n[core]\nUsage = Nonsense\n[core")
		}, "databases", ""},
		"no index that was named": {func(s *harness.System) {
			s.Env = append(s.Env, "OMG_INDEX="+s.Path("nowhere.omgidx"))
		}, "index", "nowhere.omgidx: no such file"},
		"a damaged index": {func(s *harness.System) {
			data := harness.ReadFile(t, s.IndexPath("core"))
			data[len(data)/2] ^= 1
			harness.WriteFile(t, s.IndexPath("core"), data)
		}, "index", ""},
		"an index older than the databases": {func(s *harness.System) {
			data := harness.ReadFile(t, s.SyncDBPath("core"))
			harness.WriteFile(t, s.SyncDBPath("core"), append(data, data...))
		}, "index", "older than the databases"},
		"a lock left behind": {func(s *harness.System) {
			lock := filepath.Join(s.DB, "db.lck")
			harness.WriteFile(t, lock, "")
			for _, p := range []string{lock, filepath.Join(s.DB, "local"), filepath.Join(s.DB, "sync")} {
				require.NoError(t, os.Chtimes(p, time.Now().Add(-hour), time.Now().Add(-hour)))
			}
		}, "db.lck", "remove this lock"},
		"a wrong clock": {func(s *harness.System) {
			later := time.Now().Add(72 * hour)
			require.NoError(t, os.Chtimes(s.SyncDBPath("core"), later, later))
		}, "clock", "in the future"},
		"something in the socket's place": {func(s *harness.System) { harness.WriteFile(t, s.Socket(), "") }, "socket", "not a socket"},
		"a dead socket": {func(s *harness.System) {
			l, err := net.Listen("unix", s.Socket())
			require.NoError(t, err)
			l.(*net.UnixListener).SetUnlinkOnClose(false)
			require.NoError(t, l.Close())
		}, "daemon", "omgd is not running"},
		"a broken status file": {func(s *harness.System) { harness.WriteFile(t, s.Path("omg.status"), "nonsense") }, "status file", ""},
		"a data directory that is none": {func(s *harness.System) {
			require.NoError(t, os.RemoveAll(s.Data))
			harness.WriteFile(t, s.Data, "")
		}, "data directory", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t)
			for _, well := range examine(s, c.check) {
				require.NotEqual(t, "problem", well.State, "%s: %s", well.Name, well.Found)
			}
			c.breaks(s)
			found := examine(s, c.check)
			require.NotEmpty(t, found)
			for _, f := range found {
				if f.State == "problem" {
					require.Contains(t, f.Found, c.says)
					return
				}
			}
			t.Errorf("%s is not found: %v", name, found)
		})
	}
}

// TestDoctor_Units checks that omg doctor finds units that are installed but not enabled. The machine's own units are
// hidden from it.
func TestDoctor_Units(t *testing.T) {
	t.Parallel()
	unshare := need.MountNamespace(t)
	s := newSystem(t)
	const hide = `
for dir in /etc/systemd/user /usr/local/lib/systemd/user /usr/lib/systemd/user; do
	[ ! -d $dir ] || mount -t tmpfs none $dir || exit
done
exec "$@"
`
	units := func() check {
		t.Helper()
		r := s.RunTool(unshare[0], slices.Concat(unshare[1:], []string{"sh", "-c", hide, "sh", s.Program("omg")}, command(s))...)
		found := read(s, r, "units")
		require.Len(t, found, 1)
		return found[0]
	}
	require.Equal(t, "off", units().State)
	own := s.Path(".config", "systemd", "user")
	harness.WriteFile(t, filepath.Join(own, "omgd.socket"), "[Socket]\n")
	c := units()
	require.Equal(t, "off", c.State)
	require.Contains(t, c.Found, "not enabled")
	harness.WriteFile(t, filepath.Join(own, "sockets.target.wants", "omgd.socket"), "")
	require.Equal(t, "ok", units().State)
}

// TestDoctor_Daemon checks that omg doctor shows what only the daemon knows, and reports that no daemon runs.
func TestDoctor_Daemon(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.Bin = s.Path("bin") // without a libalpm worker
	harness.CopyPrograms(t, s.Bin)
	found := examine(s, "daemon")
	require.Len(t, found, 1)
	require.Equal(t, "off", found[0].State)
	s.StartDaemon()
	harness.Await(t, func() bool {
		found = examine(s, "libalpm")
		return len(found) == 1 && found[0].State == "off"
	}, "libalpm's worker is missed: %v", &found)
	harness.Await(t, func() bool {
		found = examine(s, "status file")
		return len(found) == 1 && found[0].State == "ok"
	}, "the status file is there: %v", &found)
	require.Equal(t, "ok", examine(s, "daemon")[0].State)
	require.Equal(t, "ok", examine(s, "socket")[0].State)
	indexes := examine(s, "index")
	require.Len(t, indexes, 3)
	require.Contains(t, indexes[0].Found, s.IndexPath("core")+", ")
	other := s.Path("other") // omgd's index is shown, not that of another data directory
	require.Equal(t, indexes, read(s, s.Run("omg", append(command(s), "--data-dir", other)...), "index"))
}

// TestDoctor_NoReply checks that omg doctor connects to a daemon that accepts connections and never answers only once, because it waits
// until its time limit.
func TestDoctor_NoReply(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	l, err := net.Listen("unix", s.Socket())
	require.NoError(t, err)
	var connections atomic.Int32
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			defer nc.Close()
		}
	})
	found := examine(s, "daemon")
	require.NoError(t, l.Close())
	accepting.Wait()
	require.Equal(t, []check{{"daemon", "problem", s.Socket() + ": omgd does not respond", "restart it: omg daemon restart"}}, found)
	require.EqualValues(t, 1, connections.Load())
}

// TestDoctor_FailedDownload checks that a source that could not be downloaded is a problem, with the time of the next request.
func TestDoctor_FailedDownload(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.Env = append(s.Env, "OMG_TRACKER_ENABLED=true", "OMG_TRACKER_URL=http://127.0.0.1:1")
	s.StartDaemon().AwaitReady()
	var found []check
	harness.Await(t, func() bool {
		found = examine(s, "tracker")
		// doctor asks for the status, which may not have the failure yet, before it asks for the health
		return len(found) == 1 && found[0].State == "problem" && strings.Contains(found[0].Found, ", next request in ")
	}, "the failed download: %v", &found)
	require.Contains(t, found[0].Todo, "tracker.enabled = false")
}

// TestDoctor_DaemonsDatabases checks that omg doctor, without --dbpath, examines the databases that the daemon reads, not
// those of the machine.
func TestDoctor_DaemonsDatabases(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.StartDaemon().AwaitReady()
	databases := func() []check {
		t.Helper()
		r := s.Run("omg", "doctor", "--json", "--socket", s.Socket(), "--data-dir", s.Data)
		require.Equal(t, examine(s, "local database"), read(s, r, "local database"))
		return read(s, r, "databases")
	}
	for i, repo := range []string{"core", "extra", "multilib"} {
		require.Equal(t, "ok", databases()[i].State)
		require.Contains(t, databases()[i].Found, repo+", ")
	}
	harness.WriteFile(t, s.SyncDBPath("core"), "damaged")
	require.Equal(t, "problem", databases()[0].State)
	require.Contains(t, databases()[0].Found, "core: ")
}

// TestDoctor_NoDataDirectory checks that a missing data directory is a problem only if it cannot be created.
func TestDoctor_NoDataDirectory(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	require.NoError(t, os.Mkdir(s.Path("closed"), 0o555))
	require.NoError(t, os.Mkdir(s.Path("open"), 0o755))
	require.NoError(t, os.Chmod(s.Path("open"), 0o777))
	state := func(dir string) check {
		t.Helper()
		user := s.ForSubtest(t)
		if user.UID == 0 { // root can write everywhere
			user = user.AsUser(65534)
		}
		user.Data = dir
		found := read(s, user.Run("omg", command(user, "--no-daemon")...), "data directory")
		require.Len(t, found, 1)
		return found[0]
	}
	require.Equal(t, "ok", state(s.Path("open/a/b")).State)
	r := s.Run("omg-index", append([]string{"build", "-o", s.Path("open/a/all.omgidx")}, s.DatabaseFlags()...)...)
	require.Equal(t, 3, r.Code, "nobody else makes it: %s", r.Stderr)
	c := state(s.Path("closed/a/b"))
	require.Equal(t, "problem", c.State)
	require.Equal(t, s.Path("closed")+": permission denied", c.Found)
}

// TestDoctor_FileLists checks what omg doctor says about the lists of files, of which the user may have all, one or none.
func TestDoctor_FileLists(t *testing.T) {
	s := newSystem(t)
	const todo = "sudo pacman -Fy downloads them, or omgd with sync.files = true"
	require.Equal(t, []check{{"lists of files", "off", "none, so the files of packages that are not installed are unknown", todo}}, examine(s, "lists of files"))
	list := harness.BuildDatabase(t, harness.NewPackageEntry("vim", "9-1"), harness.NewFilesEntry("vim", "9-1", "usr/", "usr/bin/", "usr/bin/vim"))
	harness.WriteFile(t, s.FilesDBPath("core"), list)
	found := examine(s, "lists of files")
	require.Len(t, found, 2)
	require.Equal(t, "ok", found[0].State)
	require.Contains(t, found[0].Found, "core, ")
	require.Equal(t, check{"lists of files", "off", "no list of extra, multilib, so answers may be incomplete", todo}, found[1])
	harness.WriteFile(t, s.FilesDBPath("extra"), list)
	harness.WriteFile(t, s.FilesDBPath("multilib"), list)
	found = examine(s, "lists of files")
	require.Len(t, found, 1)
	require.Contains(t, found[0].Found, "core, extra, multilib, ")
}

// TestDoctor_DaemonsFileLists checks that omg doctor finds the lists of files that a daemon has downloaded into another data directory.
func TestDoctor_DaemonsFileLists(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	harness.WriteFile(t, s.Path("mirror/core.files"), harness.BuildDatabase(t, harness.NewPackageEntry("vim", "9-1"), harness.NewFilesEntry("vim", "9-1", "usr/", "usr/vim")))
	harness.WriteFile(t, s.PacmanConf, "[options]\nArchitecture = x86_64\nSigLevel = Never\n[core]\nServer = file://"+s.Path("mirror")+"\n")
	s.WithEnv("OMG_SYNC_FILES=true").StartDaemon().AwaitStatus(func(r *wire.StatusResult) bool { return len(r.FileLists) == 1 }, "a downloaded list")
	r := s.Run("omg", "doctor", "--json", "--socket", s.Socket(), "--data-dir", s.Path("other"))
	found := read(s, r, "lists of files")
	require.Len(t, found, 1)
	require.Equal(t, "ok", found[0].State)
	require.Contains(t, found[0].Found, "core, ")
}
