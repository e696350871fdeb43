package runtimes

import (
	"path/filepath"
	"slices"
	"strings"
)

// maxPath limits how many entries of PATH are searched.
const maxPath = 256

// programs returns the programs that start a runtime, in the order in which they are searched.
func programs(runtime string) []string {
	switch runtime {
	case Python:
		return []string{"python", "python3"}
	case Rust:
		return []string{"rustc", "cargo"}
	}
	return []string{runtime}
}

// path returns the directories of the shell's PATH; none without a shell.
func (p *Prober) path() []string {
	if !p.splitPath {
		p.splitPath = true
		for dir := range strings.SplitSeq(p.shellVariable("PATH"), ":") {
			if filepath.IsAbs(dir) && len(p.entries) < maxPath {
				p.entries = append(p.entries, filepath.Clean(dir))
			}
		}
	}
	return p.entries
}

// isSystemBin reports whether a directory has the programs of pacman's packages.
func (p *Prober) isSystemBin(dir string) bool {
	dir = strings.TrimPrefix(dir, p.env.Root)
	switch dir {
	case "/usr/bin", "/bin", "/usr/sbin", "/sbin":
		return true
	}
	return false
}

// has reports whether a directory has the program of a runtime.
func (p *Prober) has(dir, runtime string) bool {
	return slices.ContainsFunc(programs(runtime), func(name string) bool { return p.isPresent(filepath.Join(dir, name)) })
}

// shimOf returns the manager whose programs in a directory select a version each time they run; "" if there is none.
func (p *Prober) shimOf(runtime, dir string) string {
	root, name := filepath.Split(dir)
	root = filepath.Clean(root)
	switch {
	case name == "bin" && runtime == Node && root == voltaHome(p):
		return "volta"
	case name == "bin" && runtime == Rust && root == p.base("CARGO_HOME", ".cargo"):
		return "rustup"
	case name != "shims":
		return ""
	case root == p.miseData():
		return "mise"
	case root == p.base("ASDF_DATA_DIR", ".asdf"):
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

// running is what the shell's PATH leads to, regardless of declarations.
type running struct {
	version *Installation // what a manager has put there for this shell, or the system's version; nil if neither
	source  string        // the variable that decided
	shim    string        // the manager whose program selects the version each time it runs, or ""
}

func (p *Prober) runs(runtime string) running {
	r, known := p.running[runtime]
	if !known {
		if p.shellCounts() {
			r = p.onPath(runtime)
		}
		p.running[runtime] = r
	}
	return r
}

func (p *Prober) onPath(runtime string) running {
	for _, dir := range p.path() {
		shim := p.shimOf(runtime, dir)
		switch {
		case dir == "/usr/local/bin" || dir == "/usr/local/sbin": // which no manager uses
		case p.isSystemBin(dir):
			if i, ok := p.systemInstalled(runtime); ok && !(runtime == Go && i.Path != "") {
				return running{version: &i, source: "$PATH"}
			}
		case shim != "":
			if p.has(dir, runtime) {
				return running{shim: shim}
			}
		case filepath.Base(dir) == "bin":
			i, ok := p.inDir(runtime, dir)
			if ok && i.Manager == "mise" { // `mise activate` changes PATH with the directory
				return running{shim: "mise"}
			}
			if ok {
				return running{version: &i, source: "$PATH"}
			}
		}
	}
	if runtime == Node {
		return p.switched()
	}
	return running{}
}

// inDir returns the version whose programs are in a directory of PATH.
func (p *Prober) inDir(runtime, dir string) (Installation, bool) {
	if (runtime == Go || runtime == Java) && !inside(dir, p.env.Home) {
		if i, ok := p.systemInstalled(runtime); ok && i.Path != "" && inside(dir, i.Path) {
			return i, true
		}
	}
	root := filepath.Dir(dir)
	if !p.isLinkOfManager(runtime, root) && !p.isManagers(runtime, dir) {
		return Installation{}, false
	}
	for _, path := range []string{dir, filepath.Join(linkTarget(root), "bin")} {
		if i, ok := p.containing(runtime, path); ok && p.has(dir, runtime) {
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

// isLinkOfManager reports whether a directory is a symlink to the version that a manager has switched to.
func (p *Prober) isLinkOfManager(runtime, dir string) bool {
	if runtime == Node && dir == p.variable("FNM_MULTISHELL_PATH") {
		return true
	}
	if filepath.Base(dir) != currentLink { // as all the others are called
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
	return p.env.Data != "" && dir == filepath.Join(omgVersions(p), runtime, currentLink)
}

// isManagers reports whether a path is in the directory of a manager of a runtime.
func (p *Prober) isManagers(runtime, path string) bool {
	return slices.ContainsFunc(managers, func(m manager) bool {
		if m.runtime != "" && m.runtime != runtime {
			return false
		}
		root := p.rootOf(m)
		return root != "" && inside(path, root)
	})
}

// switched returns the node that nvm or fnm has selected for this shell, if PATH does not have it in a known directory.
func (p *Prober) switched() running {
	for _, variable := range []string{"NVM_BIN", "FNM_MULTISHELL_PATH"} {
		dir := p.variable(variable)
		if dir == "" {
			continue
		}
		if target := linkTarget(dir); target != "" {
			dir = target
		}
		if i, ok := p.containing(Node, dir); ok {
			return running{version: &i, source: "$" + variable}
		}
	}
	return running{}
}
