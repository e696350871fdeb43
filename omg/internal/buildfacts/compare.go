package buildfacts

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/scriptlet"
)

// ChangeKind is what changed between two versions of build files.
type ChangeKind string

// The changes. The comment of each says which values a Change has.
const (
	// ChangeHost: the hosts of sources that only the old, and only the new version has.
	ChangeHost ChangeKind = "source-host-changed"
	// ChangeChecksumSkipped: the sources that have no checksum any more, or that are new and have none.
	ChangeChecksumSkipped ChangeKind = "checksum-skipped"
	// ChangeScriptAdded, ChangeScriptChanged and ChangeScriptRemoved: the names of the install scripts.
	ChangeScriptAdded   ChangeKind = "install-script-added"
	ChangeScriptChanged ChangeKind = "install-script-changed"
	ChangeScriptRemoved ChangeKind = "install-script-removed"
	// ChangeDependencies: the names of the packages that only the old, and only the new version needs.
	ChangeDependencies ChangeKind = "dependencies-changed"
	// ChangePGPKeys: the keys that only the old, and only the new version accepts.
	ChangePGPKeys ChangeKind = "pgp-keys-changed"
	// ChangeMaintainerLine: the comments that name maintainers and that only the old, and only the new version has.
	ChangeMaintainerLine ChangeKind = "maintainer-line-changed"
	// ChangeDifference: the fields of the .SRCINFO that differ from the PKGBUILD in the new version, but not in the old one.
	ChangeDifference ChangeKind = "srcinfo-differs"
	// ChangeVersion: the versions.
	ChangeVersion ChangeKind = "version-changed"
)

// Change is a difference between the facts of two versions of build files.
type Change struct {
	Kind     ChangeKind
	Old, New []string
}

// Compare returns what changed between two versions of build files, the most important changes first.
func Compare(old, now *Facts) []Change {
	var changes []Change
	add := func(kind ChangeKind, before, after []string) {
		if len(before)+len(after) > 0 {
			changes = append(changes, Change{kind, before, after})
		}
	}
	if old.HasSources && now.HasSources {
		if before, after := hosts(old), hosts(now); len(without(after, before)) > 0 {
			add(ChangeHost, without(before, after), without(after, before))
		}
		add(ChangeChecksumSkipped, nil, skippedChecksums(old, now))
	}
	added, changed, removed := compareScripts(old, now)
	add(ChangeScriptAdded, nil, added)
	add(ChangeScriptChanged, nil, changed)
	add(ChangeScriptRemoved, removed, nil)
	if old.hasSRCINFO && now.hasSRCINFO {
		add(ChangeDependencies, without(old.Dependencies, now.Dependencies), without(now.Dependencies, old.Dependencies))
		add(ChangePGPKeys, without(old.PGPKeys, now.PGPKeys), without(now.PGPKeys, old.PGPKeys))
	}
	add(ChangeDifference, nil, without(now.Differences, old.Differences))
	add(ChangeMaintainerLine, without(old.Maintainers, now.Maintainers), without(now.Maintainers, old.Maintainers))
	if old.Version != now.Version && old.Version != "" && now.Version != "" {
		add(ChangeVersion, []string{old.Version}, []string{now.Version})
	}
	return changes
}

// without returns the elements of list that are not in other.
func without(list, other []string) (rest []string) {
	seen := make(map[string]bool, len(other))
	for _, s := range other {
		seen[s] = true
	}
	for _, s := range list {
		if !seen[s] {
			seen[s] = true
			rest = append(rest, s)
		}
	}
	return rest
}

