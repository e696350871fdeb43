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

	"github.com/omg-arch/omg/omgd/alpm-worker/internal/locale"
	"github.com/omg-arch/omg/omgd/internal/alpmproto"
	"github.com/omg-arch/omg/shared/wire"
)

// Rules for using go-alpm; libalpm_rules_test.go enforces all of them except the second.
//
//   - Only one goroutine uses go-alpm: a handle that several goroutines share silently loses packages, or the program crashes.
//   - Strings and lists that belong to libalpm are copied before the handle is released.
//   - The functions that the test forbids are never called: they use memory after it was freed, free libalpm's strings,
//     or change libalpm's lists.
//   - A log callback is a named function: cgo must not be given a closure.

// answerRequest answers a request that checkRequest() has accepted.
func answerRequest(op string, req *alpmproto.Request) (*alpmproto.Reply, error) {
	a := &alpmproto.Reply{LibAlpm: alpm.Version()}
	s, err := openSession(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.handle.Release() }()
	switch op {
	case alpmproto.OpFacts:
		a.Installed, err = s.installed()
	case alpmproto.OpSearch:
		a.Packages, err = s.search(req.Words)
	case alpmproto.OpInfo:
		a.Packages = s.info(req.Names)
	}
	if err != nil {
		return nil, err
	}
	for _, d := range s.dbs {
		a.Databases = append(a.Databases, d.Database)
	}
	return a, nil
}

// session has an open libalpm handle and the sync databases of one request.
type session struct {
	handle *alpm.Handle
	dbs    []syncDatabase
	// firstLoggedError is the first error that libalpm has logged since loadSyncDB last emptied this field.
	firstLoggedError string
}

type syncDatabase struct {
	alpmproto.Database
	usage alpm.Usage
	db    alpm.IDB // nil if the database could not be read
}

// openSession opens the databases of a request. A sync database that cannot be read is not an error of openSession: its
// field Err has the reason.
func openSession(req *alpmproto.Request) (*session, error) {
	if err := checkLocal(req.DatabaseDir); err != nil {
		return nil, wire.Errorf(alpmproto.CodeOpenFailed, "%v", err)
	}
	locale.SetUTF8() // without a UTF-8 locale, libalpm fails on names beyond ASCII
	handle, err := alpm.Initialize("/", req.DatabaseDir)
	if err != nil {
		return nil, wire.Errorf(alpmproto.CodeOpenFailed, "libalpm cannot open %.200s: %v", req.DatabaseDir, err)
	}
	s := &session{handle: handle}
	handle.SetLogCallback(keepFirstLoggedError, s)
	for _, pattern := range req.IgnorePkg {
		err = firstNonNilError(err, handle.AddIgnorePkg(pattern))
	}
	for _, pattern := range req.IgnoreGroup {
		err = firstNonNilError(err, handle.AddIgnoreGroup(pattern))
	}
	if err != nil {
		_ = handle.Release()
		return nil, wire.Errorf(alpmproto.CodeOpenFailed, "libalpm: %v", err)
	}
	for _, repo := range req.Repos {
		d := syncDatabase{Database: alpmproto.Database{Name: repo.Name}, usage: alpm.Usage(repo.Usage)}
		if err := s.loadSyncDB(&d, req.DatabaseDir); err != nil {
			d.db, d.PackageCount, d.Err = nil, 0, fmt.Sprintf("%.200s", err.Error())
		}
		s.dbs = append(s.dbs, d)
	}
	return s, nil
}

func firstNonNilError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// checkLocal returns an error if there is no local database: libalpm would create a missing one if it had
// permission to.
func checkLocal(path string) error {
	for _, want := range []struct {
		name string
		kind fs.FileMode
		text string
	}{{"local", fs.ModeDir, "a directory"}, {"local/ALPM_DB_VERSION", 0, "a regular file"}} {
		fi, err := os.Stat(filepath.Join(path, want.name))
		if err != nil {
			return err
		}
		if fi.Mode().Type() != want.kind {
			return fmt.Errorf("%s is not %s", filepath.Join(path, want.name), want.text)
		}
	}
	return nil
}

// keepFirstLoggedError keeps the first error that libalpm logs. It ignores messages of lower levels, of which libalpm
// logs one for each package.
func keepFirstLoggedError(context any, level alpm.LogLevel, text string) {
	if s := context.(*session); level <= alpm.LogError && s.firstLoggedError == "" {
		s.firstLoggedError = strings.TrimSpace(text)
	}
}

