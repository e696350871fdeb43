package snapshot

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/filesindex"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/wire"
)

// listed is a FileList that holds its packages in memory. If err is set, each call returns it.
type listed struct {
	packages []listedPackage
	similar  []SimilarCommand
	err      error
}

type listedPackage struct {
	filesindex.Package
	paths []string
}

// Find passes each path apart, as an index does with very long lists.
func (l *listed) Find(q *filesindex.Query, _ func() error, visit func(p *filesindex.Package, paths []string) error) error {
	for _, p := range l.packages {
		for _, path := range q.MatchingPaths(p.paths) {
			if err := visit(&p.Package, []string{path}); err != nil {
				return err
			}
		}
	}
	return l.err
}

func (l *listed) Files(name string, _ func() error, visit func(p *filesindex.Package, paths []string) error) (bool, error) {
	for _, p := range l.packages {
		if p.Name == name {
			return true, visit(&p.Package, p.paths)
		}
	}
	return false, l.err
}

func (l *listed) AllFiles(func() error, func(p *filesindex.Package, paths []string) error) error {
	return errors.New("not expected")
}

func (l *listed) Commands(name string, pause func() error, visit func(p *filesindex.Package, path string) error) error {
	q, err := filesindex.NewQuery("usr/bin/"+name, false)
	if err != nil {
		return err
	}
	return l.Find(q, pause, func(p *filesindex.Package, paths []string) error { return visit(p, paths[0]) })
}

func (l *listed) SimilarCommands(string, int) ([]SimilarCommand, error) { return l.similar, l.err }

func source(name string, state wire.SourceState, list *listed) FilesSource {
	s := FilesSource{Source: wire.Source{Name: name, Kind: wire.KindFiles, State: state}}
	if list != nil {
		s.List = list
	}
	return s
}

// withFiles returns a snapshot with two lists of files and an installed package.
func withFiles(t *testing.T, more ...FilesSource) *Snapshot {
	t.Helper()
	vim := listedPackage{filesindex.Package{Name: "vim", Version: "2-1", Groups: []string{"editors"}}, []string{"usr/", "usr/bin/", "usr/bin/vi", "usr/bin/vim"}}
	core := &listed{packages: []listedPackage{
		{filesindex.Package{Name: "vi", Version: "1-1"}, []string{"usr/bin/vi"}}, vim,
	}, similar: []SimilarCommand{{Name: "vim", Distance: 1, Package: vim.Package, Path: "usr/bin/vim"}, {Name: "vi", Distance: 2, Package: vim.Package, Path: "usr/bin/vi"}}}
	extra := &listed{packages: []listedPackage{
		{filesindex.Package{Name: "neovim", Version: "3-1"}, []string{"usr/bin/nvim"}},
		{filesindex.Package{Name: "vim", Version: "9-1"}, []string{"usr/bin/vim"}},
	}, similar: []SimilarCommand{{Name: "nvim", Distance: 1, Package: filesindex.Package{Name: "neovim"}, Path: "usr/bin/nvim"}}}
	in := Inputs{Generation: 7, Files: append([]FilesSource{source("core", wire.SourceOK, core), source("extra", wire.SourceStale, extra)}, more...)}
	in.Local.Packages = &pacmandb.Local{Packages: []*pacmandb.Installed{{Package: wire.Package{Name: "vim", Version: "1-1"}}}}
	return Build(in)
}

// owners returns the result of FileOwners, with a line for each element.
func owners(t *testing.T, s *Snapshot, r *wire.FilesOwnerRequest) (*wire.FilesOwnerResult, []string) {
	t.Helper()
	var lines []string
	found, err := s.FileOwners(r, nil, func(o *wire.FileOwner) error {
		lines = append(lines, fmt.Sprintf("%s: %s/%s %s %v [%s] %s", o.Query, o.Repo, o.Name, o.Version, o.Groups, o.InstalledVersion, strings.Join(o.Paths, " ")))
		return nil
	})
	require.NoError(t, err)
	return found, lines
}

// TestFileOwners checks the order of the packages, and what is known of them.
func TestFileOwners(t *testing.T) {
	s := withFiles(t)
	found, lines := owners(t, s, &wire.FilesOwnerRequest{Names: []string{"vim", "none", "/usr/bin/vi"}})
	require.Equal(t, []string{
		"vim: core/vim 2-1 [editors] [1-1] usr/bin/vim",
		"vim: extra/vim 9-1 [] [1-1] usr/bin/vim",
		"/usr/bin/vi: core/vi 1-1 [] [] usr/bin/vi",
		"/usr/bin/vi: core/vim 2-1 [editors] [1-1] usr/bin/vi",
	}, lines)
	require.Equal(t, []string{"none"}, found.Missing)
	require.Equal(t, s.FilesBasis(), found.Basis)
	require.EqualValues(t, 7, found.Generation)
	require.False(t, found.Partial, "an old list is no missing list")
	_, lines = owners(t, s, &wire.FilesOwnerRequest{Names: []string{"^N?VIM$"}, Regex: true})
	require.Len(t, lines, 3)
}

