// Package buildfacts derives facts from the build files of a package base, without running anything: where the sources come from, which of
// them have checksums, which install scripts there are. It compares the facts of two copies of the build files.
//
// The facts come from the .SRCINFO. Its author can write anything into it, so it is compared with what the text of the PKGBUILD
// shows. If the two differ, the PKGBUILD counts, because makepkg reads only the PKGBUILD. What cannot be known without running the
// PKGBUILD is unknown, and Facts says so.
package buildfacts

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/omg-arch/omg/omg/internal/buildfiles"
)

// Facts holds what is known about one version of the build files of a package base.
type Facts struct {
	// Version is [EPOCH:]PKGVER-PKGREL; empty if it is unknown.
	Version string
	// Sources lists the sources. If HasSources is false, they are unknown.
	Sources    []Source
	HasSources bool
	// Dependencies holds the names of the packages that are needed to run, build or check, in ascending order, and PGPKeys the keys in
	// validpgpkeys. They are unknown without a .SRCINFO.
	Dependencies, PGPKeys []string
	// Maintainers holds the comments in the PKGBUILD that name maintainers and contributors.
	Maintainers []string
	// Scripts holds the contents of the install scripts by name.
	Scripts map[string][]byte
	// Differences lists the fields of the .SRCINFO that differ from the PKGBUILD. Uncertain is why the .SRCINFO could not be compared with
	// the PKGBUILD completely, or why facts are unknown; empty otherwise.
	Differences []string
	Uncertain   string
	// hasSRCINFO means that there is a .SRCINFO.
	hasSRCINFO bool
}

// maintainerLine matches a comment that names a maintainer or contributor.
var maintainerLine = regexp.MustCompile(`(?mi)^#[ \t]*((?:maintainer|contributor|co-maintainer)[^\n]*)$`)

// maxMaintainerLines is the maximum number of comments that count.
const maxMaintainerLines = 100

// Read returns the facts about build files.
func Read(files buildfiles.Files) *Facts {
	f := &Facts{Scripts: map[string][]byte{}}
	for name, content := range files {
		if strings.HasSuffix(name, buildfiles.InstallSuffix) {
			f.Scripts[name] = content
		}
	}
	for _, m := range maintainerLine.FindAllSubmatch(files[buildfiles.PKGBUILDName], maxMaintainerLines) {
		f.Maintainers = append(f.Maintainers, strings.TrimSpace(strings.ToValidUTF8(string(m[1]), "\uFFFD")))
	}
	info := parseSRCINFO(files[buildfiles.SRCINFOName])
	p := readPKGBUILD(files[buildfiles.PKGBUILDName], nil)
	if info == nil {
		f.readAlone(p)
		return f
	}
	f.hasSRCINFO = true
	if p.hasPkgverFunction {
		// makepkg writes the version of the last build into the PKGBUILD.
		p = readPKGBUILD(files[buildfiles.PKGBUILDName], map[string]string{"pkgver": first(info["pkgver"]), "pkgrel": first(info["pkgrel"])})
	}
	f.readWithInfo(info, p)
	return f
}

func first(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return words[0]
}

// comparedFields matches the fields that are compared between the .SRCINFO and the PKGBUILD.
var comparedFields = regexp.MustCompile(`^(?:pkgver|pkgrel|epoch|(?:source|(?:ck|md5|sha1|sha224|sha256|sha384|sha512|b2)sums)(?:_[a-z0-9_]+)?)$`)

// readWithInfo sets the facts from a .SRCINFO, after it has compared them with the PKGBUILD.
func (f *Facts) readWithInfo(info srcinfo, p *pkgbuild) {
	names := map[string]bool{}
	for name := range info {
		names[name] = comparedFields.MatchString(name)
	}
	for name := range p.values {
		names[name] = comparedFields.MatchString(name)
	}
	merged := maps.Clone(info)
	var unknown []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !names[name] {
			continue
		}
		words, isKnown := p.value(name)
		switch {
		case !isKnown:
			unknown = append(unknown, name)
		case !slices.Equal(words, info[name]) && !isEmptyEpoch(name, words, info[name]):
			f.Differences = append(f.Differences, name)
			merged[name] = words
		}
	}
	switch {
	case p.stopped != "":
		f.Uncertain = "the .SRCINFO could not be compared with the PKGBUILD: " + p.stopped
	case len(unknown) > 0:
		f.Uncertain = "the .SRCINFO could not be compared completely with the PKGBUILD, which computes " + strings.Join(unknown, ", ")
	}
	f.setFields(merged)
	f.HasSources = true
	for _, field := range []string{"depends", "makedepends", "checkdepends"} {
		for name, list := range info {
			if name == field || strings.HasPrefix(name, field+"_") {
				f.Dependencies = append(f.Dependencies, list...)
			}
		}
	}
	for i, dependency := range f.Dependencies {
		if end := strings.IndexAny(dependency, "<>="); end >= 0 {
			f.Dependencies[i] = dependency[:end]
		}
	}
	slices.Sort(f.Dependencies)
	f.Dependencies = slices.Compact(f.Dependencies)
	f.PGPKeys = slices.Compact(slices.Sorted(slices.Values(info["validpgpkeys"])))
}

// isEmptyEpoch reports whether a field is the epoch, and 0 or missing in both the PKGBUILD and the .SRCINFO.
func isEmptyEpoch(name string, words, infoWords []string) bool {
	isZero := func(words []string) bool {
		return len(words) == 0 || len(words) == 1 && (words[0] == "" || words[0] == "0")
	}
	return name == "epoch" && isZero(words) && isZero(infoWords)
}

// readAlone sets the facts from a PKGBUILD without a .SRCINFO.
func (f *Facts) readAlone(p *pkgbuild) {
	fields := map[string][]string{}
	var unknown []string
	for name := range p.values {
		if !comparedFields.MatchString(name) {
			continue
		}
		if words, isKnown := p.value(name); isKnown {
			fields[name] = words
		} else {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	switch {
	case p.stopped != "":
		f.Uncertain = "there is no usable .SRCINFO, and " + p.stopped
		return
	case len(unknown) > 0:
		f.Uncertain = "there is no usable .SRCINFO, and the PKGBUILD computes " + strings.Join(unknown, ", ")
	default:
		f.Uncertain = "there is no usable .SRCINFO: the dependencies are unknown"
	}
	f.setFields(fields)
	_, isKnown := p.value("source")
	f.HasSources = isKnown && !slices.ContainsFunc(unknown, func(name string) bool { return name != "pkgver" && name != "pkgrel" && name != "epoch" })
	if !f.HasSources {
		f.Sources = nil
	}
}

// setFields sets the version and the sources.
func (f *Facts) setFields(fields map[string][]string) {
	if version, release := first(fields["pkgver"]), first(fields["pkgrel"]); version != "" && release != "" {
		f.Version = version + "-" + release
		if epoch := first(fields["epoch"]); epoch != "" && epoch != "0" {
			f.Version = epoch + ":" + f.Version
		}
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		arch, isSource := strings.CutPrefix(name, "source")
		if !isSource || !comparedFields.MatchString(name) {
			continue
		}
		for i, text := range fields[name] {
			s := parseSource(text)
			s.Arch = strings.TrimPrefix(arch, "_")
			for _, sum := range []string{"ck", "md5", "sha1", "sha224", "sha256", "sha384", "sha512", "b2"} {
				if sums := fields[sum+"sums"+arch]; i < len(sums) && sums[i] != "" && sums[i] != "SKIP" {
					s.HasChecksum = true
				}
			}
			f.Sources = append(f.Sources, s)
		}
	}
}
