package journal

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
)

// FileName is the name of the journal's file in the directory of the index files.
const FileName = "aur.omgjournal"

// Errors about a whole journal or one of its entries.
var (
	// ErrNotJournal means that a file does not begin like a journal.
	ErrNotJournal = errors.New("not a journal of the AUR")
	// ErrVersion means that another version of omg wrote the journal.
	ErrVersion = errors.New("a journal of another version of omg")
	// ErrDamaged means that a checksum or the structure of an entry is wrong.
	ErrDamaged = errors.New("the journal is damaged")
	// ErrTooLarge means that an observation has more events than one entry can have.
	ErrTooLarge = errors.New("too many events for an entry of the journal")
)

// The format of the file is described in docs/journal.md.
const (
	version         = 1
	headerSize      = 16
	frameHeaderSize = 12 // the size of the header of a frame, which precedes the payload
)

var (
	magic     = [8]byte{'O', 'M', 'G', 'J', 'R', 'N', 'L', '\n'}
	byteOrder = binary.LittleEndian
)

// checksumOf returns the CRC-32C of b. The table is made at its first use, not at the start of each program.
func checksumOf(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// limits holds the limits of a journal in bytes; tests use lower values.
type limits struct {
	fileSize       int64 // the maximum size of the file; if an entry would exceed it, the oldest entries are dropped
	shrunkFileSize int64 // the maximum size of the file after entries were dropped
	payloadSize    int   // the maximum size of an entry's payload
}

// realLimits allow a journal that covers several years: the events of one day need about 30 KB.
var realLimits = limits{fileSize: 48 << 20, shrunkFileSize: 36 << 20, payloadSize: 8 << 20}

// Outcome says whether an observation was compared with the previous one, or why it was not.
type Outcome uint8

// The outcomes of observations. The numbers are written to files: a number never changes its meaning.
const (
	// OutcomeBaseline: the observation was not compared, because it is the first one of the journal or the first one after a loss.
	OutcomeBaseline Outcome = 1
	// OutcomeCompared: the observation was compared with the previous one.
	OutcomeCompared Outcome = 2
	// OutcomeRefused: the observation was not used, because it was probably incomplete.
	OutcomeRefused Outcome = 3
	// OutcomePartial: the observation has only a few packages. It was compared with the last observation of these packages, and it says
	// nothing about any other package.
	OutcomePartial Outcome = 4
)

var outcomeNames = [...]string{OutcomeBaseline: "baseline", OutcomeCompared: "compared", OutcomeRefused: "refused", OutcomePartial: "partial"}

func (o Outcome) isKnown() bool { return o > 0 && int(o) < len(outcomeNames) }

// MarshalText returns the name of an observation's outcome.
func (o Outcome) MarshalText() ([]byte, error) {
	if !o.isKnown() {
		return nil, fmt.Errorf("%d is not the outcome of an observation", o)
	}
	return []byte(outcomeNames[o]), nil
}

// UnmarshalText reads the name of an observation's outcome.
func (o *Outcome) UnmarshalText(text []byte) error {
	for i, name := range outcomeNames {
		if i > 0 && name == string(text) {
			*o = Outcome(i)
			return nil
		}
	}
	return fmt.Errorf("%.40q is not the outcome of an observation", text)
}

// Digest is the SHA-256 of a dump. It is zero if the digest is unknown.
type Digest [32]byte

// MarshalText returns the digest in hexadecimal.
func (d Digest) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d[:]), nil }

// UnmarshalText reads a digest in hexadecimal.
func (d *Digest) UnmarshalText(text []byte) error {
	if hex.DecodedLen(len(text)) != len(d) {
		return fmt.Errorf("%.80q is not a SHA-256", text)
	}
	_, err := hex.Decode(d[:], text)
	return err
}

// The sources of observations.
const (
	// SourceDump: the AUR's dump.
	SourceDump = "dump"
	// SourceRPC: the AUR's replies about a few packages.
	SourceRPC = "rpc"
)

// Observation describes the state of the AUR that was observed at one time.
type Observation struct {
	Outcome Outcome `json:"observation"`
	Source  string  `json:"source"`
	// Between is the interval from the previous observation to this observation. For a baseline, both ends of the interval
	// are the time of this observation.
	Between Interval `json:"between"`
	// PackageCount is the number of packages that were observed. SHA256 is the digest of the dump.
	PackageCount uint64 `json:"packages"`
	SHA256       Digest `json:"sha256"`
}

// Entry is an observation with its events. Each event has the same interval as the observation.
type Entry struct {
	Observation
	Events []Event `json:"-"`
}

