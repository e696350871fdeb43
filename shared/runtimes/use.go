package runtimes

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// currentLink is the name of the symlink that leads to the version selected by Use.
const currentLink = "current"

// The errors that Use wraps.
var (
	ErrUnknown      = errors.New("unknown runtime")
	ErrNotInstalled = errors.New("not installed")
)

// Use selects the version that runs if no other declaration decides. It makes the symlink
// <data>/versions/<runtime>/current lead to a version that omg or another manager has installed. The symlink is replaced
// by one rename, so a reader sees either the old target or the new one. The parameter want is a version in the form that
// version files allow: 20, lts/*, 3.12. If want is "system", Use removes the symlink. Use downloads nothing, and changes
// no other file.
func Use(env Env, runtime, want string) (Installation, error) {
	name, known := Canonical(runtime)
	if !known {
		return Installation{}, fmt.Errorf("%w %q (have: %s)", ErrUnknown, runtime, strings.Join(Names(), ", "))
	}
	if env.OmgDataDir == "" {
		return Installation{}, errors.New("no data directory")
	}
	p := New(env, name)
	dir := filepath.Join(env.OmgDataDir, "versions", name)
	path := filepath.Join(dir, currentLink)
	i, ok := p.choose(name, want)
	switch {
	case !ok || i.Manager == "path":
		wanted := bareRequest(name, want)
		if !Showable(wanted) {
			wanted = strconv.Quote(wanted)
		}
		return Installation{}, fmt.Errorf("%s %s is %w", name, wanted, ErrNotInstalled)
	case i.Manager == "system" && want != "system" && name != Java:
		// The symlink cannot lead to a package, which has no directory of its own.
		return Installation{}, fmt.Errorf("%s %s is %w by a version manager, only as the system's package: omg use %s system", name, i.Version, ErrNotInstalled, name)
	case want == "system":
		err := os.Remove(path)
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return i, err
	}
	target := i.Path
	if filepath.Dir(i.Path) == dir {
		target = filepath.Base(i.Path)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Installation{}, err
	}
	return i, replaceSymlink(path, target)
}

// replaceSymlink makes the symlink at a path lead to a target. A symlink can only be replaced by a rename, so replaceSymlink
// first creates a temporary symlink. If one exists already, because a killed process left it or another process is
// using it, replaceSymlink removes it and tries again.
func replaceSymlink(path, target string) (err error) {
	next := path + ".new"
	for range 100 {
		if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err = os.Symlink(target, next); err == nil {
			err = os.Rename(next, path)
		}
		if err == nil {
			return nil
		}
		if fi, statErr := os.Lstat(path); statErr == nil && fi.IsDir() {
			err = fmt.Errorf("%s is a directory and not a symlink: move it away", path)
			break
		}
		if !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	_ = os.Remove(next)
	return err
}
