package snapshot

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/filesindex"
	"github.com/omg-arch/omg/shared/wire"
)

// badList is a list of files that passes one package on, unless it is empty, and then fails.
type badList struct {
	name  string
	err   error
	calls *int
}

func (l badList) pass(visit func(p *filesindex.Package, paths []string) error) error {
	*l.calls++
	if l.name != "" {
		if err := visit(&filesindex.Package{Name: l.name, Version: "1-1"}, []string{"usr/bin/x"}); err != nil {
			return err
		}
	}
	return l.err
}

func (l badList) Find(_ *filesindex.Query, _ func() error, visit func(p *filesindex.Package, paths []string) error) error {
	return l.pass(visit)
}

func (l badList) Files(name string, _ func() error, visit func(p *filesindex.Package, paths []string) error) (found bool, err error) {
	return l.name == name, l.pass(visit)
}

func (l badList) AllFiles(_ func() error, visit func(p *filesindex.Package, paths []string) error) error {
	return l.pass(visit)
}

func (l badList) Commands(_ string, _ func() error, visit func(p *filesindex.Package, path string) error) error {
	return l.pass(func(p *filesindex.Package, paths []string) error { return visit(p, paths[0]) })
}

func (l badList) SimilarCommands(string, int) ([]SimilarCommand, error) { return nil, l.err }

// TestFiles_BadList checks that a list that turns out to be unreadable does not affect the others, and is read once in a request. An error of
// the caller ends the request.
func TestFiles_BadList(t *testing.T) {
	var bad, good int
	s := Build(Inputs{Files: []FilesSource{
		{Source: wire.Source{Name: "core", Kind: wire.KindFiles, State: wire.SourceOK}, List: badList{err: errors.New("damaged"), calls: &bad}},
		{Source: wire.Source{Name: "extra", Kind: wire.KindFiles, State: wire.SourceOK}, List: badList{name: "a", calls: &good}},
	}})
	requireBasis := func(b *wire.Basis) {
		t.Helper()
		require.True(t, b.Partial)
		require.Equal(t, []wire.Source{
			{Name: "core", Kind: wire.KindFiles, State: wire.SourceFailed, Why: "damaged"}, {Name: "extra", Kind: wire.KindFiles, State: wire.SourceOK},
		}, b.Sources)
		require.Equal(t, 1, bad)
		require.False(t, s.FilesBasis().Partial, "the next request tries again")
		bad = 0
	}
	var found []string
	owners, err := s.FileOwners(&wire.FilesOwnerRequest{Names: []string{"x", "y"}}, nil, func(o *wire.FileOwner) error {
		found = append(found, o.Repo+"/"+o.Name)
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, []string{"extra/a", "extra/a"}, found)
	requireBasis(&owners.Basis)
	files, err := s.RepositoryFiles(&wire.FilesListRequest{Names: []string{"a", "b"}}, nil, func(*wire.RepositoryFiles) error { return nil })
	require.NoError(t, err)
	require.Equal(t, []string{"b"}, files.Missing)
	requireBasis(&files.Basis)
	commands, err := s.Commands(&wire.CommandRequest{Names: []string{"x", "y"}}, nil)
	require.NoError(t, err)
	require.Len(t, commands.Commands, 2)
	requireBasis(&commands.Basis)

	gone := errors.New("the client is gone")
	_, err = s.FileOwners(&wire.FilesOwnerRequest{Names: []string{"x"}}, nil, func(*wire.FileOwner) error { return gone })
	require.Equal(t, gone, err)
}
