package snapshot

import (
	"context"
	"errors"
	"strings"
	"unsafe"

	"github.com/omg-arch/omg/shared/filesindex"
	"github.com/omg-arch/omg/shared/wire"
)

// FilesSource is the list of files of a repository.
type FilesSource struct {
	// Source is the description of the list in replies. Its kind is wire.KindFiles.
	wire.Source
	// List has the packages with their files; nil if the list cannot be used.
	List FileList
	// Building means that the first index of the list is still being built.
	Building bool
}

// FileList has the packages of a repository with their files. The functions pause are called regularly, and may be nil: an error that
// they return ends the call.
type FileList interface {
	// Find calls the function visit for each package with paths that match, in the order of the packages' names. If a package has many
	// such paths, it calls visit several times in a row for this package.
	Find(q *filesindex.Query, pause func() error, visit func(p *filesindex.Package, paths []string) error) error
	// Files calls the function visit for the package with the given name, as Find does. It reports whether there is such a package.
	Files(name string, pause func() error, visit func(p *filesindex.Package, paths []string) error) (found bool, err error)
	// AllFiles calls the function visit for all packages, as Find does.
	AllFiles(pause func() error, visit func(p *filesindex.Package, paths []string) error) error
	// Commands calls the function visit for each path of a command with the given name.
	Commands(name string, pause func() error, visit func(p *filesindex.Package, path string) error) error
	// SimilarCommands returns up to limit commands that are similar to a name, the most similar first.
	SimilarCommands(name string, limit int) ([]SimilarCommand, error)
}

// SimilarCommand is a command that is similar to a name.
type SimilarCommand struct {
	Name string
	// Distance is how much the names differ.
	Distance int
	Package  filesindex.Package
	Path     string
}

// FileOwners calls the function visit for each package of the repositories that has files with the requested names. The element is valid
// only during the call. The result has everything except the packages.
func (s *Snapshot) FileOwners(r *wire.FilesOwnerRequest, pause func() error, visit func(*wire.FileOwner) error) (*wire.FilesOwnerResult, error) {
	if err := checkFileNames(r.Names); err != nil {
		return nil, err
	}
	if r.Regex && len(r.Names) > wire.MaxFileExpressions {
		return nil, invalidErrorf("%d expressions, at most %d are allowed", len(r.Names), wire.MaxFileExpressions)
	}
	queries := make([]*filesindex.Query, len(r.Names))
	for i, name := range r.Names {
		if r.Regex && pause != nil { // reading a large expression takes up to a second
			if err := pause(); err != nil {
				return nil, err
			}
		}
		var err error
		if queries[i], err = filesindex.NewQuery(name, r.Regex); err != nil {
			return nil, convertFileError(err)
		}
	}
	lists := s.newFilesReader(pause)
	result := &wire.FilesOwnerResult{}
	for i, q := range queries {
		found := false
		err := lists.each(func(src *FilesSource) error {
			return src.List.Find(q, lists.pause, func(p *filesindex.Package, paths []string) error {
				found = true
				return lists.visit(visit(&wire.FileOwner{Query: r.Names[i], RepositoryPackage: s.RepositoryPackage(src, p), Paths: paths}))
			})
		})
		if err != nil {
			return nil, err
		}
		if !found {
			result.Missing = append(result.Missing, r.Names[i])
		}
	}
	result.Basis = lists.basis
	return result, nil
}

// RepositoryFiles calls the function visit for each of the requested packages, with its files, as FileOwners does.
func (s *Snapshot) RepositoryFiles(r *wire.FilesListRequest, pause func() error, visit func(*wire.RepositoryFiles) error) (*wire.FilesListResult, error) {
	if err := checkFileNames(r.Names); err != nil {
		return nil, err
	}
	lists := s.newFilesReader(pause)
	result := &wire.FilesListResult{}
	for _, target := range r.Names {
		repo, name, hasRepo := strings.Cut(target, "/")
		if !hasRepo {
			repo, name = "", target
		}
		found := false
		err := lists.each(func(src *FilesSource) (err error) {
			if found || hasRepo && src.Name != repo {
				return nil
			}
			found, err = src.List.Files(name, lists.pause, func(p *filesindex.Package, paths []string) error {
				return lists.visit(visit(&wire.RepositoryFiles{RepositoryPackage: s.RepositoryPackage(src, p), Paths: paths}))
			})
			return err
		})
		if err != nil {
			return nil, err
		}
		if !found {
			result.Missing = append(result.Missing, target)
		}
	}
	result.Basis = lists.basis
	return result, nil
}

// maxCommandsSize is the maximum size of the packages in the reply about commands, in bytes. The reply is one chunk.
const maxCommandsSize = 16 << 20

// maxSimilarCommands is the maximum number of similar commands for a command that is missing.
const maxSimilarCommands = 5

