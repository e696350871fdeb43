package syscheck

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// StaleLock reports since when pacman's lock in a database directory exists without a process of pacman, and its path. The time is zero
// if there is no lock, or if a process holds it. Each process with libalpm has its lock open, so that another pacman, which works on other
// databases, is told apart. A pacman whose open files cannot be read is assumed to hold the lock. isCertain is false if the open files of
// another process cannot be read, which could hold the lock through libalpm. The parameter proc is the directory of the processes, /proc.
func StaleLock(dbPath, proc string) (path string, since time.Time, isCertain bool) {
	path = filepath.Join(dbPath, "db.lck")
	info, err := os.Lstat(path)
	if err != nil {
		return path, time.Time{}, true
	}
	entries, err := os.ReadDir(proc)
	if err != nil {
		return path, time.Time{}, false // the processes are unknown
	}
	isCertain = true
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		dir := filepath.Join(proc, e.Name())
		isHeld, isKnown := hasOpen(filepath.Join(dir, "fd"), info)
		if !isKnown {
			name, _ := os.ReadFile(filepath.Join(dir, "comm"))
			isHeld = string(bytes.TrimSpace(name)) == "pacman"
		}
		if isHeld {
			return path, time.Time{}, true
		}
		isCertain = isCertain && isKnown
	}
	return path, info.ModTime(), isCertain
}

// hasOpen reports whether one of the open files in a directory such as /proc/1/fd is the given file. This is not known for processes of
// other users, whose directories cannot be read.
func hasOpen(dir string, file os.FileInfo) (open, isKnown bool) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false, os.IsNotExist(err)
	}
	for _, e := range entries {
		if info, err := os.Stat(filepath.Join(dir, e.Name())); err == nil && os.SameFile(info, file) {
			return true, true
		}
	}
	return false, true
}
