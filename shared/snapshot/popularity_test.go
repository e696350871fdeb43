package snapshot

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/wire"
)

// TestPopularity checks the state of the shares of machines in the status, and that no answer about packages has them as a source.
func TestPopularity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := generated(t, fixture.Options{Packages: 50, Installed: 20, Seed: 1})
		source := func() *wire.Source {
			s := build(t, in)
			status, err := s.Status()
			require.NoError(t, err)
			require.False(t, status.Partial)
			outdated, err := s.Outdated()
			require.NoError(t, err)
			require.Nil(t, wire.FindSourceByKind(outdated.Sources, wire.KindPopularity))
			return wire.FindSourceByKind(status.Sources, wire.KindPopularity)
		}
		require.Nil(t, source(), "disabled")
		in.Popularity = &PopularityData{StaleAfter: time.Hour, NextRequestAt: 9}
		require.Equal(t, &wire.Source{Name: "popularity", Kind: wire.KindPopularity, State: wire.SourceMissing, Why: wire.NotDownloadedYet, NextRequestAt: 9}, source())
		in.Popularity = &PopularityData{SHA256: "00", RepliedAt: time.Now().Unix(), LastError: "pkgstats did not answer in time", StaleAfter: time.Hour}
		require.Equal(t, wire.SourceOK, source().State)
		require.Equal(t, in.Popularity.LastError, source().Why)
		time.Sleep(2 * time.Hour)
		require.Equal(t, wire.SourceStale, source().State)
	})
}
