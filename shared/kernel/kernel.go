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

// AnyInstalled reports whether a package has installed a kernel. A kernel's package on Arch Linux has a file pkgbase in the directory of its
// modules; a container usually has none.
func AnyInstalled(modulesDir string) (bool, error) {
	entries, err := os.ReadDir(modulesDir)
	return slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		_, err := os.Stat(filepath.Join(modulesDir, e.Name(), "pkgbase"))
		return err == nil
	}), err
}

// MissingModules returns the release of the running kernel if packages have installed kernels, but none of them is the running one: an
// upgrade has replaced it.
func MissingModules(modulesDir, release string) string {
	installed, err := AnyInstalled(modulesDir)
	if err != nil || !installed || release == "" {
		return ""
	}
	if _, err := os.Stat(filepath.Join(modulesDir, release)); !os.IsNotExist(err) {
		return ""
	}
	return release
}
