package sourcerecords

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/omg-arch/omg/shared/pulled"
	"github.com/omg-arch/omg/shared/records"
	"github.com/omg-arch/omg/shared/wire"
)

// The kinds of records.
const (
	KindRepository = "repository"
	KindAUR        = "aur"
	KindAURVotes   = "aur-votes"
	KindFiles      = "files"
	KindAdvisories = pulled.KindAdvisories
	KindNews       = pulled.KindNews
	KindShares     = pulled.KindShares
	KindJournal    = pulled.KindJournal

	KindJournalWithoutNames = pulled.KindJournalWithoutNames
)

func invalidf(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{records.ErrInvalid}, args...)...)
}

// sourceNames has the names of the sources of which there is only one.
var sourceNames = map[string]string{
	KindAUR: wire.SourceAUR, KindAURVotes: wire.SourceAUR, KindAdvisories: wire.SourceTracker, KindNews: wire.SourceNews, KindShares: wire.SourcePopularity,
	KindJournal: wire.SourceAUR, KindJournalWithoutNames: wire.SourceAUR,
}

// newReader returns a reader of records that must have one of the given kinds.
func newReader(in io.Reader, kinds ...string) (*records.Reader, error) {
	r, err := records.NewReader(in)
	if err != nil {
		return nil, err
	}
	h := r.Head()
	if !slices.Contains(kinds, h.Kind) {
		return nil, invalidf("records of the kind %.40q, and not of the kind %q", h.Kind, kinds[0])
	}
	if name := sourceNames[h.Kind]; h.Name == "" || name != "" && h.Name != name {
		return nil, invalidf("records of the kind %q of the source %.40q", h.Kind, h.Name)
	}
	return r, nil
}

// writeSorted writes records in the order of their keys.
func writeSorted(out io.Writer, h records.Head, sorted *records.Sorter, end records.End) error {
	w := records.NewWriter(out, h)
	if err := sorted.WriteTo(w); err != nil {
		return err
	}
	return w.End(end)
}

// RecordError is an error of one record.
type RecordError struct {
	// Key is that of the record.
	Key string
	Err error
}

func (e *RecordError) Error() string { return fmt.Sprintf("the record of %.100q: %v", e.Key, e.Err) }

func (e *RecordError) Unwrap() error { return e.Err }

// forEach passes the line of each record to the function visit. An error of the function is in a RecordError.
func forEach(ctx context.Context, r *records.Reader, visit func(line string) error) error {
	for {
		key, line, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if err := visit(string(line)); err != nil {
			return &RecordError{key, err}
		}
	}
}
