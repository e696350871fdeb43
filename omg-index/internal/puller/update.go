package puller

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/publication"
	"github.com/omg-arch/omg/shared/records"
)

// update gets the records of a source, and builds its index unless it is already there. Its own records are read into the index while they
// are stored, so the votes of the AUR, which are read beside its packages, come first.
func (p *puller) update(ctx context.Context, r *SourceResult) error {
	texts, err := p.textsOf(r.Source)
	if err != nil {
		return err
	}
	b := &indexBuild{puller: p, source: r.Source, texts: texts}
	areNew := false
	for i, t := range slices.Backward(texts) {
		if _, err := p.findRecords(t.SHA256); err == nil {
			continue
		}
		var read func(context.Context, io.Reader)
		if i == 0 {
			read = b.read
		}
		if err := p.getRecords(ctx, t, r, read); err != nil {
			return err
		}
		areNew = true
	}
	if !areNew && p.hasIndex(ctx, r.Source) {
		return nil
	}
	if err := b.finish(ctx); err != nil {
		if ctx.Err() == nil {
			p.discardRecords(texts) // they may be damaged: the next pull gets them again
		}
		return err
	}
	r.Changed = true
	return nil
}

// storedRecords is a file with compressed records. Its name has their hash and size.
type storedRecords struct {
	path string
	size int64
}

func (p *puller) recordsPath(s *publication.Source) string {
	return filepath.Join(p.dir, recordsDir, fmt.Sprintf("%s-%d.zst", s.SHA256, s.Size))
}

// findRecords returns the file with the records that have a hash. The error wraps fs.ErrNotExist if there is none.
func (p *puller) findRecords(sha256 string) (*storedRecords, error) {
	found, err := filepath.Glob(filepath.Join(p.dir, recordsDir, sha256+"-*.zst"))
	if err != nil {
		return nil, err
	}
	for _, path := range found {
		text := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), sha256+"-"), ".zst")
		if size, err := strconv.ParseInt(text, 10, 64); err == nil {
			return &storedRecords{path, size}, nil
		}
	}
	return nil, fs.ErrNotExist
}

// openRecords returns a reader of the stored records of a source.
func (p *puller) openRecords(s *publication.Source) (io.ReadCloser, error) {
	stored, err := p.findRecords(s.SHA256)
	if err != nil {
		return nil, err
	}
	return stored.open()
}

// open returns a reader of the records.
func (r *storedRecords) open() (io.ReadCloser, error) {
	f, err := os.Open(r.path)
	if err != nil {
		return nil, err
	}
	d, err := records.NewDecompressor(f, r.size)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return &recordsReader{d, f}, nil
}

type recordsReader struct {
	io.ReadCloser
	file *os.File
}

// Close closes the file.
func (r *recordsReader) Close() error { return errors.Join(r.ReadCloser.Close(), r.file.Close()) }

// discardRecords removes the records of sources.
func (p *puller) discardRecords(texts []*publication.Source) {
	for _, t := range texts {
		_ = os.Remove(p.recordsPath(t))
	}
}

// getRecords gets records, with a patch if the records from which it starts are there, and otherwise as a whole. The function read, unless it is
// nil, reads the records of each attempt while they are stored, also those that turn out to be wrong.
func (p *puller) getRecords(ctx context.Context, s *publication.Source, r *SourceResult, read func(context.Context, io.Reader)) error {
	for i := range s.Patches {
		from, err := p.findRecords(s.Patches[i].From)
		if err != nil {
			continue
		}
		err = p.fromMirrors(ctx, func(m Mirror) error { return p.applyPatch(ctx, m, s, &s.Patches[i], from, read) })
		if err == nil {
			r.PatchCount++
			return nil
		}
		if ctx.Err() != nil {
			return err
		}
		break // another patch would hardly help
	}
	err := p.fromMirrors(ctx, func(m Mirror) error {
		return p.storeRecords(ctx, s, func(w io.Writer) error { return publication.FetchContent(ctx, m, s, w) }, read)
	})
	if err == nil {
		r.ObjectCount++
	}
	return err
}

// fromMirrors calls a function for the mirror that had the manifest, and if it fails, for each other mirror. It returns the first error if all
// fail.
func (p *puller) fromMirrors(ctx context.Context, do func(m Mirror) error) error {
	var first error
	for _, isFirst := range []bool{true, false} {
		for _, m := range p.mirrors {
			if (m.Name == p.result.Mirror) != isFirst {
				continue
			}
			err := do(m)
			if err == nil || ctx.Err() != nil {
				return err
			}
			p.fail(m, err)
			if len(p.mirrors) > 1 { // otherwise the error names it
				p.refuse(m, err)
			}
			if first == nil {
				first = fmt.Errorf("%s: %w", m.Name, err)
			}
		}
	}
	return first
}

// applyPatch stores the records that a patch makes of earlier ones.
func (p *puller) applyPatch(
	ctx context.Context, m Mirror, s *publication.Source, patch *publication.Patch, from *storedRecords, read func(context.Context, io.Reader),
) error {
	changes, err := publication.OpenPatch(ctx, m, patch)
	if err != nil {
		return err
	}
	defer changes.Close()
	before, err := from.open()
	if err != nil {
		return err
	}
	defer before.Close()
	return p.storeRecords(ctx, s, func(w io.Writer) error { return records.ApplyPatch(w, before, changes, s.Size) }, read)
}

// storeRecords stores the records that the function write writes, if they are those of the source.
func (p *puller) storeRecords(ctx context.Context, s *publication.Source, write func(io.Writer) error, read func(context.Context, io.Reader)) error {
	return atomicfile.WriteTo(p.recordsPath(s), atomicfile.Options{Mode: 0o644}, func(f *atomicfile.File) error {
		c, err := records.NewFastCompressor(f)
		if err != nil {
			return err
		}
		sum := sha256.New()
		if read == nil {
			err = write(io.MultiWriter(c, sum))
		} else {
			err = records.Pipe(func(w io.Writer) error { return write(io.MultiWriter(c, sum, w)) }, func(in io.Reader) error {
				read(ctx, in)
				return nil // whatever is wrong with the index, the records are stored
			})
		}
		if err := errors.Join(err, c.Close()); err != nil {
			return err
		}
		return checkHash(sum, s)
	})
}

func checkHash(sum hash.Hash, s *publication.Source) error {
	if hex.EncodeToString(sum.Sum(nil)) != s.SHA256 {
		return fmt.Errorf("%s %s: %w", s.Kind, s.Name, publication.ErrObject)
	}
	return nil
}
