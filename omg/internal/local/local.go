// Package local answers without a daemon: from an index that is current, or
// from pacman's databases themselves.
package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/omg-arch/omg/omg/internal/ask"
	"github.com/omg-arch/omg/shared/answers"
	"github.com/omg-arch/omg/shared/catalog"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// Answer gives the answer to a request from the files.
func Answer(ctx context.Context, a *ask.Asker, op string, req any, emit ask.Emit) error {
	switch op {
	case wire.OpRefresh:
		return send(emit, &wire.RefreshResult{})
	case ask.OpConfig:
		return configuration(req.(*ask.ConfigRequest), emit)
	case ask.OpDoctor:
		return doctor(ctx, a, emit)
	case wire.OpCacheClear:
		return send(emit, &wire.CacheClearResult{})
	}
	if mine, err := aboutRuntimes(a, req, emit); mine {
		return err
	}
	c := settings()
	repos, err := catalog.Config{DBPath: a.DBPath, PacmanConfig: a.PacmanConfig, Stale: time.Duration(c.Stale.Repos)}.ReadRepos()
	if err != nil && !errors.Is(err, catalog.ErrNoDatabases) {
		return err
	}
	if only := onlyLocal(op, req); only != nil {
		return only(ctx, &system{a, repos}, emit)
	}
	l, err := open(ctx, a, &c, repos)
	if err != nil {
		return err
	}
	defer l.close()
	if err := l.describe(op); err != nil {
		return err
	}
	switch r := req.(type) {
	case *wire.SearchRequest:
		err = l.data.Search(r, answers.Emit(emit))
	case *wire.InfoRequest:
		err = l.data.Info(r, answers.Emit(emit))
	case *wire.SecurityRequest:
		err = l.security(a, r, emit)
	case *wire.InstalledRequest:
		err = l.data.Installed(r, answers.Emit(emit))
	default:
		switch op {
		case wire.OpStatus:
			err = l.data.Status(answers.Emit(emit))
		case wire.OpOutdated:
			err = l.data.Outdated(answers.Emit(emit))
		default:
			err = fmt.Errorf("no answer to %s without omgd", op)
		}
	}
	return askers(err)
}

// settings are the configuration. One that is wrong is the daemon's to complain
// about.
func settings() config.Config {
	c, err := config.Load(paths.Process(), false)
	if err != nil {
		return config.Default()
	}
	return c.Config
}

// askers marks an error of the one who asked.
func askers(err error) error {
	if errors.Is(err, pkgindex.ErrQuery) {
		return command.Usagef("%w", err)
	}
	if errors.Is(err, answers.ErrAUR) {
		return exit.With(exit.Network, err)
	}
	return err
}

// files is what answers are made from.
type files struct {
	data    answers.Data
	indexes []*pkgindex.File
	others  []*pkgindex.File // those that hold no repository, until they are among indexes
	local   *pacmandb.Local
	// repos and set are what the inventory is compared with: what is shown, unless
	// omgd keeps databases of its own.
	repos *catalog.Repos
	set   *pkgindex.Set
}

