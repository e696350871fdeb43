package sourcerecords

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/omg-arch/omg/shared/journal"
	"github.com/omg-arch/omg/shared/records"
	"github.com/omg-arch/omg/shared/wire"
)

// entryRecord is an entry of the journal of the AUR: an observation with its events. The key is the time of the observation, and a number that
// distinguishes observations at the same time. An event has four texts: its name, the package base, the old and the new value.
type entryRecord struct {
	key, outcome, sha256, source string
	from, to                     int64
	packages                     uint64
	events                       [][]string
	object                       *records.Object
}

func newEntryRecord() *entryRecord {
	r := &entryRecord{}
	r.object = records.NewObject(
		records.Field{Name: "key", Value: &r.key}, records.Field{Name: "events", Value: &r.events}, records.Field{Name: "from", Value: &r.from},
		records.Field{Name: "outcome", Value: &r.outcome}, records.Field{Name: "packages", Value: &r.packages},
		records.Field{Name: "sha256", Value: &r.sha256}, records.Field{Name: "source", Value: &r.source}, records.Field{Name: "to", Value: &r.to},
	)
	return r
}

// entryKey returns the key of the n-th entry of a time in Unix seconds. The keys are in the order of the times.
func entryKey(to int64, n int) string { return fmt.Sprintf("%012d-%06d", to, n) }

// JournalOptions says what of a journal is written.
type JournalOptions struct {
	// Names means that the names of maintainers are written.
	Names bool
}

// WriteJournal writes the journal at path. Without the names of maintainers, the events about them have no values. The function trust is
// that of journal.Read. Entries that cannot be read, and events of kinds that this version does not know, are left out. The result is the last line
// of the records: AsOf is the time of the last observation.
func WriteJournal(out io.Writer, path string, trust func(uid uint32) bool, o JournalOptions) (end records.End, err error) {
	head := records.Head{Kind: KindJournalWithoutNames, Name: wire.SourceAUR}
	if o.Names {
		head.Kind = KindJournal
	}
	var sorted records.Sorter
	var line []byte
	r, count, n := newEntryRecord(), map[int64]int{}, 0
	state, err := journal.Read(path, trust, func(e *journal.Entry) error {
		count[e.Between.To]++
		unknown := r.set(e, count[e.Between.To], o)
		if end.LeftOutCount += uint32(unknown); unknown > 0 && end.LeftOutReason == "" {
			end.LeftOutReason = "events that this version does not know"
		}
		end.AsOf = max(end.AsOf, e.Between.To)
		n++
		line = r.object.Append(line[:0])
		return sorted.Add(r.key, line)
	})
	if err != nil {
		return end, err
	}
	if problem := state.Problem(); problem != "" {
		end.LeftOutCount, end.LeftOutReason = end.LeftOutCount+uint32(max(1, state.DamagedEntries)), problem
	}
	end.Count = uint64(n)
	return end, writeSorted(out, head, &sorted, end)
}

// set sets the record to the n-th entry of its time. It returns the number of events of unknown kinds.
func (r *entryRecord) set(e *journal.Entry, n int, o JournalOptions) (unknown int) {
	outcome, _ := e.Outcome.MarshalText() // the journal has only known outcomes
	r.key, r.outcome, r.source = entryKey(e.Between.To, n), string(outcome), e.Source
	r.from, r.to, r.packages = e.Between.From, e.Between.To, e.PackageCount
	r.sha256 = digestText(e.SHA256)
	r.events = r.events[:0]
	for _, event := range e.Events {
		if !event.Kind.IsKnown() {
			unknown++
			continue
		}
		if event.Kind.IsAboutMaintainers() && !o.Names {
			event.From, event.To = "", ""
		}
		r.events = append(r.events, []string{event.Kind.String(), event.Base, event.From, event.To})
	}
	return unknown
}

// digestText returns a digest in lower-case hexadecimal, or "" if it is unknown.
func digestText(d journal.Digest) string {
	if d == (journal.Digest{}) {
		return ""
	}
	return hex.EncodeToString(d[:])
}

// readJournal reads the entries of a journal, with or without the names of maintainers, and writes them as the lines that journal.Import reads.
func readJournal(ctx context.Context, r *records.Reader, out io.Writer) error {
	record, lastTo, n := newEntryRecord(), int64(-1), 0
	var lines []byte
	return forEach(ctx, r, func(line string) error {
		if err := record.object.Parse(line); err != nil {
			return err
		}
		if n++; record.to != lastTo {
			lastTo, n = record.to, 1
		}
		if record.key != entryKey(record.to, n) {
			return invalidf("the key of an entry of the time %d", record.to)
		}
		var err error
		if lines, err = record.appendLines(lines[:0], r.Head().Kind == KindJournal); err != nil {
			return invalidf("%w", err)
		}
		_, err = out.Write(lines)
		return err
	})
}

// appendLines appends the lines of the entry.
func (r *entryRecord) appendLines(dst []byte, hasNames bool) ([]byte, error) {
	between := journal.Interval{From: r.from, To: r.to}
	observation := journal.Observation{Source: r.source, Between: between, PackageCount: r.packages}
	if err := observation.Outcome.UnmarshalText([]byte(r.outcome)); err != nil {
		return dst, err
	}
	if r.sha256 != "" {
		if err := observation.SHA256.UnmarshalText([]byte(r.sha256)); err != nil {
			return dst, err
		}
		if digestText(observation.SHA256) != r.sha256 {
			return dst, invalidf("the digest %q", r.sha256)
		}
	}
	if err := observation.Check(); err != nil {
		return dst, err
	}
	if !utf8.ValidString(r.source) {
		return dst, invalidf("a source that is not UTF-8")
	}
	dst, err := journal.AppendJSONLine(dst, observation)
	if err != nil {
		return dst, err
	}
	for _, texts := range r.events {
		if len(texts) != 4 {
			return dst, invalidf("an event with %d values", len(texts))
		}
		if !utf8.ValidString(strings.Join(texts, "")) {
			return dst, invalidf("an event that is not UTF-8")
		}
		event, err := journal.NewEvent(texts[0], texts[1], texts[2], texts[3], between)
		if err != nil {
			return dst, err
		}
		if event.Kind.IsAboutMaintainers() && !hasNames && event.From+event.To != "" {
			return dst, invalidf("the name of a maintainer")
		}
		if dst, err = journal.AppendJSONLine(dst, event); err != nil {
			return dst, err
		}
	}
	return dst, nil
}
