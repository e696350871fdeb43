// Package statusfile reads and writes the file that shell prompts and status bars read: the numbers of the last
// refresh. omgd writes it after each refresh, to the path that paths.Env.StatusFileFile returns.
//
// # Format
//
// All numbers are little-endian. Bytes 0 to 31 never change: prompts read them
// with od.
//
//	 0  u32  magic, 0x4F4D4753
//	 4  u8   version, 1
//	 5  3 bytes, zero
//	 8  u32  installed packages
//	12  u32  explicitly installed packages
//	16  u32  orphans among the installed packages
//	20  u32  updates from repositories, without ignored updates
//	24  u64  time of the last successful refresh, seconds since 1970 (UTC)
//	32  u32  seconds between refreshes
//	36  u32  unknown numbers, one bit for each: 1 installed, 2 explicit,
//	         4 orphans, 8 updates, 16 AUR updates, 32 vulnerabilities
//	40  u32  AUR updates
//	44  u32  open vulnerabilities of installed packages
//	48  16 bytes: the kernel's boot id; zeros if it is unknown
//	64  u32  size of the file
//	68  u8   number of versions that follow
//	69  u8   numbers that may be wrong because a source could not be read,
//	         with the bits of byte 36
//	70  u8   parts that do not work as they should, one bit for each:
//	         1 watch (changes are found by polling),
//	         2 local (some installed packages could not be read),
//	         4 store (nothing survives a restart)
//	71  a byte, zero
//	72  the versions of the runtimes that are packages of the system, each:
//	         u8 length of the name, the name, u8 length of the version, the version
//	then nine u32: the open vulnerabilities by severity (critical, high, medium,
//	         low, unknown), then by verdict (fixable, fixed in testing, affected),
//	         and the unconfirmed advisories, which no other number includes;
//	         an unknown number is 0xFFFFFFFF and has no bit
//	then u64: the last time at which the databases from which updates are counted
//	         were known to equal those of the mirrors, seconds since 1970 (UTC);
//	         0 if unknown
//	then three u32: the packages of the AUR about which there are findings, by the
//	         highest level of these findings (act, look, note); an unknown number
//	         is 0xFFFFFFFF. The bit 64 of byte 69 says that they may be wrong
//
// A number whose bit says that it is unknown is also 0xFFFFFFFF, so that a reader that ignores the bit shows an absurd
// number and not 0. New fields are added at the end of the file, where older readers skip them. The version grows only if
// a byte changes its meaning.
package statusfile

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

const (
	magic   = 0x4F4D4753
	version = 1

	fixedSize      = 72
	partialOffset  = 69
	degradedOffset = 70
	maxSize        = 4096 // maximum bytes of a status file
	maxVersions    = 64
	maxText        = 64 // maximum bytes of a runtime's name, and of its version

	securitySize = 9 * 4
	asOfSize     = 8
	findingsSize = 3 * 4
	endSize      = securitySize + asOfSize + findingsSize // the size of what follows the versions

	partialFindingsBit = 64

	unknownNumber = math.MaxUint32
)

// The errors that Read and CheckFresh wrap.
var (
	// ErrFormat means that the file is not a status file of a known version.
	ErrFormat = errors.New("not a status file")
	// ErrStale means that the numbers are too old, or older than the last boot.
	ErrStale = errors.New("stale")
)

// Number is a count that may be unknown. The zero value of Number is unknown, so that a number that was never set is not
// read as 0.
type Number struct {
	N     uint32
	Known bool
	// Partial means that the number may be wrong because a source could not be read.
	Partial bool
}

// NewNumber returns a known Number with the value n, or an unknown one if n does not fit into the file.
func NewNumber(n int) Number {
	if n < 0 || n >= unknownNumber {
		return Number{}
	}
	return Number{N: uint32(n), Known: true}
}

// String returns "?" for an unknown number, "3?" for a partial number, and "3" for any other number.
func (n Number) String() string {
	switch {
	case !n.Known:
		return "?"
	case n.Partial:
		return fmt.Sprintf("%d?", n.N)
	}
	return fmt.Sprint(n.N)
}

