package fakeserver

import (
	"net"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// DeadIPv6 has connections to the server's port by IPv6 hang until the test's end,
// as on a machine that has an address and no route: a queue of one that nobody takes
// from is full, and what comes then is dropped.
func (s *Server) DeadIPv6(t testing.TB) {
	t.Helper()
	_, port, err := net.SplitHostPort(s.address)
	require.NoError(t, err)
	number, err := strconv.Atoi(port)
	require.NoError(t, err)
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Skip("this machine has no IPv6")
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	there := &unix.SockaddrInet6{Port: number, Addr: [16]byte{15: 1}}
	require.NoError(t, unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1))
	if err := unix.Bind(fd, there); err != nil {
		t.Skip("this machine has no IPv6")
	}
	require.NoError(t, unix.Listen(fd, 0))
	for range 3 {
		filler, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		require.NoError(t, err)
		t.Cleanup(func() { _ = unix.Close(filler) })
		if err := unix.Connect(filler, there); err != nil {
			require.ErrorIs(t, err, unix.EINPROGRESS)
		}
	}
}
