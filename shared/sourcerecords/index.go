package sourcerecords

import (
	"context"
	"fmt"
	"io"

	"github.com/omg-arch/omg/shared/filesindex"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/popularity"
	"github.com/omg-arch/omg/shared/records"
)

// IndexOptions are what an index depends on beside the records.
type IndexOptions struct {
	// Source is the name of the source that the records must be about; empty for any.
	Source string
	// Builder is the name and version of the program, and BuiltAt the time of the build in Unix seconds.
	Builder string
	BuiltAt int64
	// Shares are the shares of machines that have the packages of a repository; nil if they are unknown.
	Shares *popularity.Shares
}

// IndexBuilder writes an index.
type IndexBuilder interface {
	// WriteFile atomically replaces the file at path with the index.
	WriteFile(path string) error
	// Bytes returns the index as bytes.
	Bytes() ([]byte, error)
}

// NewIndex returns the builder of the index of a source. The kind is that of the records: KindRepository, KindAUR or KindFiles. The AUR has two
// texts, its packages and their votes; any other source has one. After an error, the records must not be used.
func NewIndex(ctx context.Context, kind string, o IndexOptions, texts ...io.Reader) (IndexBuilder, error) {
	var kinds []string
	switch {
	case (kind == KindRepository || kind == KindFiles) && len(texts) == 1:
		kinds = []string{kind}
	case kind == KindAUR && len(texts) == 2:
		kinds = []string{KindAUR, KindAURVotes}
	default:
		return nil, fmt.Errorf("no index has %d texts of the kind %q", len(texts), kind)
	}
	readers := make([]*records.Reader, len(texts))
	for i, text := range texts {
		r, err := newReader(text, kinds[i])
		if err != nil {
			return nil, err
		}
		if o.Source != "" && r.Head().Name != o.Source {
			return nil, invalidf("records of the source %.40q, and not of %.40q", r.Head().Name, o.Source)
		}
		readers[i] = r
	}
	if kind == KindFiles {
		return newFilesIndex(ctx, readers[0], filesindex.BuildInfo{Builder: o.Builder, BuiltAt: o.BuiltAt})
	}
	b := pkgindex.NewBuilder(o.Builder, o.BuiltAt)
	if kind == KindAUR {
		return b, addAUR(ctx, b, readers[0], readers[1])
	}
	return b, addRepository(ctx, b, readers[0], o.Shares)
}