// hosts returns the hosts of the sources, each once.
func hosts(f *Facts) (list []string) {
	for i := range f.Sources {
		switch s := &f.Sources[i]; {
		case s.IsOdd:
			list = append(list, versionless(s.Host, f))
		case s.Host != "":
			list = append(list, s.Host)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// versionless returns a text without the version of the package, with and without its release.
func versionless(text string, f *Facts) string {
	_, version, hasEpoch := strings.Cut(f.Version, ":")
	if !hasEpoch {
		version = f.Version
	}
	if i := strings.LastIndexByte(version, '-'); i > 0 {
		text = strings.ReplaceAll(text, version, "$pkgver-$pkgrel")
		text = strings.ReplaceAll(text, version[:i], "$pkgver")
	}
	return text
}

// skippedChecksums returns the elements of source that need a checksum and have none, although the old version had a checksum for the same
// source. Two sources are the same if they only differ by the version of the package. Sources without an equal in the other version
// count if the new version has more of them without a checksum than the old one: then one of them is new, or had a checksum.
func skippedChecksums(old, now *Facts) (skipped []string) {
	type key struct{ arch, text string }
	hadChecksum := map[key]bool{}
	for i := range old.Sources {
		s := &old.Sources[i]
		hadChecksum[key{s.Arch, versionless(s.Text, old)}] = s.HasChecksum
	}
	var unmatched []string
	matched := map[key]bool{}
	for i := range now.Sources {
		s := &now.Sources[i]
		k := key{s.Arch, versionless(s.Text, now)}
		had, isKnown := hadChecksum[k]
		matched[k] = true
		switch {
		case s.HasChecksum || !s.needsChecksum() || s.Host == "":
		case had:
			skipped = append(skipped, s.Text)
		case !isKnown:
			unmatched = append(unmatched, s.Text)
		}
	}
	for i := range old.Sources {
		s := &old.Sources[i]
		if len(unmatched) > 0 && !s.HasChecksum && s.needsChecksum() && s.Host != "" && !matched[key{s.Arch, versionless(s.Text, old)}] {
			unmatched = unmatched[1:]
		}
	}
	return append(skipped, unmatched...)
}

// compareScripts returns the names of the install scripts that only the new version has, that do something else, and that only the old version
// has. A script that only has another name counts as neither added nor removed.
func compareScripts(old, now *Facts) (added, changed, removed []string) {
	before, after := comparableScripts(old), comparableScripts(now)
	hasEqual := func(scripts map[string]comparableScript, s comparableScript) bool {
		for _, other := range scripts {
			if other.isEqual(s) {
				return true
			}
		}
		return false
	}
	for _, name := range slices.Sorted(maps.Keys(after)) {
		earlier, isKnown := before[name]
		switch {
		case isKnown && !earlier.isEqual(after[name]):
			changed = append(changed, name)
		case !isKnown && !hasEqual(before, after[name]):
			added = append(added, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if _, isKnown := after[name]; !isKnown && !hasEqual(after, before[name]) {
			removed = append(removed, name)
		}
	}
	return added, changed, removed
}

// comparableScript is an install script in the forms in which it is compared.
type comparableScript struct {
	lines    string // without comments and empty lines
	commands string // without messages too; empty if they may be more than messages
}

// isEqual reports whether two scripts do the same, as far as this can be known without running them.
func (s comparableScript) isEqual(other comparableScript) bool {
	return s.lines == other.lines || s.commands != "" && s.commands == other.commands
}

// comparableScripts returns the install scripts by their names, without the version of the package. A version without a dot stays, because it
// could be a word of a command.
func comparableScripts(f *Facts) map[string]comparableScript {
	withoutVersion := func(text string) string { return text }
	if strings.ContainsAny(f.Version, ".") {
		withoutVersion = func(text string) string { return versionless(text, f) }
	}
	scripts := make(map[string]comparableScript, len(f.Scripts))
	for name, content := range f.Scripts {
		s := comparableScript{lines: withoutVersion(string(code(content)))}
		if commands, ok := scriptlet.Commands(content); ok {
			s.commands = withoutVersion(commands)
		}
		scripts[name] = s
	}
	return scripts
}

// code returns a shell script without empty lines and without lines that are only a comment. A line of a here-document that looks like
// a comment is left out too.
func code(script []byte) []byte {
	var kept []byte
	for line := range bytes.Lines(script) {
		if trimmed := bytes.TrimSpace(line); len(trimmed) > 0 && trimmed[0] != '#' {
			kept = append(append(kept, trimmed...), '\n')
		}
	}
	return kept
}
