package direct

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/aurcheck"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/journal"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/wire"
)

// AURLog implements backend.Backend.
func (b *Backend) AURLog(ctx context.Context, r *backend.AURLogRequest, visit func(*backend.AUREvent) error) (*backend.AURLogResult, error) {
	path, problem, err := b.findJournal()
	if err != nil {
		return nil, err
	}
	wanted, basis, err := b.wantedPackageBases(ctx, r)
	if err != nil {
		return nil, err
	}
	reading, err := aurcheck.ReadJournal(path, b.env.Trusts, func(e *journal.Entry) error {
		if e.Between.To < r.Since {
			return nil
		}
		for _, event := range e.Events {
			if wanted != nil && !wanted[event.Base] {
				continue
			}
			described := aurcheck.DescribeEvent(event, e.Source)
			converted := backend.NewAUREvent(&described)
			if err := visit(&converted); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	reading.AddProblem(problem)
	described := aurcheck.DescribeReading(path, &reading)
	return &backend.AURLogResult{Basis: *basis, JournalReading: backend.NewJournalReading(&described)}, nil
}

// noJournalError is the error if no journal exists. The parameter dirs lists the directories that were searched.
func noJournalError(dirs []string) error {
	return &exit.Error{
		Code: exit.Network, Err: fmt.Errorf("no journal of the AUR in %s", strings.Join(dirs, " and ")),
		Hint: "omgd begins a journal when it downloads the next dump of the AUR",
	}
}

// indexDirs returns the directories of the indexes that the user named or, if the user named none, those in the data directories.
func (b *Backend) indexDirs() (dirs []string) {
	if named := b.env.ChosenIndexPaths(b.o.IndexPaths); named != nil {
		for _, path := range named {
			if fi, err := os.Stat(path); err != nil || !fi.IsDir() {
				path = filepath.Dir(path)
			}
			dirs = append(dirs, path)
		}
	} else {
		for _, dir := range b.env.DataDirs(b.o.DataDir) {
			dirs = append(dirs, paths.IndexDir(dir))
		}
	}
	return dirs
}

// findJournal returns the path of the pulled journal, or of the journal in one of the directories of indexes. If it finds several of these journals,
// it returns the most recently written one. It also returns why the journal has no new entries; empty if it has.
func (b *Backend) findJournal() (path, problem string, err error) {
	c := b.settings()
	p := b.findPulled(&c)
	if p == nil || b.env.ChosenIndexPaths(b.o.IndexPaths) != nil {
		path, err = b.findOwnJournal()
		return path, "", err
	}
	if path, problem = p.Journal(""); path != "" {
		_, err = os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			err = exit.WithCode(exit.Network, fmt.Errorf("no journal of the AUR was pulled yet: %s", cmp.Or(problem, wire.NotDownloadedYet)))
		}
		return path, problem, err
	}
	if path, err = b.findOwnJournal(); err != nil && problem != "" {
		err = &exit.Error{Code: exit.Network, Err: fmt.Errorf("no journal of the AUR: %s", problem)}
	}
	return path, problem, err
}

// findOwnJournal returns the path of the journal in one of the directories of indexes.
func (b *Backend) findOwnJournal() (string, error) {
	dirs := b.indexDirs()
	var found string
	var written time.Time
	var failed error
	for _, dir := range dirs {
		path := filepath.Join(dir, journal.FileName)
		fi, err := os.Stat(path)
		switch {
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			failed = cmp.Or(failed, err)
		case err == nil && (found == "" || fi.ModTime().After(written)):
			found, written = path, fi.ModTime()
		}
	}
	switch {
	case found != "":
		return found, nil
	case failed != nil:
		return "", failed
	}
	return "", noJournalError(dirs)
}

// wantedPackageBases returns the package bases whose events are wanted, or nil if the events of all package bases are wanted. It
// also returns the basis of the result that names these package bases.
func (b *Backend) wantedPackageBases(ctx context.Context, r *backend.AURLogRequest) (map[string]bool, *wire.Basis, error) {
	wanted := map[string]bool{}
	switch {
	case r.All:
		return nil, &wire.Basis{}, nil
	case len(r.Names) > 0:
		for _, name := range r.Names {
			wanted[name] = true
		}
		b.addPackageBases(ctx, r.Names, wanted)
		return wanted, &wire.Basis{}, nil
	}
	all, err := b.Installed(ctx, &wire.InstalledRequest{Filter: wire.FilterForeign, Details: true})
	if err != nil {
		return nil, nil, err
	}
	var names []string
	for i := range all.Packages {
		p := &all.Packages[i]
		wanted[cmp.Or(p.Base, p.Name)] = true
		names = append(names, p.Name)
	}
	// Without the AUR's data, the package bases from which the packages were built are known nevertheless.
	_ = b.addAURBases(ctx, names, wanted)
	return wanted, &all.Basis, nil
}

// addPackageBases adds the package bases of the named packages to the map wanted: those from which installed packages were built, and those in which
// the AUR has the packages now. If the AUR's data cannot be read, a note lists the packages whose package bases are unknown.
func (b *Backend) addPackageBases(ctx context.Context, names []string, wanted map[string]bool) {
	unknown := slices.Clone(names)
	here, err := b.Installed(ctx, &wire.InstalledRequest{Names: names, Details: true})
	if err == nil {
		for i := range here.Packages {
			p := &here.Packages[i]
			if !slices.Contains(names, p.Name) {
				continue // found by a name that it provides; the AUR's package of that name is another one
			}
			wanted[cmp.Or(p.Base, p.Name)] = true
			unknown = slices.DeleteFunc(unknown, func(name string) bool { return name == p.Name })
		}
	}
	if err := b.addAURBases(ctx, names, wanted); err != nil && len(unknown) > 0 {
		b.o.PrintNote("the package bases of " + strings.Join(unknown, ", ") + " are unknown: " + err.Error())
	}
}

// addAURBases adds the package bases in which the last dump has the packages to the map wanted.
func (b *Backend) addAURBases(ctx context.Context, names []string, wanted map[string]bool) error {
	if len(names) == 0 {
		return nil
	}
	request := &wire.InfoRequest{Offline: true}
	for _, name := range names {
		request.Names = append(request.Names, wire.SourceAUR+"/"+name)
	}
	_, err := b.Info(ctx, request, func(p *wire.Package) error {
		wanted[cmp.Or(p.Base, p.Name)] = true
		return nil
	}, func() {})
	return err
}
