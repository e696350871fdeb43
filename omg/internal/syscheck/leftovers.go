// Package syscheck finds what pacman leaves behind on a system, and what an upgrade has broken.
package syscheck

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// maxLeftoverEntries limits how many files and directories in etc/ are examined.
const maxLeftoverEntries = 500_000

// Leftovers are the configuration files that pacman has saved, or has not replaced.
type Leftovers struct {
	// Paths are sorted.
	Paths []string
	// UnreadableCount is the number of directories that could not be read.
	UnreadableCount int
	// IsCut means that etc/ has more files than are examined.
	IsCut bool
}

var leftoverPattern = regexp.MustCompile(`\.(pacnew|pacsave(\.[0-9]+)?|pacorig)$`)

// FindLeftovers finds files such as x.pacnew, x.pacsave and x.pacsave.1 in etc/ of a root directory, and beside the files in the list
// backups, whose paths are relative to it. It does not follow links in etc/. The root has a slash at its end.
func FindLeftovers(root string, backups []string) (l Leftovers) {
	examined := 0
	_ = filepath.WalkDir(root+"etc", func(path string, d fs.DirEntry, err error) error {
		examined++
		switch {
		case examined > maxLeftoverEntries:
			l.IsCut = true
			return fs.SkipAll
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			l.UnreadableCount++
		case err == nil && !d.IsDir() && leftoverPattern.MatchString(path):
			l.Paths = append(l.Paths, path)
		}
		return nil
	})
	for _, backup := range backups {
		if strings.HasPrefix(backup, "etc/") {
			continue
		}
		for _, end := range []string{".pacnew", ".pacsave", ".pacorig"} {
			if _, err := os.Lstat(root + backup + end); err == nil {
				l.Paths = append(l.Paths, root+backup+end)
			}
		}
	}
	slices.Sort(l.Paths)
	return l
}
