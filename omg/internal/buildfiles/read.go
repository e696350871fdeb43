// Package buildfiles reads the build files of package bases of the AUR from the directories of AUR helpers, and keeps copies of them in
// the user's state directory. The build files of a package base are its PKGBUILD, its .SRCINFO and its install scripts.
//
// Build files are hostile: other people have written them. They are only read, never run or sourced. The directories are git
// repositories, and git runs what the configuration of a repository names; therefore git is never run. Only regular files of this user
// are read, and no symbolic link is followed to them.
package buildfiles

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/wire"
)

// The names of the build files that have a fixed name. InstallSuffix ends the names of install scripts.
const (
	PKGBUILDName  = "PKGBUILD"
	SRCINFOName   = ".SRCINFO"
	InstallSuffix = ".install"
)

const (
	// maxFileSize is the maximum size of a build file in bytes. The AUR accepts files of up to 256,000 bytes.
	maxFileSize = 256 << 10
	// maxInstallScripts is the maximum number of install scripts, and maxTotalSize the maximum size of all build files of a package base.
	maxInstallScripts = 32
	maxTotalSize      = 1 << 20
	// maxEntries is the maximum number of entries in the directory of a package base, which also contains its sources.
	maxEntries = 20_000
)

// Files holds the contents of build files by their names.
type Files map[string][]byte

// Equal reports whether f and other have the same files with the same contents.
func (f Files) Equal(other Files) bool {
	if len(f) != len(other) {
		return false
	}
	for name, content := range f {
		if found, ok := other[name]; !ok || !bytes.Equal(found, content) {
			return false
		}
	}
	return true
}

// The expressions are compiled when they are needed, because omg starts for each command.
var (
	pkgverFunction = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?m)^[ \t]*(?:function[ \t]+)?pkgver[ \t]*\(`)
	})
	pkgverLine = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?m)^pkg(?:ver|rel)=['"]?[A-Za-z0-9.:_+~^]*['"]?[ \t]*$`)
	})
)

// isSameBuild reports whether f and other are equal, apart from a version that makepkg writes. For a PKGBUILD with a function pkgver,
// makepkg replaces pkgver and pkgrel at each build.
func (f Files) isSameBuild(other Files) bool {
	old, now := f[PKGBUILDName], other[PKGBUILDName]
	if !pkgverFunction().Match(old) || !pkgverFunction().Match(now) {
		return f.Equal(other)
	}
	if !bytes.Equal(pkgverLine().ReplaceAll(old, nil), pkgverLine().ReplaceAll(now, nil)) {
		return false
	}
	rest := maps.Clone(f)
	rest[PKGBUILDName] = now
	return rest.Equal(other)
}

// ErrNoBuildFiles means that a directory does not exist or has no PKGBUILD.
var ErrNoBuildFiles = errors.New("no PKGBUILD")

// Dir is a directory with the build files of one package base.
type Dir struct {
	Path string
	// modified is the modification time of the PKGBUILD in Unix nanoseconds.
	modified int64
}

// FindDir returns the directory of a package base among the directories of AUR helpers: $AURDEST, which yay and paru use if it is set,
// $XDG_CACHE_HOME/yay and $XDG_CACHE_HOME/paru/clone. If several helpers have the package base, FindDir returns the directory with the
// most recently written PKGBUILD. If none has it, the error is ErrNoBuildFiles.
func FindDir(env paths.Env, base string) (*Dir, error) {
	if !wire.IsSafeName(base) {
		return nil, ErrNoBuildFiles
	}
	var found *Dir
	for _, parent := range helperDirs(env) {
		var st unix.Stat_t
		path := filepath.Join(parent, base)
		err := unix.Lstat(filepath.Join(path, PKGBUILDName), &st)
		if err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || int(st.Uid) != env.UID {
			continue
		}
		if found == nil || st.Mtim.Nano() > found.modified {
			found = &Dir{path, st.Mtim.Nano()}
		}
	}
	if found == nil {
		return nil, ErrNoBuildFiles
	}
	return found, nil
}

