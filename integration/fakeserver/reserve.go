package fakeserver

import (
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
)

// reservePort binds a port of an address until the test ends, and returns the port. No other program can get the port.
// Connections are refused while no server listens. A server of the test can listen on the port, close it and listen
// again, because both sockets allow sharing the address.
func reservePort(t testing.TB, address unix.Sockaddr) (port string, err error) {
	t.Helper()
	fd, err := bindSocket(t, address)
	if err != nil {
		return "", err
	}
	bound, err := unix.Getsockname(fd)
	require.NoError(t, err)
	switch a := bound.(type) {
	case *unix.SockaddrInet4:
		return strconv.Itoa(a.Port), nil
	case *unix.SockaddrInet6:
		return strconv.Itoa(a.Port), nil
	}
	t.Fatalf("not an address of the Internet: %v", bound)
	return "", nil
}

// bindSocket returns a socket that is bound to an address until the test ends.
func bindSocket(t testing.TB, address unix.Sockaddr) (fd int, err error) {
	t.Helper()
	family := unix.AF_INET
	if _, six := address.(*unix.SockaddrInet6); six {
		family = unix.AF_INET6
	}
	fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = unix.Close(fd) })
	require.NoError(t, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
	if family == unix.AF_INET6 {
		require.NoError(t, unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1))
	}
	return fd, unix.Bind(fd, address)
}

// IPv6Failure determines what happens to an IPv6Failure connection to a server's port.
type IPv6Failure int

const (
	// RefuseIPv6 refuses the connection.
	RefuseIPv6 IPv6Failure = iota
	// HangIPv6 makes the connection hang, as on a machine that has an IPv6Failure address but no route.
	HangIPv6
)

// ServeWithBrokenIPv6 is like Serve, but connections to the server over IPv6Failure fail in the given way.
func ServeWithBrokenIPv6(t testing.TB, six IPv6Failure, h http.Handler, certs *Certificates) *Server {
	t.Helper()
	need.IPv6(t)
	there := &unix.SockaddrInet6{Addr: [16]byte{15: 1}}
	for {
		port, err := reservePort(t, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
		require.NoError(t, err)
		there.Port, err = strconv.Atoi(port)
		require.NoError(t, err)
		fd, err := bindSocket(t, there)
		if err == unix.EADDRINUSE {
			continue // another program has this port over IPv6Failure
		}
		require.NoError(t, err)
		if six == HangIPv6 {
			fillAcceptQueue(t, fd, there)
		}
		return serveOnPort(t, h, certs, port)
	}
}

// fillAcceptQueue makes the socket fd listen, never accepts a connection, and fills the queue with one connection, which is all
// that a queue of length 0 accepts. The kernel then drops further connections.
func fillAcceptQueue(t testing.TB, fd int, there *unix.SockaddrInet6) {
	t.Helper()
	require.NoError(t, unix.Listen(fd, 0))
	filler, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = unix.Close(filler) })
	require.NoError(t, unix.Connect(filler, there))
	harness.Await(t, func() bool {
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		require.NoError(t, err)
		return info.Unacked > 0 // for a listening socket, this is the number of waiting connections
	}, "the connection is in the queue")
}
