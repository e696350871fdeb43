package records

import (
	"cmp"
	"fmt"
	"slices"
)

// MaxBytes is the maximum size of the records that a Sorter keeps in memory.
const MaxBytes = 1 << 30

// Sorter keeps records that come in any order in memory, and writes them in the order of their keys.
type Sorter struct {
	entries []sortedEntry
	blocks  [][]byte
	size    int64
}

type sortedEntry struct {
	key  string
	line []byte
}

// blockSize is the size of a block for lines in bytes. A single growing slice would need up to twice the memory.
const blockSize = 1 << 20

// Add adds a record. The Sorter keeps the key and a copy of the line.
func (s *Sorter) Add(key string, line []byte) error {
	if s.size += int64(len(line)); s.size > MaxBytes || len(s.entries) == MaxRecords {
		return fmt.Errorf("%w: more than %d MiB or %d records", ErrTooLarge, MaxBytes>>20, MaxRecords)
	}
	last := len(s.blocks) - 1
	if last < 0 || len(s.blocks[last])+len(line) > cap(s.blocks[last]) {
		s.blocks = append(s.blocks, make([]byte, 0, max(blockSize, len(line))))
		last++
	}
	at := len(s.blocks[last])
	s.blocks[last] = append(s.blocks[last], line...)
	s.entries = append(s.entries, sortedEntry{key, s.blocks[last][at:]})
	return nil
}

// WriteTo writes all records. An error means that two of them have the same key, or that a record is too long.
func (s *Sorter) WriteTo(w *Writer) error {
	slices.SortFunc(s.entries, func(a, b sortedEntry) int { return cmp.Compare(a.key, b.key) })
	for _, e := range s.entries {
		if err := w.Write(e.key, e.line); err != nil {
			return err
		}
	}
	return nil
}
