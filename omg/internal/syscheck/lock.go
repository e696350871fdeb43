package syscheck

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// StaleLock reports since when pacman's lock in a database directory exists without a process of pacman, and its path. The time is zero
// if there is no lock, or if a process holds it or could hold it: it has the lock open, or is called pacman. The parameter proc is the
// directory of the processes, /proc.
func StaleLock(dbPath, proc string) (path string, since time.Time) {
	path = filepath.Join(dbPath, "db.lck")
	info, err := os.Lstat(path)
	if err != nil {
		return path, time.Time{}
	}
	entries, err := os.ReadDir(proc)
	if err != nil {
		return path, time.Time{} // the processes are unknown
	}
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		dir := filepath.Join(proc, e.Name())
		name, err := os.ReadFile(filepath.Join(dir, "comm"))
		if err == nil && string(bytes.TrimSpace(name)) == "pacman" || hasOpen(filepath.Join(dir, "fd"), info) {
			return path, time.Time{}
		}
	}
	return path, info.ModTime()
}

// hasOpen reports whether one of the open files in a directory such as /proc/1/fd is the given file. Other users' processes have
// no readable directory.
func hasOpen(dir string, file os.FileInfo) bool {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, e := range entries {
		if open, err := os.Stat(filepath.Join(dir, e.Name())); err == nil && os.SameFile(open, file) {
			return true
		}
	}
	return false
}
