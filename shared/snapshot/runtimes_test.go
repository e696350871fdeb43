package snapshot

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/runtimes"
	"github.com/omg-arch/omg/shared/wire"
)

func TestRuntimes(t *testing.T) {
	require.NotNil(t, ConvertRuntimes(nil), "nil would mean that the runtimes are unknown")
	require.Equal(t, []wire.Runtime{
		{Runtime: "node", Version: "20.1.0", Manager: "omg", Path: "/d/20.1.0", Wanted: "20", WantedKind: runtimes.KindRange.String(), WantedSource: "/p/.nvmrc"},
		{Runtime: "go", Version: "1.30", Missing: true},
		{Runtime: "node", Version: "18.1.0", Differs: true},
	}, ConvertRuntimes([]runtimes.Active{
		{Runtime: "node", Version: "20.1.0", Manager: "omg", Path: "/d/20.1.0", Declared: &runtimes.Declaration{Want: "20", WantKind: runtimes.KindRange, Source: "/p/.nvmrc"}},
		{Runtime: "go", Version: "1.30", Missing: true},
		{Runtime: "node", Version: "18.1.0", Differs: true},
	}))
}

// TestActiveRuntimes checks that a daemon that does not read home directories returns an error and not an empty list.
func TestActiveRuntimes(t *testing.T) {
	_, err := build(t, Inputs{}).ActiveRuntimes()
	requireCode(t, err, wire.CodeNotReady, "omg which")
	r, err := build(t, Inputs{Generation: 7, Runtimes: []wire.Runtime{}}).ActiveRuntimes()
	require.NoError(t, err)
	require.Equal(t, &wire.RuntimesResult{Generation: 7, Runtimes: []wire.Runtime{}}, r)
}
