package transaction

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/statusfile"
	"github.com/omg-arch/omg/shared/wire"
)

// system is a root directory with a repository from which pacman installs.
type system struct {
	*harness.System
	root, repo string
	omgd       *harness.Daemon
	conn       *client.Conn
}

// newSystem creates the repository and starts omgd before anything is installed. omgd does not poll the databases: it
// notices a change because the kernel reports it.
func newSystem(t *testing.T) *system {
	t.Helper()
	need.Program(t, "pacman")
	need.Program(t, "repo-add")
	need.Root(t)
	s := &system{System: harness.New(t, harness.WithoutDatabases(), harness.WithEnv("OMG_REFRESH_INTERVAL=24h"))}
	s.root, s.repo = s.Path("root"), s.Path("repo")
	for _, dir := range []string{s.root, filepath.Join(s.DB, "sync"), s.repo} {
		require.NoError(t, os.MkdirAll(dir, 0o755))
	}
	harness.WriteFile(t, filepath.Join(s.DB, "local", "ALPM_DB_VERSION"), "9\n")
	harness.WriteFile(t, s.PacmanConf, fmt.Sprintf("[options]\nArchitecture = x86_64\nSigLevel = Never\n"+
		"CacheDir = %[1]s/cache/\nLogFile = %[1]s/log\nHookDir = %[1]s/hooks/\nGPGDir = %[1]s/gpg/\n[test]\nServer = file://%[2]s\n", s.Home, s.repo))
	s.publish(pkg{name: "base-lib", version: "1-1"}, pkg{name: "tool", version: "1-1", depends: []string{"base-lib"}})
	s.pacman("-Sy")
	s.omgd = s.LaunchDaemon()
	s.conn = s.omgd.Dial()
	return s
}

// restart starts omgd again and returns its first status.
func (s *system) restart() (r wire.StatusResult) {
	s.T.Helper()
	p := harness.Start(s.T, s.Command("omgd", append(s.PathFlags(), "--foreground", "--socket", s.Socket())...))
	s.omgd = &harness.Daemon{Process: p, System: s.System, Socket: s.Socket()}
	harness.Await(s.T, func() bool { return !p.Running() || s.omgd.Ask(wire.OpStatus, nil, &r) == nil }, "omgd answers; so far omgd has printed: %s", p.Stderr)
	require.True(s.T, p.Running(), p.Stderr())
	s.conn = s.omgd.Dial()
	return r
}

type pkg struct {
	name, version string
	depends       []string
}

// publish builds packages and adds them to the repository with repo-add.
func (s *system) publish(packages ...pkg) {
	s.T.Helper()
	args := []string{"-q", filepath.Join(s.repo, "test.db.tar.gz")}
	for _, p := range packages {
		info := fmt.Sprintf("pkgname = %s\npkgbase = %s\npkgver = %s\npkgdesc = The %s of a test\nsize = 5\narch = any\n", p.name, p.name, p.version, p.name)
		for _, d := range p.depends {
			info += "depend = " + d + "\n"
		}
		var archive bytes.Buffer
		tape := tar.NewWriter(&archive)
		for _, file := range []struct{ name, body string }{{".PKGINFO", info}, {"usr/share/" + p.name, "hello"}} {
			require.NoError(s.T, tape.WriteHeader(&tar.Header{Name: file.name, Mode: 0o644, Size: int64(len(file.body)), ModTime: time.Unix(1e9, 0)}))
			_, err := tape.Write([]byte(file.body))
			require.NoError(s.T, err)
		}
		require.NoError(s.T, tape.Close())
		path := filepath.Join(s.repo, p.name+"-"+p.version+"-any.pkg.tar.gz")
		harness.WriteFile(s.T, path, harness.Gzip(s.T, archive.Bytes()))
		args = append(args, path)
	}
	got := s.RunTool("repo-add", args...)
	require.Zero(s.T, got.Code, got.Stderr)
}

// pacman changes the system with the real pacman.
func (s *system) pacman(args ...string) {
	s.T.Helper()
	got := s.Pacman(append([]string{"--root", s.root, "--noconfirm"}, args...)...)
	require.Zero(s.T, got.Code, "pacman %q: %s%s", args, got.Stdout, got.Stderr)
}

