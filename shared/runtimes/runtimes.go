// Package runtimes tells which versions of node, python, go, rust, ruby, java
// and bun are installed, which one a directory declares, and which one would
// run there: from files alone.
//
// It never starts a program, never uses a network, and writes nothing; only Use
// does, one symlink. Everything it reads is bounded: a directory's entries, a
// file's size, the levels upwards. It opens only regular files, and waits for
// none. What it reads may have been written by anyone: text for people is to go
// through Shown.
//
// # What decides
//
// The environment comes first, then the nearest directory upwards that says
// something, then the managers' global files, then omg's own current symlink,
// then the package of the system. Inside a directory mise's files come before
// .tool-versions, and that before the files of the languages; order.go and
// languages.go have the lists. A floor (the go line of go.mod, the engines of
// package.json) does not choose a version, it demands one: what would run
// without it runs if it is new enough.
package runtimes

import (
	"path/filepath"
	"slices"
)

// The runtimes, in the order of answers.
const (
	Node   = "node"
	Python = "python"
	Go     = "go"
	Rust   = "rust"
	Ruby   = "ruby"
	Java   = "java"
	Bun    = "bun"
)

// Names are all runtimes, in the order of answers.
func Names() []string { return []string{Node, Python, Go, Rust, Ruby, Java, Bun} }

// Canonical returns the name of a runtime that people also call nodejs, python3,
// golang, rustlang, bunjs and the like.
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

// Env is everything that an answer depends on. Nothing else of the process is
// looked at.
type Env struct {
	// Getenv answers for the environment; nil is an empty one.
	Getenv func(string) string
	// Home is the user's home directory; "" has no managers and no global files.
	Home string
	// Dir is the working directory, absolute. With "" neither directories nor
	// the declarations of the environment count, which belong to a shell: the
	// answer is what a new shell elsewhere would have.
	Dir string
	// Real is where Dir really is, without links; "" has it looked up.
	Real string
	// Bar says that the environment is that of a bar, of tmux's server or of another
	// program that a shell's variables have not reached: neither its declarations
	// nor its PATH count.
	Bar bool
	// Data is omg's data directory, with versions/<runtime>/current.
	Data string
	// System has the versions of the system's packages by runtime. nil has them
	// looked up in DBPath.
	System map[string]string
	// DBPath is pacman's database directory; "" is /var/lib/pacman.
	DBPath string
	// Root stands before /usr/lib/jvm, /usr/local/go, /etc/mise and /var/lib/pacman.
	Root string

	// Top is the highest directory to search; "" is Home.
	Top string
	// CrossBorders has the search go on where another file system begins.
	CrossBorders bool
	// Remote has directories above the working one searched on FUSE and network
	// file systems too, where each look may take long.
	Remote bool
}

// DeclarationKind says how much a declaration leaves open.
type DeclarationKind uint8

const (
	// Pin is one version.
	Pin DeclarationKind = iota
	// Range is any of several: 20, ^18, lts/*, stable.
	Range
	// Floor is the lowest that will do.
	Floor
)

func (k DeclarationKind) String() string { return [...]string{"pin", "range", "floor"}[k] }

// Scope says how far a declaration reaches.
type Scope uint8

const (
	// Environment declares for one shell.
	Environment Scope = iota
	// Directory declares for a directory and those below.
	Directory
	// Global declares for the user: a manager's global file.
	Global
	// Current is omg's current symlink.
	Current
)

func (s Scope) String() string {
	return [...]string{"environment", "directory", "global", "current"}[s]
}

// Declaration is what one place says about one runtime.
type Declaration struct {
	Runtime string
	Want    string   // as it is written, at most 256 bytes of anything
	Also    []string // what is to be tried next, in order, if Want is not installed
	Kind    DeclarationKind
	Scope   Scope
	Source  string // the file, or the variable with a $

	demands bool          // it does not choose, but what is chosen must match
	found   *Installation // the place says where the runtime is
	exact   bool          // the place says where, and there is nothing
	as      string        // what to look for in place of Want; "" for Want
	unknown bool          // only its manager knows what it stands for
	manager string        // whose global file the place is; "" for another place
}

