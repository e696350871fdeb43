package pacman

import (
	"context"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/wire"
)

// query runs pacman -Q.
func (r *Runner) query(ctx context.Context) (int, error) {
	l := r.Line
	switch {
	case l.Has("search"):
		return r.searchInstalled()
	case l.Has("groups"):
		return r.installedGroups()
	case l.NeedsRepositories() && !r.checkRepositories():
		return 1, nil
	case len(l.Targets) == 0 && (l.Has("file") || l.Has("owns")):
		r.errorf("no targets specified (use -h for help)")
		return 1, nil
	case l.Has("owns"):
		return r.owners(ctx)
	case l.Has("file"):
		return r.queryFiles()
	}
	code, found := 0, false
	show := func(p *pacmandb.Installed) error {
		ok, err := r.passesFilters(p)
		if !ok {
			return err
		}
		found = true
		if !r.display(p) {
			code = 1
		}
		return ctx.Err()
	}
	if len(l.Targets) == 0 {
		for _, p := range r.installed() {
			if err := show(p); err != nil {
				return 1, err
			}
		}
	}
	for _, t := range l.Targets {
		p := r.findTarget(t)
		if p == nil {
			code = 1
			continue
		}
		if err := show(p); err != nil {
			return 1, err
		}
	}
	if !found {
		code = 1
	}
	return code, nil
}

// findTarget returns the installed package that a target names. It reports an error and returns nil if there is none.
func (r *Runner) findTarget(target string) *pacmandb.Installed {
	target = strings.TrimPrefix(target, "local/")
	p := r.findInstalled(target)
	if p == nil {
		r.errorf("package '%s' was not found", target)
		if unix.Access(target, unix.R_OK) == nil {
			r.Warn("'" + target + "' is a file, you might want to use -p/--file.")
		}
	}
	return p
}

// passesFilters reports whether a package passes the filters of the command line.
func (r *Runner) passesFilters(p *pacmandb.Installed) (bool, error) {
	l := r.Line
	if l.Has("explicit") && p.Reason != pacmandb.ReasonExplicit || l.Has("deps") && p.Reason != pacmandb.ReasonDepend {
		return false, nil
	}
	if l.Has("native") || l.Has("foreign") {
		if err := r.findForeign(); err != nil {
			return false, err
		}
		if r.foreign[p.Name] != l.Has("foreign") {
			return false, nil
		}
	}
	if n := l.Count("unrequired"); n > 0 && !r.relations().IsUnneeded(p.Name, n > 1) {
		return false, nil
	}
	if l.Has("upgrades") {
		if err := r.findUpdates(); err != nil {
			return false, err
		}
		return r.knownUpdates[p.Name] != nil, nil
	}
	return true, nil
}

// findForeign finds the packages that are in no repository.
func (r *Runner) findForeign() error {
	if r.foreign != nil {
		return nil
	}
	r.foreign = map[string]bool{}
	repos := r.repositoryNames()
	for _, p := range r.installed() {
		found, err := r.isInRepository(p.Name, repos)
		if err != nil {
			return err
		}
		r.foreign[p.Name] = !found
	}
	return nil
}

// findUpdates finds the packages of which a repository has a newer version.
func (r *Runner) findUpdates() error {
	if r.knownUpdates != nil {
		return nil
	}
	r.knownUpdates = map[string]*wire.Update{}
	if len(r.repositoryNames()) == 0 {
		return nil
	}
	all, err := r.Snapshot.Outdated()
	if err != nil {
		return err
	}
	for i := range all.Updates {
		r.knownUpdates[all.Updates[i].Name] = &all.Updates[i]
	}
	return nil
}

// display prints a package in the form that the command line selects. It returns false if a check found a problem.
func (r *Runner) display(p *pacmandb.Installed) (ok bool) {
	l := r.Line
	ok = true
	if n := l.Count("info"); n > 0 {
		r.printInstalledInfo(p, n > 1)
	}
	if l.Has("list") {
		r.printFiles(p)
	}
	if l.Has("changelog") {
		r.printChangelog(p)
	}
	if l.Has("check") {
		ok = r.check(p)
	}
	if l.Has("info") || l.Has("list") || l.Has("changelog") || l.Has("check") {
		return ok
	}
	switch u := r.knownUpdates[p.Name]; {
	case l.Has("quiet"):
		r.Style.PrintText(r.Out, p.Name)
	case l.Has("upgrades"):
		shown := *u
		shown.Fixes = nil
		r.Style.PrintUpdate(r.Out, &shown)
	default:
		r.Style.PrintNameVersion(r.Out, p.Name, p.Version)
	}
	return ok
}

