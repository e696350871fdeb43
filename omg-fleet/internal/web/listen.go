package web

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/command"
)

// unixPrefix begins the address of a socket of a path. The members of the group of its file may connect.
const (
	unixPrefix = "unix:"
	socketMode = 0o660
	maxPath    = 107 // bytes of the path of a socket
)

// IsUnix reports whether an address is that of a socket with a path.
func IsUnix(address string) bool { return strings.HasPrefix(address, unixPrefix) }

// Listen opens the address HOST:PORT or unix:PATH. Without TLS, HOST has to be a loopback address: anyone between could otherwise read the
// token. It also returns the host names of a loopback address.
func Listen(address string, hasTLS bool) (net.Listener, []string, error) {
	if path, isUnix := strings.CutPrefix(address, unixPrefix); isUnix {
		l, err := listenUnix(path)
		return l, nil, err
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, nil, command.Usagef("--listen is HOST:PORT or unix:PATH, not %q", address)
	}
	ip, err := netip.ParseAddr(host)
	isLoopback := host == "localhost" || err == nil && ip.IsLoopback()
	if !isLoopback && !hasTLS {
		return nil, nil, command.Usagef("--listen %s is not on the loopback interface: it needs --tls-cert and --tls-key", address)
	}
	l, err := net.Listen("tcp", address)
	if err != nil || !isLoopback {
		return l, nil, err
	}
	actual := l.Addr().String()
	_, port, err := net.SplitHostPort(actual)
	return l, []string{actual, "localhost:" + port}, err
}

// listenUnix opens a socket, and replaces that of a server that has ended.
func listenUnix(path string) (net.Listener, error) {
	if path == "" || len(path) > maxPath {
		return nil, command.Usagef("the path of a socket has 1 to %d bytes", maxPath)
	}
	if info, err := os.Lstat(path); err == nil {
		if info.Mode()&fs.ModeSocket == 0 {
			return nil, fmt.Errorf("%s is there and is not a socket", path)
		}
		c, err := net.Dial("unix", path)
		if err == nil {
			_ = c.Close()
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			return nil, fmt.Errorf("%s is in use", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	// The file gets the mode of the descriptor. Nobody can connect before the mode is as it should be.
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		if controlErr := raw.Control(func(fd uintptr) { err = unix.Fchmod(int(fd), 0o600) }); controlErr != nil {
			return controlErr
		}
		return err
	}}
	l, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, socketMode); err != nil {
		_ = l.Close()
		return nil, err
	}
	return l, nil
}
