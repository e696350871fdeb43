//go:build libalpm

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/Jguer/go-alpm/v2"

	"github.com/omg-arch/omg/omgd/internal/alpm/question"
	"github.com/omg-arch/omg/shared/wire"
)

// The rules of this file, which its test enforces. All of go-alpm is used here
// and by one goroutine: a handle that several use loses packages in silence or
// crashes. What libalpm returns is copied before the handle is released. Some
// functions of go-alpm free what is not theirs and are never called; a log
// callback cannot be a closure.

// answer answers a question that passed check.
func answer(op string, q *question.Question) (*question.Answer, error) {
	a := &question.Answer{LibAlpm: alpm.Version()}
	if op == question.OpVersion {
		return a, nil
	}
	s, err := open(q)
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.handle.Release() }()
	switch op {
	case question.OpFacts:
		a.Installed, err = s.installed()
	case question.OpSearch:
		a.Packages, err = s.search(q.Words)
	case question.OpInfo:
		a.Packages = s.info(q.Names)
	}
	if err != nil {
		return nil, err
	}
	for _, d := range s.dbs {
		a.Databases = append(a.Databases, d.Database)
	}
	return a, nil
}

// session is a handle and the sync databases of a question.
type session struct {
	handle *alpm.Handle
	dbs    []database
	// logged is what libalpm complained of since it was last emptied.
	logged string
}

type database struct {
	question.Database
	usage alpm.Usage
	db    alpm.IDB // nil if there is an error
}

// open opens the databases of a question. Errors of a sync database are its own.
func open(q *question.Question) (*session, error) {
	if err := checkLocal(q.Path); err != nil {
		return nil, wire.Errorf(question.CodeCannot, "%v", err)
	}
	handle, err := alpm.Initialize("/", q.Path)
	if err != nil {
		return nil, wire.Errorf(question.CodeCannot, "libalpm cannot open %.200s: %v", q.Path, err)
	}
	s := &session{handle: handle}
	handle.SetLogCallback(note, s)
	for _, pattern := range q.IgnorePkg {
		err = firstOf(err, handle.AddIgnorePkg(pattern))
	}
	for _, pattern := range q.IgnoreGroup {
		err = firstOf(err, handle.AddIgnoreGroup(pattern))
	}
	if err != nil {
		_ = handle.Release()
		return nil, wire.Errorf(question.CodeCannot, "libalpm: %v", err)
	}
	for _, r := range q.Repos {
		d := database{Database: question.Database{Name: r.Name}, usage: alpm.Usage(r.Usage)}
		if err := s.load(&d, q.Path); err != nil {
			d.db, d.Packages, d.Err = nil, 0, fmt.Sprintf("%.200s", err.Error())
		}
		s.dbs = append(s.dbs, d)
	}
	return s, nil
}

func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// checkLocal makes sure that there is a local database: where there is none,
// libalpm would create it if it may.
func checkLocal(path string) error {
	for _, want := range []struct {
		name string
		kind fs.FileMode
	}{{"local", fs.ModeDir}, {"local/ALPM_DB_VERSION", 0}} {
		fi, err := os.Stat(filepath.Join(path, want.name))
		if err != nil {
			return err
		}
		if fi.Mode().Type() != want.kind {
			return fmt.Errorf("%s is not what it should be", filepath.Join(path, want.name))
		}
	}
	return nil
}

// note takes what libalpm logs: errors only, since it logs each package at the
// lower levels, and of them the first.
func note(context any, level alpm.LogLevel, text string) {
	if s := context.(*session); level <= alpm.LogError && s.logged == "" {
		s.logged = strings.TrimSpace(text)
	}
}

