package aurdump

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/wire"
)

// object is a package in the dump. Keys of the dump that have no field here are ignored.
type object struct {
	Name           string
	PackageBaseID  float64
	PackageBase    string
	Version        string
	Description    string
	URL            string
	NumVotes       float64
	Popularity     float64
	OutOfDate      float64
	Maintainer     string
	Submitter      string
	CoMaintainers  []string
	FirstSubmitted float64
	LastModified   float64
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

	// PendingRequests is only in replies to info requests. HasPendingRequests is false if the reply does not contain the number.
	PendingRequests    float64
	HasPendingRequests bool

	// ID and PopularityUpdated are only used for objects of the git archive: see archiveDir.
	ID                float64
	PopularityUpdated float64
}

// lists returns the fields that are lists.
func (o *object) lists() [11]*[]string {
	return [...]*[]string{
		&o.CoMaintainers, &o.Depends, &o.MakeDepends, &o.OptDepends, &o.CheckDepends, &o.Conflicts, &o.Provides, &o.Replaces,
		&o.Groups, &o.License, &o.Keywords,
	}
}

// reset empties an object but keeps the memory of its lists.
func (o *object) reset() {
	before := *o
	*o = object{}
	from, to := before.lists(), o.lists()
	for i := range to {
		*to[i] = (*from[i])[:0]
	}
}

// objectDecoder decodes objects one after the other into the same memory. It treats a value of the wrong type as absent and
// uses the package's other values, because the AUR has been written in three languages, and other programs make similar
// dumps.
type objectDecoder struct {
	object         object
	wrongTypeCount int // number of values of the wrong type
	pkg            wire.Package
	pkgAUR         wire.AUR

	scratch []byte
	// recentTexts holds texts that were decoded recently, indexed by a hash: the names of packages, licenses and maintainers
	// occur many times in a dump.
	recentTexts [1024]string
}

// recentHashSeed is the seed of the hash that indexes objectDecoder.recentTextsTexts.
var recentHashSeed = maphash.MakeSeed()

// intern converts bytes to a string of valid UTF-8. It allocates no memory if r.recentTexts contains the same text.
func (r *objectDecoder) intern(raw []byte) string {
	const maxRecent = 64 // in bytes; r.recentTexts does not store longer texts, which are unlikely to occur again
	if len(raw) > maxRecent {
		return strings.ToValidUTF8(string(raw), "\uFFFD")
	}
	recent := &r.recentTexts[maphash.Bytes(recentHashSeed, raw)%uint64(len(r.recentTexts))]
	if *recent != string(raw) {
		*recent = strings.ToValidUTF8(string(raw), "\uFFFD")
	}
	return *recent
}

