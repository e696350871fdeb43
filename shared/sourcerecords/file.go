package sourcerecords

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/omg-arch/omg/shared/advisories"
	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/journal"
	"github.com/omg-arch/omg/shared/news"
)

// FileFormat is the version of the files that NewFile makes. It grows when the same records give another file.
const FileFormat = 1

// file is the content of a file.
type file []byte

// WriteFile implements IndexBuilder.
func (f file) WriteFile(path string) error {
	return atomicfile.Write(path, f, atomicfile.Options{Mode: 0o644, Sync: true})
}

// Bytes implements IndexBuilder.
func (f file) Bytes() ([]byte, error) { return f, nil }

// NewFile returns the file that omg reads instead of an index: advisories as a file of the tracker, news as omgd keeps them, shares as a reply of
// pkgstats, or a journal. The parameter asOf is when the server of the source last confirmed the data, in Unix seconds.
func NewFile(ctx context.Context, kind string, asOf int64, text io.Reader) (IndexBuilder, error) {
	var content []byte
	var err error
	switch kind {
	case KindAdvisories:
		content, err = newAdvisoriesFile(ctx, text)
	case KindNews:
		content, err = newNewsFile(ctx, text, asOf)
	case KindShares:
		content, err = newSharesFile(ctx, text)
	case KindJournal, KindJournalWithoutNames:
		content, err = newJournalFile(ctx, kind, text)
	default:
		err = fmt.Errorf("no file has records of the kind %q", kind)
	}
	if err != nil {
		return nil, err
	}
	return file(content), nil
}

func newAdvisoriesFile(ctx context.Context, text io.Reader) ([]byte, error) {
	list, end, err := ReadAdvisories(ctx, text)
	if err != nil {
		return nil, err
	}
	content, err := advisories.Encode(list, int(end.LeftOutCount))
	if err != nil {
		return nil, invalidf("%w", err)
	}
	return content, nil
}

func newNewsFile(ctx context.Context, text io.Reader, asOf int64) ([]byte, error) {
	items, err := ReadNews(ctx, text, asOf)
	if err != nil {
		return nil, err
	}
	f := news.File{ConfirmedAt: asOf, Items: items}
	return f.Encode()
}

func newSharesFile(ctx context.Context, text io.Reader) ([]byte, error) {
	shares, _, err := ReadShares(ctx, text)
	if err != nil {
		return nil, err
	}
	return shares.Reply(), nil
}

func newJournalFile(ctx context.Context, kind string, text io.Reader) ([]byte, error) {
	r, err := newReader(text, kind)
	if err != nil {
		return nil, err
	}
	lines, writer := io.Pipe()
	read := make(chan struct{})
	go func() {
		defer close(read)
		_ = writer.CloseWithError(readJournal(ctx, r, writer))
	}()
	var content bytes.Buffer
	err = journal.ImportTo(&content, lines)
	_ = lines.Close()
	<-read // the reader belongs to the caller again
	return content.Bytes(), err
}
