package paths

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/need"
)

// TestMain sets the umask, so that other users cannot write the directories of the tests, which would not be trusted
// otherwise. If the environment variable that the constant findProgram names is set, TestMain calls the function
// ProgramPath instead of running the tests.
func TestMain(m *testing.M) {
	if name := os.Getenv(findProgram); name != "" {
		path, err := ProgramPath(name)
		if err != nil {
			os.Exit(1)
		}
		fmt.Print(path)
		os.Exit(0)
	}
	syscall.Umask(0o022)
	os.Exit(m.Run())
}

func env(vars map[string]string) Env {
	return Env{Getenv: func(name string) string { return vars[name] }, UID: 1000}
}

func TestDataDir(t *testing.T) {
	for want, c := range map[string]struct {
		flag string
		vars map[string]string
	}{
		"given":                 {"given", map[string]string{"XDG_DATA_HOME": "/x", "HOME": "/h"}},
		"/x/omg":                {"", map[string]string{"XDG_DATA_HOME": "/x", "HOME": "/h"}},
		"/h/.local/share/omg":   {"", map[string]string{"XDG_DATA_HOME": "relative", "HOME": "/h"}},
		"/old/.local/share/omg": {"", map[string]string{"HOME": "/old"}},
		SystemDataDir:           {"", map[string]string{"XDG_DATA_HOME": "x", "HOME": "y"}},
	} {
		require.Equal(t, want, env(c.vars).DataDir(c.flag))
	}
	require.Equal(t, SystemDataDir, Env{}.DataDir(""))
}

func TestSocket(t *testing.T) {
	all := map[string]string{"OMG_SOCKET_PATH": "/env.sock", "XDG_RUNTIME_DIR": "/run/user/1000"}
	require.Equal(t, "flag.sock", env(all).Socket("flag.sock"))
	require.Equal(t, "/env.sock", env(all).Socket(""))
	delete(all, "OMG_SOCKET_PATH")
	require.Equal(t, "/run/user/1000/omg.sock", env(all).Socket(""))
	all["XDG_RUNTIME_DIR"] = "run"
	require.Equal(t, "/tmp/omg.sock", env(all).Socket(""))
	require.Equal(t, "/tmp/omg.sock", Env{}.Socket(""))
}

// TestBeside_Socket checks that the files of a daemon are in the directory of its socket, but never directly in /tmp, where
// other users could create these files first.
func TestBeside_Socket(t *testing.T) {
	e := env(nil)
	for socket, want := range map[string][3]string{
		"/run/user/1000/omg.sock": {"/run/user/1000/omg.lock", "/run/user/1000/omgd.pid", "/run/user/1000/omg.status"},
		"/srv/two.sock":           {"/srv/two.lock", "/srv/two.pid", "/srv/two.status"},
		"/srv/bare":               {"/srv/bare.lock", "/srv/bare.pid", "/srv/bare.status"},
		"/tmp/omg.sock":           {"/tmp/omg-1000/omg.lock", "/tmp/omg-1000/omgd.pid", "/tmp/omg-1000/omg.status"},
		"/tmp/../tmp//x.sock":     {"/tmp/omg-1000/x.lock", "/tmp/omg-1000/x.pid", "/tmp/omg-1000/x.status"},
		"/tmp/mine/x.sock":        {"/tmp/mine/x.lock", "/tmp/mine/x.pid", "/tmp/mine/x.status"},
	} {
		require.Equal(t, want, [3]string{e.LockFile(socket), e.PIDFile(socket), e.StatusFile(socket)}, socket)
	}
	t.Chdir("/tmp")
	require.Equal(t, "/tmp/omg-1000/x.lock", e.LockFile("x.sock"), "a relative path of the socket in /tmp")
}

func TestNamedIndexes(t *testing.T) {
	e := env(map[string]string{"OMG_INDEX": "/a:/b", "HOME": "/h"})
	require.Equal(t, []string{"f"}, e.ChosenIndexPaths([]string{"f"}), "the flag takes precedence over the variable")
	require.Equal(t, []string{"/a", "/b"}, e.ChosenIndexPaths(nil))
	require.Nil(t, env(map[string]string{"HOME": "/h"}).ChosenIndexPaths(nil), "omg's own")
	require.Nil(t, env(map[string]string{"OMG_INDEX": ""}).ChosenIndexPaths(nil))
	require.Nil(t, Env{}.ChosenIndexPaths(nil))
}

// TestDataDirs checks that a program without a daemon also reads the indexes in the directory that all users share.
func TestDataDirs(t *testing.T) {
	e := env(map[string]string{"HOME": "/h"})
	require.Equal(t, []string{"/h/.local/share/omg", SystemDataDir}, e.DataDirs(""))
	require.Equal(t, []string{"d", SystemDataDir}, e.DataDirs("d"))
	require.Equal(t, []string{SystemDataDir}, e.DataDirs(SystemDataDir))
	require.Equal(t, []string{SystemDataDir}, Env{}.DataDirs(""))
	require.Equal(t, []string{"/r/var/lib/omg"}, Env{Root: "/r"}.DataDirs(""))
}

