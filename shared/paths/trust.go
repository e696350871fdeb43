package paths

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrUntrusted means that a user who is not trusted could have written or replaced a file.
var ErrUntrusted = errors.New("not trusted")

// CheckFileTrust returns an error if a user who is not trusted could have written an open file: if the function trust rejects the
// file's owner, or if the file's group or all users may write to the file.
func CheckFileTrust(st *unix.Stat_t, trust func(uid uint32) bool) error {
	switch {
	case !trust(st.Uid):
		return fmt.Errorf("%w: it belongs to user %d", ErrUntrusted, st.Uid)
	case st.Mode&0o022 != 0:
		return fmt.Errorf("%w: other users can write it (mode %04o): run chmod go-w on it", ErrUntrusted, st.Mode&0o7777)
	}
	return nil
}

// ReadTrustedFile returns the content of an open file of at most maxBytes bytes, and its attributes. It returns an error if the file is
// not a regular file, or if a user whom the function trust rejects could have written it. The errors do not contain the path.
func ReadTrustedFile(f *os.File, maxBytes int64, trust func(uid uint32) bool) ([]byte, unix.Stat_t, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return nil, st, os.NewSyscallError("fstat", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, st, errors.New("not a regular file")
	}
	if err := CheckFileTrust(&st, trust); err != nil {
		return nil, st, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err == nil && int64(len(data)) > maxBytes {
		err = fmt.Errorf("more than %d bytes", maxBytes)
	}
	return data, st, err
}

// maxLinks is the number of symbolic links that the kernel follows in a path.
const maxLinks = 40

// CheckDirTrust returns an error if a user other than this user and root could replace the directory dir or a file in it. All
// directories and symbolic links on the path from / to dir must belong to this user or root. The directories must not be
// writable by their group or by all users, unless they are sticky.
func (e Env) CheckDirTrust(dir string) error {
	return checkPathTrust(dir, func(uid uint32) bool { return uid == 0 || int(uid) == e.UID })
}

// CheckReadDirTrust is like CheckDirTrust, for the directory of a file that is only read: directories and links on the path may
// also belong to the system user.
func (e Env) CheckReadDirTrust(dir string) error { return checkPathTrust(dir, e.Trusts) }

// CheckRootWrites returns an error if this process runs as root and would write into a directory that another user controls,
// because that user could make root write to any file. If dir does not exist yet, CheckRootWrites checks the closest directory
// above it that exists. If this process does not run as root, CheckRootWrites checks nothing.
func (e Env) CheckRootWrites(dir string) error {
	if e.UID != 0 {
		return nil
	}
	dir, err := filepath.Abs(dir)
	for err == nil {
		if _, missing := os.Lstat(dir); !errors.Is(missing, os.ErrNotExist) {
			return e.CheckDirTrust(dir)
		}
		dir = filepath.Dir(dir)
	}
	return err
}

func checkPathTrust(dir string, trust func(uid uint32) bool) error {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	reached, links := "/", 0 // the path of the directory reached so far; no part of the path is a link
	if _, err := checkPathElement(reached, trust); err != nil {
		return err
	}
	for rest := splitPath(abs); len(rest) > 0; {
		next := filepath.Join(reached, rest[0]) // Join resolves "..", which is correct for a path without links
		rest = rest[1:]
		target, err := checkPathElement(next, trust)
		if err != nil {
			return err
		}
		if target == "" {
			reached = next
			continue
		}
		if links++; links > maxLinks {
			return &os.PathError{Op: "open", Path: dir, Err: unix.ELOOP}
		}
		if filepath.IsAbs(target) {
			reached = "/"
		}
		rest = slices.Concat(splitPath(target), rest)
	}
	return nil
}

func splitPath(path string) []string {
	return slices.DeleteFunc(strings.Split(path, "/"), func(p string) bool { return p == "" || p == "." })
}

// checkPathElement checks one directory or symbolic link on a path. It returns the target of a link, and an empty string for a
// directory.
func checkPathElement(path string, trust func(uid uint32) bool) (target string, err error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return "", &os.PathError{Op: "stat", Path: path, Err: err}
	}
	kind := st.Mode & unix.S_IFMT
	switch {
	case kind != unix.S_IFDIR && kind != unix.S_IFLNK:
		return "", &os.PathError{Op: "open", Path: path, Err: unix.ENOTDIR}
	case !trust(st.Uid):
		return "", fmt.Errorf("%s: %w: it belongs to user %d", path, ErrUntrusted, st.Uid)
	case kind == unix.S_IFLNK:
		return os.Readlink(path)
	case st.Mode&0o022 != 0 && st.Mode&unix.S_ISVTX == 0:
		return "", fmt.Errorf("%s: %w: other users can replace files in it (mode %04o)", path, ErrUntrusted, st.Mode&0o7777)
	}
	return "", nil
}
