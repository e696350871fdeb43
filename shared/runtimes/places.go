package runtimes

import (
	"path/filepath"
	"slices"
	"strings"
)

// variables are what declares a runtime for one shell, besides mise's and
// asdf's, which are alike for all.
var variables = map[string][]string{
	Python: {"PYENV_VERSION"},
	Ruby:   {"RBENV_VERSION"},
	Rust:   {"RUSTUP_TOOLCHAIN"},
	Go:     {"GOENV_VERSION"},
}

// environment are the declarations of the shell, in their order.
func (p *Prober) environment(runtime string) []Declaration {
	if p.env.Dir == "" {
		return nil
	}
	all, known := p.shell[runtime]
	if !known {
		all = p.readEnvironment(runtime)
		p.shell[runtime] = all
	}
	return slices.Clip(all)
}

func (p *Prober) readEnvironment(runtime string) []Declaration {
	var all []Declaration
	add := func(name string, f found, at *Installed) {
		f.runtime = runtime
		d := f.declaration(Environment, "$"+name)
		d.found = at
		all = append(all, d)
	}
	switch runtime {
	case Python:
		// An activated environment comes first in PATH.
		if dir := p.variable("VIRTUAL_ENV"); dir != "" {
			i, ok := p.virtualEnv(dir)
			if !ok {
				add("VIRTUAL_ENV", found{want: filepath.Base(dir), fixed: true}, nil)
			} else {
				add("VIRTUAL_ENV", found{want: i.Version, fixed: true}, &i)
			}
		}
	case Java:
		if dir := p.variable("JAVA_HOME"); dir != "" && !p.followsDefault(dir) {
			i, ok := p.javaAt(dir)
			if !ok {
				add("JAVA_HOME", found{want: filepath.Base(dir), fixed: true}, nil)
			} else {
				i.Manager = "JAVA_HOME"
				add("JAVA_HOME", found{want: i.Version, fixed: true}, &i)
			}
		}
	case Go:
		if f, ok := goToolchain(p.env.Getenv("GOTOOLCHAIN")); ok {
			add("GOTOOLCHAIN", f, nil)
		} else if p.env.Getenv("GOTOOLCHAIN") == "" {
			if d, ok := p.goEnvFile(); ok {
				all = append(all, d)
			}
		}
	}
	for _, name := range append([]string{
		"MISE_" + strings.ToUpper(runtime) + "_VERSION", "ASDF_" + strings.ToUpper(asdfName(runtime)) + "_VERSION",
	}, variables[runtime]...) {
		// asdf separates versions by blanks, pyenv by colons.
		words := strings.FieldsFunc(p.env.Getenv(name), func(r rune) bool {
			return r == ' ' || name == "PYENV_VERSION" && r == ':'
		})
		if len(words) == 0 {
			continue
		}
		f := found{want: cut(words[0]), also: words[1:min(len(words), 1+maxAlso)]}
		if runtime == Rust {
			f.want = withoutHost(f.want)
		}
		add(name, f, nil)
	}
	return all
}

// decidedByEnvironment says whether no directory needs to be read for a runtime.
func (p *Prober) decidedByEnvironment(runtime string) bool {
	return chooses(p.environment(runtime))
}

// followsDefault says whether JAVA_HOME is only how a manager or the system puts
// its default into the environment, which is then no declaration of the shell's.
func (p *Prober) followsDefault(dir string) bool {
	switch dir {
	case filepath.Join(p.jvmDir(), "default"), filepath.Join(p.jvmDir(), "default-runtime"):
		return true
	case filepath.Join(sdkmanDir(p), "candidates/java/current"):
		return sdkmanDir(p) != ""
	}
	return false
}

