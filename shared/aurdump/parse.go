package aurdump

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/wire"
)

// object is a package in the dump. What it does not name is passed over; null is
// the same as absent.
type object struct {
	Name           string
	PackageBase    string
	Version        string
	Description    string
	URL            string
	NumVotes       uint32
	Popularity     float64
	OutOfDate      int64
	Maintainer     string
	Submitter      string
	CoMaintainers  []string
	FirstSubmitted int64
	LastModified   int64
	URLPath        string
	Depends        []string
	MakeDepends    []string
	OptDepends     []string
	CheckDepends   []string
	Conflicts      []string
	Provides       []string
	Replaces       []string
	Groups         []string
	License        []string
	Keywords       []string
}

// reset empties an object and keeps its memory.
func (o *object) reset() {
	*o = object{
		CoMaintainers: o.CoMaintainers[:0], Depends: o.Depends[:0], MakeDepends: o.MakeDepends[:0], OptDepends: o.OptDepends[:0],
		CheckDepends: o.CheckDepends[:0], Conflicts: o.Conflicts[:0], Provides: o.Provides[:0], Replaces: o.Replaces[:0],
		Groups: o.Groups[:0], License: o.License[:0], Keywords: o.Keywords[:0],
	}
}

// parser turns JSON into packages.
type parser struct {
	in     *boundedReader
	dec    *jsontext.Decoder
	limits limits
	out    *File

	object object
	pkg    wire.Package
	aur    wire.AUR

	seed maphash.Seed
	seen map[uint64]struct{} // hashes of the names handed out, not to keep their texts
}

func newParser(in *boundedReader, limits limits, out *File) *parser {
	return &parser{
		in: in, limits: limits, out: out,
		// The AUR's own writer repeats no key, and text that is not UTF-8 costs
		// some characters and not the dump.
		dec:  jsontext.NewDecoder(in, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)),
		seed: maphash.MakeSeed(), seen: map[uint64]struct{}{},
	}
}

// packages hands out what the array holds and reads to the end of the file.
func (p *parser) packages(each func(*wire.Package) error) error {
	if kind := p.dec.PeekKind(); kind != '[' {
		_, err := p.dec.ReadToken()
		syntax := new(jsontext.SyntacticError)
		switch {
		case err == io.EOF:
			return sourcefile.ErrEmpty
		case err == nil, errors.As(err, &syntax):
			return ErrNotDump // be it a page that says that the AUR is down
		}
		return err
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return err
	}
	for p.dec.PeekKind() == '{' {
		if err := p.one(each); err != nil {
			return err
		}
	}
	if kind := p.dec.PeekKind(); kind != ']' && kind != 0 {
		return fmt.Errorf("%w: its array has something else than packages", ErrNotDump)
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return err
	}
	switch _, err := p.dec.ReadToken(); {
	case err == nil:
		return fmt.Errorf("%w: something stands behind its end", sourcefile.ErrDamaged)
	case err != io.EOF:
		return err
	case p.out.Packages == 0:
		return sourcefile.ErrEmpty
	}
	return nil
}

// one hands out the next package.
func (p *parser) one(each func(*wire.Package) error) error {
	p.in.object = p.limits.object
	p.object.reset()
	if err := json.UnmarshalDecode(p.dec, &p.object); err != nil {
		if err == io.EOF {
			return io.ErrUnexpectedEOF
		}
		return err
	}
	o := &p.object
	if why := unusable(o); why != "" {
		p.warn("package %.100q %s and was left out", o.Name, why)
		return nil
	}
	key := maphash.String(p.seed, o.Name)
	if _, again := p.seen[key]; again {
		p.warn("package %.100q stands there again and was left out", o.Name)
		return nil
	}
	p.seen[key] = struct{}{}
	if p.out.Packages == p.limits.packages {
		return fmt.Errorf("%w: it has more than %d packages", sourcefile.ErrOversize, p.limits.packages)
	}
	p.out.Packages++
	if err := each(p.convert()); err != nil {
		return sourcefile.FromCaller(err)
	}
	return nil
}

// unusable says what keeps a package from being one.
func unusable(o *object) string {
	const maxName, maxVersion = 255, 255
	switch {
	case o.Name == "":
		return "has no name"
	case len(o.Name) > maxName:
		return "has too long a name"
	case strings.ContainsFunc(o.Name, func(r rune) bool { return r <= ' ' || r == '/' || r == 0x7f || r == '\uFFFD' }):
		return "has a name that none can have"
	case o.Version == "":
		return "has no version"
	case len(o.Version) > maxVersion:
		return "has too long a version"
	}
	return ""
}

// convert gives the object the form of a package.
func (p *parser) convert() *wire.Package {
	o := &p.object
	p.aur = wire.AUR{
		Votes: o.NumVotes, Popularity: o.Popularity, OutOfDate: moment(o.OutOfDate),
		Maintainer: o.Maintainer, Submitter: o.Submitter, CoMaintainers: o.CoMaintainers,
		Submitted: moment(o.FirstSubmitted), Modified: moment(o.LastModified),
		Keywords: o.Keywords, URLPath: o.URLPath,
	}
	p.pkg = wire.Package{
		Repo: Repo, Name: o.Name, Version: o.Version, Desc: o.Description, Base: o.PackageBase, URL: o.URL,
		Groups: o.Groups, Licenses: o.License, Provides: o.Provides, Depends: o.Depends, OptDepends: o.OptDepends,
		MakeDepends: o.MakeDepends, CheckDepends: o.CheckDepends, Conflicts: o.Conflicts, Replaces: o.Replaces, AUR: &p.aur,
	}
	return &p.pkg
}

// moment is a time in Unix seconds; what lies before them is none.
func moment(unix int64) int64 { return max(unix, 0) }

func (p *parser) warn(format string, args ...any) {
	if len(p.out.Warnings) == MaxWarnings {
		p.out.MoreWarnings++
		return
	}
	p.out.Warnings = append(p.out.Warnings, fmt.Sprintf(format, args...))
}
