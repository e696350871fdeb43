package runtimes

import (
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// level is one directory of a way upwards, and which names are in it.
type level struct {
	dir   string
	there func(name string) bool
}

// way is the directories from the working one upwards. Each is looked at when it
// is asked for, and once.
type way struct {
	p         *Prober
	levels    []*level
	next      string // the directory above the last level; "" at the end
	home, top string
	device    uint64
	sawHome   bool
	real      string // where the first directory really is; "" if that is not known
}

// at is the directory so many levels up; nil beyond the end.
func (w *way) at(i int) *level {
	for len(w.levels) <= i {
		l := w.up()
		if l == nil {
			return nil
		}
		w.levels = append(w.levels, l)
	}
	return w.levels[i]
}

func (w *way) up() *level {
	p, dir := w.p, w.next
	if dir == "" {
		return nil
	}
	w.next = ""
	first := len(w.levels) == 0
	if len(w.levels) == maxLevels {
		p.note(dir, "too many levels up: not searched")
		return nil
	}
	var real *string
	if first && w.real == "" {
		real = &w.real
	}
	there, device, far := p.readDir(dir, first || p.env.CrossBorders, real)
	if device != 0 && w.device != 0 && device != w.device && !p.env.CrossBorders {
		p.note(dir, "another file system begins below: not searched")
		return nil
	}
	if device != 0 { // 0 is that of a directory that cannot be looked at
		w.device = device
	}
	if dir == w.home {
		w.sawHome = true
	}
	switch {
	case dir == w.top || dir == "/":
	case far && !p.env.Remote:
		p.note(dir, "a network file system or FUSE: nothing above is searched")
	default:
		w.next = filepath.Dir(dir)
	}
	return &level{dir, there}
}

// ways are the way up by the working directory's name, which may lead through
// links (pyenv, rbenv, nvm, asdf and Go take $PWD), and the way up from where it
// really is (mise, rustup, volta and uv resolve it). Without links they are one.
func (p *Prober) ways() (logical, physical *way) {
	if p.logical == nil {
		p.logical = &way{p: p, home: p.env.Home, top: p.env.Top, real: p.env.Real}
		p.physical = p.logical
		if filepath.IsAbs(p.env.Dir) {
			dir := filepath.Clean(p.env.Dir)
			p.logical.next = dir
			p.logical.at(0)
			if real := p.logical.real; real != "" && real != dir {
				p.physical = &way{p: p, next: real, home: resolved(p.env.Home), top: resolved(p.env.Top)}
			}
		}
	}
	return p.logical, p.physical
}

// resolved is a directory's path without links, as the kernel has it; "" if it
// cannot be told.
func resolved(dir string) string {
	if dir == "" {
		return ""
	}
	fd, err := again(func() (int, error) { return unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0) })
	if err != nil {
		return ""
	}
	defer unix.Close(fd)
	return pathOf(fd)
}

// pathOf is the path of an open directory; "" if it has none.
func pathOf(fd int) string {
	path := link("/proc/self/fd/" + strconv.Itoa(fd))
	if !filepath.IsAbs(path) || strings.HasSuffix(path, " (deleted)") {
		return ""
	}
	return path
}

// readDir reads a directory once and returns a function that reports whether it has a
// name, on which device it is (0 if that cannot be told), and, if asked, whether
// that is remote; real is set to where it really is. Where the directory cannot be
// read, or has too many entries, the function asks for each name.
func (p *Prober) readDir(dir string, whether bool, real *string) (there func(string) bool, device uint64, far bool) {
	ask := func(name string) bool { return accessible(filepath.Join(dir, name)) }
	var st unix.Stat_t
	fd, err := open(dir, unix.O_DIRECTORY)
	if err != nil {
		if unix.Stat(dir, &st) != nil {
			p.note(dir, err.Error())
			return func(string) bool { return false }, 0, false
		}
		if real != nil {
			*real = resolved(dir)
		}
		return ask, st.Dev, false
	}
	defer unix.Close(fd)
	if real != nil {
		*real = pathOf(fd)
	}
	if err := unix.Fstat(fd, &st); err != nil {
		p.note(dir, err.Error())
	}
	far = whether && p.remote(fd)
	entries, err := listFD(fd, maxEntries)
	if err != nil {
		return ask, st.Dev, far
	}
	names := make(map[string]bool, len(entries))
	for _, e := range entries {
		names[e.name] = true
	}
	return func(name string) bool { return names[name] }, st.Dev, far
}

