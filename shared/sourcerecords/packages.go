package sourcerecords

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/omg-arch/omg/shared/aurdump"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/popularity"
	"github.com/omg-arch/omg/shared/records"
	"github.com/omg-arch/omg/shared/wire"
)

// packageRecord is the record of a package.
type packageRecord struct {
	pkg    wire.Package
	aur    wire.AUR
	object *records.Object
}

func newPackageRecord() *packageRecord {
	r := &packageRecord{}
	p, a := &r.pkg, &r.aur
	r.object = records.NewObject(
		records.Field{Name: "name", Value: &p.Name},
		records.Field{Name: "arch", Value: &p.Arch},
		records.Field{Name: "base", Value: &p.Base},
		records.Field{Name: "builddate", Value: &p.BuildDate},
		records.Field{Name: "checkdepends", Value: &p.CheckDepends},
		records.Field{Name: "comaintainers", Value: &a.CoMaintainers},
		records.Field{Name: "conflicts", Value: &p.Conflicts},
		records.Field{Name: "csize", Value: &p.CSize},
		records.Field{Name: "depends", Value: &p.Depends},
		records.Field{Name: "desc", Value: &p.Desc},
		records.Field{Name: "emptydesc", Value: &p.EmptyDesc},
		records.Field{Name: "filename", Value: &p.Filename},
		records.Field{Name: "groups", Value: &p.Groups},
		records.Field{Name: "isize", Value: &p.ISize},
		records.Field{Name: "keywords", Value: &a.Keywords},
		records.Field{Name: "licenses", Value: &p.Licenses},
		records.Field{Name: "maintainer", Value: &a.Maintainer},
		records.Field{Name: "makedepends", Value: &p.MakeDepends},
		records.Field{Name: "modified", Value: &a.Modified},
		records.Field{Name: "optdepends", Value: &p.OptDepends},
		records.Field{Name: "outofdate", Value: &a.OutOfDate},
		records.Field{Name: "packager", Value: &p.Packager},
		records.Field{Name: "provides", Value: &p.Provides},
		records.Field{Name: "replaces", Value: &p.Replaces},
		records.Field{Name: "sha256", Value: &p.SHA256},
		records.Field{Name: "submitted", Value: &a.Submitted},
		records.Field{Name: "submitter", Value: &a.Submitter},
		records.Field{Name: "url", Value: &p.URL},
		records.Field{Name: "urlpath", Value: &a.URLPath},
		records.Field{Name: "validation", Value: &p.Validation},
		records.Field{Name: "version", Value: &p.Version},
	)
	return r
}

// set makes p the package of the record. It uses the memory of p.
func (r *packageRecord) set(p *wire.Package) {
	r.pkg, r.aur = *p, wire.AUR{}
	if p.AUR != nil {
		r.aur = *p.AUR
	}
}

// voteRecord is the record of the votes of a package.
type voteRecord struct {
	name       string
	popularity float64
	votes      uint32
	object     *records.Object
}

func newVoteRecord() *voteRecord {
	r := &voteRecord{}
	r.object = records.NewObject(
		records.Field{Name: "name", Value: &r.name}, records.Field{Name: "popularity", Value: &r.popularity}, records.Field{Name: "votes", Value: &r.votes},
	)
	return r
}

// Packages collects the packages of a repository or of the AUR in any order, and writes them as records. It is a sources.PackageCollector.
type Packages struct {
	head    records.Head
	end     records.End
	checker *pkgindex.Checker
	record  *packageRecord
	vote    *voteRecord
	sorted  records.Sorter
	votes   records.Sorter
	scratch []byte
}

// NewPackages returns an empty collector for a source.
func NewPackages(name string, kind pkgindex.SourceKind) *Packages {
	p := &Packages{head: records.Head{Kind: KindRepository, Name: name}, checker: pkgindex.NewChecker(), record: newPackageRecord(), vote: newVoteRecord()}
	if kind == pkgindex.KindAUR {
		p.head.Kind = KindAUR
	}
	return p
}