// Commands returns the packages of the repositories that bring the requested commands.
func (s *Snapshot) Commands(r *wire.CommandRequest, pause func() error) (*wire.CommandResult, error) {
	if err := checkFileNames(r.Names); err != nil {
		return nil, err
	}
	lists := s.newFilesReader(pause)
	result := &wire.CommandResult{Commands: []wire.CommandOwner{}}
	size := 0
	for _, name := range r.Names {
		if pause != nil {
			if err := pause(); err != nil {
				return nil, err
			}
		}
		before := len(result.Commands)
		err := lists.each(func(src *FilesSource) error {
			return src.List.Commands(name, lists.pause, func(p *filesindex.Package, path string) error {
				c := wire.CommandOwner{Command: name, RepositoryPackage: s.RepositoryPackage(src, p), Path: path}
				if size += commandSize(&c); size > maxCommandsSize {
					return lists.visit(invalidErrorf("the packages of these commands do not fit into a reply: ask for fewer commands"))
				}
				result.Commands = append(result.Commands, c)
				return nil
			})
		})
		if err != nil {
			return nil, err
		}
		if len(result.Commands) > before {
			continue
		}
		missing := wire.MissingCommand{Name: name}
		if !r.Exact && len(result.Missing) < maxWordsWithSuggestions {
			if missing.Similar, err = lists.similarCommands(name); err != nil {
				return nil, err
			}
		}
		result.Missing = append(result.Missing, missing)
	}
	result.Basis = lists.basis
	return result, nil
}

// commandSize returns about how many bytes an element of a reply about commands needs.
func commandSize(c *wire.CommandOwner) int {
	size := int(unsafe.Sizeof(*c)) + len(c.Command) + len(c.Path) + len(c.Name) + len(c.Version)
	for _, group := range c.Groups {
		size += int(unsafe.Sizeof(group)) + len(group)
	}
	return size
}

// similarCommands returns the commands of all repositories that are most similar to a name.
func (r *filesReader) similarCommands(name string) (list []wire.CommandOwner, err error) {
	var distances []int
	err = r.each(func(src *FilesSource) error {
		found, err := src.List.SimilarCommands(name, maxSimilarCommands)
		for i := range found {
			c := &found[i]
			at := len(distances)
			for at > 0 && distances[at-1] > c.Distance {
				at--
			}
			distances = insert(distances, at, c.Distance)
			list = insert(list, at, wire.CommandOwner{Command: c.Name, RepositoryPackage: r.snapshot.RepositoryPackage(src, &c.Package), Path: c.Path})
		}
		return err
	})
	return list, err
}

// insert inserts an element into a list that has at most maxSimilarCommands elements afterwards.
func insert[E any](list []E, at int, e E) []E {
	list = append(list[:at], append([]E{e}, list[at:]...)...)
	return list[:min(len(list), maxSimilarCommands)]
}

// filesReader reads the lists of files for one request. A list that turns out to be unreadable fails, and does not affect the others.
type filesReader struct {
	snapshot *Snapshot
	// pause is the function that ends the request with its error.
	pause func() error
	// basis is the basis of the result, with the lists that have failed.
	basis   wire.Basis
	stopped error // the error that ends the request
}

// newFilesReader returns a filesReader for one request. The function pause may be nil.
func (s *Snapshot) newFilesReader(pause func() error) *filesReader {
	r := &filesReader{snapshot: s, basis: s.FilesBasis()}
	if pause != nil {
		r.pause = func() error { return r.visit(pause()) }
	}
	return r
}

// visit must be called with the result of a function that ends the request with its error. It returns the error.
func (r *filesReader) visit(err error) error {
	if err != nil {
		r.stopped = err
	}
	return err
}

// each calls a function for each list that can be used, in the order of the repositories.
func (r *filesReader) each(read func(*FilesSource) error) error {
	for i := range r.snapshot.inputs.Files {
		src, state := &r.snapshot.inputs.Files[i], &r.basis.Sources[i]
		if src.List == nil || state.Unavailable() {
			continue
		}
		err := read(src)
		switch {
		case r.stopped != nil:
			return r.stopped
		case errors.Is(err, filesindex.ErrQuery):
			return convertFileError(err)
		case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
			return err
		case err != nil:
			state.State, state.Why = wire.SourceFailed, err.Error()
			r.basis.Partial = true
		}
	}
	return nil
}

// FilesBasis returns the basis of a result that depends on the lists of files.
func (s *Snapshot) FilesBasis() wire.Basis {
	b := wire.Basis{Generation: s.inputs.Generation, ConfirmedAt: s.checkedAtUnix(), Sources: make([]wire.Source, len(s.inputs.Files))}
	for i := range s.inputs.Files {
		b.Sources[i] = s.inputs.Files[i].Source
		b.Partial = b.Partial || s.inputs.Files[i].List == nil
	}
	return b
}

// existingFileLists describes the lists of files, without those that do not exist or are being indexed for the first time.
func (s *Snapshot) existingFileLists() (list []wire.Source) {
	for i := range s.inputs.Files {
		if src := &s.inputs.Files[i]; src.State != wire.SourceMissing && !src.Building {
			list = append(list, src.Source)
		}
	}
	return list
}

// RepositoryPackage describes a package of a list for a reply.
func (s *Snapshot) RepositoryPackage(src *FilesSource, p *filesindex.Package) wire.RepositoryPackage {
	out := wire.RepositoryPackage{Repo: src.Name, Name: p.Name, Version: p.Version, Groups: p.Groups}
	if s.inputs.Local.Packages != nil {
		if installed := s.inputs.Local.Packages.Find(p.Name); installed != nil {
			out.InstalledVersion = installed.Version
		}
	}
	return out
}

func checkFileNames(names []string) error {
	if len(names) > wire.MaxFileQueries {
		return invalidErrorf("%d names, at most %d are allowed", len(names), wire.MaxFileQueries)
	}
	for _, name := range names {
		if name == "" {
			return invalidErrorf("a name is empty")
		}
	}
	return nil
}

// convertFileError adds the code CodeInvalid to the error of a wrong query. It returns other errors unchanged.
func convertFileError(err error) error {
	if errors.Is(err, filesindex.ErrQuery) {
		return invalidErrorf("%v", err)
	}
	return err
}
