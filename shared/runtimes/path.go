package runtimes

import (
	"path/filepath"
	"slices"
	"strings"
)

// maxPathEntries limits how many entries of PATH are searched.
const maxPathEntries = 256

// programsOf returns the names of a runtime's programs, in the order in which they are searched.
func programsOf(runtime string) []string {
	switch runtime {
	case Python:
		return []string{"python", "python3"}
	case Rust:
		return []string{"rustc", "cargo"}
	}
	return []string{runtime}
}

// pathEntry is the path of a directory in PATH, also split into the directory above and the name.
type pathEntry struct{ dir, parentDir, name string }

// pathDirs returns the directories of PATH; none if the environment is not that of a shell.
func (p *Prober) pathDirs() []pathEntry {
	if !p.hasSplitPath {
		p.hasSplitPath = true
		path := p.shellEnvVariable("PATH")
		p.pathEntries = make([]pathEntry, 0, min(1+strings.Count(path, ":"), maxPathEntries))
		for dir := range strings.SplitSeq(path, ":") {
			if filepath.IsAbs(dir) && len(p.pathEntries) < maxPathEntries {
				dir = filepath.Clean(dir)
				p.pathEntries = append(p.pathEntries, pathEntry{dir, filepath.Dir(dir), filepath.Base(dir)})
			}
		}
	}
	return p.pathEntries
}

// isSystemBin reports whether a directory contains the programs of pacman's packages.
func (p *Prober) isSystemBin(dir string) bool {
	dir = strings.TrimPrefix(dir, p.env.Root)
	switch dir {
	case "/usr/bin", "/bin", "/usr/sbin", "/sbin":
		return true
	}
	return false
}

// dirHasProgram reports whether a directory contains a program of a runtime.
func (p *Prober) dirHasProgram(dir, runtime string) bool {
	return slices.ContainsFunc(programsOf(runtime), func(name string) bool { return p.isPresent(filepath.Join(dir, name)) })
}

// shimManagerOf returns the manager whose shims are in a directory; "" if the directory contains no shims. A shim is a program
// that selects a version each time it runs.
func (p *Prober) shimManagerOf(runtime string, in pathEntry) string {
	root := in.parentDir
	switch {
	case in.name == "bin" && runtime == Node && root == voltaHome(p):
		return "volta"
	case in.name == "bin" && runtime == Rust && root == p.envPathOrHome("CARGO_HOME", ".cargo"):
		return "rustup"
	case in.name != "shims":
		return ""
	case root == p.miseData():
		return "mise"
	case root == p.envPathOrHome("ASDF_DATA_DIR", ".asdf"):
		return "asdf"
	case runtime == Python && root == pyenvRoot(p):
		return "pyenv"
	case runtime == Go && root == goenvRoot(p):
		return "goenv"
	case runtime == Ruby && root == rbenvRoot(p):
		return "rbenv"
	}
	return ""
}

// shellPathVersion describes the version that the shell runs according to PATH, regardless of declarations.
type shellPathVersion struct {
	version *Installation // the version that a manager has put into PATH, or the system's version; nil if neither
	source  string        // the name of the environment variable that leads to this version, such as $PATH
	shim    string        // the manager whose shim selects a version each time it runs, or ""
}

func (p *Prober) shellVersion(runtime string) shellPathVersion {
	r, known := p.shellVersions[runtime]
	if !known {
		if p.inShell() {
			r = p.findOnPath(runtime)
		}
		p.shellVersions[runtime] = r
	}
	return r
}

// newShellVersion returns the result for an installed version to which PATH leads.
func newShellVersion(i Installation) shellPathVersion {
	return shellPathVersion{version: &i, source: "$PATH"}
}