// virtualEnv reads the version from the file that makes a directory a virtual
// environment.
func (p *Prober) virtualEnv(dir string) (Installed, bool) {
	text, ok := p.read(filepath.Join(dir, "pyvenv.cfg"))
	if !ok {
		return Installed{}, false
	}
	var v string
	meaningful(text, func(line string) bool {
		key, value, _ := strings.Cut(line, "=")
		switch strings.TrimSpace(key) {
		case "version", "version_info": // venv and uv; virtualenv
			v = strings.TrimSpace(value)
		}
		return v == ""
	})
	if parts := strings.Split(v, "."); len(parts) > 3 {
		v = strings.Join(parts[:3], ".") // 3.12.1.final.0
	}
	return Installed{Runtime: Python, Version: v, Manager: "venv", Path: dir}, Showable(v)
}

// goToolchain reads GOTOOLCHAIN: go1.24.3 is that one whatever go.mod says,
// go1.24.3+auto the lowest; local, auto and path name none.
func goToolchain(value string) (found, bool) {
	name, mode, more := strings.Cut(cut(value), "+")
	v, isVersion := strings.CutPrefix(name, "go")
	if !isVersion || v == "" {
		return found{}, false
	}
	if more && (mode == "auto" || mode == "path") {
		return found{runtime: Go, want: v, kind: Floor, fixed: true, demands: true}, true
	}
	return found{runtime: Go, want: v}, true
}

// goEnvFile is what `go env -w GOTOOLCHAIN=…` wrote.
func (p *Prober) goEnvFile() (Declaration, bool) {
	path := p.env.Getenv("GOENV")
	if path == "off" {
		return Declaration{}, false
	}
	if !filepath.IsAbs(path) {
		if path = p.configHome("go/env"); path == "" {
			return Declaration{}, false
		}
	}
	var d Declaration
	ok := false
	if text, there := p.read(path); there {
		meaningful(text, func(line string) bool {
			if value, is := strings.CutPrefix(line, "GOTOOLCHAIN="); is {
				var f found
				if f, ok = goToolchain(value); ok {
					d = f.declaration(Global, path)
				}
			}
			return true
		})
	}
	return d, ok
}

// localGo says that GOTOOLCHAIN forbids another toolchain than the one that is
// found, whatever go.mod demands.
func (p *Prober) localGo() bool {
	return p.env.Dir != "" && p.env.Getenv("GOTOOLCHAIN") == "local"
}

// rustupSettings is rustup's settings.toml.
type rustupSettings struct {
	path      string
	Default   string
	Overrides map[string]string // by directory
}

func (p *Prober) rustupSettings() *rustupSettings {
	if p.rustup != nil {
		return p.rustup
	}
	p.rustup = &rustupSettings{}
	home := p.rustupHome()
	if !p.there(home) {
		return p.rustup
	}
	path := filepath.Join(home, "settings.toml")
	if text, ok := p.read(path); ok {
		s := &rustupSettings{Overrides: map[string]string{}}
		err := visitTOML(text, func(key []string, value string) {
			switch {
			case len(key) == 1 && key[0] == "default_toolchain":
				s.Default = value
			case len(key) == 2 && key[0] == "overrides":
				s.Overrides[key[1]] = value
			}
		})
		if err != nil {
			p.note(path, err.Error())
		} else {
			p.rustup = s
		}
	}
	p.rustup.path = path
	return p.rustup
}

