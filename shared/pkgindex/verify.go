package pkgindex

import (
	"bytes"
	"fmt"

	"github.com/omg-arch/omg/shared/wire"
)

// Verify checks all that Check checks, and also that a Builder writes exactly these bytes from the packages in the file:
// that packages, names and terms are in order, that text, names and lists agree with the records, and that each source
// has the packages that the facts claim. So Verify also finds a file whose checksums are correct, but which was built
// wrong. A change of the bytes that a Builder writes needs a new Version.
//
// Verify needs as much time and memory as building the index, both limited by the size of the file. Its error wraps
// ErrDamaged and describes the first fault.
func (f *File) Verify() error {
	if err := f.Check(); err != nil {
		return err
	}
	return guard(func() error {
		b := NewBuilder(f.facts.Builder, f.facts.Built)
		for i := range f.facts.Sources {
			if err := f.rebuild(b, i); err != nil {
				return err
			}
		}
		w := &comparer{file: f, at: headerSize + entrySize*len(sectionOrder)}
		header, err := b.write(w)
		if err != nil {
			return err
		}
		if w.at != len(f.data) {
			return fmt.Errorf("%w: %d bytes after the last section", ErrDamaged, len(f.data)-w.at)
		}
		if !bytes.Equal(header, f.data[:len(header)]) {
			return fmt.Errorf("%w: the header or the section table does not match the sections", ErrDamaged)
		}
		return nil
	})
}

// rebuild adds the packages of the i-th source to b.
func (f *File) rebuild(b *Builder, i int) error {
	facts := &f.facts.Sources[i]
	if facts.Kind != KindRepo && facts.Kind != KindAUR {
		return fmt.Errorf("%w: source %q is of the unknown kind %q", ErrDamaged, facts.Name, facts.Kind)
	}
	for _, other := range f.facts.Sources[:i] {
		if other.Name == facts.Name && other.Kind == facts.Kind {
			return fmt.Errorf("%w: two sources are called %q", ErrDamaged, facts.Name)
		}
	}
	s := b.AddSource(facts.Name, facts.Kind)
	s.Describe(facts.SHA256, facts.Size, facts.AsOf)
	s.facts.LeftOut, s.facts.Why = facts.LeftOut, facts.Why
	for doc := facts.First; doc < facts.First+facts.Packages; doc++ {
		p, err := f.packageIn(facts, doc)
		if err != nil {
			return err
		}
		if err := s.Add(&p); err != nil {
			return fmt.Errorf("%w: record %d: %w", ErrDamaged, doc, err)
		}
		summary, details, err := f.record(doc, true)
		if err != nil {
			return err
		}
		got := s.record[recordHeader:]
		if len(got) != len(summary.Bytes)+len(details.Bytes) || !bytes.HasPrefix(got, summary.Bytes) || !bytes.HasSuffix(got, details.Bytes) {
			return fmt.Errorf("%w: record %d is not encoded as a builder encodes its package", ErrDamaged, doc)
		}
	}
	s.sort()
	for i, d := range s.docs {
		if d.added != uint32(i) {
			return fmt.Errorf("%w: the packages of source %q are not sorted: doc %d is misplaced", ErrDamaged, facts.Name, facts.First+uint32(i))
		}
	}
	return nil
}

// packageIn returns the package of a doc, which must belong to the source.
func (f *File) packageIn(source *SourceInfo, doc uint32) (p wire.Package, err error) {
	summary, details, err := f.record(doc, true)
	if err != nil {
		return p, err
	}
	if p, err = Decode(summary, details); err != nil {
		return p, err
	}
	if p.Repo != source.Name {
		return p, fmt.Errorf("%w: record %d of source %q contains a package of %q", ErrDamaged, doc, source.Name, p.Repo)
	}
	if (p.AUR != nil) != (source.Kind == KindAUR) {
		return p, fmt.Errorf("%w: record %d does not have the fields of a package of %q", ErrDamaged, doc, source.Name)
	}
	text, err := f.docText(doc)
	if err != nil {
		return p, err
	}
	// A record does not show whether a description is empty or absent. Only the text shows this.
	p.EmptyDesc = p.Desc == "" && text.desc != nil
	return p, nil
}

// comparer is a writer that compares the written bytes with the bytes of a file.
type comparer struct {
	file *File
	at   int
}

func (c *comparer) Write(b []byte) (int, error) {
	have := c.file.data[c.at:]
	n := min(len(b), len(have))
	if bytes.Equal(b[:n], have[:n]) && n == len(b) {
		c.at += n
		return n, nil
	}
	same := 0
	for same < n && b[same] == have[same] {
		same++
	}
	return 0, c.fault(uint64(c.at + same))
}

// fault returns an error for a byte at which the file differs from the index that a Builder writes from the packages in
// the file. The error contains the name of the section in which the byte is.
func (c *comparer) fault(at uint64) error {
	for _, name := range sectionOrder {
		if s := c.file.table[name]; at < s.offset+s.length {
			return fmt.Errorf("%w: section %s does not match the packages, at byte %d of the file", ErrDamaged, name, at)
		}
	}
	return fmt.Errorf("%w: the file is shorter than an index of its packages", ErrDamaged)
}
