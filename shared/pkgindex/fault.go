package pkgindex

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// guard runs f, which reads a map, and turns a memory fault (the file was
// truncated under us) into an error that wraps ErrDamaged.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer catchFault(&err)
	return f()
}

// catchFault, deferred, turns the panic of a memory fault into *err. Other
// panics go on.
func catchFault(err *error) {
	switch r := recover().(type) {
	case nil:
	case interface {
		runtime.Error
		Addr() uintptr
	}:
		*err = fmt.Errorf("%w: it was truncated or its disk failed while in use", ErrDamaged)
	default:
		panic(r)
	}
}
