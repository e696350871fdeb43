package loader

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/omg-arch/omg/shared/wire"
)

// maxFileLines is the maximum number of files that a tab lists.
const maxFileLines = 50_000

// errNoFileLists is the error if the repositories' lists of files are unknown, with the commands that omg files names for that.
var errNoFileLists = errors.New("the files of the repositories are unknown: sudo pacman -Fy downloads their lists, or omgd with sync.files = true")

// packageFiles adds the files of an installed package or, if it is not installed, those of the repository's package.
func (l *Loader) packageFiles(ctx context.Context, p *page, s *subject) error {
	if s.installed != "" {
		return l.installedFiles(ctx, p, s)
	}
	if !s.isInRepository() {
		p.text("unknown: the files of a package of the AUR are known once it is built")
		return nil
	}
	count := 0
	isCounted := func() bool { count++; return count <= maxFileLines }
	result, err := l.backend.RepoFiles(ctx, &wire.FilesListRequest{Names: []string{s.pkg.Repo + "/" + s.name}}, func(f *wire.RepositoryFiles) error {
		if count == 0 {
			p.text(fmt.Sprintf("files of %s/%s %s, which is not installed:", f.Repo, f.Name, f.Version))
		}
		for _, path := range f.Paths {
			if isCounted() {
				p.text("/" + path)
			}
		}
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	p.omitted(count - maxFileLines)
	var list *wire.Source
	if i := slices.IndexFunc(result.Sources, func(list wire.Source) bool { return list.Name == s.pkg.Repo }); i >= 0 {
		list = &result.Sources[i]
	}
	switch {
	case list != nil && list.State != wire.SourceOK && !list.Unavailable():
		p.warn(fmt.Sprintf("the list of files of %s is %s: %s", list.Name, list.State, list.Why))
	case count > 0:
	case list != nil && list.State == wire.SourceFailed:
		return fmt.Errorf("the list of files of %s cannot be read: %s", list.Name, list.Why)
	case list == nil || list.Unavailable():
		return errNoFileLists
	case len(result.Missing) > 0:
		return fmt.Errorf("the list of files of %s does not have the package %s: the list is of another time than the database", s.pkg.Repo, s.name)
	default:
		p.text(s.name + " has no files")
	}
	return nil
}

func (l *Loader) installedFiles(ctx context.Context, p *page, s *subject) error {
	result, err := l.backend.Files(ctx, []string{s.name})
	if err != nil {
		return err
	}
	if len(result.Packages) == 0 {
		return fmt.Errorf("the files of %s are unknown: %s", s.name, orText(result.WhyPartial, "the package was removed just now"))
	}
	list := &result.Packages[0]
	if list.UnknownReason != "" {
		return errors.New(list.UnknownReason)
	}
	for _, path := range list.Files[:min(len(list.Files), maxFileLines)] {
		p.text(path)
	}
	p.omitted(len(list.Files) - maxFileLines)
	if len(list.Files) == 0 {
		p.text(s.name + " has no files")
	}
	return nil
}

// omitted says how many lines are left out; n may be negative.
func (p *page) omitted(n int) {
	if n > 0 {
		p.warn(fmt.Sprintf("%d more are left out", n))
	}
}
