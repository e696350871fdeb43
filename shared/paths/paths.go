// Package paths is the one rule for where things lie: data, indexes, sockets and
// what lies beside them, and whom a file there may belong to.
package paths

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// The names of the index files in a data directory.
const (
	ReposIndex = "repos.omgidx"
	AURIndex   = "aur.omgidx"
)

// SystemDir is the data directory that all users share, SystemSocket where the
// daemon listens that serves them, SystemUser the owner of both.
const (
	SystemDir    = "/var/lib/omg"
	SystemSocket = "/run/omg/omg.sock"
	SystemUser   = "omg"
)

// Env is the environment that a rule looks at. The zero Env knows nothing.
type Env struct {
	Getenv func(string) string
	UID    int
}

// Process is the environment of this process.
func Process() Env { return Env{Getenv: os.Getenv, UID: os.Getuid()} }

// absolute returns the variable's value if it is an absolute path: the XDG base
// directory specification has relative ones ignored.
func (e Env) absolute(name string) string {
	if v := e.Get(name); filepath.IsAbs(v) {
		return v
	}
	return ""
}

// Get returns a variable's value, empty if it is not set.
func (e Env) Get(name string) string {
	if e.Getenv == nil {
		return ""
	}
	return e.Getenv(name)
}

// DataDir is where omg keeps its data: what the flag says, else
// $XDG_DATA_HOME/omg, else ~/.local/share/omg, else (no HOME) SystemDir.
func (e Env) DataDir(flag string) string {
	if flag != "" {
		return flag
	}
	if d := e.absolute("XDG_DATA_HOME"); d != "" {
		return filepath.Join(d, "omg")
	}
	if d := e.absolute("HOME"); d != "" {
		return filepath.Join(d, ".local", "share", "omg")
	}
	return SystemDir
}

// SystemConfig is the configuration file for all users.
const SystemConfig = "/etc/omg/config.toml"

// Configs are the configuration files, each to be read over the one before: the
// one for all users and, unless only that is wanted, the user's in
// $XDG_CONFIG_HOME/omg, else ~/.config/omg. Instead of both it is the one that
// OMG_CONFIG names, if it does: then chosen is true.
func (e Env) Configs(system bool) (files []string, chosen bool) {
	if f := e.Get("OMG_CONFIG"); f != "" {
		return []string{f}, true
	}
	files = []string{SystemConfig}
	if system {
		return files, false
	}
	if d := e.absolute("XDG_CONFIG_HOME"); d != "" {
		return append(files, filepath.Join(d, "omg", "config.toml")), false
	}
	if d := e.absolute("HOME"); d != "" {
		return append(files, filepath.Join(d, ".config", "omg", "config.toml")), false
	}
	return files, false
}

// Socket is where omgd listens: what the flag says, else OMG_SOCKET_PATH, else
// $XDG_RUNTIME_DIR/omg.sock, else /tmp/omg.sock.
func (e Env) Socket(flag string) string {
	if flag != "" {
		return flag
	}
	if s := e.Get("OMG_SOCKET_PATH"); s != "" {
		return s
	}
	if d := e.absolute("XDG_RUNTIME_DIR"); d != "" {
		return filepath.Join(d, "omg.sock")
	}
	return "/tmp/omg.sock"
}

// Sockets are where a client looks for a daemon, one after the other: where the
// flag or OMG_SOCKET_PATH says and nowhere else, or else at the user's own and at
// the one that serves all users.
func (e Env) Sockets(flag string) []string {
	own := e.Socket(flag)
	if flag != "" || e.Get("OMG_SOCKET_PATH") != "" || own == SystemSocket {
		return []string{own}
	}
	return []string{own, SystemSocket}
}

// Lock is the file beside a socket that keeps two daemons apart. Only a socket
// may lie in /tmp itself: what belongs to one there is in PrivateDir.
func (e Env) Lock(socket string) string { return e.beside(socket, ".lock") }

