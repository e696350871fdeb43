package puller

import (
	"context"
	"io"

	"github.com/omg-arch/omg/shared/filesindex"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/publication"
	"github.com/omg-arch/omg/shared/sourcerecords"
	"github.com/omg-arch/omg/shared/sources"
)

// program is the program that an index of published records names. It has no version, because the index must have the same bytes on all
// machines: its hash is in the manifest.
const program = "omg-index"

// NewIndex returns the builder of the index of a published source from its records; those of the AUR are its packages and their votes. Its
// bytes are the same on all machines, because it has no shares of machines, and the time of the records as the time of the build.
func NewIndex(ctx context.Context, s *publication.Source, texts ...io.Reader) (sourcerecords.IndexBuilder, error) {
	return sourcerecords.NewIndex(ctx, s.Kind, sourcerecords.IndexOptions{Builder: program, BuiltAt: s.AsOf}, texts...)
}

// IndexFormat returns the format of the index of a kind of records.
func IndexFormat(kind string) int {
	if kind == sourcerecords.KindFiles {
		return filesindex.FormatVersion
	}
	return pkgindex.FormatVersion
}

// indexName returns the name of the file of a source's index.
func indexName(s *publication.Source) string {
	switch s.Kind {
	case sourcerecords.KindFiles:
		return sources.FilesIndexPath("", s.Name)
	case sourcerecords.KindAUR:
		return sources.IndexPath("", pkgindex.KindAUR, s.Name)
	}
	return sources.IndexPath("", pkgindex.KindRepo, s.Name)
}
