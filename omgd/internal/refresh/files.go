package refresh

import (
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"

	"github.com/omg-arch/omg/omgd/internal/state"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/sources"
)

// mappedFiles holds the mapped index files. Only the goroutine that refreshes uses it.
type mappedFiles struct {
	isTrustedOwner func(uid uint32) bool
	log            *slog.Logger
	onDamage       func() // called when a background check finds a damaged file
	mappedByPath   map[string]*mappedFile
	used           map[string]bool // paths used since the last sweep
	runningChecks  sync.WaitGroup
}

// mappedFile is a mapped index file.
type mappedFile struct {
	index   *state.MappedIndex
	stamp   sourcefile.Stamp // the stamp of the file when it was mapped; zero for an index in memory
	origins sources.IndexOrigins
	err     error
}

func newMappedFiles(trustedOwner func(uint32) bool, log *slog.Logger, recheck func()) *mappedFiles {
	return &mappedFiles{isTrustedOwner: trustedOwner, log: log, onDamage: recheck, mappedByPath: map[string]*mappedFile{}, used: map[string]bool{}}
}

// get returns the mapping of an index file. It maps the file if it is new or has changed. A newly mapped file
// is checked completely in the background.
func (f *mappedFiles) get(path string) (*mappedFile, error) {
	f.used[path] = true
	old := f.mappedByPath[path]
	fi, err := os.Stat(path)
	if old != nil && (old.stamp == sourcefile.Stamp{} || err == nil && old.stamp == sourcefile.StampOf(fi)) {
		return old, old.err
	}
	if err != nil {
		return nil, err
	}
	file, err := pkgindex.Open(path, f.isTrustedOwner)
	if err != nil {
		return nil, err
	}
	o := &mappedFile{index: state.NewMappedIndex(file), stamp: sourcefile.StampOf(fi), origins: sources.ReadOrigins(path, f.isTrustedOwner)}
	f.put(path, o)
	f.checkLater(o.index)
	return o, nil
}

// put stores o, the new mapping of the index file at path, and drops the old mapping.
func (f *mappedFiles) put(path string, o *mappedFile) {
	f.used[path] = true
	f.drop(path)
	f.mappedByPath[path] = o
}

func (f *mappedFiles) drop(path string) {
	if old := f.mappedByPath[path]; old != nil {
		old.index.Release()
		delete(f.mappedByPath, path)
	}
}

// sweep drops the mappings of files that were not used since the last sweep.
func (f *mappedFiles) sweep() {
	for path := range f.mappedByPath {
		if !f.used[path] {
			f.drop(path)
		}
	}
	clear(f.used)
}

// checkLater checks a newly mapped index completely, in the background.
func (f *mappedFiles) checkLater(x *state.MappedIndex) {
	x.Retain()
	f.runningChecks.Go(func() {
		defer x.Release()
		if x.Check() != nil {
			f.onDamage()
		}
	})
}

// checkAll checks every index completely. An index that fails the check is not used until its file changes.
func (f *mappedFiles) checkAll() {
	for path, o := range f.mappedByPath {
		if err := o.index.Check(); err != nil && o.err == nil {
			o.err = fmt.Errorf("%s: %w", path, err)
			f.log.Error("index failed its check", "err", o.err)
		}
	}
}

func (f *mappedFiles) close() {
	f.runningChecks.Wait()
	for _, path := range slices.Collect(maps.Keys(f.mappedByPath)) {
		f.drop(path)
	}
}
