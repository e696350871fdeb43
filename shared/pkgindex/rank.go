package pkgindex

import (
	"bytes"
	"math"
	"math/bits"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// docRank says how a package ranks among packages that match a search equally well. It does not depend on the search.
type docRank struct {
	// prominence is from 0 to 255. It is larger for a package that more people use, as far as the source shows that, and smaller for a
	// part of something else, such as a plugin.
	prominence byte
	// headLen is the length of the description's head in bytes, see descriptionHead. It is 0 for a part, because its description names
	// the kind of what it belongs to.
	headLen byte
}

// isPart reports whether the package is a part of something else, or has no description.
func (r docRank) isPart() bool { return r.headLen == 0 }

// The prominence of a package begins with prominenceBase. Each doubling of the votes, of the packages that need the package, and of the
// packages that are named after it adds to the prominence. If the share of machines that have the package is known, each doubling of it
// adds to the prominence instead of the packages that need it. docs/search-quality.md says how the numbers were chosen.
const (
	prominenceBase      = 96
	prominenceVotes     = 10
	prominenceNeeded    = 6
	prominenceShare     = 6
	prominenceNamed     = 14
	prominencePart      = -60
	prominenceExtension = -20
)

// rankDocs sets the rank of each doc.
func (s *SourceBuilder) rankDocs() {
	usesOfTerm := make([]int, len(s.termKeys))
	for _, u := range s.termUses {
		if f := s.termKeys[u.termID].field; f == termDepends || f == termOptDepends {
			usesOfTerm[u.termID]++
		}
	}
	neededBy := func(name string) (n int) {
		for _, field := range [...]byte{termDepends, termOptDepends} {
			if id, ok := s.termIDs[termKey{field, name}]; ok {
				n += usesOfTerm[id]
			}
		}
		return n
	}
	named := s.countNamedAfter()
	for i := range s.docs {
		d := &s.docs[i]
		name, desc := s.foldedNameOf(*d), s.foldedDescOf(*d)
		head := descriptionHead(desc)
		p := prominenceBase + timesLog2(prominenceVotes, 1+int(d.votes)) + timesLog2(prominenceNamed, 1+named.after[i])
		if _, known := d.share.value(); known {
			p += d.share.prominence()
		} else {
			p += timesLog2(prominenceNeeded, 1+neededBy(string(name)))
		}
		if named.isExtension[i] {
			p += prominenceExtension
		}
		if isPart(name, desc[:head]) {
			p += prominencePart
			head = 0
		}
		d.rank = docRank{prominence: byte(min(max(p, 0), math.MaxUint8)), headLen: byte(min(head, math.MaxUint8))}
	}
}

// timesLog2 returns factor times the binary logarithm of n, which must be at least 1. Between powers of two it goes straight. It needs no
// floating-point numbers, which some processors round in another way, so that an index has the same bytes everywhere.
func timesLog2(factor, n int) int {
	power := bits.Len(uint(n)) - 1
	return factor*power + factor*(n-1<<power)>>power
}

// namedAfter says which names of packages contain the names of other packages of the source.
type namedAfter struct {
	after       []int  // for each doc, how many other names have its name as a part, as libnginx-mod-geoip has nginx
	isExtension []bool // for each doc, whether its name begins with another name and a dash, as vim-spell does
}

func (s *SourceBuilder) countNamedAfter() namedAfter {
	n := namedAfter{make([]int, len(s.docs)), make([]bool, len(s.docs))}
	docs := make(map[uint64]int, len(s.docs))
	for i, d := range s.docs {
		key := xxhash.Sum64(s.foldedNameOf(d))
		if other, ok := docs[key]; !ok || s.compareNames(d, s.docs[other]) < 0 {
			docs[key] = i
		}
	}
	for i, d := range s.docs {
		name := s.foldedNameOf(d)
		start := 0
		for at := 0; at <= len(name); at++ {
			if at < len(name) && isWordByte(name[at]) {
				continue
			}
			if other, ok := docs[xxhash.Sum64(name[start:at])]; ok && other != i {
				n.after[other]++
			}
			if at < len(name) && name[at] == '-' {
				_, ok := docs[xxhash.Sum64(name[:at])]
				n.isExtension[i] = n.isExtension[i] || ok
			}
			start = at + 1
		}
	}
	return n
}

// foldedDescOf returns the folded description of a doc.
func (s *SourceBuilder) foldedDescOf(d pendingDoc) []byte {
	text := s.text[d.textStart : d.textStart+d.textLen]
	return text[d.nameLen+1+d.providesTextLen+d.groupsTextLen : d.textLen-1]
}

// The names and descriptions of parts: packages that belong to a program or a language, and that few people search for by what the
// description says. The list has the naming conventions of distributions and languages, and no names of programs.
var (
	partPrefixes = toBytes(
		"lib32-", "mingw-w64-", "python-", "python2-", "python3-", "perl-", "ruby-", "haskell-", "php-", "lua-", "nodejs-", "node-", "golang-",
		"rust-", "librust-", "ocaml-", "r-cran-", "r-bioc-", "gir1.2-", "elpa-", "vim-", "kodi-", "gst-", "gstreamer", "qml-module-", "puppet-",
		"postgresql-", "texlive-", "fonts-", "ttf-", "hunspell-", "aspell-", "firmware-", "task-", "education-", "xfce4-", "nvidia-",
	)
	partInfixes = toBytes(
		"-i18n", "-l10n", "-locale", "-lang-", "-debug", "-dbg", "-prof", "-dev", "-headers", "-doc", "-examples", "-test", "-common", "-data",
		"-plugin", "-addon", "-extra", "-support", "-utils", "-theme", "-icon", "-git", "-svn", "-hg", "-bin", "-beta", "-nightly", "-nox", "-perl",
	)
	partWords = toBytes(
		"library", "libraries", "plugin", "extension", "module", "addon", "add-on", "binding", "wrapper", "interface to", "backend", "headers",
		"development files", "data files", "common files", "documentation", "debug symbols", "language pack", "translation", "theme", "support for",
		"metapackage", "transitional", "dummy",
	)
)

func toBytes(words ...string) [][]byte {
	list := make([][]byte, len(words))
	for i, w := range words {
		list[i] = []byte(w)
	}
	return list
}

// isPart reports whether a package is a part of something else, by its name and the head of its description.
func isPart(name, head []byte) bool {
	return slices.ContainsFunc(partPrefixes, func(p []byte) bool { return bytes.HasPrefix(name, p) }) ||
		slices.ContainsFunc(partInfixes, func(p []byte) bool { return bytes.Contains(name, p) }) ||
		slices.ContainsFunc(partWords, func(w []byte) bool { return bytes.Contains(head, w) })
}

// headEnds lists what ends the head of a description.
var headEnds = toBytes(
	"; ", ". ", ": ", " - ", " for ", " with ", " to ", " that ", " which ", " from ", " by ", " and ", " in ", " on ", " like ", " based ", " built ", " made ", " written ",
	" using ", " designed ", " supporting ",
)

// descriptionHead returns the length of the head of a folded description: of the first phrase, which names the kind of the package. It
// is "text editor" in "text editor for programmers".
func descriptionHead(desc []byte) int {
	for i, c := range desc {
		if !isWordByte(c) && slices.ContainsFunc(headEnds, func(e []byte) bool { return i > 0 && bytes.HasPrefix(desc[i:], e) }) {
			return i
		}
	}
	return len(bytes.TrimRight(desc, "."))
}
