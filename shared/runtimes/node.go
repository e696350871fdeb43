package runtimes

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ltsNames lists the names of Node.js's long-term releases, from nodejs.org/en/about/previous-releases. The first name means
// version 4, and each further name means a version that is higher by 2.
var ltsNames = [...]string{"argon", "boron", "carbon", "dubnium", "erbium", "fermium", "gallium", "hydrogen", "iron", "jod", "krypton"}

// firstLTSMajor is the major version of the Node.js release with the first name in the array ltsNames.
const firstLTSMajor = 4

// newestLTS is the major version of the Node.js release with the last name in the array ltsNames. The names of later long-term
// releases are known only if nvm is installed, because nvm stores these names.
const newestLTS = firstLTSMajor + 2*(len(ltsNames)-1)

// maxVoltaExtends limits the length of a chain of files in which the key volta.extends of each file leads to the next file.
const maxVoltaExtends = 8

// parsePackageJSON parses the versions that a package.json declares: volta's pin, otherwise devEngines, otherwise engines,
// which is a requirement and not a choice. For bun, packageManager comes before engines.
func parsePackageJSON(p *Prober, path string, text []byte) ([]rawDeclaration, error) {
	type engine struct{ Name, Version string }
	var config struct {
		DevEngines     struct{ Runtime, PackageManager json.RawMessage }
		PackageManager json.RawMessage
		Engines        json.RawMessage
	}
	err := json.Unmarshal(text, &config)
	if wrong := new(json.UnmarshalTypeError); err != nil && !errors.As(err, &wrong) {
		return nil, fmt.Errorf("JSON: %w", err)
	}
	// A malformed field does not affect the other fields.
	var engines map[string]any
	_ = json.Unmarshal(config.Engines, &engines)
	var manager string
	_ = json.Unmarshal(config.PackageManager, &manager)
	several := func(raw json.RawMessage) (all []engine) {
		if json.Unmarshal(raw, &all) != nil {
			var one engine
			_ = json.Unmarshal(raw, &one)
			all = []engine{one}
		}
		return all
	}
	chosen := func(runtime string) string {
		for _, e := range several(config.DevEngines.Runtime) {
			if e.Name == runtime && e.Version != "" {
				return e.Version
			}
		}
		if runtime != Bun {
			return ""
		}
		for _, e := range several(config.DevEngines.PackageManager) {
			if e.Name == Bun && e.Version != "" {
				return e.Version
			}
		}
		if v, ok := strings.CutPrefix(manager, "bun@"); ok {
			v, _, _ = strings.Cut(v, "+") // a digest follows
			return v
		}
		return ""
	}
	var all []rawDeclaration
	if v := p.voltaNodeVersion(path, text); v != "" {
		all = append(all, rawDeclaration{runtime: Node, want: truncateWant(v)})
	}
	for _, runtime := range []string{Node, Bun} {
		if slices.ContainsFunc(all, func(f rawDeclaration) bool { return f.runtime == runtime }) {
			continue
		}
		if v := chosen(runtime); v != "" {
			all = append(all, rawDeclaration{runtime: runtime, want: truncateWant(v)})
			continue
		}
		if v, ok := engines[runtime].(string); ok && v != "" {
			f := rawDeclaration{runtime: runtime, want: truncateWant(v), isRequirement: true}
			if f.kind = kindOf(runtime, f.want); f.kind == KindPin {
				f.kind = KindRange // the key engines states a requirement, even if its version is exact
			}
			f.kindIsSet = true
			all = append(all, f)
		}
	}
	return all, nil
}

// voltaNodeVersion returns the version of node under the key volta of a package.json, or of a file that the package.json extends; ""
// if there is none. Like volta, it reads only the nearest package.json, and ignores the package.json of a package in
// node_modules.
func (p *Prober) voltaNodeVersion(path string, text []byte) string {
	if filepath.Base(filepath.Dir(filepath.Dir(path))) == "node_modules" || p.voltaChecked {
		return ""
	}
	p.voltaChecked = true
	seen := map[string]bool{}
	for range maxVoltaExtends {
		var config struct{ Volta map[string]any }
		_ = json.Unmarshal(text, &config)
		if v, ok := config.Volta[Node].(string); ok && v != "" {
			return v
		}
		extends, _ := config.Volta["extends"].(string)
		seen[path] = true
		if extends == "" {
			return ""
		}
		path = filepath.Join(filepath.Dir(path), extends)
		_, dirs := p.dirChains()
		if top := dirs.top; filepath.IsAbs(extends) || seen[path] || top != "" && inside(p.physicalWorkDir(), top) && !inside(path, top) {
			p.addNote(path, "volta.extends must be relative, must not form a loop, and must not lead out of the top directory")
			return ""
		}
		var ok bool
		if text, ok = p.read(path); !ok {
			return ""
		}
	}
	return ""
}

