package pkgindex

import (
	"bytes"
	"fmt"

	"github.com/omg-arch/omg/shared/sectionfile"
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
	b := NewBuilder(f.indexInfo.Builder, f.indexInfo.BuiltAt)
	err := sectionfile.GuardFaults(func() error {
		for i := range f.indexInfo.Sources {
			if err := f.rebuildSource(b, i); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return f.file.Compare(b.writeSections)
}

// rebuildSource adds the packages of the i-th source to b.
func (f *File) rebuildSource(b *Builder, i int) error {
	facts := &f.indexInfo.Sources[i]
	if facts.Kind != KindRepo && facts.Kind != KindAUR {
		return fmt.Errorf("%w: source %q is of the unknown kind %q", ErrDamaged, facts.Name, facts.Kind)
	}
	for _, other := range f.indexInfo.Sources[:i] {
		if other.Name == facts.Name && other.Kind == facts.Kind {
			return fmt.Errorf("%w: two sources are called %q", ErrDamaged, facts.Name)
		}
	}
	s := b.AddSource(facts.Name, facts.Kind)
	s.SetFileInfo(facts.SHA256, facts.FileSize, facts.AsOf)
	s.SetCommit(facts.Commit)
	s.info.PopularitySHA256 = facts.PopularitySHA256
	s.info.LeftOutCount, s.info.LeftOutReason = facts.LeftOutCount, facts.LeftOutReason
	for doc := facts.FirstDoc; doc < facts.FirstDoc+facts.PackageCount; doc++ {
		p, err := f.packageOfSource(facts, doc)
		if err != nil {
			return err
		}
		if err := s.Add(&p); err != nil {
			return fmt.Errorf("%w: record %d: %w", ErrDamaged, doc, err)
		}
		share := f.share(doc)
		if !share.isValid() || share != 0 && facts.PopularitySHA256 == "" {
			return fmt.Errorf("%w: the share of doc %d", ErrDamaged, doc)
		}
		s.docs[len(s.docs)-1].share = share
		summary, details, err := f.record(doc, true)
		if err != nil {
			return err
		}
		got := s.lastRecord[recordHeaderSize:]
		if len(got) != len(summary.Bytes)+len(details.Bytes) || !bytes.HasPrefix(got, summary.Bytes) || !bytes.HasSuffix(got, details.Bytes) {
			return fmt.Errorf("%w: record %d is not encoded as a builder encodes its package", ErrDamaged, doc)
		}
	}
	s.sortDocs()
	for i, d := range s.docs {
		if d.addOrder != uint32(i) {
			return fmt.Errorf("%w: the packages of source %q are not sorted: doc %d is misplaced", ErrDamaged, facts.Name, facts.FirstDoc+uint32(i))
		}
	}
	return nil
}

// packageOfSource returns the package of a doc, which must belong to the source.
func (f *File) packageOfSource(source *SourceInfo, doc uint32) (p wire.Package, err error) {
	summary, details, err := f.record(doc, true)
	if err != nil {
		return p, err
	}
	if p, err = DecodePackage(summary, details); err != nil {
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
