package app

import (
	"cmp"
	"context"
	"path/filepath"
	"time"

	"github.com/omg-arch/omg/omgd/internal/aur"
	"github.com/omg-arch/omg/omgd/internal/fetch"
	"github.com/omg-arch/omg/omgd/internal/mirror"
	"github.com/omg-arch/omg/omgd/internal/refresh"
	"github.com/omg-arch/omg/omgd/internal/service"
	"github.com/omg-arch/omg/omgd/internal/tracker"
	"github.com/omg-arch/omg/shared/answers"
	"github.com/omg-arch/omg/shared/catalog"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/wire"
)

// askTracker has the security tracker asked now and then, and returns what is
// known of it; nil where the configuration has it left alone.
func (d *daemon) askTracker(web *fetch.Client) func() *answers.Tracker {
	c := d.config.Tracker
	if !c.Enabled {
		return nil
	}
	t := tracker.New(tracker.Config{
		URL: c.URL, Interval: time.Duration(c.Interval), StaleAfter: time.Duration(d.config.Stale.Tracker),
		Client: web, Store: d.memory.store, Log: d.log,
		Changed: func() { d.worker.Kick() },
	})
	d.tasks = append(d.tasks, t.Run)
	return t.Latest
}

// mirror has databases of our own downloaded where the configuration asks for them,
// and returns where they are, else nil.
func (d *daemon) mirror(web *fetch.Client) *refresh.Mirror {
	c := d.config.Sync
	if !c.Own {
		return nil
	}
	m := mirror.New(mirror.Config{
		Sync: c, Fetch: web, Store: d.memory.store, Log: d.log, Dir: filepath.Join(d.data, catalog.OwnDir),
		Pacman: func() (*pacmandb.Config, error) {
			return pacmandb.ReadConfig(cmp.Or(d.pacmanConfig, catalog.DefaultPacmanConfig))
		},
		Build:   func(ctx context.Context, db, index string) error { return refresh.Build(ctx, index, "--db", db) },
		Changed: func() { d.worker.Kick() },
	})
	d.tasks = append(d.tasks, m.Run)
	return &refresh.Mirror{Dir: m.Dir, Stale: c.Stale(d.config.Stale.Repos), Why: m.Why}
}

// askAUR has the AUR asked, unless the configuration forbids it, and returns who
// asks it while someone waits, what says how it is, and what it said of the foreign
// packages.
func (d *daemon) askAUR(web *fetch.Client) (service.AUR, func() wire.Source, func() *answers.Asked, error) {
	c := d.config.AUR
	if !c.Enabled {
		return nil, nil, nil, nil
	}
	a, err := aur.New(aur.Config{
		AUR: c, Stale: time.Duration(d.config.Stale.AUR), Fetch: web, Store: d.memory.store, Log: d.log,
		Dump: filepath.Join(d.data, "aur.json.gz"), Index: filepath.Join(d.data, paths.AURIndex),
		Build: func(ctx context.Context, dump, index string) error {
			return refresh.Build(ctx, index, "--aur", dump)
		},
		Kick: func() { d.worker.Kick() }, Installed: d.foreign,
	})
	if err != nil {
		return nil, nil, nil, err
	}
	d.tasks = append(d.tasks, a.Run)
	return a, a.Source, a.Foreign, nil
}

// foreign are the names of the installed packages that no repository has; false if
// that is not known.
func (d *daemon) foreign() ([]string, bool) {
	st, _ := d.holder.Acquire()
	if st == nil {
		return nil, false
	}
	defer st.Release()
	if st.Inventory == nil || st.Inventory.Uncompared != "" {
		return nil, false
	}
	var names []string
	for _, p := range st.Inventory.Foreign {
		names = append(names, p.Name)
	}
	return names, true
}
