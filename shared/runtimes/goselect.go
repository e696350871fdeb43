package runtimes

import (
	"bytes"
	"cmp"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// This file chooses a toolchain as the go command does (cmd/go/internal/toolchain). The go command in PATH or of a
// version manager is the local toolchain. It either runs itself or switches to another toolchain: to the newest of
// those that GOTOOLCHAIN, the toolchain line and the go line require.

// goRequirement is what go.work requires, or the nearest go.mod if there is no go.work. The field language is the version in
// the go line, and the field toolchain the name in the toolchain line. A field is "" if the line does not exist.
type goRequirement struct {
	path, language, toolchain string
}

// goEnv returns a setting of the go command: from the environment, otherwise from the file that the command `go env -w`
// writes, otherwise from the file go.env in GOROOT. The parameter root is GOROOT; "" leaves out the file go.env.
func (p *Prober) goEnv(name, root string) string {
	if v := p.shellEnvVariable(name); v != "" {
		return v
	}
	if v := p.goEnvFileSettings()[name]; v != "" {
		return v
	}
	if root == "" {
		return ""
	}
	return p.goSettings(filepath.Join(root, "go.env"))[name]
}

// goEnvFileSettings returns the settings that the command `go env -w` wrote.
func (p *Prober) goEnvFileSettings() map[string]string {
	if path := p.goEnvPath(); path != "" {
		return p.goSettings(path)
	}
	return nil
}

func (p *Prober) goEnvPath() string {
	path := p.shellEnvVariable("GOENV")
	if path == "off" {
		return ""
	}
	if !filepath.IsAbs(path) {
		path = p.configHomeSubdir("go/env")
	}
	return path
}

func (p *Prober) goSettings(path string) map[string]string {
	all, known := p.goSettingsByPath[path]
	if known {
		return all
	}
	all = map[string]string{}
	p.goSettingsByPath[path] = all
	text, ok := p.read(path)
	if !ok {
		return all
	}
	for b := range bytes.Lines(text) {
		name, value, is := bytes.Cut(bytes.TrimSpace(b), []byte("="))
		if is && !bytes.HasPrefix(name, []byte("#")) {
			all[string(name)] = truncateWant(string(value))
		}
	}
	return all
}

// goRoot returns the GOROOT of the go command of an installed version.
func (p *Prober) goRoot(local Installation) string {
	if root := p.absPathFromEnv("GOROOT"); root != "" && p.inShell() {
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

// findGoRequirement finds go.work and go.mod as the go command does: it searches upwards along the path in $PWD, whose symlinks
// are not resolved.
func (p *Prober) findGoRequirement() goRequirement {
	if p.cachedGoRequirement != nil {
		return *p.cachedGoRequirement
	}
	d := &goRequirement{}
	p.cachedGoRequirement = d
	path := ""
	switch work := p.goEnv("GOWORK", ""); {
	case work == "off":
	case work == "", work == "auto":
		path = p.nearestFile("go.work")
	case filepath.IsAbs(work):
		if p.isPresent(work) {
			path = work
		}
	}
	if path == "" {
		path = p.nearestFile("go.mod")
	}
	if path == "" {
		return *d
	}
	if text, ok := p.read(path); ok {
		d.path, d.language, d.toolchain = path, goModDirectiveValue(text, "go"), goModDirectiveValue(text, "toolchain")
	}
	return *d
}

// nearestFile returns the path of the file called name in the working directory. If the working directory does not contain
// this file, nearest returns the file's path in the nearest directory above that does; "" if no directory does.
func (p *Prober) nearestFile(name string) string {
	dirs, _ := p.dirChains()
	for i := 0; ; i++ {
		l := dirs.at(i)
		if l == nil {
			return ""
		}
		if path := filepath.Join(l.dir, name); l.has(name) && (p.listedFileType(path) == unix.DT_REG || !isDirectory(path)) {
			return path
		}
	}
}

// goModDirectiveValue returns the text after a word on the first line that begins with this word.
func goModDirectiveValue(text []byte, word string) string {
	for b := range bytes.Lines(text) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(string(b)), word)
		if ok && rest != "" && (rest[0] == ' ' || rest[0] == '\t') {
			rest, _, _ = strings.Cut(rest, "//")
			return truncateWant(strings.TrimSpace(rest))
		}
	}
	return ""
}

// goDeclaration returns the requirement of go.work or go.mod as a declaration.
func (p *Prober) goDeclaration() (Declaration, bool) {
	d := p.findGoRequirement()
	want := d.language
	if v := goVersionOf(d.toolchain); v != "" && compareGo(v, want) >= 0 {
		want = v
	}
	if want == "" {
		return Declaration{}, false
	}
	f := rawDeclaration{runtime: Go, want: want, kind: KindFloor, kindIsSet: true, isRequirement: true}
	return f.toDeclaration(ScopeDirectory, d.path), true
}

// goChoice is the Go toolchain that the go command would run.
type goChoice struct {
	version  string // the toolchain's name without "go"; "" means the local toolchain
	declared *Declaration
	pathOnly bool // GOTOOLCHAIN=path: the module cache is not used
}

// chooseGo does what the function Select in cmd/go/internal/toolchain does.
func (p *Prober) chooseGo(local Installation) goChoice {
	var none goChoice
	if local.Version != "" && compareGo(local.Version, "1.21rc0") < 0 && validGo(local.Version) {
		return none // Go before 1.21 cannot switch to another toolchain
	}
	root := p.goRoot(local)
	switch p.goEnv("GO111MODULE", root) {
	case "", "on":
	case "auto":
		if p.nearestFile("go.mod") == "" {
			return none
		}
	default:
		return none
	}
	setting := p.goEnv("GOTOOLCHAIN", root)
	if setting == "" {
		if p.isPresent(filepath.Join(root, "bin/go")) {
			return none // go.env of this Go does not set GOTOOLCHAIN
		}
		setting = "auto"
	}
	source := "$GOTOOLCHAIN"
	if p.shellEnvVariable("GOTOOLCHAIN") == "" {
		source = p.goEnvPath()
		if p.goEnvFileSettings()["GOTOOLCHAIN"] == "" {
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
		p.addNote(source, "GOTOOLCHAIN has a value that the go command rejects")
		return none
	case least != "local":
		lowest = goVersionOf(least)
		scope := ScopeGlobal
		if source[0] == '$' {
			scope = ScopeEnvironment
		}
		d := rawDeclaration{runtime: Go, want: strings.TrimPrefix(least, "go")}.toDeclaration(scope, source)
		choice.version, choice.declared = d.Want, &d
	}
	choice.pathOnly = mode == "path"
	demand := p.findGoRequirement()
	if mode == "" || demand.toolchain == "default" {
		return choice
	}
	d, ok := p.goDeclaration()
	if !ok {
		return choice
	}
	if v := goVersionOf(demand.toolchain); v != "" && compareGo(v, lowest) > 0 {
		lowest, choice.version, choice.declared = v, strings.TrimPrefix(demand.toolchain, "go"), &d
	}
	if v := demand.language; compareGo(v, lowest) > 0 {
		choice.version, choice.declared = v, &d
		if g := parseGo(v); g.patch == "" && g.prereleaseKind == "" && compareGo(v, "1.21") >= 0 {
			choice.version += ".0" // the first release of the language version 1.21 is 1.21.0
		}
	}
	return choice
}

// activeGo returns the version of Go that the go command runs. local is the version that would run without GOTOOLCHAIN,
// go.work and go.mod.
func (p *Prober) activeGo(local Active) Active {
	if local.Missing {
		return local
	}
	d, demanded := p.goDeclaration()
	choice := p.chooseGo(Installation{Version: local.Version, Manager: local.Manager, Path: local.Path})
	if choice.version == "" || choice.version == local.Version {
		// The local version runs. Declared is set to the requirement in go.work or go.mod, unless an environment
		// variable or a file in a directory already declares the version.
		if demanded && local.Version != "" {
			if local.Declared == nil || local.Declared.Scope > ScopeDirectory {
				local.Declared = &d
			}
			local.Differs = local.Differs || validGo(local.Version) && compareGo(local.Version, d.Want) < 0
		}
		return local
	}
	a := Active{Runtime: Go, Version: choice.version, Declared: choice.declared}
	name := "go" + choice.version
	for _, in := range p.pathDirs() {
		if path := filepath.Join(in.dir, name); p.isPresent(path) {
			a.Manager, a.Path = "go", path
			return a
		}
	}
	if dir := filepath.Join(goToolchainsDir(p), "toolchain@v0.0.1-"+name+"."+runtime.GOOS+"-"+runtime.GOARCH); !choice.pathOnly && p.isPresent(dir) {
		a.Manager, a.Path = "go", dir
		return a
	}
	a.Missing = true
	return a
}

// parsedGoVersion is a parsed version of Go: 1.21rc2 is 1, 21, "", rc, 2.
type parsedGoVersion struct {
	major, minor, patch, prereleaseKind, pre string
}

// parseGo parses a version of Go as internal/gover does; for an invalid version it returns the zero parsedGoVersion.
func parseGo(s string) parsedGoVersion {
	var v parsedGoVersion
	number := func() (n string, ok bool) {
		i := countDigits(s)
		if i == 0 || i > 1 && s[0] == '0' {
			return "", false
		}
		n, s = s[:i], s[i:]
		return n, true
	}
	var ok bool
	if v.major, ok = number(); !ok {
		return parsedGoVersion{}
	}
	if s == "" {
		v.minor, v.patch = "0", "0" // 1 is 1.0.0
		return v
	}
	if s[0] != '.' {
		return parsedGoVersion{}
	}
	s = s[1:]
	if v.minor, ok = number(); !ok {
		return parsedGoVersion{}
	}
	if s == "" {
		if compareDigits(v.minor, "21") < 0 {
			v.patch = "0" // 1.20 is 1.20.0, but 1.21 is a language version
		}
		return v
	}
	if s[0] == '.' {
		s = s[1:]
		if v.patch, ok = number(); !ok || s != "" {
			return parsedGoVersion{}
		}
		return v
	}
	i := 0
	for i < len(s) && 'a' <= s[i] && s[i] <= 'z' {
		i++
	}
	v.prereleaseKind, s = s[:i], s[i:]
	if v.pre, ok = number(); !ok || i == 0 || s != "" {
		return parsedGoVersion{}
	}
	return v
}

func validGo(s string) bool { return parseGo(s) != parsedGoVersion{} }

// goVersionOf returns the version in a toolchain's name, go1.21.3 or go1.21.3-custom; "" if the name is invalid.
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

// compareGo orders versions of Go as internal/gover does; an invalid version comes first.
func compareGo(x, y string) int {
	v, w := parseGo(x), parseGo(y)
	return cmp.Or(
		compareDigits(v.major, w.major), compareDigits(v.minor, w.minor), compareDigits(v.patch, w.patch),
		cmp.Compare(v.prereleaseKind, w.prereleaseKind), compareDigits(v.pre, w.pre),
	)
}

func compareDigits(x, y string) int { return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y)) }