// open opens the indexes if what they hold of the repositories is current, else
// reads the databases, which is slower. What is installed is read meanwhile. It
// writes nothing.
func open(ctx context.Context, a *ask.Asker, c *config.Config, repos *catalog.Repos) (*files, error) {
	l := &files{}
	var localErr error
	var reading sync.WaitGroup
	reading.Go(func() { l.local, localErr = pacmandb.ReadLocal(ctx, repos.DBPath) })
	why, err := l.openIndexes(a, repos)
	if err != nil {
		reading.Wait()
		return nil, err
	}
	aur := l.openAUR(a, c)
	memory := len(l.indexes) == 0 && len(repos.List) > 0
	if memory {
		f, err := repos.Memory(ctx)
		if err != nil {
			reading.Wait()
			return nil, err
		}
		a.Note(fmt.Sprintf("read the databases themselves: %s", why))
		l.indexes = []*pkgindex.File{f}
	}
	reading.Wait()
	l.indexes = append(l.indexes, l.others...)
	shown, own := repos, l.openOwn(a, c, repos)
	if l.repos != nil && c.Sync.Search {
		shown, l.indexes = l.repos, slices.Concat(own, l.indexes)
	}
	l.data = answers.Data{Sources: shown.Sources(nil), At: time.Now().Unix()}
	if aur != nil {
		l.data.Sources = append(l.data.Sources, *aur)
	}
	if why := shown.Lacking(); why != "" {
		l.data.SetWhy = catalog.ErrNoDatabases.Error() + " " + why
	}
	for _, f := range l.indexes {
		if f.Path() != "" {
			l.data.Files = append(l.data.Files, f.Path())
			l.data.Built = max(l.data.Built, f.Facts().Built)
		}
	}
	view := shown.View()
	if localErr != nil {
		l.data.InstalledWhy = localErr.Error()
		// Where pacman never installed anything there is nothing to know.
		if !errors.Is(localErr, pacmandb.ErrNoLocal) {
			a.Note("what is installed is not known: " + l.data.InstalledWhy)
		}
	} else {
		for _, p := range l.local.Packages {
			view.Installed = append(view.Installed, p.Name)
		}
	}
	if l.data.Set, err = pkgindex.NewSet(l.indexes, view); err != nil {
		l.close()
		return nil, err
	}
	if l.repos == nil || shown == l.repos {
		l.repos, l.set = shown, l.data.Set
		return l, nil
	}
	l.data.Compared = l.repos.Sources(nil)
	l.indexes = slices.Concat(own, l.indexes)
	if l.set, err = pkgindex.NewSet(l.indexes, l.repos.View()); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// describe takes the inventory, as much of it as the answer needs.
func (l *files) describe(op string) (err error) {
	switch {
	case l.local == nil:
	case op == wire.OpSearch || op == wire.OpInfo:
		l.data.Inventory = plain(l.repos.DBPath, l.local)
	case l.data.SetWhy != "" && !l.repos.In(l.set):
		l.data.Inventory = inventory.Alone(l.repos.DBPath, l.local, l.data.SetWhy)
	default:
		if l.data.Inventory, err = inventory.Take(l.repos, l.set, l.local); err == nil {
			l.data.Foreign, err = answers.CompareForeign(l.data.Inventory, l.repos.Effective(), l.set, 0, nil)
		}
	}
	for _, part := range []*wire.Part{catalog.LockOf(l.repos.DBPath).Part, catalog.Unread(l.local)} {
		if part != nil {
			l.data.Parts = append(l.data.Parts, *part)
		}
	}
	return err
}

// openIndexes opens the first index that is current, and says why there is none.
// One that the user names is served where there are no databases, called stale,
// and must be there.
func (l *files) openIndexes(a *ask.Asker, repos *catalog.Repos) (why string, err error) {
	env := paths.Process()
	why = "there is no index; omg-index build makes one"
	named := env.AURIndexes(a.Index, a.DataDir) == nil
	for _, path := range env.Indexes(a.Index, a.DataDir) {
		if len(l.indexes) > 0 && !named {
			break
		}
		f, err := pkgindex.Open(path, env.Trusts)
		if errors.Is(err, fs.ErrNotExist) && len(a.Index) == 0 {
			continue
		}
		// The daemon does this in the background; here nobody would notice that
		// a flipped bit hides a package.
		if err == nil {
			if err = f.CheckSums(); err != nil {
				_ = f.Close()
				err = fmt.Errorf("%s: %w", path, err)
			}
		}
		if err != nil {
			if why = err.Error(); repos.Lacking() != "" && len(a.Index) > 0 {
				return "", err
			}
			continue
		}
		if !catalog.HoldsRepos(f) {
			l.others = append(l.others, f)
			continue
		}
		if len(l.indexes) > 0 {
			_ = f.Close()
			continue
		}
		if repos.Lacking() != "" {
			// Whose packages it has nobody knows, unless it was named.
			if len(a.Index) == 0 {
				_ = f.Close()
				continue
			}
			repos.Adopt(f)
		} else if stale := repos.Stale(f, catalog.ReadStamps(path, env.Trusts)); len(stale) > 0 {
			why = path + ": " + stale[0]
			// What it has of the AUR is as good as before: of two files with the same
			// repository the first counts, and that is what is read anew.
			l.others = append(l.others, f)
			continue
		}
		l.indexes = append(l.indexes, f)
	}
	return why, nil
}

func (l *files) close() {
	for _, f := range l.indexes {
		_ = f.Close()
	}
}