func TestConfigFiles(t *testing.T) {
	for name, c := range map[string]struct {
		vars   map[string]string
		system bool
		want   []string
		chosen bool
	}{
		"chosen":             {map[string]string{"OMG_CONFIG": "/c", "HOME": "/h"}, true, []string{"/c"}, true},
		"of all users":       {map[string]string{"HOME": "/h"}, true, []string{SystemConfig}, false},
		"of the user":        {map[string]string{"HOME": "/h"}, false, []string{SystemConfig, "/h/.config/omg/setup.toml", "/h/.config/omg/config.toml"}, false},
		"XDG":                {map[string]string{"HOME": "/h", "XDG_CONFIG_HOME": "/x"}, false, []string{SystemConfig, "/x/omg/setup.toml", "/x/omg/config.toml"}, false},
		"a relative one":     {map[string]string{"HOME": "/h", "XDG_CONFIG_HOME": "x"}, false, []string{SystemConfig, "/h/.config/omg/setup.toml", "/h/.config/omg/config.toml"}, false},
		"without a home":     {nil, false, []string{SystemConfig}, false},
		"of a relative home": {map[string]string{"HOME": "h"}, false, []string{SystemConfig}, false},
	} {
		t.Run(name, func(t *testing.T) {
			files, chosen := env(c.vars).ConfigFiles(c.system)
			require.Equal(t, c.want, files)
			require.Equal(t, c.chosen, chosen)
		})
	}
}

func TestTrusts(t *testing.T) {
	e := env(nil)
	require.True(t, e.Trusts(0))
	require.True(t, e.Trusts(1000))
	require.False(t, e.Trusts(1001))
	require.False(t, Env{UID: 1000}.Trusts(1<<32-1))
}

// TestIsSystemUser checks that the owner of a directory that only root can create is trusted, unless it is a login user.
func TestIsSystemUser(t *testing.T) {
	need.Root(t)
	parent := t.TempDir()
	dir := filepath.Join(parent, "omg")
	require.NoError(t, os.Mkdir(dir, 0o755))
	dirs := []string{filepath.Join(parent, "none"), dir}
	for _, c := range []struct {
		name          string
		owner, parent int
		mode          os.FileMode
		want          bool
	}{
		{"a system user", 941, 0, 0o755, true},
		{"a login user", 41010, 0, 0o755, false},
		{"a directory that its owner could have moved there", 941, 941, 0o755, false},
		{"a directory that every user could have created", 941, 0, 0o777, false},
	} {
		require.NoError(t, os.Chown(dir, c.owner, -1))
		require.NoError(t, os.Chown(parent, c.parent, -1))
		require.NoError(t, os.Chmod(parent, c.mode))
		require.Equal(t, c.want, isSystemUser(uint32(c.owner), dirs), c.name)
		require.False(t, isSystemUser(942, dirs), c.name)
	}
	require.NoError(t, os.Chown(parent, 0, -1))
	require.NoError(t, os.Chmod(parent, 0o755))
	require.NoError(t, os.Rename(dir, filepath.Join(parent, "moved")))
	require.NoError(t, os.Symlink("moved", dir))
	require.False(t, isSystemUser(941, dirs), "a link")
}

func TestMaxSystemUID(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want uint64
	}{
		"set":       {"UID_MIN 1000\n#SYS_UID_MAX 5\n\tSYS_UID_MAX\t\t 499\n", 499},
		"commented": {"#SYS_UID_MAX 5\n", 999},
		"no number": {"SYS_UID_MAX x\nSYS_UID_MAX", 999},
	} {
		file := filepath.Join(t.TempDir(), "login.defs")
		require.NoError(t, os.WriteFile(file, []byte(c.text), 0o600))
		require.Equal(t, c.want, readMaxSystemUID(file), name)
	}
	require.EqualValues(t, 999, readMaxSystemUID(filepath.Join(t.TempDir(), "none")))
}

func TestCheckDirTrust(t *testing.T) {
	self := ProcessEnv()
	dir := t.TempDir()
	for mode, ok := range map[fs.FileMode]bool{
		0o700: true, 0o755: true, 0o777: false, 0o775: false, 0o757: false,
		0o777 | fs.ModeSticky: true, 0o775 | fs.ModeSticky: true,
	} {
		require.NoError(t, os.Chmod(dir, mode))
		err := self.CheckDirTrust(dir)
		if ok {
			require.NoError(t, err, "%v", mode)
		} else {
			require.ErrorIs(t, err, ErrUntrusted, "%v", mode)
		}
	}
	require.NoError(t, os.Chmod(dir, 0o700))
	require.NoError(t, self.CheckDirTrust("/"), "root's")
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.ErrorIs(t, self.CheckDirTrust(file), unix.ENOTDIR)
	require.ErrorIs(t, self.CheckDirTrust(filepath.Join(dir, "none")), fs.ErrNotExist)
}