// counts returns the counts in the status, as "installed explicit orphans updates".
func (s *system) counts() string {
	var r wire.StatusResult
	var refused *wire.Error
	if err := s.conn.CallForResult(context.Background(), wire.OpStatus, nil, &r); errors.As(err, &refused) && refused.Code == wire.CodeNotReady {
		return refused.Message
	} else if err != nil {
		return err.Error()
	}
	return inWords(r.Counts)
}

// inWords returns four counts as "installed explicit orphans updates", with "?" for an unknown count.
func inWords(c wire.Counts) string {
	text := func(n *uint32) string {
		if n == nil {
			return "?"
		}
		return fmt.Sprint(*n)
	}
	return strings.Join([]string{text(c.Installed), text(c.Explicit), text(c.Orphans), text(c.Updates)}, " ")
}

// fileCounts returns the counts in the status file, with "?" for an unknown count: while omgd builds the first index, it
// writes the file without the number of updates, and does not store the status.
func (s *system) fileCounts() string {
	f, err := statusfile.Read(s.Path("omg.status"))
	if err != nil {
		return err.Error()
	}
	number := func(n statusfile.Number) *uint32 {
		if !n.Known {
			return nil
		}
		return &n.N
	}
	return inWords(wire.Counts{Installed: number(f.Installed), Explicit: number(f.Explicit), Orphans: number(f.Orphans), Updates: number(f.Updates)})
}

// await waits until omgd reports these counts. It requires that the list of explicitly installed packages has changed
// too, and then waits for the status file, which omgd writes after it has begun to use a new snapshot.
func (s *system) await(counts string, explicit ...string) {
	s.T.Helper()
	harness.Await(s.T, func() bool { return s.counts() == counts }, "omgd counts %s instead of %s; so far omgd has printed: %s", counts, s.counts, s.omgd.Stderr)
	var r wire.ExplicitResult
	require.NoError(s.T, s.conn.CallForResult(s.T.Context(), wire.OpExplicit, nil, &r))
	require.Equal(s.T, explicit, append([]string(nil), r.Names...))
	s.awaitFile(counts)
	require.Equal(s.T, counts, s.counts())
}

// awaitFile waits until the status file has these counts. omgd writes this file last.
func (s *system) awaitFile(counts string) {
	s.T.Helper()
	harness.Await(s.T, func() bool { return s.fileCounts() == counts }, "the status file has %s, not %s; omgd printed: %s", counts, s.fileCounts, s.omgd.Stderr)
}

// TestRefresh_Killed kills omgd while databases change. After each restart, omgd must have the last status that it
// had reported as stored, or a newer one. It must leave no temporary files.
func TestRefresh_Killed(t *testing.T) {
	times := 10
	if os.Getenv("OMG_SOAK") != "" {
		times = 200
	}
	s := newSystem(t)
	s.pacman("-S", "tool")
	rng := rand.New(rand.NewPCG(1, 2))
	fromStore, explicit := 0, []string{"2 1 0 0", "2 2 0 0"}
	s.awaitFile(explicit[0])
	// The approximate time of a refresh: the kills are spread over that time.
	begin := time.Now()
	s.pacman("-D", "--asexplicit", "base-lib")
	s.awaitFile(explicit[1])
	s.pacman("-D", "--asdeps", "base-lib")
	s.awaitFile(explicit[0])
	span := time.Since(begin) / 2
	for i := range times {
		// omgd writes the status to its store before it writes the status file. Once the file has these counts, the
		// store has them too.
		stored := explicit[i%2]
		s.awaitFile(stored)
		// Replacing a database by a file with the same content makes omgd refresh.
		harness.ReplaceFile(t, s.SyncDBPath("test"), harness.ReadFile(t, s.SyncDBPath("test")))
		s.pacman("-D", []string{"--asexplicit", "--asdeps"}[i%2], "base-lib")
		time.Sleep(time.Duration(rng.Int64N(int64(span)))) // a random moment
		s.omgd.Kill()
		r := s.restart()
		require.NotNil(t, r.Counts.Explicit, "the last status is there at once")
		if r.Stale {
			fromStore++
			require.NotZero(t, r.ConfirmedAt)
		}
		require.Contains(t, []string{stored, explicit[(i+1)%2]}, inWords(r.Counts))
		require.False(t, slices.ContainsFunc(r.Problems, func(p wire.Problem) bool { return p.Name == "store" }), "%v", r.Problems)
	}
	t.Logf("%d kills; %d times the first answer was the stored status, else already a new one", times, fromStore)
	s.omgd.Stop()
	require.Equal(t, []string{"cache.pebble", "index"}, harness.ListDir(t, s.Data))
	require.Equal(t, []string{"test.omgidx", "test.omgidx.origin"}, harness.ListDir(t, s.IndexDir()))
}

