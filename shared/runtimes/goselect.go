package runtimes

import (
	"bytes"
	"cmp"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// This file implements the go command's choice of a toolchain, cmd/go/internal/toolchain: the go in PATH or of a
// manager is the local toolchain. It runs itself, or exactly the toolchain that is the newest of those in GOTOOLCHAIN,
// the toolchain line and the go line.

// goDemand holds the lines of go.work, otherwise of the nearest go.mod; both are "" if the file lacks them or does not
// exist.
type goDemand struct {
	path, language, toolchain string
}

// goEnv returns a setting of the go command: from the environment, otherwise from `go env -w`, otherwise from go.env in
// its own directory.
func (p *Prober) goEnv(name, root string) string {
	if v := p.shellVariable(name); v != "" {
		return v
	}
	if v := p.goEnvFile()[name]; v != "" {
		return v
	}
	if root == "" {
		return ""
	}
	return p.goSettings(filepath.Join(root, "go.env"))[name]
}

// goEnvFile returns the settings that `go env -w` wrote.
func (p *Prober) goEnvFile() map[string]string {
	if path := p.goEnvPath(); path != "" {
		return p.goSettings(path)
	}
	return nil
}

func (p *Prober) goEnvPath() string {
	path := p.shellVariable("GOENV")
	if path == "off" {
		return ""
	}
	if !filepath.IsAbs(path) {
		path = p.configHome("go/env")
	}
	return path
}

func (p *Prober) goSettings(path string) map[string]string {
	all, known := p.goTexts[path]
	if known {
		return all
	}
	all = map[string]string{}
	p.goTexts[path] = all
	text, ok := p.read(path)
	if !ok {
		return all
	}
	for b := range bytes.Lines(text) {
		name, value, is := bytes.Cut(bytes.TrimSpace(b), []byte("="))
		if is && !bytes.HasPrefix(name, []byte("#")) {
			all[string(name)] = cut(string(value))
		}
	}
	return all
}

// goRoot returns the directory of a go command.
func (p *Prober) goRoot(local Installation) string {
	if root := p.variable("GOROOT"); root != "" && p.shellCounts() {
		return root
	}
	switch {
	case local.Path == "":
		return p.env.Root + "/usr/lib/go" // pacman's package
	case local.Manager == "asdf":
		return filepath.Join(local.Path, "go")
	}
	return local.Path
}

// goDemands finds go.work and go.mod as the go command does: upwards along the working directory's name, not its
// resolved path.
func (p *Prober) goDemands() goDemand {
	if p.goDemanded != nil {
		return *p.goDemanded
	}
	d := &goDemand{}
	p.goDemanded = d
	path := ""
	switch work := p.goEnv("GOWORK", ""); {
	case work == "off":
	case work == "", work == "auto":
		path = p.nearest("go.work")
	case filepath.IsAbs(work):
		if p.isPresent(work) {
			path = work
		}
	}
	if path == "" {
		path = p.nearest("go.mod")
	}
	if path == "" {
		return *d
	}
	if text, ok := p.read(path); ok {
		d.path, d.language, d.toolchain = path, goModLine(text, "go"), goModLine(text, "toolchain")
	}
	return *d
}

// nearest returns the path of a file in the working directory or the nearest one above that has it; "" if there is
// none.
func (p *Prober) nearest(name string) string {
	dirs, _ := p.dirChains()
	for i := 0; ; i++ {
		l := dirs.at(i)
		if l == nil {
			return ""
		}
		if path := filepath.Join(l.dir, name); l.has(name) && (p.listed(path) == unix.DT_REG || !isDirectory(path)) {
			return path
		}
	}
}

// goModLine returns what follows a word on the first line that begins with it.
func goModLine(text []byte, word string) string {
	for b := range bytes.Lines(text) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(string(b)), word)
		if ok && rest != "" && (rest[0] == ' ' || rest[0] == '\t') {
			rest, _, _ = strings.Cut(rest, "//")
			return cut(strings.TrimSpace(rest))
		}
	}
	return ""
}

// goDeclared returns the requirement of go.work or go.mod as a declaration.
func (p *Prober) goDeclared() (Declaration, bool) {
	d := p.goDemands()
	want := d.language
	if v := goVersionOf(d.toolchain); v != "" && compareGo(v, want) >= 0 {
		want = v
	}
	if want == "" {
		return Declaration{}, false
	}
	f := rawDeclaration{runtime: Go, want: want, kind: Floor, fixed: true, demands: true}
	return f.declaration(Directory, d.path), true
}

// goChoice is the toolchain that runs, by its name without "go", and what decided; "" means the local one.
type goChoice struct {
	version  string
	declared *Declaration
	pathOnly bool // GOTOOLCHAIN=path: the module cache is not used
}

