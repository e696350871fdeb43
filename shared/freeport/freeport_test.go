package freeport

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/need"
)

func TestTake(t *testing.T) {
	need.Loopback(t)
	taken := map[int]bool{}
	for range 10 {
		port := Take(t)
		require.False(t, taken[port])
		taken[port] = true
		l, err := net.Listen("tcp", address(port))
		require.NoError(t, err)
		t.Cleanup(func() { _ = l.Close() })
	}
	var again int
	t.Run("a test that ends", func(t *testing.T) { again = Take(t) })
	lock, err := net.ListenPacket("udp", address(again))
	require.NoError(t, err, "its port is free again")
	require.NoError(t, lock.Close())
}

// TestTakeForServers checks that a port is not taken if something listens on a port that belongs to it.
func TestTakeForServers(t *testing.T) {
	need.Loopback(t)
	var next int
	t.Run("a test that ends", func(t *testing.T) { next = TakeForServers(t, 1)[0] })
	l, err := net.Listen("tcp", address(next+3000))
	require.NoError(t, err)
	defer l.Close()
	require.NotContains(t, TakeForServers(t, 5), next)
}
