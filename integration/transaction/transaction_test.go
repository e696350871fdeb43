package transaction

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/programs"
	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/statusfile"
	"github.com/omg-arch/omg/shared/wire"
)

func TestMain(m *testing.M) { programs.Main(m) }

// within is how soon after pacman's end omgd must know. The wait is longer, so
// that a failure says how late it was.
const within = time.Second

// system is a root of its own with a repository that pacman installs from.
type system struct {
	t                          *testing.T
	root, db, repo, conf, home string
	omgd                       *programs.Daemon
	conn                       *client.Conn
}

// newSystem makes the repository and starts omgd before anything is installed.
func newSystem(t *testing.T) *system {
	t.Helper()
	for _, tool := range []string{"pacman", "repo-add"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed: make deps", tool)
		}
	}
	if os.Getuid() != 0 {
		t.Skip("pacman changes a system as root only")
	}
	dir := t.TempDir()
	s := &system{t: t, root: filepath.Join(dir, "root"), db: filepath.Join(dir, "db"), repo: filepath.Join(dir, "repo"), home: dir}
	for _, d := range []string{s.root, filepath.Join(s.db, "local"), filepath.Join(s.db, "sync"), s.repo} {
		require.NoError(t, os.MkdirAll(d, 0o755))
	}
	require.NoError(t, os.WriteFile(filepath.Join(s.db, "local", "ALPM_DB_VERSION"), []byte("9\n"), 0o644))
	s.conf = filepath.Join(dir, "pacman.conf")
	require.NoError(t, os.WriteFile(s.conf, []byte("[options]\nArchitecture = x86_64\nSigLevel = Never\nCacheDir = "+
		filepath.Join(dir, "cache")+"/\nLogFile = "+filepath.Join(dir, "log")+"\n[test]\nServer = file://"+s.repo+"\n"), 0o644))
	s.publish(pkg{name: "base-lib", version: "1-1"}, pkg{name: "tool", version: "1-1", depends: []string{"base-lib"}})
	s.pacman("-Sy")
	s.omgd = programs.Start(t, programs.Env(dir), "--dbpath", s.db, "--pacman-config", s.conf, "--data-dir", filepath.Join(dir, "data"))
	s.conn = s.dial()
	return s
}

type pkg struct {
	name, version string
	depends       []string
}

// publish makes packages and adds them to the repository with repo-add.
func (s *system) publish(packages ...pkg) {
	s.t.Helper()
	args := []string{"-q", filepath.Join(s.repo, "test.db.tar.gz")}
	for _, p := range packages {
		path := filepath.Join(s.repo, p.name+"-"+p.version+"-any.pkg.tar.gz")
		info := fmt.Sprintf("pkgname = %s\npkgbase = %s\npkgver = %s\npkgdesc = The %s of a test\nsize = 5\narch = any\n", p.name, p.name, p.version, p.name)
		for _, d := range p.depends {
			info += "depend = " + d + "\n"
		}
		f, err := os.Create(path)
		require.NoError(s.t, err)
		zw := gzip.NewWriter(f)
		tw := tar.NewWriter(zw)
		for _, file := range []struct{ name, body string }{{".PKGINFO", info}, {"usr/share/" + p.name, "hello"}} {
			require.NoError(s.t, tw.WriteHeader(&tar.Header{Name: file.name, Mode: 0o644, Size: int64(len(file.body)), ModTime: time.Unix(1e9, 0)}))
			_, err := tw.Write([]byte(file.body))
			require.NoError(s.t, err)
		}
		require.NoError(s.t, tw.Close())
		require.NoError(s.t, zw.Close())
		require.NoError(s.t, f.Close())
		args = append(args, path)
	}
	got := programs.Exec(s.t, programs.Env(s.home), "repo-add", args...)
	require.Zero(s.t, got.Code, got.Stderr)
}

// pacman runs the real one on the system and returns when it ended.
func (s *system) pacman(args ...string) time.Time {
	s.t.Helper()
	got := programs.Exec(s.t, programs.Env(s.home), "pacman", append([]string{
		"--root", s.root, "-b", s.db, "--config", s.conf, "--noconfirm",
	}, args...)...)
	require.Zero(s.t, got.Code, "pacman %q: %s%s", args, got.Stdout, got.Stderr)
	return time.Now()
}