// chooseGo implements cmd/go's Select.
func (p *Prober) chooseGo(local Installation) goChoice {
	var none goChoice
	if local.Version != "" && compareGo(local.Version, "1.21rc0") < 0 && validGo(local.Version) {
		return none // it does not support other toolchains
	}
	root := p.goRoot(local)
	switch p.goEnv("GO111MODULE", root) {
	case "", "on":
	case "auto":
		if p.nearest("go.mod") == "" {
			return none
		}
	default:
		return none
	}
	setting := p.goEnv("GOTOOLCHAIN", root)
	if setting == "" {
		if p.isPresent(filepath.Join(root, "bin/go")) {
			return none // its go.env has no such line
		}
		setting = "auto"
	}
	source := "$GOTOOLCHAIN"
	if p.shellVariable("GOTOOLCHAIN") == "" {
		source = p.goEnvPath()
		if p.goEnvFile()["GOTOOLCHAIN"] == "" {
			source = filepath.Join(root, "go.env")
		}
	}
	least, mode, both := strings.Cut(setting, "+")
	choice := goChoice{}
	lowest := local.Version
	switch {
	case setting == "auto" || setting == "path":
		mode = setting
	case both && mode != "auto" && mode != "path" || least != "local" && goVersionOf(least) == "":
		p.note(source, "GOTOOLCHAIN has a value that the go command rejects")
		return none
	case least != "local":
		lowest = goVersionOf(least)
		scope := Global
		if source[0] == '$' {
			scope = Environment
		}
		d := rawDeclaration{runtime: Go, want: strings.TrimPrefix(least, "go")}.declaration(scope, source)
		choice.version, choice.declared = d.Want, &d
	}
	choice.pathOnly = mode == "path"
	demand := p.goDemands()
	if mode == "" || demand.toolchain == "default" {
		return choice
	}
	d, ok := p.goDeclared()
	if !ok {
		return choice
	}
	if v := goVersionOf(demand.toolchain); v != "" && compareGo(v, lowest) > 0 {
		lowest, choice.version, choice.declared = v, strings.TrimPrefix(demand.toolchain, "go"), &d
	}
	if v := demand.language; compareGo(v, lowest) > 0 {
		choice.version, choice.declared = v, &d
		if g := parseGo(v); g.patch == "" && g.kind == "" && compareGo(v, "1.21") >= 0 {
			choice.version += ".0" // a language's first release
		}
	}
	return choice
}

// activeGo returns the version that the go command runs, where local is the version without GOTOOLCHAIN, go.work and
// go.mod.
func (p *Prober) activeGo(local Active) Active {
	if local.Missing {
		return local
	}
	d, demanded := p.goDeclared()
	choice := p.chooseGo(Installation{Version: local.Version, Manager: local.Manager, Path: local.Path})
	if choice.version == "" || choice.version == local.Version {
		// If the local version satisfies the file, the file is what declared it.
		if demanded && local.Version != "" {
			if local.Declared == nil || local.Declared.Scope > Directory {
				local.Declared = &d
			}
			local.Differs = local.Differs || validGo(local.Version) && compareGo(local.Version, d.Want) < 0
		}
		return local
	}
	a := Active{Runtime: Go, Version: choice.version, Declared: choice.declared}
	name := "go" + choice.version
	for _, in := range p.path() {
		if path := filepath.Join(in.dir, name); p.isPresent(path) {
			a.Manager, a.Path = "go", path
			return a
		}
	}
	if dir := filepath.Join(goToolchains(p), "toolchain@v0.0.1-"+name+"."+runtime.GOOS+"-"+runtime.GOARCH); !choice.pathOnly && p.isPresent(dir) {
		a.Manager, a.Path = "go", dir
		return a
	}
	a.Missing = true
	return a
}

// goVersion is a parsed version of Go: 1.21rc2 is 1, 21, "", rc, 2.
type goVersion struct {
	major, minor, patch, kind, pre string
}

// parseGo parses a version of Go as internal/gover does; an invalid one is the zero goVersion.
func parseGo(s string) goVersion {
	var v goVersion
	number := func() (n string, ok bool) {
		i := digits(s)
		if i == 0 || i > 1 && s[0] == '0' {
			return "", false
		}
		n, s = s[:i], s[i:]
		return n, true
	}
	var ok bool
	if v.major, ok = number(); !ok {
		return goVersion{}
	}
	if s == "" {
		v.minor, v.patch = "0", "0" // 1 is 1.0.0
		return v
	}
	if s[0] != '.' {
		return goVersion{}
	}
	s = s[1:]
	if v.minor, ok = number(); !ok {
		return goVersion{}
	}
	if s == "" {
		if compareDigits(v.minor, "21") < 0 {
			v.patch = "0" // 1.20 is 1.20.0; 1.21 is a language
		}
		return v
	}
	if s[0] == '.' {
		s = s[1:]
		if v.patch, ok = number(); !ok || s != "" {
			return goVersion{}
		}
		return v
	}
	i := 0
	for i < len(s) && 'a' <= s[i] && s[i] <= 'z' {
		i++
	}
	v.kind, s = s[:i], s[i:]
	if v.pre, ok = number(); !ok || i == 0 || s != "" {
		return goVersion{}
	}
	return v
}

func validGo(s string) bool { return parseGo(s) != goVersion{} }

// goVersionOf returns the version in a toolchain's name, go1.21.3 or go1.21.3-custom; "" if it is not one.
func goVersionOf(toolchain string) string {
	v, ok := strings.CutPrefix(toolchain, "go")
	if i := strings.IndexAny(v, " \t-"); i >= 0 {
		v = v[:i]
	}
	if !ok || !validGo(v) || strings.ContainsAny(toolchain, `\/`) {
		return ""
	}
	return v
}

// compareGo orders versions of Go as internal/gover does; an invalid one comes first.
func compareGo(x, y string) int {
	v, w := parseGo(x), parseGo(y)
	return cmp.Or(
		compareDigits(v.major, w.major), compareDigits(v.minor, w.minor), compareDigits(v.patch, w.patch),
		cmp.Compare(v.kind, w.kind), compareDigits(v.pre, w.pre),
	)
}

func compareDigits(x, y string) int { return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y)) }
