package sources

import (
	"context"
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/commandindex"
	"github.com/omg-arch/omg/shared/filesindex"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/snapshot"
)

// FilesSource returns the file lists of a repository as a source of a snapshot, which reads the index.
func (e *ExaminedFiles) FilesSource() snapshot.FilesSource {
	s := snapshot.FilesSource{Source: e.Source, Building: e.Building}
	if e.Index != nil {
		s.List = indexedFileList{e.Index}
	}
	return s
}

// indexedFileList is a snapshot.FileList that reads an index.
type indexedFileList struct{ index *filesindex.File }

// Find implements snapshot.FileList.
func (l indexedFileList) Find(q *filesindex.Query, pause func() error, visit func(p *filesindex.Package, paths []string) error) error {
	var p filesindex.Package
	var failed error
	err := l.index.Find(q, pause, func(m filesindex.Match) bool {
		if !m.Continued {
			if p, failed = l.index.Package(m.Package); failed != nil {
				return false
			}
		}
		failed = visit(&p, m.Paths)
		return failed == nil
	})
	if failed != nil {
		return failed
	}
	return err
}

// Files implements snapshot.FileList.
func (l indexedFileList) Files(name string, pause func() error, visit func(p *filesindex.Package, paths []string) error) (found bool, err error) {
	i, found, err := l.index.FindPackage(name)
	if err != nil || !found {
		return false, err
	}
	return true, l.filesOf(i, pause, visit)
}

// AllFiles implements snapshot.FileList.
func (l indexedFileList) AllFiles(pause func() error, visit func(p *filesindex.Package, paths []string) error) error {
	for i := range l.index.PackageCount() {
		if err := l.filesOf(i, pause, visit); err != nil {
			return err
		}
	}
	return nil
}

// pathsPerVisit is the number of paths after which filesOf calls visit.
const pathsPerVisit = 1024

func (l indexedFileList) filesOf(i int, pause func() error, visit func(p *filesindex.Package, paths []string) error) error {
	p, err := l.index.Package(i)
	if err != nil {
		return err
	}
	paths := make([]string, 0, pathsPerVisit)
	flush := func() error {
		if pause != nil {
			if err := pause(); err != nil {
				return err
			}
		}
		err := visit(&p, paths)
		paths = paths[:0]
		return err
	}
	for path, err := range l.index.Paths(i) {
		if err != nil {
			return err
		}
		if paths = append(paths, path); len(paths) == pathsPerVisit {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// Commands implements snapshot.FileList.
func (l indexedFileList) Commands(name string, _ func() error, visit func(p *filesindex.Package, path string) error) error {
	owners, err := l.index.Commands(name)
	for i := range owners {
		if err != nil {
			break
		}
		err = l.visitOwner(&owners[i], visit)
	}
	return err
}

// visitOwner calls the function visit for a package that brings a command.
func (l indexedFileList) visitOwner(o *commandindex.Owner, visit func(p *filesindex.Package, path string) error) error {
	p, err := l.packageNamed(o.Package)
	if err != nil {
		return err
	}
	return visit(&p, o.Path)
}

func (l indexedFileList) packageNamed(name string) (filesindex.Package, error) {
	i, found, err := l.index.FindPackage(name)
	if err != nil || !found {
		return filesindex.Package{Name: name}, err
	}
	return l.index.Package(i)
}

// SimilarCommands implements snapshot.FileList.
func (l indexedFileList) SimilarCommands(name string, limit int) (list []snapshot.SimilarCommand, err error) {
	found, err := l.index.CloseCommands(name, limit)
	if err != nil {
		return nil, err
	}
	for _, c := range found {
		for i := range c.Owners {
			err := l.visitOwner(&c.Owners[i], func(p *filesindex.Package, path string) error {
				list = append(list, snapshot.SimilarCommand{Name: c.Name, Distance: c.Distance, Package: *p, Path: path})
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}

// ScannedFiles returns the file lists of the repository as a source that reads the whole database at each call. It takes as long as
// pacman, and is used if there is no index.
func (r *Repository) ScannedFiles(ctx context.Context) snapshot.FilesSource {
	return snapshot.FilesSource{Source: r.ExamineFiles(ctx, nil).Source, List: scannedFileList{ctx, r.FilesDatabasePath()}}
}

// scannedFileList is a snapshot.FileList that reads a database.
type scannedFileList struct {
	ctx  context.Context
	path string
}

// eachPackage calls the function visit for each package, in the order of names.
func (l scannedFileList) eachPackage(pause func() error, visit func(p *filesindex.Package, paths []string) error) error {
	var stopped error
	_, err := pacmandb.ReadSyncFiles(l.ctx, l.path, func(f *pacmandb.FileList) error {
		if pause != nil {
			stopped = pause()
		}
		if stopped == nil {
			stopped = visit(&filesindex.Package{Name: f.Name, Version: f.Version, Groups: f.Groups}, f.Paths)
		}
		return stopped
	})
	if err == nil || stopped != nil {
		return stopped
	}
	return fileListDownloads.withRemedy(err)
}

// Find implements snapshot.FileList.
func (l scannedFileList) Find(q *filesindex.Query, pause func() error, visit func(p *filesindex.Package, paths []string) error) error {
	return l.eachPackage(pause, func(p *filesindex.Package, paths []string) error {
		if found := q.MatchingPaths(paths); len(found) > 0 {
			return visit(p, found)
		}
		return nil
	})
}

// Files implements snapshot.FileList.
func (l scannedFileList) Files(name string, pause func() error, visit func(p *filesindex.Package, paths []string) error) (found bool, err error) {
	err = l.eachPackage(pause, func(p *filesindex.Package, paths []string) error {
		if p.Name != name {
			return nil
		}
		found = true
		return visit(p, paths)
	})
	return found, err
}

// AllFiles implements snapshot.FileList.
func (l scannedFileList) AllFiles(pause func() error, visit func(p *filesindex.Package, paths []string) error) error {
	return l.eachPackage(pause, visit)
}

// Commands implements snapshot.FileList.
func (l scannedFileList) Commands(name string, pause func() error, visit func(p *filesindex.Package, path string) error) error {
	q, err := filesindex.NewQuery(name, false)
	if err != nil {
		return err
	}
	return l.Find(q, pause, func(p *filesindex.Package, paths []string) error {
		for _, path := range paths {
			if slices.Contains(commandindex.Dirs[:], strings.TrimSuffix(path, name)) {
				if err := visit(p, path); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// SimilarCommands implements snapshot.FileList. It finds none: only an index has the list of all commands.
func (l scannedFileList) SimilarCommands(string, int) ([]snapshot.SimilarCommand, error) {
	return nil, nil
}
