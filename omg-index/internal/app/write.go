package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/popularity"
	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/sources"
	"github.com/omg-arch/omg/shared/version"
)

// source is the input of an index: a repository's database, its database with file lists, or the AUR's dump.
type source interface {
	name() string
	path() string
	// indexPath returns the path of the source's own index in a directory.
	indexPath(dir string) string
	// readOwn reads the source into an index of its own.
	readOwn(ctx context.Context, b *buildRun) (indexBuilder, *readResult)
}

// packageSource is a source of packages. An index can have several of them.
type packageSource interface {
	source
	kind() pkgindex.SourceKind
	read(ctx context.Context, into *pkgindex.SourceBuilder, count func()) *readResult
}

// indexBuilder writes an index, either of packages or of file lists.
type indexBuilder interface {
	WriteFile(path string) error
	WriteTo(f *os.File) error
}

// readResult is the result of reading a source.
type readResult struct {
	source              interface{ name() string }
	sourceFile          sourcefile.File
	packageCount        int
	pathCount           int // the number of paths in file lists
	warnings            []string
	omittedWarningCount int
	skippedPackages     []string // packages too large for an index
	content             string   // what a source without packages contains
	err                 error
}

// buildRun is one run of omg-index build.
type buildRun struct {
	cliContext *cli.Context
	builtAt    int64
	sources    []source
	fileLists  bool // the sources are file lists
	// shares are the shares of machines that have packages of repositories, from the file at popularityPath; nil and "" if there are none.
	shares         *popularity.Shares
	popularityPath string
	startedAt      time.Time
	progress       *progress
}

func (b *buildRun) newBuilder() *pkgindex.Builder {
	return pkgindex.NewBuilder(b.program(), b.builtAt)
}

// program returns the name and version of this program, which an index contains.
func (b *buildRun) program() string { return "omg-index " + version.String() }

// addSource begins a source of an index.
func (b *buildRun) addSource(builder *pkgindex.Builder, s packageSource) *pkgindex.SourceBuilder {
	into := builder.AddSource(s.name(), s.kind())
	if s.kind() == pkgindex.KindRepo {
		into.SetShares(b.shares)
	}
	return into
}

// buildSingleIndex writes one index of all sources, atomically.
func (b *buildRun) buildSingleIndex(out string) error {
	if err := b.checkOutput(out); err != nil {
		return err
	}
	builder, results, err := b.readAll()
	b.progress.clearLine()
	if err != nil {
		return exit.WithCode(exit.Failed, err)
	}
	if out == "-" {
		b.warn(results)
		return exit.WithCode(exit.Failed, builder.WriteTo(os.Stdout))
	}
	size, err := b.write(builder, out, results)
	if err != nil {
		return err
	}
	b.warn(results)
	return b.summarize(out, size, results)
}

// readAll reads all sources into one index. File lists are read only if they are the only source.
func (b *buildRun) readAll() (indexBuilder, []*readResult, error) {
	if len(b.sources) == 1 {
		builder, r := b.sources[0].readOwn(b.cliContext.Context, b)
		return builder, []*readResult{r}, r.err
	}
	builder := b.newBuilder()
	results := make([]*readResult, len(b.sources))
	group, ctx := errgroup.WithContext(b.cliContext.Context)
	for i, s := range b.sources {
		packages := s.(packageSource)
		into := b.addSource(builder, packages)
		group.Go(func() error {
			results[i] = packages.read(ctx, into, b.progress.newCounter())
			return results[i].err
		})
	}
	return builder, results, group.Wait()
}

// readPackages reads a source of packages into an index of its own.
func (b *buildRun) readPackages(ctx context.Context, s packageSource) (indexBuilder, *readResult) {
	builder := b.newBuilder()
	return builder, s.read(ctx, b.addSource(builder, s), b.progress.newCounter())
}