// TestRefresh_Transactions makes pacman install, upgrade and remove packages.
func TestRefresh_Transactions(t *testing.T) {
	s := newSystem(t)
	s.await("0 0 0 0")

	stop := s.watchForMixtures(nil, []string{"base-lib 1-1", "tool 1-1"}, []string{"base-lib 2-1", "tool 2-1"}, []string{"base-lib 2-1"})
	s.pacman("-S", "tool")
	s.await("2 1 0 0", "tool")
	require.Equal(t, "1-1", s.search("tool"), "the search marks what is installed")

	s.publish(pkg{name: "base-lib", version: "2-1"}, pkg{name: "tool", version: "2-1", depends: []string{"base-lib"}})
	s.pacman("-Syy") // -Sy would skip a database that was modified in the same second as the last one
	s.await("2 1 0 2", "tool")

	s.pacman("-Su")
	s.await("2 1 0 0", "tool")
	require.Equal(t, "2-1", s.search("tool"))

	s.pacman("-R", "tool")
	s.await("1 0 1 0")
	require.Empty(t, s.search("tool"))

	s.pacman("-D", "--asexplicit", "base-lib")
	s.await("1 1 0 0", "base-lib")
	s.pacman("-D", "--asdeps", "base-lib")
	s.await("1 0 1 0")
	s.pacman("-R", "base-lib")
	s.await("0 0 0 0")
	stop()
}

// search returns the installed version in a search result.
func (s *system) search(name string) string {
	s.T.Helper()
	var r wire.SearchResult
	require.NoError(s.T, s.conn.CallForResult(s.T.Context(), wire.OpSearch, &wire.SearchRequest{Words: []string{"name:" + name}}, &r))
	require.Len(s.T, r.Packages, 1)
	return r.Packages[0].InstalledVersion
}

// watchForMixtures requests the list of installed packages all the time, and fails if an answer is not in the parameter
// truths, which has the lists before and after each transaction.
func (s *system) watchForMixtures(truths ...[]string) (stop func()) {
	conn := s.omgd.Dial()
	done := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			var r wire.InstalledResult
			if err := conn.CallForResult(context.Background(), wire.OpInstalled, &wire.InstalledRequest{}, &r); err != nil {
				s.T.Error(err)
				return
			}
			var now []string
			for _, p := range r.Packages {
				now = append(now, p.Name+" "+p.Version)
			}
			if !slices.ContainsFunc(truths, func(truth []string) bool { return slices.Equal(truth, now) }) {
				s.T.Errorf("a mixture: %q", now)
			}
		}
	})
	return func() {
		close(done)
		wait.Wait()
	}
}

// TestStatus_LeftOverLock checks that omgd still answers if a dead pacman has left its lock, and that after a while the
// status reports the lock as a problem.
func TestStatus_LeftOverLock(t *testing.T) {
	s := newSystem(t)
	s.pacman("-S", "tool")
	s.await("2 1 0 0", "tool")
	lock := filepath.Join(s.DB, "db.lck")
	harness.WriteFile(t, lock, "")
	old := time.Now().Add(-2 * time.Minute)
	for _, p := range []string{lock, filepath.Join(s.DB, "local"), filepath.Join(s.DB, "sync")} {
		require.NoError(t, os.Chtimes(p, old, old))
	}
	locked := func(r *wire.StatusResult) bool {
		return slices.ContainsFunc(r.Problems, func(p wire.Problem) bool { return p.Name == "db.lck" && strings.Contains(p.Why, lock) })
	}
	s.omgd.AwaitStatus(func(r *wire.StatusResult) bool { return locked(r) && inWords(r.Counts) == "2 1 0 0" }, "the lock")
	require.NoError(t, os.Remove(lock))
	s.omgd.AwaitStatus(func(r *wire.StatusResult) bool { return !locked(r) }, "no lock")
}
