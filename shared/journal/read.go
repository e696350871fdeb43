package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/paths"
)

// State describes a journal that was read to its end.
type State struct {
	// ReadableSize is the number of bytes up to the end of the last readable entry.
	ReadableSize int64
	// TornBytes is the number of bytes of an incomplete entry at the end of the file. Its writer was interrupted.
	TornBytes int64
	// DamagedEntries is the number of entries that could not be read. If RestLost is true, nothing after the position ReadableSize could be
	// read, and DamagedEntries does not count the entries there.
	DamagedEntries int
	RestLost       bool
}

// Problem returns what is wrong with the journal, or "" if nothing is wrong.
func (s State) Problem() string {
	switch {
	case s.RestLost:
		return fmt.Sprintf("the journal is damaged: nothing after byte %d can be read", s.ReadableSize)
	case s.DamagedEntries == 1:
		return "the journal is damaged: 1 entry cannot be read"
	case s.DamagedEntries > 0:
		return fmt.Sprintf("the journal is damaged: %d entries cannot be read", s.DamagedEntries)
	case s.TornBytes > 0:
		return fmt.Sprintf("the last entry of the journal is incomplete: %d bytes are left out", s.TornBytes)
	}
	return ""
}

// Read passes the entries of the journal at path to the function visit, in the order in which they were written. An entry
// is only valid during the call of visit, but its strings stay valid. Read skips entries that cannot be read, and counts
// them in the State.
// Read refuses a file that other users can write, and a file whose owner the function trust rejects. If trust is nil,
// every owner is accepted. An error of the function visit is returned unchanged.
func Read(path string, trust func(uid uint32) bool, visit func(*Entry) error) (State, error) {
	f, size, err := open(path, unix.O_RDONLY, trust)
	if err != nil {
		return State{}, err
	}
	defer f.Close()
	state, err := read(f, size, realLimits, visit)
	return state, withPath(path, err)
}

// callerError wraps an error that the function visit returned.
type callerError struct{ error }

// withPath adds the path of the journal to err. It removes the wrapper callerError and then adds no path.
func withPath(path string, err error) error {
	caller, system := callerError{}, new(fs.PathError)
	switch {
	case err == nil, errors.As(err, &system):
		return err
	case errors.As(err, &caller):
		return caller.error
	}
	return &fs.PathError{Op: "read", Path: path, Err: err}
}

// open opens a regular file and returns its size.
func open(path string, flags int, trust func(uid uint32) bool) (*os.File, int64, error) {
	f, err := os.OpenFile(path, flags|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, 0, err
	}
	var st unix.Stat_t
	err = unix.Fstat(int(f.Fd()), &st)
	switch {
	case err != nil:
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		err = fmt.Errorf("%w: not a regular file", ErrNotJournal)
	case trust != nil:
		err = paths.CheckFileTrust(&st, trust)
	}
	if err != nil {
		_ = f.Close()
		return nil, 0, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	return f, st.Size, nil
}

// read reads a journal. The parameter size is the size of its file.
func read(in io.Reader, size int64, l limits, visit func(*Entry) error) (State, error) {
	r := bufio.NewReaderSize(in, 64<<10)
	var head [headerSize]byte
	n, err := io.ReadFull(r, head[:])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return State{}, err
	}
	if err := checkHeader(head[:n]); err != nil {
		return State{}, err
	}
	state, at := State{ReadableSize: headerSize}, int64(headerSize)
	var payload []byte
	var entry Entry
	for at < size {
		var frame [frameHeaderSize]byte
		n, err := io.ReadFull(r, frame[:])
		if err == io.ErrUnexpectedEOF || err == io.EOF {
			return state.withTornEnd(size), nil
		}
		if err != nil {
			return state, err
		}
		length := int64(byteOrder.Uint32(frame[:]))
		if checksumOf(frame[:4]) != byteOrder.Uint32(frame[4:]) || length == 0 || length > int64(l.payloadSize) {
			return state.withUnreadableRest(r, size)
		}
		end := at + int64(n) + length
		if end > size {
			return state.withTornEnd(size), nil
		}
		payload = append(payload[:0], make([]byte, length)...)
		if _, err := io.ReadFull(r, payload); err != nil {
			if err == io.ErrUnexpectedEOF || err == io.EOF {
				return state.withTornEnd(size), nil // the file was shortened during the read
			}
			return state, err
		}
		at = end
		wrong := checksumOf(payload) != byteOrder.Uint32(frame[8:])
		if wrong && end == size {
			return state.withTornEnd(size), nil // the last entry did not reach the disk completely
		}
		if wrong || entry.decode(payload) != nil {
			state.DamagedEntries++
			continue
		}
		state.ReadableSize = end
		if err := visit(&entry); err != nil {
			return state, callerError{err}
		}
	}
	return state, nil
}

// withTornEnd returns the state of a journal whose last entry is incomplete.
func (s State) withTornEnd(size int64) State {
	s.TornBytes = size - s.ReadableSize
	return s
}

// withUnreadableRest returns the state of a journal with an entry whose length is unknown. If only zeros follow, the journal is
// torn: the file grew, but the entry did not reach the disk. The payload of a written entry never begins with a zero.
func (s State) withUnreadableRest(r io.Reader, size int64) (State, error) {
	zeros := true
	var block [4096]byte
	for zeros {
		n, err := r.Read(block[:])
		for _, b := range block[:n] {
			zeros = zeros && b == 0
		}
		if err == io.EOF {
			return s.withTornEnd(size), nil
		}
		if err != nil {
			return s, err
		}
	}
	s.RestLost = true
	return s, nil
}
