package refresh

import (
	"fmt"
	"runtime/debug"

	"github.com/omg-arch/omg/shared/wire"
)

// guarded reads one source. A panic there is an error of that source: the others are
// read all the same.
func (w *Worker) guarded(source string, read func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			w.Log.Error("reading a source failed", "source", source, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("%s: internal error, see the log", source)
		}
	}()
	return read()
}

// fail keeps what there is, or says why there is nothing. Status names it until a
// refresh comes to its end.
func (w *Worker) fail(err error) {
	w.Log.Warn("cannot refresh", "err", err)
	w.failed.Store(&wire.Part{Name: "refresh", State: "failed", Why: err.Error()})
	if w.last == nil {
		w.Holder.Swap(nil, err.Error())
	}
}

// Parts are what status says of the worker and its helpers.
func (w *Worker) Parts() (parts []wire.Part) {
	for _, p := range []*wire.Part{w.failed.Load(), w.libalpm.Load()} {
		if p != nil {
			parts = append(parts, *p)
		}
	}
	return parts
}