// readObject reads the next JSON value, which must be an object, into r.object.
func (r *objectDecoder) readObject(d *jsontext.Decoder) error {
	r.object.reset()
	r.wrongTypeCount = 0
	_, err := d.ReadToken()
	for err == nil && d.PeekKind() != '}' {
		var key jsontext.Value
		if key, err = d.ReadValue(); err == nil {
			err = r.readValue(d, key)
		}
	}
	if err == nil {
		_, err = d.ReadToken()
	}
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// readValue decodes the value of a key; the parameter key includes the key's quotes.
func (r *objectDecoder) readValue(d *jsontext.Decoder, key []byte) error {
	o := &r.object
	switch string(key) {
	case `"Name"`:
		return r.readText(d, &o.Name)
	case `"PackageBaseID"`:
		return r.readNumber(d, &o.PackageBaseID)
	case `"PackageBase"`:
		return r.readText(d, &o.PackageBase)
	case `"Version"`:
		return r.readText(d, &o.Version)
	case `"Description"`:
		return r.readText(d, &o.Description)
	case `"URL"`:
		return r.readText(d, &o.URL)
	case `"NumVotes"`:
		return r.readNumber(d, &o.NumVotes)
	case `"Popularity"`:
		return r.readNumber(d, &o.Popularity)
	case `"OutOfDate"`:
		return r.readNumber(d, &o.OutOfDate)
	case `"Maintainer"`:
		return r.readText(d, &o.Maintainer)
	case `"Submitter"`:
		return r.readText(d, &o.Submitter)
	case `"CoMaintainers"`:
		return r.readList(d, &o.CoMaintainers)
	case `"FirstSubmitted"`:
		return r.readNumber(d, &o.FirstSubmitted)
	case `"LastModified"`:
		return r.readNumber(d, &o.LastModified)
	case `"URLPath"`:
		return r.readText(d, &o.URLPath)
	case `"Depends"`:
		return r.readList(d, &o.Depends)
	case `"MakeDepends"`:
		return r.readList(d, &o.MakeDepends)
	case `"OptDepends"`:
		return r.readList(d, &o.OptDepends)
	case `"CheckDepends"`:
		return r.readList(d, &o.CheckDepends)
	case `"Conflicts"`:
		return r.readList(d, &o.Conflicts)
	case `"Provides"`:
		return r.readList(d, &o.Provides)
	case `"Replaces"`:
		return r.readList(d, &o.Replaces)
	case `"Groups"`:
		return r.readList(d, &o.Groups)
	case `"License"`:
		return r.readList(d, &o.License)
	case `"Keywords"`:
		return r.readList(d, &o.Keywords)
	case `"ID"`:
		return r.readNumber(d, &o.ID)
	case `"PopularityUpdated"`:
		return r.readNumber(d, &o.PopularityUpdated)
	case `"PendingRequests"`:
		o.HasPendingRequests = d.PeekKind() == '0' // a number
		return r.readNumber(d, &o.PendingRequests)
	}
	return d.SkipValue()
}

func (r *objectDecoder) readText(d *jsontext.Decoder, v *string) error {
	*v = ""
	raw, err := d.ReadValue()
	switch {
	case err != nil || raw[0] == 'n':
	case raw[0] != '"':
		r.wrongTypeCount++
	case bytes.IndexByte(raw, '\\') >= 0:
		r.scratch, _ = jsontext.AppendUnquote(r.scratch[:0], raw)
		*v = r.intern(r.scratch)
	default:
		*v = r.intern(raw[1 : len(raw)-1])
	}
	return err
}

// readNumber decodes a number, or a string that contains a number.
func (r *objectDecoder) readNumber(d *jsontext.Decoder, v *float64) error {
	*v = 0
	raw, err := d.ReadValue()
	if err != nil || raw[0] == 'n' {
		return err
	}
	n, wrong := strconv.ParseFloat(string(bytes.Trim(raw, `"`)), 64)
	if wrong != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		r.wrongTypeCount++
		return nil
	}
	*v = n
	return nil
}