// Add adds a package. The error wraps pkgindex.ErrRecordTooLarge if an index could not have the package.
func (p *Packages) Add(pkg *wire.Package) error {
	if err := p.checker.Check(pkg); err != nil {
		return err
	}
	p.record.set(pkg)
	p.scratch = p.record.object.Append(p.scratch[:0])
	if len(p.scratch) > records.MaxLine {
		return fmt.Errorf("%s/%s: %w: %d bytes as a record, at most %d", pkg.Repo, pkg.Name, pkgindex.ErrRecordTooLarge, len(p.scratch), records.MaxLine)
	}
	name := strings.Clone(pkg.Name)
	if err := p.sorted.Add(name, p.scratch); err != nil {
		return err
	}
	if pkg.AUR == nil || pkg.AUR.Votes == 0 && pkg.AUR.Popularity == 0 {
		return nil
	}
	p.vote.name, p.vote.popularity, p.vote.votes = name, pkg.AUR.Popularity, pkg.AUR.Votes
	p.scratch = p.vote.object.Append(p.scratch[:0])
	return p.votes.Add(name, p.scratch)
}

// Reset removes all packages and facts.
func (p *Packages) Reset() {
	p.end, p.sorted, p.votes = records.End{}, records.Sorter{}, records.Sorter{}
}

// AddLeftOut records that n packages were not added, or lack some of their data. Only the reason why of the first call is kept.
func (p *Packages) AddLeftOut(n int, why string) {
	if n > 0 && p.end.LeftOutCount == 0 {
		p.end.LeftOutReason = fmt.Sprintf("%.300s", why)
	}
	p.end.LeftOutCount += uint32(n)
}

// SetFileInfo sets the digest of the file, its size in bytes and its modification time in Unix seconds.
func (p *Packages) SetFileInfo(sha256 string, size, asOf int64) {
	p.end.SHA256, p.end.Size, p.end.AsOf = sha256, size, asOf
}

// SetCommit sets the commit of the AUR's git archive that the packages come from.
func (p *Packages) SetCommit(commit string) { p.end.Commit = commit }

// Write writes the records of the packages.
func (p *Packages) Write(out io.Writer) error { return writeSorted(out, p.head, &p.sorted, p.end) }

// WriteVotes writes the records of the votes. Only a collector of the AUR has them.
func (p *Packages) WriteVotes(out io.Writer) error {
	return writeSorted(out, records.Head{Kind: KindAURVotes, Name: p.head.Name}, &p.votes, p.end)
}

// addRepository adds a repository to an index: the packages of its records, and the facts about its database. The shares of machines may be
// nil.
func addRepository(ctx context.Context, b *pkgindex.Builder, r *records.Reader, shares *popularity.Shares) error {
	into := b.AddSource(r.Head().Name, pkgindex.KindRepo)
	into.SetShares(shares)
	return addPackages(ctx, into, r, func(*wire.Package) error { return nil })
}

// addAUR adds the AUR to an index: the packages of its records, their votes, and the facts about its dump.
func addAUR(ctx context.Context, b *pkgindex.Builder, packages, votes *records.Reader) error {
	v := newVoteReader(votes)
	if err := addPackages(ctx, b.AddSource(packages.Head().Name, pkgindex.KindAUR), packages, v.setVotes); err != nil {
		return err
	}
	return v.checkEnd(packages.End())
}

// addPackages adds packages to an index. The function complete completes each package before it is added.
func addPackages(ctx context.Context, into *pkgindex.SourceBuilder, r *records.Reader, complete func(*wire.Package) error) error {
	record := newPackageRecord()
	err := forEach(ctx, r, func(line string) error {
		p, err := record.parse(line, r.Head())
		if err == nil {
			err = complete(p)
		}
		if err == nil {
			err = into.Add(p)
		}
		return err
	})
	if err != nil {
		return err
	}
	end := r.End()
	into.AddLeftOut(int(end.LeftOutCount), end.LeftOutReason)
	into.SetFileInfo(end.SHA256, end.Size, end.AsOf)
	into.SetCommit(end.Commit)
	return nil
}

// parse reads a record. The package is valid until the next call.
func (r *packageRecord) parse(line string, h records.Head) (*wire.Package, error) {
	if err := r.object.Parse(line); err != nil {
		return nil, err
	}
	p := &r.pkg
	p.Repo, p.AUR = h.Name, nil
	var wrong string
	if h.Kind == KindAUR {
		p.AUR = &r.aur
		wrong = r.aurDefect()
	} else {
		wrong = r.repositoryDefect()
	}
	if wrong != "" {
		return nil, invalidf("%s", wrong)
	}
	return p, nil
}

