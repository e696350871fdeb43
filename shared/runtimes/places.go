package runtimes

import (
	"path/filepath"
	"slices"
	"strings"
)

// versionVariables returns the variables that declare a runtime for one shell: those of mise, of asdf and of the runtime's own
// manager.
func versionVariables(runtime string) []string {
	switch runtime {
	case Node:
		return []string{"MISE_NODE_VERSION", "ASDF_NODEJS_VERSION"}
	case Python:
		return []string{"MISE_PYTHON_VERSION", "ASDF_PYTHON_VERSION", "PYENV_VERSION"}
	case Go:
		return []string{"MISE_GO_VERSION", "ASDF_GOLANG_VERSION", "GOENV_VERSION"}
	case Rust:
		return []string{"MISE_RUST_VERSION", "ASDF_RUST_VERSION", "RUSTUP_TOOLCHAIN"}
	case Ruby:
		return []string{"MISE_RUBY_VERSION", "ASDF_RUBY_VERSION", "RBENV_VERSION"}
	case Java:
		return []string{"MISE_JAVA_VERSION", "ASDF_JAVA_VERSION"}
	}
	return []string{"MISE_BUN_VERSION", "ASDF_BUN_VERSION"}
}

// inShell reports whether the environment is that of a shell in the directory Dir. If not, the variables that declare
// versions do not apply, and PATH does not apply either.
func (p *Prober) inShell() bool { return p.env.Dir != "" && !p.env.OutsideShell }

// environmentDeclarations returns the declarations in the shell's environment, by precedence.
func (p *Prober) environmentDeclarations(runtime string) []Declaration {
	if !p.inShell() {
		return nil
	}
	all, known := p.shellDeclarations[runtime]
	if !known {
		all = p.readEnvironment(runtime)
		p.shellDeclarations[runtime] = all
	}
	return slices.Clip(all)
}

func (p *Prober) readEnvironment(runtime string) []Declaration {
	var all []Declaration
	switch runtime {
	case Python:
		if d, ok := p.activatedPython(); ok {
			all = append(all, d)
		}
	case Java:
		if dir := p.absPathFromEnv("JAVA_HOME"); dir != "" && !p.isDefaultJavaHome(dir) {
			f := rawDeclaration{runtime: Java, want: filepath.Base(dir), kindIsSet: true}
			i, ok := p.javaAt(dir)
			if ok {
				i.Manager, f.want = "JAVA_HOME", i.Version
			}
			d := f.toDeclaration(ScopeEnvironment, "$JAVA_HOME")
			if ok {
				d.dirInstallation = &i
			}
			all = append(all, d)
		}
	}
	for _, name := range versionVariables(runtime) {
		// asdf separates versions by blanks, pyenv by colons.
		words := strings.FieldsFunc(p.env.Getenv(name), func(r rune) bool {
			return r == ' ' || name == "PYENV_VERSION" && r == ':'
		})
		if len(words) == 0 {
			continue
		}
		f := rawDeclaration{runtime: runtime, want: truncateWant(words[0]), alternatives: words[1:min(len(words), 1+maxAlternatives)]}
		if runtime == Rust {
			f.want = trimHostTriple(f.want)
		}
		all = append(all, f.toDeclaration(ScopeEnvironment, "$"+name))
	}
	return all
}

// isDefaultJavaHome reports whether dir, the directory in JAVA_HOME, is only the default that a manager or the system
// exports. Then JAVA_HOME does not declare a version.
func (p *Prober) isDefaultJavaHome(dir string) bool {
	switch dir {
	case filepath.Join(p.jvmDir(), "default"), filepath.Join(p.jvmDir(), "default-runtime"):
		return true
	case filepath.Join(sdkmanDir(p), "candidates/java/current"):
		return sdkmanDir(p) != ""
	}
	return false
}

// rustupSettings holds the content of rustup's settings.toml.
type rustupSettings struct {
	path      string
	Default   string
	Overrides map[string]string // toolchains by directory
}

func (p *Prober) rustupSettings() *rustupSettings {
	if p.cachedRustupSettings != nil {
		return p.cachedRustupSettings
	}
	p.cachedRustupSettings = &rustupSettings{}
	home := p.rustupHome()
	if !p.isPresent(home) {
		return p.cachedRustupSettings
	}
	path := filepath.Join(home, "settings.toml")
	if content, ok := p.read(path); ok {
		s := &rustupSettings{Overrides: map[string]string{}}
		file, err := parseTOML(content)
		if err != nil {
			p.addNote(path, err.Error())
		} else {
			s.Default = tomlString(file["default_toolchain"])
			overrides, _ := file["overrides"].(tomlTable)
			for dir, toolchain := range overrides {
				s.Overrides[dir] = tomlString(toolchain)
			}
			p.cachedRustupSettings = s
		}
	}
	p.cachedRustupSettings.path = path
	return p.cachedRustupSettings
}

