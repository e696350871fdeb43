package answers

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/filesindex"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

// brokenList is a list of files that cannot be read to its end.
type brokenList struct{ snapshot.FileList }

func (brokenList) Find(_ *filesindex.Query, _ func() error, visit func(p *filesindex.Package, paths []string) error) error {
	if err := visit(&filesindex.Package{Name: "a", Version: "1-1"}, []string{"usr/bin/x"}); err != nil {
		return err
	}
	return errors.New("damaged")
}

// TestFileOwners_Broken checks that the last chunk says which list could not be read, since the first chunk was sent before it was read.
func TestFileOwners_Broken(t *testing.T) {
	s := snapshot.Build(snapshot.Inputs{Files: []snapshot.FilesSource{
		{Source: wire.Source{Name: "core", Kind: wire.KindFiles, State: wire.SourceOK}, List: brokenList{}},
	}})
	var all wire.FilesOwnerResult
	count, found := 0, 0
	require.NoError(t, New(s).FileOwners(&wire.FilesOwnerRequest{Names: []string{"x", "y"}}, func(chunk []byte, more bool) error {
		require.NoError(t, msgpack.Unmarshal(chunk, &all))
		count++
		found += len(all.Owners)
		require.Equal(t, count == 1, more)
		require.Equal(t, count == 2, all.Partial)
		return nil
	}))
	require.Equal(t, 2, count)
	require.Equal(t, 1, found)
	require.Equal(t, []wire.Source{{Name: "core", Kind: wire.KindFiles, State: wire.SourceFailed, Why: "damaged"}}, all.Sources)
	require.Equal(t, []string{"y"}, all.Missing)
}
