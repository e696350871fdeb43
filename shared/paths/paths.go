// Package paths decides where data, indexes, sockets and the files beside them lie, and which users they may belong to.
package paths

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// SystemDir is the data directory that all users share, SystemSocket the socket of the system-wide daemon, and
// SystemUser the owner of both.
const (
	SystemDir    = "/var/lib/omg"
	SystemSocket = "/run/omg/omg.sock"
	SystemUser   = "omg"
)

// Env is the environment that the rules read. The zero Env has no variables.
type Env struct {
	Getenv func(string) string
	UID    int
}

// Process returns the environment of this process.
func Process() Env { return Env{Getenv: os.Getenv, UID: os.Getuid()} }

// absolute returns a variable's value if it is an absolute path. The XDG base directory specification says to ignore
// relative paths.
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

// DataDir returns the directory for omg's data: the flag, otherwise $XDG_DATA_HOME/omg, otherwise ~/.local/share/omg,
// otherwise (without HOME) SystemDir.
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

// Configs returns the configuration files in the order in which they are read; a later file overrides an earlier one.
// The first is the file for all users. The second, left out if system is set, is the user's in $XDG_CONFIG_HOME/omg or
// ~/.config/omg. If OMG_CONFIG names a file, only that one is returned and chosen is true.
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

// Socket returns the path on which omgd listens: the flag, otherwise OMG_SOCKET_PATH, otherwise
// $XDG_RUNTIME_DIR/omg.sock, otherwise /tmp/omg.sock.
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

// Sockets returns the paths at which a client tries to reach a daemon, in order: only the one that the flag or
// OMG_SOCKET_PATH names, otherwise the user's own and then the system-wide daemon's.
func (e Env) Sockets(flag string) []string {
	path := e.Socket(flag)
	if flag != "" || e.Get("OMG_SOCKET_PATH") != "" || path == SystemSocket {
		return []string{path}
	}
	return []string{path, SystemSocket}
}

// Lock returns the path of the file beside a socket that prevents a second daemon. Only a socket may lie directly in
// /tmp: the files that belong to it are in PrivateDir.
func (e Env) Lock(socket string) string { return e.beside(socket, ".lock") }

// PID returns the path of the file beside a socket that holds the daemon's process number.
func (e Env) PID(socket string) string {
	if filepath.Base(socket) == "omg.sock" {
		return filepath.Join(e.besideDir(socket), "omgd.pid")
	}
	return e.beside(socket, ".pid")
}

// Status returns the path of the file beside a socket that prompts read.
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

// PrivateDir returns a user's own directory in /tmp, used without a runtime directory. Writers call MakePrivateDir
// first.
func (e Env) PrivateDir() string { return "/tmp/omg-" + strconv.Itoa(e.UID) }

// UserIndexes returns the index files, or directories of them, that the flag or OMG_INDEX names; nil if neither is
// set. The flag takes precedence.
func (e Env) UserIndexes(flags []string) []string {
	if len(flags) > 0 {
		return flags
	}
	if p := e.Get("OMG_INDEX"); p != "" {
		return filepath.SplitList(p)
	}
	return nil
}

// DataDirs returns the data directories whose indexes are read without a daemon: the user's, and the one that all users
// share.
func (e Env) DataDirs(flag string) []string {
	path := e.DataDir(flag)
	if path == SystemDir {
		return []string{path}
	}
	return []string{path, SystemDir}
}

// systemUID returns the ID of the system user. Trusts calls it only if the owner is neither this user nor root. A login
// user who has the system user's name is not the system user: a login user's ID is above the system's range.
func systemUID() (uint32, bool) {
	u, err := user.Lookup(SystemUser)
	if err != nil {
		return 0, false
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	return uint32(uid), err == nil && uid <= maxSystemUID(loginDefs)
}

// loginDefs is the file with the ranges of user IDs: see login.defs(5).
const loginDefs = "/etc/login.defs"

// maxSystemUID returns the highest ID of a system user, SYS_UID_MAX in login.defs. Without it, it is 999.
func maxSystemUID(path string) uint64 {
	const usual = 999
	b, err := os.ReadFile(path)
	if err != nil {
		return usual
	}
	for line := range strings.Lines(string(b)) {
		if words := strings.Fields(line); len(words) >= 2 && words[0] == "SYS_UID_MAX" {
			if uid, err := strconv.ParseUint(words[1], 10, 32); err == nil {
				return uid
			}
		}
	}
	return usual
}

// Trusts reports whether files and sockets of a user are trusted: those of this user, of root and, if it exists, of the
// system user.
func (e Env) Trusts(uid uint32) bool {
	if uid == 0 || int(uid) == e.UID {
		return true
	}
	system, ok := systemUID()
	return ok && uid == system
}

// ErrNotInstalled means that one of omg's programs is not where it belongs.
var ErrNotInstalled = errors.New("not installed")

// Program returns the path of another of omg's programs: beside the running one, or in lib/omg of the same prefix. It
// ignores PATH and the environment, which others may control.
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

// MakePrivateDir creates a directory that only this user can enter. If it exists, MakePrivateDir checks its owner and
// mode.
func (e Env) MakePrivateDir(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return &os.PathError{Op: "stat", Path: dir, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR || int(st.Uid) != e.UID || st.Mode&0o077 != 0 {
		return fmt.Errorf("%s: %w: it must be your own directory with mode 0700", dir, ErrUntrusted)
	}
	return nil
}
