package puller

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/omg-arch/omg/shared/advisories"
	"github.com/omg-arch/omg/shared/filesindex"
	"github.com/omg-arch/omg/shared/journal"
	"github.com/omg-arch/omg/shared/news"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/popularity"
	"github.com/omg-arch/omg/shared/publication"
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
// the same manifest, and the time of the records as the time of the build.
func NewIndex(ctx context.Context, s *publication.Source, texts ...io.Reader) (sourcerecords.IndexBuilder, error) {
	switch kind, known := kinds[s.Kind]; {
	case !known:
		return nil, errNotForUsers
	case kind.isFile:
		return sourcerecords.NewFile(ctx, s.Kind, s.AsOf, texts[0])
	}
	o := sourcerecords.IndexOptions{Builder: program, BuiltAt: s.AsOf}
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
