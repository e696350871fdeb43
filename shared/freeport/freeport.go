// Package freeport gives tests ports of the loopback interface for programs that cannot choose one themselves.
package freeport

import (
	"net"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// Ports are below those that the kernel gives to programs that name none (32768 on Linux). Those of servers are followed, 2000 and 3000 further, by
// the ports for other servers.
const (
	firstOfServers = 20000
	first          = 25000
	count          = 1000
)

// Take returns a port on which nothing listens.
func Take(t testing.TB) int {
	t.Helper()
	return take(t, first, 1)[0]
}

// TakeAddress returns an address of the loopback interface, as 127.0.0.1:25000, on which nothing listens.
func TakeAddress(t testing.TB) string {
	t.Helper()
	return address(Take(t))
}

// TakeForServers returns n ports such that those that are 2000 and 3000 further are free too.
func TakeForServers(t testing.TB, n int) []int {
	t.Helper()
	return take(t, firstOfServers, n, 2000, 3000)
}

// take returns n ports from a range. Until the test ends, it also has the UDP ports of the same numbers, so that tests in other processes choose
// other ports.
func take(t testing.TB, first, n int, further ...int) (ports []int) {
	t.Helper()
	begin := os.Getpid() // not all processes begin with the same port
	for i := 0; len(ports) < n; i++ {
		require.Less(t, i, count, "no free ports")
		port := first + (begin+i)%count
		lock, err := net.ListenPacket("udp", address(port))
		if err != nil {
			continue
		}
		if !areFree(port, further) {
			_ = lock.Close()
			continue
		}
		t.Cleanup(func() { _ = lock.Close() })
		ports = append(ports, port)
	}
	return ports
}

// areFree reports whether nothing listens on a port and on those that are further.
func areFree(port int, further []int) bool {
	for _, distance := range append([]int{0}, further...) {
		l, err := net.Listen("tcp", address(port+distance))
		if err != nil {
			return false
		}
		_ = l.Close()
	}
	return true
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
