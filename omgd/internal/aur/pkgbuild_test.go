package aur

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/fetch"
	"github.com/omg-arch/omg/shared/wire"
)

func TestPKGBUILD(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{body: "pkgname=yay\n\x1b[31m"}
		c := settings(t, s, newDisk())
		a := open(t, c)
		at := time.Now()
		for range 2 {
			content, asOf, err := a.PKGBUILD(t.Context(), 0, "lib++&h=x")
			require.NoError(t, err)
			require.Equal(t, "pkgname=yay\n\x1b[31m", string(content))
			require.Equal(t, at, asOf)
			time.Sleep(freshFor - time.Minute)
		}
		require.Equal(t, []string{"/cgit/aur.git/plain/PKGBUILD?h=lib%2B%2B%26h%3Dx"}, s.requested, "the second reply comes from memory")
		time.Sleep(2 * time.Minute)
		_, asOf, err := a.PKGBUILD(t.Context(), 0, "lib++&h=x")
		require.NoError(t, err)
		require.Equal(t, at.Add(2*freshFor), asOf)
		for key := range c.Store.(*disk).values {
			require.NotContains(t, key, "PKGBUILD", "it is kept in memory only")
		}
		_, _, err = a.PKGBUILD(t.Context(), 0, "../x")
		require.ErrorIs(t, err, ErrNoFile)
		require.Len(t, s.requested, 2)
	})
}

// TestPKGBUILD_Failures checks that a missing PKGBUILD is no failure of the AUR, and that a failure is never answered with an earlier reply.
func TestPKGBUILD_Failures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{down: &fetch.StatusError{Code: 404}}
		c := settings(t, s, newDisk())
		c.LiveQueries.MaxPerDay = 100
		a := open(t, c)
		for range 2 * maxFailures {
			_, _, err := a.PKGBUILD(t.Context(), 0, "gone")
			require.ErrorIs(t, err, ErrNoFile)
		}
		s.set(func() { s.down, s.body = nil, "x" })
		_, _, err := a.PKGBUILD(t.Context(), 0, "gone")
		require.NoError(t, err)
		time.Sleep(freshFor + time.Second)
		s.set(func() { s.down = &fetch.StatusError{Code: 503} })
		_, _, err = a.PKGBUILD(t.Context(), 0, "gone")
		require.Equal(t, "the AUR reports an error (503 Service Unavailable)", ErrorText(err))
		s.set(func() { s.down = nil })
		for i := range 100 {
			_, _, err = a.PKGBUILD(t.Context(), 0, string(rune('a'+i%26))+string(rune('a'+i/26)))
		}
		require.ErrorIs(t, err, errDailyQueryLimit, "it counts as a query")

		c.LiveQueries.Enabled = false
		_, _, err = open(t, c).PKGBUILD(t.Context(), 0, "other")
		require.ErrorIs(t, err, errNotQueried)
	})
}

func TestPKGBUILD_Size(t *testing.T) {
	require.Equal(t, 256<<10, wire.MaxPKGBUILD)
	s := &server{body: "x"}
	_, _, err := open(t, settings(t, s, newDisk())).PKGBUILD(t.Context(), 0, "yay")
	require.NoError(t, err)
	require.Equal(t, int64(wire.MaxPKGBUILD), s.limit)
}
