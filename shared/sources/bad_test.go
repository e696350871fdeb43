package sources

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

// fault is a way in which a repository's database can be missing, unreadable or damaged.
type fault struct {
	name string
	// spoil creates the fault in the database at a path.
	spoil func(t *testing.T, path string)
	// onPackage is called after each package that is read from the database; it may be nil.
	onPackage func(path string)
	// missing is true if the database does not exist after spoil has been called.
	missing bool
	// directory is true if the fault is in the directory of the databases, and therefore affects all databases.
	directory bool
	// why is a text that the field Why of the source must contain.
	why string
}

func replace(content string) func(*testing.T, string) {
	return func(t *testing.T, path string) { require.NoError(t, os.WriteFile(path, []byte(content), 0o644)) }
}

// inPlace returns a function that removes a database, and then calls the function create, which may create another file at
// the same path.
func inPlace(create func(path string) error) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		require.NoError(t, os.Remove(path))
		require.NoError(t, create(path))
	}
}

func symlink(target string) func(path string) error {
	return func(path string) error { return os.Symlink(target, path) }
}

// flip returns a function that changes one byte of a file, at a position that is given in percent of the file's size.
func flip(percent int) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		b[len(b)*percent/100] ^= 0x55
		require.NoError(t, os.WriteFile(path, b, 0o644))
	}
}

func faults() []fault {
	const redownload = "download it again with pacman -Syyu"
	return []fault{
		{name: "a page of a login portal", spoil: replace("<!DOCTYPE html>\n<html><body>Log in</body></html>\n"), why: "not a package database: " + redownload},
		{name: "the text of a link", spoil: replace("../../elsewhere/core.db"), why: "not a package database: " + redownload},
		{name: "a block of zeros that is cut off", spoil: replace(string(make([]byte, 300))), why: redownload},
		{name: "empty", spoil: replace(""), why: "the file is empty: " + redownload},
		{name: "cut off in its header", spoil: func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 5)) }, why: redownload},
		{name: "cut off", spoil: func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, stampOf(t, path).Size/2)) }, why: "the file is truncated: " + redownload},
		{name: "cut off by a byte", spoil: func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, stampOf(t, path).Size-1)) }, why: "the file is truncated: " + redownload},
		{name: "a flipped byte", spoil: flip(50), why: redownload},
		{name: "a flipped byte of the checksum", spoil: flip(99), why: redownload},
		{name: "too large", spoil: replace("\x28\xb5\x2f\xfd\x00\x90\x01\x00\x00"), why: "the file is too large"}, // a zstd header that requires a window of 256 MiB
		{name: "changing while it is read", why: "the file changed while it was read", spoil: func(t *testing.T, path string) {
			copyFile(t, generate(t, fixture.Options{Packages: 60, Seed: 9}).database("core"), path)
			require.NoError(t, os.Chmod(path, 0o666)) // onPackage writes to the file as an ordinary user
		}, onPackage: func(path string) {
			if f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0); err == nil {
				_, _ = f.WriteString("x")
				_ = f.Close()
			}
		}},
		{name: "a directory", spoil: inPlace(func(path string) error { return os.Mkdir(path, 0o755) }), why: "not a regular file"},
		{name: "a pipe", spoil: inPlace(func(path string) error { return unix.Mkfifo(path, 0o644) }), why: "not a regular file"},
		{name: "a link to a pipe", spoil: inPlace(func(path string) error {
			return errors.Join(unix.Mkfifo(path+".pipe", 0o644), os.Symlink(path+".pipe", path))
		}), why: "not a regular file"},
		{name: "a device", spoil: inPlace(symlink(os.DevNull)), why: "not a regular file"},
		{name: "a socket", why: "not a regular file", spoil: func(t *testing.T, path string) {
			require.NoError(t, os.Remove(path))
			t.Chdir(filepath.Dir(path)) // the path of a socket must be short: use a relative path
			l, err := net.Listen("unix", filepath.Base(path))
			require.NoError(t, err)
			t.Cleanup(func() { _ = l.Close() })
		}},
		{name: "a link to itself", spoil: inPlace(symlink("core.db")), why: "too many levels of symbolic links"},
		{name: "a link to nowhere", spoil: inPlace(symlink("/none/core.db")), why: "no such file or directory"},
		{name: "without permission", spoil: func(t *testing.T, path string) { require.NoError(t, os.Chmod(path, 0)) }, why: "chmod a+r on it"},
		{name: "a link to one without permission", why: "chmod a+r on it", spoil: func(t *testing.T, path string) {
			target := filepath.Join(t.TempDir(), "core.db")
			copyFile(t, path, target)
			require.NoError(t, os.Chmod(target, 0))
			require.NoError(t, os.Remove(path))
			require.NoError(t, os.Symlink(target, path))
		}},
		{name: "missing", spoil: inPlace(func(string) error { return nil }), missing: true, why: "download it with pacman -Syu"},
		{name: "in a missing directory", missing: true, directory: true, why: "download it with pacman -Syu", spoil: func(t *testing.T, path string) {
			require.NoError(t, os.RemoveAll(filepath.Dir(path)))
		}},
		{name: "in a directory without permission", directory: true, why: "permission denied", spoil: func(t *testing.T, path string) {
			dir := filepath.Dir(path)
			require.NoError(t, os.Chmod(dir, 0))
			t.Cleanup(func() { _ = os.Chmod(dir, 0o755) })
		}},
		{name: "in a file", directory: true, why: "not a directory", spoil: func(t *testing.T, path string) {
			dir := filepath.Dir(path)
			require.NoError(t, os.RemoveAll(dir))
			require.NoError(t, os.WriteFile(dir, nil, 0o644))
		}},
	}
}

