package answers

import (
	"github.com/omg-arch/omg/shared/wire"
)

// FileOwners answers a FilesOwnerRequest.
func (e *Encoder) FileOwners(r *wire.FilesOwnerRequest, emit Emit) error {
	return e.emitFiles("owners", emit, func(w *writer) (missing []string, err error) {
		found, err := e.Snapshot.FileOwners(r, e.pauseFunc(), func(o *wire.FileOwner) error {
			part := *o
			return eachPart(o.Paths, func(paths []string) error {
				part.Paths = paths
				return w.writeElement(&part)
			})
		})
		if err != nil {
			return nil, err
		}
		return found.Missing, nil
	})
}

// RepositoryFiles answers a FilesListRequest.
func (e *Encoder) RepositoryFiles(r *wire.FilesListRequest, emit Emit) error {
	return e.emitFiles("packages", emit, func(w *writer) (missing []string, err error) {
		found, err := e.Snapshot.RepositoryFiles(r, e.pauseFunc(), func(f *wire.RepositoryFiles) error {
			part := *f
			return eachPart(f.Paths, func(paths []string) error {
				part.Paths = paths
				return w.writeElement(&part)
			})
		})
		if err != nil {
			return nil, err
		}
		return found.Missing, nil
	})
}

// emitFiles emits a result that depends on the lists of files. The function write writes the elements of the list with the given key, and
// returns the names that were not found, which are in the last chunk.
func (e *Encoder) emitFiles(key string, emit Emit, write func(*writer) (missing []string, err error)) error {
	w := newWriter(emit)
	defer w.release()
	w.beginChunk(encodeBasis(e.FilesBasis()), 0)
	w.beginList(key)
	missing, err := write(w)
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		if err := w.flush(true); err != nil {
			return err
		}
		w.beginChunk(encodedBasis{}, 0, field{"missing", missing, true})
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
