// Package runtimes finds which versions of node, python, go, rust, ruby, java and bun are installed, which one a
// directory declares, and which one would run there: from files alone.
//
// It never starts a program, never uses a network, and writes nothing, except that Use replaces one symlink. Everything
// it reads is limited: a directory's entries, a file's size, the levels upwards. It opens only regular files, and never
// blocks on one. The files may have been written by anyone, so text for people has to go through Shown.
//
// # Precedence
//
// The environment comes first, then the nearest directory upwards with a declaration, then the managers' global files,
// then omg's own current symlink, then the package of the system. Inside a directory mise's files come before
// .tool-versions, and that before the files of the languages; order.go and languages.go have the lists. A floor (the go
// line of go.mod, the engines of package.json) does not choose a version but sets a requirement: the version that would
// run without it runs if it is new enough.
package runtimes

import (
	"path/filepath"
	"slices"
)

// The runtimes, in the order of output.
const (
	Node   = "node"
	Python = "python"
	Go     = "go"
	Rust   = "rust"
	Ruby   = "ruby"
	Java   = "java"
	Bun    = "bun"
)

// Names returns all runtimes, in the order of output.
func Names() []string { return []string{Node, Python, Go, Rust, Ruby, Java, Bun} }

// Canonical returns the name of a runtime for that or a common alias, such as nodejs, python3, golang, rustlang or
// bunjs.
func Canonical(name string) (string, bool) {
	switch name {
	case Node, "nodejs", "node.js":
		return Node, true
	case Python, "python3", "py":
		return Python, true
	case Go, "golang":
		return Go, true
	case Rust, "rustlang", "rustc":
		return Rust, true
	case Ruby:
		return Ruby, true
	case Java, "jdk", "openjdk":
		return Java, true
	case Bun, "bunjs":
		return Bun, true
	}
	return "", false
}

// Env is everything that a result depends on. Nothing else of the process is used.
type Env struct {
	// Getenv looks up an environment variable; nil means an empty environment.
	Getenv func(string) string
	// Home is the user's home directory; with "" there are no managers and no global files.
	Home string
	// Dir is the working directory, absolute. With "" neither directories nor the declarations of the environment,
	// which belong to a shell, are used: the result is what a new shell elsewhere would run.
	Dir string
	// Real is Dir with its links resolved; if "", it is resolved when needed.
	Real string
	// Bar means that the environment is that of a status bar, of tmux's server or of another program that the shell's
	// variables do not reach: neither its declarations nor its PATH are used.
	Bar bool
	// Data is omg's data directory, with versions/<runtime>/current.
	Data string
	// System maps runtimes to the versions of the system's packages; if nil, they are read from DBPath.
	System map[string]string
	// DBPath is pacman's database directory; "" means /var/lib/pacman.
	DBPath string
	// Root is a prefix of /usr/lib/jvm, /usr/local/go, /etc/mise and /var/lib/pacman.
	Root string

	// Top is the highest directory to search; "" means Home.
	Top string
	// CrossBorders continues the search on other file systems.
	CrossBorders bool
	// Remote also searches directories above the working one on FUSE and network file systems, which may be slow.
	Remote bool
}

// DeclarationKind is how specific a declaration is.
type DeclarationKind uint8

const (
	// Pin is one version.
	Pin DeclarationKind = iota
	// Range is any of several versions: 20, ^18, lts/*, stable.
	Range
	// Floor is a minimum version.
	Floor
)

func (k DeclarationKind) String() string { return [...]string{"pin", "range", "floor"}[k] }

// Scope is where a declaration applies.
type Scope uint8

const (
	// Environment declarations apply to one shell.
	Environment Scope = iota
	// Directory declarations apply to a directory and those below.
	Directory
	// Global declarations apply to the user: a manager's global file.
	Global
	// Current is omg's current symlink.
	Current
)

func (s Scope) String() string {
	return [...]string{"environment", "directory", "global", "current"}[s]
}

// Declaration is a version that a file or variable declares for one runtime.
type Declaration struct {
	Runtime string
	Want    string   // as written, at most 256 arbitrary bytes
	Also    []string // alternatives in order, if Want is not installed
	Kind    DeclarationKind
	Scope   Scope
	Source  string // the file, or the variable with a $

	demands bool          // a requirement, not a choice
	found   *Installation // the runtime, if the declaration gives its directory
	exact   bool          // the declaration gives a directory without a runtime
	as      string        // what to look for instead of Want; "" for Want
	unknown bool          // only its manager can expand it
	manager string        // whose global file Source is, or ""
}

// Installation is one version on this machine. Its Version and Alias can be printed.
type Installation struct {
	Runtime string
	Version string // without a leading v or go: 20.1.0, 1.24.3, temurin-21.0.1
	Alias   string // another name: a rustup toolchain such as stable
	Manager string // omg, mise, asdf, nvm, …; system for a package
	Path    string // its directory; "" for a package
}

