package answers

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/filesindex"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

// manyFiles is a snapshot.FileList with one package of very many files.
type manyFiles struct {
	snapshot.FileList // the methods that the tests do not need
	paths             []string
}

func (l manyFiles) Find(q *filesindex.Query, _ func() error, visit func(p *filesindex.Package, paths []string) error) error {
	return visit(&filesindex.Package{Name: "linux", Version: "6-1"}, q.MatchingPaths(l.paths))
}

func (l manyFiles) Files(name string, _ func() error, visit func(p *filesindex.Package, paths []string) error) (bool, error) {
	if name == "empty" {
		return true, visit(&filesindex.Package{Name: name, Version: "1-1"}, nil)
	}
	return name == "linux", visit(&filesindex.Package{Name: "linux", Version: "6-1"}, l.paths)
}

// TestFiles_Chunks checks that long lists are divided into chunks that fit into a frame, and that nothing is lost.
func TestFiles_Chunks(t *testing.T) {
	paths := []string{"usr/" + strings.Repeat("long/", 30_000)} // one path that does not fit into a chunk with others
	for i := range 5000 {
		paths = append(paths, fmt.Sprintf("usr/lib/modules/%d/\xff.ko", i))
	}
	e := New(snapshot.Build(snapshot.Inputs{Generation: 3, Files: []snapshot.FilesSource{
		{Source: wire.Source{Name: "core", Kind: wire.KindFiles, State: wire.SourceOK}, List: manyFiles{paths: paths}},
		{Source: wire.Source{Name: "extra", Kind: wire.KindFiles, State: wire.SourceMissing, Why: "no list"}},
	}}))
	chunks := 0
	var all wire.FilesOwnerResult
	var got, missing []string
	require.NoError(t, e.FileOwners(&wire.FilesOwnerRequest{Names: []string{"/"}, Regex: true}, func(chunk []byte, more bool) error {
		chunks++
		require.LessOrEqual(t, len(chunk), 4*MaxChunk)
		require.NoError(t, msgpack.Unmarshal(chunk, &all))
		for _, o := range all.Owners {
			got = append(got, o.Paths...)
			require.Equal(t, "/", o.Query)
		}
		all.Owners = nil
		return nil
	}))
	require.Equal(t, paths, got)
	require.Greater(t, chunks, 3)
	require.True(t, all.Partial)
	require.Len(t, all.Sources, 2)

	got = nil
	var last bool
	require.NoError(t, e.RepositoryFiles(&wire.FilesListRequest{Names: []string{"empty", "linux", "none/linux"}}, func(chunk []byte, more bool) error {
		var part wire.FilesListResult
		require.NoError(t, msgpack.Unmarshal(chunk, &part))
		for _, f := range part.Packages {
			got = append(got, f.Paths...)
		}
		missing, last = part.Missing, !more
		return nil
	}))
	require.Equal(t, paths, got)
	require.Equal(t, []string{"none/linux"}, missing, "in the last chunk")
	require.True(t, last)
}
