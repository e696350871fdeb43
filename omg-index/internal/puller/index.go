package puller

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/omg-arch/omg/shared/advisories"
	"github.com/omg-arch/omg/shared/filesindex"
	"github.com/omg-arch/omg/shared/journal"
	"github.com/omg-arch/omg/shared/news"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/popularity"
	"github.com/omg-arch/omg/shared/publication"
	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/sourcerecords"
	"github.com/omg-arch/omg/shared/sources"
)

// program is the program that an index of published records names. It has no version, because the index must have the same bytes on all
// machines: its hash is in the manifest.
const program = "omg-index"

// installed describes the file that is built from the records of a kind: an index, or another file that omg reads.
type installed struct {
	format int
	name   func(source string) string
	isFile bool
}

var kinds = map[string]installed{
	sourcerecords.KindRepository: {format: pkgindex.FormatVersion, name: func(source string) string { return sources.IndexPath("", pkgindex.KindRepo, source) }},
	sourcerecords.KindAUR:        {format: pkgindex.FormatVersion, name: func(source string) string { return sources.IndexPath("", pkgindex.KindAUR, source) }},
	sourcerecords.KindFiles:      {format: filesindex.FormatVersion, name: func(source string) string { return sources.FilesIndexPath("", source) }},

	sourcerecords.KindAdvisories:          newFile(advisories.Path("")),
	sourcerecords.KindNews:                newFile(news.Path("")),
	sourcerecords.KindShares:              newFile(popularity.Path("")),
	sourcerecords.KindJournal:             newFile(journal.FileName),
	sourcerecords.KindJournalWithoutNames: newFile(journal.FileName),
}

func newFile(name string) installed {
	return installed{format: sourcerecords.FileFormat, name: func(string) string { return name }, isFile: true}
}

// errNotForUsers means that no file is built from the records of a kind alone.
var errNotForUsers = errors.New("no file is built from these records")

// NewIndex returns the builder of the index, or of the other file, of a published source from its records; those of the AUR are its packages and
// their votes, and those of a repository can be followed by shares of machines. Its bytes are the same on all machines, because it has the shares of
// the same manifest, and the time of the records as the time of the build. The records of an index must be of the source, unless it has no name.
func NewIndex(ctx context.Context, s *publication.Source, texts ...io.Reader) (sourcerecords.IndexBuilder, error) {
	switch kind, known := kinds[s.Kind]; {
	case !known:
		return nil, errNotForUsers
	case kind.isFile:
		return sourcerecords.NewFile(ctx, s.Kind, s.AsOf, texts[0])
	}
	o := sourcerecords.IndexOptions{Source: s.Name, Builder: program, BuiltAt: s.AsOf}
	if s.Kind == sourcerecords.KindRepository && len(texts) > 1 {
		var err error
		if o.Shares, _, err = sourcerecords.ReadShares(ctx, texts[1]); err != nil {
			return nil, err
		}
		texts = texts[:1]
	}
	return sourcerecords.NewIndex(ctx, s.Kind, o, texts...)
}

// IndexFormat returns the format of the index, or of the other file, of a kind of records.
func IndexFormat(kind string) int { return kinds[kind].format }

// indexName returns the name of the file that is built from the records of a source.
func indexName(s *publication.Source) string { return kinds[s.Kind].name(s.Name) }

// isInstalledName reports whether a file in the directory was built from records.
func isInstalledName(name string) bool {
	if strings.HasSuffix(name, sources.IndexSuffix) {
		return true
	}
	for _, kind := range kinds {
		if kind.isFile && kind.name("") == name {
			return true
		}
	}
	return false
}

// ErrIndex means that the index that was built from the records is not the one that the publisher has built.
var ErrIndex = errors.New("another index than the publisher's")

// hasIndex reports whether the index of a source is the one that the publisher has built. If its format is another one than that of this
// program, this cannot be known.
func (p *puller) hasIndex(ctx context.Context, s *publication.Source) bool {
	if s.Index == nil || s.Index.Format != IndexFormat(s.Kind) {
		return false
	}
	sha256, err := sourcefile.DigestOfPath(ctx, filepath.Join(p.dir, indexName(s)))
	return err == nil && sha256 == s.Index.SHA256
}

// indexBuild builds the index of a source from its records.
type indexBuild struct {
	*puller
	source *publication.Source
	texts  []*publication.Source
	// builder has the records that were read last. If they could not be read, err is why. Both are nil before.
	builder sourcerecords.IndexBuilder
	err     error
}

// read reads the first text. The others are stored.
func (b *indexBuild) read(ctx context.Context, first io.Reader) {
	b.builder, b.err = nil, nil // free the memory of an earlier attempt
	in := []io.Reader{first}
	for _, t := range b.texts[1:] {
		r, err := b.openRecords(t)
		if err != nil {
			b.err = err
			return
		}
		defer r.Close()
		in = append(in, r)
	}
	b.builder, b.err = NewIndex(ctx, b.source, in...)
}

// finish reads the records unless they were read already, and replaces the last index if the new one is right.
func (b *indexBuild) finish(ctx context.Context) error {
	if b.builder == nil && b.err == nil {
		first, err := b.openRecords(b.texts[0])
		if err != nil {
			return err
		}
		defer first.Close()
		b.read(ctx, first)
	}
	s := b.source
	if b.err != nil {
		return fmt.Errorf("%s %s: %w", s.Kind, s.Name, b.err)
	}
	path := filepath.Join(b.dir, newDir, indexName(s))
	if err := b.builder.WriteFile(path); err != nil {
		return err
	}
	if s.Index != nil && s.Index.Format == IndexFormat(s.Kind) {
		sha256, err := sourcefile.DigestOfPath(ctx, path)
		if err != nil {
			return err
		}
		if sha256 != s.Index.SHA256 {
			return fmt.Errorf("%s %s: %w: SHA-256 %s instead of %s", s.Kind, s.Name, ErrIndex, sha256, s.Index.SHA256)
		}
	}
	return os.Rename(path, filepath.Join(b.dir, indexName(s)))
}
