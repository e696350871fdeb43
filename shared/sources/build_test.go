package sources

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/corpus"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/wire"
)

func drain(in io.Reader) error {
	_, err := io.Copy(io.Discard, in)
	return err
}

// TestMemory checks that an index in memory has the packages of the database.
func TestMemory(t *testing.T) {
	o := fixture.Options{Packages: 200, Seed: 1}
	s := generate(t, o)
	want := map[string][]wire.Package{}
	for p := range fixture.GeneratePackages(o) {
		want[p.Repo] = append(want[p.Repo], p)
	}
	require.Len(t, want, 3)
	for repo, packages := range want {
		f, err := s.repository(t, repo).BuildInMemory(t.Context(), nil)
		require.NoError(t, err)
		facts, ok := f.IndexInfo().FindSource(pkgindex.KindRepo, repo)
		require.True(t, ok)
		require.EqualValues(t, len(packages), facts.PackageCount)
		digest, err := sourcefile.DigestOfPath(t.Context(), s.database(repo))
		require.NoError(t, err)
		require.Equal(t, digest, facts.SHA256)
		require.Equal(t, stampOf(t, s.database(repo)).MtimeSeconds(), facts.AsOf)
		set := pkgindex.NewFileSet([]*pkgindex.File{f}, pkgindex.FileSetOptions{})
		for _, p := range packages {
			hits, err := set.Lookup(repo, p.Name)
			require.NoError(t, err)
			require.Len(t, hits, 1, p.Name)
			got, err := set.ReadPackage(hits[0])
			require.NoError(t, err)
			require.Equal(t, p, got)
		}
	}
}

// TestMemory_Corpus builds indexes in memory from the real databases of the corpus.
func TestMemory_Corpus(t *testing.T) {
	databases, err := filepath.Glob(filepath.Join(corpus.SharedDBPath(t), "sync", "*.db"))
	require.NoError(t, err)
	require.NotEmpty(t, databases)
	for _, path := range databases {
		r, err := RepositoryFromFile(path)
		require.NoError(t, err)
		f, err := r.BuildInMemory(t.Context(), nil)
		require.NoError(t, err)
		require.NotZero(t, f.DocCount(), path)
		e := r.Examine(t.Context(), &Index{File: f})
		require.False(t, e.NeedsBuild)
		require.Equal(t, f, e.Index)
	}
}

// TestReadPackages_Skipped checks that a package that is too large is missing from the index, and that all others are in it.
func TestReadPackages_Skipped(t *testing.T) {
	path := filepath.Join(t.TempDir(), "core.db")
	require.NoError(t, os.WriteFile(path, database(t, "a-1-1", "", "huge-1-1", strings.Repeat("x", pkgindex.MaxRecordSize), "z-1-1", ""), 0o644))
	r, err := RepositoryFromFile(path)
	require.NoError(t, err)
	b := pkgindex.NewBuilder("test", 1)
	calls := 0
	f, skipped, err := r.ReadPackages(t.Context(), b.AddSource(r.Name, pkgindex.KindRepo), func() { calls++ })
	require.NoError(t, err)
	require.Equal(t, 3, f.PackageCount)
	require.Equal(t, 3, calls)
	require.Len(t, skipped, 1)
	require.Contains(t, skipped[0], "core/huge")
	index, err := r.BuildInMemory(t.Context(), nil)
	require.NoError(t, err)
	require.EqualValues(t, 2, index.DocCount())
}

// database returns a tar archive with packages; pairs are alternating directory names and descriptions of the packages.
func database(t testing.TB, pairs ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for pair := range slices.Chunk(pairs, 2) {
		name, version, _ := strings.Cut(pair[0], "-")
		desc := fmt.Sprintf("%%NAME%%\n%s\n\n%%VERSION%%\n%s\n\n%%DESC%%\n%s\n\n", name, version, pair[1])
		require.NoError(t, w.WriteHeader(&tar.Header{Name: pair[0] + "/desc", Mode: 0o644, Size: int64(len(desc))}))
		_, err := w.Write([]byte(desc))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

// TestReadPackages_Canceled checks that ReadPackages returns the error of a canceled context, and that this error does not mean a
// damaged database.
func TestReadPackages_Canceled(t *testing.T) {
	s := generate(t, fixture.Options{Packages: 50, Seed: 1})
	ctx, cancel := context.WithCancel(t.Context())
	_, _, err := s.repository(t, "core").ReadPackages(ctx, pkgindex.NewBuilder("test", 1).AddSource("core", pkgindex.KindRepo), cancel)
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, IsDamaged(err))
	_, err = s.repository(t, "core").BuildInMemory(ctx, nil)
	require.ErrorIs(t, err, context.Canceled)
}

// TestDamaged checks which errors mean that a database is damaged. Only these errors suggest to download the database again.
func TestDamaged(t *testing.T) {
	for err, want := range map[error]bool{
		sourcefile.ErrEmpty: true, sourcefile.ErrTruncated: true, sourcefile.ErrDamaged: true, sourcefile.ErrOversize: true,
		pacmandb.ErrNotDatabase: true, sourcefile.ErrNotRegular: false, sourcefile.ErrChanged: false,
		fs.ErrPermission: false, fs.ErrNotExist: false, context.Canceled: false, errors.New("disk failed"): false,
	} {
		path := &fs.PathError{Op: "read", Path: "/core.db", Err: err}
		require.Equal(t, want, IsDamaged(path), err)
		require.Equal(t, want, strings.Contains(packageDownloads.withRemedy(path).Error(), "download it again with pacman -Syyu"), err)
		require.ErrorIs(t, packageDownloads.withRemedy(path), err)
	}
	require.ErrorContains(t, packageDownloads.withRemedy(fs.ErrPermission), "chmod a+r on it")
}
