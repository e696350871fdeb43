package runtimes

// rawDeclaration is a declaration as a parser returns it, without the path and the scope of its file.
type rawDeclaration struct {
	runtime       string
	want          string
	resolvedWant  string // the version that a lock file or an alias gives instead of want; "" if neither does
	alternatives  []string
	kind          WantKind
	kindIsSet     bool // whether the field kind is already correct; if not, kindOf determines the kind from the form of want
	isRequirement bool
	needsManager  bool // want contains a template, which only the version manager can expand
}

func (f rawDeclaration) toDeclaration(scope Scope, source string) Declaration {
	d := Declaration{
		Runtime: f.runtime, Want: f.want, Alternatives: f.alternatives, WantKind: f.kind, Scope: scope, Source: source,
		isRequirement: f.isRequirement, resolvedWant: f.resolvedWant, needsManager: f.needsManager,
	}
	if !f.kindIsSet {
		d.WantKind = kindOf(f.runtime, f.want)
	}
	return d
}

// miseConfigPaths lists mise's configuration files in a directory by precedence, in the order of the command `mise config`.
// The files in miseEnvFilePatterns take precedence.
var miseConfigPaths = []string{
	".mise.local.toml", "mise.local.toml", "mise/config.local.toml", ".mise/config.local.toml",
	".config/mise.local.toml", ".config/mise/mise.local.toml", ".config/mise/config.local.toml",
	".mise.toml", "mise.toml", "mise/config.toml", "mise/conf.d", ".mise/config.toml", ".mise/conf.d",
	".config/mise.toml", ".config/mise/mise.toml", ".config/mise/config.toml", ".config/mise/conf.d",
}

// miseEnvFilePatterns lists the configuration files that mise reads only in one of the environments of MISE_ENV, by precedence.
// The * stands for the environment's name.
var miseEnvFilePatterns = []string{
	".mise.*.local.toml", ".mise/config.*.local.toml", "mise.*.local.toml", "mise/config.*.local.toml",
	".config/mise.*.local.toml", ".config/mise/config.*.local.toml",
	".mise.*.toml", ".mise/config.*.toml", "mise.*.toml", "mise/config.*.toml", ".config/mise.*.toml", ".config/mise/config.*.toml",
}

// toolVersionsFile is asdf's file, which mise reads as well.
const toolVersionsFile = ".tool-versions"

// languageFile describes one kind of version file of a language, such as .nvmrc.
type languageFile struct {
	name           string
	runtime        string // "" if the file may declare several runtimes
	searchPhysical bool   // the file is searched upwards from the resolved path of the working directory
	// parse parses the file's text. If the field parse is nil, the file has a version on its first line.
	parse func(p *Prober, path string, text []byte) ([]rawDeclaration, error)
}

// languageFiles lists the languages' own version files, for each runtime by precedence. go.mod and go.work are handled
// in goselect.go.
var languageFiles = []languageFile{
	{".nvmrc", Node, false, nil},
	{".node-version", Node, false, nil},
	{".python-version", Python, false, nil},
	{".python-versions", Python, false, nil},
	{".ruby-version", Ruby, false, nil},
	{".go-version", Go, false, nil},
	{".java-version", Java, false, nil},
	{".sdkmanrc", Java, false, parseSdkmanrc},
	{".bun-version", Bun, false, nil},
	{"rust-toolchain", Rust, true, parseRustToolchain},
	{"rust-toolchain.toml", Rust, true, parseRustToolchain},
	{"package.json", "", true, parsePackageJSON},
}