// DegradedParts is a set of parts of omgd and of the system that do not work as they should, one bit for each.
type DegradedParts uint8

// The parts, which have the same names in the result of the operation health.
const (
	DegradedWatch DegradedParts = 1 << iota
	DegradedLocal
	DegradedStore
)

// partNames lists the names of the parts in the order of their bits.
var partNames = [...]string{"watch", "local", "store"}

// ParseDegradedPart returns the bit of the part called name, or 0 if no bit is defined for this part.
func ParseDegradedPart(name string) DegradedParts {
	if bit := slices.Index(partNames[:], name); bit >= 0 {
		return 1 << bit
	}
	return 0
}

// Names returns the names of the parts in the set.
func (p DegradedParts) Names() []string {
	names := []string{}
	for bit, name := range partNames {
		if p&(1<<bit) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// BootID identifies one boot of the kernel.
type BootID [16]byte

// RuntimeVersion is the version of a runtime that is installed as a package of the system, such as node 24.1.0.
type RuntimeVersion struct {
	Runtime string // the name of the runtime in package runtimes: node, python, …
	Version string // the version of the package, without epoch and release
}

// Status is the content of the file.
type Status struct {
	Installed       Number
	Explicit        Number
	Orphans         Number
	Updates         Number // updates from repositories, without ignored updates
	AURUpdates      Number
	Vulnerabilities Number
	Security        Security

	// AURFindings counts the packages of the AUR about which there are findings.
	AURFindings AURFindings

	// UpdatesAsOf tells how recent Updates is: at this time, the databases from which omgd counted the updates were
	// last known to equal those of the mirrors. It is in whole seconds, and zero if unknown.
	UpdatesAsOf time.Time

	// Degraded is the set of parts that do not work as they should.
	Degraded DegradedParts

	RefreshedAt     time.Time        // time of the last successful refresh, in whole seconds
	Interval        time.Duration    // time between two refreshes, in whole seconds, at least 1
	Boot            BootID           // the id of the boot in which the file was written; Write sets it if it is zero
	RuntimeVersions []RuntimeVersion // the runtimes that are packages of the system; nil if there are none, or if the packages are unknown
}

// Security counts the open vulnerabilities, by severity and by verdict.
type Security struct {
	Critical, High, Medium, Low, UnknownSeverity Number
	Fixable, InTesting, Affected                 Number
	Unconfirmed                                  Number // unconfirmed advisories; no other number includes them
}

// AURFindings counts packages of the AUR by the highest level of the findings about them.
type AURFindings struct {
	Act, Look, Note Number
}

// numbers returns the counts in the order in which the status file stores them.
func (f *AURFindings) numbers() [findingsSize / 4]*Number {
	return [findingsSize / 4]*Number{&f.Act, &f.Look, &f.Note}
}

// ToLookAt returns the number of packages at the levels act and look, which are worth a prompt. Notes are common.
func (f *AURFindings) ToLookAt() Number {
	n := Number{Known: f.Act.Known && f.Look.Known, Partial: f.Act.Partial || f.Look.Partial}
	if n.Known {
		n.N = uint32(min(uint64(f.Act.N)+uint64(f.Look.N), unknownNumber-1))
	}
	return n
}

// numbers returns the counts in the order in which the status file stores them.
func (s *Security) numbers() [securitySize / 4]*Number {
	return [securitySize / 4]*Number{
		&s.Critical, &s.High, &s.Medium, &s.Low, &s.UnknownSeverity, &s.Fixable, &s.InTesting, &s.Affected, &s.Unconfirmed,
	}
}

// numbers returns the counts in the order of their bits, each with its offset in the file.
func (s *Status) numbers() [6]struct {
	n  *Number
	at int
} {
	return [6]struct {
		n  *Number
		at int
	}{{&s.Installed, 8}, {&s.Explicit, 12}, {&s.Orphans, 16}, {&s.Updates, 20}, {&s.AURUpdates, 40}, {&s.Vulnerabilities, 44}}
}

// CheckFresh returns nil if the numbers may still be shown at the time now. The parameter boot is the id of the present boot.
// If the numbers are stale, CheckFresh returns an error that wraps ErrStale and has the reason. Numbers are stale after three
// intervals without a successful refresh, after a reboot, and if the time of the refresh is in the future.
func (s *Status) CheckFresh(now time.Time, boot BootID) error {
	age := now.Sub(s.RefreshedAt)
	switch {
	case s.Boot != boot:
		return fmt.Errorf("%w: older than the last boot", ErrStale)
	case age > 3*s.Interval:
		return fmt.Errorf("%w: last refreshed %s ago, expected every %s", ErrStale, age.Truncate(time.Second), s.Interval)
	case age < -s.Interval:
		return fmt.Errorf("%w: the time of the refresh is %s in the future", ErrStale, -age.Truncate(time.Second))
	}
	return nil
}

// SystemVersions maps the runtimes that are packages of the system to their versions. It returns nil if the daemon does not know
// the installed packages, and an empty map if none of them is a runtime.
func (s *Status) SystemVersions() map[string]string {
	if !s.Installed.Known && len(s.RuntimeVersions) == 0 {
		return nil
	}
	versions := make(map[string]string, len(s.RuntimeVersions))
	for _, v := range s.RuntimeVersions {
		versions[v.Runtime] = v.Version
	}
	return versions
}

// encode returns s in the format of the status file.
func (s *Status) encode() ([]byte, error) {
	seconds := s.Interval / time.Second
	switch {
	case s.RefreshedAt.Unix() <= 0:
		return nil, errors.New("status: the time of the refresh is missing")
	case seconds < 1 || seconds > math.MaxUint32/4:
		return nil, fmt.Errorf("status: the interval %s is not between 1s and %s", s.Interval, math.MaxUint32/4*time.Second)
	case len(s.RuntimeVersions) > maxVersions:
		return nil, fmt.Errorf("status: %d versions, but the file may have at most %d", len(s.RuntimeVersions), maxVersions)
	}
	b := make([]byte, fixedSize, fixedSize+32*len(s.RuntimeVersions)+endSize)
	le := binary.LittleEndian
	le.PutUint32(b[0:], magic)
	b[4] = version
	var unknown uint32
	for bit, f := range s.numbers() {
		n := f.n.N
		if !f.n.Known || n == unknownNumber {
			unknown |= 1 << bit
			n = unknownNumber
		}
		le.PutUint32(b[f.at:], n)
		if f.n.Partial {
			b[partialOffset] |= 1 << bit
		}
	}
	le.PutUint64(b[24:], uint64(s.RefreshedAt.Unix()))
	le.PutUint32(b[32:], uint32(seconds))
	le.PutUint32(b[36:], unknown)
	copy(b[48:64], s.Boot[:])
	b[degradedOffset] = byte(s.Degraded)
	b[68] = byte(len(s.RuntimeVersions))
	for _, v := range s.RuntimeVersions {
		for _, text := range []string{v.Runtime, v.Version} {
			if text == "" || len(text) > maxText {
				return nil, fmt.Errorf("status: %q: a runtime's name and version have 1 to %d bytes", text, maxText)
			}
			b = append(b, byte(len(text)))
			b = append(b, text...)
		}
	}
	for _, n := range s.Security.numbers() {
		b = appendNumber(b, n)
	}
	var asOf int64
	if !s.UpdatesAsOf.IsZero() {
		asOf = max(s.UpdatesAsOf.Unix(), 0)
	}
	b = le.AppendUint64(b, uint64(asOf))
	for _, n := range s.AURFindings.numbers() {
		b = appendNumber(b, n)
		if n.Known && n.Partial {
			b[partialOffset] |= partialFindingsBit
		}
	}
	if len(b) > maxSize {
		return nil, fmt.Errorf("status: %d bytes, but the file may have at most %d", len(b), maxSize)
	}
	le.PutUint32(b[64:], uint32(len(b)))
	return b, nil
}

// appendNumber appends a number that has no bit for unknown.
func appendNumber(b []byte, n *Number) []byte {
	if !n.Known {
		return binary.LittleEndian.AppendUint32(b, unknownNumber)
	}
	return binary.LittleEndian.AppendUint32(b, n.N)
}

// decode returns the Status that the content of a file encodes, or an error that wraps ErrFormat for any other content.
func decode(b []byte) (Status, error) {
	le := binary.LittleEndian
	bad := func(format string, args ...any) (Status, error) {
		return Status{}, fmt.Errorf("%w: %s", ErrFormat, fmt.Sprintf(format, args...))
	}
	switch {
	case len(b) < fixedSize || len(b) > maxSize:
		return bad("%d bytes", len(b))
	case le.Uint32(b) != magic:
		return bad("wrong magic")
	case b[4] != version:
		return bad("the file has version %d of the format, but only version %d is supported", b[4], version)
	case le.Uint32(b[64:]) != uint32(len(b)):
		return bad("the file has %d bytes, but its header says %d", len(b), le.Uint32(b[64:]))
	}
	seconds, interval := le.Uint64(b[24:]), le.Uint32(b[32:])
	if seconds == 0 || seconds > math.MaxInt64/uint64(time.Second) || interval == 0 || interval > math.MaxUint32/4 {
		return bad("an impossible time")
	}
	s := Status{
		RefreshedAt: time.Unix(int64(seconds), 0).UTC(),
		Interval:    time.Duration(interval) * time.Second,
		Boot:        BootID(b[48:64]),
		Degraded:    DegradedParts(b[degradedOffset]),
	}
	unknown := le.Uint32(b[36:])
	for bit, f := range s.numbers() {
		if n := le.Uint32(b[f.at:]); unknown&(1<<bit) == 0 && n != unknownNumber {
			*f.n = Number{N: n, Known: true, Partial: b[partialOffset]&(1<<bit) != 0}
		}
	}
	count := int(b[68])
	if count > maxVersions {
		return bad("%d versions", count)
	}
	rest := b[fixedSize:]
	for range count {
		var v RuntimeVersion
		for _, text := range []*string{&v.Runtime, &v.Version} {
			if len(rest) == 0 || rest[0] == 0 || rest[0] > maxText || len(rest) < 1+int(rest[0]) {
				return bad("a truncated version")
			}
			*text = string(rest[1 : 1+rest[0]])
			rest = rest[1+rest[0]:]
		}
		s.RuntimeVersions = append(s.RuntimeVersions, v)
	}
	if len(b)-len(rest) > maxSize-endSize {
		return bad("too many versions")
	}
	if len(rest) >= securitySize { // a file that an older omgd wrote ends here, without these numbers
		for i, number := range s.Security.numbers() {
			if n := le.Uint32(rest[4*i:]); n != unknownNumber {
				*number = Number{N: n, Known: true}
			}
		}
		rest = rest[securitySize:]
	} else {
		rest = nil
	}
	if len(rest) >= asOfSize { // a file that an older omgd wrote ends here, without this time
		if at := le.Uint64(rest); at != 0 && at <= math.MaxInt64/uint64(time.Second) {
			s.UpdatesAsOf = time.Unix(int64(at), 0).UTC()
		}
		rest = rest[asOfSize:]
	} else {
		rest = nil
	}
	if len(rest) >= findingsSize { // a file that an older omgd wrote ends here, without these numbers
		for i, number := range s.AURFindings.numbers() {
			if n := le.Uint32(rest[4*i:]); n != unknownNumber {
				*number = Number{N: n, Known: true, Partial: b[partialOffset]&partialFindingsBit != 0}
			}
		}
	}
	return s, nil
}

// parseBootID parses the content of bootIDFile, a UUID with a newline.
func parseBootID(text []byte) (BootID, error) {
	var id BootID
	digits := strings.ReplaceAll(strings.TrimSpace(string(text)), "-", "")
	if len(digits) != 2*len(id) {
		return BootID{}, fmt.Errorf("boot id: %q is not a UUID", text)
	}
	if _, err := hex.Decode(id[:], []byte(digits)); err != nil {
		return BootID{}, fmt.Errorf("boot id: %w", err)
	}
	return id, nil
}