// repositoryDefect returns why no package in a database could have this record, or "" if one could.
func (r *packageRecord) repositoryDefect() string {
	p, a := &r.pkg, &r.aur
	switch {
	case p.Version == "":
		return "no version"
	case strings.ContainsAny(p.Name+p.Version, "/\x00"):
		return "a name or version with a slash or a zero byte"
	case strings.HasPrefix(p.Filename, "."), strings.Contains(p.Filename, "/"):
		return "a file name that is not used"
	case p.CSize > math.MaxInt64, p.ISize > math.MaxInt64:
		return "too large a size"
	case p.EmptyDesc && p.Desc != "":
		return "two descriptions"
	case !isValidation(p.Validation):
		return "a validation that does not exist"
	case len(a.CoMaintainers)+len(a.Keywords) > 0, a.Maintainer+a.Submitter+a.URLPath != "",
		a.Modified != 0, a.OutOfDate != 0, a.Submitted != 0:
		return "the members of a package of the AUR"
	}
	return r.textDefect(func(s string) bool { return !strings.ContainsAny(s, "\n\x00") })
}

// isValidation reports whether a list has names of ways to verify a package file in their order.
func isValidation(list []string) bool {
	for _, way := range [...]string{"md5", "sha256", "pgp"} {
		if len(list) > 0 && list[0] == way {
			list = list[1:]
		}
	}
	return len(list) == 0
}

// aurDefect returns why no package in a dump of the AUR could have this record, or "" if one could.
func (r *packageRecord) aurDefect() string {
	p, a := &r.pkg, &r.aur
	if why := aurdump.PackageDefect(p.Name, p.Version); why != "" {
		return "it " + why
	}
	if !utf8.ValidString(p.Name + p.Version) {
		return "a name or version that is not UTF-8"
	}
	for _, at := range [...]int64{a.Modified, a.OutOfDate, a.Submitted} {
		if at < 0 || at > aurdump.MaxTime {
			return "a time that no dump has"
		}
	}
	switch {
	case p.Arch+p.Filename+p.Packager+p.SHA256 != "", p.EmptyDesc, len(p.Validation) > 0, p.BuildDate != 0, p.CSize+p.ISize != 0:
		return "the members of a package of a repository"
	}
	return r.textDefect(utf8.ValidString)
}

// textDefect returns why a text is wrong, or "" if all are right. A list has no empty text.
func (r *packageRecord) textDefect(isRight func(string) bool) string {
	p, a := &r.pkg, &r.aur
	for _, s := range [...]string{p.Arch, p.Base, p.Desc, p.Filename, p.Packager, p.SHA256, p.URL, a.Maintainer, a.Submitter, a.URLPath} {
		if !isRight(s) {
			return "a text that no package can have"
		}
	}
	for _, list := range [...][]string{
		p.CheckDepends, p.Conflicts, p.Depends, p.Groups, p.Licenses, p.MakeDepends, p.OptDepends, p.Provides, p.Replaces, a.CoMaintainers, a.Keywords,
	} {
		if slices.ContainsFunc(list, func(s string) bool { return s == "" || !isRight(s) }) {
			return "a text in a list that no package can have"
		}
	}
	return ""
}

// voteReader reads votes in step with packages.
type voteReader struct {
	*records.Reader
	next *voteRecord
	name string // of the next record
	err  error  // io.EOF after the last record
}

func newVoteReader(r *records.Reader) *voteReader {
	v := &voteReader{Reader: r, next: newVoteRecord()}
	v.advance()
	return v
}

func (v *voteReader) advance() {
	var line []byte
	if v.name, line, v.err = v.Next(); v.err != nil {
		return
	}
	v.err = v.next.object.Parse(string(line))
	if v.err == nil && (v.next.popularity < 0 || v.next.popularity == 0 && v.next.votes == 0) {
		v.err = invalidf("the votes of %.100q", v.name)
	}
}

// setVotes sets the votes of a package. It must be called for all packages, in the order of their names.
func (v *voteReader) setVotes(p *wire.Package) error {
	p.AUR.Votes, p.AUR.Popularity = 0, 0
	switch {
	case v.err == io.EOF:
		return nil
	case v.err != nil:
		return v.err
	case v.name < p.Name:
		return invalidf("votes for %.100q, which is not in the AUR", v.name)
	case v.name == p.Name:
		p.AUR.Votes, p.AUR.Popularity = v.next.votes, v.next.popularity
		v.advance()
	}
	return nil
}

// checkEnd checks that all votes were read, and that they are of the dump of the packages.
func (v *voteReader) checkEnd(packages records.End) error {
	switch {
	case v.err == nil:
		return invalidf("votes for %.100q, which is not in the AUR", v.name)
	case v.err != io.EOF:
		return v.err
	case v.End().SHA256 != packages.SHA256:
		return invalidf("the votes are of another dump than the packages")
	}
	return nil
}
