package sectionfile

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// GuardFaults calls the function f, which reads a mapped file. If f causes a memory fault, because the file was truncated
// meanwhile, GuardFaults returns an error that wraps ErrDamaged.
func GuardFaults(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer CatchFault(&err)
	return f()
}

// CatchFault must be deferred. It turns the panic of a memory fault into *err, and passes on other panics.
func CatchFault(err *error) {
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