// searchInstalled runs pacman -Qs.
func (r *Runner) searchInstalled() (int, error) {
	words, ok, err := r.searchWords(r.Line.Targets)
	if !ok {
		return 1, err
	}
	found := r.Snapshot.Inputs().Local.Packages.Search(words)
	for _, p := range found {
		if r.Line.Has("quiet") {
			r.Style.PrintText(r.Out, p.Name)
			continue
		}
		r.Style.PrintSearchResult(r.Out, &wire.Package{Repo: "local", Name: p.Name, Version: p.Version, Desc: p.Desc, Groups: p.Groups})
	}
	if len(found) == 0 {
		return 1, nil
	}
	return 0, nil
}

// groups lists names of groups with the packages of each.
type groups struct {
	names   []string
	members map[string][]string
}

// add adds a package to a group, once. The packages have to be added in the order of their names.
func (g *groups) add(group, name string) {
	if g.members == nil {
		g.members = map[string][]string{}
	}
	list, known := g.members[group]
	if !known {
		g.names = append(g.names, group)
	}
	if len(list) == 0 || list[len(list)-1] != name {
		g.members[group] = append(list, name)
	}
}

// installedGroups runs pacman -Qg.
func (r *Runner) installedGroups() (code int, err error) {
	var all groups
	kept := map[string]bool{}
	for _, p := range r.installed() {
		for _, g := range p.Groups {
			all.add(g, p.Name)
		}
		if len(p.Groups) > 0 {
			if kept[p.Name], err = r.passesFilters(p); err != nil {
				return 1, err
			}
		}
	}
	names, quiet := r.Line.Targets, r.Line.Has("quiet")
	if len(names) == 0 {
		names, quiet = all.names, false
	}
	for _, g := range names {
		members, ok := all.members[g]
		if !ok {
			r.errorf("group '%s' was not found", g)
			code++
		}
		for _, name := range members {
			switch {
			case !kept[name]:
			case quiet:
				r.Style.PrintText(r.Out, name)
			default:
				r.Style.PrintPacmanGroup(r.Out, g, name)
			}
		}
	}
	return code, nil
}

// owners runs pacman -Qo.
func (r *Runner) owners(ctx context.Context) (code int, err error) {
	type target struct {
		name string // the name for the error that nothing owns it
		at   int    // the index in resolved; -1 if nothing can own it
	}
	var targets []target
	var resolved []pacmandb.ResolvedPath
	for _, t := range r.Line.Targets {
		if t == "" {
			targets = append(targets, target{"", -1})
			continue
		}
		name := strings.TrimRight(t, "/")
		if name == "" {
			name = "/"
		}
		if _, err := os.Lstat(name); err != nil && !strings.Contains(name, "/") {
			if found, ok := findInPath(name); ok {
				name, t = found, found
			}
		}
		path, err := pacmandb.ResolveOwned(r.Setup.Root(), t)
		if err != nil {
			targets = append(targets, target{name, -1})
			continue
		}
		targets = append(targets, target{name, len(resolved)})
		resolved = append(resolved, path)
	}
	local := r.Snapshot.Inputs().Local.Packages
	owners, _, err := local.Owners(ctx, r.dbPath(), resolved)
	if err != nil {
		return 1, err
	}
	for _, t := range targets {
		if t.at >= 0 && len(owners[t.at]) > 0 {
			for _, p := range owners[t.at] {
				r.printOwner(resolved[t.at].Path, p)
			}
			continue
		}
		code++
		if t.name == "" {
			r.errorf("empty string passed to file owner query")
			continue
		}
		r.errorf("No package owns %s", t.name)
	}
	return code, nil
}

func (r *Runner) printOwner(path string, p *pacmandb.Installed) {
	if r.Line.Has("quiet") {
		r.Style.PrintText(r.Out, p.Name)
		return
	}
	r.Style.PrintOwner(r.Out, path, p.Name, p.Version)
}

// findInPath finds a name in the directories of PATH, as pacman -Qo does: the file need not be executable.
func findInPath(name string) (path string, ok bool) {
	env, ok := os.LookupEnv("PATH")
	if !ok {
		return "", false
	}
	for dir := range strings.SplitSeq(env, ":") {
		path := strings.TrimRight(dir, "/") + "/" + name
		if _, err := os.Lstat(path); err == nil {
			return path, true
		}
	}
	return "", false
}
