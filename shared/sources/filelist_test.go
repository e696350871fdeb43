package sources

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/filesindex"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/wire"
)

// visited returns a function that appends what it is called with to lines. Paths of the same package are joined.
func visited(lines *[]string) func(p *filesindex.Package, paths []string) error {
	last := ""
	return func(p *filesindex.Package, paths []string) error {
		head := fmt.Sprintf("%s %s %v:", p.Name, p.Version, p.Groups)
		if head != last {
			*lines, last = append(*lines, head), head
		}
		(*lines)[len(*lines)-1] += " " + strings.Join(paths, " ")
		return nil
	}
}

// TestFileLists compares a list with an index with a list that is read from the database.
func TestFileLists(t *testing.T) {
	s := generate(t, fixture.Options{Packages: 120, Seed: 2, FileLists: true})
	for _, name := range []string{"core", "extra"} {
		r := s.repository(t, name)
		e := r.ExamineFiles(t.Context(), filesIndexed(t, t.TempDir(), r))
		indexed, scanned := e.FilesSource(), r.ScannedFiles(t.Context())
		require.Equal(t, wire.KindFiles, indexed.Kind)
		require.Equal(t, indexed.Source, scanned.Source)
		all := func(l snapshot.FileList) (lines []string) {
			require.NoError(t, l.AllFiles(t.Context().Err, visited(&lines)))
			return lines
		}
		packages := all(indexed.List)
		require.NotEmpty(t, packages)
		require.Equal(t, packages, all(scanned.List))
		asked, found := 0, 0
		for i, line := range packages {
			if i%9 != 0 {
				continue
			}
			pkg, _, _ := strings.Cut(line, " ")
			path := line[strings.LastIndexByte(line, ' ')+1:]
			base := path[strings.LastIndexByte(strings.TrimSuffix(path, "/"), '/')+1:]
			for _, target := range []string{path, "/" + path, base, "^" + pkg} {
				for _, expression := range []bool{false, true} {
					q, err := filesindex.NewQuery(target, expression)
					if err != nil {
						continue
					}
					var a, b []string
					require.NoError(t, indexed.List.Find(q, nil, visited(&a)))
					require.NoError(t, scanned.List.Find(q, nil, visited(&b)))
					require.Equal(t, b, a, target)
					asked, found = asked+1, found+len(a)
				}
			}
			for _, list := range []snapshot.FileList{indexed.List, scanned.List} {
				var lines []string
				ok, err := list.Files(pkg, nil, visited(&lines))
				require.NoError(t, err)
				require.True(t, ok)
				require.Equal(t, []string{line}, lines)
				ok, err = list.Files(pkg+"-none", nil, visited(&lines))
				require.NoError(t, err)
				require.False(t, ok)
			}
			var a, b []string
			command := func(lines *[]string) func(p *filesindex.Package, path string) error {
				return func(p *filesindex.Package, path string) error {
					*lines = append(*lines, p.Name+" "+p.Version+" "+path)
					return nil
				}
			}
			require.NoError(t, indexed.List.Commands(pkg, nil, command(&a)))
			require.NoError(t, scanned.List.Commands(pkg, nil, command(&b)))
			require.Equal(t, b, a, pkg)
			found += len(a)
		}
		require.Positive(t, asked)
		require.Positive(t, found)
	}
}

// TestFileLists_Errors checks that the functions that a caller passes can end each call, and that a damaged database is reported.
func TestFileLists_Errors(t *testing.T) {
	s := generate(t, fixture.Options{Packages: 100, Seed: 2, FileLists: true})
	r := s.repository(t, "extra")
	e := r.ExamineFiles(t.Context(), filesIndexed(t, t.TempDir(), r))
	stop := errors.New("stop")
	q, err := filesindex.NewQuery("usr/", false)
	require.NoError(t, err)
	refuse := func(*filesindex.Package, []string) error { return stop }
	for name, list := range map[string]snapshot.FileList{"index": e.FilesSource().List, "database": r.ScannedFiles(t.Context()).List} {
		require.ErrorIs(t, list.Find(q, nil, refuse), stop, name)
		require.ErrorIs(t, list.AllFiles(nil, refuse), stop, name)
		require.ErrorIs(t, list.AllFiles(func() error { return stop }, func(*filesindex.Package, []string) error { return nil }), stop, name)
	}
	similar, err := e.FilesSource().List.SimilarCommands("none-such-command", 3)
	require.NoError(t, err)
	require.LessOrEqual(t, len(similar), 3)

	require.NoError(t, os.Truncate(r.FilesDatabasePath(), 1000))
	err = r.ScannedFiles(t.Context()).List.AllFiles(nil, func(*filesindex.Package, []string) error { return nil })
	require.ErrorIs(t, err, sourcefile.ErrTruncated)
	require.ErrorContains(t, err, "download it again with pacman -Fyy")
}

// TestDownloads_Files checks which of pacman's and omgd's databases with file lists is used.
func TestDownloads_Files(t *testing.T) {
	s := generate(t, fixture.Options{Packages: 60, Seed: 1, FileLists: true})
	r := s.repository(t, "core")
	dir := t.TempDir()
	pacmans := r.ExamineFiles(t.Context(), filesIndexed(t, dir, r))
	d := Downloads{Dir: dir, StaleAfter: 1 << 50}
	open := func(path string) (*filesindex.File, error) { return filesindex.Open(path, nil) }

	e := pacmans
	d.ReplaceFiles(r, &e, open)
	require.Equal(t, pacmans.Index, e.Index, "nothing is downloaded")
	require.Equal(t, "omgd's download: "+wire.NotDownloadedYet, e.Why)

	content, err := os.ReadFile(r.FilesDatabasePath())
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "core.files"), content, 0o644))
	e = pacmans
	d.ReplaceFiles(r, &e, open)
	require.True(t, e.Downloaded)
	require.Equal(t, wire.KindFiles, e.Kind)
	require.NotNil(t, e.Index)
	t.Cleanup(func() { _ = e.Index.Close() })

	newer := pacmans
	newer.AsOf = e.AsOf + 1
	d.ReplaceFiles(r, &newer, open)
	require.False(t, newer.Downloaded, "pacman's is newer")
	missing := ExaminedFiles{Source: wire.Source{Name: "core", Kind: wire.KindFiles, State: wire.SourceMissing, AsOf: e.AsOf + 1}}
	d.ReplaceFiles(r, &missing, open)
	require.True(t, missing.Downloaded, "pacman has none")
	t.Cleanup(func() { _ = missing.Index.Close() })

	d.DownloadErrorOf = func(string) string { return "404" }
	open = func(string) (*filesindex.File, error) { return nil, errors.New("it is damaged") }
	e = pacmans
	d.ReplaceFiles(r, &e, open)
	require.False(t, e.Downloaded)
	require.Equal(t, "omgd's download: it is damaged", e.Why)
}
