package records

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Limits of a text.
const (
	// MaxLine is the maximum length of a line in bytes, without the newline. It is twice the size of the largest record of an index.
	MaxLine = 64 << 20
	// MaxRecords is the maximum number of records.
	MaxRecords = 4_000_000
)

// Format is the version of the form of a text and of its records. A text of another version is not read.
const Format = 1

var (
	// ErrVersion means that a text has another version of the form.
	ErrVersion = errors.New("records of another version of omg")
	// ErrTooLarge means that records cannot be written because of the limits.
	ErrTooLarge = errors.New("the records are too large")
)

// Head says what the records are about.
type Head struct {
	// Kind says what the records contain.
	Kind string
	// Name is the name of the source.
	Name string
}

// End has the facts about the file that the records come from.
type End struct {
	// Count is the number of records.
	Count uint64
	// SHA256 is the digest of the file in lower-case hexadecimal, Size its size in bytes and AsOf its modification time in Unix seconds.
	SHA256     string
	Size, AsOf int64
	// Commit is the commit of the AUR's git archive that the records come from.
	Commit string
	// LeftOutCount is the number of entries of the file that are missing, or that lack some of their data. LeftOutReason is the reason for
	// the first of them.
	LeftOutCount  uint32
	LeftOutReason string
}

// headLine is a first line that is read or written.
type headLine struct {
	Head
	format uint32
}

func (h *headLine) object() *Object {
	return NewObject(Field{"kind", &h.Kind}, Field{"format", &h.format}, Field{"name", &h.Name})
}

// endPrefix begins the last line, and no other line.
const endPrefix = `{"records":`

func (e *End) object() *Object {
	return NewObject(
		Field{"records", &e.Count}, Field{"as_of", &e.AsOf}, Field{"commit", &e.Commit}, Field{"left_out", &e.LeftOutCount}, Field{"sha256", &e.SHA256},
		Field{"size", &e.Size}, Field{"why", &e.LeftOutReason},
	)
}

// maxFact is the maximum length of a fact in bytes.
const maxFact = 4 << 10

// check returns an error if no file can have these facts.
func (e *End) check() error {
	switch {
	case len(e.SHA256) > maxFact, len(e.Commit) > maxFact, len(e.LeftOutReason) > maxFact:
		return invalidf("a fact has more than %d bytes", maxFact)
	case e.Size < 0:
		return invalidf("the size of a file is %d", e.Size)
	}
	return nil
}

// Writer writes a text.
type Writer struct {
	out     *bufio.Writer
	lastKey string
	count   uint64
	scratch []byte
}

// NewWriter begins a text. After the last record, End must be called.
func NewWriter(out io.Writer, h Head) *Writer {
	w := &Writer{out: bufio.NewWriterSize(out, 64<<10)}
	line := headLine{h, Format}
	w.scratch = line.object().Append(w.scratch)
	w.writeLine(w.scratch)
	return w
}

// Write writes the next record, an object in the canonical form. The keys must ascend. An error of the output is returned by End.
func (w *Writer) Write(key string, line []byte) error {
	switch {
	case key <= w.lastKey:
		return invalidf("the record of %.100q comes after that of %.100q", key, w.lastKey)
	case len(line) > MaxLine:
		return fmt.Errorf("%w: the record of %.100q has %d bytes, at most %d are allowed", ErrTooLarge, key, len(line), MaxLine)
	case w.count == MaxRecords:
		return fmt.Errorf("%w: more than %d records", ErrTooLarge, MaxRecords)
	}
	w.lastKey = key
	w.count++
	w.writeLine(line)
	return nil
}

// End writes the last line. It sets the number of records.
func (w *Writer) End(e End) error {
	if err := e.check(); err != nil {
		return err
	}
	e.Count = w.count
	w.scratch = e.object().Append(w.scratch[:0])
	w.writeLine(w.scratch)
	return w.out.Flush()
}

// writeLine writes a line. The output keeps the first error.
func (w *Writer) writeLine(line []byte) {
	_, _ = w.out.Write(line)
	_ = w.out.WriteByte('\n')
}

