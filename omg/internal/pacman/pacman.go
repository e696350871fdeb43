// Package pacman runs command lines of pacman that only read, on the files of a system, and prints what pacman prints.
package pacman

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/omg-arch/omg/omg/internal/letters"
	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/posixre"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/sources"
	"github.com/omg-arch/omg/shared/wire"
)

// Runner runs one command line.
type Runner struct {
	Line *letters.Line
	// Setup is pacman's configuration. Snapshot has the local database and, if the line needs them, the repositories.
	Setup    *sources.PacmanSetup
	Snapshot *snapshot.Snapshot
	Style    show.Style
	Out      *bufio.Writer
	// ReportError and Warn print a line on standard error.
	ReportError, Warn func(text string)

	knownRelations *pacmandb.Relations // the relations of the installed packages; nil until they are needed
	knownUpdates   map[string]*wire.Update
	foreign        map[string]bool
}

// Run runs the command line and returns pacman's exit code. An error means that omg cannot answer.
func (r *Runner) Run(ctx context.Context) (code int, err error) {
	if unread := r.Snapshot.Inputs().Local.UnreadablePackages; unread != "" {
		r.Warn("some installed packages could not be read: " + unread)
	}
	if r.Line.Operation == 'F' {
		r.warnAboutMissingFileLists()
	} else {
		r.warnAboutMissingDatabases()
	}
	if r.Line.Has("verbose") {
		r.printVerbose()
	}
	switch r.Line.Operation {
	case 'Q':
		code, err = r.query(ctx)
	case 'D':
		code, err = r.database()
	case 'S':
		code, err = r.sync(ctx)
	case 'F':
		code, err = r.files(ctx)
	case 'T':
		code = r.deptest()
	default:
		return 0, fmt.Errorf("no operation -%c", r.Line.Operation)
	}
	return code & 0xff, err // a process has only 8 bits for its exit code
}

// errorf reports an error that does not end the command line.
func (r *Runner) errorf(format string, args ...any) { r.ReportError(fmt.Sprintf(format, args...)) }

// installed returns all installed packages, in order of name.
func (r *Runner) installed() []*pacmandb.Installed {
	return r.Snapshot.Inputs().Local.Packages.Packages
}

func (r *Runner) dbPath() string { return r.Setup.DBPath }

func (r *Runner) relations() *pacmandb.Relations {
	if r.knownRelations == nil {
		r.knownRelations = pacmandb.ComputeRelations(r.installed())
	}
	return r.knownRelations
}

// findInstalled returns the installed package with a name, or the first one that satisfies the name as a dependency, or nil.
func (r *Runner) findInstalled(target string) *pacmandb.Installed {
	if p := r.Snapshot.Inputs().Local.Packages.Find(target); p != nil || target == "" {
		return p
	}
	return r.relations().Satisfier(target)
}

// checkRepositories does the check that pacman does before it uses the repositories. It reports whether they can be used.
func (r *Runner) checkRepositories() bool {
	if len(r.Setup.Config.Repos) == 0 {
		r.errorf("no usable package repositories configured.")
		return false
	}
	r.warnAboutRepositories()
	return true
}

// warnAboutMissingDatabases reports the repositories whose database does not exist. Pacman does this even if it does not need them.
func (r *Runner) warnAboutMissingDatabases() {
	for i := range r.Setup.Repositories {
		repo := &r.Setup.Repositories[i]
		if _, err := os.Stat(repo.DatabasePath); errors.Is(err, fs.ErrNotExist) {
			r.Warn(fmt.Sprintf("database file for '%s' does not exist (use '-Sy' to download)", repo.Name))
		}
	}
}

// warnAboutRepositories reports the repositories whose database cannot be read.
func (r *Runner) warnAboutRepositories() {
	repos := r.Snapshot.Inputs().Repositories
	for i := range repos {
		if src := &repos[i]; src.State != wire.SourceMissing && src.Index == nil {
			r.errorf("database '%s' cannot be read: %s", src.Name, src.Why)
		}
	}
}

// searchWords compiles the targets of a search. ok is false if one of them is not an expression.
func (r *Runner) searchWords(targets []string) (words []pacmandb.SearchWord, ok bool, err error) {
	for _, t := range targets {
		expr, err := posixre.Compile(t)
		if errors.Is(err, posixre.ErrBackReference) || errors.Is(err, posixre.ErrTooLarge) {
			return nil, false, err
		}
		if err != nil {
			r.errorf("search failed: invalid regular expression: %v", err)
			return nil, false, nil
		}
		words = append(words, pacmandb.SearchWord{Text: t, Match: expr.MatchString})
	}
	return words, true, nil
}

// deptest prints the targets that no installed package satisfies.
func (r *Runner) deptest() int {
	code := 0
	local := r.Snapshot.Inputs().Local.Packages
	for _, t := range r.Line.Targets {
		if local.Find(t) == nil && !r.satisfies(t) {
			r.Style.PrintText(r.Out, t)
			code = 127
		}
	}
	return code
}

// satisfies reports whether an installed package satisfies a dependency.
func (r *Runner) satisfies(dependency string) bool {
	d := pacmandb.ParseDepend(dependency)
	return slices.ContainsFunc(r.installed(), func(p *pacmandb.Installed) bool {
		return d.IsSatisfiedByPackage(p.Name, p.Version, p.Provides)
	})
}
