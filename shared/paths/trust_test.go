package paths

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestCheckDirTrust_WholeWay checks that CheckDirTrust examines each directory and each link on a path, not only the last
// directory.
func TestCheckDirTrust_WholeWay(t *testing.T) {
	e := Env{UID: os.Getuid()}
	top := t.TempDir()
	at := func(names ...string) string { return filepath.Join(append([]string{top}, names...)...) }
	for _, dir := range []string{"safe/a/b", "open/a", "sticky/a"} {
		require.NoError(t, os.MkdirAll(at(dir), 0o755))
	}
	require.NoError(t, os.Chmod(at("open"), 0o777))
	require.NoError(t, os.Chmod(at("sticky"), 0o777|os.ModeSticky))
	require.NoError(t, os.WriteFile(at("file"), nil, 0o644))
	for link, target := range map[string]string{
		"safe/relative": "a/../a/b", "safe/absolute": at("sticky", "a"), "safe/to-open": "../open/a", "safe/again": "relative",
		"loop": "loop", "safe/dangling": "nowhere", "safe/to-file": "../file",
	} {
		require.NoError(t, os.Symlink(target, at(link)))
	}
	for _, dir := range []string{"safe/a/b", "sticky", "sticky/a", "safe/relative", "safe/absolute", "safe/again", "safe/a/../../sticky"} {
		require.NoError(t, e.CheckDirTrust(at(dir)), dir)
		require.NoError(t, e.CheckReadDirTrust(at(dir)), dir)
	}
	for dir, want := range map[string]error{
		"open": ErrUntrusted, "open/a": ErrUntrusted, "safe/to-open": ErrUntrusted,
		"loop": unix.ELOOP, "safe/dangling": unix.ENOENT, "file": unix.ENOTDIR, "safe/to-file": unix.ENOTDIR, "file/x": unix.ENOTDIR,
	} {
		require.ErrorIs(t, e.CheckDirTrust(at(dir)), want, dir)
	}
	t.Chdir(at("safe"))
	require.NoError(t, e.CheckDirTrust("a"))
	require.NoError(t, e.CheckDirTrust("."))
	require.ErrorIs(t, e.CheckDirTrust("../open/a"), ErrUntrusted)

	other := Env{UID: os.Getuid() + 1}
	if os.Getuid() != 0 {
		require.ErrorIs(t, other.CheckDirTrust(at("safe")), ErrUntrusted)
		return
	}
	require.NoError(t, os.Lchown(at("safe", "relative"), 41004, 41004))
	require.ErrorContains(t, e.CheckDirTrust(at("safe", "again")), "it belongs to user 41004", "the owner of a link can replace it")
	require.NoError(t, os.Chown(at("sticky", "a"), 41004, 41004))
	require.ErrorIs(t, e.CheckDirTrust(at("safe", "absolute")), ErrUntrusted)
	require.NoError(t, Env{UID: 41004}.CheckDirTrust(at("safe", "absolute")), "links of root and of the user itself are safe")
}

func TestSockets(t *testing.T) {
	env := func(socket string) Env {
		return Env{UID: 1000, Getenv: func(name string) string {
			return map[string]string{"OMG_SOCKET_PATH": socket, "XDG_RUNTIME_DIR": "/run/user/1000"}[name]
		}}
	}
	require.Equal(t, []string{"/run/user/1000/omg.sock", SystemSocket}, env("").Sockets(""))
	require.Equal(t, []string{"/x"}, env("/x").Sockets(""))
	require.Equal(t, []string{"/y"}, env("/x").Sockets("/y"))
	require.Equal(t, []string{SystemSocket}, env("").Sockets(SystemSocket))
	require.Equal(t, []string{"/tmp/omg.sock", "/r/run/omg/omg.sock"}, Env{Root: "/r"}.Sockets(""))
}

// TestCheckFileTrust checks that a file is accepted only if its owner is trusted and no other user can write to it.
func TestCheckFileTrust(t *testing.T) {
	mine := func(uid uint32) bool { return uid == 1000 }
	for _, c := range []struct {
		uid, mode uint32
		why       string
	}{
		{1000, 0o600, ""},
		{1000, 0o644, ""},
		{1000, 0o444, ""},
		{1000, 0o664, "other users can write it (mode 0664)"},
		{1000, 0o646, "other users can write it (mode 0646)"},
		{1001, 0o600, "it belongs to user 1001"},
		{0, 0o600, "it belongs to user 0"},
	} {
		err := CheckFileTrust(&unix.Stat_t{Uid: c.uid, Mode: unix.S_IFREG | c.mode}, mine)
		if c.why == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorIs(t, err, ErrUntrusted)
		require.ErrorContains(t, err, c.why)
	}
}
