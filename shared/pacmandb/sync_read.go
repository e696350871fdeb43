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

// syncReader reads one database.
type syncReader struct {
	repo      string
	out       *SyncFile
	onPackage func(*wire.Package) error
	limits    limits
	parser    descParser

	packageDir []byte // the directory, in the archive, of the current package; empty before the first package

	// seen contains the hashes, made with seed, of the names of all packages that were passed to the callback onPackage. The
	// field seen is used only if packages are not kept in memory.
	seed maphash.Seed
	seen map[uint64]struct{}

	// If holdAll is true, all packages are kept in memory until the end of the database.
	holdAll      bool
	heldPackages map[string]*unfinishedPackage // the key is the name of the package
	order        []*unfinishedPackage          // all packages, in the order in which they were found
	current      *unfinishedPackage            // the current package
	heldBytes    int64
}

// unfinishedPackage is a package that is kept in memory, because more of its files may follow.
type unfinishedPackage struct {
	dir       string
	fileTexts [][]byte
}

// read reads a whole database from src, up to and including the last byte.
func (r *syncReader) read(ctx context.Context, src io.Reader) error {
	r.seed, r.seen, r.heldPackages = maphash.MakeSeed(), map[uint64]struct{}{}, map[string]*unfinishedPackage{}
	return readArchive(src, r.limits.bytes, func(t *tarReader) error { return r.readPackages(ctx, t) })
}

// readArchive passes the archive in src, which may be compressed and whose content may have at most maxBytes bytes, to the function
// read. It then reads src to its end.
func readArchive(src io.Reader, maxBytes int64, read func(*tarReader) error) error {
	file := bufio.NewReaderSize(src, 64<<10)
	content, plain, err := decompress(file)
	if err != nil {
		return err
	}
	defer content.Close()
	p := startPipe(content, maxBytes)
	defer p.stop()
	if err := read(&tarReader{in: p, needsEndMark: plain}); err != nil {
		return err
	}
	// A decompressor may leave bytes unread, but the digest covers the whole file.
	_, err = io.Copy(io.Discard, file)
	return err
}

// readPackages passes all packages of the archive to the callback onPackage. In databases made before pacman 5, each package
// has two files; so in a stream, a package is complete only when a file in another directory follows.
func (r *syncReader) readPackages(ctx context.Context, t *tarReader) error {
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
			continue // skip other files, such as the file lists in a .files database
		}
		if len(dir) == 0 {
			r.out.recordLeftOut("%.200q is not in a directory and was left out", path)
			continue
		}
		if err := r.beginPackage(ctx, dir); err != nil {
			return err
		}
		if size > int64(r.limits.desc) {
			r.out.recordLeftOut("entry %.200q has a %s of %d bytes, which was not read", dir, file, size)
			continue
		}
		body, err := t.body(size)
		if err == nil {
			err = r.addText(body)
		}
		if err != nil {
			return err
		}
		r.out.DescBytes += size
	}
}

// beginPackage makes the package of the directory dir the current package.
func (r *syncReader) beginPackage(ctx context.Context, dir []byte) error {
	if string(r.packageDir) == string(dir) {
		return nil
	}
	if r.holdAll {
		return r.beginHeld(ctx, dir)
	}
	if err := r.flush(ctx); err != nil {
		return err
	}
	r.parser.begin(r.repo, dir)
	r.packageDir = append(r.packageDir[:0], dir...)
	return nil
}

// beginHeld does the work of begin when packages are kept in memory. If the archive has already had a directory of the
// same package, that package becomes the current package again.
func (r *syncReader) beginHeld(ctx context.Context, dir []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r.packageDir = append(r.packageDir[:0], dir...)
	name, _, ok := splitEntry(string(dir))
	if !ok {
		name = string(dir) + "/" // cannot equal the name of a package, because it contains a slash
	}
	p := r.heldPackages[name]
	if p == nil {
		p = &unfinishedPackage{dir: string(dir)}
		r.order = append(r.order, p)
		r.heldPackages[name] = p
	} else if p.dir != string(dir) {
		r.out.warn("entry %.200q has the same package name as %.200q and was added to that package", dir, p.dir)
	}
	r.current = p
	return nil
}

// addText adds the content of a file to the current package.
func (r *syncReader) addText(body []byte) error {
	if !r.holdAll {
		r.parser.parse(body)
		return nil
	}
	if r.heldBytes += int64(len(body)); r.heldBytes > r.limits.held {
		return fmt.Errorf("%w: the files of a package are not next to each other, and all files together have more than %d MiB", sourcefile.ErrOversize, r.limits.held>>20)
	}
	r.current.fileTexts = append(r.current.fileTexts, bytes.Clone(body))
	return nil
}

// splitPath splits a path in the archive as libalpm does: the directory is the text before the first slash, and the
// file name is the text after the last slash.
func splitPath(path []byte) (dir, file []byte) {
	file = path[bytes.LastIndexByte(path, '/')+1:]
	if i := bytes.IndexByte(path, '/'); i >= 0 {
		dir = path[:i]
	}
	return dir, file
}

// flush passes the current package to the callback onPackage or, if packages are kept in memory, all packages.
func (r *syncReader) flush(ctx context.Context) error {
	for _, p := range r.order {
		r.parser.begin(r.repo, []byte(p.dir))
		for _, text := range p.fileTexts {
			r.parser.parse(text)
		}
		if err := r.passOn(ctx, p.dir); err != nil {
			return err
		}
	}
	if r.holdAll || len(r.packageDir) == 0 {
		return nil
	}
	return r.passOn(ctx, string(r.packageDir))
}

// passOn passes the package in r.parser to the callback onPackage, unless the package has to be left out.
func (r *syncReader) passOn(ctx context.Context, dir string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p, ok := r.parser.finish()
	if !ok {
		r.out.recordLeftOut("entry %.200q is not named name-version-release and was left out", dir)
		return nil
	}
	if !r.holdAll {
		key := maphash.String(r.seed, p.Name)
		if _, again := r.seen[key]; again {
			return errPackageFilesScattered
		}
		r.seen[key] = struct{}{}
	}
	r.addPackageWarnings(dir, p)
	if r.out.PackageCount == r.limits.packages {
		return fmt.Errorf("%w: it has more than %d packages", sourcefile.ErrOversize, r.limits.packages)
	}
	r.out.PackageCount++
	if err := r.onPackage(p); err != nil {
		return sourcefile.MarkCallerError(err)
	}
	return nil
}

// addPackageWarnings adds a warning for each problem for which pacman would print a warning, and for some that pacman does not
// report.
func (r *syncReader) addPackageWarnings(dir string, p *wire.Package) {
	extras := &r.parser.extras
	switch {
	case extras.fileCount == 0: // the desc was too large, which has already been reported
	case extras.truncated:
		r.out.warn("entry %.200q has a desc that ends too early", dir)
	case extras.name == "":
		r.out.warn("entry %.200q has a desc without %%NAME%%", dir)
	case extras.version == "":
		r.out.warn("entry %.200q has a desc without %%VERSION%%", dir)
	case extras.name != p.Name, extras.version != p.Version:
		r.out.warn("entry %.200q has the desc of %.200q %.200q", dir, extras.name, extras.version)
	}
	if !wire.IsPossibleName(p.Name) {
		r.out.warn("entry %.200q has a name that no package can have", dir)
	}
	if strings.HasPrefix(p.Filename, ".") || strings.Contains(p.Filename, "/") {
		r.out.warn("entry %.200q has the file name %.200q, which is not used", dir, p.Filename)
		p.Filename = ""
	}
}
