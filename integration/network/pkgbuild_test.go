package network

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/wire"
)

// TestPKGBUILD checks that omgd downloads the PKGBUILD of a package, but only of one that the AUR's dump contains.
func TestPKGBUILD(t *testing.T) {
	t.Parallel()
	w := newAURSystem(t)
	w.dump.Store(true)
	w.start(long)
	w.awaitDump()
	requested := func() (targets []string) {
		return slices.DeleteFunc(w.server.RequestTargets(), func(target string) bool { return !strings.Contains(target, "PKGBUILD") })
	}

	content := strings.Repeat("# \x1b[31m\xff long\n", 12_000) // more than one chunk
	w.aur.SetPKGBUILD(content)
	got, err := w.conn.AURPKGBUILD(t.Context(), "yay")
	require.NoError(t, err)
	require.Equal(t, "yay", got.Base)
	require.Equal(t, content, string(got.Content))
	require.NotZero(t, got.AsOf)
	require.Equal(t, []string{"/cgit/aur.git/plain/PKGBUILD?h=yay"}, requested())

	_, err = w.conn.AURPKGBUILD(t.Context(), "private-tool")
	require.Equal(t, wire.CodeNotFound, wire.CodeOf(err))
	require.Len(t, requested(), 1, "the name does not leave the machine")

	w.aur.SetPKGBUILD(strings.Repeat("x", wire.MaxPKGBUILD+1))
	_, err = w.conn.AURPKGBUILD(t.Context(), "zoom")
	require.Equal(t, wire.CodeNetwork, wire.CodeOf(err))
	require.ErrorContains(t, err, "too large")
	w.aur.ReplaceLive(nil)
	_, err = w.conn.AURPKGBUILD(t.Context(), "paru")
	require.Equal(t, wire.CodeNotFound, wire.CodeOf(err))
	require.ErrorContains(t, err, `the AUR has no PKGBUILD of the package base "paru"`)
}

func TestPKGBUILD_WithoutDump(t *testing.T) {
	t.Parallel()
	w := newAURSystem(t)
	w.start(long)
	_, err := w.conn.AURPKGBUILD(t.Context(), "yay")
	require.Equal(t, wire.CodeNetwork, wire.CodeOf(err))
	require.NotContains(t, strings.Join(w.server.RequestTargets(), " "), "PKGBUILD")
}
