package refresh

import (
	"context"
	"strings"

	"github.com/omg-arch/omg/omgd/internal/alpm"
	"github.com/omg-arch/omg/omgd/internal/alpm/question"
	"github.com/omg-arch/omg/omgd/internal/state"
	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/wire"
)

// confirm has libalpm look at the databases that a new state was made from, off
// every path: what we read is served meanwhile. It runs once for each state, and
// not for one that is replaced before its turn comes.
func (w *Worker) confirm(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.confirmations:
		}
		st, _ := w.Holder.Acquire()
		if st == nil || st.Machine.Repos == nil || st.Inventory == nil || st.Inventory.Uncompared != "" || st.InstalledWhy != "" {
			if st != nil {
				st.Release()
			}
			continue
		}
		part := w.compare(ctx, st)
		st.Release()
		if ctx.Err() == nil {
			w.libalpm.Store(part)
		}
	}
}

// compare asks libalpm and returns what status says of it: nil if it agrees.
func (w *Worker) compare(ctx context.Context, st *state.State) *wire.Part {
	repos, set := st.Machine.Repos, st.Machine.Set
	config, facts := inventory.Facts(repos, set, st.Inventory.Local)
	theirs, err := w.Alpm.Facts(ctx, alpm.Databases{
		Path: repos.DBPath, Repos: config.Repos, IgnorePkg: config.IgnorePkg, IgnoreGroup: config.IgnoreGroup,
	})
	if err != nil {
		w.Log.Info("libalpm does not confirm", "err", err)
		return &wire.Part{Name: "libalpm", State: "missing", Why: err.Error()}
	}
	databases := make([]question.Database, len(config.Repos))
	for i, r := range config.Repos {
		databases[i].Name = r.Name
		if n, ok := set.PackagesOf(r.Name); ok {
			databases[i].Packages = n
		} else {
			databases[i].Err = "not in the index"
		}
	}
	if differ := alpm.Compare(theirs, alpm.Ours(st.Inventory.Local, config, facts, databases)); len(differ) > 0 {
		w.Log.Warn("libalpm reads the databases differently", "differences", differ)
		return &wire.Part{Name: "libalpm", State: "differs", Why: strings.Join(differ[:min(len(differ), 3)], "; ")}
	}
	return nil
}

// Parts are what status says of the worker's own helpers.
func (w *Worker) Parts() []wire.Part {
	if p := w.libalpm.Load(); p != nil {
		return []wire.Part{*p}
	}
	return nil
}
