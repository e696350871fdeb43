package syscheck

import (
	"debug/elf"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/sourcefile"
)

// Limits of the files that are examined.
const (
	maxNeeded   = 4096 // sonames that one file needs
	maxLibDirs  = 256
	maxConfText = 1 << 20
)

// Rebuilder finds packages that have to be built again: their files need libraries that do not exist any more, or they are in the
// directory of an earlier python, perl or ruby.
type Rebuilder struct {
	root  string // the root directory, with a slash at its end
	dirs  []string
	known map[string]bool // whether a library exists in one of the directories, by the class of the file and the soname
	// interpreters are the directories of the present interpreters, relative to the root.
	interpreters map[string]bool
}

// interpreterPattern matches a directory of the libraries of an interpreter. Ruby's directory of gems has its own version.
var interpreterPattern = regexp.MustCompile(`^usr/lib/(python[0-9]+\.[0-9]+|perl5/[0-9]+\.[0-9]+|ruby/gems/[0-9]+\.[0-9]+\.[0-9]+|ruby/[0-9]+\.[0-9]+\.[0-9]+)/`)

// NewRebuilder returns a Rebuilder for a root directory with a slash at its end. The function ownFiles calls visit for each file of the
// packages of the interpreters: their directories are the present ones.
func NewRebuilder(root string, ownFiles func(visit func(path string))) *Rebuilder {
	r := &Rebuilder{root: root, known: map[string]bool{}, interpreters: map[string]bool{}}
	r.dirs = r.libraryDirs()
	ownFiles(func(path string) {
		if m := interpreterPattern.FindStringSubmatch(path); m != nil {
			r.interpreters[m[1]] = true
		}
	})
	return r
}

// libraryDirs returns the directories in which the dynamic linker searches: the usual ones, and those of ld.so.conf.d.
func (r *Rebuilder) libraryDirs() []string {
	dirs := []string{"usr/lib", "usr/lib32", "lib", "lib64", "usr/lib64", "usr/local/lib"}
	files, _ := filepath.Glob(r.root + "etc/ld.so.conf.d/*.conf")
	for _, file := range append([]string{r.root + "etc/ld.so.conf"}, files...) {
		for line := range strings.FieldsFuncSeq(readConf(file), func(c rune) bool { return c == '\n' || c == ':' || c == ',' }) {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "/") && len(dirs) < maxLibDirs {
				dirs = append(dirs, strings.Trim(line, "/"))
			}
		}
	}
	return dirs
}

// readConf returns the content of a configuration file; empty if it cannot be read or is too large.
func readConf(path string) string {
	f, stamp, err := sourcefile.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	if stamp.Size > maxConfText {
		return ""
	}
	text, _ := io.ReadAll(io.LimitReader(f, maxConfText))
	return string(text)
}

// Problems returns why a package has to be built again: the sonames that its files need and that no file provides, and directories of
// earlier interpreters. The paths are those of its files, relative to the root. unreadable is the number of files that could not be read.
func (r *Rebuilder) Problems(paths []string) (missing, directories []string, unreadable int) {
	own := map[string]bool{} // libraries in the package itself, which may be in a directory of its own
	for _, path := range paths {
		own[filepath.Base(path)] = true
		if m := interpreterPattern.FindStringSubmatch(path); m != nil && r.isEarlier(m[1]) && !slices.Contains(directories, "/usr/lib/"+m[1]) {
			directories = append(directories, "/usr/lib/"+m[1])
		}
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "/") || !isInLibraryOrBin(path) {
			continue
		}
		needed, class, err := neededBy(r.root + path)
		if err != nil {
			unreadable++
			continue
		}
		for _, soname := range needed {
			if !own[soname] && !slices.Contains(missing, soname) && !r.exists(class, soname, filepath.Dir(path)) {
				missing = append(missing, soname)
			}
		}
	}
	slices.Sort(missing)
	return missing, directories, unreadable
}

// isEarlier reports whether a directory belongs to another version of an interpreter that is installed.
func (r *Rebuilder) isEarlier(dir string) bool {
	kind := strings.TrimRight(dir, "0123456789.")
	if r.interpreters[dir] {
		return false
	}
	for present := range r.interpreters {
		if strings.TrimRight(present, "0123456789.") == kind {
			return true
		}
	}
	return false
}

func isInLibraryOrBin(path string) bool {
	return strings.HasPrefix(path, "usr/bin/") || strings.HasPrefix(path, "usr/lib/") || strings.HasPrefix(path, "usr/lib32/") || strings.HasPrefix(path, "opt/")
}

// neededBy returns the sonames that a file needs, if it is a program or a library. A library that the file names by a path, or that it
// searches in a directory of its own, is left out.
func neededBy(path string) (needed []string, class elf.Class, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ELOOP):
		return nil, 0, nil // missing files are found elsewhere; a link has no libraries of its own
	case err != nil:
		return nil, 0, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, 0, err
	}
	magic := make([]byte, 4)
	if _, err := f.ReadAt(magic, 0); err != nil || string(magic) != elf.ELFMAG {
		return nil, 0, nil
	}
	file, err := elf.NewFile(f)
	if err != nil {
		return nil, 0, nil // a damaged file, or one of another kind
	}
	for _, tag := range []elf.DynTag{elf.DT_RUNPATH, elf.DT_RPATH} {
		if paths, err := file.DynString(tag); err == nil && len(paths) > 0 {
			return nil, 0, nil
		}
	}
	all, err := file.ImportedLibraries()
	if err != nil {
		return nil, 0, nil
	}
	for _, soname := range all[:min(len(all), maxNeeded)] {
		if !strings.Contains(soname, "/") && soname != "" {
			needed = append(needed, soname)
		}
	}
	return needed, file.Class, nil
}

// exists reports whether a library exists for files of a class, in one of the directories of the linker or beside the file.
func (r *Rebuilder) exists(class elf.Class, soname, ownDir string) bool {
	key := class.String() + " " + soname
	if found, ok := r.known[key]; ok && found {
		return true
	}
	for _, dir := range append([]string{ownDir}, r.dirs...) {
		if isLibrary(r.root+dir+"/"+soname, class) {
			r.known[key] = dir != ownDir
			return true
		}
	}
	r.known[key] = false
	return false
}

func isLibrary(path string, class elf.Class) bool {
	f, _, err := sourcefile.Open(path)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist) // unknown is not missing
	}
	defer f.Close()
	ident := make([]byte, elf.EI_NIDENT)
	if _, err := f.ReadAt(ident, 0); err != nil || string(ident[:4]) != elf.ELFMAG {
		return true // for example a linker script
	}
	return elf.Class(ident[elf.EI_CLASS]) == class
}