func (p *Prober) findOnPath(runtime string) shellPathVersion {
	for _, in := range p.pathDirs() {
		dir, shim := in.dir, p.shimManagerOf(runtime, in)
		switch {
		case dir == "/usr/local/bin" || dir == "/usr/local/sbin": // no manager uses these directories
		case p.isSystemBin(dir):
			if i, ok := p.systemInstallation(runtime); ok && !(runtime == Go && i.Path != "") {
				return newShellVersion(i)
			}
		case shim != "":
			if p.dirHasProgram(dir, runtime) {
				return shellPathVersion{shim: shim}
			}
		case in.name == "bin":
			i, ok := p.installationOfPathEntry(runtime, in)
			if ok && i.Manager == "mise" { // after `mise activate`, PATH changes with the directory
				return shellPathVersion{shim: "mise"}
			}
			if ok {
				return newShellVersion(i)
			}
		}
	}
	if runtime == Node {
		return p.switchedNode()
	}
	return shellPathVersion{}
}

// installationOfPathEntry returns the version whose programs are in a directory of PATH.
func (p *Prober) installationOfPathEntry(runtime string, in pathEntry) (Installation, bool) {
	dir, root := in.dir, in.parentDir
	if (runtime == Go || runtime == Java) && !inside(dir, p.env.Home) {
		if i, ok := p.systemInstallation(runtime); ok && i.Path != "" && inside(dir, i.Path) {
			return i, true
		}
	}
	if !p.isLinkOfManager(runtime, root) && !p.isInManagerDir(runtime, dir) {
		return Installation{}, false
	}
	for _, path := range []string{dir, filepath.Join(linkTarget(root), "bin")} {
		if i, ok := p.installationContaining(runtime, path); ok && p.dirHasProgram(dir, runtime) {
			return i, true
		}
	}
	return Installation{}, false
}

// linkTarget returns the target of a symlink as an absolute path; "" if path is not one.
func linkTarget(path string) string {
	target := readLink(path)
	if target != "" && !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(path), target)
	}
	return target
}

// isLinkOfManager reports whether dir is the path of a symlink that a manager makes to the selected version, such as
// nvm's symlink named current.
func (p *Prober) isLinkOfManager(runtime, dir string) bool {
	if runtime == Node && dir == p.absPathFromEnv("FNM_MULTISHELL_PATH") {
		return true
	}
	if filepath.Base(dir) != currentLink { // the symlinks of omg, nvm and SDKMAN all have this name
		return false
	}
	switch runtime {
	case Node:
		if dir == filepath.Join(p.nvmDir(), "current") {
			return true
		}
	case Java:
		if root := sdkmanDir(p); root != "" && dir == filepath.Join(root, "candidates/java/current") {
			return true
		}
	}
	return p.env.OmgDataDir != "" && dir == filepath.Join(omgVersionsDir(p), runtime, currentLink)
}

// isInManagerDir reports whether a path is in the directory of a manager that can install the runtime.
func (p *Prober) isInManagerDir(runtime, path string) bool {
	roots, known := p.managerRootsByRuntime[runtime]
	if !known {
		roots = make([]string, 0, len(managers))
		for _, m := range managers {
			if m.runtime != "" && m.runtime != runtime {
				continue
			}
			if root := p.managerRoot(m); root != "" {
				roots = append(roots, root)
			}
		}
		p.managerRootsByRuntime[runtime] = roots
	}
	return slices.ContainsFunc(roots, func(root string) bool { return inside(path, root) })
}

// switchedNode returns the version of Node.js that nvm or fnm has selected for this shell, according to the variables of nvm
// and fnm. It is called if PATH leads to no known version.
func (p *Prober) switchedNode() shellPathVersion {
	for _, variable := range []string{"NVM_BIN", "FNM_MULTISHELL_PATH"} {
		dir := p.absPathFromEnv(variable)
		if dir == "" {
			continue
		}
		if target := linkTarget(dir); target != "" {
			dir = target
		}
		if i, ok := p.installationContaining(Node, dir); ok {
			return shellPathVersion{version: &i, source: "$" + variable}
		}
	}
	return shellPathVersion{}
}
