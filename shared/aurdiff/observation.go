// Package aurdiff compares two dumps of the AUR, and finds out what happened to each package base between them.
//
// Both dumps are read as streams. For each package, only a compact record is kept in memory: the fields on which events
// depend, about 200 bytes. The records of each dump are sorted by package base. Then the two sorted lists are compared like
// in a merge. The total size of the records is limited.
package aurdiff

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/aurdump"
	"github.com/omg-arch/omg/shared/journal"
	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/wire"
)

// Limits for the records of a dump.
const (
	// maxRecords limits the total size of all records in bytes. The records of the AUR's dump need about 20 MiB.
	maxRecords = 256 << 20
	// chunkSize is the size in bytes of the memory chunks in which records are stored.
	chunkSize = 1 << 20
	// maxCoMaintainers and maxDepends limit the lists of one package. The AUR's longest lists have 20 co-maintainers and
	// 500 dependencies.
	maxCoMaintainers = 64
	maxDepends       = 4096
)

// Observation holds the data of a dump that is needed to compare it with another dump.
type Observation struct {
	sourcefile.File
	// At is the time of the dump in Unix seconds: the modification time of the file or the latest time in its content,
	// whichever is later.
	At int64
	// Packages is the number of packages in the dump. LeftOut is the number of entries that could not be used.
	Packages, LeftOut int

	// maintained is the number of packages with a maintainer. extended is the number of packages with a license, a
	// keyword or a dependency, which only the AUR's extended dump has.
	maintained, extended int

	chunks  [][]byte
	bytes   int
	entries []entry // sorted by package base, then by package
	scratch []byte
}

// entry says where a package's record is stored: in which chunk, and at which offset. The prefix contains the first 8 bytes
// of the package base's name as a big-endian number, so that comparing prefixes is like comparing names.
type entry struct {
	prefix    uint64
	chunk, at uint32
}

// Read reads the dump at path. It returns the same errors as aurdump.Read.
func Read(ctx context.Context, path string) (*Observation, error) {
	o := &Observation{}
	got, err := aurdump.ReadEntries(ctx, path, o.add)
	if err != nil {
		return nil, err
	}
	o.File, o.Packages, o.LeftOut = got.File, got.Packages, got.LeftOut
	o.At = max(o.At, got.Stamp.Modified(), 0)
	slices.SortFunc(o.entries, func(a, b entry) int {
		if a.prefix != b.prefix {
			return cmp.Compare(a.prefix, b.prefix)
		}
		x, y := o.record(a), o.record(b)
		if order := bytes.Compare(x.text(), y.text()); order != 0 {
			return order
		}
		return bytes.Compare(x.text(), y.text())
	})
	return o, nil
}

// add adds the record of a package to the observation.
func (o *Observation) add(p aurdump.Entry) error {
	base := cmp.Or(p.Base, p.Name)
	if len(base) > journal.MaxText || !wire.PossibleName(base) {
		base = p.Name
	}
	o.At = max(o.At, p.AUR.Submitted, p.AUR.Modified, p.AUR.OutOfDate)
	if p.AUR.Maintainer != "" {
		o.maintained++
	}
	if len(p.Licenses)+len(p.AUR.Keywords)+len(p.Depends)+len(p.MakeDepends) > 0 {
		o.extended++
	}
	o.scratch = appendRecord(o.scratch[:0], base, p)
	if o.bytes += len(o.scratch); o.bytes > maxRecords {
		return fmt.Errorf("%w: its packages need more than %d MiB", sourcefile.ErrOversize, maxRecords>>20)
	}
	last := len(o.chunks) - 1
	if last < 0 || len(o.chunks[last])+len(o.scratch) > cap(o.chunks[last]) {
		o.chunks = append(o.chunks, make([]byte, 0, max(chunkSize, len(o.scratch))))
		last++
	}
	var prefix [8]byte
	copy(prefix[:], base)
	o.entries = append(o.entries, entry{
		prefix: binary.BigEndian.Uint64(prefix[:]), chunk: uint32(last), at: uint32(len(o.chunks[last])),
	})
	o.chunks[last] = append(o.chunks[last], o.scratch...)
	return nil
}

// appendRecord appends the record of a package to dst: the length of the record, the names of the package base and of the
// package, the fields of the package base, and then those of the package.
func appendRecord(dst []byte, base string, p aurdump.Entry) []byte {
	a := p.AUR
	dst = append(dst, 0, 0, 0, 0)
	dst = appendText(dst, base)
	dst = appendText(dst, p.Name)
	dst = appendText(dst, p.Version)
	for _, n := range [...]uint64{p.BaseID, uint64(a.Submitted), uint64(a.Modified), uint64(a.OutOfDate)} {
		dst = binary.AppendUvarint(dst, n)
	}
	dst = appendText(dst, clipped(a.Maintainer))
	dst = appendText(dst, clipped(hostOf(p.URL)))
	dst = binary.AppendUvarint(dst, uint64(min(len(a.CoMaintainers), maxCoMaintainers)))
	for _, name := range a.CoMaintainers[:min(len(a.CoMaintainers), maxCoMaintainers)] {
		dst = appendText(dst, clipped(name))
	}
	left := maxDepends
	for _, list := range [...][]string{p.Depends, p.MakeDepends, p.CheckDepends} {
		for _, depend := range list[:min(len(list), left)] {
			if name := nameOf(depend); name != "" {
				dst = appendText(dst, name)
				left--
			}
		}
	}
	binary.LittleEndian.PutUint32(dst, uint32(len(dst)))
	return dst
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// clipped shortens s to at most journal.MaxText bytes.
func clipped(s string) string {
	if len(s) <= journal.MaxText {
		return s
	}
	return strings.ToValidUTF8(s[:journal.MaxText], "")
}

// nameOf returns the package name in a dependency, without the version. It returns "" if this is not a valid package name.
func nameOf(depend string) string {
	name := depend
	if at := strings.IndexAny(depend, "<>="); at >= 0 {
		name = depend[:at]
	}
	if len(name) > journal.MaxText || !wire.PossibleName(name) {
		return ""
	}
	return name
}

// hostOf returns the host of a URL in lower case, without a leading "www." and without the port. It returns "" for a URL
// without a host.
func hostOf(address string) string {
	_, rest, ok := strings.Cut(address, "://")
	if !ok {
		return ""
	}
	// Most hosts consist only of these characters and need no url.Parse, which takes longer.
	host := rest[:len(rest)-len(strings.TrimLeft(rest, "abcdefghijklmnopqrstuvwxyz0123456789.-"))]
	if len(host) < len(rest) && rest[len(host)] != '/' {
		u, err := url.Parse(address)
		if err != nil {
			return ""
		}
		host = strings.ToLower(u.Hostname())
	}
	return strings.TrimPrefix(strings.TrimSuffix(host, "."), "www.")
}

// record returns the record of an entry without the length at its start.
func (o *Observation) record(e entry) fields {
	b := o.chunks[e.chunk][e.at:]
	return fields(b[4:binary.LittleEndian.Uint32(b)])
}

// fields is the part of a record that has not been decoded yet. Decoding needs no checks, because records exist only in
// memory and are therefore well-formed.
type fields []byte

func (f *fields) number() uint64 {
	n, used := binary.Uvarint(*f)
	*f = (*f)[used:]
	return n
}

func (f *fields) text() []byte {
	n := f.number()
	text := (*f)[:n:n]
	*f = (*f)[n:]
	return text
}
