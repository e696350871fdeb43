package inventories

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/hostinventory"
	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/sourcefile"
)

// Limits of a file. The document of a host with 1,200 packages has about 300 kB, and 75 kB compressed. With maxWorkers, they bound the
// memory that hostile files can make the program use.
const (
	maxFileBytes     = 8 << 20
	maxDocumentBytes = 24 << 20
	maxWorkers       = 4
)

// errLarge means that a document is larger than any that omg writes.
var errLarge = fmt.Errorf("it is larger than %d MiB", maxDocumentBytes>>20)

// Ask is called in several goroutines, once for each file. It returns a reader for the file's document, and a function that is called with
// the inventory and returns what Each passes on.
type Ask[R any] func() (r *inventory.Reader, finish func(*inventory.Inventory) R)

// Each reads files at the same time, and calls the function yield for each in the order of the files, with the result of the function ask,
// or with the error of the file.
func Each[R any](ctx context.Context, files []File, ask Ask[R], yield func(File, R, error) error) error {
	type outcome struct {
		result R
		err    error
	}
	type job struct {
		file File
		done chan outcome
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	workers := min(runtime.GOMAXPROCS(0), maxWorkers)
	// At most this number of files is prefetched, and a slow file delays no more than these.
	ahead := 2 * workers
	jobs, inOrder := make(chan job, ahead), make(chan job, ahead)
	go func() {
		defer close(inOrder)
		defer close(jobs)
		for _, f := range files {
			j := job{f, make(chan outcome, 1)}
			prefetch(f.Path)
			select {
			case inOrder <- j:
			case <-ctx.Done():
				return
			}
			select {
			case jobs <- j:
			case <-ctx.Done():
				j.done <- outcome{err: ctx.Err()}
				return
			}
		}
	}()
	for range workers {
		go func() {
			var d documents
			defer d.close()
			for j := range jobs {
				var o outcome
				r, finish := ask()
				v, err := d.read(j.file.Path, r)
				if o.err = err; err == nil {
					o.result = finish(v)
				}
				j.done <- o
			}
		}()
	}
	for j := range inOrder {
		o := <-j.done
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := yield(j.file, o.result, o.err); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// prefetch makes the kernel begin to read a file, so that a worker need not wait for the disk. Errors are left to the worker.
func prefetch(path string) {
	if f, _, err := sourcefile.Open(path); err == nil {
		_ = unix.Fadvise(int(f.Fd()), 0, maxFileBytes, unix.FADV_WILLNEED)
		_ = f.Close()
	}
}

// documents reads files one after another with the same buffers.
type documents struct {
	file, document []byte
	decoder        *zstd.Decoder
}

func (d *documents) close() {
	if d.decoder != nil {
		d.decoder.Close()
	}
}

// read reads the inventory in a file.
func (d *documents) read(path string, r *inventory.Reader) (*inventory.Inventory, error) {
	text, err := d.readText(path, r)
	if err != nil {
		return nil, err
	}
	return r.Read(text)
}

// readText returns the document in a file, or its short document if the reader needs no more. It is valid until the next call.
func (d *documents) readText(path string, r *inventory.Reader) ([]byte, error) {
	f, stamp, err := sourcefile.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	isCompressed := strings.HasSuffix(path, compressedSuffix)
	limit := int64(maxDocumentBytes)
	if isCompressed {
		limit = maxFileBytes
	}
	if stamp.Size > limit {
		return nil, fmt.Errorf("it is larger than %d MiB", limit>>20)
	}
	if err := d.readFile(f, stamp); err != nil || !isCompressed {
		return d.file, err
	}
	return d.decompress(d.file, r)
}

// readFile reads a file that had the given stamp when it was opened.
func (d *documents) readFile(f *os.File, stamp sourcefile.Stamp) error {
	if int64(cap(d.file)) < stamp.Size {
		d.file = make([]byte, stamp.Size)
	}
	d.file = d.file[:stamp.Size]
	if _, err := io.ReadFull(f, d.file); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return sourcefile.ErrChanged
	} else if err != nil {
		return err
	}
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	// The time of the last status change may differ: another file may have replaced this one, which was read as a whole nevertheless.
	if now := sourcefile.StampOf(fi); now.Size != stamp.Size || now.MtimeNS != stamp.MtimeNS {
		return sourcefile.ErrChanged
	}
	return nil
}

// decompress decompresses the document of an inventory, or its short document if the reader needs no more. The result is valid until the next call.
func (d *documents) decompress(data []byte, r *inventory.Reader) (document []byte, err error) {
	short, data, err := hostinventory.Split(data)
	if err != nil {
		return nil, err
	}
	if short != nil && !r.NeedsDetails() {
		data = short
	}
	if d.decoder == nil {
		d.decoder, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxMemory(maxDocumentBytes), zstd.WithDecoderMaxWindow(maxFileBytes))
		if err != nil {
			return nil, err
		}
	}
	d.document, err = d.decoder.DecodeAll(data, d.document[:0])
	switch {
	case errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded):
		return nil, errLarge
	case err != nil:
		return nil, fmt.Errorf("it is not a complete file of zstd: %w", err)
	}
	return d.document, nil
}

// Decoder reads inventories that were received, one after another.
type Decoder struct{ d documents }

// Read reads a compressed inventory.
func (d *Decoder) Read(data []byte, r *inventory.Reader) (*inventory.Inventory, error) {
	if len(data) > maxFileBytes {
		return nil, errLarge
	}
	text, err := d.d.decompress(data, r)
	if err != nil {
		return nil, err
	}
	return r.Read(text)
}

// Close releases the memory of the decoder.
func (d *Decoder) Close() { d.d.close() }