// Installation is one version on this machine. Its Version and Alias can be shown.
type Installation struct {
	Runtime string
	Version string // without a leading v or go: 20.1.0, 1.24.3, temurin-21.0.1
	Alias   string // what it is called besides: a rustup toolchain such as stable
	Manager string // omg, mise, asdf, nvm, …; system for a package
	Path    string // its directory; "" for a package
}

// Active is what would run.
type Active struct {
	Runtime string
	Version string // if Missing, what is declared; "" if there is nothing to run
	Manager string
	Path    string
	Missing bool // declared, and not installed
	// Differs reports that the shell runs this version although Declared stands for
	// another one, or for none that is installed.
	Differs bool
	// Declared is what decided; nil if nothing did and the system's package runs.
	Declared *Declaration
}

// Note says what was not believed, and why.
type Note struct {
	Path, Text string
}

// maxNotes is how many notes are kept.
const maxNotes = 64

// Prober answers from the files as it finds them, each looked at once: make a
// new one for each look. It is for one goroutine.
type Prober struct {
	env   Env
	wants []string // the runtimes that are asked for
	notes []Note

	remote func(fd int) bool // remoteFS; tests have another

	logical    *way
	physical   *way
	walked     bool
	directory  map[string][]Declaration // by runtime, nearest first
	shell      map[string][]Declaration // by runtime
	exists     map[string]bool
	versions   map[string][]Installation
	roots      map[string]string // of managers, by name
	system     map[string]string
	systems    map[string]maybeInstalled // by runtime
	globals    []placed
	readGlobal bool
	rustup     *rustupSettings
	miseState  *mise
	voltaAsked bool // the nearest package.json was read
	entries    []string
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

// New prepares to answer for some runtimes, or for all if none is named. It
// looks at nothing yet.
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
		roots:     map[string]string{},
		systems:   map[string]maybeInstalled{},
		goTexts:   map[string]map[string]string{},
		shell:     map[string][]Declaration{},
		exists:    map[string]bool{},
		versions:  map[string][]Installation{},
		running:   map[string]running{},
	}
}

// Names are the runtimes that the prober was made for.
func (p *Prober) Names() []string { return slices.Clone(p.wants) }

// Notes are what was skipped so far, and why: broken files, unreadable ones.
func (p *Prober) Notes() []Note { return slices.Clone(p.notes) }

func (p *Prober) note(path, text string) {
	n := Note{path, text}
	if len(p.notes) < maxNotes && !slices.Contains(p.notes, n) {
		p.notes = append(p.notes, n)
	}
}

// variable is an environment variable that holds an absolute path, or "".
func (p *Prober) variable(name string) string {
	if v := p.env.Getenv(name); filepath.IsAbs(v) {
		return filepath.Clean(v)
	}
	return ""
}

// base is a directory that a variable names, or else one below the home
// directory; "" if there is neither.
func (p *Prober) base(variable string, home ...string) string {
	if v := p.variable(variable); v != "" {
		return v
	}
	return p.home(home...)
}

func (p *Prober) home(below ...string) string {
	if p.env.Home == "" {
		return ""
	}
	return filepath.Join(append([]string{p.env.Home}, below...)...)
}

// dataHome is a directory below $XDG_DATA_HOME or ~/.local/share.
func (p *Prober) dataHome(name string) string {
	if d := p.base("XDG_DATA_HOME", ".local", "share"); d != "" {
		return filepath.Join(d, name)
	}
	return ""
}

// configHome is a directory below $XDG_CONFIG_HOME or ~/.config.
func (p *Prober) configHome(name string) string {
	if d := p.base("XDG_CONFIG_HOME", ".config"); d != "" {
		return filepath.Join(d, name)
	}
	return ""
}
