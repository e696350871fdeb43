package refresh

import (
	"context"
	"fmt"

	"github.com/omg-arch/omg/omgd/internal/alpm"
	"github.com/omg-arch/omg/shared/answers"
	"github.com/omg-arch/omg/shared/catalog"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// DirectSearch has libalpm search the databases: slower, and for as long as
// there is no index.
func (w *Worker) DirectSearch(ctx context.Context, r *wire.SearchRequest, emit answers.Emit) error {
	query, err := pkgindex.ParseQuery(r)
	if err != nil {
		return err
	}
	words, ok := query.Expressions()
	if !ok {
		return fmt.Errorf("%w: without an index only names, descriptions, groups and what is provided are searched", pkgindex.ErrQuery)
	}
	return w.direct(ctx, func(d alpm.Databases) (*alpm.Found, error) {
		return w.Alpm.Search(ctx, d, words)
	}, func(data *answers.Data) error { return data.Search(r, emit) })
}

// DirectInfo has libalpm look packages up.
func (w *Worker) DirectInfo(ctx context.Context, r *wire.InfoRequest, emit answers.Emit) error {
	return w.direct(ctx, func(d alpm.Databases) (*alpm.Found, error) {
		return w.Alpm.Info(ctx, d, r.Names)
	}, func(data *answers.Data) error { return data.Info(r, emit) })
}

// direct makes a set of what libalpm found, so that its answer is in the order
// and the form of all others.
func (w *Worker) direct(ctx context.Context, find func(alpm.Databases) (*alpm.Found, error), answer func(*answers.Data) error) error {
	repos, err := w.Catalog.ReadRepos()
	if err != nil {
		return err
	}
	d := alpm.Databases{Path: repos.DBPath}
	config := repos.Effective()
	d.Repos, d.IgnorePkg, d.IgnoreGroup = config.Repos, config.IgnorePkg, config.IgnoreGroup
	found, err := find(d)
	if err != nil {
		return err
	}
	build := pkgindex.NewBuilder("libalpm", 0)
	sources := map[string]*pkgindex.Source{}
	for _, r := range repos.List {
		sources[r.Name] = build.Source(r.Name, pkgindex.KindRepo)
	}
	for i := range found.Packages {
		p := &found.Packages[i]
		if sources[p.Repo] == nil {
			continue
		}
		if err := sources[p.Repo].Add(p); err != nil {
			return err
		}
	}
	b, err := build.Bytes()
	if err != nil {
		return err
	}
	file, err := pkgindex.OpenBytes(b)
	if err != nil {
		return err
	}
	defer file.Close()
	data, view := answers.Data{Sources: askedOf(repos, found)}, repos.View()
	if st, _ := w.Holder.Acquire(); st != nil {
		defer st.Release()
		data.Inventory, data.InstalledWhy, data.Generation = st.Inventory, st.InstalledWhy, st.Generation
		if st.Inventory != nil {
			view.Installed = st.Inventory.Names()
		}
	}
	if data.Set, err = pkgindex.NewSet([]*pkgindex.File{file}, view); err != nil {
		return err
	}
	return answer(&data)
}

// askedOf are the sources, and which of them libalpm could not read.
func askedOf(repos *catalog.Repos, found *alpm.Found) []wire.Source {
	sources := repos.Sources(nil)
	for i := range sources {
		for _, d := range found.Databases {
			if d.Name == sources[i].Name && d.Err != "" {
				sources[i].State, sources[i].Why = wire.SourceFailed, "libalpm: "+d.Err
			}
		}
		if sources[i].State == wire.SourceOK {
			sources[i].Why = "asked of libalpm: there is no index"
		}
	}
	return sources
}
