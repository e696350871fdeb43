package runtimes

// rawDeclaration is a declaration in a file, before it is known where the file is.
type rawDeclaration struct {
	runtime string
	want    string
	as      string // what to look for instead, by a lock file or an alias; "" for want
	also    []string
	kind    DeclarationKind
	fixed   bool // kind is decided by the file, not by the form of the version
	demands bool
	unknown bool // a template, which only its manager can expand
}

func (f rawDeclaration) declaration(scope Scope, source string) Declaration {
	d := Declaration{
		Runtime: f.runtime, Want: f.want, Also: f.also, Kind: f.kind, Scope: scope, Source: source,
		demands: f.demands, as: f.as, unknown: f.unknown,
	}
	if !f.fixed {
		d.Kind = kindOf(f.runtime, f.want)
	}
	return d
}

// misePaths are mise's configuration files in a directory, by precedence, as `mise config` orders them. Those of an
// environment take precedence over them.
var misePaths = []string{
	".mise.local.toml", "mise.local.toml", "mise/config.local.toml", ".mise/config.local.toml",
	".config/mise.local.toml", ".config/mise/mise.local.toml", ".config/mise/config.local.toml",
	".mise.toml", "mise.toml", "mise/config.toml", "mise/conf.d", ".mise/config.toml", ".mise/conf.d",
	".config/mise.toml", ".config/mise/mise.toml", ".config/mise/config.toml", ".config/mise/conf.d",
}

// miseEnvPaths are those of an environment, whose name replaces the *.
var miseEnvPaths = []string{
	".mise.*.local.toml", ".mise/config.*.local.toml", "mise.*.local.toml", "mise/config.*.local.toml",
	".config/mise.*.local.toml", ".config/mise/config.*.local.toml",
	".mise.*.toml", ".mise/config.*.toml", "mise.*.toml", "mise/config.*.toml", ".config/mise.*.toml", ".config/mise/config.*.toml",
}

// toolVersions is asdf's file, which mise reads as well.
const toolVersions = ".tool-versions"

// file is a version file of a language, and its parser.
type file struct {
	name     string
	runtime  string // "" if it may declare several
	resolved bool   // its manager searches the resolved working directory
	// parse parses the file; nil for one with a version on its first line.
	parse func(p *Prober, path string, text []byte) ([]rawDeclaration, error)
}

// languageFiles are the languages' own files in a directory, for each runtime by precedence. go.mod and go.work are
// handled in goselect.go.
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
