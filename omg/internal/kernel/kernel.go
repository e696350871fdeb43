// Package kernel finds out whether an upgrade has replaced the running kernel.
package kernel

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// ModulesDir contains a directory with the modules of each installed kernel.
const ModulesDir = "/usr/lib/modules"

// Release returns the release of the running kernel, or "" if it is unknown.
func Release() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	release, _, _ := bytes.Cut(u.Release[:], []byte{0})
	return string(release)
}

// MissingModules returns the release of the running kernel if packages have installed kernels, but none of them is the running one: an
// upgrade has replaced it. A kernel's package on Arch Linux has a file pkgbase in the directory of its modules; a container usually
// has none.
func MissingModules(modulesDir, release string) string {
	entries, err := os.ReadDir(modulesDir)
	if err != nil || release == "" {
		return ""
	}
	isKernel := func(e os.DirEntry) bool {
		_, err := os.Stat(filepath.Join(modulesDir, e.Name(), "pkgbase"))
		return err == nil
	}
	if _, err := os.Stat(filepath.Join(modulesDir, release)); !os.IsNotExist(err) || !slices.ContainsFunc(entries, isKernel) {
		return ""
	}
	return release
}
