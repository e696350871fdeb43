// Package runtimes finds which versions of node, python, go, rust, ruby, java and bun are installed, which version a
// directory declares, and which version would run there.
//
// The package only reads files: it starts no program, uses no network, and writes nothing, except that Use replaces one
// symlink. Three things are limited: the number of entries of a directory, the size of a file, and the number of
// directories that are searched upwards. Only regular files are opened, so that opening a file never blocks. Anyone may
// have written the files, so text that is shown to people has to go through Sanitize.
//
// # Precedence
//
// The environment comes first, then the nearest directory upwards with a declaration, then the global files of version
// managers, then omg's own symlink named current, then the system's package. Inside a directory, mise's files come
// before .tool-versions, and .tool-versions comes before the languages' own files; order.go has the lists. A
// requirement (the go line of go.mod, the engines of package.json) chooses no version: the version that would run
// without the requirement runs if it satisfies the requirement.
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

// Canonical returns the runtime that a name means: the runtime's own name or a common alias, such as nodejs, python3,
// golang, rustlang or bunjs.
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

// Env contains everything that a result depends on, except the files.
type Env struct {
	// Getenv looks up an environment variable; nil means an empty environment.
	Getenv func(string) string
	// Home is the user's home directory; with "" there are no managers and no global files.
	Home string
	// Dir is the absolute path of the working directory. If Dir is "", declarations in directories and in the
	// environment are ignored, and so is PATH: the result is what a new shell would run outside of all projects.
	Dir string
	// RealDir is Dir with its links resolved; if RealDir is "", Dir is resolved when needed.
	RealDir string
	// OutsideShell means that Getenv returns the environment of a status bar, of tmux's server or of another program whose
	// variables are not those of the user's shell: the declarations in the environment and PATH are ignored.
	OutsideShell bool
	// OmgDataDir is omg's data directory, which contains versions/<runtime>/current.
	OmgDataDir string
	// SystemVersions maps runtimes to the versions of the system's packages; if nil, the versions are read from DBPath.
	SystemVersions map[string]string
	// DBPath is pacman's database directory; "" means /var/lib/pacman.
	DBPath string
	// Root is put before the paths of the system, such as /usr/lib/jvm, /usr/local/go, /etc/mise and /var/lib/pacman.
	Root string

	// Top is the directory at which the search upwards ends; "" means Home.
	Top string
	// CrossBorders continues the search upwards in directories on other file systems.
	CrossBorders bool
	// CrossRemote continues the search above a directory on FUSE or a network file system, which may be slow.
	CrossRemote bool
}

// WantKind is how specific a declaration is.
type WantKind uint8

const (
	// KindPin means that the declaration allows exactly one version.
	KindPin WantKind = iota
	// KindRange means that the declaration allows several versions: 20, ^18, lts/*, stable.
	KindRange
	// KindFloor means that the declaration allows a minimum version and all later versions.
	KindFloor
)

func (k WantKind) String() string { return [...]string{"pin", "range", "floor"}[k] }

// Scope is where a declaration applies.
type Scope uint8

const (
	// ScopeEnvironment declarations apply to one shell.
	ScopeEnvironment Scope = iota
	// ScopeDirectory declarations apply to a directory and all directories below it.
	ScopeDirectory
	// ScopeGlobal declarations apply to the user: they are in a manager's global file.
	ScopeGlobal
	// ScopeCurrent is the scope of omg's own symlink, which is named current.
	ScopeCurrent
)

func (s Scope) String() string {
	return [...]string{"environment", "directory", "global", "current"}[s]
}

// Declaration is a version that a file or variable declares for one runtime.
type Declaration struct {
	Runtime      string
	Want         string   // the version as written in Source, at most 256 arbitrary bytes
	Alternatives []string // versions to try in this order if Want is not installed
	WantKind     WantKind
	Scope        Scope
	Source       string // the path of the file, or $ and the name of the variable

	isRequirement       bool          // the declaration is only a requirement: it chooses no version
	dirInstallation     *Installation // the runtime in the directory that is declared; nil if a version is declared, not a directory
	isDirWithoutRuntime bool          // a directory is declared, not a version, and the directory contains no runtime
	resolvedWant        string        // the version that a lock file or an alias gives instead of Want; "" if neither does
	needsManager        bool          // only the version manager can tell what Want means
	manager             string        // the manager to which the file Source belongs, if it is a global file; otherwise ""
}

// Installation is one installed version of a runtime. Version and Alias are Showable.
type Installation struct {
	Runtime string
	Version string // without a leading v or go: 20.1.0, 1.24.3, temurin-21.0.1
	Alias   string // another name of the version, such as the rustup toolchain stable
	Manager string // the manager that installed the version: omg, mise, asdf, nvm, …; "system" for a package
	Path    string // the directory of the version; "" if a package has no directory of its own
}

// Active is the version that would run.
type Active struct {
	Runtime string
	Version string // the version that would run; if Missing is set, the declared version; "" if there is neither
	Manager string
	Path    string
	Missing bool // the version is declared but not installed
	// Differs means that the shell runs Version although Declared selects another version, or a version that is not
	// installed.
	Differs bool
	// Declared is the declaration that determines which version should run. If there is none, Declared is nil and the
	// system's package runs.
	Declared *Declaration
}

