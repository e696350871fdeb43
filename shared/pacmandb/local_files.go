package pacmandb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// ErrNoFiles means that an installed package has no readable file list.
var ErrNoFiles = errors.New("no file list")

// PackageFiles returns the paths that the package p installed, relative to the root, in the order of pacman -Ql. The paths of
// directories end in a slash.
func PackageFiles(dbpath string, p *Installed) ([]string, error) {
	if strings.Contains(p.localDirName(), "/") {
		return nil, fmt.Errorf("%w of %q", ErrNoFiles, p.Name)
	}
	path := filepath.Join(dbpath, "local", p.localDirName(), "files")
	data, _, err := readRegular(unix.AT_FDCWD, path, nil, maxFileListBytes)
	if err != nil {
		return nil, fmt.Errorf("%w of %s: %s: %w", ErrNoFiles, p.Name, path, err)
	}
	section := filesSection(data)
	if len(section) == 0 {
		return nil, nil
	}
	text := string(section)
	paths := make([]string, 0, strings.Count(text, "\n")+1)
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		paths = append(paths, line)
	}
	if !slices.IsSorted(paths) {
		slices.Sort(paths)
	}
	return paths, nil
}

// HasScript reports whether p has an install script. Like libalpm, it does not look for a script if the desc cannot be
// read.
func (p *Installed) HasScript(dbpath string) bool {
	switch p.problem {
	case ProblemMissingDesc, ProblemUnreadable, ProblemNotRegular:
		return false
	}
	_, err := os.Stat(filepath.Join(dbpath, "local", p.localDirName(), "install"))
	return err == nil
}

// PackageScript returns the install scriptlet of p, or nil if it has none. Like pacman's files, it is read only if it is a regular file
// of at most maxBytes bytes.
func PackageScript(dbpath string, p *Installed, maxBytes int64) ([]byte, error) {
	if strings.Contains(p.localDirName(), "/") {
		return nil, fmt.Errorf("%q is not the name of a directory", p.localDirName())
	}
	script, _, err := readRegular(unix.AT_FDCWD, filepath.Join(dbpath, "local", p.localDirName(), "install"), nil, maxBytes)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return nil, nil
	}
	return script, err
}

// filesSection returns the lines of the section %FILES% in a files file; an empty line ends the section. If there are
// several such sections, it returns the last one, as libalpm does.
func filesSection(data []byte) []byte {
	const key = "%FILES%\n"
	var section []byte
	for {
		at := bytes.Index(data, []byte(key))
		if at < 0 {
			return section
		}
		inLine := at > 0 && data[at-1] != '\n'
		data = data[at+len(key):]
		if inLine {
			continue
		}
		section = data
		if len(data) > 0 && data[0] == '\n' {
			section = nil
		} else if end := bytes.Index(data, []byte("\n\n")); end >= 0 {
			section, data = data[:end+1], data[end+2:]
		}
	}
}

// ResolvedPath is a path given by the user, in the form that is used to look it up in file lists.
type ResolvedPath struct {
	// Path is the path that pacman -Qo prints: it is absolute, links in its directories are resolved, and it ends in a
	// slash if it is a directory.
	Path string
	// Exists reports whether the file exists. A package may own a file that does not exist.
	Exists bool

	rel   string // Path relative to the root directory; "" for the root directory itself
	isDir bool
}

// ErrOutside means that a path is not below the root directory, so that no package can own it.
var ErrOutside = errors.New("outside the root directory")