func TestCheckDirTrust_OfAnotherUser(t *testing.T) {
	need.Root(t)
	self := ProcessEnv()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o700))
	require.NoError(t, os.Chown(dir, 12345, 12345))
	require.ErrorIs(t, self.CheckDirTrust(dir), ErrUntrusted)
	require.NoError(t, Env{UID: 12345}.CheckDirTrust(dir))
}

// TestCheckRootWrites checks that CheckRootWrites, called by root, refuses a directory of another user and a path through a
// symlink of another user.
func TestCheckRootWrites(t *testing.T) {
	need.Root(t)
	root, dir := ProcessEnv(), t.TempDir()
	require.NoError(t, root.CheckRootWrites(filepath.Join(dir, "new", "index")))
	userDir, link := filepath.Join(dir, "user"), filepath.Join(dir, "link")
	require.NoError(t, os.Mkdir(userDir, 0o755))
	require.NoError(t, os.Symlink("/etc", link))
	require.NoError(t, root.CheckRootWrites(link), "the link belongs to root")
	for _, path := range []string{userDir, link} {
		require.NoError(t, os.Lchown(path, 12345, 12345))
	}
	for _, path := range []string{userDir, filepath.Join(userDir, "new", "index"), link, filepath.Join(link, "new")} {
		require.ErrorIs(t, root.CheckRootWrites(path), ErrUntrusted, path)
		require.NoError(t, Env{UID: 12345}.CheckRootWrites(path))
	}
}

func TestMakePrivateDir(t *testing.T) {
	self := ProcessEnv()
	dir := filepath.Join(t.TempDir(), "omg-0")
	for range 2 {
		require.NoError(t, self.MakePrivateDir(dir))
	}
	fi, err := os.Lstat(dir)
	require.NoError(t, err)
	require.Equal(t, fs.ModeDir|0o700, fi.Mode())

	require.NoError(t, os.Chmod(dir, 0o755))
	require.ErrorIs(t, self.MakePrivateDir(dir), ErrUntrusted, "other users can read the directory")
	require.NoError(t, os.Chmod(dir, 0o700))
	require.ErrorIs(t, Env{UID: self.UID + 1}.MakePrivateDir(dir), ErrUntrusted, "another user's")
	link := dir + "-link"
	require.NoError(t, os.Symlink(dir, link))
	require.ErrorIs(t, self.MakePrivateDir(link), ErrUntrusted, "a link")
	require.Error(t, self.MakePrivateDir(filepath.Join(dir, "a", "b")))
}

func TestProgram_IsNotLookedForByPATH(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "omg-none"), nil, 0o755))
	t.Setenv("PATH", dir)
	_, err := ProgramPath("omg-none")
	require.ErrorIs(t, err, ErrNotInstalled)
}

// TestProgram_BesideTheRunningOne checks that ProgramPath finds programs in the directory of the running program and in lib/omg
// of the same prefix. The running program is a copy of the test binary.
func TestProgram_BesideTheRunningOne(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	at := func(name string) string { return filepath.Join(dir, name) }
	content, err := os.ReadFile(need.OwnProgram(t))
	require.NoError(t, err)
	for _, sub := range []string{"bin", "lib/omg", "bin/omg-directory"} {
		require.NoError(t, os.MkdirAll(at(sub), 0o755))
	}
	require.NoError(t, os.WriteFile(at("bin/copy"), content, 0o755))
	require.NoError(t, os.Symlink("bin/copy", at("link")))
	for name, mode := range map[string]fs.FileMode{
		"bin/omg-there": 0o755, "bin/omg-both": 0o755, "lib/omg/omg-both": 0o755, "lib/omg/omg-lib": 0o755, "bin/omg-text": 0o644,
	} {
		require.NoError(t, os.WriteFile(at(name), nil, mode))
	}
	for name, want := range map[string]string{
		"omg-there": at("bin/omg-there"), "omg-both": at("bin/omg-both"), "omg-lib": at("lib/omg/omg-lib"),
		"omg-text": "", "omg-directory": "", "omg-none": "",
	} {
		for _, program := range []string{"bin/copy", "link"} {
			cmd := exec.Command(at(program))
			cmd.Env = append(os.Environ(), findProgram+"="+name)
			got, err := cmd.Output()
			require.Equal(t, want, string(got), "%s beside %s", name, program)
			require.Equal(t, want == "", err != nil)
		}
	}
}

// findProgram is the name of an environment variable. If the variable contains the name of a program, the test binary runs
// no tests: it calls ProgramPath with this name and prints the path.
const findProgram = "OMG_TEST_FIND_PROGRAM"
