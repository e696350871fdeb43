package pacmandb

import (
	"bufio"
	"errors"
	"io"
)

// lzwReader reads the format of the program compress(1). The codes of this format have 9 bits at first and grow to at
// most 16 bits. The codes are written in groups of eight; if the number of bits changes, the rest of the group is
// padding. Package compress/lzw cannot read this format: it has another bit order and other rules.
type lzwReader struct {
	in           *bufio.Reader
	maxWidth     uint // the largest number of bits of a code
	hasClearCode bool // code 256 means that the table is cleared

	width                    uint   // the current number of bits of a code
	next                     int    // the code of the next entry of the table
	group                    []byte // a group of eight codes, or fewer at the end of the file
	groupBitsRead            uint   // how many bits of group have been read
	old                      int    // the previous code; -1 if there is none
	prevFirstByte            byte   // the first byte of the output of the previous code
	prefix                   [1 << 16]uint16
	suffix                   [1 << 16]byte
	stack, undeliveredOutput []byte
}

const (
	lzwClear      = 256
	lzwStartWidth = 9 // the number of bits of the first codes
)

var errLZW = errors.New("not valid compress (.Z) data")

func newLZWReader(in *bufio.Reader) (*lzwReader, error) {
	var head [3]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return nil, unexpectedEnd(err)
	}
	l := &lzwReader{in: in, maxWidth: uint(head[2] & 0x1f), hasClearCode: head[2]&0x80 != 0, width: lzwStartWidth, next: lzwClear, old: -1}
	if l.maxWidth < lzwStartWidth || l.maxWidth > 16 || head[2]&0x60 != 0 {
		return nil, errLZW
	}
	if l.hasClearCode {
		l.next++
	}
	for i := range 256 {
		l.suffix[i] = byte(i)
	}
	return l, nil
}

// readCode reads the next code. It returns io.EOF if fewer bits are left than a code has.
func (l *lzwReader) readCode() (int, error) {
	if l.next > 1<<l.width-1 && l.width < l.maxWidth {
		l.width++
		l.group = l.group[:0] // the rest of the group is padding
	}
	if l.groupBitsRead+l.width > uint(len(l.group))*8 || len(l.group) == 0 {
		l.group, l.groupBitsRead = append(l.group[:0], make([]byte, l.width)...), 0
		n, err := io.ReadFull(l.in, l.group)
		l.group = l.group[:n]
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return 0, err
		}
		if uint(n)*8 < l.width {
			return 0, io.EOF
		}
	}
	code := 0
	for i := range l.width {
		bit := l.groupBitsRead + i
		code |= int(l.group[bit/8]>>(bit%8)&1) << i
	}
	l.groupBitsRead += l.width
	return code, nil
}

func (l *lzwReader) Read(p []byte) (int, error) {
	for len(l.undeliveredOutput) == 0 {
		if err := l.step(); err != nil {
			return 0, err
		}
	}
	n := copy(p, l.undeliveredOutput)
	l.undeliveredOutput = l.undeliveredOutput[n:]
	return n, nil
}

// step reads the next code and sets l.rest to its output: the bytes for which the code stands.
func (l *lzwReader) step() error {
	code, err := l.readCode()
	if err != nil {
		return err
	}
	if code == lzwClear && l.hasClearCode {
		l.width, l.next, l.old, l.group = lzwStartWidth, lzwClear+1, -1, l.group[:0]
		return nil
	}
	if l.old < 0 {
		if code > 0xff {
			return errLZW
		}
		l.old, l.prevFirstByte = code, byte(code)
		l.stack = append(l.stack[:0], l.prevFirstByte)
		l.undeliveredOutput = l.stack
		return nil
	}
	// The output of a code is built from its last byte to its first.
	at := len(l.prefix)
	if len(l.stack) < at+1 {
		l.stack = make([]byte, at+1)
	}
	l.stack = l.stack[:at+1]
	push := func(b byte) { l.stack[at] = b; at-- }
	c := code
	switch {
	case code > l.next, code == l.next && l.next == 1<<l.maxWidth:
		return errLZW
	case code == l.next: // the code of the table entry that is added below
		push(l.prevFirstByte)
		c = l.old
	}
	for c > 0xff {
		if at == 0 {
			return errLZW
		}
		push(l.suffix[c])
		c = int(l.prefix[c])
	}
	l.prevFirstByte = byte(c)
	push(l.prevFirstByte)
	l.undeliveredOutput = l.stack[at+1:]
	if l.next < 1<<l.maxWidth {
		l.prefix[l.next], l.suffix[l.next] = uint16(l.old), l.prevFirstByte
		l.next++
	}
	l.old = code
	return nil
}
