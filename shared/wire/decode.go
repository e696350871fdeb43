package wire

import (
	"fmt"
	"math"

	"github.com/vmihailenco/msgpack/v5"
)

// DecodeSearchResult decodes one chunk of a SearchResult that passed CheckMessagePack. It passes every package to the function visit, and
// decodes all other fields into r. The function must not keep the pointer to the package. Decoding the packages one by
// one, without reflection, takes half the time of decoding them into a slice. The difference matters to a program that is
// started for a single reply with hundreds of packages.
func DecodeSearchResult(result []byte, r *SearchResult, visit func(*Package) error) error {
	rest, err := decodePackages(result, visit)
	if err != nil {
		return err
	}
	before := r.Sources
	r.Sources = nil
	err = msgpack.Unmarshal(rest, r)
	r.Sources = append(before, r.Sources...)
	return err
}

// DecodeInfoResult decodes one chunk of an InfoResult, as DecodeSearchResult decodes a SearchResult.
func DecodeInfoResult(result []byte, r *InfoResult, visit func(*Package) error) error {
	rest, err := decodePackages(result, visit)
	if err != nil {
		return err
	}
	before := r.Sources
	r.Sources = nil
	err = msgpack.Unmarshal(rest, r)
	r.Sources = append(before, r.Sources...)
	return err
}

// decodePackages passes every package in a result to the function visit. It returns an encoded map with all other pairs
// of the result.
func decodePackages(result []byte, visit func(*Package) error) (rest []byte, err error) {
	var stop error
	pairs := 0
	var p Package
	t := frameString{string(result), cap(result)}
	err = eachPair(result, func(key, value []byte) bool {
		if string(key) != "packages" {
			pairs++
			rest = append(AppendString(rest, string(key)), value...)
			return true
		}
		stop = eachElement(value, func(b []byte) error {
			p = Package{}
			if err := t.decodePackage(b, &p); err != nil {
				return err
			}
			return visit(&p)
		})
		return true
	})
	if stop != nil {
		return nil, stop
	}
	return append(AppendMapHeader(nil, pairs), rest...), err
}

// frameString is a frame that was converted to one string. All decoded strings are substrings of this string, so that decoding
// allocates once for the frame and not for each string.
type frameString struct {
	wholeFrame string
	frameCap   int // the capacity of the frame's slice
}

// substring(b) returns the bytes of b as a substring of t.all. The slice b must be a subslice of the frame: the offset of b in
// the frame is the difference between the capacities of the two slices.
func (t frameString) substring(b []byte) string {
	at := t.frameCap - cap(b)
	return t.wholeFrame[at : at+len(b)]
}

// eachElement calls the function f with each encoded element of an array that passed CheckMessagePack.
func eachElement(b []byte, f func([]byte) error) error {
	if len(b) == 0 || b[0]&0xf0 != 0x90 && b[0] != 0xdc && b[0] != 0xdd {
		return fmt.Errorf("%w: not an array", ErrMalformed)
	}
	size, n, err := readValueHead(b)
	if err != nil {
		return err
	}
	b = b[size:]
	for range n {
		size := valueSize(b)
		if err := f(b[:size]); err != nil {
			return err
		}
		b = b[size:]
	}
	return nil
}

// DecodePackage decodes a package that passed CheckMessagePack. It is equivalent to msgpack.Unmarshal, but several times faster.
func DecodePackage(b []byte, p *Package) error {
	return frameString{string(b), cap(b)}.decodePackage(b, p)
}

// decodePackage decodes a package that passed CheckMessagePack. It skips unknown keys.
func (t frameString) decodePackage(b []byte, p *Package) error {
	return eachPair(b, func(key, value []byte) bool {
		switch string(key) {
		case "repo":
			return t.decodeString(value, &p.Repo)
		case "name":
			return t.decodeString(value, &p.Name)
		case "version":
			return t.decodeString(value, &p.Version)
		case "desc":
			return t.decodeString(value, &p.Desc)
		case "groups":
			return t.decodeStrings(value, &p.Groups)
		case "aur":
			p.AUR = &AUR{}
			return msgpack.Unmarshal(value, p.AUR) == nil
		case "base":
			return t.decodeString(value, &p.Base)
		case "filename":
			return t.decodeString(value, &p.Filename)
		case "arch":
			return t.decodeString(value, &p.Arch)
		case "url":
			return t.decodeString(value, &p.URL)
		case "licenses":
			return t.decodeStrings(value, &p.Licenses)
		case "provides":
			return t.decodeStrings(value, &p.Provides)
		case "depends":
			return t.decodeStrings(value, &p.Depends)
		case "optdepends":
			return t.decodeStrings(value, &p.OptDepends)
		case "makedepends":
			return t.decodeStrings(value, &p.MakeDepends)
		case "checkdepends":
			return t.decodeStrings(value, &p.CheckDepends)
		case "conflicts":
			return t.decodeStrings(value, &p.Conflicts)
		case "replaces":
			return t.decodeStrings(value, &p.Replaces)
		case "csize":
			return decodeSize(value, &p.CSize)
		case "isize":
			return decodeSize(value, &p.ISize)
		case "packager":
			return t.decodeString(value, &p.Packager)
		case "builddate":
			n, ok := decodeUint(value)
			p.BuildDate = int64(min(n, math.MaxInt64))
			return ok || msgpack.Unmarshal(value, &p.BuildDate) == nil
		case "validation":
			return t.decodeStrings(value, &p.Validation)
		case "sha256":
			return t.decodeString(value, &p.SHA256)
		case "installed":
			return t.decodeString(value, &p.InstalledVersion)
		case "advisories":
			return t.decodeStrings(value, &p.Advisories)
		case "aur_findings":
			p.AURFindings = &AURMark{}
			return msgpack.Unmarshal(value, p.AURFindings) == nil
		case "rank":
			p.Rank = &SearchRank{}
			return msgpack.Unmarshal(value, p.Rank) == nil
		case "shadowed":
			p.Shadowed = value[0] == 0xc3
		}
		return true
	})
}

func (t frameString) decodeString(b []byte, to *string) bool {
	s, _, ok := CutLeadingString(b)
	if ok {
		*to = t.substring(s)
	}
	return ok
}

func (t frameString) decodeStrings(b []byte, to *[]string) bool {
	return eachElement(b, func(e []byte) error {
		var s string
		if !t.decodeString(e, &s) {
			return ErrMalformed
		}
		*to = append(*to, s)
		return nil
	}) == nil
}

func decodeSize(b []byte, to *uint64) (ok bool) {
	*to, ok = decodeUint(b)
	return ok
}
