package runtimes

import (
	"path/filepath"
	"slices"
	"strings"
)

// pythonImplementation returns the Python implementation for one of uv's names or abbreviations; "" means CPython.
func pythonImplementation(name string) (implementation string, known bool) {
	switch name {
	case "python", "cpython", "cp":
		return "", true
	case "pypy", "pp":
		return "pypy", true
	case "graalpy", "gp":
		return "graalpy", true
	case "pyodide":
		return "pyodide", true
	}
	return "", false
}

func isPythonImplementation(want string) bool {
	implementation, _ := pythonImplementation(want)
	return want != "" && implementation == want
}

// normalizePythonRequest converts a version in uv's notation to a plain version: cpython@3.12 and cp312 become 3.12, and
// pypy-3.10.14-linux-x86_64-gnu becomes pypy-3.10.14. Any other text is returned unchanged.
func normalizePythonRequest(want string) string {
	i := 0
	for i < len(want) && isLetter(want[i]) {
		i++
	}
	name, rest := strings.ToLower(want[:i]), strings.TrimLeft(want[i:], "@-")
	implementation, known := pythonImplementation(name)
	switch {
	case !known:
		rest, implementation = want, ""
		if i > 0 || want == "" || !isDigit(want[0]) {
			return want
		}
	case rest == "":
		if implementation == "" {
			return "latest"
		}
		return implementation
	case !isDigit(rest[0]) && strings.IndexByte("<>=~!", rest[0]) >= 0:
		return rest
	case !isDigit(rest[0]):
		return want
	case len(name) == 2 && len(rest) > 1 && countDigits(rest) == len(strings.TrimRight(rest, "td")): // cp313t
		rest = rest[:1] + "." + rest[1:]
	}
	// VERSION-OS-ARCHITECTURE-LIBC
	if parts := strings.Split(rest, "-"); len(parts) >= 2 {
		switch parts[1] {
		case "linux", "any":
			rest = parts[0]
		case "macos", "darwin", "windows", "emscripten":
			return want
		}
	}
	if implementation != "" {
		return implementation + "-" + rest
	}
	return rest
}

// splitPythonVariant splits the text after the numbers of a version into the variant and the text before the variant: rc1t
// becomes rc1 and freethreaded.
func splitPythonVariant(text string) (without, variant string) {
	for _, v := range []struct{ suffix, name string }{
		{"+freethreaded+debug", "freethreaded+debug"},
		{"+freethreaded", "freethreaded"},
		{"+debug", "debug"},
		{"+gil", ""},
		{"td", "freethreaded+debug"},
		{"t", "freethreaded"},
		{"d", "debug"},
	} {
		if before, ok := strings.CutSuffix(text, v.suffix); ok && (before == "" || isDigit(before[len(before)-1])) {
			return before, v.name
		}
	}
	return text, ""
}

// activatedPython returns the Python environment that the shell has activated, as a declaration. If a virtual environment and
// an environment of conda are both active, the one that comes first in PATH is returned.
func (p *Prober) activatedPython() (Declaration, bool) {
	virtual, conda := p.absPathFromEnv("VIRTUAL_ENV"), p.absPathFromEnv("CONDA_PREFIX")
	first := func(dir string) int {
		at := slices.IndexFunc(p.pathDirs(), func(in pathEntry) bool { return in.name == "bin" && in.parentDir == dir })
		if at < 0 {
			return len(p.pathDirs())
		}
		return at
	}
	in := func(variable, want string, i *Installation) (Declaration, bool) {
		d := rawDeclaration{runtime: Python, want: want, kindIsSet: true}.toDeclaration(ScopeEnvironment, "$"+variable)
		d.dirInstallation, d.isDirWithoutRuntime = i, i == nil
		return d, true
	}
	if virtual == "" || conda != "" && first(conda) < first(virtual) {
		if i, ok := p.condaPython(conda); ok {
			return in("CONDA_PREFIX", i.Version, &i)
		}
	}
	if virtual == "" {
		return Declaration{}, false
	}
	i, ok := p.virtualEnv(virtual)
	switch {
	case ok:
		return in("VIRTUAL_ENV", i.Version, &i)
	case i.Version != "":
		return in("VIRTUAL_ENV", i.Version, nil)
	}
	return in("VIRTUAL_ENV", filepath.Base(virtual), nil)
}

// condaPython returns the Python in an environment of conda. The version comes from the name of the file that describes
// the package: python-3.10.14-h955ad1f_1.json.
func (p *Prober) condaPython(dir string) (Installation, bool) {
	if dir == "" {
		return Installation{}, false
	}
	for _, e := range p.managerDirEntries(filepath.Join(dir, "conda-meta"), maxEntries) {
		record, isJSON := strings.CutSuffix(e.name, ".json")
		rest, python := strings.CutPrefix(record, "python-")
		v, build, both := strings.Cut(rest, "-")
		if isJSON && python && both && !strings.Contains(build, "-") && Showable(v) && isDigit(v[0]) {
			return Installation{Runtime: Python, Version: v, Manager: "conda", Path: dir}, true
		}
	}
	return Installation{}, false
}

// virtualEnv returns the Python of a virtual environment. The file pyvenv.cfg contains the version from the creation of
// the environment. The interpreter is a symlink, whose target may have been upgraded or removed since.
func (p *Prober) virtualEnv(dir string) (Installation, bool) {
	text, ok := p.read(filepath.Join(dir, "pyvenv.cfg"))
	if !ok {
		return Installation{}, false
	}
	var v string
	eachLine(text, func(line string) bool {
		key, value, _ := strings.Cut(line, "=")
		switch strings.TrimSpace(key) {
		case "version", "version_info": // venv and uv write version, virtualenv writes version_info
			v = strings.TrimSpace(value)
		}
		return v == ""
	})
	if parts := strings.Split(v, "."); len(parts) > 3 {
		v = strings.Join(parts[:3], ".") // of 3.12.1.final.0
	}
	i := Installation{Runtime: Python, Version: v, Manager: "venv", Path: dir}
	if target := p.followed(filepath.Join(dir, "bin/python")); target != "" {
		now, known := p.interpreterInstallation(target)
		switch {
		case known:
			i.Version = now.Version
		case !p.isPresent(target):
			return Installation{Version: v}, false
		}
	}
	return i, Showable(i.Version)
}

// followed returns the last target of a chain of symlinks, as far as the chain can be followed; "" if path is not a
// symlink.
func (p *Prober) followed(path string) string {
	at := ""
	for range 8 {
		target := readLink(path)
		if target == "" {
			break
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path, at = target, target
		if p.isSystemBin(filepath.Dir(path)) {
			break // the method interpreterInstallation recognizes a program of pacman's packages by this path
		}
	}
	return at
}

// interpreterInstallation returns the Python that the program at path belongs to: an installed version, or the system's Python.
func (p *Prober) interpreterInstallation(path string) (Installation, bool) {
	path = filepath.Clean(path)
	if i, ok := p.installationContaining(Python, path); ok {
		return i, true
	}
	if real := resolvePath(filepath.Dir(path)); real != "" && real != filepath.Dir(path) {
		if i, ok := p.installationContaining(Python, real); ok {
			return i, true
		}
	}
	if !p.isSystemBin(filepath.Dir(path)) {
		return Installation{}, false
	}
	system, ok := p.systemInstallation(Python)
	minor := strings.TrimPrefix(filepath.Base(path), "python")
	if minor == "" || minor == "3" || ok && strings.HasPrefix(system.Version+".", minor+".") {
		return system, ok
	}
	return Installation{}, false
}
