package runtimes

// found is what a file says, before it is known where that stands.
type found struct {
	runtime string
	want    string
	as      string // what is to be looked for instead, by a lock file or an alias; "" for want
	also    []string
	kind    DeclarationKind
	fixed   bool // kind is as the place has it, not as the version looks
	demands bool
	unknown bool // a template, whose text only its manager knows
}

func (f found) declaration(scope Scope, source string) Declaration {
	d := Declaration{
		Runtime: f.runtime, Want: f.want, Also: f.also, Kind: f.kind, Scope: scope, Source: source,
		demands: f.demands, as: f.as, unknown: f.unknown,
	}
	if !f.fixed {
		d.Kind = kindOf(f.runtime, f.want)
	}
	return d
}

// misePaths are mise's configuration files in a directory, first the one that
// wins, as `mise config` orders them. Those of an environment come before.
var misePaths = []string{
	".mise.local.toml", "mise.local.toml", "mise/config.local.toml", ".mise/config.local.toml",
	".config/mise.local.toml", ".config/mise/mise.local.toml", ".config/mise/config.local.toml",
	".mise.toml", "mise.toml", "mise/config.toml", "mise/conf.d", ".mise/config.toml", ".mise/conf.d",
	".config/mise.toml", ".config/mise/mise.toml", ".config/mise/config.toml", ".config/mise/conf.d",
}

// miseEnvPaths are those of an environment, whose name stands for the *.
var miseEnvPaths = []string{
	".mise.*.local.toml", ".mise/config.*.local.toml", "mise.*.local.toml", "mise/config.*.local.toml",
	".config/mise.*.local.toml", ".config/mise/config.*.local.toml",
	".mise.*.toml", ".mise/config.*.toml", "mise.*.toml", "mise/config.*.toml", ".config/mise.*.toml", ".config/mise/config.*.toml",
}

// toolVersions is asdf's file, which mise reads as well.
const toolVersions = ".tool-versions"

// file is one of the languages' own, and what reads it.
type file struct {
	name     string
	runtime  string // "" for one that speaks of several
	resolved bool   // its manager looks for it where the working directory really is
	// parse reads it; nil for one with a version on its first line.
	parse func(p *Prober, path string, text []byte) ([]found, error)
}

// languageFiles are the languages' own files in a directory, of each runtime
// first the one that wins. go.mod and go.work are Go's own: see goselect.go.
var languageFiles = []file{
	{".nvmrc", Node, false, nil},
	{".node-version", Node, false, nil},
	{".python-version", Python, false, nil},
	{".python-versions", Python, false, nil},
	{".ruby-version", Ruby, false, nil},
	{".go-version", Go, false, nil},
	{".java-version", Java, false, nil},
	{".sdkmanrc", Java, false, sdkmanrc},
	{".bun-version", Bun, false, nil},
	{"rust-toolchain", Rust, true, rustToolchain},
	{"rust-toolchain.toml", Rust, true, rustToolchain},
	{"package.json", "", true, packageJSON},
}
