package runtimes

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

const (
	maxEntries     = 4096   // maximum number of entries of a directory; a larger directory is not listed
	maxPackages    = 65_536 // maximum number of packages that are read from pacman's local database
	maxFileBytes   = 64 << 10
	maxLevels      = 128 // maximum number of directories that are searched upwards
	direntBufSize  = 32 << 10
	direntOverhead = 19 // number of bytes before the name in struct linux_dirent64: getdents64(2)
)

// This file makes system calls directly: os.File would register each file with the poller, which takes three more
// system calls, and a prompt waits for them.

// retryEINTR repeats a system call while it is interrupted by signals.
func retryEINTR(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != unix.EINTR {
			return n, err
		}
	}
}

func open(path string, flags int) (int, error) {
	return retryEINTR(func() (int, error) {
		return unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY|flags, 0)
	})
}

// isNotExist reports whether an error means that a file does not exist. Such a file needs no note.
func isNotExist(err error) bool { return err == unix.ENOENT || err == unix.ENOTDIR }

// read returns a file's text. ok is false if the file does not exist, is not a regular file, is larger than maxFileBytes or
// cannot be read. In each of these cases except a missing file, read adds a note. A FIFO or a device is not even opened,
// because opening it can have effects.
func (p *Prober) read(path string) (text []byte, ok bool) { return p.readUpTo(path, maxFileBytes) }

func (p *Prober) readUpTo(path string, limit int64) (text []byte, ok bool) {
	var st unix.Stat_t
	switch p.listedFileType(path) {
	case absentEntryKind:
		return nil, false
	case unix.DT_REG:
	default:
		if _, err := retryEINTR(func() (int, error) { return 0, unix.Stat(path, &st) }); err != nil {
			if !isNotExist(err) {
				p.addNote(path, err.Error())
			}
			return nil, false
		}
		if !p.readable(path, &st, limit) {
			return nil, false
		}
	}
	fd, err := open(path, 0)
	if err != nil {
		if !isNotExist(err) {
			p.addNote(path, err.Error())
		}
		return nil, false
	}
	defer unix.Close(fd)
	// Check the opened file, because the path may have been changed to lead to another file.
	if err := unix.Fstat(fd, &st); err != nil || !p.readable(path, &st, limit) {
		return nil, false
	}
	text = make([]byte, st.Size)
	n := 0
	for n < len(text) {
		m, err := retryEINTR(func() (int, error) { return unix.Read(fd, text[n:]) })
		if err != nil {
			p.addNote(path, err.Error())
			return nil, false
		}
		if m == 0 {
			break
		}
		n += m
	}
	return text[:n], true
}

func (p *Prober) readable(path string, st *unix.Stat_t, limit int64) bool {
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		p.addNote(path, "not a regular file")
		return false
	case st.Size > limit:
		p.addNote(path, fmt.Sprintf("larger than %d KiB", limit>>10))
		return false
	}
	return true
}

// entry is a name in a directory. kind is one of unix.DT_…, and DT_UNKNOWN if the file system does not report the kind.
type entry struct {
	name string
	kind byte
}

var errTooManyEntries = errors.New("too many entries")

// readEntries returns the entries of an open directory. It returns at most limit entries; if the directory has more, readEntries also
// returns errTooManyEntries.
func (p *Prober) readEntries(fd, limit int) ([]entry, error) {
	var all []entry
	if p.dirents == nil {
		p.dirents = make([]byte, direntBufSize)
	}
	buf := p.dirents
	for {
		n, err := retryEINTR(func() (int, error) { return unix.ReadDirent(fd, buf) })
		if err != nil {
			return nil, err
		}
		if n <= 0 {
			return all, nil
		}
		for b := buf[:n]; len(b) > direntOverhead; {
			size := int(binary.NativeEndian.Uint16(b[16:]))
			if size <= direntOverhead || size > len(b) {
				return nil, unix.EIO
			}
			name := b[direntOverhead:size]
			if i := bytes.IndexByte(name, 0); i >= 0 {
				name = name[:i]
			}
			if s := string(name); s != "." && s != ".." {
				if len(all) == limit {
					return all, errTooManyEntries
				}
				all = append(all, entry{s, b[18]})
			}
			b = b[size:]
		}
	}
}

