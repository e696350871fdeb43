package web

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/need"
)

func TestListen_Loopback(t *testing.T) {
	need.Loopback(t)
	for _, address := range []string{"127.0.0.1:0", "localhost:0", "127.8.8.8:0"} {
		l, names, err := Listen(address, false)
		require.NoError(t, err, address)
		require.Contains(t, names, l.Addr().String())
		require.True(t, strings.HasPrefix(names[1], "localhost:"))
		require.NoError(t, l.Close())
	}
	for _, address := range []string{"0.0.0.0:0", "[::]:0", ":0", "192.0.2.1:80", "fleet.example:80", "127.0.0.1.evil.example:80", "127.0.0.1", "", "x:y:z"} {
		_, _, err := Listen(address, false)
		require.Equal(t, exit.Usage, exit.Code(err), address)
	}
	l, names, err := Listen("0.0.0.0:0", true)
	require.NoError(t, err)
	require.Empty(t, names)
	require.NoError(t, l.Close())
}

func TestListen_Unix(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	path := filepath.Join(t.TempDir(), "web.sock")
	l, names, err := Listen("unix:"+path, false)
	require.NoError(t, err)
	require.Empty(t, names)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(socketMode), info.Mode().Perm())
	_, _, err = Listen("unix:"+path, false)
	require.ErrorContains(t, err, "is in use")
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	require.NoError(t, l.Close())
	l, _, err = Listen("unix:"+path, false)
	require.NoError(t, err, "the socket of a server that has ended is replaced")
	require.NoError(t, l.Close())
	require.NoFileExists(t, path)
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	_, _, err = Listen("unix:"+path, false)
	require.ErrorContains(t, err, "is there and is not a socket")
	require.FileExists(t, path)
	for _, wrong := range []string{"unix:", "unix:/" + strings.Repeat("x", maxPath)} {
		_, _, err = Listen(wrong, false)
		require.Equal(t, exit.Usage, exit.Code(err), wrong)
	}
}
