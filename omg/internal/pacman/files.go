package pacman

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/omg-arch/omg/shared/filesindex"
	"github.com/omg-arch/omg/shared/posixre"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

// files runs pacman -F.
func (r *Runner) files(ctx context.Context) (code int, err error) {
	if len(r.Setup.Config.Repos) == 0 {
		r.errorf("no usable package repositories configured.")
		return 1, nil
	}
	switch {
	case r.Line.Has("list"):
		return r.listFiles(ctx)
	case len(r.Line.Targets) == 0:
		r.errorf("no targets specified (use -h for help)")
		return 1, nil
	}
	return r.searchFiles(ctx)
}

// fileLists returns the lists of files that could be read, in the order of the repositories.
func (r *Runner) fileLists() (lists []*snapshot.FilesSource) {
	all := r.Snapshot.Inputs().Files
	for i := range all {
		if src := &all[i]; src.List != nil {
			lists = append(lists, src)
		} else if src.State != wire.SourceMissing {
			r.errorf("could not read database '%s': %s", src.Name, src.Why)
		}
	}
	return lists
}

// eachFileList calls a function for each list of files. A list that turns out to be unreadable is reported, and removed from the lists.
func (r *Runner) eachFileList(ctx context.Context, lists *[]*snapshot.FilesSource, read func(*snapshot.FilesSource) error) error {
	var readable []*snapshot.FilesSource
	for _, src := range *lists {
		err := read(src)
		if err == nil {
			readable = append(readable, src)
			continue
		}
		_, failed := r.Out.Write(nil) // the error of an earlier write, after which no more need be found
		if failed = errors.Join(failed, ctx.Err()); failed != nil {
			return failed
		}
		r.errorf("could not read database '%s': %s", src.Name, err)
	}
	*lists = readable
	return nil
}

// warnAboutMissingFileLists reports the repositories whose list of files does not exist.
func (r *Runner) warnAboutMissingFileLists() {
	for i := range r.Setup.Repositories {
		repo := &r.Setup.Repositories[i]
		if _, err := os.Stat(repo.FilesDatabasePath()); errors.Is(err, fs.ErrNotExist) {
			r.Warn(fmt.Sprintf("database file for '%s' does not exist (use '-Fy' to download)", repo.Name))
		}
	}
}

// searchFiles runs pacman -F and -Fx.
func (r *Runner) searchFiles(ctx context.Context) (code int, err error) {
	var queries []*filesindex.Query
	for _, target := range r.Line.Targets {
		q, err := filesindex.NewQuery(target, r.Line.Has("regex"))
		switch {
		case errors.Is(err, posixre.ErrBackReference) || errors.Is(err, posixre.ErrTooLarge):
			return 1, err
		case err != nil:
			r.errorf("invalid regular expression '%s'", filesindex.TrimTarget(target))
			code = 1
		}
		queries = append(queries, q)
	}
	if code != 0 {
		return code, nil
	}
	lists := r.fileLists()
	for _, q := range queries {
		found := false
		err := r.eachFileList(ctx, &lists, func(src *snapshot.FilesSource) error {
			last := ""
			return src.List.Find(q, ctx.Err, func(p *filesindex.Package, paths []string) error {
				found = true
				r.printFound(src, p, q, paths, p.Name != last)
				last = p.Name
				_, err := r.Out.Write(nil)
				return err
			})
		})
		if err != nil {
			return 1, err
		}
		if !found {
			code = 1
		}
	}
	return code, nil
}

// printFound prints files that were found. isFirst means that they are the first ones of the package.
func (r *Runner) printFound(src *snapshot.FilesSource, p *filesindex.Package, q *filesindex.Query, paths []string, isFirst bool) {
	pkg := r.Snapshot.RepositoryPackage(src, p)
	switch {
	case r.Line.Has("machinereadable"):
		r.printMachineReadable(src, p, paths)
		return
	case r.Line.Has("quiet"):
		if isFirst {
			r.Style.PrintText(r.Out, src.Name+"/"+p.Name)
		}
		return
	case !q.WholePath() && isFirst:
		r.Style.PrintRepoFinds(r.Out, &pkg)
	}
	for _, path := range paths {
		if q.WholePath() {
			r.Style.PrintRepoOwner(r.Out, &pkg, path)
		} else {
			r.Style.PrintFoundFile(r.Out, path)
		}
	}
}

// printMachineReadable prints files as pacman -F --machinereadable does.
func (r *Runner) printMachineReadable(src *snapshot.FilesSource, p *filesindex.Package, paths []string) {
	for _, path := range paths {
		for _, field := range []string{src.Name, p.Name, p.Version} {
			_, _ = r.Out.WriteString(field)
			_ = r.Out.WriteByte(0)
		}
		_, _ = r.Out.WriteString(path)
		_ = r.Out.WriteByte('\n')
	}
}

// listFiles runs pacman -Fl.
func (r *Runner) listFiles(ctx context.Context) (code int, err error) {
	lists := r.fileLists()
	print := func(src *snapshot.FilesSource) func(p *filesindex.Package, paths []string) error {
		return func(p *filesindex.Package, paths []string) error {
			r.printList(src, p, paths)
			_, err := r.Out.Write(nil)
			return err
		}
	}
	if len(r.Line.Targets) == 0 {
		err := r.eachFileList(ctx, &lists, func(src *snapshot.FilesSource) error { return src.List.AllFiles(ctx.Err, print(src)) })
		if err != nil {
			return 1, err
		}
		return 0, nil
	}
	for _, target := range r.Line.Targets {
		repo, name, hasRepo := strings.Cut(target, "/")
		switch {
		case !hasRepo:
			name = target
		case name == "":
			r.errorf("invalid package: '%s'", target)
			code++
			continue
		}
		found := false
		err := r.eachFileList(ctx, &lists, func(src *snapshot.FilesSource) (err error) {
			if !found && (!hasRepo || src.Name == repo) {
				found, err = src.List.Files(name, ctx.Err, print(src))
			}
			return err
		})
		if err != nil {
			return 1, err
		}
		if !found {
			r.errorf("package '%s' was not found", target)
			code++
		}
	}
	return code, nil
}

// printList prints the files of a package.
func (r *Runner) printList(src *snapshot.FilesSource, p *filesindex.Package, paths []string) {
	if r.Line.Has("machinereadable") {
		r.printMachineReadable(src, p, paths)
		return
	}
	for _, path := range paths {
		if r.Line.Has("quiet") {
			r.Style.PrintText(r.Out, path)
		} else {
			r.Style.PrintPackageFile(r.Out, p.Name, path)
		}
	}
}
