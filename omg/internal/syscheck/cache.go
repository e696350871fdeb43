package syscheck

import (
	"os"
	"path/filepath"
	"strings"
)

// Cache describes the files in pacman's package cache.
type Cache struct {
	// FileCount and Size, in bytes, are those of all package files; OldCount and OldSize those of packages that are not installed in this
	// version.
	FileCount, OldCount int
	Size, OldSize       int64
	// Problems says which directories could not be read, and why.
	Problems []string
}

// MeasureCache measures the package files in the directories of the cache. The function isInstalled reports whether a package is installed
// in a version.
func MeasureCache(dirs []string, isInstalled func(name, version string) bool) (c Cache) {
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			c.Problems = append(c.Problems, err.Error())
			continue
		}
		for _, e := range entries {
			name, version, ok := parsePackageFileName(strings.TrimSuffix(e.Name(), ".sig"))
			if !ok {
				continue
			}
			info, err := os.Lstat(filepath.Join(dir, e.Name()))
			if err != nil || !info.Mode().IsRegular() {
				continue
			}
			isPackage := !strings.HasSuffix(e.Name(), ".sig")
			c.Size += info.Size()
			if isPackage {
				c.FileCount++
			}
			if !isInstalled(name, version) {
				c.OldSize += info.Size()
				if isPackage {
					c.OldCount++
				}
			}
		}
	}
	return c
}

// parsePackageFileName returns the name and the version in the name of a file such as bash-5.2-1-x86_64.pkg.tar.zst.
func parsePackageFileName(file string) (name, version string, ok bool) {
	at := strings.LastIndex(file, ".pkg.tar")
	if at < 0 {
		return "", "", false
	}
	parts := strings.Split(file[:at], "-")
	n := len(parts)
	if n < 4 {
		return "", "", false
	}
	return strings.Join(parts[:n-3], "-"), parts[n-3] + "-" + parts[n-2], true
}
