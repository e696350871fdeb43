package runtimes

import (
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// dirLevel is one directory of a dirChain.
type dirLevel struct {
	dir           string
	has           func(name string) bool // reports whether the directory contains a file with this name
	miseFiles     []*miseFile            // miseFiles's configuration files in the directory; miseFilesIn reads them
	miseFilesRead bool                   // whether miseFilesIn has read the files into the field miseFiles
}

// dirChain is the sequence of directories from the working directory upwards. Each directory is read once, when it is
// needed.
type dirChain struct {
	p         *Prober
	levels    []*dirLevel
	next      string // the directory above the last level; "" at the top
	home, top string
	device    uint64
	sawHome   bool
	real      string // the path of the working directory with all symlinks resolved; "" if unknown
}

// at(i) returns the directory that is i levels above the first directory; nil if the search ends before this level.
func (w *dirChain) at(i int) *dirLevel {
	for len(w.levels) <= i {
		l := w.readNextLevel()
		if l == nil {
			return nil
		}
		w.levels = append(w.levels, l)
	}
	return w.levels[i]
}

func (w *dirChain) readNextLevel() *dirLevel {
	p, dir := w.p, w.next
	if dir == "" {
		return nil
	}
	w.next = ""
	first := len(w.levels) == 0
	if len(w.levels) == maxLevels {
		p.addNote(dir, "too many levels up: not searched")
		return nil
	}
	var real *string
	if first && w.real == "" {
		real = &w.real
	}
	has, device, remote := p.readDir(dir, first || p.env.CrossBorders, real)
	if device != 0 && w.device != 0 && device != w.device && !p.env.CrossBorders {
		p.addNote(dir, "on another file system than its subdirectory: not searched")
		return nil
	}
	if device != 0 { // readDir returns the device 0 if it could not read the directory
		w.device = device
	}
	if dir == w.home {
		w.sawHome = true
	}
	switch {
	case dir == w.top || dir == "/":
	case remote && !p.env.CrossRemote:
		p.addNote(dir, "on a network file system or FUSE: its parent directories are not searched")
	default:
		w.next = filepath.Dir(dir)
	}
	return &dirLevel{dir: dir, has: has}
}

// dirChains returns two chains of directories, which lead upwards from the working directory. The logical chain follows
// the path in $PWD, which may contain symlinks; pyenv, rbenv, nvm, asdf and Go search this chain. The physical chain
// follows the path with all symlinks resolved; mise, rustup, volta and uv search this chain. If $PWD contains no symlink,
// both results are the same chain.
func (p *Prober) dirChains() (logical, physical *dirChain) {
	if p.logicalDirs == nil {
		p.logicalDirs = &dirChain{p: p, home: p.env.Home, top: p.env.Top, real: p.env.RealDir}
		p.physicalDirs = p.logicalDirs
		if filepath.IsAbs(p.env.Dir) {
			dir := filepath.Clean(p.env.Dir)
			p.logicalDirs.next = dir
			p.logicalDirs.at(0)
			if real := p.logicalDirs.real; real != "" && real != dir {
				p.physicalDirs = &dirChain{p: p, next: real, home: resolvePath(p.env.Home), top: resolvePath(p.env.Top)}
			}
		}
	}
	return p.logicalDirs, p.physicalDirs
}

// resolvePath returns a directory's path without links, as the kernel reports it; "" if unknown.
func resolvePath(dir string) string {
	if dir == "" {
		return ""
	}
	fd, err := retryEINTR(func() (int, error) { return unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0) })
	if err != nil {
		return ""
	}
	defer unix.Close(fd)
	return pathOfFD(fd)
}

// pathOfFD returns the path of an open directory; "" if unknown.
func pathOfFD(fd int) string {
	path := readLink("/proc/self/fd/" + strconv.Itoa(fd))
	if !filepath.IsAbs(path) || strings.HasSuffix(path, " (deleted)") {
		return ""
	}
	return path
}

// readDir lists a directory. It returns a function that reports whether the directory contains a name. The function uses
// the list; if the directory cannot be listed or has too many entries, the function makes a system call for each name.
// The result device is the ID of the directory's file system, or 0 if unknown. The result remote means that the file
// system may be slow; readDir checks that only if checkRemote is set. If the pointer real is not nil, readDir stores the
// directory's path there, with all symlinks resolved.
func (p *Prober) readDir(dir string, checkRemote bool, real *string) (has func(string) bool, device uint64, remote bool) {
	ask := func(name string) bool { return accessible(filepath.Join(dir, name)) }
	var st unix.Stat_t
	fd, err := open(dir, unix.O_DIRECTORY)
	if err != nil {
		if unix.Stat(dir, &st) != nil {
			p.addNote(dir, err.Error())
			return func(string) bool { return false }, 0, false
		}
		if real != nil {
			*real = resolvePath(dir)
		}
		return ask, st.Dev, false
	}
	defer unix.Close(fd)
	if real != nil {
		*real = pathOfFD(fd)
	}
	if err := unix.Fstat(fd, &st); err != nil {
		p.addNote(dir, err.Error())
	}
	remote = checkRemote && p.isRemoteFS(fd)
	entries, err := p.readEntries(fd, maxEntries)
	if err != nil {
		return ask, st.Dev, remote
	}
	all := make(listing, len(entries))
	for _, e := range entries {
		all[e.name] = e.kind
	}
	p.cacheListing(dir, all)
	return func(name string) bool { return all.entryKind(name) != absentEntryKind }, st.Dev, remote
}