// inside reports whether a path is equal to dir or below dir.
func inside(path, dir string) bool {
	below, ok := strings.CutPrefix(path, dir)
	return dir == "/" || ok && (below == "" || below[0] == '/')
}

// physicalWorkDir returns the path of the working directory with all symlinks resolved.
func (p *Prober) physicalWorkDir() string {
	if _, dirs := p.dirChains(); len(dirs.levels) > 0 {
		return dirs.levels[0].dir
	}
	return p.env.Dir
}

// parseVoltaPlatform parses volta's file with the default version for all directories.
func parseVoltaPlatform(_ *Prober, _ string, text []byte) ([]rawDeclaration, error) {
	var config struct {
		Node struct{ Runtime string }
	}
	if err := json.Unmarshal(text, &config); err != nil {
		return nil, fmt.Errorf("JSON: %w", err)
	}
	if config.Node.Runtime == "" {
		return nil, nil
	}
	return []rawDeclaration{{runtime: Node, want: truncateWant(config.Node.Runtime)}}, nil
}

// resolveNodeAlias resolves an alias of nvm or fnm to a version or to the first part of a version. It returns "" if name is not an
// alias.
func (p *Prober) resolveNodeAlias(name string) string {
	name = p.resolveLTSOffset(name)
	if to := p.resolveNvmAlias(name); to != "" {
		return to
	}
	if dir := p.fnmDir(); p.isPresent(dir) && Showable(name) && !strings.Contains(name, "..") {
		target := readLink(filepath.Join(dir, "aliases", strings.ReplaceAll(name, "/", "-")))
		if filepath.Base(target) == "installation" {
			target = filepath.Dir(target)
		}
		if v := filepath.Base(target); target != "" && Showable(v) {
			return v
		}
	}
	return ""
}

// resolveLTSOffset returns the name of the long-term release that nvm means by lts/-1, lts/-2 and so on: nvm counts back from
// the last of the names that it stores, in alphabetical order. Any other name is returned unchanged.
func (p *Prober) resolveLTSOffset(name string) string {
	back, ok := strings.CutPrefix(name, "lts/-")
	n, err := strconv.ParseUint(back, 10, 8)
	if !ok || err != nil || n == 0 {
		return name
	}
	var names []string
	if dir := p.nvmAliasPath("lts"); p.isPresent(dir) {
		for _, e := range p.managerDirEntries(dir, maxEntries) {
			if Showable(e.name) {
				names = append(names, e.name)
			}
		}
	}
	if len(names) == 0 {
		names = slices.Clone(ltsNames[:])
	}
	slices.Sort(names)
	if int(n) >= len(names) {
		return name
	}
	return "lts/" + names[len(names)-1-int(n)]
}

// ltsMatcher returns a function that reports whether a version matches a name of long-term releases: lts, lts/*,
// lts/iron or lts-iron. It returns nil for any other name.
func (p *Prober) ltsMatcher(want string) func(version) bool {
	name, found := strings.CutPrefix(p.resolveLTSOffset(want), "lts")
	if !found {
		return nil
	}
	if name == "" || name == "/*" || name == "-*" {
		newest := uint64(newestLTS)
		if v := parseVersion(Node, p.resolveNvmAlias("lts/*")); len(v.nums) > 0 {
			newest = max(newest, v.nums[0])
		}
		return func(v version) bool {
			return v.vendor == "" && !v.isPrerelease(Node) && len(v.nums) > 0 &&
				v.nums[0] >= firstLTSMajor && v.nums[0] <= newest && v.nums[0]%2 == 0
		}
	}
	n := slices.Index(ltsNames[:], strings.ToLower(strings.TrimLeft(name, "/-")))
	if n < 0 {
		return nil
	}
	major := uint64(firstLTSMajor + 2*n)
	return func(v version) bool {
		return v.vendor == "" && !v.isPrerelease(Node) && len(v.nums) > 0 && v.nums[0] == major
	}
}

// nvmAliasPath returns the path of the file that contains an alias of nvm; "" if name is not a valid alias.
func (p *Prober) nvmAliasPath(name string) string {
	dir := p.nvmDir()
	if dir == "" || name != "lts/*" && !Showable(name) || strings.Contains(name, "..") {
		return ""
	}
	return filepath.Join(dir, "alias", name)
}

// resolveNvmAlias follows nvm's aliases to a version or to a name that is not an alias; "" if the name itself is not an alias.
func (p *Prober) resolveNvmAlias(name string) string {
	last := ""
	for range 5 { // nvm's chains are short, such as lts/* -> lts/iron -> v20.1.0: five aliases mean a loop
		path := p.nvmAliasPath(name)
		if path == "" || name == "lts" || !p.isPresent(p.nvmDir()) || !p.isPresent(path) {
			return last
		}
		text, ok := p.read(path)
		if !ok {
			return last
		}
		name = firstLine(text)
		last = name
	}
	return ""
}
