package runtimes

import (
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// maxLockBytes limits the size of mise's lock file, which lists a URL for each platform.
const maxLockBytes = 1 << 20

// miseFile is one of mise's configuration files.
type miseFile struct {
	path, root string
	content    tomlTable
}

func (p *Prober) parseMise(path, root string) *miseFile {
	text, ok := p.read(path)
	if !ok {
		return nil
	}
	all, err := parseTOML(text)
	if err != nil {
		p.addNote(path, err.Error())
		return nil
	}
	return &miseFile{path, root, all}
}

// miseRequest is a version that a configuration file requests.
type miseRequest struct {
	want string
	os   []string // nil: all systems
}

// parseMiseRequests returns the versions that an entry of [tools] requests. The entry is a string, a number, a table (with a
// version, prefix, path or Git reference, and options), or an array of strings, numbers and tables.
func parseMiseRequests(entry any) []miseRequest {
	switch v := entry.(type) {
	case string:
		if v != "" {
			return []miseRequest{{want: v}}
		}
	case []any:
		var all []miseRequest
		for _, one := range v {
			if _, nested := one.([]any); !nested {
				all = append(all, parseMiseRequests(one)...)
			}
		}
		return all
	case tomlTable:
		for _, key := range []string{"version", "prefix", "path", "ref", "tag", "branch", "rev"} {
			want := tomlString(v[key])
			if want == "" {
				continue
			}
			if key != "version" {
				want = truncateWant(key + ":" + want)
			}
			return []miseRequest{{want, tomlStrings(v["os"])}}
		}
	}
	return nil
}

// appliesHere reports whether a request is for this operating system and architecture.
func (r miseRequest) appliesHere() bool {
	return r.os == nil || slices.ContainsFunc(r.os, func(entry string) bool {
		os, arch, both := strings.Cut(entry, "/")
		return os == runtime.GOOS && (!both || miseArch(arch) == miseArch(runtime.GOARCH))
	})
}

// isMiseTemplate reports whether a text is a template, which only mise can expand.
func isMiseTemplate(want string) bool {
	return strings.Contains(want, "{{") || strings.Contains(want, "{%")
}

// miseTools returns the runtimes that a configuration file requests, with the versions that mise would select. If the
// file requests a runtime for other systems only, or if a setting disables the runtime, mise manages it neither in this
// directory nor above.
func (p *Prober) miseTools(f *miseFile) []rawDeclaration {
	tools, _ := f.content["tools"].(tomlTable)
	var all []rawDeclaration
	for _, name := range slices.Sorted(maps.Keys(tools)) {
		tool, known := Canonical(strings.TrimPrefix(name, "core:"))
		wanted := parseMiseRequests(tools[name])
		if !known || len(wanted) == 0 || !slices.Contains(p.requestedRuntimes, tool) {
			continue
		}
		wanted = slices.DeleteFunc(wanted, func(r miseRequest) bool { return !r.appliesHere() })
		if len(wanted) == 0 {
			p.loadMise().otherSystemsOnly[tool] = true
		}
		if p.isNotManagedByMise(tool) {
			continue
		}
		one := rawDeclaration{runtime: tool, want: wanted[0].want}
		one.resolvedWant, one.needsManager = p.miseResolve(f, name, wanted[0].want)
		for _, r := range wanted[1:min(len(wanted), 1+maxAlternatives)] {
			as, unknown := p.miseResolve(f, name, r.want)
			if !unknown {
				one.alternatives = append(one.alternatives, as)
			}
		}
		all = append(all, one)
	}
	return all
}

// isNotManagedByMise reports whether mise leaves a runtime to other managers.
func (p *Prober) isNotManagedByMise(tool string) bool {
	s := p.miseSettings()
	if s.onlyEnabled {
		return p.loadMise().otherSystemsOnly[tool] || !slices.Contains(s.enabledTools, tool)
	}
	return p.loadMise().otherSystemsOnly[tool] || slices.Contains(s.disabledTools, tool)
}

// dropMiseIgnored returns those entries of the .tool-versions file in dir that apply: it removes the entries that mise ignores.
// It removes nothing if mise is not installed, or if asdf is also installed, because asdf reads all entries.
func (p *Prober) dropMiseIgnored(dir string, all []rawDeclaration) []rawDeclaration {
	if !p.isMiseInstalled() || p.isPresent(p.asdfInstallsDir()) {
		return all
	}
	if p.isAboveMiseCeiling(dir) {
		return nil
	}
	return slices.DeleteFunc(all, func(f rawDeclaration) bool { return p.isNotManagedByMise(f.runtime) })
}

// miseResolve applies mise's aliases and the lock file to want, which is a requested version. It returns the
// resulting version or prefix. The second result is true if only mise can resolve the requested version.
func (p *Prober) miseResolve(f *miseFile, name, want string) (as string, unknown bool) {
	if isMiseTemplate(want) {
		return want, true
	}
	alias := func(want string) string {
		if to, known := p.miseSettings().aliases[canonicalMiseToolName(name)][want]; known {
			return to
		}
		return want
	}
	as = alias(want)
	if steps, ok := strings.CutPrefix(as, "sub-"); ok {
		steps, base, both := strings.Cut(steps, ":")
		if base = alias(base); base == "lts" && canonicalMiseToolName(name) == Node {
			base = strconv.Itoa(newestLTS)
		}
		if as, ok = subtractVersion(base, steps); !both || !ok {
			return want, true // sub-1:latest: only mise knows the latest version that can be downloaded
		}
	}
	if dir, ok := strings.CutPrefix(as, "path:"); ok && dir != "" && !filepath.IsAbs(dir) && !strings.HasPrefix(dir, "~") {
		as = "path:" + filepath.Join(f.root, dir)
	}
	if locked := p.miseLocked(f, name, as); locked != "" {
		as = locked
	}
	return as, isMiseTemplate(as)
}

// subtractVersion subtracts each number in steps from the number at the same place of a version: 20 minus 2 is 18, and 1.3.1
// minus 0.1 is 1.2. If one difference would be negative, as in 3.0 minus 0.1, subtractVersion goes back to the closest number
// before it that is not 0, lowers this number by 1 and drops the numbers after it: the result is 2.
func subtractVersion(from, steps string) (string, bool) {
	nums, ok := parsePartial(from)
	by, valid := parsePartial(steps)
	if !ok || !valid || len(nums) == 0 || len(by) == 0 {
		return "", false
	}
	nums = nums[:min(len(nums), len(by))]
	for i := range nums {
		if nums[i] >= by[i] {
			nums[i] -= by[i]
			continue
		}
		j := i - 1
		for j >= 0 && nums[j] == 0 {
			j--
		}
		if j < 0 {
			return "0", true
		}
		nums[j]--
		nums = nums[:j+1]
		break
	}
	words := make([]string, len(nums))
	for i, n := range nums {
		words[i] = strconv.FormatUint(n, 10)
	}
	return strings.Join(words, "."), true
}

// miseLocked looks up a tool in the lock file that belongs to the configuration file f. It returns the locked version that
// matches want, which is the requested version; "" if the lock file contains none.
func (p *Prober) miseLocked(f *miseFile, name, want string) string {
	if p.miseSettings().noLock {
		return ""
	}
	locked := p.miseLock(p.miseLockPath(f))[canonicalMiseToolName(name)]
	if want == "latest" && len(locked) > 0 {
		return slices.MaxFunc(locked, func(a, b string) int { return compareVersions(canonicalMiseToolName(name), a, b) })
	}
	prefix, bounded := strings.CutPrefix(want, "prefix:")
	prefix = strings.TrimPrefix(prefix, "v")
	for _, v := range locked {
		rest, ok := strings.CutPrefix(strings.TrimPrefix(v, "v"), prefix)
		if ok && (!bounded || rest == "" || strings.IndexByte(".-+", rest[0]) >= 0) {
			return v
		}
	}
	return ""
}

// miseLockPath returns the path of a configuration file's lock file. The lock file is in the same directory, in the directory
// above a conf.d, or in the root of a monorepo. For mise.test.local.toml, the lock file is mise.test.local.lock: its name
// contains the same environment (test) and the same word local.
func (p *Prober) miseLockPath(f *miseFile) string {
	dir, name := filepath.Split(f.path)
	dir = filepath.Clean(dir)
	if filepath.Base(dir) == "conf.d" {
		dir = filepath.Dir(dir)
	}
	if root := p.miseSettings().monorepoRoot; root != "" && strings.HasPrefix(dir, root+"/") {
		dir = root
	}
	lock := "mise"
	stem := strings.TrimSuffix(name, ".toml")
	stem, local := strings.CutSuffix(stem, ".local")
	for _, before := range []string{"mise.", ".mise.", "config."} {
		if env, ok := strings.CutPrefix(stem, before); ok && env != "" && !strings.Contains(env, ".") {
			lock += "." + env
		}
	}
	if local {
		lock += ".local"
	}
	return filepath.Join(dir, lock+".lock")
}

// miseLock returns the versions in a lock file, by runtime.
func (p *Prober) miseLock(path string) map[string][]string {
	m := p.loadMise()
	if all, known := m.lockedVersions[path]; known {
		return all
	}
	all := map[string][]string{}
	m.lockedVersions[path] = all
	text_, ok := p.readUpTo(path, maxLockBytes)
	if !ok {
		return all
	}
	lock, err := parseTOML(text_)
	if err != nil {
		p.addNote(path, err.Error())
		return all
	}
	tools, _ := lock["tools"].(tomlTable)
	for name, entries := range tools {
		several, _ := entries.([]any)
		for _, one := range several {
			entry, _ := one.(tomlTable)
			if v := tomlString(entry["version"]); v != "" {
				all[canonicalMiseToolName(name)] = append(all[canonicalMiseToolName(name)], v)
			}
		}
	}
	return all
}

// adjustIdiomatic adjusts what a language's own file declares if mise reads that file. The version in the lock file of the
// nearest directory with mise's configuration applies. A declaration is removed if mise does not manage the runtime and
// the runtime's own managers are not installed.
func (p *Prober) adjustIdiomatic(path string, all []rawDeclaration) []rawDeclaration {
	if len(all) == 0 || !p.isMiseInstalled() {
		return all
	}
	all = slices.DeleteFunc(all, func(f rawDeclaration) bool {
		return slices.Contains(p.miseSettings().idiomaticTools, f.runtime) && p.isNotManagedByMise(f.runtime) && !p.hasOwnManager(f.runtime)
	})
	for i := range all {
		p.applyMiseLock(path, &all[i])
	}
	return all
}

// hasOwnManager reports whether a version manager is installed that manages only this runtime.
func (p *Prober) hasOwnManager(runtime string) bool {
	return slices.ContainsFunc(managers, func(m manager) bool { return m.runtime == runtime && p.isPresent(p.managerRoot(m)) })
}

// applyMiseLock applies mise's lock file to the declaration f, which comes from a language's own file. If mise reads this
// file, and the lock file contains a matching version, this version replaces the declared version.
func (p *Prober) applyMiseLock(path string, f *rawDeclaration) {
	if f.isRequirement || !p.isMiseInstalled() || !slices.Contains(p.miseSettings().idiomaticTools, f.runtime) {
		return
	}
	if base := p.nearestMiseFile(filepath.Dir(path)); base != nil {
		f.resolvedWant = p.miseLocked(base, f.runtime, bareRequest(f.runtime, f.want))
	}
}

// nearestMiseFile returns mise's configuration file in dir or in the nearest directory above. It ignores files such as
// mise.test.toml, which apply to one environment of mise, and mise.local.toml.
func (p *Prober) nearestMiseFile(dir string) *miseFile {
	_, dirs := p.dirChains()
	for i := 0; ; i++ {
		l := dirs.at(i)
		if l == nil {
			return nil
		}
		if l.dir != dir && !strings.HasPrefix(dir, l.dir+"/") && l.dir != "/" {
			continue
		}
		for _, f := range p.miseFilesIn(l) {
			if lock := filepath.Base(p.miseLockPath(f)); lock == "mise.lock" {
				return f
			}
		}
	}
}