// walk reads the directories from the working directory upwards until a version of each requested runtime is chosen.
func (p *Prober) walk() {
	if p.hasWalkedDirs {
		return
	}
	p.hasWalkedDirs = true
	undecided := map[string]bool{}
	for _, runtime := range p.requestedRuntimes {
		if !hasNonRequirement(p.environmentDeclarations(runtime)) {
			undecided[runtime] = true
		}
	}
	logical, physical := p.dirChains()
	for i := 0; len(undecided) > 0; i++ {
		s := levelReader{p: p, undecided: undecided, declared: map[string]bool{}, logical: logical.at(i), physical: physical.at(i)}
		if s.logical == nil && s.physical == nil {
			return
		}
		s.read()
	}
}

// levelReader reads the declarations in the directories of one level, for the undecided runtimes. It removes a runtime from
// undecided when a declaration chooses a version.
type levelReader struct {
	p                   *Prober
	undecided, declared map[string]bool
	logical, physical   *dirLevel // the directories of this level in the two chains of dirChains; nil after a chain's end
}

func (s *levelReader) addDeclarations(path string, scope Scope, all []rawDeclaration) {
	for _, f := range all {
		if !s.undecided[f.runtime] || s.declared[f.runtime] {
			continue
		}
		s.p.directoryDeclarations[f.runtime] = append(s.p.directoryDeclarations[f.runtime], f.toDeclaration(scope, path))
		s.declared[f.runtime] = true
		if !f.isRequirement {
			delete(s.undecided, f.runtime)
		}
	}
}

func (s *levelReader) read() {
	p := s.p
	if s.physical != nil {
		if s.undecided[Rust] {
			if toolchain := p.rustupSettings().Overrides[s.physical.dir]; toolchain != "" {
				s.addDeclarations(p.rustupSettings().path, ScopeDirectory, []rawDeclaration{{runtime: Rust, want: trimHostTriple(toolchain)}})
			}
		}
		for _, f := range p.miseFilesIn(s.physical) {
			if len(s.undecided) == 0 {
				return
			}
			s.addDeclarations(f.path, p.scopeOf(f.path), p.miseTools(f))
		}
	}
	for _, name := range p.toolVersionsNames() {
		if l := s.logical; len(s.undecided) > 0 && l != nil && l.has(name) {
			path := filepath.Join(l.dir, name)
			s.addDeclarations(path, p.scopeOf(path), p.dropMiseIgnored(l.dir, p.parseDeclarationFile(path, parseToolVersions)))
		}
	}
	for _, f := range languageFiles {
		l := s.logical
		if f.searchPhysical {
			l = s.physical
		}
		if len(s.undecided) == 0 {
			return
		}
		if l == nil || f.runtime != "" && (!s.undecided[f.runtime] || s.declared[f.runtime]) || !l.has(f.name) {
			continue
		}
		path, parse := filepath.Join(l.dir, f.name), f.parse
		if parse == nil {
			parse = rcFileParser(f.runtime)
		}
		s.addDeclarations(path, ScopeDirectory, p.adjustIdiomatic(path, p.parseDeclarationFile(path, parse)))
	}
}

// scopeOf returns the scope of a file of mise or asdf that was found on the way upwards. A file in the home directory
// or in mise's configuration directory applies to the user, not to a project.
func (p *Prober) scopeOf(path string) Scope {
	dir := filepath.Dir(path)
	if p.env.Home != "" && dir == p.env.Home || dir == p.miseConfigDir() {
		return ScopeGlobal
	}
	return ScopeDirectory
}

// parseDeclarationFile reads a file and returns the declarations that the function parser finds in its text. If parser returns an
// error, parse adds a note.
func (p *Prober) parseDeclarationFile(path string, parser func(p *Prober, path string, text []byte) ([]rawDeclaration, error)) []rawDeclaration {
	text, ok := p.read(path)
	if !ok {
		return nil
	}
	all, err := parser(p, path, text)
	if err != nil {
		p.addNote(path, err.Error())
	}
	return all
}
