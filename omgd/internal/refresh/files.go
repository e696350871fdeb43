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

// files holds the mapped index files. Only the goroutine that refreshes uses it.
type files struct {
	trustedOwner func(uid uint32) bool
	log          *slog.Logger
	recheck      func() // called when a background check finds a damaged file
	open         map[string]*opened
	used         map[string]bool // paths used since the last sweep
	checks       sync.WaitGroup
}

// opened is a mapped index file.
type opened struct {
	index   *state.MappedIndex
	stamp   sourcefile.Stamp // the stamp of the file when it was mapped; zero for an index in memory
	origins sources.Origins
	bad     error
}

func newFiles(trustedOwner func(uint32) bool, log *slog.Logger, recheck func()) *files {
	return &files{trustedOwner: trustedOwner, log: log, recheck: recheck, open: map[string]*opened{}, used: map[string]bool{}}
}

// get returns the mapping of an index file. It maps the file if it is new or has changed. A newly mapped file
// is checked completely in the background.
func (f *files) get(path string) (*opened, error) {
	f.used[path] = true
	old := f.open[path]
	fi, err := os.Stat(path)
	if old != nil && (old.stamp == sourcefile.Stamp{} || err == nil && old.stamp == sourcefile.StampOf(fi)) {
		return old, old.bad
	}
	if err != nil {
		return nil, err
	}
	file, err := pkgindex.Open(path, f.trustedOwner)
	if err != nil {
		return nil, err
	}
	o := &opened{index: state.NewMappedIndex(file), stamp: sourcefile.StampOf(fi), origins: sources.ReadOrigins(path, f.trustedOwner)}
	f.put(path, o)
	f.checkLater(o.index)
	return o, nil
}

// put stores o, the new mapping of the index file at path, and drops the old mapping.
func (f *files) put(path string, o *opened) {
	f.used[path] = true
	f.drop(path)
	f.open[path] = o
}

func (f *files) drop(path string) {
	if old := f.open[path]; old != nil {
		old.index.Release()
		delete(f.open, path)
	}
}

// sweep drops the mappings of files that were not used since the last sweep.
func (f *files) sweep() {
	for path := range f.open {
		if !f.used[path] {
			f.drop(path)
		}
	}
	clear(f.used)
}

// checkLater checks a newly mapped index completely, in the background.
func (f *files) checkLater(x *state.MappedIndex) {
	x.Retain()
	f.checks.Go(func() {
		defer x.Release()
		if x.Check() != nil {
			f.recheck()
		}
	})
}

// checkAll checks every index completely. An index that fails the check is not used until its file changes.
func (f *files) checkAll() {
	for path, o := range f.open {
		if err := o.index.Check(); err != nil && o.bad == nil {
			o.bad = fmt.Errorf("%s: %w", path, err)
			f.log.Error("index failed its check", "err", o.bad)
		}
	}
}

func (f *files) close() {
	f.checks.Wait()
	for _, path := range slices.Collect(maps.Keys(f.open)) {
		f.drop(path)
	}
}