// Check returns an error if the observation cannot be written to a journal.
func (o *Observation) Check() error {
	if !o.Outcome.isKnown() || len(o.Source) > MaxText {
		return fmt.Errorf("%w: an impossible outcome or source", ErrDamaged)
	}
	return o.Between.check()
}

// newHeader returns the header of a journal's file.
func newHeader() []byte {
	b := append(make([]byte, 0, headerSize), magic[:]...)
	b = byteOrder.AppendUint32(b, version)
	return byteOrder.AppendUint32(b, checksumOf(b))
}

func checkHeader(b []byte) error {
	switch {
	case len(b) < headerSize || [8]byte(b) != magic:
		return ErrNotJournal
	case checksumOf(b[:12]) != byteOrder.Uint32(b[12:]):
		return fmt.Errorf("%w: the checksum of its header is wrong", ErrDamaged)
	case byteOrder.Uint32(b[8:]) != version:
		return fmt.Errorf("%w: its format is %d, but this version reads format %d", ErrVersion, byteOrder.Uint32(b[8:]), version)
	}
	return nil
}

// encodeFrame returns the frame in which an entry is stored.
func (e *Entry) encodeFrame(l limits) ([]byte, error) {
	if err := e.Check(); err != nil {
		return nil, err
	}
	b := make([]byte, frameHeaderSize, frameHeaderSize+128+64*len(e.Events))
	b = append(b, byte(e.Outcome))
	b = appendText(b, e.Source)
	b = binary.AppendUvarint(b, uint64(e.Between.From))
	b = binary.AppendUvarint(b, uint64(e.Between.To))
	b = binary.AppendUvarint(b, e.PackageCount)
	b = append(b, e.SHA256[:]...)
	b = binary.AppendUvarint(b, uint64(len(e.Events)))
	for i := range e.Events {
		event := &e.Events[i]
		if err := event.checkTexts(); err != nil {
			return nil, err
		}
		b = append(b, byte(event.Kind))
		b = appendText(appendText(appendText(b, event.Base), event.From), event.To)
		if len(b)-frameHeaderSize > l.payloadSize {
			return nil, fmt.Errorf("%w: %d events", ErrTooLarge, len(e.Events))
		}
	}
	byteOrder.PutUint32(b, uint32(len(b)-frameHeaderSize))
	byteOrder.PutUint32(b[4:], checksumOf(b[:4]))
	byteOrder.PutUint32(b[8:], checksumOf(b[frameHeaderSize:]))
	return b, nil
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// decoder reads the payload of a frame. After an error, it returns zero values.
type decoder struct {
	rest      []byte
	malformed bool
}

func (d *decoder) bytes(n uint64) []byte {
	if n > uint64(len(d.rest)) {
		d.malformed, d.rest = true, nil
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) byte() byte {
	if b := d.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) number() uint64 {
	n, used := binary.Uvarint(d.rest)
	if used <= 0 {
		d.malformed, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[used:]
	return n
}

func (d *decoder) time() int64 {
	n := d.number()
	d.malformed = d.malformed || n > maxTime
	return int64(min(n, maxTime))
}

func (d *decoder) text() string {
	n := d.number()
	d.malformed = d.malformed || n > MaxText
	return strings.ToValidUTF8(string(d.bytes(n)), "?")
}

// minEvent is the size of the smallest encoded event, in bytes.
const minEvent = 4

// decode decodes the payload of a frame. It also accepts events of kinds that this version does not know.
func (e *Entry) decode(payload []byte) error {
	d := decoder{rest: payload}
	e.Outcome = Outcome(d.byte())
	e.Source = d.text()
	e.Between = Interval{From: d.time(), To: d.time()}
	e.PackageCount = d.number()
	copy(e.SHA256[:], d.bytes(uint64(len(e.SHA256))))
	n := d.number()
	if d.malformed || n > uint64(len(d.rest)/minEvent) {
		return fmt.Errorf("%w: an entry ends early", ErrDamaged)
	}
	if err := e.Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	e.Events = e.Events[:0]
	for range n {
		event := Event{Kind: EventKind(d.byte()), Base: d.text(), From: d.text(), To: d.text(), Between: e.Between}
		if d.malformed || event.Kind == 0 || event.Base == "" {
			return fmt.Errorf("%w: an impossible event", ErrDamaged)
		}
		e.Events = append(e.Events, event)
	}
	if len(d.rest) > 0 {
		return fmt.Errorf("%w: data after an entry", ErrDamaged)
	}
	return nil
}