// IgnoredPathNote tells which file or directory was ignored, and why.
type IgnoredPathNote struct {
	Path, Text string
}

// maxNotes limits how many notes are kept.
const maxNotes = 64

// Prober finds the versions. It reads each file once and stores the result, so a new Prober is needed to see changes.
// Only one goroutine may use a Prober.
type Prober struct {
	env               Env
	requestedRuntimes []string // the requested runtimes
	notes             []IgnoredPathNote

	isRemoteFS func(fd int) bool // the function remoteFS; tests replace it

	logicalDirs            *dirChain
	physicalDirs           *dirChain
	hasWalkedDirs          bool
	directoryDeclarations  map[string][]Declaration // the declarations in directories, by runtime; the nearest directory is first
	shellDeclarations      map[string][]Declaration // the declarations in the environment, by runtime
	existsByPath           map[string]bool          // the results of isPresent, by path
	listings               map[string]listing       // by directory
	homeListing            listing                  // the listing of the home directory; nil until the directory is read
	dirents                []byte                   // the buffer into which the method readEntries reads
	installationsByRuntime map[string][]Installation
	cachedDirByName        map[string]string   // the paths of directories that the method findDirOnce has stored, by the name passed to findDirOnce
	managerRootsByRuntime  map[string][]string // the root directories of the managers that can install a runtime, by runtime
	cachedSystemVersions   map[string]string
	systemInstallations    map[string]optionalInstallation // by runtime
	cachedGlobals          []globalDeclaration
	hasReadGlobals         bool
	cachedRustupSettings   *rustupSettings
	cachedMise             *miseState
	voltaChecked           bool // whether the key volta was looked up in the nearest package.json
	pathEntries            []pathEntry
	hasSplitPath           bool
	shellVersions          map[string]shellPathVersion // by runtime
	cachedGoRequirement    *goRequirement
	goSettingsByPath       map[string]map[string]string // the settings in the go command's files, by the file's path
}

// optionalInstallation is an installed version, or no version if ok is false.
type optionalInstallation struct {
	Installation
	ok bool
}

// New returns a Prober for the given runtimes, or for all runtimes if no name is given. It reads no file yet.
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
		env: env, requestedRuntimes: names, cachedSystemVersions: env.SystemVersions, isRemoteFS: remoteFS,
		directoryDeclarations:  map[string][]Declaration{},
		cachedDirByName:        make(map[string]string, 32),
		managerRootsByRuntime:  map[string][]string{},
		systemInstallations:    map[string]optionalInstallation{},
		goSettingsByPath:       map[string]map[string]string{},
		shellDeclarations:      map[string][]Declaration{},
		existsByPath:           make(map[string]bool, 32),
		listings:               map[string]listing{},
		installationsByRuntime: map[string][]Installation{},
		shellVersions:          map[string]shellPathVersion{},
	}
}

// Names returns the runtimes that the prober was made for.
func (p *Prober) Names() []string { return slices.Clone(p.requestedRuntimes) }

// IgnoredPathNotes returns the files that have been skipped so far, such as broken and unreadable ones.
func (p *Prober) IgnoredPathNotes() []IgnoredPathNote { return slices.Clone(p.notes) }

func (p *Prober) addNote(path, text string) {
	n := IgnoredPathNote{path, text}
	if len(p.notes) < maxNotes && !slices.Contains(p.notes, n) {
		p.notes = append(p.notes, n)
	}
}

// absPathFromEnv returns the value of an environment variable if it is an absolute path, otherwise "".
func (p *Prober) absPathFromEnv(name string) string {
	if v := p.env.Getenv(name); filepath.IsAbs(v) {
		return filepath.Clean(v)
	}
	return ""
}

// envPathOrHome returns the directory in an environment variable. If the variable is not set, it returns the directory with
// the path home below the home directory, or "" if the home directory is unknown.
func (p *Prober) envPathOrHome(variable string, home ...string) string {
	return p.findDirOnce(variable, func() string {
		if v := p.absPathFromEnv(variable); v != "" {
			return v
		}
		return p.homePath(home...)
	})
}

// findDirOnce returns the directory that the function find returns. It calls find only at the first call for a name, and stores
// the directory under the name for later calls.
func (p *Prober) findDirOnce(name string, find func() string) string {
	dir, known := p.cachedDirByName[name]
	if !known {
		dir = find()
		p.cachedDirByName[name] = dir
	}
	return dir
}

func (p *Prober) homePath(below ...string) string {
	if p.env.Home == "" {
		return ""
	}
	return filepath.Join(append([]string{p.env.Home}, below...)...)
}

// dataHome returns a directory below $XDG_DATA_HOME or ~/.local/share.
func (p *Prober) dataHome(name string) string {
	if d := p.envPathOrHome("XDG_DATA_HOME", ".local", "share"); d != "" {
		return filepath.Join(d, name)
	}
	return ""
}

// configHomeSubdir returns a directory below $XDG_CONFIG_HOME or ~/.config.
func (p *Prober) configHomeSubdir(name string) string {
	if d := p.envPathOrHome("XDG_CONFIG_HOME", ".config"); d != "" {
		return filepath.Join(d, name)
	}
	return ""
}