// PID is the file beside a socket that has the daemon's process number.
func (e Env) PID(socket string) string {
	if filepath.Base(socket) == "omg.sock" {
		return filepath.Join(e.besideDir(socket), "omgd.pid")
	}
	return e.beside(socket, ".pid")
}

// Status is the file beside a socket that prompts read.
func (e Env) Status(socket string) string { return e.beside(socket, ".status") }

func (e Env) beside(socket, suffix string) string {
	name := filepath.Base(socket)
	if ext := filepath.Ext(name); ext == ".sock" {
		name = name[:len(name)-len(ext)]
	}
	return filepath.Join(e.besideDir(socket), name+suffix)
}

func (e Env) besideDir(socket string) string {
	dir := filepath.Dir(socket)
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	if dir == "/tmp" {
		return e.PrivateDir()
	}
	return dir
}

// PrivateDir is a user's own directory in /tmp, for one without a runtime
// directory. Who writes there calls MakePrivateDir first.
func (e Env) PrivateDir() string { return "/tmp/omg-" + strconv.Itoa(e.UID) }

// Indexes are the index files to look for, the first that is there to be used:
// those of the flag, else OMG_INDEX, else those of the data directory, else those
// that all users share.
func (e Env) Indexes(flags []string, dataDir string) []string {
	if len(flags) > 0 {
		return flags
	}
	if p := e.Get("OMG_INDEX"); p != "" {
		return filepath.SplitList(p)
	}
	own := filepath.Join(e.DataDir(dataDir), ReposIndex)
	if system := filepath.Join(SystemDir, ReposIndex); system != own {
		return []string{own, system}
	}
	return []string{own}
}

// AURIndexes are the AUR's index files to look for beside Indexes, the first that
// is there to be used: none where the others are named, for then they are all.
func (e Env) AURIndexes(flags []string, dataDir string) []string {
	if len(flags) > 0 || e.Get("OMG_INDEX") != "" {
		return nil
	}
	own := filepath.Join(e.DataDir(dataDir), AURIndex)
	if system := filepath.Join(SystemDir, AURIndex); system != own {
		return []string{own, system}
	}
	return []string{own}
}

// systemUID looks the system user up. It is asked only where the owner is
// neither this user nor root.
func systemUID() (uint32, bool) {
	u, err := user.Lookup(SystemUser)
	if err != nil {
		return 0, false
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	return uint32(uid), err == nil
}

// Trusts says whether a user's files and sockets are believed: this one's,
// root's, and the system user's if there is one.
func (e Env) Trusts(uid uint32) bool {
	if uid == 0 || int(uid) == e.UID {
		return true
	}
	system, ok := systemUID()
	return ok && uid == system
}

// ErrNotInstalled means that a program of ours is not where it belongs.
var ErrNotInstalled = errors.New("not installed")

// Program finds another program of ours: beside the running one, or in lib/omg
// of the same prefix. It is never looked for by PATH or the environment, which
// others may choose.
func Program(name string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	if self, err = filepath.EvalSymlinks(self); err != nil {
		return "", err
	}
	dir := filepath.Dir(self)
	for _, p := range []string{filepath.Join(dir, name), filepath.Join(dir, "..", "lib", "omg", name)} {
		if fi, err := os.Stat(p); err == nil && fi.Mode().IsRegular() && fi.Mode()&0o111 != 0 {
			return p, nil
		}
	}
	return "", fmt.Errorf("%s is %w beside %s", name, ErrNotInstalled, self)
}

// MakePrivateDir makes a directory that only this user can enter, or checks
// that the one that is there is such.
func (e Env) MakePrivateDir(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return &os.PathError{Op: "stat", Path: dir, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR || int(st.Uid) != e.UID || st.Mode&0o077 != 0 {
		return fmt.Errorf("%s: %w: it must be a directory of yours with mode 0700", dir, ErrUntrusted)
	}
	return nil
}
