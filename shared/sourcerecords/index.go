package sourcerecords

import (
	"context"
	"fmt"
	"io"

	"github.com/omg-arch/omg/shared/filesindex"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/popularity"
)

// IndexOptions are what an index depends on beside the records.
type IndexOptions struct {
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
	b := pkgindex.NewBuilder(o.Builder, o.BuiltAt)
	switch {
	case kind == KindRepository && len(texts) == 1:
		return b, addRepository(ctx, b, texts[0], o.Shares)
	case kind == KindAUR && len(texts) == 2:
		return b, addAUR(ctx, b, texts[0], texts[1])
	case kind == KindFiles && len(texts) == 1:
		return newFilesIndex(ctx, texts[0], filesindex.BuildInfo{Builder: o.Builder, BuiltAt: o.BuiltAt})
	}
	return nil, fmt.Errorf("no index has %d texts of the kind %q", len(texts), kind)
}