// ResolveOwned prepares a path given by the user for the method Owners, as pacman -Qo does: it resolves links in the
// path's directories but not in its last element, and keeps a path that cannot be resolved. A relative path starts at
// the working directory. The parameter root is pacman's RootDir.
func ResolveOwned(root, path string) (ResolvedPath, error) {
	if path == "" {
		return ResolvedPath{}, fmt.Errorf("%w: empty path", ErrOutside)
	}
	trimmed := strings.TrimRight(path, "/")
	if trimmed == "" {
		trimmed = "/"
	}
	o := ResolvedPath{isDir: len(trimmed) < len(path)}
	if st, err := os.Lstat(trimmed); err == nil {
		o.Exists, o.isDir = true, st.IsDir()
	}
	o.Path = trimmed
	if resolved, err := resolveParent(trimmed); err == nil {
		o.Path = resolved
	}
	if real, err := RealPath(root); err == nil {
		root = real
	}
	rel, ok := strings.CutPrefix(o.Path, strings.TrimSuffix(root, "/")+"/")
	if !ok {
		return ResolvedPath{}, fmt.Errorf("%w: %s", ErrOutside, path)
	}
	o.rel = rel
	if o.isDir && rel != "" {
		o.Path += "/"
		o.rel += "/"
	}
	return o, nil
}

// resolveParent resolves links in all elements of a path except the last.
func resolveParent(path string) (string, error) {
	dir, base := ".", path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		dir, base = path[:i+1], path[i+1:]
	}
	if base == "." || base == ".." {
		dir, base = path, ""
	}
	dir, err := RealPath(dir)
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, base), nil
}

// RealPath resolves a path as realpath(3) does: every element must exist, and ".." after a link is relative to the
// link's target. It gets the working directory from the kernel, because the variable PWD may contain links.
func RealPath(path string) (string, error) {
	if !strings.HasPrefix(path, "/") {
		here, err := unix.Getwd()
		if err != nil {
			return "", err
		}
		path = here + "/" + path // filepath.Join would remove ".." together with the element before it
	}
	return filepath.EvalSymlinks(path)
}

// Owners returns, for each path, the installed packages that own it, in order of name. A directory may have many
// owners; a file has only the first, as in pacman. The file lists are read once for all paths and not kept. A package
// whose list cannot be read owns no path; unread is the number of such packages.
func (l *Local) Owners(ctx context.Context, dbpath string, paths []ResolvedPath) (owners [][]*Installed, unread int, err error) {
	wanted := make(map[string][]int, len(paths))
	for i, p := range paths {
		wanted[p.rel] = append(wanted[p.rel], i)
	}
	d, err := openLocalDir(dbpath)
	if err != nil {
		return nil, 0, err
	}
	defer d.close()
	var next, failed atomic.Int64
	owns := make([]bool, len(paths)*len(l.Packages)) // owns[i*len(paths)+k] reports whether package i owns path k
	work := func() {
		buf := make([]byte, 64<<10)
		for ctx.Err() == nil {
			i := int(next.Add(1)) - 1
			if i >= len(l.Packages) {
				return
			}
			data, _, err := readRegular(d.localFD, l.Packages[i].localDirName()+"/files", buf, maxFileListBytes)
			if err != nil {
				failed.Add(1)
				continue
			}
			if cap(data) > cap(buf) {
				buf = data
			}
			markOwned(data, wanted, owns[i*len(paths):(i+1)*len(paths)])
		}
	}
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0)-1, 3) {
		wg.Go(work)
	}
	work()
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	owners = make([][]*Installed, len(paths))
	for k := range owns {
		if p := k % len(paths); owns[k] && (paths[p].isDir || owners[p] == nil) {
			owners[p] = append(owners[p], l.Packages[k/len(paths)])
		}
	}
	return owners, int(failed.Load()), nil
}

// markOwned sets owned[i] to true if data, the file list of a package, contains path i. The map wanted gives the
// indexes of each path.
func markOwned(data []byte, wanted map[string][]int, owned []bool) {
	data = filesSection(data)
	for len(data) > 0 {
		line := data
		if end := bytes.IndexByte(data, '\n'); end >= 0 {
			line, data = data[:end], data[end+1:]
		} else {
			data = nil
		}
		for _, i := range wanted[string(line)] {
			owned[i] = true
		}
	}
}
