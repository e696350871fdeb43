// Package paths decides the locations of omg's data, indexes, sockets and other files, and which users may own these files.
package paths

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// SystemDataDir is the data directory that all users share. SystemRuntimeDir is the runtime directory of the system-wide daemon,
// and SystemSocket is its socket.
const (
	SystemDataDir    = "/var/lib/omg"
	SystemRuntimeDir = "/run/omg"
	SystemSocket     = SystemRuntimeDir + "/omg.sock"
)

// Env holds the environment variables and the user ID on which paths and trust depend. The zero value of Env has no
// variables.
type Env struct {
	Getenv func(string) string
	UID    int
	// Root is the directory in which the files of all users are looked for. It is empty, which means /, except in tests:
	// the machine may have an omg of its own.
	Root string
}

// ProcessEnv returns the environment of this process.
func ProcessEnv() Env { return Env{Getenv: os.Getenv, UID: os.Getuid()} }

// inRoot returns the path of a file or directory of all users.
func (e Env) inRoot(path string) string { return filepath.Join(e.Root, path) }

// absoluteVariable returns the value of a variable if the value is an absolute path, and otherwise an empty string. According to the
// XDG base directory specification, relative paths must be ignored.
func (e Env) absoluteVariable(name string) string {
	if v := e.Get(name); filepath.IsAbs(v) {
		return v
	}
	return ""
}

// Get returns the value of a variable, or an empty string if the variable is not set.
func (e Env) Get(name string) string {
	if e.Getenv == nil {
		return ""
	}
	return e.Getenv(name)
}

// DataDir returns the directory for omg's data: the value of a flag, otherwise $XDG_DATA_HOME/omg, otherwise
// ~/.local/share/omg, otherwise (without HOME) SystemDataDir.
func (e Env) DataDir(flag string) string {
	if flag != "" {
		return flag
	}
	if d := e.absoluteVariable("XDG_DATA_HOME"); d != "" {
		return filepath.Join(d, "omg")
	}
	if d := e.absoluteVariable("HOME"); d != "" {
		return filepath.Join(d, ".local", "share", "omg")
	}
	return e.inRoot(SystemDataDir)
}

// StateDir returns the directory for what omg keeps for this user alone: $XDG_STATE_HOME/omg, otherwise ~/.local/state/omg, otherwise
// (without HOME) "".
func (e Env) StateDir() string {
	if d := e.absoluteVariable("XDG_STATE_HOME"); d != "" {
		return filepath.Join(d, "omg")
	}
	if d := e.absoluteVariable("HOME"); d != "" {
		return filepath.Join(d, ".local", "state", "omg")
	}
	return ""
}

// CacheHome returns the directory in which programs keep data of this user that they can get again: $XDG_CACHE_HOME, otherwise ~/.cache,
// otherwise (without HOME) "".
func (e Env) CacheHome() string {
	if d := e.absoluteVariable("XDG_CACHE_HOME"); d != "" {
		return d
	}
	if d := e.absoluteVariable("HOME"); d != "" {
		return filepath.Join(d, ".cache")
	}
	return ""
}

// SystemConfig is the configuration file for all users.
const SystemConfig = "/etc/omg/config.toml"

// ConfigFiles returns the paths of the configuration files in the order in which they must be read; a later file overrides an
// earlier one. The first file is the one for all users. The second, setup.toml, is written by omg setup, and the third,
// config.toml, by the user; both are in $XDG_CONFIG_HOME/omg or ~/.config/omg, and left out if the parameter system is set. If
// OMG_CONFIG is set, ConfigFiles returns only the path in OMG_CONFIG, and chosen is true.
func (e Env) ConfigFiles(system bool) (files []string, chosen bool) {
	if f := e.Get("OMG_CONFIG"); f != "" {
		return []string{f}, true
	}
	files = []string{e.inRoot(SystemConfig)}
	if system {
		return files, false
	}
	dir := e.absoluteVariable("XDG_CONFIG_HOME")
	if home := e.absoluteVariable("HOME"); dir == "" && home != "" {
		dir = filepath.Join(home, ".config")
	}
	if dir == "" {
		return files, false
	}
	return append(files, filepath.Join(dir, "omg", "setup.toml"), filepath.Join(dir, "omg", "config.toml")), false
}

// Socket returns the path of the socket on which omgd listens: the value of a flag, otherwise OMG_SOCKET_PATH, otherwise
// $XDG_RUNTIME_DIR/omg.sock, otherwise /tmp/omg.sock.
func (e Env) Socket(flag string) string {
	if flag != "" {
		return flag
	}
	if s := e.Get("OMG_SOCKET_PATH"); s != "" {
		return s
	}
	if d := e.absoluteVariable("XDG_RUNTIME_DIR"); d != "" {
		return filepath.Join(d, "omg.sock")
	}
	return "/tmp/omg.sock"
}

// Sockets returns the paths of the sockets at which a client tries to reach a daemon, in order. If a flag or OMG_SOCKET_PATH
// sets a path, this is the only one. Otherwise, the first is the socket of the user's daemon, and the second is that of the
// system-wide daemon.
func (e Env) Sockets(flag string) []string {
	path, system := e.Socket(flag), e.inRoot(SystemSocket)
	if flag != "" || e.Get("OMG_SOCKET_PATH") != "" || path == system {
		return []string{path}
	}
	return []string{path, system}
}

// LockFile returns the path of the lock file that prevents a second daemon on the same socket. The file is in the directory of
// the socket, or in PrivateDir if the socket is directly in /tmp.
func (e Env) LockFile(socket string) string { return e.besideSocket(socket, ".lock") }

