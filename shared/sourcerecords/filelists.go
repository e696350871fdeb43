package sourcerecords

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/filesindex"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/records"
)

// fileListRecord is the record of the files of a package.
type fileListRecord struct {
	name, version string
	groups        []string
	files         [][]string
	object        *records.Object
}

func newFileListRecord() *fileListRecord {
	r := &fileListRecord{}
	r.object = records.NewObject(
		records.Field{Name: "name", Value: &r.name}, records.Field{Name: "files", Value: &r.files}, records.Field{Name: "groups", Value: &r.groups},
		records.Field{Name: "version", Value: &r.version},
	)
	return r
}

// splitPath splits a path after its last slash.
func splitPath(path string) (dir, name string) {
	slash := strings.LastIndexByte(path, '/') + 1
	return path[:slash], path[slash:]
}

// setFiles sets the files. It sorts the paths.
func (r *fileListRecord) setFiles(paths []string) {
	slices.SortFunc(paths, func(a, b string) int {
		aDir, aName := splitPath(a)
		bDir, bName := splitPath(b)
		return cmp.Or(cmp.Compare(aDir, bDir), cmp.Compare(aName, bName))
	})
	r.files = r.files[:0]
	for _, path := range paths {
		dir, name := splitPath(path)
		if last := len(r.files) - 1; last >= 0 && r.files[last][0] == dir {
			r.files[last] = append(r.files[last], name)
			continue
		}
		var list []string
		if len(r.files) < cap(r.files) {
			list = r.files[:len(r.files)+1][len(r.files)][:0] // reuse the memory of an earlier package
		}
		r.files = append(r.files, append(list, dir, name))
	}
}

// FileLists writes the file lists of a repository as records. It is a sources.FileListCollector, and needs the packages in the order of their
// names.
type FileLists struct {
	out    *records.Writer
	end    records.End
	record *fileListRecord
	paths  []string
	line   []byte
}

// NewFileLists begins to write the file lists of a repository. After the last package and the facts, End must be called.
func NewFileLists(out io.Writer, repository string) *FileLists {
	return &FileLists{out: records.NewWriter(out, records.Head{Kind: KindFiles, Name: repository}), record: newFileListRecord()}
}

// Add adds a package. The error wraps filesindex.ErrTooLarge if an index could not have the package.
func (l *FileLists) Add(name, version string, files []string, groups ...string) error {
	if err := filesindex.Check(name, version, files, groups...); err != nil {
		return err
	}
	l.paths = append(l.paths[:0], files...)
	l.record.name, l.record.version, l.record.groups = name, version, groups
	l.record.setFiles(l.paths)
	l.line = l.record.object.Append(l.line[:0])
	clear(l.paths)
	if len(l.line) > records.MaxLine {
		return fmt.Errorf("%w: %.100s has %d bytes as a record, at most %d are allowed", filesindex.ErrTooLarge, name, len(l.line), records.MaxLine)
	}
	return l.out.Write(strings.Clone(name), l.line)
}

// SetInfo sets the facts about the database.
func (l *FileLists) SetInfo(info filesindex.BuildInfo) {
	l.end = records.End{
		SHA256: info.SHA256, Size: info.FileSize, AsOf: info.AsOf, LeftOutCount: info.LeftOutCount, LeftOutReason: info.LeftOutReason,
	}
}

// End ends the records.
func (l *FileLists) End() error { return l.out.End(l.end) }

// newFilesIndex returns the builder of an index of the files of a repository with the packages of its records and the facts about its
// database. The parameter info has the name of the program and the time of the build.
func newFilesIndex(ctx context.Context, r *records.Reader, info filesindex.BuildInfo) (*filesindex.Builder, error) {
	into := filesindex.NewBuilder(r.Head().Name, info)
	record, paths, pathCount := newFileListRecord(), []string(nil), 0
	err := forEach(ctx, r, func(line string) (err error) {
		if paths, err = record.parse(line, paths[:0]); err != nil {
			return err
		}
		if pathCount += len(paths); pathCount > pacmandb.MaxSyncPaths {
			return invalidf("more than %d paths", pacmandb.MaxSyncPaths)
		}
		err = into.Add(record.name, record.version, paths, record.groups...)
		clear(paths)
		return err
	})
	if err != nil {
		return nil, err
	}
	end := r.End()
	info.SHA256, info.FileSize, info.AsOf = end.SHA256, end.Size, end.AsOf
	info.LeftOutCount, info.LeftOutReason = end.LeftOutCount, end.LeftOutReason
	into.SetInfo(info)
	return into, nil
}

// parse reads a record and appends its paths to a slice.
func (r *fileListRecord) parse(line string, paths []string) ([]string, error) {
	if err := r.object.Parse(line); err != nil {
		return nil, err
	}
	size, count, wrong := r.measure()
	if wrong != "" {
		return nil, invalidf("%s", wrong)
	}
	// One string for all paths needs fewer allocations than one for each.
	var text strings.Builder
	text.Grow(size)
	for _, list := range r.files {
		for _, name := range list[1:] {
			text.WriteString(list[0])
			text.WriteString(name)
		}
	}
	all := text.String()
	paths = slices.Grow(paths, count)
	for _, list := range r.files {
		for _, name := range list[1:] {
			n := len(list[0]) + len(name)
			paths = append(paths, all[:n])
			all = all[n:]
		}
	}
	return paths, nil
}

// measure returns the number of paths, and how many bytes they have together. The text wrong says why no package in a database could have this
// record, or is "" if one could.
func (r *fileListRecord) measure() (size, count int, wrong string) {
	switch {
	case r.version == "" || strings.ContainsAny(r.name+r.version, "/\x00"):
		return 0, 0, "a name or version that no package can have"
	case slices.ContainsFunc(r.groups, func(s string) bool { return s == "" || strings.ContainsAny(s, "\n\x00") }):
		return 0, 0, "a group that no package can have"
	}
	for i, list := range r.files {
		if len(list) < 2 || i > 0 && list[0] <= r.files[i-1][0] {
			return 0, 0, "the directories are not in their order"
		}
		if dir := list[0]; dir != "" && !strings.HasSuffix(dir, "/") || strings.ContainsAny(dir, "\n\x00") {
			return 0, 0, "a directory that no package can have"
		}
		for k, name := range list[1:] {
			switch {
			case k > 0 && name < list[k]:
				return 0, 0, "the names in a directory are not in their order"
			case strings.ContainsAny(name, "/\n\x00"), list[0]+name == "":
				return 0, 0, "a name that no file can have"
			}
			if size += len(list[0]) + len(name) + 1; size > pacmandb.MaxSyncDesc {
				return 0, 0, "more paths than a package can have"
			}
		}
		count += len(list) - 1
	}
	if count > pacmandb.MaxPackagePaths {
		return 0, 0, "more paths than a package can have"
	}
	return size, count, ""
}
