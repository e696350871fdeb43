package remote

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/wire"
)

// TestAURCheck_LiveSocket checks in which cases omg-direct may ask the daemon for replies of the AUR: about named packages, unless the user does
// not want it, and only if the daemon has answered.
func TestAURCheck_LiveSocket(t *testing.T) {
	w, s := served(t, conduct{greeting: greets(t, daemonPaths), other: breaks})
	socketFor := func(o backend.Options, r backend.AURCheckRequest) string {
		t.Helper()
		passed := ""
		b := w.backend(o)
		b.execOmgDirect = func(o backend.Options, _ wire.ServedPaths) error {
			passed = o.LiveSocket
			return errBecame
		}
		_, err := b.AURCheck(t.Context(), &r)
		require.ErrorIs(t, err, errBecame)
		return passed
	}
	named := backend.AURCheckRequest{Names: []string{"yay"}}
	require.Equal(t, w.socket, socketFor(backend.Options{}, named))
	require.Equal(t, w.socket, socketFor(backend.Options{Socket: w.socket, DBPath: "/db"}, named))
	require.Empty(t, socketFor(backend.Options{}, backend.AURCheckRequest{}))
	require.Empty(t, socketFor(backend.Options{}, backend.AURCheckRequest{Names: []string{"yay"}, Offline: true}))
	require.Empty(t, socketFor(backend.Options{NoDaemon: true}, named))
	require.Empty(t, socketFor(backend.Options{DBPath: "/db"}, named))
	s.behave(conduct{greeting: refuses(wire.CodeShuttingDown, &daemonPaths), other: breaks})
	require.Empty(t, socketFor(backend.Options{}, named))
}
