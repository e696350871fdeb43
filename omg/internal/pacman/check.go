package pacman

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omg/internal/filecheck"
	"github.com/omg-arch/omg/shared/pacmandb"
)

// check runs pacman -Qk and -Qkk for one package. It returns false if a file is missing or altered.
func (r *Runner) check(p *pacmandb.Installed) (ok bool) {
	if r.Line.Count("check") > 1 {
		return r.checkProperties(p)
	}
	return r.checkExistence(p)
}

// checkExistence reports whether all files of a package exist.
func (r *Runner) checkExistence(p *pacmandb.Installed) bool {
	files, err := pacmandb.PackageFiles(r.dbPath(), p)
	if err != nil {
		r.errorf("%v", err)
	}
	return r.checkFiles(p.Name, files)
}

// fileChecker returns the checker of files, which calls report for each problem.
func (r *Runner) fileChecker(report func(filecheck.Problem)) *filecheck.Checker {
	return &filecheck.Checker{
		DBPath: r.dbPath(), Root: r.Setup.Root(), NoExtract: r.Setup.Config.NoExtract, Report: report,
		WithMD5: installedPacman().isBefore(6, 1), // later versions compare only one checksum
	}
}

// checkFiles reports whether all files of a package exist, and prints those that do not. Their paths are relative to the root directory.
func (r *Runner) checkFiles(name string, files []string) bool {
	result := r.fileChecker(func(p filecheck.Problem) {
		if p.Kind == filecheck.Missing {
			r.printMissing(p)
		} else {
			r.warnAbout(p, p.Text)
		}
	}).CheckExistence(name, files)
	r.printCheck(name, result, "missing")
	return result.Bad == 0
}

func (r *Runner) printMissing(p filecheck.Problem) {
	if r.Line.Has("quiet") {
		r.Style.PrintText(r.Out, p.Package+" "+p.Path)
	} else {
		r.warnAbout(p, ErrnoText(p.Err))
	}
}

// ErrnoText returns the text of an error of the system as C's strerror prints it.
func ErrnoText(err error) string {
	errno := unix.Errno(0)
	if !errors.As(err, &errno) {
		return err.Error()
	}
	text := errno.Error()
	return strings.ToUpper(text[:1]) + text[1:]
}

// warnAbout prints a problem of a file.
func (r *Runner) warnAbout(p filecheck.Problem, text string) {
	r.Warn(fmt.Sprintf("%s: %s (%s)", p.Package, p.Path, text))
}

// printCheck prints the last line about a package.
func (r *Runner) printCheck(name string, result filecheck.Result, kind string) {
	if !r.Line.Has("quiet") {
		r.Style.PrintText(r.Out, fmt.Sprintf("%s: %d total %s, %d %s %s", name, result.Files, fileWord(result.Files), result.Bad, kind, fileWord(result.Bad)))
	}
}

func fileWord(n int) string {
	if n == 1 {
		return "file"
	}
	return "files"
}

// checkProperties reports whether all files of a package are as its mtree file says, and prints the differences.
func (r *Runner) checkProperties(p *pacmandb.Installed) bool {
	quiet, last := r.Line.Has("quiet"), "" // the last path that was printed
	result, err := r.fileChecker(func(problem filecheck.Problem) {
		switch problem.Kind {
		case filecheck.Missing:
			r.printMissing(problem)
			return
		case filecheck.UnknownType:
			r.Warn(problem.Text + ": " + problem.Path)
			return
		case filecheck.UnreadableLink:
			r.errorf("%s: %s", problem.Text, problem.Path)
		case filecheck.BackupChanged:
			if !quiet {
				r.Style.PrintPacmanBackup(r.Out, problem.Package, problem.Path, problem.Text)
			}
			return
		default:
			if !quiet {
				r.warnAbout(problem, problem.Text)
			}
		}
		if quiet && problem.Path != last {
			last = problem.Path
			r.Style.PrintText(r.Out, problem.Package+" "+problem.Path)
		}
	}).CheckProperties(p)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.printNoMtree(p.Name)
		return true
	case err != nil:
		r.errorf("%v", err)
		return false
	}
	r.printCheck(p.Name, result, "altered")
	return result.Bad == 0
}

func (r *Runner) printNoMtree(name string) {
	if !r.Line.Has("quiet") {
		r.Style.PrintText(r.Out, name+": no mtree file")
	}
}
