package app

import (
	"context"
	"path/filepath"
	"time"

	"github.com/omg-arch/omg/omgd/internal/aur"
	"github.com/omg-arch/omg/omgd/internal/fetch"
	"github.com/omg-arch/omg/omgd/internal/refresh"
	"github.com/omg-arch/omg/omgd/internal/service"
	"github.com/omg-arch/omg/omgd/internal/tracker"
	"github.com/omg-arch/omg/shared/answers"
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