// load reads a sync database. libalpm takes most of what can be wrong with one
// for a database without packages, and says so, if at all, in other places.
func (s *session) load(d *database, path string) error {
	file := filepath.Join(path, "sync", d.Name+".db")
	fi, err := os.Stat(file)
	switch {
	case err != nil:
		return err
	case !fi.Mode().IsRegular(): // a pipe would be waited for
		return &fs.PathError{Op: "read", Path: file, Err: syscall.EINVAL}
	}
	if d.db, err = s.handle.RegisterSyncDB(d.Name, 0); err != nil {
		return err
	}
	d.db.SetUsage(d.usage)
	s.logged = ""
	err = d.db.PkgCache().ForEach(func(alpm.IPackage) error {
		d.Packages++
		return nil
	})
	if err == nil {
		err = s.handle.LastError()
	}
	switch {
	case err != nil && s.logged != "":
		return fmt.Errorf("%w: %s", err, s.logged)
	case err != nil:
		return err
	case d.Packages > 0: // what was logged is about single entries
		return nil
	case s.logged != "":
		return errors.New(s.logged)
	case fi.Size() == 0:
		return fmt.Errorf("%s is empty", file)
	}
	return nil
}

// installed returns what is known of the installed packages.
func (s *session) installed() ([]question.Installed, error) {
	local, err := s.handle.LocalDB()
	if err != nil {
		return nil, wire.Errorf(question.CodeCannot, "libalpm: %v", err)
	}
	var pkgs []localPackage
	err = local.PkgCache().ForEach(func(p alpm.IPackage) error {
		pkgs = append(pkgs, localPackage{
			name:     p.Name(),
			version:  p.Version(),
			reason:   int32(p.Reason()),
			ignored:  p.ShouldIgnore(),
			depends:  depends(p.Depends()),
			optional: depends(p.OptionalDepends()),
			provides: depends(p.Provides()),
		})
		return nil
	})
	if err == nil && len(pkgs) == 0 {
		err = s.handle.LastError()
	}
	if err != nil {
		return nil, wire.Errorf(question.CodeCannot, "libalpm cannot read the local database: %v", err)
	}
	slices.SortFunc(pkgs, func(a, b localPackage) int { return strings.Compare(a.name, b.name) })
	needs := needsOf(pkgs)
	out := make([]question.Installed, len(pkgs))
	for i := range pkgs {
		p := &pkgs[i]
		out[i] = question.Installed{Name: p.name, Version: p.version, Reason: p.reason, Need: needs[i]}
		s.offer(&out[i], p.ignored)
	}
	return out, nil
}

// offer fills in what the first repository that has p offers.
func (s *session) offer(p *question.Installed, ignored bool) {
	for _, d := range s.dbs {
		if d.db == nil {
			continue
		}
		offered := d.db.Pkg(p.Name)
		if offered == nil {
			continue
		}
		p.Repo, p.Offered = d.Name, offered.Version()
		p.Order = int8(min(1, max(-1, alpm.VerCmp(p.Offered, p.Version))))
		p.Ignored = p.Order > 0 && (ignored || d.usage&alpm.UsageUpgrade == 0)
		return
	}
}

func depends(list alpm.IDependList) []depend {
	var out []depend
	_ = list.ForEach(func(d *alpm.Depend) error {
		out = append(out, depend{name: d.Name, mod: d.Mod, version: d.Version})
		return nil
	})
	return out
}

// search returns the packages that match every expression, as pacman -Ss has
// them.
func (s *session) search(words []string) ([]wire.Package, error) {
	var out []wire.Package
	for _, d := range s.dbs {
		if d.db == nil || d.Packages == 0 {
			continue
		}
		found := d.db.Search(words).Slice()
		if len(found) == 0 {
			// The database was read, so an expression is all that can be wrong.
			if err := s.handle.LastError(); err != nil {
				return nil, wire.Errorf(wire.CodeInvalid, "%v", err)
			}
		}
		for _, p := range found {
			out = append(out, summary(d.Name, p))
		}
	}
	return out, nil
}

// info returns the packages of these names.
func (s *session) info(names []string) []wire.Package {
	var out []wire.Package
	for _, name := range names {
		repo, rest, qualified := strings.Cut(name, "/")
		if qualified {
			name = rest
		}
		for _, d := range s.dbs {
			if d.db == nil || qualified && d.Name != repo {
				continue
			}
			if p := d.db.Pkg(name); p != nil {
				out = append(out, details(d.Name, p))
			}
		}
	}
	return out
}
