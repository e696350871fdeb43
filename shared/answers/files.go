package answers

import (
	"slices"

	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

// FileOwners answers a FilesOwnerRequest. Expressions that take too long are stopped, so that they do not keep others waiting.
func (e *Encoder) FileOwners(r *wire.FilesOwnerRequest, emit Emit) error {
	pause := e.pauseFunc()
	if r.Regex {
		pause = snapshot.PauseWithTimeout(pause)
	}
	return e.emitFiles("owners", emit, func(w *writer) (missing []string, basis wire.Basis, err error) {
		found, err := e.Snapshot.FileOwners(r, pause, func(o *wire.FileOwner) error {
			part := *o
			return eachPart(o.Paths, func(paths []string) error {
				part.Paths = paths
				return w.writeElement(&part)
			})
		})
		if err != nil {
			return nil, wire.Basis{}, err
		}
		return found.Missing, found.Basis, nil
	})
}

// RepositoryFiles answers a FilesListRequest.
func (e *Encoder) RepositoryFiles(r *wire.FilesListRequest, emit Emit) error {
	return e.emitFiles("packages", emit, func(w *writer) (missing []string, basis wire.Basis, err error) {
		found, err := e.Snapshot.RepositoryFiles(r, e.pauseFunc(), func(f *wire.RepositoryFiles) error {
			part := *f
			return eachPart(f.Paths, func(paths []string) error {
				part.Paths = paths
				return w.writeElement(&part)
			})
		})
		if err != nil {
			return nil, wire.Basis{}, err
		}
		return found.Missing, found.Basis, nil
	})
}

// emitFiles emits a result that depends on the lists of files. The function write writes the elements of the list with the given key. It
// returns the names that were not found, and the basis. They are in the last chunk: the basis only if a list could not be read, so that it
// is no longer the basis of the first chunk.
func (e *Encoder) emitFiles(key string, emit Emit, write func(*writer) (missing []string, basis wire.Basis, err error)) error {
	w := newWriter(emit)
	defer w.release()
	first := e.FilesBasis()
	w.beginChunk(encodeBasis(first), 0)
	w.beginList(key)
	missing, basis, err := write(w)
	if err != nil {
		return err
	}
	isUnread := !slices.Equal(first.Sources, basis.Sources)
	if len(missing) > 0 || isUnread {
		if err := w.flush(true); err != nil {
			return err
		}
		var last encodedBasis
		if isUnread {
			last = encodeBasis(basis)
		}
		w.beginChunk(last, 0, field{"missing", missing, len(missing) > 0})
		w.beginList(key)
	}
	return w.flush(false)
}

// eachPart calls a function for parts of a list of paths, each of which fits into a chunk. It calls the function once for an empty list.
func eachPart(paths []string, visit func([]string) error) error {
	const partSize = MaxChunk / 2
	size, begin := 0, 0
	for i, path := range paths {
		if size += len(path) + 5; size > partSize && i > begin {
			if err := visit(paths[begin:i]); err != nil {
				return err
			}
			begin, size = i, len(path)+5
		}
	}
	return visit(paths[begin:])
}

// Commands answers a CommandRequest.
func (e *Encoder) Commands(r *wire.CommandRequest, emit Emit) error {
	return emitInOneChunk(func() (*wire.CommandResult, error) { return e.Snapshot.Commands(r, e.pauseFunc()) }, emit)
}
