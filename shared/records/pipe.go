package records

import (
	"io"

	"github.com/klauspost/readahead"
)

// The writer of a pipe may be up to pipeBlockCount blocks of pipeBlockSize bytes ahead of the reader.
const (
	pipeBlockSize  = 128 << 10
	pipeBlockCount = 4
)

// Pipe passes what the function write writes to the function read, while both run. What read leaves is discarded. The error is that of write, or
// else that of read.
func Pipe(write func(io.Writer) error, read func(io.Reader) error) error {
	r, w := io.Pipe()
	ahead, err := readahead.NewReaderSize(r, pipeBlockCount, pipeBlockSize)
	if err != nil {
		return err
	}
	defer ahead.Close()
	written := make(chan error, 1)
	go func() {
		err := write(w)
		_ = w.CloseWithError(err)
		written <- err
	}()
	err = read(ahead)
	_, _ = io.Copy(io.Discard, struct{ io.Reader }{ahead}) // at the end, its own WriteTo would return io.EOF
	if writeErr := <-written; writeErr != nil {
		return writeErr
	}
	return err
}
