package pacmandb

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"hash/maphash"
	"io"
	"strings"

	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/wire"
)

// syncReader takes one database apart.
type syncReader struct {
	repo   string
	out    *SyncFile
	each   func(*wire.Package) error
	limits limits

	desc descParser
	open bool   // desc holds a package,
	dir  []byte // of this directory in the archive

	seed maphash.Seed
	seen map[uint64]struct{} // hashes of the names handed out, not to keep their texts
}

// read reads a whole database from in, to its last byte.
func (r *syncReader) read(ctx context.Context, in io.Reader) error {
	file := bufio.NewReaderSize(in, 64<<10)
	content, plain, err := decompress(file)
	if err != nil {
		return err
	}
	defer content.Close()
	p := startPipe(content, r.limits.bytes)
	defer p.stop()
	r.seed, r.seen = maphash.MakeSeed(), map[uint64]struct{}{}
	if err := r.packages(ctx, &tarReader{in: p, plain: plain}); err != nil {
		return err
	}
	// What a decompressor may leave, so that the digest is the whole file's.
	_, err = io.Copy(io.Discard, file)
	return err
}

// packages hands out what the archive holds. A package is complete when a file
// of another directory comes: databases of before pacman 5 have two of each.
func (r *syncReader) packages(ctx context.Context, t *tarReader) error {
	for {
		path, size, err := t.next()
		if err == io.EOF {
			return r.flush(ctx)
		}
		if err != nil {
			return err
		}
		dir, file := splitPath(path)
		if string(file) != "desc" && string(file) != "depends" {
			continue // such as the lists of files in a .files database
		}
		if !r.open || !bytes.Equal(dir, r.dir) {
			if err := r.flush(ctx); err != nil {
				return err
			}
			r.desc.begin(r.repo, dir)
			r.open, r.dir = true, append(r.dir[:0], dir...)
		}
		if size > int64(r.limits.desc) {
			r.warn("entry %.200q has a %s of %d bytes, which was not read", dir, file, size)
			continue
		}
		body, err := t.body(size)
		if err != nil {
			return err
		}
		r.desc.parse(body)
		r.out.DescBytes += size
	}
}

// splitPath splits a path in the archive as libalpm does: the directory goes up
// to the first slash, the file's name begins after the last.
func splitPath(path []byte) (dir, file []byte) {
	file = path[bytes.LastIndexByte(path, '/')+1:]
	if i := bytes.IndexByte(path, '/'); i >= 0 {
		dir = path[:i]
	}
	return dir, file
}

// flush hands out the package that was collected, if any.
func (r *syncReader) flush(ctx context.Context) error {
	if !r.open {
		return nil
	}
	r.open = false
	if err := ctx.Err(); err != nil {
		return err
	}
	p, ok := r.desc.finish()
	if !ok {
		r.warn("entry %.200q is not named name-version-release and was left out", r.dir)
		return nil
	}
	key := maphash.String(r.seed, p.Name)
	if _, again := r.seen[key]; again {
		r.warn("entry %.200q is a second one of its package and was left out", r.dir)
		return nil
	}
	r.seen[key] = struct{}{}
	r.examine(p)
	if r.out.Packages == r.limits.packages {
		return fmt.Errorf("%w: it has more than %d packages", sourcefile.ErrOversize, r.limits.packages)
	}
	r.out.Packages++
	if err := r.each(p); err != nil {
		return sourcefile.FromCaller(err)
	}
	return nil
}

// examine warns of what pacman would complain of, and more.
func (r *syncReader) examine(p *wire.Package) {
	said := &r.desc.said
	switch {
	case said.files == 0: // too large, and said so
	case said.cut:
		r.warn("entry %.200q has a desc that ends too early", r.dir)
	case said.name == "":
		r.warn("entry %.200q has a desc without %%NAME%%", r.dir)
	case said.version == "":
		r.warn("entry %.200q has a desc without %%VERSION%%", r.dir)
	case said.name != p.Name, said.version != p.Version:
		r.warn("entry %.200q has the desc of %.200q %.200q", r.dir, said.name, said.version)
	}
	if strings.HasPrefix(p.Filename, ".") || strings.Contains(p.Filename, "/") {
		r.warn("entry %.200q names the file %.200q, which is not used", r.dir, p.Filename)
		p.Filename = ""
	}
}

func (r *syncReader) warn(format string, args ...any) {
	if len(r.out.Warnings) == MaxSyncWarnings {
		r.out.MoreWarnings++
		return
	}
	r.out.Warnings = append(r.out.Warnings, fmt.Sprintf(format, args...))
}
