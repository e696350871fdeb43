package runtimes

import (
	"path/filepath"
	"strings"
)

// maxWant is how much of a declared version is looked at.
const maxWant = 256

// lts are the names of Node.js's long-term releases, by nodejs.org/en/about/previous-releases.
var lts = map[string]uint64{
	"argon": 4, "boron": 6, "carbon": 8, "dubnium": 10, "erbium": 12, "fermium": 14,
	"gallium": 16, "hydrogen": 18, "iron": 20, "jod": 22, "krypton": 24,
}

// newestLTS is the largest number in lts. Later ones are known where nvm is,
// which keeps their names.
const newestLTS = 24

// plain is a wanted version without what people and managers write before it.
func plain(runtime, want string) string {
	want = strings.TrimSpace(want)
	for _, prefix := range []string{"prefix:", "latest:"} {
		want = strings.TrimPrefix(want, prefix)
	}
	for _, prefix := range []string{"v", runtime, runtime + "-", "go", "bun-v", "node-v", "cpython-", "cpython@"} {
		if rest, ok := strings.CutPrefix(want, prefix); ok && rest != "" && digit(rest[0]) {
			return rest
		}
	}
	return want
}

// kindOf says how much a wanted version leaves open.
func kindOf(runtime, want string) Kind {
	want = plain(runtime, want)
	switch {
	case want == "":
		return Range
	case strings.HasPrefix(want, "path:"), strings.HasPrefix(want, "ref:"):
		return Pin
	case strings.ContainsAny(want, "<>=^~*|, ") || strings.Contains(want, ".x"):
		alternatives, ok := parseRange(want)
		if !ok {
			return Range
		}
		for _, i := range alternatives {
			if !i.open || len(i.lo) == 0 {
				return Range
			}
		}
		return Floor
	case isChannel(runtime, want):
		return Range
	}
	v := parseVersion(runtime, want)
	switch {
	case len(v.nums) == 0:
		return Range // a name: lts/iron, latest, system
	case len(v.nums) >= 3, v.rest != "":
		return Pin
	}
	return Range
}

// isChannel says whether a Rust toolchain is one that moves on.
func isChannel(runtime, want string) bool {
	return runtime == Rust && (want == "stable" || want == "beta" || want == "nightly")
}

// choose finds the installed version that a declared one stands for: the very
// one, else the newest of those that match.
func (p *Prober) choose(runtime, want string) (Installed, bool) {
	raw := strings.TrimSpace(want)
	want = plain(runtime, want)
	switch {
	case want == "" || len(want) > maxWant:
		return Installed{}, false
	case want == "system":
		return p.systemInstalled(runtime)
	case strings.HasPrefix(want, "path:"):
		return p.atPath(runtime, strings.TrimPrefix(want, "path:"))
	case strings.HasPrefix(want, "ref:"), strings.HasPrefix(want, "sub-"):
		want = strings.ReplaceAll(want, ":", "-") // as mise and asdf name their directories
	}
	installed := p.Installed(runtime)
	for _, i := range installed {
		if i.Version == want || i.Alias == raw || i.Alias == want {
			return i, true
		}
	}
	if matches := p.matcher(runtime, want); matches != nil {
		for _, i := range installed {
			if matches(parseVersion(runtime, i.Version)) {
				return i, true
			}
		}
	}
	return Installed{}, false
}

// matcher tells which versions a wanted one stands for; nil if it cannot be told.
func (p *Prober) matcher(runtime, want string) func(version) bool {
	release := func(v version) bool { return v.vendor == "" && !v.early(runtime) }
	switch want {
	case "latest":
		return release
	case "stable", "node", "current", "default":
		if runtime == Node && (want != "default" || !p.there(p.nvmAlias("default"))) {
			return release
		}
	}
	if runtime == Node {
		if m := p.ltsMatcher(want); m != nil {
			return m
		}
		if name := p.aliased(want); name != "" && name != want {
			return p.matcher(runtime, plain(runtime, name))
		}
	}
	if w := parseVersion(runtime, want); len(w.nums) > 0 && !strings.ContainsAny(want, "<>=^~*|, ") && !strings.Contains(want, ".x") {
		return func(v version) bool {
			return v.hasPrefix(runtime, w) && (!v.early(runtime) || w.rest != "")
		}
	}
	if alternatives, ok := parseRange(want); ok {
		return func(v version) bool {
			if v.vendor != "" || v.early(runtime) {
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

// ltsMatcher knows lts, lts/*, lts/iron, lts-iron; nil for anything else.
func (p *Prober) ltsMatcher(want string) func(version) bool {
	name, found := strings.CutPrefix(want, "lts")
	if !found {
		return nil
	}
	if name == "" || name == "/*" || name == "-*" {
		newest := uint64(newestLTS)
		if v := parseVersion(Node, p.aliased("lts/*")); len(v.nums) > 0 {
			newest = max(newest, v.nums[0])
		}
		return func(v version) bool {
			return v.vendor == "" && !v.early(Node) && len(v.nums) > 0 &&
				v.nums[0] >= 4 && v.nums[0] <= newest && v.nums[0]%2 == 0
		}
	}
	major, known := lts[strings.ToLower(strings.TrimLeft(name, "/-"))]
	if !known {
		return nil
	}
	return func(v version) bool {
		return v.vendor == "" && !v.early(Node) && len(v.nums) > 0 && v.nums[0] == major
	}
}

// nvmAlias is the file in which nvm keeps what a name stands for; "" if it is no
// name.
func (p *Prober) nvmAlias(name string) string {
	dir := p.nvmDir()
	if dir == "" || name != "lts/*" && !Showable(name) || strings.Contains(name, "..") {
		return ""
	}
	return filepath.Join(dir, "alias", name)
}

// aliased follows nvm's aliases to a version or to a name that is none of them;
// "" if the name is no alias.
func (p *Prober) aliased(name string) string {
	last := ""
	for range 5 { // lts/* -> lts/iron -> v20.1.0; more is a loop
		path := p.nvmAlias(name)
		if !p.there(p.nvmDir()) || path == "" {
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

// atPath is a runtime that a declaration gives by its directory.
func (p *Prober) atPath(runtime, path string) (Installed, bool) {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		path = p.home(rest)
	}
	if !filepath.IsAbs(path) || !p.there(path) {
		return Installed{}, false
	}
	return Installed{Runtime: runtime, Version: filepath.Base(path), Manager: "path", Path: path}, true
}
