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
	"strconv"
	"strings"

	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/publication"
	"github.com/omg-arch/omg/shared/records"
	"github.com/omg-arch/omg/shared/sourcefile"
)

// ErrIndex means that the index that was built from the records is not the one that the publisher has built.
var ErrIndex = errors.New("another index than the publisher's")

// update gets the records of a source, and builds its index unless it is already there.
func (p *puller) update(ctx context.Context, r *SourceResult) error {
	texts, err := p.textsOf(r.Source)
	if err != nil {
		return err
	}
	for _, t := range texts {
		if _, err := p.findRecords(t.SHA256); err == nil {
			continue
		}
		if err := p.getRecords(ctx, t, r); err != nil {
			return err
		}
	}
	if p.hasIndex(ctx, r.Source) {
		return nil
	}
	if err := p.buildIndex(ctx, r.Source, texts); err != nil {
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

// checkHead returns an error unless the records are of the source.
func (r *storedRecords) checkHead(s *publication.Source) error {
	in, err := r.open()
	if err != nil {
		return err
	}
	defer in.Close()
	read, err := records.NewReader(in)
	if err != nil {
		return err
	}
	if h := read.Head(); h.Kind != s.Kind || h.Name != s.Name {
		return fmt.Errorf("%s %s: records of %.40q of the kind %.40q", s.Kind, s.Name, h.Name, h.Kind)
	}
	return nil
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

// getRecords gets records, with a patch if the records from which it starts are there, and otherwise as a whole.
func (p *puller) getRecords(ctx context.Context, s *publication.Source, r *SourceResult) error {
	for i := range s.Patches {
		from, err := p.findRecords(s.Patches[i].From)
		if err != nil {
			continue
		}
		err = p.fromMirrors(ctx, func(m Mirror) error { return p.applyPatch(ctx, m, s, &s.Patches[i], from) })
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
		return p.storeRecords(s, func(w io.Writer) error { return publication.FetchContent(ctx, m, s, w) })
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
			if first == nil {
				first = fmt.Errorf("%s: %w", m.Name, err)
			}
		}
	}
	return first
}

// applyPatch stores the records that a patch makes of earlier ones.
func (p *puller) applyPatch(ctx context.Context, m Mirror, s *publication.Source, patch *publication.Patch, from *storedRecords) error {
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
	return p.storeRecords(s, func(w io.Writer) error { return records.ApplyPatch(w, before, changes, s.Size) })
}

// storeRecords stores the records that the function write writes, if they are those of the source.
func (p *puller) storeRecords(s *publication.Source, write func(io.Writer) error) error {
	return atomicfile.WriteTo(p.recordsPath(s), atomicfile.Options{Mode: 0o644}, func(f *atomicfile.File) error {
		c, err := records.NewFastCompressor(f)
		if err != nil {
			return err
		}
		sum := sha256.New()
		if err := errors.Join(write(io.MultiWriter(c, sum)), c.Close()); err != nil {
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

// hasIndex reports whether the index of a source is the one that the publisher has built. If its format is another one than that of this
// program, this cannot be known.
func (p *puller) hasIndex(ctx context.Context, s *publication.Source) bool {
	if s.Index == nil || s.Index.Format != IndexFormat(s.Kind) {
		return false
	}
	sha256, err := sourcefile.DigestOfPath(ctx, filepath.Join(p.dir, indexName(s)))
	return err == nil && sha256 == s.Index.SHA256
}

// buildIndex builds the index of a source from its records, and replaces the last one if the new index is right.
func (p *puller) buildIndex(ctx context.Context, s *publication.Source, texts []*publication.Source) error {
	var in []io.Reader
	for _, t := range texts {
		stored, err := p.findRecords(t.SHA256)
		if err != nil {
			return err
		}
		if err := stored.checkHead(t); err != nil {
			return err
		}
		r, err := stored.open()
		if err != nil {
			return err
		}
		defer r.Close()
		in = append(in, r)
	}
	b, err := NewIndex(ctx, s, in...)
	if err != nil {
		return err
	}
	path := filepath.Join(p.dir, newDir, indexName(s))
	if err := b.WriteFile(path); err != nil {
		return err
	}
	if s.Index != nil && s.Index.Format == IndexFormat(s.Kind) {
		sha256, err := sourcefile.DigestOfPath(ctx, path)
		if err != nil {
			return err
		}
		if sha256 != s.Index.SHA256 {
			return fmt.Errorf("%s %s: %w: SHA-256 %s instead of %s", s.Kind, s.Name, ErrIndex, sha256, s.Index.SHA256)
		}
	}
	return os.Rename(path, filepath.Join(p.dir, indexName(s)))
}
