package pacmandb

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/omg-arch/omg/shared/sourcefile"
)

// Limits of a database with file lists. The largest of Debian's 63,681 packages has 138,400 paths in 13 MiB, and all packages
// together have 8.7 million paths in 500 MiB.
const (
	// MaxPackagePaths limits the number of paths of one package.
	MaxPackagePaths = 1_000_000
	// MaxPathBytes limits the length of a path. libalpm has the same limit.
	MaxPathBytes = 512 << 10
	// MaxSyncPaths limits the number of paths in a database.
	MaxSyncPaths = 20_000_000
	// MaxSyncFileListBytes limits the memory that ReadSyncFiles needs for all file lists, which it keeps compressed.
	MaxSyncFileListBytes = 256 << 20
)

// FileList lists the files of a package in a repository.
type FileList struct {
	Name, Version string
	Groups        []string
	// Paths are relative to the root directory, in the order of pacman -Fl, which is the order of bytes. The paths of
	// directories end in a slash. They are not checked: like pacman, omg passes on a path that begins with a slash, that
	// contains "..", or that occurs twice.
	Paths []string
}

// ReadSyncFiles reads the database with file lists at path, a file sync/NAME.files of pacman's, and then passes each package
// to the function visit, in pacman's order, which is the order of the bytes of the names. A package without files has no paths.
// The list and its slice of paths are valid only until visit returns; its strings and groups stay valid.
//
// As in libalpm, a package exists if the archive has any file in its directory. Of all files desc, depends and files of the
// package, wherever they are in the archive, the last list %FILES% counts, and all groups. pacman refuses a whole database with a damaged
// entry; ReadSyncFiles leaves out this entry, or keeps the part of a truncated list that exists, and adds a warning. It leaves out a
// package beyond the limit of desc files, MaxPackagePaths or MaxPathBytes, too.
//
// The errors are those of ReadSync. ReadSyncFiles calls the function visit only if the database could be read completely.
func ReadSyncFiles(ctx context.Context, path string, visit func(*FileList) error) (SyncFile, error) {
	var out SyncFile
	r := newFileListReader(&out, syncFilesLimits)
	file, err := sourcefile.Read(ctx, path, func(in io.Reader) error { return r.read(ctx, in) })
	out.File = file
	if err == nil {
		err = r.visitAll(ctx, visit)
	}
	return out, err
}

// ErrNoFileLists means that a database is one without file lists, such as core.db.
var ErrNoFileLists = errors.New("a database without file lists")

// CheckFileLists returns ErrNoFileLists if ReadSyncFiles has found packages, but no file list. To pacman, they are packages without files.
func (f *SyncFile) CheckFileLists() error {
	if f.PackageCount > 0 && f.FileListCount == 0 {
		return ErrNoFileLists
	}
	return nil
}

// syncFilesLimits holds the limits of ReadSyncFiles; tests use lower values.
var syncFilesLimits = filesLimits{limits: syncLimits, packagePaths: MaxPackagePaths, pathBytes: MaxPathBytes, paths: MaxSyncPaths, heldBytes: MaxSyncFileListBytes}

type filesLimits struct {
	limits
	packagePaths, pathBytes, paths int
	heldBytes                      int64
}

// fileListReader reads one database with file lists. It keeps the lists compressed until the end of the archive, because pacman's
// order of packages is seldom that of the archive: repo-add orders them by name and version together.
type fileListReader struct {
	out      *SyncFile
	limits   filesLimits
	parser   descParser
	packages map[string]*heldFileList // the key is the name of the package
	current  *heldFileList            // the package of the last file; nil if that file was left out
	dir      []byte                   // the directory of the last file

	encoder   *zstd.Encoder
	buf       []byte
	heldBytes int64
	pathCount int
}

func newFileListReader(out *SyncFile, bounds filesLimits) *fileListReader {
	r := &fileListReader{out: out, limits: bounds, packages: map[string]*heldFileList{}}
	r.parser.keepsFileList = true
	return r
}

// heldFileList is the file list of a package, which is kept until the end of the archive.
type heldFileList struct {
	name, version string
	groups        []string
	lines         []byte // the lines of the list, compressed
	pathCount     int
	leftOut       bool // the package has an entry that was not read
}

// heldPackageBytes and heldGroupBytes are about the numbers of bytes that a package and a group need in memory, beside the list and
// the name.
const (
	heldPackageBytes = 256
	heldGroupBytes   = 32
)

func (r *fileListReader) read(ctx context.Context, src io.Reader) (err error) {
	r.encoder, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false))
	if err != nil {
		return err
	}
	defer r.encoder.Close()
	return readArchive(src, r.limits.bytes, func(t *tarReader) error {
		for {
			path, size, err := t.next()
			if err == io.EOF {
				return nil
			}
			if err == nil {
				err = r.readEntry(ctx, t, path, size)
			}
			if err != nil {
				return err
			}
		}
	})
}