// globalDeclarations returns the declarations in the managers' global files, by precedence. If PATH leads to a manager's shim, only
// that manager's files apply.
func (p *Prober) globalDeclarations(runtime string) []Declaration {
	var all []Declaration
	add := func(manager, path string, f rawDeclaration) {
		if f.want == "" {
			return
		}
		f.runtime = runtime
		d := f.toDeclaration(ScopeGlobal, path)
		d.manager = manager
		all = append(all, d)
	}
	line := func(manager, path string, parse func(*Prober, string, []byte) ([]rawDeclaration, error)) {
		if p.isPresent(filepath.Dir(path)) {
			for _, f := range p.parseDeclarationFile(path, parse) {
				add(manager, path, f)
			}
		}
	}
	for _, f := range p.miseGlobals() {
		if f.runtime == runtime {
			add(f.manager, f.path, f.rawDeclaration)
		}
	}
	switch runtime {
	case Node:
		if dir := voltaHome(p); p.isPresent(dir) {
			line("volta", filepath.Join(dir, "tools/user/platform.json"), parseVoltaPlatform)
		}
		if path := p.nvmAliasPath("default"); p.isPresent(p.nvmDir()) {
			line("nvm", path, rcFileParser(Node))
		}
		if dir := p.fnmDir(); p.isPresent(dir) {
			path := filepath.Join(dir, "aliases/default")
			add("fnm", path, rawDeclaration{want: nodeVersionOfPath(readLink(path))})
		}
	case Python:
		if dir := pyenvRoot(p); dir != "" {
			line("pyenv", filepath.Join(dir, "version"), rcFileParser(Python))
		}
		if dir := p.configHomeSubdir("uv"); dir != "" {
			line("uv", filepath.Join(dir, ".python-version"), rcFileParser(Python))
		}
	case Ruby:
		if dir := rbenvRoot(p); dir != "" {
			line("rbenv", filepath.Join(dir, "version"), rcFileParser(Ruby))
		}
	case Go:
		if dir := goenvRoot(p); dir != "" {
			line("goenv", filepath.Join(dir, "version"), rcFileParser(Go))
		}
	case Rust:
		if s := p.rustupSettings(); s.Default != "" {
			add("rustup", s.path, rawDeclaration{want: trimHostTriple(truncateWant(s.Default))})
		}
	case Java:
		if dir := sdkmanDir(p); p.isPresent(dir) {
			path := filepath.Join(dir, "candidates/java/current")
			if target := readLink(path); target != "" {
				add("sdkman", path, rawDeclaration{want: filepath.Base(target)})
			}
		}
	}
	if shim := p.shellVersion(runtime).shim; shim != "" {
		all = slices.DeleteFunc(all, func(d Declaration) bool { return d.manager != shim })
	}
	return all
}

// nodeVersionOfPath returns the version of node whose directory is dir: the version is a part of the path, …/v20.1.0 in nvm and
// …/v20.1.0/installation in fnm. It returns "" if the path contains no version.
func nodeVersionOfPath(dir string) string {
	if filepath.Base(dir) == "installation" {
		dir = filepath.Dir(dir)
	}
	if v := bareRequest(Node, filepath.Base(dir)); dir != "" && Showable(v) && isDigit(v[0]) {
		return v
	}
	return ""
}

// globalDeclaration is a declaration in a global file, with the manager and the path of the file.
type globalDeclaration struct {
	rawDeclaration
	manager, path string
}

// miseGlobals returns the declarations in the user's files of mise and asdf, and in the system's files of mise.
func (p *Prober) miseGlobals() []globalDeclaration {
	if p.hasReadGlobals {
		return p.cachedGlobals
	}
	p.hasReadGlobals = true
	for _, f := range p.miseGlobalFiles() {
		for _, one := range p.miseTools(f) {
			p.cachedGlobals = append(p.cachedGlobals, globalDeclaration{one, "mise", f.path})
		}
	}
	logical, _ := p.dirChains()
	for _, name := range p.toolVersionsNames() {
		if path := p.homePath(name); path != "" && !logical.sawHome {
			for _, one := range p.parseDeclarationFile(path, parseToolVersions) {
				manager := "asdf"
				if !p.isPresent(p.asdfInstallsDir()) {
					manager = "mise"
				}
				p.cachedGlobals = append(p.cachedGlobals, globalDeclaration{one, manager, path})
			}
		}
	}
	return p.cachedGlobals
}

// currentLinkDeclaration returns the version that omg's own symlink selects, as a declaration. The symlink leads to a version in the same
// directory, which omg manages, or to the directory of a version that another manager has installed.
func (p *Prober) currentLinkDeclaration(runtime string) []Declaration {
	root := omgVersionsDir(p)
	if !p.isPresent(root) {
		return nil
	}
	path := filepath.Join(root, runtime, currentLink)
	target := readLink(path)
	if target == "" {
		return nil
	}
	name := filepath.Base(target)
	if name == "installation" { // fnm installs a version in VERSION/installation
		name = filepath.Base(filepath.Dir(target))
	}
	d := rawDeclaration{runtime: runtime, want: bareRequest(runtime, name)}.toDeclaration(ScopeCurrent, path)
	for _, i := range p.Installed(runtime) {
		if i.Path == target || i.Path == filepath.Join(root, runtime, target) {
			d.dirInstallation, d.Want = &i, i.Version
			break
		}
	}
	d.isDirWithoutRuntime = d.dirInstallation == nil
	return []Declaration{d}
}
