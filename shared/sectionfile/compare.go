package sectionfile

import (
	"bytes"
	"fmt"
)

// Compare compares the file with the file that the function fill writes. The error wraps ErrDamaged and names the first
// section that differs.
func (f *File) Compare(fill func(*Writer) error) error {
	return GuardFaults(func() error {
		w := &compareWriter{file: f, offset: f.format.headSize()}
		header, err := f.format.writeSections(w, fill)
		if err != nil {
			return err
		}
		if w.offset != len(f.data) {
			return fmt.Errorf("%w: %d bytes after the last section", ErrDamaged, len(f.data)-w.offset)
		}
		if !bytes.Equal(header, f.data[:len(header)]) {
			return fmt.Errorf("%w: the header or the section table does not match the sections", ErrDamaged)
		}
		return nil
	})
}

// compareWriter is a writer that compares the written bytes with the bytes of a file.
type compareWriter struct {
	file   *File
	offset int
}

func (c *compareWriter) Write(b []byte) (int, error) {
	have := c.file.data[min(c.offset, len(c.file.data)):]
	n := min(len(b), len(have))
	if bytes.Equal(b[:n], have[:n]) && n == len(b) {
		c.offset += n
		return n, nil
	}
	same := 0
	for same < n && b[same] == have[same] {
		same++
	}
	return 0, c.mismatchError(uint64(c.offset + same))
}

// mismatchError returns an error for a byte at which the file differs. The error contains the name of the section in which
// the byte is.
func (c *compareWriter) mismatchError(at uint64) error {
	for _, name := range c.file.format.Sections {
		if s := c.file.table[name]; at < s.offset+s.length {
			return fmt.Errorf("%w: section %s does not match the packages, at byte %d of the file", ErrDamaged, name, at)
		}
	}
	return fmt.Errorf("%w: the file is shorter than an index of its packages", ErrDamaged)
}