// walk reads the directories from the working one upwards until each wanted
// runtime is decided.
func (p *Prober) walk() {
	if p.walked {
		return
	}
	p.walked = true
	undecided := map[string]bool{}
	for _, runtime := range p.wants {
		if !chooses(p.environment(runtime)) {
			undecided[runtime] = true
		}
	}
	logical, physical := p.ways()
	for i := 0; len(undecided) > 0; i++ {
		by, at := logical.at(i), physical.at(i)
		if by == nil && at == nil {
			return
		}
		s := step{p: p, undecided: undecided, said: map[string]bool{}, by: by, at: at}
		s.read()
	}
}

// step reads what the directories of one level say of the runtimes that are not
// decided yet, and removes those that it decides.
type step struct {
	p               *Prober
	undecided, said map[string]bool
	by, at          *level // by the working directory's name, and where it really is; nil at a way's end
}

func (s *step) take(path string, scope Scope, all []found) {
	for _, f := range all {
		if !s.undecided[f.runtime] || s.said[f.runtime] {
			continue
		}
		s.p.directory[f.runtime] = append(s.p.directory[f.runtime], f.declaration(scope, path))
		s.said[f.runtime] = true
		if !f.demands {
			delete(s.undecided, f.runtime)
		}
	}
}

func (s *step) read() {
	p := s.p
	if s.at != nil {
		if s.undecided[Rust] {
			if toolchain := p.rustupSettings().Overrides[s.at.dir]; toolchain != "" {
				s.take(p.rustupSettings().path, Directory, []found{{runtime: Rust, want: withoutHost(toolchain)}})
			}
		}
		for _, f := range p.miseAt(s.at) {
			if len(s.undecided) == 0 {
				return
			}
			s.take(f.path, p.scopeOf(f.path), p.miseTools(f))
		}
	}
	for _, name := range p.toolVersionsNames() {
		if l := s.by; len(s.undecided) > 0 && l != nil && l.there(name) {
			path := filepath.Join(l.dir, name)
			s.take(path, p.scopeOf(path), p.miseAllows(l.dir, p.parse(path, parseToolVersions)))
		}
	}
	for _, f := range languageFiles {
		l := s.by
		if f.resolved {
			l = s.at
		}
		if len(s.undecided) == 0 {
			return
		}
		if l == nil || f.runtime != "" && (!s.undecided[f.runtime] || s.said[f.runtime]) || !l.there(f.name) {
			continue
		}
		path, parse := filepath.Join(l.dir, f.name), f.parse
		if parse == nil {
			parse = rcFile(f.runtime)
		}
		s.take(path, Directory, p.idiomatic(path, p.parse(path, parse)))
	}
}

// scopeOf is how far a file of mise's or asdf's reaches that was met on the way up:
// those that they have for all directories hold for the user, not for a project.
func (p *Prober) scopeOf(path string) Scope {
	dir := filepath.Dir(path)
	if p.env.Home != "" && dir == p.env.Home || dir == p.miseConfig() {
		return Global
	}
	return Directory
}

// parse reads a file and takes what it says; nothing, with a note, if it is broken.
func (p *Prober) parse(path string, parse func(p *Prober, path string, text []byte) ([]found, error)) []found {
	text, ok := p.read(path)
	if !ok {
		return nil
	}
	all, err := parse(p, path, text)
	if err != nil {
		p.note(path, err.Error())
	}
	return all
}
