package runtimes

import (
	"path/filepath"
	"strings"
)

// maxWantBytes limits the length of a declared version.
const maxWantBytes = 256

// bareRequest returns a wanted version without the prefixes that people and managers write.
func bareRequest(runtime, want string) string {
	want = strings.TrimSpace(want)
	if runtime == Python {
		want = normalizePythonRequest(want)
	}
	return bareVersion(runtime, want)
}

// bareVersion returns a version without a prefix such as v, go or cpython-.
func bareVersion(runtime, want string) string {
	for _, prefix := range []string{"prefix:", "latest:"} {
		want = strings.TrimPrefix(want, prefix)
	}
	for _, prefix := range []string{"v", runtime, runtime + "-", "go", "bun-v", "node-v", "cpython-", "cpython@"} {
		if rest, ok := strings.CutPrefix(want, prefix); ok && rest != "" && isDigit(rest[0]) {
			return rest
		}
	}
	return want
}

// kindOf returns how specific a wanted version is.
func kindOf(runtime, want string) WantKind {
	want = bareRequest(runtime, want)
	switch {
	case want == "":
		return KindRange
	case strings.HasPrefix(want, "path:"), isGitRef(want), filepath.IsAbs(want):
		return KindPin
	case strings.ContainsAny(want, "<>=^~*|, ") || strings.Contains(want, ".x"):
		alternatives, ok := parseRange(want)
		if !ok {
			return KindRange
		}
		for _, i := range alternatives {
			if !i.unbounded || len(i.lo) == 0 {
				return KindRange
			}
		}
		return KindFloor
	case isRustChannel(runtime, want):
		return KindRange
	}
	v := parseVersion(runtime, want)
	switch {
	case len(v.nums) == 0:
		return KindRange // want is a name such as lts/iron, latest or system
	case len(v.nums) >= 3, v.rest != "":
		return KindPin
	}
	return KindRange
}

// isRustChannel reports whether a Rust toolchain is a channel, which gets newer versions.
func isRustChannel(runtime, want string) bool {
	return runtime == Rust && (want == "stable" || want == "beta" || want == "nightly")
}

// choose returns the installed version that a declaration selects. The parameter want is the declared version, such as
// 20.1.0 or lts/*. choose returns an equal version if one is installed, otherwise the newest version that matches.
func (p *Prober) choose(runtime, want string) (Installation, bool) {
	raw := strings.TrimSpace(want)
	want = bareRequest(runtime, want)
	switch {
	case want == "" || len(want) > maxWantBytes:
		return Installation{}, false
	case want == "system":
		return p.systemInstallation(runtime)
	case strings.HasPrefix(want, "path:"):
		return p.installationAtPath(runtime, strings.TrimPrefix(want, "path:"))
	case runtime == Python && filepath.IsAbs(want): // uv accepts the path of an interpreter, too
		return p.interpreterInstallation(want)
	case isGitRef(want):
		want = strings.ReplaceAll(want, ":", "-") // mise and asdf install ref:main in the directory ref-main
	case runtime == Node && want == "current":
		if r := p.shellVersion(Node); r.version != nil { // the word "current" is nvm's name for the version in PATH
			return *r.version, true
		}
	}
	same := func(i Installation) bool {
		return i.Version == want || i.Version == raw || i.Alias == raw || i.Alias == want
	}
	i, ok := p.newestInstallationWhere(runtime, same)
	if !ok {
		i, ok = p.newestInstallationWhere(runtime, p.installationMatcher(runtime, want))
	}
	if other := asdfJavaName(want); !ok && runtime == Java && other != "" {
		if i, ok = p.newestInstallationWhere(Java, func(i Installation) bool { return i.Version == other }); !ok {
			i, ok = p.newestInstallationWhere(Java, p.installationMatcher(Java, other))
		}
	}
	return i, ok
}

// newestInstallationWhere returns the newest installed version for which the function accept returns true.
func (p *Prober) newestInstallationWhere(runtime string, accept func(Installation) bool) (Installation, bool) {
	for _, i := range p.candidates(runtime) {
		if accept(i) && p.isComplete(i) {
			return i, true
		}
	}
	return Installation{}, false
}

// installationMatcher returns a function that reports whether an installed version matches want, which is a declared version.
func (p *Prober) installationMatcher(runtime, want string) func(Installation) bool {
	matches := p.matcher(runtime, want)
	return func(i Installation) bool { return matches != nil && matches(parseVersion(runtime, i.Version)) }
}

// isGitRef reports whether a version is a Git reference.
func isGitRef(want string) bool {
	for _, prefix := range []string{"ref:", "tag:", "branch:", "rev:"} {
		if strings.HasPrefix(want, prefix) {
			return true
		}
	}
	return false
}

// matcher returns a function that reports whether a version matches want, which is a declared version such as ^20. It
// returns nil if want has no known form.
func (p *Prober) matcher(runtime, want string) func(version) bool {
	release := func(v version) bool { return v.vendor == "" && v.variant == "" && !v.isPrerelease(runtime) }
	if runtime == Node {
		if name := p.resolveNodeAlias(want); name != "" {
			want = bareRequest(Node, name)
		}
	}
	switch want {
	case "latest":
		return release
	case "stable", "unstable", "node", "current", "default":
		if runtime == Node {
			return release
		}
	}
	if runtime == Node {
		if m := p.ltsMatcher(want); m != nil {
			return m
		}
	}
	if runtime == Python && isPythonImplementation(want) {
		return func(v version) bool { return v.vendor == want && v.variant == "" }
	}
	if w := parseVersion(runtime, want); len(w.nums) > 0 && !strings.ContainsAny(want, "<>=^~*|, ") && !strings.Contains(want, ".x") {
		return func(v version) bool {
			return v.hasPrefix(runtime, w) && (!v.isPrerelease(runtime) || w.rest != "")
		}
	}
	if alternatives, ok := parseRange(want); ok {
		return func(v version) bool {
			if v.vendor != "" || v.variant != "" || v.isPrerelease(runtime) {
				return false
			}
			for _, i := range alternatives {
				if i.holds(v.nums) {
					return true
				}
			}
			return false
		}
	}
	return nil
}

// installationAtPath returns the runtime in the directory of a declaration path:DIRECTORY. If a manager has installed the runtime in
// this directory, installationAtPath returns the manager's version. Otherwise, the directory's name counts as the version.
func (p *Prober) installationAtPath(runtime, path string) (Installation, bool) {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		path = p.homePath(rest)
	}
	if path = filepath.Clean(path); !filepath.IsAbs(path) || !p.isPresent(path) {
		return Installation{}, false
	}
	if i, ok := p.installationContaining(runtime, path); ok {
		return i, true
	}
	return Installation{Runtime: runtime, Version: filepath.Base(path), Manager: "path", Path: path}, true
}

// installationContaining returns the installed version in whose directory the path is. The path may also be this directory itself.
func (p *Prober) installationContaining(runtime, path string) (Installation, bool) {
	return p.newestInstallationWhere(runtime, func(i Installation) bool { return i.Path != "" && inside(path, i.Path) })
}
