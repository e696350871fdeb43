package web

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// Browsers send a cookie to all ports of a host. On the loopback interface, another port may belong to another user of the machine, whose
// server then has the cookie. Hence a session is bound to the user at the other end of a loopback connection.

// peerKey is the key of the peer in the context of a connection.
type peerKey struct{}

// unknownPeer is the peer of a loopback connection whose user cannot be found. It cannot log in.
const unknownPeer = "unknown"

// withPeer adds the peer to the context of a connection.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	return contextWithPeer(ctx, peerOf(c))
}

func contextWithPeer(ctx context.Context, peer string) context.Context {
	return context.WithValue(ctx, peerKey{}, peer)
}

// peer returns the peer of a request: the user at the other end of a loopback connection, otherwise an empty string.
func peer(ctx context.Context) string {
	name, _ := ctx.Value(peerKey{}).(string)
	return name
}

func peerOf(c net.Conn) string {
	local, isTCP := c.LocalAddr().(*net.TCPAddr)
	remote, isAlsoTCP := c.RemoteAddr().(*net.TCPAddr)
	if !isTCP || !isAlsoTCP || !remote.IP.IsLoopback() {
		return ""
	}
	for _, path := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(path)
		if err != nil {
			continue
		}
		user := findUser(io.LimitReader(f, maxTable), remote.AddrPort(), local.AddrPort())
		_ = f.Close()
		if user != unknownPeer {
			return user
		}
	}
	return unknownPeer
}

// maxTable limits what is read of the kernel's table of connections, which has 150 bytes for each.
const maxTable = 32 << 20

// findUser returns the number of the user whose socket is connected from one address to another, as "user 1000", according to a table in
// the form of /proc/net/tcp.
func findUser(table io.Reader, from, to netip.AddrPort) string {
	wantFrom, wantTo := tableAddress(from), tableAddress(to)
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 || !wantFrom[fields[1]] || !wantTo[fields[2]] {
			continue
		}
		// A socket without an inode is one that its process has closed.
		if _, err := strconv.ParseUint(fields[7], 10, 32); err == nil && fields[9] != "0" {
			return "user " + fields[7]
		}
	}
	return unknownPeer
}

// tableAddress returns the forms that an address may have in the kernel's tables: words of 32 bits in the order of the machine's bytes, and
// the port. An IPv4 address may be in the table of IPv6.
func tableAddress(a netip.AddrPort) map[string]bool {
	words := func(ip []byte) (text string) {
		for ; len(ip) > 0; ip = ip[4:] {
			var word [4]byte
			binary.BigEndian.PutUint32(word[:], binary.NativeEndian.Uint32(ip))
			text += strings.ToUpper(hex.EncodeToString(word[:]))
		}
		return fmt.Sprintf("%s:%04X", text, a.Port())
	}
	ip, long := a.Addr().Unmap(), a.Addr().As16()
	return map[string]bool{words(ip.AsSlice()): true, words(long[:]): true}
}