// readEntry reads one file of the archive.
func (r *fileListReader) readEntry(ctx context.Context, t *tarReader, path []byte, size int64) error {
	dir, file := splitPath(path)
	if len(dir) == 0 {
		r.out.recordLeftOut("%.200q is not in a directory and was left out", path)
		return nil
	}
	if err := r.beginPackage(ctx, dir); err != nil || r.current == nil {
		return err
	}
	switch string(file) {
	case "desc", "depends", "files":
	default:
		return nil
	}
	if size > int64(r.limits.desc) {
		r.leaveOut("a %s of %d bytes, and at most %d are read", file, size, r.limits.desc)
		return nil
	}
	body, err := t.body(size)
	if err != nil {
		return err
	}
	r.out.DescBytes += size
	r.parser.begin("", r.dir)
	r.parser.parse(body)
	if err := r.keepGroups(); err != nil || !r.parser.hasFileList {
		return err
	}
	return r.keepList(file)
}

// keepGroups adds the groups that the parser has found to those of the current package.
func (r *fileListReader) keepGroups() error {
	found, _ := r.parser.finish()
	for _, group := range found.Groups {
		r.current.groups = append(r.current.groups, strings.Clone(group))
		if err := r.hold(heldGroupBytes + len(group)); err != nil {
			return err
		}
	}
	return nil
}

// beginPackage makes the package of the directory dir the current package.
func (r *fileListReader) beginPackage(ctx context.Context, dir []byte) error {
	if string(r.dir) == string(dir) {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	r.dir = append(r.dir[:0], dir...)
	name, version, ok := splitEntry(string(dir))
	if !ok {
		r.current = nil
		r.out.recordLeftOut("entry %.200q is not named name-version-release and was left out", dir)
		return nil
	}
	r.current = r.packages[name]
	switch {
	case r.current == nil:
		if len(r.packages) == r.limits.packages {
			return fmt.Errorf("%w: it has more than %d packages", sourcefile.ErrOversize, r.limits.packages)
		}
		r.current = &heldFileList{name: name, version: version}
		r.packages[name] = r.current
		return r.hold(heldPackageBytes + len(dir))
	case r.current.version != version:
		r.out.warn("entry %.200q has the same package name as %q, and its file list replaces the list of that package", dir, name+"-"+r.current.version)
	}
	return nil
}

// hold adds to the number of bytes that are kept in memory.
func (r *fileListReader) hold(n int) error {
	if r.heldBytes += int64(n); r.heldBytes > r.limits.heldBytes {
		return fmt.Errorf("%w: its file lists need more than %d MiB of memory", sourcefile.ErrOversize, r.limits.heldBytes>>20)
	}
	return nil
}

// leaveOut leaves out the current package.
func (r *fileListReader) leaveOut(format string, args ...any) {
	r.current.leftOut = true
	r.out.recordLeftOut("entry %.200q has "+format+": the package was left out", append([]any{r.dir}, args...)...)
}

// keepList keeps the list that the parser has found as the list of the current package.
func (r *fileListReader) keepList(file []byte) error {
	r.out.FileListCount++
	lines := r.parser.fileList
	count, longest := countLines(lines)
	switch {
	case count > r.limits.packagePaths:
		r.leaveOut("%d paths, and at most %d are read", count, r.limits.packagePaths)
		return nil
	case longest > r.limits.pathBytes:
		r.leaveOut("a path of %d bytes, and at most %d are read", longest, r.limits.pathBytes)
		return nil
	case r.parser.fileListTruncated:
		r.out.recordLeftOut("entry %.200q has a %s that ends too early, so that paths may be missing", r.dir, file)
	}
	p := r.current
	if r.pathCount += count - p.pathCount; r.pathCount > r.limits.paths {
		return fmt.Errorf("%w: it has more than %d paths", sourcefile.ErrOversize, r.limits.paths)
	}
	r.buf = r.encoder.EncodeAll(lines, r.buf[:0])
	earlier := len(p.lines)
	p.lines, p.pathCount = bytes.Clone(r.buf), count
	return r.hold(len(p.lines) - earlier)
}

// countLines returns the number of lines and the length of the longest.
func countLines(lines []byte) (count, longest int) {
	for len(lines) > 0 {
		line, rest := cutLine(lines)
		count, longest, lines = count+1, max(longest, len(line)), rest
	}
	return count, longest
}

// visitAll passes the packages to the function visit, in pacman's order.
func (r *fileListReader) visitAll(ctx context.Context, visit func(*FileList) error) error {
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer decoder.Close()
	held := make([]*heldFileList, 0, len(r.packages))
	for _, p := range r.packages {
		if !p.leftOut {
			held = append(held, p)
		}
	}
	r.packages = nil
	slices.SortFunc(held, func(a, b *heldFileList) int { return cmp.Compare(a.name, b.name) })
	var list FileList
	for i, p := range held {
		if err := ctx.Err(); err != nil {
			return err
		}
		if r.buf, err = decoder.DecodeAll(p.lines, r.buf[:0]); err != nil {
			return err
		}
		held[i] = nil // so that its memory can be used for the index
		list = FileList{Name: p.name, Version: p.version, Groups: p.groups, Paths: list.Paths[:0]}
		for path := range strings.Lines(string(r.buf)) {
			list.Paths = append(list.Paths, strings.TrimSuffix(path, "\n"))
		}
		if !slices.IsSorted(list.Paths) {
			slices.Sort(list.Paths)
		}
		r.out.PackageCount++
		r.out.PathCount += len(list.Paths)
		if err := visit(&list); err != nil {
			return err
		}
	}
	return nil
}
