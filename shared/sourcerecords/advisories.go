package sourcerecords

import (
	"context"
	"io"
	"slices"

	"github.com/omg-arch/omg/shared/advisories"
	"github.com/omg-arch/omg/shared/records"
	"github.com/omg-arch/omg/shared/wire"
)

// advisoryRecord is one of the tracker's records. Its members are those of the tracker.
type advisoryRecord struct {
	advisories.Record
	status, severity string
	object           *records.Object
}

func newAdvisoryRecord() *advisoryRecord {
	r := &advisoryRecord{}
	r.object = records.NewObject(
		records.Field{Name: "name", Value: &r.Name}, records.Field{Name: "advisories", Value: &r.Advisories},
		records.Field{Name: "affected", Value: &r.AffectedVersion}, records.Field{Name: "fixed", Value: &r.FixedIn},
		records.Field{Name: "issues", Value: &r.Issues}, records.Field{Name: "packages", Value: &r.Packages},
		records.Field{Name: "severity", Value: &r.severity}, records.Field{Name: "status", Value: &r.status}, records.Field{Name: "ticket", Value: &r.Ticket},
		records.Field{Name: "type", Value: &r.Type},
	)
	return r
}

// WriteAdvisories writes the tracker's records. A record with the name of an earlier one is left out, and counted as left out. The parameter end
// has the facts about the tracker's file.
func WriteAdvisories(out io.Writer, list []advisories.Record, end records.End) error {
	var sorted records.Sorter
	r, seen := newAdvisoryRecord(), map[string]bool{}
	for i := range list {
		if seen[list[i].Name] {
			if end.LeftOutCount++; end.LeftOutCount == 1 {
				end.LeftOutReason = list[i].Name + " occurs twice"
			}
			continue
		}
		seen[list[i].Name] = true
		r.Record, r.status, r.severity = list[i], string(list[i].Status), list[i].Severity.String()
		if err := sorted.Add(r.Name, r.object.Append(nil)); err != nil {
			return err
		}
	}
	return writeSorted(out, records.Head{Kind: KindAdvisories, Name: wire.SourceTracker}, &sorted, end)
}

// ReadAdvisories reads the tracker's records, in the order of their names, and the facts about its file.
func ReadAdvisories(ctx context.Context, in io.Reader) (list []advisories.Record, end records.End, err error) {
	r, err := newReader(in, KindAdvisories)
	if err != nil {
		return nil, end, err
	}
	record, size := newAdvisoryRecord(), 0
	err = forEach(ctx, r, func(line string) error {
		if size += len(line); size > advisories.MaxBytes {
			return invalidf("more than %d bytes", advisories.MaxBytes)
		}
		if err := record.object.Parse(line); err != nil {
			return err
		}
		var ok bool
		record.Status = advisories.RecordStatus(record.status)
		if record.Severity, ok = advisories.ParseSeverity(record.severity); !ok || record.Severity.String() != record.severity {
			return invalidf("the severity %.40q", record.severity)
		}
		one := record.Record
		for _, texts := range [...]*[]string{&one.Packages, &one.Issues, &one.Advisories} {
			*texts = slices.Clone(*texts)
		}
		list = append(list, one)
		return nil
	})
	if err == nil {
		if wrong := advisories.Check(list); wrong != nil {
			err = invalidf("%w", wrong)
		}
	}
	if err != nil {
		return nil, end, err
	}
	return list, r.End(), nil
}