// settle examines a repository. If the result has NeedsBuild, settle builds an index of the database in memory, as
// omg-direct does.
func settle(ctx context.Context, r *Repository, x *Index, onPackage func(path string)) ExaminedRepository {
	e := r.Examine(ctx, x)
	if !e.NeedsBuild {
		return e
	}
	b := pkgindex.NewBuilder("test", 1)
	_, _, err := r.ReadPackages(ctx, b.AddSource(r.Name, pkgindex.KindRepo), func() {
		if onPackage != nil {
			onPackage(r.DatabasePath)
		}
	})
	var data []byte
	if err == nil {
		data, err = b.Bytes()
	}
	var f *pkgindex.File
	if err == nil {
		f, err = pkgindex.OpenBytes(data)
	}
	if err != nil {
		e.SetFailed(err)
	} else {
		e.SetBuilt(f)
	}
	return e
}

// asOther calls the function f as an ordinary user, because root may read every file.
func asOther(t *testing.T, f func()) {
	t.Helper()
	if os.Getuid() != 0 {
		f()
		return
	}
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // Without an unlock, the thread ends with the goroutine. No other code runs with its user ID.
		if err = unix.Setfsuid(65534); err == nil {
			f()
		}
	}()
	<-done
	require.NoError(t, err)
}

// readableByOthers lets an ordinary user enter a test's directory.
func readableByOthers(t *testing.T, dir string) {
	t.Helper()
	for range 2 { // t.TempDir creates dir and its parent directory
		require.NoError(t, os.Chmod(dir, 0o755))
		dir = filepath.Dir(dir)
	}
}

// TestExamine_BadDatabase checks the state of a repository for each fault of its database. If omg has an index of this
// database, or the user chose an index, the repository is stale and uses the index. Otherwise the repository is failed or
// missing, even if there is an index of a database in another directory. The other repositories stay ok.
func TestExamine_BadDatabase(t *testing.T) {
	s, other := generate(t, fixture.Options{Packages: 60, Seed: 1}), generate(t, fixture.Options{Packages: 60, Seed: 2})
	for _, f := range faults() {
		for _, kind := range []string{"no index", "own", "of another path", "given"} {
			t.Run(f.name+"/"+kind, func(t *testing.T) { f.test(t, s, other, kind) })
		}
	}
}

