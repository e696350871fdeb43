package freeport

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/await"
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
	await.Condition(t, func() bool { // another process may have it for a while
		lock, err := net.ListenPacket("udp", address(again))
		return err == nil && lock.Close() == nil
	}, "its port is free again")
}

// TestTakeForServers checks that a port is not taken if something listens on a port that belongs to it.
func TestTakeForServers(t *testing.T) {
	need.Loopback(t)
	port := TakeForServers(t, 1)[0]
	for _, distance := range []int{0, 2000, 3000} {
		require.True(t, areFree(port, []int{2000, 3000}))
		l, err := net.Listen("tcp", address(port+distance))
		require.NoError(t, err)
		require.False(t, areFree(port, []int{2000, 3000}), distance)
		require.NoError(t, l.Close())
	}
}
