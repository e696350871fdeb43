package refresh

import (
	"fmt"
	"runtime/debug"
)

// runGuarded calls read(), which reads one source. If read panics, runGuarded returns the panic as the error of
// that source, so that the other sources are still read.
func (r *Refresher) runGuarded(source string, read func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			r.config.Log.Error("panic while reading a source", "source", source, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("%s: internal error, see the log", source)
		}
	}()
	return read()
}
