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
	// maxTotalBytes limits the total size of all records in bytes. The records of the AUR's dump need about 20 MiB.
	maxTotalBytes = 256 << 20
	// chunkSize is the size in bytes of the memory chunks in which records are stored.
	chunkSize = 1 << 20
	// maxCoMaintainers and maxDepends limit the lists of one package. The AUR's longest lists have 20 co-maintainers and
	// 500 dependencies.
	maxCoMaintainers = 64
	maxDepends       = 4096
)

// Limits for the times in a dump: a single wrong time must not decide when the dump was made.
const (
	// maxTimeLead is the maximum time, in seconds, by which an update in the content can be later than both the modification time of
	// the file and the update at place trustedUpdatePlace, counted from the latest update.
	maxTimeLead        = 60 * 60
	trustedUpdatePlace = 10
)

// Observation holds the data of a dump that is needed to compare it with another dump.
type Observation struct {
	sourcefile.File
	// At is the time of the dump in Unix seconds: the modification time of the file or the latest update in its content,
	// whichever is later. A few updates that are much later than all others do not count: their times are wrong.
	At int64
	// PackageCount is the number of packages in the dump. LeftOutCount is the number of entries that could not be used.
	PackageCount, LeftOutCount int

	// maintainedCount is the number of packages with a maintainer. extendedCount is the number of packages with a license, a
	// keyword or a dependency, which only the AUR's extended dump has. coMaintainedCount is the number of packages with co-maintainers.
	maintainedCount, extendedCount, coMaintainedCount int

	chunks     [][]byte
	totalBytes int
	recordRefs []recordRef // sorted by package base, then by package
	scratch    []byte

	updateTimes []int64 // of all packages; only during Read
}

// recordRef says where a package's record is stored: in which chunk, and at which offset. The prefix contains the first 8 bytes
// of the package base's name as a big-endian number, so that comparing prefixes is like comparing names.
type recordRef struct {
	namePrefix    uint64
	chunk, offset uint32
}

// Read reads the dump at path. It returns the same errors as aurdump.Read.
func Read(ctx context.Context, path string) (*Observation, error) {
	o := &Observation{}
	got, err := aurdump.ReadEntries(ctx, path, o.addPackage)
	if err != nil {
		return nil, err
	}
	o.File, o.PackageCount, o.LeftOutCount = got.File, got.PackageCount, got.LeftOutCount
	o.At, o.updateTimes = o.findTime(got.Stamp.MtimeSeconds()), nil
	slices.SortFunc(o.recordRefs, func(a, b recordRef) int {
		if a.namePrefix != b.namePrefix {
			return cmp.Compare(a.namePrefix, b.namePrefix)
		}
		x, y := o.recordAt(a), o.recordAt(b)
		if order := bytes.Compare(x.nextText(), y.nextText()); order != 0 {
			return order
		}
		return bytes.Compare(x.nextText(), y.nextText())
	})
	return o, nil
}

// findTime returns the time of the dump whose file was modified at the time mtime.
func (o *Observation) findTime(mtime int64) int64 {
	at := max(mtime, 0)
	limit := at + maxTimeLead
	slices.Sort(o.updateTimes)
	times := slices.Compact(o.updateTimes) // the packages of a package base have the same time
	if len(times) >= trustedUpdatePlace {
		limit = max(limit, times[len(times)-trustedUpdatePlace]+maxTimeLead)
	}
	for _, t := range slices.Backward(times) {
		if t <= limit {
			return max(at, t)
		}
	}
	return at
}

// addPackage adds the record of a package to the observation.
func (o *Observation) addPackage(p aurdump.Entry) error {
	base := BaseName(p.Package)
	o.updateTimes = append(o.updateTimes, p.AUR.Modified)
	if p.AUR.Maintainer != "" {
		o.maintainedCount++
	}
	if len(p.AUR.CoMaintainers) > 0 {
		o.coMaintainedCount++
	}
	if len(p.Licenses)+len(p.AUR.Keywords)+len(p.Depends)+len(p.MakeDepends) > 0 {
		o.extendedCount++
	}
	o.scratch = appendRecord(o.scratch[:0], base, p)
	if o.totalBytes += len(o.scratch); o.totalBytes > maxTotalBytes {
		return fmt.Errorf("%w: its packages need more than %d MiB", sourcefile.ErrOversize, maxTotalBytes>>20)
	}
	last := len(o.chunks) - 1
	if last < 0 || len(o.chunks[last])+len(o.scratch) > cap(o.chunks[last]) {
		o.chunks = append(o.chunks, make([]byte, 0, max(chunkSize, len(o.scratch))))
		last++
	}
	var prefix [8]byte
	copy(prefix[:], base)
	o.recordRefs = append(o.recordRefs, recordRef{
		namePrefix: binary.BigEndian.Uint64(prefix[:]), chunk: uint32(last), offset: uint32(len(o.chunks[last])),
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
	dst = appendText(dst, clipText(a.Maintainer))
	dst = appendText(dst, clipText(hostOf(p.URL)))
	dst = binary.AppendUvarint(dst, uint64(min(len(a.CoMaintainers), maxCoMaintainers)))
	for _, name := range a.CoMaintainers[:min(len(a.CoMaintainers), maxCoMaintainers)] {
		dst = appendText(dst, clipText(name))
	}
	left := maxDepends
	for _, list := range [...][]string{p.Depends, p.MakeDepends, p.CheckDepends} {
		for _, depend := range list[:min(len(list), left)] {
			if name := DependencyName(depend); name != "" {
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

// clipText shortens s to at most journal.MaxText bytes.
func clipText(s string) string {
	if len(s) <= journal.MaxText {
		return s
	}
	return strings.ToValidUTF8(s[:journal.MaxText], "")
}

// DependencyName returns the package name in a dependency, without the version. It returns "" if this is not a valid package name.
func DependencyName(depend string) string {
	name := depend
	if at := strings.IndexAny(depend, "<>="); at >= 0 {
		name = depend[:at]
	}
	if len(name) > journal.MaxText || !wire.IsPossibleName(name) {
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

// recordAt returns the record of an entry without the length at its start.
func (o *Observation) recordAt(e recordRef) encodedFields {
	b := o.chunks[e.chunk][e.offset:]
	return encodedFields(b[4:binary.LittleEndian.Uint32(b)])
}

// encodedFields is the part of a record that has not been decoded yet. Decoding needs no checks, because records exist only in
// memory and are therefore well-formed.
type encodedFields []byte

func (f *encodedFields) nextNumber() uint64 {
	n, used := binary.Uvarint(*f)
	*f = (*f)[used:]
	return n
}

func (f *encodedFields) nextText() []byte {
	n := f.nextNumber()
	text := (*f)[:n:n]
	*f = (*f)[n:]
	return text
}
