package sources

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// aurIndex returns an index of a dump of the AUR. The dump has the time asOf, and the index was built an hour later.
func aurIndex(t testing.TB, asOf time.Time) *pkgindex.File {
	t.Helper()
	b := pkgindex.NewBuilder("test", asOf.Add(time.Hour).Unix())
	s := b.AddSource(wire.SourceAUR, pkgindex.KindAUR)
	require.NoError(t, s.Add(&wire.Package{Repo: wire.SourceAUR, Name: "yay", Version: "1-1", AUR: &wire.AUR{}}))
	s.SetFileInfo("", 0, asOf.Unix())
	data, err := b.Bytes()
	require.NoError(t, err)
	f, err := pkgindex.OpenBytes(data)
	require.NoError(t, err)
	return f
}

// TestAUR checks that the AUR becomes stale with the age of the dump from which its index was built.
func TestAUR(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := aurIndex(t, time.Now())
		want := wire.Source{
			Name: wire.SourceAUR, Kind: wire.KindAUR, State: wire.SourceOK, AsOf: time.Now().Unix(), ChangedAt: time.Now().Add(time.Hour).Unix(),
		}
		s := NewAURSource(f, 0)
		require.Equal(t, f, s.Index)
		require.Equal(t, want, s.Source)
		time.Sleep(day)
		require.Equal(t, want, NewAURSource(f, 0).Source)
		time.Sleep(time.Second)
		s = NewAURSource(f, 0)
		require.Equal(t, wire.SourceStale, s.State)
		require.Equal(t, "the dump is 24 hours old", s.Why)
		require.Equal(t, f, s.Index, "the index of a stale source is still used")
		require.Equal(t, wire.SourceOK, NewAURSource(f, 2*day).State)
	})
}

// TestAUR_None checks that NewAURSource returns nil for an index that has a repository called aur and not the AUR.
func TestAUR_None(t *testing.T) {
	b := pkgindex.NewBuilder("test", 1)
	require.NoError(t, b.AddSource(wire.SourceAUR, pkgindex.KindRepo).Add(&wire.Package{Repo: wire.SourceAUR, Name: "a", Version: "1-1"}))
	data, err := b.Bytes()
	require.NoError(t, err)
	f, err := pkgindex.OpenBytes(data)
	require.NoError(t, err)
	require.Nil(t, NewAURSource(f, 0))
	require.Equal(t, []string{"aur"}, (&Index{File: f}).Repositories())
	require.True(t, (&Index{File: f}).HasRepository("aur"))
	require.False(t, (&Index{File: aurIndex(t, time.Now())}).HasRepository("aur"))
}

func TestNewMissingAURSource(t *testing.T) {
	s := NewMissingAURSource(wire.SourceFailed, "damaged")
	require.Equal(t, wire.Source{Name: wire.SourceAUR, Kind: wire.KindAUR, State: wire.SourceFailed, Why: "damaged"}, s.Source)
	require.Nil(t, s.Index)
}
