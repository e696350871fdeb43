package runtimes

import (
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// manager tells where a version manager installs versions.
type manager struct {
	name        string
	root        func(p *Prober) string // the manager's directory
	versionsDir string                 // the directory of the versions, relative to the manager's directory
	runtime     string                 // the only runtime that the manager installs; "" if it installs several
	// read returns the version in the subdirectory called name of the directory dir; false if it contains no version. If
	// the field read is nil, the name of each subdirectory is a version.
	read func(p *Prober, dir, name string) (Installation, bool)
}

// managers lists the version managers by precedence: if two have the same version, that of the first is used.
var managers = []manager{
	{name: "omg", root: omgVersionsDir},
	{name: "mise", root: (*Prober).miseInstalls},
	{name: "asdf", root: (*Prober).asdfInstallsDir},
	{name: "nvm", runtime: Node, root: (*Prober).nvmDir, versionsDir: "versions/node"},
	{name: "fnm", runtime: Node, root: (*Prober).fnmDir, versionsDir: "node-versions", read: readFnm},
	{name: "volta", runtime: Node, root: voltaHome, versionsDir: "tools/image/node"},
	{name: "pyenv", runtime: Python, root: pyenvRoot, versionsDir: "versions"},
	{name: "uv", runtime: Python, root: uvPythons, read: readUv},
	{name: "goenv", runtime: Go, root: goenvRoot, versionsDir: "versions"},
	{name: "go", runtime: Go, root: goToolchainsDir, read: readGoToolchain},
	{name: "rustup", runtime: Rust, root: (*Prober).rustupHome, versionsDir: "toolchains", read: readRustupToolchain},
	{name: "rbenv", runtime: Ruby, root: rbenvRoot, versionsDir: "versions"},
	{name: "sdkman", runtime: Java, root: sdkmanDir, versionsDir: "candidates/java"},
}

// managerRoot returns the directory of a manager; "" if unknown.
func (p *Prober) managerRoot(m manager) string {
	return p.findDirOnce(m.name, func() string { return m.root(p) })
}

func omgVersionsDir(p *Prober) string {
	if p.env.OmgDataDir == "" {
		return ""
	}
	return filepath.Join(p.env.OmgDataDir, "versions")
}

func (p *Prober) miseData() string {
	return p.findDirOnce("MISE_DATA_DIR", func() string {
		if d := p.absPathFromEnv("MISE_DATA_DIR"); d != "" {
			return d
		}
		return p.dataHome("mise")
	})
}

func (p *Prober) miseInstalls() string {
	return p.findDirOnce("mise's versions", func() string {
		if d := p.miseData(); d != "" {
			return filepath.Join(d, "installs")
		}
		return ""
	})
}

func (p *Prober) asdfInstallsDir() string {
	if d := p.envPathOrHome("ASDF_DATA_DIR", ".asdf"); d != "" {
		return filepath.Join(d, "installs")
	}
	return ""
}

// nvmDir returns the directory that nvm's installer uses.
func (p *Prober) nvmDir() string {
	if d := p.absPathFromEnv("NVM_DIR"); d != "" {
		return d
	}
	if d := p.absPathFromEnv("XDG_CONFIG_HOME"); d != "" {
		return filepath.Join(d, "nvm")
	}
	return p.homePath(".nvm")
}

// fnmDir returns the directory of fnm; the first versions of fnm used ~/.fnm.
func (p *Prober) fnmDir() string {
	if d := p.absPathFromEnv("FNM_DIR"); d != "" {
		return d
	}
	if d := p.dataHome("fnm"); p.isPresent(d) {
		return d
	}
	return p.homePath(".fnm")
}

func (p *Prober) rustupHome() string { return p.envPathOrHome("RUSTUP_HOME", ".rustup") }

func voltaHome(p *Prober) string { return p.envPathOrHome("VOLTA_HOME", ".volta") }
func pyenvRoot(p *Prober) string { return p.envPathOrHome("PYENV_ROOT", ".pyenv") }
func goenvRoot(p *Prober) string { return p.envPathOrHome("GOENV_ROOT", ".goenv") }
func rbenvRoot(p *Prober) string { return p.envPathOrHome("RBENV_ROOT", ".rbenv") }
func sdkmanDir(p *Prober) string { return p.envPathOrHome("SDKMAN_DIR", ".sdkman") }

func uvPythons(p *Prober) string {
	if d := p.absPathFromEnv("UV_PYTHON_INSTALL_DIR"); d != "" {
		return d
	}
	if d := p.dataHome("uv"); d != "" {
		return filepath.Join(d, "python")
	}
	return ""
}

// goToolchainsDir returns the directory of the toolchains that the go command has downloaded.
func goToolchainsDir(p *Prober) string {
	if d := p.goEnv("GOMODCACHE", ""); filepath.IsAbs(d) {
		return filepath.Join(d, "golang.org")
	}
	if first, _, _ := strings.Cut(p.goEnv("GOPATH", ""), ":"); filepath.IsAbs(first) {
		return filepath.Join(first, "pkg/mod/golang.org")
	}
	return p.homePath("go/pkg/mod/golang.org")
}

// asdfName returns asdf's name for a runtime.
func asdfName(runtime string) string {
	switch runtime {
	case Node:
		return "nodejs"
	case Go:
		return "golang"
	}
	return runtime
}

func readFnm(_ *Prober, dir, name string) (Installation, bool) {
	return Installation{Version: name, Path: filepath.Join(dir, name, "installation")}, true
}

// readUv parses a name like cpython-3.12.1-linux-x86_64-gnu.
func readUv(_ *Prober, dir, name string) (Installation, bool) {
	parts := strings.SplitN(name, "-", 3)
	if len(parts) < 3 || parts[1] == "" || !isDigit(parts[1][0]) {
		return Installation{}, false
	}
	v := parts[1]
	if parts[0] != "cpython" {
		v = parts[0] + "-" + v
	}
	return Installation{Version: v, Path: filepath.Join(dir, name)}, true
}

// readGoToolchain parses a name like toolchain@v0.0.1-go1.24.3.linux-amd64.
func readGoToolchain(_ *Prober, dir, name string) (Installation, bool) {
	rest, found := strings.CutPrefix(name, "toolchain@v0.0.1-go")
	v, here := strings.CutSuffix(rest, "."+runtime.GOOS+"-"+runtime.GOARCH)
	return Installation{Version: v, Path: filepath.Join(dir, name)}, found && here && v != ""
}

// readRustupToolchain parses a toolchain's name like 1.80.0-x86_64-unknown-linux-gnu. For a channel such as stable, the version
// comes from the name of a library of the compiler. The toolchain's manifest contains it too, but is a megabyte large.
func readRustupToolchain(p *Prober, dir, name string) (Installation, bool) {
	alias := trimHostTriple(name)
	i := Installation{Version: alias, Alias: alias, Path: filepath.Join(dir, name)}
	if isDigit(alias[0]) && strings.Count(alias, ".") >= 2 {
		return i, true
	}
	for _, e := range p.managerDirEntries(filepath.Join(i.Path, "lib"), maxEntries) {
		// libLLVM-22-rust-1.95.0-stable.so, libLLVM.so.18.1-rust-1.78.0-stable
		if !strings.HasPrefix(e.name, "libLLVM") {
			continue
		}
		_, v, found := strings.Cut(e.name, "-rust-")
		v = strings.TrimSuffix(strings.TrimSuffix(v, ".so"), "-stable")
		if found && Showable(v) && isDigit(v[0]) {
			i.Version = v
			break
		}
	}
	return i, true
}

// trimHostTriple removes the platform from a toolchain's name.
func trimHostTriple(name string) string {
	for _, arch := range []string{"-x86_64-", "-aarch64-", "-i686-", "-armv7-", "-arm-", "-riscv64gc-", "-powerpc64le-", "-loongarch64-", "-s390x-"} {
		if i := strings.Index(name, arch); i > 0 {
			return name[:i]
		}
	}
	return name
}

// Installed returns the installed versions of a runtime, newest first. Equal versions are in the order of managers.
func (p *Prober) Installed(name string) []Installation {
	return slices.DeleteFunc(slices.Clone(p.candidates(name)), func(i Installation) bool { return !p.isComplete(i) })
}

// candidates returns the versions of a runtime that have a directory or a package, newest first. Some may be installed
// only in part: the method isComplete checks that.
func (p *Prober) candidates(name string) []Installation {
	all, known := p.installationsByRuntime[name]
	if known {
		return all
	}
	for _, m := range managers {
		if m.runtime != "" && m.runtime != name {
			continue
		}
		root := p.managerRoot(m)
		if !p.isPresent(root) {
			continue
		}
		dir := filepath.Join(root, m.versionsDir)
		switch m.name {
		case "omg", "mise":
			dir = filepath.Join(root, name)
		case "asdf":
			dir = filepath.Join(root, asdfName(name))
		}
		for _, entry := range p.versionDirs(dir) {
			if m.name == "omg" && entry == currentLink {
				continue // the symlink that Use makes is not an installed version
			}
			i := Installation{Version: entry, Path: filepath.Join(dir, entry)}
			if m.read != nil {
				var ok bool
				if i, ok = m.read(p, dir, entry); !ok {
					continue
				}
			}
			i.Runtime, i.Manager, i.Version = name, m.name, bareVersion(name, i.Version)
			if Showable(i.Version) {
				all = append(all, i)
			}
		}
	}
	if name == Java {
		all = append(all, p.jvms()...)
	} else if i, ok := p.systemInstallation(name); ok {
		all = append(all, i)
	}
	slices.SortStableFunc(all, func(a, b Installation) int { return compareVersions(name, b.Version, a.Version) })
	p.installationsByRuntime[name] = all
	return all
}

// isComplete reports whether a version is completely installed. nvm requires bin/node, and mise marks an unfinished
// installation. With most other managers, a directory that has files but not the runtime's program is left over from a
// failed installation or removal.
func (p *Prober) isComplete(i Installation) bool {
	switch i.Manager {
	case "nvm":
		return accessible(filepath.Join(i.Path, "bin/node"))
	case "rustup", "go", "system", "JAVA_HOME", "venv", "":
		return true
	case "mise":
		if cache := p.miseCacheDir(i.Runtime); p.isPresent(cache) && accessible(filepath.Join(cache, filepath.Base(i.Path), "incomplete")) {
			return false
		}
	}
	for _, dir := range []string{"bin", "go/bin", "."} { // asdf installs Go in a subdirectory named go
		for _, program := range programsOf(i.Runtime) {
			if accessible(filepath.Join(i.Path, dir, program)) {
				return true
			}
		}
	}
	names, more := p.firstNames(i.Path, 1)
	if len(names) == 1 && names[0] == "bin" && !more {
		bin, _ := p.firstNames(filepath.Join(i.Path, "bin"), maxEntries)
		return len(bin) == 0 || slices.ContainsFunc(bin, func(name string) bool {
			return i.Runtime == Python && (strings.HasPrefix(name, "py") || strings.HasPrefix(name, "graalpy"))
		})
	}
	return len(names) == 0
}

// miseCacheDir returns the directory in which mise marks unfinished installs of a runtime.
func (p *Prober) miseCacheDir(runtime string) string {
	dir := p.absPathFromEnv("MISE_CACHE_DIR")
	if dir == "" {
		if dir = p.envPathOrHome("XDG_CACHE_HOME", ".cache"); dir == "" {
			return ""
		}
		dir = filepath.Join(dir, "mise")
	}
	return filepath.Join(dir, runtime)
}

// RuntimeOfPackage returns the runtime that a package of pacman contains. Java is left out: several Java packages may be
// installed, and /usr/lib/jvm/default selects one of them.
func RuntimeOfPackage(name string) (runtime string, ok bool) {
	switch name {
	case "nodejs":
		return Node, true
	case "python", "go", "rust", "ruby", "bun":
		return name, true
	case "bun-bin":
		return Bun, true
	}
	if strings.HasPrefix(name, "nodejs-lts-") {
		return Node, true
	}
	return "", false
}

// TrimPackageVersion returns a package's version without epoch and release: 2:1.26.0-1 becomes 1.26.0.
func TrimPackageVersion(full string) string {
	if i := strings.IndexByte(full, ':'); i >= 0 {
		full = full[i+1:]
	}
	if i := strings.LastIndexByte(full, '-'); i >= 0 {
		full = full[:i]
	}
	return full
}

// SystemVersions returns, by runtime, the versions that the system's packages contain, including the default Java. If
// Env.SystemVersions is nil, the versions are read from the names in pacman's local database.
func (p *Prober) SystemVersions() map[string]string {
	if p.cachedSystemVersions != nil {
		return p.cachedSystemVersions
	}
	p.cachedSystemVersions = map[string]string{}
	for _, e := range p.managerDirEntries(filepath.Join(p.env.DBPath, "local"), maxPackages) {
		// name-version-release
		i := strings.LastIndexByte(e.name, '-')
		if i <= 0 {
			continue
		}
		if i = strings.LastIndexByte(e.name[:i], '-'); i <= 0 {
			continue
		}
		runtime, ok := RuntimeOfPackage(e.name[:i])
		if v := TrimPackageVersion(e.name[i+1:]); ok && Showable(v) {
			p.cachedSystemVersions[runtime] = v
		}
	}
	if i, ok := p.systemInstallation(Java); ok {
		p.cachedSystemVersions[Java] = i.Version
	}
	return p.cachedSystemVersions
}

// systemInstallation returns the version that runs if no manager and no declaration decides: the system's package, or Go
// in /usr/local/go.
func (p *Prober) systemInstallation(runtime string) (Installation, bool) {
	one, known := p.systemInstallations[runtime]
	if !known {
		one.Installation, one.ok = p.findSystemInstallation(runtime)
		p.systemInstallations[runtime] = one
	}
	return one.Installation, one.ok
}

func (p *Prober) findSystemInstallation(runtime string) (Installation, bool) {
	if runtime == Java {
		return p.defaultJVM()
	}
	if v := p.SystemVersions()[runtime]; v != "" {
		return Installation{Runtime: runtime, Version: v, Manager: "system"}, true
	}
	if dir := p.env.Root + "/usr/local/go"; runtime == Go {
		if text, ok := p.read(filepath.Join(dir, "VERSION")); ok {
			v := bareRequest(Go, firstLine(text))
			return Installation{Runtime: Go, Version: v, Manager: "system", Path: dir}, Showable(v)
		}
	}
	return Installation{}, false
}