// lineReader reads lines of at most MaxLine bytes.
type lineReader struct {
	in   *bufio.Reader
	line []byte
}

func newLineReader(in io.Reader) lineReader { return lineReader{in: bufio.NewReaderSize(in, 64<<10)} }

// next returns the next line without its newline; it is valid until the next call. The error is io.EOF at the end, and wraps ErrInvalid if
// the last line has no newline.
func (r *lineReader) next() ([]byte, error) {
	r.line = r.line[:0]
	for {
		part, err := r.in.ReadSlice('\n')
		if len(r.line)+len(part) > MaxLine+1 {
			return nil, invalidf("a line has more than %d bytes", MaxLine)
		}
		switch {
		case err == nil && len(r.line) == 0:
			return part[:len(part)-1], nil
		case err == nil:
			r.line = append(r.line, part...)
			return r.line[:len(r.line)-1], nil
		case errors.Is(err, bufio.ErrBufferFull):
			r.line = append(r.line, part...)
		case err == io.EOF && len(r.line)+len(part) == 0:
			return nil, io.EOF
		case err == io.EOF:
			return nil, invalidf("the last line is not complete")
		default:
			return nil, err
		}
	}
}

// Reader reads a text.
type Reader struct {
	head    Head
	end     End
	lines   lineReader
	lastKey string
	count   uint64
	// headText and endText are the first and the last line.
	headText, endText string
}

// NewReader reads the first line of a text.
func NewReader(in io.Reader) (*Reader, error) {
	r := &Reader{lines: newLineReader(in)}
	line, err := r.lines.next()
	if err == io.EOF {
		return nil, invalidf("no line")
	}
	if err != nil {
		return nil, err
	}
	if r.head, err = parseHead(string(line)); err != nil {
		return nil, err
	}
	r.headText = string(line)
	return r, nil
}

// parseHead reads the first line of a text.
func parseHead(line string) (Head, error) {
	var h headLine
	err := h.object().Parse(line)
	switch {
	case h.format > 0 && h.format != Format:
		return h.Head, fmt.Errorf("%w: their form is %d, but this version reads %d", ErrVersion, h.format, Format)
	case err == nil && h.format == 0:
		err = invalidf("no version")
	}
	return h.Head, err
}

// Head returns what the records are about.
func (r *Reader) Head() Head { return r.head }

// Next returns the key and the line of the next record; the line is valid until the next call. It checks the order of the keys, and nothing
// else of the record. The error is io.EOF after the last record, when the text was read to its end.
func (r *Reader) Next() (key string, line []byte, err error) {
	if line, err = r.lines.next(); err != nil {
		if err == io.EOF {
			err = invalidf("the last line is missing")
		}
		return "", nil, err
	}
	if strings.HasPrefix(string(line[:min(len(line), len(endPrefix))]), endPrefix) {
		return "", nil, r.readEnd(string(line))
	}
	if r.count == MaxRecords {
		return "", nil, invalidf("more than %d records", MaxRecords)
	}
	if key, err = keyOf(line); err != nil {
		return "", nil, err
	}
	if key <= r.lastKey {
		return "", nil, invalidf("the record of %.100q comes after that of %.100q", key, r.lastKey)
	}
	r.lastKey = key
	r.count++
	return key, line, nil
}

// readEnd reads the last line. It returns io.EOF if nothing is wrong.
func (r *Reader) readEnd(line string) error {
	if err := r.end.object().Parse(line); err != nil {
		return err
	}
	if err := r.end.check(); err != nil {
		return err
	}
	if r.end.Count != r.count {
		return invalidf("%d records, and not %d", r.count, r.end.Count)
	}
	r.endText = line
	switch _, err := r.lines.next(); err {
	case io.EOF:
		return io.EOF
	case nil:
		return invalidf("data after the last line")
	default:
		return err
	}
}

// End returns the facts about the file that the records come from. They are known after the last record.
func (r *Reader) End() End { return r.end }
