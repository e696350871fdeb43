package sources

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/sourcefile"
)

// TestMain sets the umask, for two reasons. Indexes that other users may write are not trusted. And some tests run as root,
// but read files as an ordinary user.
func TestMain(m *testing.M) {
	syscall.Umask(0o022)
	os.Exit(m.Run())
}

// system holds the paths of a database directory, of a pacman.conf with its repositories, and of a log.
type system struct{ db, conf, log string }

// generate writes the files of a system with the repositories core, extra and multilib.
func generate(t testing.TB, o fixture.Options) *system {
	t.Helper()
	dir := t.TempDir()
	s := &system{db: filepath.Join(dir, "db"), conf: filepath.Join(dir, "pacman.conf"), log: filepath.Join(dir, "pacman.log")}
	require.NoError(t, fixture.WriteDatabases(s.db, o))
	s.configure(t, "[core]\n[extra]\n[multilib]\n")
	return s
}

// copy returns a copy of the system in its own directory.
func (s *system) copy(t testing.TB) *system {
	t.Helper()
	dir := t.TempDir()
	next := &system{db: filepath.Join(dir, "db"), conf: filepath.Join(dir, "pacman.conf"), log: filepath.Join(dir, "pacman.log")}
	require.NoError(t, os.CopyFS(next.db, os.DirFS(s.db)))
	next.configure(t, "[core]\n[extra]\n[multilib]\n")
	return next
}

// configure writes a pacman.conf whose repository sections are the given text.
func (s *system) configure(t testing.TB, repositories string) {
	t.Helper()
	require.NoError(t, os.WriteFile(s.conf, fmt.Appendf(nil, "[options]\nDBPath = %s\nLogFile = %s\n%s", s.db, s.log, repositories), 0o644))
}

func (s *system) config() Config { return Config{PacmanConfig: s.conf} }

func (s *system) read(t testing.TB) *PacmanSetup {
	t.Helper()
	p, err := s.config().ReadPacmanSetup()
	require.NoError(t, err)
	return p
}

func (s *system) database(repo string) string { return filepath.Join(s.db, "sync", repo+".db") }

// repository returns the configured repository with this name.
func (s *system) repository(t testing.TB, name string) *Repository {
	t.Helper()
	p := s.read(t)
	for i := range p.Repositories {
		if p.Repositories[i].Name == name {
			return &p.Repositories[i]
		}
	}
	t.Fatalf("no repository %s", name)
	return nil
}

// names returns the names of p.Repositories, in the same order.
func names(p *PacmanSetup) (names []string) {
	for _, r := range p.Repositories {
		names = append(names, r.Name)
	}
	return names
}

// indexed builds an index of a repository in a directory, as omg-index does, and opens it.
func indexed(t testing.TB, dir string, r *Repository) *Index {
	t.Helper()
	path := IndexPath(dir, pkgindex.KindRepo, r.Name)
	b := pkgindex.NewBuilder("test", 1)
	f, _, err := r.ReadPackages(t.Context(), b.AddSource(r.Name, pkgindex.KindRepo), nil)
	require.NoError(t, err)
	require.NoError(t, b.WriteFile(path))
	require.NoError(t, IndexOrigins{OriginOfFile(&f.File)}.Write(path))
	return open(t, path)
}

// open opens an index and its origins.
func open(t testing.TB, path string) *Index {
	t.Helper()
	f, err := pkgindex.Open(path, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return &Index{File: f, BuiltFrom: ReadOrigins(path, nil)}
}

// stampOf returns the stamp of a file.
func stampOf(t testing.TB, path string) sourcefile.Stamp {
	t.Helper()
	stamp, err := sourcefile.StampOfPath(path)
	require.NoError(t, err)
	return stamp
}

// copyFile copies the file at the path source to the path target. The copy has the same modification time as the source.
func copyFile(t testing.TB, source, target string) {
	t.Helper()
	b, err := os.ReadFile(source)
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(target))
	require.NoError(t, os.WriteFile(target, b, 0o644))
	at := time.Unix(stampOf(t, source).MtimeSeconds(), 0)
	require.NoError(t, os.Chtimes(target, at, at))
}

// catchUp advances virtual time to the last change of some files. The kernel sets a file's times by the real clock.
func catchUp(t testing.TB, paths ...string) {
	t.Helper()
	for _, path := range paths {
		time.Sleep(time.Until(time.Unix(stampOf(t, path).CtimeSeconds(), 0)))
	}
}