// TestFiles_Refused checks the limits of requests, and the errors of wrong ones.
func TestFiles_Refused(t *testing.T) {
	s := withFiles(t)
	visit := func(*wire.FileOwner) error { return errors.New("not expected") }
	for _, r := range []*wire.FilesOwnerRequest{
		{Names: []string{""}},
		{Names: make([]string, wire.MaxFileQueries+1)},
		{Names: []string{"("}, Regex: true},
		{Names: strings.Split(strings.Repeat("a ", wire.MaxFileExpressions)+"a", " "), Regex: true},
	} {
		_, err := s.FileOwners(r, nil, visit)
		require.Equal(t, wire.CodeInvalid, wire.CodeOf(err), r.Names[0])
	}
	_, err := s.RepositoryFiles(&wire.FilesListRequest{Names: []string{""}}, nil, nil)
	require.Equal(t, wire.CodeInvalid, wire.CodeOf(err))
	_, err = s.Commands(&wire.CommandRequest{Names: []string{""}}, nil)
	require.Equal(t, wire.CodeInvalid, wire.CodeOf(err))

	stop := errors.New("the pipe is closed")
	_, err = s.FileOwners(&wire.FilesOwnerRequest{Names: []string{"vim"}}, nil, func(*wire.FileOwner) error { return stop })
	require.ErrorIs(t, err, stop)
}

// TestFiles_Partial checks that a list that is missing makes a result partial.
func TestFiles_Partial(t *testing.T) {
	s := withFiles(t, source("multilib", wire.SourceMissing, nil))
	found, lines := owners(t, s, &wire.FilesOwnerRequest{Names: []string{"vim"}})
	require.Len(t, lines, 2)
	require.True(t, found.Partial)
	require.Equal(t, wire.SourceMissing, found.Sources[2].State)
	st, err := s.Status()
	require.NoError(t, err)
	require.Equal(t, found.Sources[:2], st.FileLists, "a list that does not exist is no part of the status")
}

// TestRepositoryFiles checks that the first repository with a package is used, or the named one.
func TestRepositoryFiles(t *testing.T) {
	var got []string
	found, err := withFiles(t).RepositoryFiles(&wire.FilesListRequest{Names: []string{"vim", "extra/vim", "core/neovim", "/vim"}}, nil, func(f *wire.RepositoryFiles) error {
		got = append(got, fmt.Sprintf("%s/%s %d", f.Repo, f.Name, len(f.Paths)))
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, []string{"core/vim 4", "extra/vim 1"}, got)
	require.Equal(t, []string{"core/neovim", "/vim"}, found.Missing)
}

// TestCommands checks that similar commands of all repositories are suggested, the most similar first.
func TestCommands(t *testing.T) {
	s := withFiles(t)
	found, err := s.Commands(&wire.CommandRequest{Names: []string{"nvim", "vmi"}}, nil)
	require.NoError(t, err)
	require.Equal(t, []wire.CommandOwner{{Command: "nvim", RepositoryPackage: wire.RepositoryPackage{Repo: "extra", Name: "neovim", Version: "3-1"}, Path: "usr/bin/nvim"}}, found.Commands)
	require.Len(t, found.Missing, 1)
	var names []string
	for _, c := range found.Missing[0].Similar {
		names = append(names, c.Repo+"/"+c.Command)
	}
	require.Equal(t, []string{"core/vim", "extra/nvim", "core/vi"}, names)
	found, err = s.Commands(&wire.CommandRequest{Names: []string{"vmi"}, Exact: true}, nil)
	require.NoError(t, err)
	require.Equal(t, []wire.MissingCommand{{Name: "vmi"}}, found.Missing)
}

// TestCommands_TooLarge checks that the size of a reply about commands is limited, also if a database has the same command in very many
// packages, and that a request with many names pauses.
func TestCommands_TooLarge(t *testing.T) {
	many := &listed{}
	for i := range 1000 {
		many.packages = append(many.packages, listedPackage{filesindex.Package{Name: fmt.Sprintf("p%d", i), Version: strings.Repeat("1", 1000)}, []string{"usr/bin/tool"}})
	}
	s := Build(Inputs{Files: []FilesSource{source("extra", wire.SourceOK, many)}})
	names := make([]string, wire.MaxFileQueries)
	for i := range names {
		names[i] = "tool"
	}
	pauses := 0
	pause := func() error { pauses++; return nil }
	found, err := s.Commands(&wire.CommandRequest{Names: names[:10]}, pause)
	require.NoError(t, err)
	require.Len(t, found.Commands, 10*1000)
	require.Equal(t, 10, pauses)
	_, err = s.Commands(&wire.CommandRequest{Names: names}, pause)
	require.Equal(t, wire.CodeInvalid, wire.CodeOf(err))
}