// Active is the version that would run.
type Active struct {
	Runtime string
	Version string // if Missing, the declared one; "" if nothing would run
	Manager string
	Path    string
	Missing bool // declared, but not installed
	// Differs means that the shell runs this version although Declared selects another one, or one that is not
	// installed.
	Differs bool
	// Declared is the declaration that decided; nil if none did and the system's package runs.
	Declared *Declaration
}

// Note is a file that was ignored, with the reason.
type Note struct {
	Path, Text string
}

// maxNotes limits how many notes are kept.
const maxNotes = 64

// Prober reads the files, each once, and keeps what it found: use a new one to see changes. It must be used by one
// goroutine only.
type Prober struct {
	env   Env
	wants []string // the requested runtimes
	notes []Note

	remote func(fd int) bool // remoteFS; tests replace it

	logical    *dirChain
	physical   *dirChain
	walked     bool
	directory  map[string][]Declaration // by runtime, nearest first
	shell      map[string][]Declaration // by runtime
	existing   map[string]bool
	listings   map[string]listing // by directory
	homeList   listing            // of the home directory; nil until it is read
	dirents    []byte             // the buffer of list
	versions   map[string][]Installation
	dirs       map[string]string   // by name; see once
	managed    map[string][]string // the roots of each runtime's managers
	system     map[string]string
	systems    map[string]maybeInstalled // by runtime
	globals    []globalDeclaration
	readGlobal bool
	rustup     *rustupSettings
	miseState  *mise
	voltaAsked bool // the nearest package.json was read
	entries    []pathEntry
	splitPath  bool
	running    map[string]running // by runtime
	goDemanded *goDemand
	goTexts    map[string]map[string]string // the go command's settings, by file
}

// maybeInstalled is a version, or that there is none.
type maybeInstalled struct {
	Installation
	ok bool
}

// New prepares a Prober for some runtimes, or for all if none is named. It reads nothing yet.
func New(env Env, names ...string) *Prober {
	if len(names) == 0 {
		names = Names()
	}
	if env.Getenv == nil {
		env.Getenv = func(string) string { return "" }
	}
	if env.DBPath == "" {
		env.DBPath = env.Root + "/var/lib/pacman"
	}
	if env.Top == "" {
		env.Top = env.Home
	}
	return &Prober{
		env: env, wants: names, system: env.System, remote: remoteFS,
		directory: map[string][]Declaration{},
		dirs:      make(map[string]string, 32),
		managed:   map[string][]string{},
		systems:   map[string]maybeInstalled{},
		goTexts:   map[string]map[string]string{},
		shell:     map[string][]Declaration{},
		existing:  make(map[string]bool, 32),
		listings:  map[string]listing{},
		versions:  map[string][]Installation{},
		running:   map[string]running{},
	}
}

// Names returns the runtimes that the prober was made for.
func (p *Prober) Names() []string { return slices.Clone(p.wants) }

// Notes returns what has been skipped so far, such as broken and unreadable files.
func (p *Prober) Notes() []Note { return slices.Clone(p.notes) }

func (p *Prober) note(path, text string) {
	n := Note{path, text}
	if len(p.notes) < maxNotes && !slices.Contains(p.notes, n) {
		p.notes = append(p.notes, n)
	}
}

// variable returns an environment variable if it holds an absolute path, otherwise "".
func (p *Prober) variable(name string) string {
	if v := p.env.Getenv(name); filepath.IsAbs(v) {
		return filepath.Clean(v)
	}
	return ""
}

// base returns the directory in a variable, otherwise one below the home directory; "" if there is neither.
func (p *Prober) base(variable string, home ...string) string {
	return p.once(variable, func() string {
		if v := p.variable(variable); v != "" {
			return v
		}
		return p.home(home...)
	})
}

// once returns the directory with a name, which find determines the first time.
func (p *Prober) once(name string, find func() string) string {
	dir, known := p.dirs[name]
	if !known {
		dir = find()
		p.dirs[name] = dir
	}
	return dir
}

func (p *Prober) home(below ...string) string {
	if p.env.Home == "" {
		return ""
	}
	return filepath.Join(append([]string{p.env.Home}, below...)...)
}

// dataHome returns a directory below $XDG_DATA_HOME or ~/.local/share.
func (p *Prober) dataHome(name string) string {
	if d := p.base("XDG_DATA_HOME", ".local", "share"); d != "" {
		return filepath.Join(d, name)
	}
	return ""
}

// configHome returns a directory below $XDG_CONFIG_HOME or ~/.config.
func (p *Prober) configHome(name string) string {
	if d := p.base("XDG_CONFIG_HOME", ".config"); d != "" {
		return filepath.Join(d, name)
	}
	return ""
}
