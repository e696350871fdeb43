package records

import (
	"bufio"
	"bytes"
	"io"
)

// The first bytes of the lines of a patch.
const (
	patchHead   = '='
	patchDelete = '-'
	patchPut    = '+'
	patchEnd    = '.'
)

// WritePatch writes the patch with which one text becomes another one of the same kind and name. It keeps one record of each text in memory.
func WritePatch(out io.Writer, from, to io.Reader) error {
	before, err := NewReader(from)
	if err != nil {
		return err
	}
	after, err := NewReader(to)
	if err != nil {
		return err
	}
	if before.Head() != after.Head() {
		return invalidf("a patch is for two texts of the same source")
	}
	p := patchWriter{out: bufio.NewWriterSize(out, 64<<10)}
	p.writeLine(patchHead, []byte(after.headText))
	if err := p.writeChanges(before, after); err != nil {
		return err
	}
	p.writeLine(patchEnd, []byte(after.endText))
	return p.out.Flush()
}

type patchWriter struct {
	out     *bufio.Writer
	scratch []byte
}

func (p *patchWriter) writeLine(what byte, line []byte) {
	_ = p.out.WriteByte(what)
	_, _ = p.out.Write(line)
	_ = p.out.WriteByte('\n')
}

func (p *patchWriter) writeChanges(before, after *Reader) error {
	var a, b cursor
	a.advance(before)
	b.advance(after)
	for !a.atEnd() || !b.atEnd() {
		switch {
		case a.err != nil && !a.atEnd():
			return a.err
		case b.err != nil && !b.atEnd():
			return b.err
		case b.atEnd() || !a.atEnd() && a.key < b.key:
			p.scratch = appendString(p.scratch[:0], a.key)
			p.writeLine(patchDelete, p.scratch)
			a.advance(before)
		case a.atEnd() || b.key < a.key:
			p.writeLine(patchPut, b.line)
			b.advance(after)
		default:
			if !bytes.Equal(a.line, b.line) {
				p.writeLine(patchPut, b.line)
			}
			a.advance(before)
			b.advance(after)
		}
	}
	return nil
}

// cursor is a place in a text.
type cursor struct {
	key  string
	line []byte
	err  error
}

func (c *cursor) advance(r *Reader) { c.key, c.line, c.err = r.Next() }

func (c *cursor) atEnd() bool { return c.err == io.EOF }

// ApplyPatch writes the text that a patch makes of the text from. The text must have exactly size bytes. ApplyPatch keeps one record of each
// text in memory. Only if it returns nil, and the caller has compared the digest of what was written, the written text may be used.
func ApplyPatch(out io.Writer, from, patch io.Reader, size int64) error {
	before, err := NewReader(from)
	if err != nil {
		return err
	}
	p := patchReader{lines: newLineReader(patch), out: boundedWriter{out: bufio.NewWriterSize(out, 64<<10), left: size}}
	if err := p.readHead(before.Head()); err != nil {
		return err
	}
	p.before.advance(before)
	for !p.ended {
		if err := p.applyLine(before); err != nil {
			return err
		}
	}
	if p.out.left != 0 {
		return invalidf("%d bytes are missing", p.out.left)
	}
	return p.out.out.Flush()
}

// boundedWriter writes lines up to a number of bytes.
type boundedWriter struct {
	out  *bufio.Writer
	left int64
}

func (w *boundedWriter) writeLine(line []byte) error {
	if w.left -= int64(len(line)) + 1; w.left < 0 {
		return invalidf("more bytes than expected")
	}
	_, _ = w.out.Write(line)
	return w.out.WriteByte('\n') // the output keeps the first error
}

// patchReader applies a patch.
type patchReader struct {
	lines   lineReader
	out     boundedWriter
	before  cursor
	lastKey string
	ended   bool
}

func (p *patchReader) next() (what byte, line []byte, err error) {
	line, err = p.lines.next()
	switch {
	case err == io.EOF:
		return 0, nil, invalidf("the patch is not complete")
	case err != nil:
		return 0, nil, err
	case len(line) == 0:
		return 0, nil, invalidf("the patch has an empty line")
	}
	return line[0], line[1:], nil
}

func (p *patchReader) readHead(before Head) error {
	what, line, err := p.next()
	if err != nil {
		return err
	}
	if what != patchHead {
		return invalidf("not a patch")
	}
	after, err := parseHead(string(line))
	if err != nil {
		return err
	}
	if after != before {
		return invalidf("the patch is for another source")
	}
	return p.out.writeLine(line)
}

// applyLine applies the next line of the patch.
func (p *patchReader) applyLine(before *Reader) error {
	what, line, err := p.next()
	if err != nil {
		return err
	}
	switch what {
	case patchDelete:
		key, err := parseKey(string(line))
		if err != nil {
			return err
		}
		found, err := p.copyUpTo(before, key)
		if err == nil && !found {
			err = invalidf("the patch deletes the record of %.100q, which does not exist", key)
		}
		return err
	case patchPut:
		key, err := keyOf(line)
		if err != nil {
			return err
		}
		if _, err := p.copyUpTo(before, key); err != nil {
			return err
		}
		return p.out.writeLine(line)
	case patchEnd:
		return p.applyEnd(before, line)
	}
	return invalidf("the patch has a line that begins with %q", what)
}

// parseKey reads a key with its quotes.
func parseKey(line string) (string, error) {
	p := parser{rest: line, stringsLeft: 1}
	if key := p.readString(); !p.failed && p.rest == "" {
		return key, nil
	}
	return "", invalidf("not a key: %.40q", line)
}

// copyUpTo copies the records before a key, and skips the record with this key. It reports whether there is one.
func (p *patchReader) copyUpTo(before *Reader, key string) (found bool, err error) {
	if key <= p.lastKey {
		return false, invalidf("the patch has the record of %.100q after that of %.100q", key, p.lastKey)
	}
	p.lastKey = key
	for p.before.err == nil && p.before.key < key {
		if err := p.out.writeLine(p.before.line); err != nil {
			return false, err
		}
		p.before.advance(before)
	}
	switch {
	case p.before.atEnd():
		return false, nil
	case p.before.err != nil:
		return false, p.before.err
	case p.before.key != key:
		return false, nil
	}
	p.before.advance(before)
	return true, nil
}

// applyEnd copies the remaining records and writes the last line of the text. Nothing may follow it in the patch.
func (p *patchReader) applyEnd(before *Reader, line []byte) error {
	line = bytes.Clone(line)
	p.ended = true
	for p.before.err == nil {
		if err := p.out.writeLine(p.before.line); err != nil {
			return err
		}
		p.before.advance(before)
	}
	if !p.before.atEnd() {
		return p.before.err
	}
	switch _, err := p.lines.next(); err {
	case io.EOF:
		return p.out.writeLine(line)
	case nil:
		return invalidf("data after the end of the patch")
	default:
		return err
	}
}
