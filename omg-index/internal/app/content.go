package app

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/omg-arch/omg/omg-index/internal/puller"
	"github.com/omg-arch/omg/shared/filesindex"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/publication"
	"github.com/omg-arch/omg/shared/records"
	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/sourcerecords"
	"github.com/omg-arch/omg/shared/sources"
	"github.com/omg-arch/omg/shared/wire"
)

// publishedSource is a source whose records can be published.
type publishedSource interface {
	name() string
	// publishedKinds are the kinds of its records.
	publishedKinds() []string
	// publish reads the source and adds its records to the next manifest. An error of the source is in the result. The function count counts
	// packages; it may be nil.
	publish(ctx context.Context, p *publishRun, count func()) (*readResult, error)
}

func (r *repository) publishedKinds() []string { return []string{sourcerecords.KindRepository} }

func (r *repository) publish(ctx context.Context, p *publishRun, count func()) (*readResult, error) {
	packages := sourcerecords.NewPackages(r.Name, pkgindex.KindRepo)
	into := &architectureCounter{PackageCollector: packages, counts: map[string]int{}}
	f, skipped, err := r.ReadPackages(ctx, into, count)
	result := &readResult{
		source: r, sourceFile: f.File, packageCount: f.PackageCount - len(skipped), warnings: f.Warnings, omittedWarningCount: f.MoreWarnings, skippedPackages: skipped, err: err,
	}
	if err != nil {
		return result, nil
	}
	p.architectures[r.Name] = into.architecture()
	server, err := p.servers.of(r.Name, into.architecture())
	if err != nil {
		return nil, err
	}
	at := f.Stamp.MtimeSeconds()
	var index *publication.Index
	err = records.Pipe(packages.Write, func(in io.Reader) (err error) {
		texts := []io.Reader{in}
		if p.shares != nil {
			texts = append(texts, bytes.NewReader(p.shares))
		}
		index, err = describeIndex(ctx, sourcerecords.KindRepository, at, texts...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return result, p.add(ctx, publication.Source{
		Kind: sourcerecords.KindRepository, Name: r.Name, Architecture: into.architecture(), Server: server, AsOf: at, Index: index,
	}, packages.Write)
}

// architectureCounter counts the architectures of the packages that it passes on.
type architectureCounter struct {
	sources.PackageCollector
	counts map[string]int
}

// maxArchitectures is the maximum number of architectures that are counted.
const maxArchitectures = 16

// Add passes on a package.
func (a *architectureCounter) Add(p *wire.Package) error {
	err := a.PackageCollector.Add(p)
	if _, found := a.counts[p.Arch]; err == nil && p.Arch != "any" && p.Arch != "" && (found || len(a.counts) < maxArchitectures) {
		a.counts[p.Arch]++
	}
	return err
}

// Reset removes all packages.
func (a *architectureCounter) Reset() {
	a.PackageCollector.Reset()
	clear(a.counts)
}

// architecture returns the architecture of most packages, or "" if all of them are for any.
func (a *architectureCounter) architecture() string {
	names := slices.SortedFunc(maps.Keys(a.counts), func(x, y string) int {
		return cmp.Or(cmp.Compare(a.counts[y], a.counts[x]), cmp.Compare(x, y))
	})
	if len(names) == 0 {
		return ""
	}
	return names[0]
}

func (d *aurDumpSource) publishedKinds() []string {
	return []string{sourcerecords.KindAUR, sourcerecords.KindAURVotes}
}

func (d *aurDumpSource) publish(ctx context.Context, p *publishRun, count func()) (*readResult, error) {
	packages := sourcerecords.NewPackages(d.name(), pkgindex.KindAUR)
	f, skipped, err := sources.ReadAURPackages(ctx, d.filePath, packages, count)
	result := &readResult{
		source: d, sourceFile: f.File, packageCount: f.PackageCount - len(skipped), warnings: f.Warnings, omittedWarningCount: f.OmittedWarningCount, skippedPackages: skipped, err: withDownloadHint(err),
	}
	if err != nil {
		return result, nil
	}
	at := f.Stamp.MtimeSeconds()
	var index *publication.Index
	err = records.Pipe(packages.Write, func(first io.Reader) error {
		return records.Pipe(packages.WriteVotes, func(votes io.Reader) (err error) {
			index, err = describeIndex(ctx, sourcerecords.KindAUR, at, first, votes)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	if err := p.add(ctx, publication.Source{Kind: sourcerecords.KindAUR, Name: d.name(), AsOf: at, Index: index}, packages.Write); err != nil {
		return nil, err
	}
	return result, p.add(ctx, publication.Source{Kind: sourcerecords.KindAURVotes, Name: d.name(), AsOf: at}, packages.WriteVotes)
}

func (l *fileLists) publishedKinds() []string { return []string{sourcerecords.KindFiles} }

// publish keeps the records in a file, because they are too large for the memory.
func (l *fileLists) publish(ctx context.Context, p *publishRun, count func()) (*readResult, error) {
	file, err := newTemporaryFile()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	lists := sourcerecords.NewFileLists(file, l.Name)
	f, skipped, err := l.ReadFileLists(ctx, lists, filesindex.BuildInfo{}, count)
	result := &readResult{
		source: l, sourceFile: f.File, packageCount: f.PackageCount - len(skipped), pathCount: f.PathCount, warnings: f.Warnings,
		omittedWarningCount: f.MoreWarnings, skippedPackages: skipped, err: err,
	}
	if err != nil {
		return result, nil
	}
	if err := f.CheckFileLists(); err != nil {
		result.err = fmt.Errorf("%s: %w: name one with them, such as core.files", l.path(), err)
		return result, nil
	}
	if err := lists.End(); err != nil {
		return nil, err
	}
	server, err := p.servers.of(l.Name, p.architectures[l.Name])
	if err != nil {
		return nil, err
	}
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	at := f.Stamp.MtimeSeconds()
	index, err := describeIndex(ctx, sourcerecords.KindFiles, at, io.NewSectionReader(file, 0, size))
	if err != nil {
		return nil, err
	}
	return result, p.add(ctx, publication.Source{
		Kind: sourcerecords.KindFiles, Name: l.Name, Architecture: p.architectures[l.Name], Server: server, AsOf: at, Index: index,
	}, func(w io.Writer) error {
		_, err := io.Copy(w, io.NewSectionReader(file, 0, size))
		return err
	})
}

// add adds the records of a source to the next manifest.
func (p *publishRun) add(ctx context.Context, s publication.Source, write func(io.Writer) error) error {
	warnings, err := p.directory.Add(ctx, s, write)
	p.warnings = append(p.warnings, warnings...)
	return err
}

// keep publishes what was published last of a source, because the source cannot be read. It reports whether there is anything.
func keep(p *publishRun, s publishedSource) bool {
	found := true
	for _, kind := range s.publishedKinds() {
		kept := p.directory.Keep(kind, s.name())
		if kind == sourcerecords.KindRepository && len(kept) > 0 {
			p.architectures[s.name()] = kept[0].Architecture
		}
		found = len(kept) > 0 && found
	}
	return found
}

// readShares reads the records of the shares of machines that the next manifest has, if it has any: readers build the indexes of repositories with
// them.
func (p *publishRun) readShares(ctx context.Context) error {
	in, err := p.directory.Open(ctx, sourcerecords.KindShares, wire.SourcePopularity)
	if err != nil || in == nil {
		return err
	}
	defer in.Close()
	p.shares, err = io.ReadAll(in)
	return err
}

// describeIndex returns the size and the hash of the index, or of the other file, that a reader builds from the records of a source.
func describeIndex(ctx context.Context, kind string, asOf int64, texts ...io.Reader) (*publication.Index, error) {
	b, err := puller.NewIndex(ctx, &publication.Source{Kind: kind, AsOf: asOf}, texts...)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "omg-index-") // in memory, it would need as much again as its records
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "index")
	if err := b.WriteFile(path); err != nil {
		return nil, err
	}
	fi, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	hash, err := sourcefile.DigestOfPath(ctx, path)
	return &publication.Index{Format: puller.IndexFormat(kind), Size: fi.Size(), SHA256: hash}, err
}

// newTemporaryFile returns a new file without a name: it disappears when it is closed.
func newTemporaryFile() (*os.File, error) {
	f, err := os.CreateTemp("", "omg-index-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}
