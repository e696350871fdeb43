package journal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/termtext"
)

// maxLine is the maximum length of a line of JSON, in bytes.
const maxLine = 64 << 10

// AppendJSONLine appends an event or an observation as a line of JSON, in which characters that a terminal could interpret
// are escaped.
func AppendJSONLine(dst []byte, v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return dst, err
	}
	return termtext.AppendSafeJSON(dst, append(text, '\n')), nil
}

// Export writes the journal at path as lines of JSON. The line of each observation is followed by the lines of its events.
func Export(path string, w io.Writer) (State, error) {
	out := bufio.NewWriterSize(w, 64<<10)
	state, err := Read(path, nil, func(e *Entry) error {
		text, err := AppendJSONLine(out.AvailableBuffer(), e.Observation)
		if err != nil {
			return err
		}
		if _, err := out.Write(text); err != nil {
			return err
		}
		for i := range e.Events {
			if text, err = AppendJSONLine(out.AvailableBuffer(), e.Events[i]); err != nil {
				return err
			}
			if _, err := out.Write(text); err != nil {
				return err
			}
		}
		return nil
	})
	return state, errors.Join(err, out.Flush())
}

// Import creates a journal at path from lines of JSON. The lines are the output of Export, or only events. Successive
// events without an observation become one entry if their intervals are equal. If path exists or a line is invalid,
// Import creates no journal.
func Import(path string, r io.Reader) (entries int, err error) {
	return importLines(path, r, realLimits)
}

func importLines(path string, r io.Reader, l limits) (entries int, err error) {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = &fs.PathError{Op: "import", Path: path, Err: fs.ErrExist}
		}
		return 0, err
	}
	err = atomicfile.WriteTo(path, atomicFileOptions, func(f *atomicfile.File) error {
		entries, err = importTo(f, r, l)
		return err
	})
	return entries, err
}

// ImportTo is like Import, but writes the journal to out.
func ImportTo(out io.Writer, r io.Reader) error {
	_, err := importTo(out, r, realLimits)
	return err
}

func importTo(w io.Writer, r io.Reader, l limits) (entries int, err error) {
	out := bufio.NewWriterSize(w, 64<<10)
	if _, err := out.Write(newHeader()); err != nil {
		return 0, err
	}
	if entries, err = importEntries(out, r, l); err != nil {
		return 0, err
	}
	return entries, out.Flush()
}

// importEntries reads lines of JSON and writes the frames of a journal.
func importEntries(out io.Writer, r io.Reader, l limits) (entries int, err error) {
	var e Entry
	size := int64(headerSize)
	flush := func() error {
		if e.Outcome == 0 {
			return nil
		}
		frame, err := e.encodeFrame(l)
		if err != nil {
			return err
		}
		if size += int64(len(frame)); size > l.fileSize {
			return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, l.fileSize)
		}
		entries++
		_, err = out.Write(frame)
		return err
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 4096), maxLine)
	n := 0
	for lines.Scan() {
		n++
		text := lines.Bytes()
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		next, event, err := parseLine(text, &e)
		if err == nil && next {
			err = flush()
		}
		if err != nil {
			return 0, fmt.Errorf("line %d: %w", n, err)
		}
		if next {
			e = Entry{Observation: event.observation}
		}
		if event.Kind != 0 {
			e.Events = append(e.Events, event.Event)
		}
	}
	if err := lines.Err(); err != nil {
		return 0, fmt.Errorf("line %d: %w", n+1, err)
	}
	err = flush()
	return entries, err
}

// importedLine holds the content of a line: an observation, or an event. For an event, the field observation is the one that
// is used if no observation precedes the event.
type importedLine struct {
	Event
	observation Observation
}

// parseLine reads a line. The result next is false if the line is an event that belongs to the entry e; otherwise the line
// begins a new entry.
func parseLine(text []byte, e *Entry) (next bool, out importedLine, err error) {
	var kind struct {
		Observation *json.RawMessage `json:"observation"`
	}
	if err := json.Unmarshal(text, &kind); err != nil {
		return false, out, err
	}
	if kind.Observation != nil {
		if err := json.Unmarshal(text, &out.observation); err != nil {
			return false, out, err
		}
		return true, out, out.observation.Check()
	}
	if err := json.Unmarshal(text, &out.Event); err != nil {
		return false, out, err
	}
	next = e.Outcome != OutcomeCompared && e.Outcome != OutcomePartial || e.Between != out.Between
	out.observation = Observation{Outcome: OutcomeCompared, Source: SourceDump, Between: out.Between}
	return next, out, nil
}