// test creates the fault in the database core of a copy of the system good. It checks the states of all repositories,
// restores the database, and checks that the state of core is ok again. The parameter kind says which index of core exists.
// With the kind "of another path", the index was built from the database core of the system other.
func (f *fault) test(t *testing.T, good, other *system, kind string) {
	s := good.copy(t)
	readableByOthers(t, filepath.Dir(s.db))
	p := s.read(t)
	require.Equal(t, []string{"core", "extra", "multilib"}, names(p))
	indexes := make([]*Index, 3)
	dir := t.TempDir()
	for i := range indexes {
		indexes[i] = indexed(t, dir, &p.Repositories[i])
	}
	switch kind {
	case "no index":
		indexes[0] = nil
	case "of another path":
		indexes[0] = indexed(t, dir, other.repository(t, "core"))
	case "given":
		indexes[0].UserChosen = true
	}
	answers := kind == "own" || kind == "given"
	before := stampOf(t, s.database("core"))
	f.spoil(t, s.database("core"))
	defer func() { _ = os.Chmod(filepath.Join(s.db, "sync"), 0o755) }()

	var examined []ExaminedRepository
	asOther(t, func() {
		for i := range p.Repositories {
			onPackage := f.onPackage
			if i > 0 {
				onPackage = nil
			}
			examined = append(examined, settle(t.Context(), &p.Repositories[i], indexes[i], onPackage))
		}
	})
	require.Len(t, examined, 3)
	bad := &examined[0]
	require.False(t, bad.NeedsBuild)
	switch {
	case answers:
		require.Equal(t, wire.SourceStale, bad.State)
		require.Equal(t, indexes[0].File, bad.Index)
		require.Equal(t, !f.missing || kind == "own", bad.Outdated)
		require.False(t, bad.Unavailable())
		if kind == "own" {
			require.Equal(t, before.MtimeSeconds(), bad.AsOf, "the index's times")
			require.Equal(t, before.CtimeSeconds(), bad.ChangedAt)
		}
	case f.missing:
		require.Equal(t, wire.SourceMissing, bad.State)
		require.Nil(t, bad.Index)
	default:
		require.Equal(t, wire.SourceFailed, bad.State)
		require.Nil(t, bad.Index)
		require.False(t, bad.Outdated)
	}
	switch {
	case kind == "given": // the fault may be unnoticed, because omg need not read the database
		require.NotEmpty(t, bad.Why)
	case f.missing && answers:
		require.Equal(t, "no database: the last index is used", bad.Why)
	default:
		require.Contains(t, bad.Why, f.why)
	}
	require.Equal(t, wire.KindRepository, bad.Kind)
	require.False(t, bad.Building)

	list := []snapshot.IndexedSource{bad.IndexedSource}
	packages := 0
	if bad.Index != nil {
		packages = int(bad.Index.DocCount())
	}
	for i, e := range examined[1:] {
		if f.directory {
			require.Equal(t, wire.SourceStale, e.State)
		} else {
			require.Equal(t, wire.SourceOK, e.State, "%s: %s", e.Name, e.Why)
			require.Empty(t, e.Why)
			require.False(t, e.Outdated)
		}
		require.Equal(t, indexes[i+1].File, e.Index)
		list, packages = append(list, e.IndexedSource), packages+int(e.Index.DocCount())
	}
	snap := snapshot.Build(snapshot.Inputs{DBPath: s.db, PacmanConfig: p.Config, Repositories: list})
	found, err := snap.Search(&wire.SearchRequest{Words: []string{""}})
	require.NoError(t, err, "the other repositories can be searched")
	require.Equal(t, packages, found.Total)
	require.Equal(t, !answers, found.Partial)
	require.False(t, snap.IsComplete() && (!answers || bad.Outdated))

	if f.directory || answers && kind == "given" {
		return
	}
	// Restore the database.
	require.NoError(t, os.RemoveAll(s.database("core")))
	copyFile(t, good.database("core"), s.database("core"))
	e := settle(t.Context(), &p.Repositories[0], indexes[0], nil)
	require.Equal(t, wire.SourceOK, e.State, e.Why)
	require.NotZero(t, e.Index.DocCount())
	require.False(t, e.Outdated)
	if answers {
		require.Equal(t, indexes[0].File, e.Index, "the earlier index is used, and none was built")
	}
}

// TestExamine_EmptyArchive checks that the state of a database without packages is ok.
func TestExamine_EmptyArchive(t *testing.T) {
	s := generate(t, fixture.Options{Packages: 60, Seed: 1})
	require.NoError(t, os.WriteFile(s.database("core"), database(t), 0o644))
	e := settle(t.Context(), s.repository(t, "core"), nil, nil)
	require.Equal(t, wire.SourceOK, e.State, e.Why)
	require.Zero(t, e.Index.DocCount())
}