// global are the declarations of the managers' global files, in their order.
func (p *Prober) global(runtime string) []Declaration {
	var all []Declaration
	add := func(path, want string) {
		if want != "" {
			all = append(all, found{runtime: runtime, want: want}.declaration(Global, path))
		}
	}
	line := func(path string) { // a file with a version on its first line
		if p.there(filepath.Dir(path)) {
			if text, ok := p.read(path); ok {
				add(path, firstLine(text))
			}
		}
	}
	all = append(all, p.miseGlobals(runtime)...)
	switch runtime {
	case Node:
		// nvm and fnm switch per shell and tell in a variable what is on.
		if dir := p.variable("FNM_MULTISHELL_PATH"); dir != "" && p.env.Dir != "" {
			p.nodeAt(link(dir), add, "$FNM_MULTISHELL_PATH")
		}
		if dir := p.variable("NVM_BIN"); dir != "" && p.env.Dir != "" {
			p.nodeAt(filepath.Dir(dir), add, "$NVM_BIN")
		}
		if dir := voltaHome(p); p.there(dir) {
			path := filepath.Join(dir, "tools/user/platform.json")
			for _, f := range p.parse(path, voltaPlatform) {
				add(path, f.want)
			}
		}
		if path := p.nvmAlias("default"); p.there(p.nvmDir()) {
			line(path)
		}
		if dir := p.fnmDir(); p.there(dir) {
			path := filepath.Join(dir, "aliases/default")
			p.nodeAt(link(path), add, path)
		}
	case Python:
		if dir := pyenvRoot(p); dir != "" {
			line(filepath.Join(dir, "version"))
		}
		if dir := p.configHome("uv"); dir != "" {
			line(filepath.Join(dir, ".python-version"))
		}
	case Ruby:
		if dir := rbenvRoot(p); dir != "" {
			line(filepath.Join(dir, "version"))
		}
	case Go:
		if dir := goenvRoot(p); dir != "" {
			line(filepath.Join(dir, "version"))
		}
	case Rust:
		if s := p.rustupSettings(); s.Default != "" {
			add(s.path, withoutHost(cut(s.Default)))
		}
	case Java:
		if dir := sdkmanDir(p); p.there(dir) {
			path := filepath.Join(dir, "candidates/java/current")
			if target := link(path); target != "" {
				add(path, filepath.Base(target))
			}
		}
	}
	return all
}

// nodeAt declares the version whose directory is given: …/v20.1.0 of nvm,
// …/v20.1.0/installation of fnm.
func (p *Prober) nodeAt(dir string, add func(path, want string), source string) {
	if filepath.Base(dir) == "installation" {
		dir = filepath.Dir(dir)
	}
	if v := plain(Node, filepath.Base(dir)); dir != "" && Showable(v) && digit(v[0]) {
		add(source, v)
	}
}

// placed is what a global file says, and which.
type placed struct {
	found
	path string
}

// miseGlobals are what mise and asdf have for all directories of a user, and
// mise for all users.
func (p *Prober) miseGlobals(runtime string) []Declaration {
	if !p.readGlobal {
		p.readGlobal = true
		p.readGlobals()
	}
	var all []Declaration
	for _, f := range p.globals {
		if f.runtime == runtime {
			all = append(all, f.declaration(Global, f.path))
		}
	}
	return all
}

func (p *Prober) readGlobals() {
	read := func(path string, parse func(*Prober, []byte) ([]found, error)) {
		for _, f := range p.parse(path, parse) {
			p.globals = append(p.globals, placed{f, path})
		}
	}
	directory := func(dir string) {
		if !p.there(dir) {
			return
		}
		for _, name := range []string{"config.local.toml", "config.toml", "mise.local.toml", "mise.toml", "conf.d"} {
			for _, path := range p.miseAt(filepath.Join(dir, name)) {
				read(path, miseTOML)
			}
		}
	}
	if path := p.variable("MISE_GLOBAL_CONFIG_FILE"); path != "" {
		read(path, miseTOML)
	}
	if dir := p.variable("MISE_CONFIG_DIR"); dir != "" {
		directory(dir)
	} else {
		directory(p.configHome("mise"))
	}
	if path := p.home(toolVersions); path != "" && !p.sawHome {
		read(path, parseToolVersions)
	}
	directory(p.env.Root + "/etc/mise")
}

// current is omg's own choice: the name of a version beside the symlink, or the
// directory of one that another manager has.
func (p *Prober) current(runtime string) []Declaration {
	root := omgVersions(p)
	if !p.there(root) {
		return nil
	}
	path := filepath.Join(root, runtime, currentLink)
	target := link(path)
	if target == "" {
		return nil
	}
	name := filepath.Base(target)
	if name == "installation" { // fnm's
		name = filepath.Base(filepath.Dir(target))
	}
	d := found{runtime: runtime, want: plain(runtime, name)}.declaration(Current, path)
	for _, i := range p.Installed(runtime) {
		if i.Path == target || i.Path == filepath.Join(root, runtime, target) {
			d.found, d.Want = &i, i.Version
			break
		}
	}
	d.exact = d.found == nil
	return []Declaration{d}
}
