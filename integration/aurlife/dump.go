package aurlife

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/omg-arch/omg/shared/aurdump"
	"github.com/omg-arch/omg/shared/aurlevel"
	"github.com/omg-arch/omg/shared/wire"
)

// versionText returns the version of the packages.
func (b *Base) versionText() string { return fmt.Sprintf("1.%d-1", b.Version) }

// Package returns a package of a package base as aurdump reads it from a dump.
func (b *Base) Package(name string) *wire.Package {
	p := &wire.Package{}
	b.fill(p, name)
	return p
}

func (b *Base) fill(p *wire.Package, name string) {
	aur := p.AUR
	if aur == nil {
		aur = &wire.AUR{}
	}
	*aur = wire.AUR{
		Votes: uint32(b.Votes), OutOfDate: b.OutOfDate, Maintainer: b.Maintainer(), Submitter: userName(b.submitter),
		Submitted: b.Submitted, Modified: b.Modified, CoMaintainers: aur.CoMaintainers[:0],
	}
	for _, user := range b.coMaintainers {
		aur.CoMaintainers = append(aur.CoMaintainers, userName(user))
	}
	*p = wire.Package{
		Repo: aurdump.Repo, Name: name, Base: b.Name, Version: b.versionText(), URL: "https://" + b.Host + "/" + b.Name, Depends: b.Depends,
		Licenses: license, AUR: aur,
	}
}

// Holding returns what a dump has about the users of the package base.
func (b *Base) Holding() aurlevel.Holding {
	h := aurlevel.Holding{Base: b.Name, Submitter: userName(b.submitter), Maintainer: b.Maintainer(), SubmittedAt: b.Submitted}
	for _, user := range b.coMaintainers {
		h.CoMaintainers = append(h.CoMaintainers, userName(user))
	}
	return h
}

var license = []string{"MIT"}

// Entries returns all packages, as a dump of this moment contains them. An entry is valid until the next one.
func (w *World) Entries() iter.Seq[aurdump.Entry] {
	return func(yield func(aurdump.Entry) bool) {
		var p wire.Package
		for _, b := range w.Bases {
			for _, name := range b.Packages {
				b.fill(&p, name)
				if !b.isDeleted && !yield(aurdump.Entry{Package: &p, BaseID: uint64(b.ID)}) {
					return
				}
			}
		}
	}
}

// dumpObject is a package in the AUR's metadata dump.
type dumpObject struct {
	Name           string
	PackageBaseID  uint64
	PackageBase    string
	Version        string
	URL            string
	NumVotes       uint32
	OutOfDate      *int64
	Maintainer     *string
	Submitter      string
	FirstSubmitted int64
	LastModified   int64
	Depends        []string `json:",omitempty"`
	License        []string
	CoMaintainers  []string `json:",omitempty"`
}

// WriteDump writes a metadata dump of this moment, as the AUR does, but not compressed.
func (w *World) WriteDump(to io.Writer) error {
	out := bufio.NewWriterSize(to, 1<<20)
	encoder := json.NewEncoder(out)
	separator := "["
	for e := range w.Entries() {
		o := dumpObject{
			Name: e.Name, PackageBaseID: e.BaseID, PackageBase: e.Base, Version: e.Version, URL: e.URL, NumVotes: e.AUR.Votes,
			Submitter: e.AUR.Submitter, FirstSubmitted: e.AUR.Submitted, LastModified: e.AUR.Modified, Depends: e.Depends,
			License: e.Licenses, CoMaintainers: slices.Clone(e.AUR.CoMaintainers),
		}
		if e.AUR.OutOfDate > 0 {
			o.OutOfDate = &e.AUR.OutOfDate
		}
		if e.AUR.Maintainer != "" {
			o.Maintainer = &e.AUR.Maintainer
		}
		if _, err := out.WriteString(separator); err != nil {
			return err
		}
		if err := encoder.Encode(&o); err != nil {
			return err
		}
		separator = ","
	}
	if separator == "[" {
		return io.ErrUnexpectedEOF
	}
	if err := out.WriteByte(']'); err != nil {
		return err
	}
	return out.Flush()
}
