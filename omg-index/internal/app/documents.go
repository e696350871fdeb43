package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/omg-arch/omg/shared/advisories"
	"github.com/omg-arch/omg/shared/journal"
	"github.com/omg-arch/omg/shared/news"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/popularity"
	"github.com/omg-arch/omg/shared/publication"
	"github.com/omg-arch/omg/shared/records"
	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/sourcerecords"
	"github.com/omg-arch/omg/shared/wire"
)

// document is a source without packages, which omg reads from a file and not from an index.
type document struct {
	kind, sourceName, filePath string
	// entry is what one of its records is to a user.
	entry string
	// write reads the file and writes its records. The result has the warnings and what the file contains, and asOf is when the server of the source
	// last confirmed it, in Unix seconds.
	write func(ctx context.Context, path string, to io.Writer) (r *readResult, asOf int64)
}

func (d *document) name() string             { return d.sourceName }
func (d *document) publishedKinds() []string { return []string{d.kind} }

func newAdvisories(path string) *document {
	return &document{sourcerecords.KindAdvisories, wire.SourceTracker, path, "record", writeAdvisories}
}

func newNews(path string) *document {
	return &document{sourcerecords.KindNews, wire.SourceNews, path, "item", writeNews}
}

func newShares(path string) *document {
	return &document{sourcerecords.KindShares, wire.SourcePopularity, path, "share", writeShares}
}

// newJournal returns the journal at path, which can also be its directory. If it is empty, the journal is that of omgd.
func newJournal(path string, withNames bool) *document {
	if path == "" {
		path = filepath.Join(paths.IndexDir(paths.ProcessEnv().DataDir("")), journal.FileName)
	}
	if fi, err := os.Stat(path); err == nil && fi.IsDir() {
		path = filepath.Join(path, journal.FileName)
	}
	kind := sourcerecords.KindJournalWithoutNames
	if withNames {
		kind = sourcerecords.KindJournal
	}
	return &document{kind, wire.SourceAUR, path, "observation", func(_ context.Context, path string, to io.Writer) (*readResult, int64) {
		return writeJournal(path, to, withNames)
	}}
}

// publish keeps the records in a file: those of a journal can be larger than the memory that they deserve.
func (d *document) publish(ctx context.Context, p *publishRun, _ func()) (*readResult, error) {
	file, err := newTemporaryFile()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	result, asOf := d.write(ctx, d.filePath, file)
	result.source = d
	if result.err != nil {
		return result, nil
	}
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	index, err := describeIndex(ctx, d.kind, asOf, io.NewSectionReader(file, 0, size))
	if errors.Is(err, records.ErrInvalid) { // no machine would accept them
		result.err = fmt.Errorf("%s: %s", d.filePath, d.describe(err))
		return result, nil
	}
	if err != nil {
		return nil, err
	}
	return result, p.add(ctx, publication.Source{Kind: d.kind, Name: d.sourceName, AsOf: asOf, Index: index}, func(w io.Writer) error {
		_, err := io.Copy(w, io.NewSectionReader(file, 0, size))
		return err
	})
}

// describe returns the text of an error of the records in the words of the file from which they were made.
func (d *document) describe(err error) string {
	what := ""
	if wrong := new(sourcerecords.RecordError); errors.As(err, &wrong) {
		what, err = fmt.Sprintf("the %s %.100q: ", d.entry, wrong.Key), wrong.Err
	}
	return what + strings.TrimPrefix(err.Error(), records.ErrInvalid.Error()+": ")
}

func writeAdvisories(ctx context.Context, path string, to io.Writer) (*readResult, int64) {
	var list []advisories.Record
	var end records.End
	f, err := sourcefile.Read(ctx, path, func(in io.Reader) error {
		read, skipped, err := advisories.Read(in)
		if list = read; skipped > 0 {
			end = records.End{LeftOutCount: uint32(skipped), LeftOutReason: "records that cannot be read"}
		}
		return err
	})
	if err != nil {
		return &readResult{err: err}, 0
	}
	r := &readResult{sourceFile: f, content: formatCount(len(list), "record"), err: sourcerecords.WriteAdvisories(to, list, end)}
	if end.LeftOutCount > 0 {
		r.warnings = append(r.warnings, formatCount(int(end.LeftOutCount), "record")+" cannot be read")
	}
	if len(list) == 0 { // the tracker has thousands
		r.warnings = append(r.warnings, "the list is empty: machines will show no advisories")
	}
	return r, f.Stamp.MtimeSeconds()
}

func writeNews(_ context.Context, path string, to io.Writer) (*readResult, int64) {
	f, err := news.Read(path, paths.ProcessEnv().Trusts)
	if err != nil {
		return &readResult{err: err}, 0
	}
	return &readResult{content: formatCount(len(f.Items), "item"), err: sourcerecords.WriteNews(to, f.Items)}, f.ConfirmedAt
}

func writeShares(ctx context.Context, path string, to io.Writer) (*readResult, int64) {
	shares, err := popularity.Read(ctx, path)
	if err != nil {
		return &readResult{err: err}, 0
	}
	stamp, err := sourcefile.StampOfPath(path)
	if err == nil {
		err = sourcerecords.WriteShares(to, shares, records.End{})
	}
	return &readResult{content: formatCount(shares.Len(), "share"), err: err}, stamp.MtimeSeconds()
}

func writeJournal(path string, to io.Writer, withNames bool) (*readResult, int64) {
	end, err := sourcerecords.WriteJournal(to, path, nil, sourcerecords.JournalOptions{Names: withNames})
	if err == nil && end.AsOf == 0 {
		err = fmt.Errorf("%s: the journal has no observation", path)
	}
	r := &readResult{sourceFile: sourcefile.File{Path: path}, content: formatCount(int(end.Count), "observation"), err: err}
	if !withNames {
		r.content += ", without the names of maintainers"
	}
	if end.LeftOutCount > 0 {
		r.warnings = append(r.warnings, fmt.Sprintf("%d left out: %s", end.LeftOutCount, end.LeftOutReason))
	}
	return r, end.AsOf
}
