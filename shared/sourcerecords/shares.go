package sourcerecords

import (
	"context"
	"io"

	"github.com/omg-arch/omg/shared/popularity"
	"github.com/omg-arch/omg/shared/records"
	"github.com/omg-arch/omg/shared/wire"
)

// shareRecord is the share of the machines that have a package, in hundredths of a percent.
type shareRecord struct {
	name   string
	share  uint32
	object *records.Object
}

func newShareRecord() *shareRecord {
	r := &shareRecord{}
	r.object = records.NewObject(records.Field{Name: "name", Value: &r.name}, records.Field{Name: "share", Value: &r.share})
	return r
}

// WriteShares writes the shares of machines. The parameter end has the facts about the reply of pkgstats.
func WriteShares(out io.Writer, shares *popularity.Shares, end records.End) error {
	w := records.NewWriter(out, records.Head{Kind: KindShares, Name: wire.SourcePopularity})
	r := newShareRecord()
	for name, share := range shares.All() {
		r.name, r.share = name, uint32(share)
		if err := w.Write(name, r.object.Append(nil)); err != nil {
			return err
		}
	}
	return w.End(end)
}

// ReadShares reads the shares of machines, and the facts about the reply of pkgstats. The digest of the shares is that of the file
// that popularity.Shares.Reply returns, and not that of the reply of pkgstats: an index whose hash is published must be built with them.
func ReadShares(ctx context.Context, in io.Reader) (shares *popularity.Shares, end records.End, err error) {
	r, err := newReader(in, KindShares)
	if err != nil {
		return nil, end, err
	}
	record, byName, size := newShareRecord(), map[string]popularity.Share{}, 0
	err = forEach(ctx, r, func(line string) error {
		if size += len(line); size > popularity.MaxBytes {
			return invalidf("more than %d bytes", popularity.MaxBytes)
		}
		if err := record.object.Parse(line); err != nil {
			return err
		}
		if record.share > uint32(popularity.MaxShare) {
			return invalidf("a share of %d hundredths of a percent", record.share)
		}
		byName[record.name] = popularity.Share(record.share)
		return nil
	})
	if err != nil {
		return nil, end, err
	}
	if shares, err = popularity.New(byName); err != nil {
		return nil, end, invalidf("%w", err)
	}
	return shares, r.End(), nil
}
