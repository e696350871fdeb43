package sectionfile

import (
	"bufio"
	"bytes"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"

	"github.com/omg-arch/omg/shared/atomicfile"
)

// Writer writes the sections of a file one after the other. After an error it ignores what is written; the function that
// began the file returns the error.
type Writer struct {
	w        io.Writer
	offset   uint64
	crc      hash.Hash32
	sections []section
	err      error
}

// WriteSection writes a whole section.
func (o *Writer) WriteSection(name string, b []byte) {
	o.Begin(name)
	o.Write(b)
	o.End()
}

// Begin begins a section.
func (o *Writer) Begin(name string) {
	if pad := -o.offset & (sectionAlign - 1); pad > 0 && o.err == nil {
		_, o.err = o.w.Write(make([]byte, pad))
		o.offset += pad
	}
	o.crc = crc32.New(castagnoli)
	o.sections = append(o.sections, section{name: name, offset: o.offset})
}

// Write writes the next bytes of the section.
func (o *Writer) Write(b []byte) {
	if o.err != nil {
		return
	}
	_, o.err = o.w.Write(b)
	_, _ = o.crc.Write(b)
	o.offset += uint64(len(b))
}

// End ends the section.
func (o *Writer) End() {
	s := &o.sections[len(o.sections)-1]
	s.crc, s.length = o.crc.Sum32(), o.offset-s.offset
	if s.length > MaxSectionLen && o.err == nil {
		o.err = fmt.Errorf("%w: section %s", ErrTooLarge, s.name)
	}
}

// Err returns the first error.
func (o *Writer) Err() error { return o.err }

// writeSections calls fill, which writes all sections of the format in their order. It returns the header and the section
// table.
func (m *Format) writeSections(w io.Writer, fill func(*Writer) error) (header []byte, err error) {
	out := &Writer{w: w, offset: uint64(m.headSize())}
	if err := fill(out); err != nil {
		return nil, err
	}
	if out.err != nil {
		return nil, out.err
	}
	return m.marshalHeader(out.sections, out.offset), nil
}

// Bytes returns the file as bytes. The function fill writes all sections of the format in their order.
func (m *Format) Bytes(fill func(*Writer) error) ([]byte, error) {
	var buf bytes.Buffer
	buf.Write(make([]byte, m.headSize()))
	header, err := m.writeSections(&buf, fill)
	if err != nil {
		return nil, err
	}
	copy(buf.Bytes(), header)
	return buf.Bytes(), nil
}

// WriteFile atomically replaces the file at path. The function fill writes all sections of the format in their order.
func (m *Format) WriteFile(path string, fill func(*Writer) error) error {
	return atomicfile.WriteTo(path, atomicfile.Options{Mode: 0o644, Sync: true}, func(f *atomicfile.File) error {
		return m.WriteOpenFile(f, fill)
	})
}

// WriteTo writes the file to f, which must be an empty file or a pipe.
func (m *Format) WriteTo(f *os.File, fill func(*Writer) error) error {
	if _, err := f.Seek(0, io.SeekCurrent); err == nil {
		return m.WriteOpenFile(f, fill)
	}
	data, err := m.Bytes(fill)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return err
}

// WriteOpenFile writes an empty file: first the sections, and then, at the start of the file, the header and the section
// table.
func (m *Format) WriteOpenFile(f interface {
	io.Writer
	io.WriterAt
}, fill func(*Writer) error,
) error {
	w := bufio.NewWriterSize(f, 1<<20)
	_, _ = w.Write(make([]byte, m.headSize()))
	header, err := m.writeSections(w, fill)
	if err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err = f.WriteAt(header, 0)
	return err
}
