package refresh

import (
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"

	"github.com/omg-arch/omg/omgd/internal/state"
	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/sources"
)

// mappedFiles holds the mapped index files of one kind. Only the goroutine that refreshes uses it.
type mappedFiles[F state.IndexFile] struct {
	open           func(path string, trust func(uid uint32) bool) (F, error)
	isTrustedOwner func(uid uint32) bool
	log            *slog.Logger
	onDamage       func() // called when a background check finds a damaged file
	mappedByPath   map[string]*mappedFile[F]
	used           map[string]bool // paths used since the last sweep
	runningChecks  sync.WaitGroup
}

// mappedFile is a mapped index file.
type mappedFile[F state.IndexFile] struct {
	file    F
	index   *state.MappedIndex // of the field file
	stamp   sourcefile.Stamp   // the stamp of the file when it was mapped; zero for an index in memory
	origins sources.IndexOrigins
	err     error
}

// newMappedFiles returns a mappedFiles without files. The function open maps a file.
func newMappedFiles[F state.IndexFile](c *Config, open func(path string, trust func(uid uint32) bool) (F, error), recheck func()) *mappedFiles[F] {
	return &mappedFiles[F]{
		open: open, isTrustedOwner: c.IsTrustedOwner, log: c.Log, onDamage: recheck, mappedByPath: map[string]*mappedFile[F]{}, used: map[string]bool{},
	}
}

// newMappedFile returns the mapping of an index file, which it takes over.
func newMappedFile[F state.IndexFile](file F) *mappedFile[F] {
	return &mappedFile[F]{file: file, index: state.NewMappedIndex(file)}
}

// get returns the mapping of an index file. It maps the file if it is new or has changed. A newly mapped file
// is checked completely in the background.
func (f *mappedFiles[F]) get(path string) (*mappedFile[F], error) {
	f.used[path] = true
	old := f.mappedByPath[path]
	fi, err := os.Stat(path)
	if old != nil && (old.stamp == sourcefile.Stamp{} || err == nil && old.stamp == sourcefile.StampOf(fi)) {
		return old, old.err
	}
	if err != nil {
		return nil, err
	}
	file, err := f.open(path, f.isTrustedOwner)
	if err != nil {
		return nil, err
	}
	o := newMappedFile(file)
	o.stamp, o.origins = sourcefile.StampOf(fi), sources.ReadOrigins(path, f.isTrustedOwner)
	f.put(path, o)
	f.checkLater(o.index)
	return o, nil
}

// putBuilt stores the mapping of an index that was built. If a refresh has mapped the same file before the build ended, that mapping
// stays, because another one would give a new snapshot although nothing has changed.
func (f *mappedFiles[F]) putBuilt(path string, built *mappedFile[F]) {
	old := f.mappedByPath[path]
	if old != nil && old.err == nil && old.stamp == built.stamp && old.stamp != (sourcefile.Stamp{}) {
		old.origins = built.origins // their file is written after the index
		built.index.Release()
		return
	}
	f.put(path, built)
}

// put stores o, the new mapping of the index file at path, and drops the old mapping.
func (f *mappedFiles[F]) put(path string, o *mappedFile[F]) {
	f.used[path] = true
	f.drop(path)
	f.mappedByPath[path] = o
}

func (f *mappedFiles[F]) drop(path string) {
	if old := f.mappedByPath[path]; old != nil {
		old.index.Release()
		delete(f.mappedByPath, path)
	}
}

// sweep drops the mappings of files that were not used since the last sweep.
func (f *mappedFiles[F]) sweep() {
	for path := range f.mappedByPath {
		if !f.used[path] {
			f.drop(path)
		}
	}
	clear(f.used)
}

// checkLater checks a newly mapped index completely, in the background.
func (f *mappedFiles[F]) checkLater(x *state.MappedIndex) {
	x.Retain()
	f.runningChecks.Go(func() {
		defer x.Release()
		if x.Check() != nil {
			f.onDamage()
		}
	})
}

// checkAll checks every index completely. An index that fails the check is not used until its file changes.
func (f *mappedFiles[F]) checkAll() {
	for path, o := range f.mappedByPath {
		if err := o.index.Check(); err != nil && o.err == nil {
			o.err = fmt.Errorf("%s: %w", path, err)
			f.log.Error("index failed its check", "err", o.err)
		}
	}
}

func (f *mappedFiles[F]) close() {
	f.runningChecks.Wait()
	for _, path := range slices.Collect(maps.Keys(f.mappedByPath)) {
		f.drop(path)
	}
}