// loadSyncDB reads a sync database. libalpm treats most damaged databases as empty. It reports the damage only in
// its last error or in its log, or not at all.
func (s *session) loadSyncDB(d *syncDatabase, path string) error {
	file := filepath.Join(path, "sync", d.Name+".db")
	fi, err := os.Stat(file)
	switch {
	case err != nil:
		return err
	case !fi.Mode().IsRegular(): // opening a pipe would block
		return &fs.PathError{Op: "read", Path: file, Err: syscall.EINVAL}
	}
	if d.db, err = s.handle.RegisterSyncDB(d.Name, 0); err != nil {
		return err
	}
	d.db.SetUsage(d.usage)
	s.firstLoggedError = ""
	err = d.db.PkgCache().ForEach(func(alpm.IPackage) error {
		d.PackageCount++
		return nil
	})
	if err == nil {
		err = s.handle.LastError()
	}
	switch {
	case err != nil && s.firstLoggedError != "":
		return fmt.Errorf("%w: %s", err, s.firstLoggedError)
	case err != nil:
		return err
	case d.PackageCount > 0: // libalpm has read packages: an error in its log concerns a single entry
		return nil
	case s.firstLoggedError != "":
		return errors.New(s.firstLoggedError)
	case fi.Size() == 0:
		return fmt.Errorf("%s is empty", file)
	}
	return nil
}

// installed returns the installed packages, sorted by name.
func (s *session) installed() ([]alpmproto.PackageFacts, error) {
	local, err := s.handle.LocalDB()
	if err != nil {
		return nil, wire.Errorf(alpmproto.CodeOpenFailed, "libalpm: %v", err)
	}
	var pkgs []localPackage
	err = local.PkgCache().ForEach(func(p alpm.IPackage) error {
		pkgs = append(pkgs, localPackage{
			name:     p.Name(),
			version:  p.Version(),
			reason:   int32(p.Reason()),
			ignored:  p.ShouldIgnore(),
			depends:  copyDependencies(p.Depends()),
			optional: copyDependencies(p.OptionalDepends()),
			provides: copyDependencies(p.Provides()),
		})
		return nil
	})
	if err == nil && len(pkgs) == 0 {
		err = s.handle.LastError()
	}
	if err != nil {
		return nil, wire.Errorf(alpmproto.CodeOpenFailed, "libalpm cannot read the local database: %v", err)
	}
	slices.SortFunc(pkgs, func(a, b localPackage) int { return strings.Compare(a.name, b.name) })
	required := computeRequirements(pkgs)
	out := make([]alpmproto.PackageFacts, len(pkgs))
	for i := range pkgs {
		p := &pkgs[i]
		out[i] = alpmproto.PackageFacts{Name: p.name, Version: p.version, Reason: p.reason, NeedLevel: required[i]}
		s.setOfferedVersion(&out[i], p.ignored)
	}
	return out, nil
}

// setOfferedVersion finds the first repository that has the package p, and sets the fields of p about that repository and
// its version.
func (s *session) setOfferedVersion(p *alpmproto.PackageFacts, ignored bool) {
	for _, d := range s.dbs {
		if d.db == nil {
			continue
		}
		offered := d.db.Pkg(p.Name)
		if offered == nil {
			continue
		}
		p.Repo, p.Offered = d.Name, offered.Version()
		p.VersionOrder = int8(min(1, max(-1, alpm.VerCmp(p.Offered, p.Version))))
		p.Ignored = p.VersionOrder > 0 && (ignored || d.usage&alpm.UsageUpgrade == 0)
		return
	}
}

func copyDependencies(list alpm.IDependList) []dependency {
	var out []dependency
	_ = list.ForEach(func(d *alpm.Depend) error {
		out = append(out, dependency{name: d.Name, mod: d.Mod, version: d.Version})
		return nil
	})
	return out
}

// search returns the packages that match every expression in words, as pacman -Ss does.
func (s *session) search(words []string) ([]wire.Package, error) {
	var out []wire.Package
	for _, d := range s.dbs {
		if d.db == nil || d.PackageCount == 0 {
			continue
		}
		found := d.db.Search(words).Slice()
		if len(found) == 0 {
			// libalpm could read the database, so an error means that an expression is invalid.
			if err := s.handle.LastError(); err != nil {
				return nil, wire.Errorf(wire.CodeInvalid, "%v", err)
			}
		}
		for _, p := range found {
			out = append(out, searchResultPackage(d.Name, p))
		}
	}
	return out, nil
}

// info returns the packages with these names. A name may be "repository/name".
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