// HasAny reports whether an AUR helper's directory or the store has build files of one of the package bases.
func HasAny(env paths.Env, bases []string) bool {
	exists := func(path string) bool {
		var st unix.Stat_t
		return unix.Lstat(path, &st) != unix.ENOENT
	}
	dirs := slices.DeleteFunc(helperDirs(env), func(dir string) bool { return !exists(dir) })
	store, err := OpenStore(env)
	hasStore := err == nil && exists(store.dir)
	for _, base := range bases {
		if !wire.IsSafeName(base) {
			continue
		}
		if hasStore && exists(store.path(base)) || slices.ContainsFunc(dirs, func(dir string) bool { return exists(filepath.Join(dir, base)) }) {
			return true
		}
	}
	return false
}

// helperDirs returns the directories in which AUR helpers have a directory for each package base.
func helperDirs(env paths.Env) (dirs []string) {
	if dir := env.Get("AURDEST"); filepath.IsAbs(dir) {
		dirs = append(dirs, dir)
	}
	if cache := env.CacheHome(); cache != "" {
		dirs = append(dirs, filepath.Join(cache, "yay"), filepath.Join(cache, "paru", "clone"))
	}
	return dirs
}

// Read returns the build files in a directory. The directory and the files must belong to the user uid. Symbolic links and files that
// are not regular are left out, except that the PKGBUILD must be a regular file.
func Read(path string, uid int) (Files, error) {
	dir, err := openDir(path, uid)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := listNames(dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	files, total := Files{}, 0
	for _, name := range names {
		content, err := readFile(dir, name, uid)
		if errors.Is(err, errSkipped) {
			continue
		}
		if total += len(content); err == nil && total > maxTotalSize {
			err = fmt.Errorf("the build files have more than %d bytes", maxTotalSize)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Join(path, name), err)
		}
		files[name] = content
	}
	if files[PKGBUILDName] == nil {
		return nil, fmt.Errorf("%s: %w", path, ErrNoBuildFiles)
	}
	return files, nil
}

// openDir opens a directory that belongs to the user uid. The last element of the path must not be a symbolic link.
func openDir(path string, uid int) (*os.File, error) {
	dir, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", path, ErrNoBuildFiles)
	}
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(dir.Fd()), &st); err != nil || int(st.Uid) != uid {
		dir.Close()
		return nil, errors.Join(err, fmt.Errorf("%s: %w: it belongs to user %d", path, paths.ErrUntrusted, st.Uid))
	}
	return dir, nil
}

// listNames returns the names of the build files in a directory in ascending order. They may be names of other things than files.
func listNames(dir *os.File) (names []string, err error) {
	entries, err := dir.ReadDir(maxEntries + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(entries) > maxEntries {
		return nil, fmt.Errorf("more than %d entries", maxEntries)
	}
	scripts := 0
	for _, e := range entries {
		name := e.Name()
		switch {
		case name == PKGBUILDName, name == SRCINFOName:
		case strings.HasSuffix(name, InstallSuffix):
			if scripts++; scripts > maxInstallScripts {
				return nil, fmt.Errorf("more than %d install scripts", maxInstallScripts)
			}
			if !utf8.ValidString(name) {
				return nil, fmt.Errorf("the name %q is not UTF-8", name)
			}
		default:
			continue
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

// errSkipped means that a file is not a regular file of the user.
var errSkipped = errors.New("not a regular file of this user")

// readFile returns the content of a regular file of the user uid in a directory.
func readFile(dir *os.File, name string, uid int) ([]byte, error) {
	fd, err := unix.Openat(int(dir.Fd()), name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENXIO): // a symbolic link, or a socket
		return nil, errSkipped
	case err != nil:
		return nil, err
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	var before, after unix.Stat_t
	if err := unix.Fstat(fd, &before); err != nil {
		return nil, err
	}
	if before.Mode&unix.S_IFMT != unix.S_IFREG || int(before.Uid) != uid {
		return nil, errSkipped
	}
	content, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxFileSize {
		return nil, fmt.Errorf("more than %d bytes", maxFileSize)
	}
	if err := unix.Fstat(fd, &after); err != nil {
		return nil, err
	}
	if before.Size != after.Size || before.Mtim != after.Mtim || int64(len(content)) != after.Size {
		return nil, errors.New("the file changed while it was read")
	}
	return content, nil
}
