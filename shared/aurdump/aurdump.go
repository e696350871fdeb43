// Package aurdump reads the AUR's metadata dump packages-meta-ext-v1.json, one JSON array with an object for each
// package, which the AUR publishes compressed with gzip. It also reads the git archive that the AUR has announced as the successor of the dump: a
// directory with its two files, or a pack with a commit of it.
//
// A dump comes from the network. It is read as a stream: whatever the dump contains, the reader keeps at most one
// package's object, of at most MaxObject bytes.
package aurdump

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/readahead"

	"github.com/omg-arch/omg/shared/gitpack"
	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/wire"
)

// Repo is the repository name of packages from the AUR.
const Repo = "aur"

// Limits of a dump. The AUR's dump has about 100,000 packages in 70 MiB, 15 MiB compressed; its longest objects have
// about 20 KiB.
const (
	// MaxBytes limits the decompressed size of a dump.
	MaxBytes = 1 << 30
	// MaxObject limits the length of one package's object, and with it the memory that Read uses.
	MaxObject = 64 << 20
	// MaxPackages limits the number of packages in a dump.
	MaxPackages = 1_000_000
	// MaxWarnings is the maximum number of warnings that are kept as text. Further warnings are only counted.
	MaxWarnings = 100
)

// ErrNotDump means that the content is not an array of packages.
var ErrNotDump = errors.New("not a dump of the AUR")

// ReadResult describes a dump that was read.
type ReadResult struct {
	sourcefile.File
	// PackageCount is the number of packages that Read passed on. LeftOutCount is the number of entries that were skipped;
	// FirstLeftOutReason is the reason why the first of these was skipped.
	PackageCount, LeftOutCount int
	FirstLeftOutReason         string
	// Warnings holds problems of single packages, at most MaxWarnings; OmittedWarningCount is the number of further problems.
	Warnings            []string
	OmittedWarningCount int
	// Commit is the commit of the git archive in a pack; empty for any other form.
	Commit string

	committedAt int64 // the time of the commit in a pack, in Unix seconds
}

// Read reads the dump at path, compressed or not, or the AUR's git archive, and passes every package to the function visit, in the dump's order. The time
// of a pack is that of its commit, whatever the modification time of the file.
// The package and its slices are valid only until visit returns; its strings stay valid. Read leaves out, with a
// warning, an entry that is not an object with a usable name and version, and an entry with the name of an earlier
// entry.
//
// After an error the caller must not use any package of the dump, even if the function visit was called. The errors are
// those of sourcefile.Read, which may wrap ErrNotDump; an error of the function visit or of ctx is returned unchanged.
func Read(ctx context.Context, path string, visit func(*wire.Package) error) (ReadResult, error) {
	return ReadEntries(ctx, path, func(e Entry) error { return visit(e.Package) })
}

// Entry is a package of a dump, with a value that dumps contain but indexes do not.
type Entry struct {
	*wire.Package
	// BaseID is the AUR's number of the package base; 0 if the dump does not contain it. A base that was deleted and
	// submitted again has a new number.
	BaseID uint64
}

// ReadEntries is like Read, and passes on the numbers of the package bases as well.
func ReadEntries(ctx context.Context, path string, visit func(Entry) error) (ReadResult, error) {
	return sourceAt(path).readEntries(ctx, visit)
}

// source is a form in which the AUR publishes all its packages.
type source interface {
	readEntries(ctx context.Context, visit func(Entry) error) (ReadResult, error)
}

// sourceAt returns the source at path: a directory with the files of the AUR's git archive, or its dump.
func sourceAt(path string) source {
	if _, err := os.Stat(filepath.Join(path, archiveBaseFile)); err == nil {
		return archiveDir(path)
	}
	return dumpFile(path)
}

// dumpFile is the path of a dump, or of a pack with a commit of the git archive.
type dumpFile string

func (path dumpFile) readEntries(ctx context.Context, visit func(Entry) error) (ReadResult, error) {
	var out ReadResult
	file, err := sourcefile.ReadAt(ctx, string(path), func(in io.Reader, at io.ReaderAt, size int64) error {
		src := bufio.NewReaderSize(in, 64<<10)
		if magic, _ := src.Peek(len(gitpack.Magic)); string(magic) == gitpack.Magic {
			if _, err := io.Copy(io.Discard, src); err != nil {
				return err
			}
			return out.readPack(ctx, at, size, visit)
		}
		return out.read(ctx, src, realLimits, visit)
	})
	if out.committedAt > 0 {
		file.Stamp.MtimeNS = out.committedAt * int64(time.Second)
	}
	out.File = file
	return out, err
}

// The decompressor may be up to aheadBlockCount blocks of aheadBlockSize bytes ahead of the parser.
const (
	aheadBlockSize  = 128 << 10
	aheadBlockCount = 4
)

// read reads a whole dump from src, up to and including the last byte.
func (f *ReadResult) read(ctx context.Context, src io.Reader, limits limits, visit func(Entry) error) error {
	file := bufio.NewReaderSize(src, 64<<10)
	magic, err := file.Peek(2)
	if len(magic) == 0 && errors.Is(err, io.EOF) {
		return sourcefile.ErrEmpty
	}
	content := io.Reader(file)
	if string(magic) == "\x1f\x8b" {
		zr, err := gzip.NewReader(file)
		if err != nil {
			return convertStreamError(err)
		}
		ahead, err := readahead.NewReaderSize(zr, aheadBlockCount, aheadBlockSize)
		if err != nil {
			return err
		}
		defer ahead.Close()
		content = ahead
	}
	p := newParser(newBoundedReader(ctx, content, limits), limits, f)
	return convertStreamError(p.visitPackages(visit))
}

// boundedReader limits how many bytes are read from r.
type boundedReader struct {
	ctx        context.Context
	r          io.Reader
	totalLeft  int64 // how many bytes may still be read in total
	objectLeft int64 // how many bytes may still be read for the current object; the parser sets it for each object
}

func (b *boundedReader) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	switch {
	case b.totalLeft < 0:
		return 0, fmt.Errorf("%w: it expands to an implausible size", sourcefile.ErrOversize)
	case b.objectLeft <= 0:
		return 0, fmt.Errorf("%w: the object of a package has more than %d MiB", sourcefile.ErrOversize, MaxObject>>20)
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.objectLeft)])
	b.totalLeft -= int64(n)
	b.objectLeft -= int64(n)
	return n, err
}

// convertStreamError converts an error of the decompressor or the JSON decoder to an error of package sourcefile. Errors of
// other origin are returned unchanged.
func convertStreamError(err error) error {
	var system *fs.PathError
	switch {
	case err == nil, sourcefile.IsCallerError(err), errors.As(err, &system),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return sourcefile.ErrTruncated
	}
	for _, ours := range []error{sourcefile.ErrOversize, ErrNotDump, sourcefile.ErrEmpty, sourcefile.ErrDamaged} {
		if errors.Is(err, ours) {
			return err
		}
	}
	return fmt.Errorf("%w: %w", sourcefile.ErrDamaged, err)
}

// limits holds the values of MaxBytes, MaxObject and MaxPackages; tests use lower values.
type limits struct {
	bytes, object int64
	packages      int
}

var realLimits = limits{bytes: MaxBytes, object: MaxObject, packages: MaxPackages}
