package runtimes

import (
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// found is what a file says, before it is known where that stands.
type found struct {
	runtime string
	want    string
	also    []string
	kind    Kind
	fixed   bool // kind is as the place has it, not as the version looks
	demands bool
}

func (f found) declaration(scope Scope, source string) Declaration {
	d := Declaration{
		Runtime: f.runtime, Want: f.want, Also: f.also, Kind: f.kind, Scope: scope, Source: source, demands: f.demands,
	}
	if !f.fixed {
		d.Kind = kindOf(f.runtime, f.want)
	}
	return d
}

// misePaths are mise's configuration files in a directory, first the one that
// wins, as `mise config` orders them. Those of MISE_ENV come before.
var misePaths = []string{
	".mise.local.toml", "mise.local.toml", "mise/config.local.toml", ".mise/config.local.toml",
	".config/mise.local.toml", ".config/mise/mise.local.toml", ".config/mise/config.local.toml",
	".mise.toml", "mise.toml", "mise/config.toml", "mise/conf.d", ".mise/config.toml", ".mise/conf.d",
	".config/mise.toml", ".config/mise/mise.toml", ".config/mise/config.toml", ".config/mise/conf.d",
}

// toolVersions is asdf's file, which mise reads as well.
const toolVersions = ".tool-versions"

// file is one of the languages' own, and what reads it.
type file struct {
	name    string
	runtime string // "" for one that speaks of several
	parse   func(p *Prober, text []byte) ([]found, error)
}

// languageFiles are the languages' own files in a directory, of each runtime
// first the one that wins.
var languageFiles = []file{
	{".node-version", Node, rcFile(Node)},
	{".nvmrc", Node, rcFile(Node)},
	{".python-version", Python, rcFile(Python)},
	{".ruby-version", Ruby, rcFile(Ruby)},
	{".go-version", Go, rcFile(Go)},
	{".java-version", Java, rcFile(Java)},
	{".sdkmanrc", Java, sdkmanrc},
	{".bun-version", Bun, rcFile(Bun)},
	{"rust-toolchain", Rust, rustToolchain},
	{"rust-toolchain.toml", Rust, rustToolchain},
	{"go.mod", Go, goMod},
	{"package.json", "", packageJSON},
}

// miseFiles are the paths of misePaths in this environment.
func (p *Prober) miseFiles() []string {
	var first []string
	for env := range strings.SplitSeq(p.env.Getenv("MISE_ENV"), ",") {
		if env = strings.TrimSpace(env); env != "" && Showable(env) && !strings.Contains(env, "/") {
			// Later environments win over earlier ones.
			first = append([]string{
				".mise." + env + ".local.toml", "mise." + env + ".local.toml",
				".mise." + env + ".toml", "mise." + env + ".toml",
			}, first...)
		}
	}
	if first == nil {
		return misePaths
	}
	return append(first, misePaths...)
}

// walk reads the directories from the working one upwards until each wanted
// runtime is decided.
func (p *Prober) walk() {
	if p.walked {
		return
	}
	p.walked = true
	dir := p.env.Dir
	if !filepath.IsAbs(dir) {
		return
	}
	dir = filepath.Clean(dir)
	undecided := map[string]bool{}
	for _, runtime := range p.wants {
		if !p.decidedByEnvironment(runtime) {
			undecided[runtime] = true
		}
	}
	mise := p.miseFiles()
	var device uint64
	for level := 0; level < maxLevels && len(undecided) > 0; level++ {
		there, dev, far := p.look(dir, level == 0 || p.env.CrossBorders)
		if dev != 0 && device != 0 && dev != device && !p.env.CrossBorders {
			p.note(dir, "another file system begins below: not searched")
			return
		}
		if dev != 0 { // 0 is that of a directory that cannot be looked at
			device = dev
		}
		if dir == p.env.Home {
			p.sawHome = true
		}
		p.directoryFiles(dir, there, mise, undecided)
		if far && !p.env.Remote {
			p.note(dir, "a network file system or FUSE: nothing above is searched")
			return
		}
		if dir == p.env.Top || dir == "/" {
			return
		}
		dir = filepath.Dir(dir)
	}
	if len(undecided) > 0 {
		p.note(dir, "too many levels up: not searched")
	}
}

// look reads a directory once and returns a function that knows which names it
// has, on which device it is (0 if that cannot be told), and, if asked, whether
// that is remote. Where the directory cannot be read, or has too many entries,
// the function asks for each name.
func (p *Prober) look(dir string, whether bool) (there func(string) bool, device uint64, far bool) {
	ask := func(name string) bool {
		_, err := again(func() (int, error) { return 0, unix.Access(filepath.Join(dir, name), unix.F_OK) })
		return err == nil
	}
	var st unix.Stat_t
	fd, err := open(dir, unix.O_DIRECTORY)
	if err != nil {
		if unix.Stat(dir, &st) != nil {
			p.note(dir, err.Error())
			return func(string) bool { return false }, 0, false
		}
		return ask, st.Dev, false
	}
	defer unix.Close(fd)
	if err := unix.Fstat(fd, &st); err != nil {
		p.note(dir, err.Error())
	}
	far = whether && p.remote(fd)
	entries, err := list(fd, maxEntries)
	if err != nil {
		return ask, st.Dev, far
	}
	names := make(map[string]bool, len(entries))
	for _, e := range entries {
		names[e.name] = true
	}
	return func(name string) bool { return names[name] }, st.Dev, far
}

// directoryFiles reads what one directory says of the runtimes that are not
// decided yet, and removes those that it decides.
func (p *Prober) directoryFiles(dir string, there func(string) bool, mise []string, undecided map[string]bool) {
	said := map[string]bool{}
	take := func(path string, all []found) {
		for _, f := range all {
			if !undecided[f.runtime] || said[f.runtime] {
				continue
			}
			p.directory[f.runtime] = append(p.directory[f.runtime], f.declaration(Directory, path))
			said[f.runtime] = true
			if !f.demands {
				delete(undecided, f.runtime)
			}
		}
	}
	if undecided[Rust] {
		if toolchain := p.rustupSettings().Overrides[dir]; toolchain != "" {
			take(p.rustupSettings().path, []found{{runtime: Rust, want: withoutHost(toolchain)}})
		}
	}
	for _, name := range mise {
		if len(undecided) == 0 {
			return
		}
		first, _, nested := strings.Cut(name, "/")
		// In the home directory .config has mise's global files.
		if !there(first) || nested && first == ".config" && dir == p.env.Home {
			continue
		}
		for _, path := range p.miseAt(filepath.Join(dir, name)) {
			take(path, p.parse(path, miseTOML))
		}
	}
	if len(undecided) > 0 && there(toolVersions) {
		path := filepath.Join(dir, toolVersions)
		take(path, p.parse(path, parseToolVersions))
	}
	for _, f := range languageFiles {
		if f.runtime != "" && (!undecided[f.runtime] || said[f.runtime]) || len(undecided) == 0 || !there(f.name) {
			continue
		}
		path := filepath.Join(dir, f.name)
		take(path, p.parse(path, f.parse))
	}
}

// miseAt are the files that a path of misePaths stands for: itself, or those in
// a conf.d, of which the last wins.
func (p *Prober) miseAt(path string) []string {
	if filepath.Base(path) != "conf.d" {
		return []string{path}
	}
	if !p.there(path) {
		return nil
	}
	var files []string
	for _, e := range p.children(path, maxEntries) {
		if strings.HasSuffix(e.name, ".toml") && e.name[0] != '.' {
			files = append(files, e.name)
		}
	}
	if len(files) > maxConfD {
		p.note(path, "more files than are read")
	}
	return lastFirst(path, files)
}

// parse reads a file and takes what it says; nothing, with a note, if it is broken.
func (p *Prober) parse(path string, parse func(*Prober, []byte) ([]found, error)) []found {
	text, ok := p.read(path)
	if !ok {
		return nil
	}
	all, err := parse(p, text)
	if err != nil {
		p.note(path, err.Error())
	}
	return all
}