// PIDFile returns the path of the PID file of the daemon that listens on a socket. The file is in the same directory as the
// lock file.
func (e Env) PIDFile(socket string) string {
	if filepath.Base(socket) == "omg.sock" {
		return filepath.Join(e.socketFilesDir(socket), "omgd.pid")
	}
	return e.besideSocket(socket, ".pid")
}

// StatusFile returns the path of the status file of the daemon that listens on a socket. Shell prompts read this file. It is
// in the same directory as the lock file.
func (e Env) StatusFile(socket string) string { return e.besideSocket(socket, ".status") }

func (e Env) besideSocket(socket, suffix string) string {
	name := filepath.Base(socket)
	if ext := filepath.Ext(name); ext == ".sock" {
		name = name[:len(name)-len(ext)]
	}
	return filepath.Join(e.socketFilesDir(socket), name+suffix)
}

func (e Env) socketFilesDir(socket string) string {
	dir := filepath.Dir(socket)
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	if dir == "/tmp" {
		return e.PrivateDir()
	}
	return dir
}

// PrivateDir returns the path of a user's directory in /tmp, which is used if the user has no runtime directory. A program
// must call MakePrivateDir before it writes to the directory.
func (e Env) PrivateDir() string { return "/tmp/omg-" + strconv.Itoa(e.UID) }

// ChosenIndexPaths returns the paths of index files, or of directories with index files, that the user chose with flags or, if
// there are no flags, with OMG_INDEX. It returns nil if the user chose none.
func (e Env) ChosenIndexPaths(flags []string) []string {
	if len(flags) > 0 {
		return flags
	}
	if p := e.Get("OMG_INDEX"); p != "" {
		return filepath.SplitList(p)
	}
	return nil
}

// DataDirs returns the data directories whose indexes a program reads without a daemon: the user's directory, and the
// directory that all users share.
func (e Env) DataDirs(flag string) []string {
	path, system := e.DataDir(flag), e.inRoot(SystemDataDir)
	if path == system {
		return []string{path}
	}
	return []string{path, system}
}

// IndexDir returns the directory in a data directory in which omg keeps the index files and the journal of the AUR.
func IndexDir(dataDir string) string { return filepath.Join(dataDir, "index") }

// systemDaemonDirs are the directories of the system-wide daemon, whose owner is the user that the daemon runs as.
var systemDaemonDirs = []string{SystemRuntimeDir, SystemDataDir}

// isSystemUser reports whether the system-wide daemon runs as the user uid. The user must own one of the directories dirs.
// Only root can create these directories, so root has chosen the owner, usually with User= in the daemon's unit. A login
// user, whose ID is above the range for system users, is never accepted.
func isSystemUser(uid uint32, dirs []string) bool {
	owns := func(dir string) bool {
		var st unix.Stat_t
		return unix.Lstat(dir, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR && st.Uid == uid &&
			checkPathTrust(filepath.Dir(dir), func(uid uint32) bool { return uid == 0 }) == nil
	}
	return slices.ContainsFunc(dirs, owns) && uint64(uid) <= readMaxSystemUID(loginDefs)
}

// loginDefs is the file with the ranges of user IDs: see login.defs(5).
const loginDefs = "/etc/login.defs"

// readMaxSystemUID returns the highest ID that a system user may have: SYS_UID_MAX in the file at path, or 999 if the file does
// not set SYS_UID_MAX.
func readMaxSystemUID(path string) uint64 {
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

// Trusts reports whether the files and sockets of the user uid are trusted. Three users are trusted: the user of this
// process, root, and the user that the system-wide daemon runs as.
func (e Env) Trusts(uid uint32) bool {
	return uid == 0 || int(uid) == e.UID || isSystemUser(uid, systemDaemonDirs)
}

// ErrNotInstalled means that one of omg's programs is not installed in the expected directory.
var ErrNotInstalled = errors.New("not installed")

// ProgramPath returns the path of one of omg's programs. The program must be in the directory of the running program, or in
// lib/omg of the same prefix. ProgramPath ignores PATH and all other environment variables, because another user may control
// the environment.
func ProgramPath(name string) (string, error) {
	dir, err := programDir()
	if err != nil {
		return "", err
	}
	for _, p := range []string{filepath.Join(dir, name), filepath.Join(dir, "..", "lib", "omg", name)} {
		if fi, err := os.Stat(p); err == nil && fi.Mode().IsRegular() && fi.Mode()&0o111 != 0 {
			return p, nil
		}
	}
	return "", fmt.Errorf("%s is %w in %s or %s", name, ErrNotInstalled, dir, filepath.Join(dir, "..", "lib", "omg"))
}

// SharedFilePath returns the path of a file that is installed with omg, such as the list of incidents. The file must be in the
// directory of the running program, as after a build, or in share/omg of the same prefix. Like ProgramPath, it ignores the environment.
func SharedFilePath(name string) (string, error) {
	dir, err := programDir()
	if err != nil {
		return "", err
	}
	prefix := filepath.Dir(dir)
	if filepath.Base(dir) == "omg" && filepath.Base(prefix) == "lib" {
		prefix = filepath.Dir(prefix)
	}
	shared := filepath.Join(prefix, "share", "omg")
	for _, p := range []string{filepath.Join(dir, name), filepath.Join(shared, name)} {
		if fi, err := os.Stat(p); err == nil && fi.Mode().IsRegular() {
			return p, nil
		}
	}
	return "", fmt.Errorf("%s is %w in %s or %s", name, ErrNotInstalled, dir, shared)
}

// programDir returns the directory of the running program, without links.
func programDir() (string, error) {
	self, err := os.Executable()
	if err == nil {
		self, err = filepath.EvalSymlinks(self)
	}
	return filepath.Dir(self), err
}

// MakePrivateDir creates a directory that only this user can enter. If the directory exists, MakePrivateDir returns an error
// unless it belongs to this user and no other user can enter it.
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