func (s *system) dial() *client.Conn {
	s.t.Helper()
	c, err := client.Dial(context.Background(), s.omgd.Socket, client.Options{})
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

func get[R any](t *testing.T, c *client.Conn, op string, req any) R {
	t.Helper()
	var r R
	require.NoError(t, c.Get(context.Background(), op, req, &r))
	return r
}

// counts is what status says, as "installed explicit orphans updates".
func (s *system) counts() string {
	var r wire.StatusResult
	var said *wire.Error
	if err := s.conn.Get(context.Background(), wire.OpStatus, nil, &r); errors.As(err, &said) && said.Code == wire.CodeNotReady {
		return said.Message
	} else if err != nil {
		return err.Error()
	}
	return inWords(r.Counts)
}

// inWords is counts as "installed explicit orphans updates".
func inWords(c wire.Counts) string {
	text := func(n *uint32) string {
		if n == nil {
			return "?"
		}
		return fmt.Sprint(*n)
	}
	return strings.Join([]string{text(c.Installed), text(c.Explicit), text(c.Orphans), text(c.Updates)}, " ")
}

// expect waits until omgd says so, and demands that it did in time.
func (s *system) expect(since time.Time, counts string, explicit ...string) {
	s.t.Helper()
	last := ""
	require.Eventually(s.t, func() bool {
		last = s.counts()
		return last == counts
	}, 10*within, 2*time.Millisecond, "%s expected\n%s", counts, s.omgd.Stderr())
	took := time.Since(since)
	require.Less(s.t, took, within, "omgd knew too late")
	require.Equal(s.t, counts, s.fileCounts(), "the status file")
	names := get[wire.ExplicitResult](s.t, s.conn, wire.OpExplicit, nil).Names
	require.Equal(s.t, explicit, append([]string(nil), names...))
	s.t.Logf("%s after %s", counts, took.Round(time.Millisecond))
}

// fileCounts is what the status file says. It is written right after the state
// that the socket answers from.
func (s *system) fileCounts() string {
	path := strings.TrimSuffix(s.omgd.Socket, ".sock") + ".status"
	for range 100 {
		f, err := statusfile.Read(path)
		if err == nil {
			text := fmt.Sprintln(f.Installed.N, f.Explicit.N, f.Orphans.N, f.Updates.N)
			if now := s.counts(); strings.TrimSpace(text) == now {
				return now
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
	return "the status file says something else"
}

// TestKilledDuringRefreshes kills omgd while databases change. Each time it starts
// again, has the last status that it reported as stored, or a newer one, and leaves
// no temporary files.
func TestKilledDuringRefreshes(t *testing.T) {
	times := 10
	if os.Getenv("OMG_SOAK") != "" {
		times = 200
	}
	s := newSystem(t)
	s.pacman("-S", "tool")
	data := filepath.Join(s.home, "data")
	rng := rand.New(rand.NewPCG(1, 2))
	fromStore, explicit := 0, []string{"2 1 0 0", "2 2 0 0"}
	for i := range times {
		// The status file is written after the store: what it says is stored.
		stored := explicit[i%2]
		require.Eventually(t, func() bool { return s.fileCounts() == stored }, 10*time.Second, 2*time.Millisecond, s.omgd.Stderr())
		db := filepath.Join(s.db, "sync", "test.db")
		b, err := os.ReadFile(db)
		require.NoError(t, err)
		require.NoError(t, os.Remove(db))
		require.NoError(t, os.WriteFile(db, b, 0o644)) // another file, the same content: omgd looks
		s.pacman("-D", []string{"--asexplicit", "--asdeps"}[i%2], "base-lib")
		time.Sleep(time.Duration(rng.IntN(90_000)) * time.Microsecond)
		_ = s.conn.Close()
		s.omgd.Kill(t)
		s.omgd = programs.Start(t, programs.Env(s.home), "--dbpath", s.db, "--pacman-config", s.conf, "--data-dir", data)
		s.conn = s.dial()
		r := get[wire.StatusResult](t, s.conn, wire.OpStatus, nil)
		require.NotNil(t, r.Counts.Explicit, "the last status is there at once")
		if r.Stale {
			fromStore++
			require.NotZero(t, r.At)
		}
		require.Contains(t, []string{stored, explicit[(i+1)%2]}, inWords(r.Counts))
		require.False(t, slices.ContainsFunc(r.Parts, func(p wire.Part) bool { return p.Name == "store" }), "%v", r.Parts)
	}
	t.Logf("%d kills; %d times the first answer was the stored status, else already a new one", times, fromStore)
	entries, err := os.ReadDir(data)
	require.NoError(t, err)
	for _, e := range entries {
		require.Contains(t, []string{"cache.pebble", "repos.omgidx", "repos.omgidx.stamps", "versions", "shims", "tools"}, e.Name())
	}
}

func TestPacmanChangesTheSystem(t *testing.T) {
	s := newSystem(t)
	require.Eventually(t, func() bool { return s.counts() == "0 0 0 0" }, 10*time.Second, 5*time.Millisecond)

	stop := s.watchForMixtures([]string{""}, []string{"base-lib 1-1", "tool 1-1"}, []string{"base-lib 2-1", "tool 2-1"}, []string{"base-lib 2-1"}, nil)
	end := s.pacman("-S", "tool")
	s.expect(end, "2 1 0 0", "tool")
	require.Equal(t, "1-1", s.search("tool"), "the search marks what is installed")

	s.publish(pkg{name: "base-lib", version: "2-1"}, pkg{name: "tool", version: "2-1", depends: []string{"base-lib"}})
	end = s.pacman("-Syy") // -Sy passes over a database of the same second
	s.expect(end, "2 1 0 2", "tool")

	end = s.pacman("-Su")
	s.expect(end, "2 1 0 0", "tool")
	require.Equal(t, "2-1", s.search("tool"))

	end = s.pacman("-R", "tool")
	s.expect(end, "1 0 1 0")
	require.Empty(t, s.search("tool"))

	end = s.pacman("-D", "--asexplicit", "base-lib")
	s.expect(end, "1 1 0 0", "base-lib")
	end = s.pacman("-D", "--asdeps", "base-lib")
	s.expect(end, "1 0 1 0")
	end = s.pacman("-R", "base-lib")
	s.expect(end, "0 0 0 0")
	stop()
}

// search returns the installed version that a search marks.
func (s *system) search(name string) string {
	r := get[wire.SearchResult](s.t, s.conn, wire.OpSearch, &wire.SearchRequest{Words: []string{"name:" + name}})
	require.Len(s.t, r.Packages, 1)
	return r.Packages[0].Installed
}

// watchForMixtures asks all the time what is installed, and fails on an answer
// that was never the truth before or after a transaction.
func (s *system) watchForMixtures(truths ...[]string) (stop func()) {
	conn := s.dial()
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
			if err := conn.Get(context.Background(), wire.OpInstalled, &wire.InstalledRequest{}, &r); err != nil {
				s.t.Error(err)
				return
			}
			var now []string
			for _, p := range r.Packages {
				now = append(now, p.Name+" "+p.Version)
			}
			if !slices.ContainsFunc(truths, func(truth []string) bool { return slices.Equal(truth, now) }) {
				s.t.Errorf("a mixture: %q", now)
			}
		}
	})
	return func() {
		close(done)
		wait.Wait()
	}
}

// TestLeftOverLock: a lock that a dead pacman left stops nothing but transactions,
// and status names it once it has stood for a while.
func TestLeftOverLock(t *testing.T) {
	s := newSystem(t)
	s.pacman("-S", "tool")
	require.Eventually(t, func() bool { return s.counts() == "2 1 0 0" }, 10*time.Second, 5*time.Millisecond)
	lock := filepath.Join(s.db, "db.lck")
	require.NoError(t, os.WriteFile(lock, nil, 0o644))
	old := time.Now().Add(-2 * time.Minute)
	for _, p := range []string{lock, filepath.Join(s.db, "local"), filepath.Join(s.db, "sync")} {
		require.NoError(t, os.Chtimes(p, old, old))
	}
	require.Eventually(t, func() bool {
		r := get[wire.StatusResult](t, s.conn, wire.OpStatus, nil)
		return r.Counts.Installed != nil && *r.Counts.Installed == 2 &&
			slices.ContainsFunc(r.Parts, func(p wire.Part) bool { return p.Name == "db.lck" && strings.Contains(p.Why, lock) })
	}, 5*time.Second, 10*time.Millisecond, s.omgd.Stderr())
	require.NoError(t, os.Remove(lock))
	require.Eventually(t, func() bool {
		r := get[wire.StatusResult](t, s.conn, wire.OpStatus, nil)
		return !slices.ContainsFunc(r.Parts, func(p wire.Part) bool { return p.Name == "db.lck" })
	}, 5*time.Second, 10*time.Millisecond, s.omgd.Stderr())
}