// managerDirEntries returns the entries of a manager's directory. It returns none if the directory does not exist. If the
// directory cannot be read or has more than limit entries, children also returns none, and adds a note.
func (p *Prober) managerDirEntries(path string, limit int) []entry {
	fd, err := open(path, unix.O_DIRECTORY)
	if err == nil {
		var all []entry
		all, err = p.readEntries(fd, limit)
		unix.Close(fd)
		if err == nil {
			return all
		}
	}
	if !isNotExist(err) {
		p.addNote(path, err.Error())
	}
	return nil
}

// isPresent reports whether a file exists. It makes at most one system call per path.
func (p *Prober) isPresent(path string) bool {
	if path == "" {
		return false
	}
	yes, known := p.existsByPath[path]
	if !known {
		yes = p.listedFileType(path) != absentEntryKind && accessible(path)
		p.existsByPath[path] = yes
	}
	return yes
}

// accessible reports whether a file exists. Unlike isPresent, it stores no result: each call makes a system call.
func accessible(path string) bool {
	_, err := retryEINTR(func() (int, error) { return 0, unix.Access(path, unix.F_OK) })
	return err == nil
}

// isDirectory reports whether a path leads to a directory.
func isDirectory(path string) bool {
	var st unix.Stat_t
	_, err := retryEINTR(func() (int, error) { return 0, unix.Stat(path, &st) })
	return err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR
}

// firstNames returns at most limit names in a directory, and whether the directory has more; no names if the directory
// cannot be read.
func (p *Prober) firstNames(path string, limit int) (names []string, more bool) {
	fd, err := open(path, unix.O_DIRECTORY)
	if err != nil {
		return nil, false
	}
	defer unix.Close(fd)
	all, err := p.readEntries(fd, limit)
	for _, e := range all {
		names = append(names, e.name)
	}
	return names, err != nil
}

// readLink returns the target of a symlink as it is written; "" if path is not a symlink.
func readLink(path string) string {
	if path == "" {
		return ""
	}
	buf := make([]byte, unix.PathMax)
	n, err := retryEINTR(func() (int, error) { return unix.Readlink(path, buf) })
	if err != nil || n == len(buf) {
		return ""
	}
	return string(buf[:n])
}

// versionDirs returns the names in a manager's directory that are versions: subdirectories, and symlinks to other
// places. A symlink to another name in the same directory (20 -> ./20.1.0, current -> 20.1.0) is only an alias and is
// left out.
func (p *Prober) versionDirs(path string) []string {
	var names []string
	for _, e := range p.managerDirEntries(path, maxEntries) {
		if !Showable(e.name) {
			continue
		}
		switch e.kind {
		case unix.DT_DIR:
		case unix.DT_LNK:
			target := readLink(filepath.Join(path, e.name))
			if target == "" || filepath.Dir(filepath.Clean(target)) == "." ||
				filepath.Dir(filepath.Clean(target)) == path {
				continue
			}
		case unix.DT_UNKNOWN:
			var st unix.Stat_t
			if unix.Lstat(filepath.Join(path, e.name), &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR {
				continue
			}
		default:
			continue
		}
		names = append(names, e.name)
	}
	slices.Sort(names)
	return names
}

// remoteFS reports whether an open file is on a file system that may be slow to respond.
func remoteFS(fd int) bool {
	var fs unix.Statfs_t
	return unix.Fstatfs(fd, &fs) == nil && isRemote(uint32(fs.Type))
}

// isRemote reports whether a file system is FUSE or a network file system. The parameter kind is the type that statfs(2)
// returns.
func isRemote(kind uint32) bool {
	switch kind {
	case unix.FUSE_SUPER_MAGIC, unix.NFS_SUPER_MAGIC, unix.SMB_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC,
		unix.SMB2_SUPER_MAGIC, unix.AFS_SUPER_MAGIC, unix.CODA_SUPER_MAGIC, unix.CEPH_SUPER_MAGIC,
		unix.V9FS_MAGIC, unix.AUTOFS_SUPER_MAGIC:
		return true
	}
	return false
}
