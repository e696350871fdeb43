package atomicfile

import (
	"io"
	"io/fs"
	"os"
	"sync/atomic"
)

// Op is an operation that is part of replacing a file.
type Op string

// The operations of replacing a file, in the order in which they are done.
const (
	OpCreate  Op = "create"
	OpWrite   Op = "write"
	OpChmod   Op = "chmod"
	OpSync    Op = "sync"
	OpClose   Op = "close"
	OpRename  Op = "rename"
	OpSyncDir Op = "sync the directory of"
)

// Fault decides whether an operation on a path fails, as on a bad or full disk: it returns the error, or nil for
// success. A write that fails has written half of its bytes.
type Fault func(op Op, path string) error

// TestFault is the function that makes operations fail, or nil. Only tests set it.
var TestFault atomic.Pointer[Fault]

// injectedError returns the error with which an operation must fail, or nil.
func injectedError(op Op, path string) error {
	fault := TestFault.Load()
	if fault == nil {
		return nil
	}
	if err := (*fault)(op, path); err != nil {
		return &fs.PathError{Op: string(op), Path: path, Err: err}
	}
	return nil
}

// Write writes to the temporary file.
func (f *File) Write(b []byte) (int, error) {
	if err := injectedError(OpWrite, f.path); err != nil {
		n, _ := f.File.Write(b[:len(b)/2])
		return n, err
	}
	return f.File.Write(b)
}

// WriteAt writes to the temporary file.
func (f *File) WriteAt(b []byte, at int64) (int, error) {
	if err := injectedError(OpWrite, f.path); err != nil {
		n, _ := f.File.WriteAt(b[:len(b)/2], at)
		return n, err
	}
	return f.File.WriteAt(b, at)
}

// WriteString writes to the temporary file.
func (f *File) WriteString(s string) (int, error) { return f.Write([]byte(s)) }

// ReadFrom copies r up to its end to the temporary file. If r is a file, the kernel copies the content.
func (f *File) ReadFrom(r io.Reader) (int64, error) {
	if TestFault.Load() == nil {
		return f.File.ReadFrom(r)
	}
	return io.Copy(struct{ io.Writer }{f}, r)
}

// Chmod changes the mode of the temporary file.
func (f *File) Chmod(mode fs.FileMode) error {
	if err := injectedError(OpChmod, f.path); err != nil {
		return err
	}
	return f.File.Chmod(mode)
}

// Sync flushes the temporary file to disk.
func (f *File) Sync() error {
	if err := injectedError(OpSync, f.path); err != nil {
		return err
	}
	return f.File.Sync()
}

// Close closes the temporary file.
func (f *File) Close() error {
	err := f.File.Close()
	if fault := injectedError(OpClose, f.path); fault != nil {
		return fault
	}
	return err
}

// rename renames the temporary file to the path of the file that it replaces.
func (f *File) rename() error {
	if err := injectedError(OpRename, f.path); err != nil {
		return err
	}
	return os.Rename(f.Name(), f.path)
}