// readList decodes a list of strings; a single string becomes a list with that string.
func (r *objectDecoder) readList(d *jsontext.Decoder, v *[]string) error {
	*v = (*v)[:0]
	element := func() error {
		var s string
		err := r.readText(d, &s)
		*v = append(*v, s)
		return err
	}
	switch d.PeekKind() {
	case '"':
		return element()
	case '[':
	default:
		if d.PeekKind() != 'n' {
			r.wrongTypeCount++
		}
		return d.SkipValue()
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for d.PeekKind() != ']' {
		if err := element(); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

// DecodePackage decodes one object in the format of the dump, which the AUR's replies share. Unlike Read, it also decodes the
// number of pending requests, which only replies contain. An error says why the object is not a package.
func DecodePackage(object []byte) (*wire.Package, error) {
	if jsontext.Value(object).Kind() != '{' {
		return nil, errors.New("it is not an object")
	}
	r := &objectDecoder{}
	if err := r.readObject(jsontext.NewDecoder(bytes.NewReader(object), decodeOptions)); err != nil {
		return nil, err
	}
	if why := PackageDefect(r.object.Name, r.object.Version); why != "" {
		return nil, fmt.Errorf("%.100q %s", r.object.Name, why)
	}
	p := r.toPackage()
	if r.object.HasPendingRequests {
		n := uint32(min(max(r.object.PendingRequests, 0), math.MaxUint32))
		p.AUR.PendingRequests = &n
	}
	return p, nil
}

// maxBaseID is the largest value of Entry.BaseID. A float64 represents every integer up to maxBaseID exactly.
const maxBaseID = 1 << 53

// decodeOptions holds the options for the AUR's JSON. The decoder does not check for repeated keys, because the AUR never
// writes them. It replaces invalid UTF-8, so that one invalid byte does not make the whole dump unusable.
var decodeOptions = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// parser decodes packages from JSON.
type parser struct {
	*objectDecoder
	in     *boundedReader
	dec    *jsontext.Decoder
	limits limits
	result *ReadResult

	seed maphash.Seed
	seen map[uint64]struct{} // hashes of the names so far, which need less memory than the names
}

func newParser(in *boundedReader, limits limits, out *ReadResult) *parser {
	return &parser{
		objectDecoder: &objectDecoder{}, in: in, limits: limits, result: out,
		dec:  jsontext.NewDecoder(in, decodeOptions),
		seed: maphash.MakeSeed(), seen: map[uint64]struct{}{},
	}
}

// visitPackages passes the packages of the array to the function visit, and reads to the end of the file.
func (p *parser) visitPackages(visit func(Entry) error) error {
	if err := p.readBegin('['); err != nil {
		return err
	}
	for kind := p.dec.PeekKind(); kind != ']'; kind = p.dec.PeekKind() {
		p.in.objectLeft = p.limits.object
		var err error
		switch kind {
		case 0: // the end of the file, or not JSON
			_, err = p.dec.ReadToken()
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
		case '{':
			err = p.nextPackage(visit)
		default:
			p.leaveOut("element %d is not an object", p.result.PackageCount+p.result.LeftOutCount+1)
			err = p.dec.SkipValue()
		}
		if err != nil {
			return err
		}
	}
	err := p.readEnd("array")
	switch {
	case err != nil:
		return err
	case p.result.PackageCount > 0:
		return nil
	case p.result.LeftOutCount > 0:
		return fmt.Errorf("%w: none of the %d elements of the array is a package", ErrNotDump, p.result.LeftOutCount)
	}
	return sourcefile.ErrEmpty
}

// readBegin reads the beginning of the array or object that the whole file consists of.
func (p *parser) readBegin(kind jsontext.Kind) error {
	isExpected := p.dec.PeekKind() == kind
	_, err := p.dec.ReadToken()
	syntax := new(jsontext.SyntacticError)
	switch {
	case isExpected:
		return err
	case err == io.EOF:
		return sourcefile.ErrEmpty
	case err == nil, errors.As(err, &syntax):
		return ErrNotDump // perhaps an error page of the AUR
	}
	return err
}

// readEnd reads the end of the array or object, and checks that nothing follows.
func (p *parser) readEnd(noun string) error {
	if _, err := p.dec.ReadToken(); err != nil {
		return err
	}
	_, err := p.dec.ReadToken()
	switch err {
	case nil:
		return fmt.Errorf("%w: data after the end of the %s", sourcefile.ErrDamaged, noun)
	case io.EOF:
		return nil
	}
	return err
}

// nextPackage decodes the next package and passes it to the function visit, unless the package has to be left out.
func (p *parser) nextPackage(visit func(Entry) error) error {
	if err := p.readObject(p.dec); err != nil {
		return err
	}
	return p.visitObject(visit)
}

// visitObject passes the decoded object to the function visit, unless it has to be left out.
func (p *parser) visitObject(visit func(Entry) error) error {
	o := &p.object
	if why := PackageDefect(o.Name, o.Version); why != "" {
		p.leaveOut("package %.100q %s", o.Name, why)
		return nil
	}
	key := maphash.String(p.seed, o.Name)
	if _, again := p.seen[key]; again {
		p.leaveOut("package %.100q has the name of an earlier package", o.Name)
		return nil
	}
	p.seen[key] = struct{}{}
	if p.wrongTypeCount > 0 {
		p.warn("package %.100q has %d values of the wrong type, which were ignored", o.Name, p.wrongTypeCount)
	}
	if p.result.PackageCount == p.limits.packages {
		return fmt.Errorf("%w: it has more than %d packages", sourcefile.ErrOversize, p.limits.packages)
	}
	p.result.PackageCount++
	id := min(max(p.object.PackageBaseID, 0), maxBaseID)
	if err := visit(Entry{Package: p.toPackage(), BaseID: uint64(id)}); err != nil {
		return sourcefile.MarkCallerError(err)
	}
	return nil
}

// PackageDefect returns the reason why a package with this name and version is left out, or "" if it is not.
func PackageDefect(name, version string) string {
	const maxName, maxVersion = 255, 255
	switch {
	case name == "":
		return "has no name"
	case len(name) > maxName:
		return "has too long a name"
	case !wire.IsPossibleName(name):
		return "has a name that no package can have"
	case version == "":
		return "has no version"
	case len(version) > maxVersion:
		return "has too long a version"
	}
	return ""
}

// toPackage returns the object as a package.
func (r *objectDecoder) toPackage() *wire.Package {
	o := &r.object
	for _, list := range o.lists() {
		*list = slices.DeleteFunc(*list, func(s string) bool { return s == "" }) // null was decoded as ""
	}
	r.pkgAUR = wire.AUR{
		Votes: uint32(min(max(o.NumVotes, 0), math.MaxUint32)), Popularity: max(o.Popularity, 0), OutOfDate: unixSeconds(o.OutOfDate),
		Maintainer: o.Maintainer, Submitter: o.Submitter, CoMaintainers: o.CoMaintainers,
		Submitted: unixSeconds(o.FirstSubmitted), Modified: unixSeconds(o.LastModified),
		Keywords: o.Keywords, URLPath: sourceArchivePath(o),
	}
	r.pkg = wire.Package{
		Repo: Repo, Name: o.Name, Version: o.Version, Desc: o.Description, Base: o.PackageBase, URL: o.URL,
		Groups: o.Groups, Licenses: o.License, Provides: o.Provides, Depends: o.Depends, OptDepends: o.OptDepends,
		MakeDepends: o.MakeDepends, CheckDepends: o.CheckDepends, Conflicts: o.Conflicts, Replaces: o.Replaces, AUR: &r.pkgAUR,
	}
	return &r.pkg
}

// sourceArchivePath returns the path of a package's source archive. The AUR's dump writes the name of the package into the path,
// but only archives of package bases exist.
func sourceArchivePath(o *object) string {
	const suffix = ".tar.gz"
	dir, ok := strings.CutSuffix(o.URLPath, "/"+o.Name+suffix)
	if !ok || o.PackageBase == "" {
		return o.URLPath
	}
	return dir + "/" + o.PackageBase + suffix
}

// MaxTime is the latest time in a dump that is read, in Unix seconds: the end of the year 9999.
const MaxTime = 253402300799

// unixSeconds converts a time to Unix seconds. A time before 1970, or after the year 9999, becomes 0.
func unixSeconds(unix float64) int64 {
	if unix < 0 || unix > MaxTime {
		return 0
	}
	return int64(unix)
}

// leaveOut counts an entry that is left out, and stores the reason with the warnings.
func (p *parser) leaveOut(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if p.result.LeftOutCount++; p.result.LeftOutCount == 1 {
		p.result.FirstLeftOutReason = text
	}
	p.warn("%s and was left out", text)
}

func (p *parser) warn(format string, args ...any) {
	if len(p.result.Warnings) == MaxWarnings {
		p.result.OmittedWarningCount++
		return
	}
	p.result.Warnings = append(p.result.Warnings, fmt.Sprintf(format, args...))
}
