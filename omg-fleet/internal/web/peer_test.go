package web

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/need"
)

// TestPeerOf asks for the user of real connections over IPv4 and IPv6.
func TestPeerOf(t *testing.T) {
	need.Loopback(t)
	addresses := []string{"127.0.0.1:0"}
	if l, err := net.Listen("tcp", "[::1]:0"); err == nil {
		require.NoError(t, l.Close())
		addresses = append(addresses, "[::1]:0")
	}
	for _, address := range addresses {
		l, err := net.Listen("tcp", address)
		require.NoError(t, err)
		defer l.Close()
		c, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		accepted, err := l.Accept()
		require.NoError(t, err)
		defer accepted.Close()
		require.Equal(t, fmt.Sprint("user ", os.Getuid()), peerOf(accepted), address)
		require.NoError(t, c.Close())
		require.Equal(t, unknownPeer, peerOf(accepted), "the other end is closed")
	}
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	require.Empty(t, peerOf(a), "not a connection over a network")
}

func TestFindUser(t *testing.T) {
	const head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	line := func(from, to, user, inode string) string {
		return "   1: " + from + " " + to + " 01 00000000:00000000 00:00000000 00000000  " + user + "        0 " + inode + " 1 0000000000000000\n"
	}
	from, to := netip.MustParseAddrPort("127.0.0.1:40000"), netip.MustParseAddrPort("127.0.0.1:8480")
	keys := func(a netip.AddrPort) (all []string) {
		for key := range tableAddress(a) {
			all = append(all, key)
		}
		return all
	}
	f, g := keys(from)[0], keys(to)[0]
	for text, want := range map[string]string{
		head: unknownPeer, head + line(f, g, "1000", "77"): "user 1000", head + line(g, f, "1000", "77"): unknownPeer, head + line(f, g, "0", "0"): unknownPeer,
		head + line(f, g, "-1", "77"): unknownPeer, "garbage\n" + f + " " + g: unknownPeer, line(f, f, "1", "1") + line(f, g, "1001", "5"): "user 1001",
	} {
		require.Equal(t, want, findUser(strings.NewReader(text), from, to), text)
	}
}