// write writes an index and its origin file. It returns the size of the index in bytes.
func (b *buildRun) write(builder indexBuilder, out string, results []*readResult) (size int64, err error) {
	if err := builder.WriteFile(out); err != nil {
		wrong := &exit.Error{Code: exit.Failed, Err: fmt.Errorf("cannot write the index: %w", err)}
		if errors.Is(err, fs.ErrNotExist) { // the directory of the output file does not exist
			wrong.Hint = "make the directory " + filepath.Dir(out) + " first"
		}
		return 0, wrong
	}
	var origins sources.IndexOrigins
	for _, r := range results {
		origins = append(origins, sources.OriginOfFile(&r.sourceFile))
	}
	if err := origins.Write(out); err != nil {
		return 0, exit.WithCode(exit.Failed, fmt.Errorf("cannot write the index's origin: %w", err))
	}
	fi, err := os.Stat(out)
	if err != nil {
		return 0, exit.WithCode(exit.Failed, err)
	}
	return fi.Size(), nil
}

// checkOutput returns an error if the output file must not be replaced.
func (b *buildRun) checkOutput(out string) error {
	switch out {
	case "":
		return command.Usagef("--output needs the path of a file")
	case "-":
		if command.IsTerminal(b.cliContext.App.Writer) {
			return command.Usagef("--output -: an index cannot be written to a terminal")
		}
		return nil
	}
	there, err := os.Lstat(out)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return exit.WithCode(exit.Failed, fmt.Errorf("cannot write the index: %w", err))
	case there.Mode()&fs.ModeSymlink != 0:
		return command.Usagef("--output %s: a symbolic link, which would be replaced: name the file itself", out)
	case there.Mode()&(fs.ModeDevice|fs.ModeNamedPipe|fs.ModeSocket) != 0:
		return command.Usagef("--output %s: not a regular file", out)
	}
	inputs := []string{b.popularityPath}
	for _, s := range b.sources {
		inputs = append(inputs, s.path())
	}
	for _, path := range inputs {
		if fi, err := os.Stat(path); err == nil && os.SameFile(there, fi) {
			return command.Usagef("--output %s: the index is built from this file: name another file", out)
		}
	}
	return nil
}

// maxConcurrentBuilds is the number of indexes that are built concurrently. Each index is in memory until it is written.
const maxConcurrentBuilds = 2

// buildIndexPerSource writes an index for each source. If a source cannot be read, its old index is kept, and the indexes of
// the other sources are still built.
func (b *buildRun) buildIndexPerSource(dir string) error {
	if err := paths.ProcessEnv().CheckRootWrites(dir); err != nil {
		return &exit.Error{Code: exit.Failed, Err: fmt.Errorf("cannot write to %s as root: %w", dir, err), Hint: "run omg-index as that user, or name another directory with --data-dir"}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return exit.WithCode(exit.Failed, err)
	}
	results := make([]*readResult, len(b.sources))
	sizes := make([]int64, len(b.sources))
	var group errgroup.Group
	group.SetLimit(maxConcurrentBuilds)
	if b.fileLists {
		group.SetLimit(1) // a build needs hundreds of MiB
	}
	for i, s := range b.sources {
		group.Go(func() error {
			builder, r := s.readOwn(b.cliContext.Context, b)
			if results[i] = r; r.err == nil {
				sizes[i], r.err = b.write(builder, s.indexPath(dir), []*readResult{r})
			}
			return nil
		})
	}
	_ = group.Wait()
	b.progress.clearLine()
	if err := b.cliContext.Context.Err(); err != nil {
		return err
	}
	b.warn(results)
	var failed []string
	size := int64(0)
	for i, r := range results {
		if size += sizes[i]; r.err != nil {
			failed = append(failed, r.source.name())
			command.ReportError(b.cliContext.App.ErrWriter, b.cliContext.App.Name, r.err.Error())
		}
	}
	if len(failed) < len(results) {
		if err := b.summarize(dir, size, results); err != nil {
			return err
		}
	}
	if len(failed) > 0 {
		return exit.QuietError(exit.Failed)
	}
	return nil
}
