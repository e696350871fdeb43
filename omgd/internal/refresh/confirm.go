package refresh

import (
	"context"
	"slices"
	"strings"

	"github.com/omg-arch/omg/omgd/internal/alpm"
	"github.com/omg-arch/omg/omgd/internal/alpm/question"
	"github.com/omg-arch/omg/omgd/internal/state"
	"github.com/omg-arch/omg/shared/catalog"
	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/wire"
)

// word is what libalpm says of databases that we read otherwise. libalpm is right by
// definition: it is what pacman acts by.
type word struct {
	verdicts []inventory.Verdict
	// repositories says that it could read all of them.
	repositories bool

	// What it is about.
	local   *pacmandb.Local
	indexes []*state.Index // to tell them from others
	repos   *catalog.Repos
}

// about says that the word is about these databases.
func (w *word) about(local *pacmandb.Local, indexes []*state.Index, repos *catalog.Repos) bool {
	return local != nil && local.SamePackages(w.local) && slices.Equal(indexes, w.indexes) && sameConfig(repos, w.repos)
}

// askConfirmation has the current state confirmed. It never waits.
func (w *Worker) askConfirmation() {
	select {
	case w.confirmations <- struct{}{}:
	default:
	}
}

// confirm has libalpm look at the databases that a new state was made from, off
// every path: what we read is served meanwhile. It runs once for each state, and
// not for one that is replaced before its turn comes; where libalpm did not answer,
// the next refresh has it asked again.
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
		part, said := w.compare(ctx, &st.Machine)
		st.Release()
		if ctx.Err() != nil {
			return
		}
		w.libalpm.Store(part)
		if !said.same(w.word.Load()) {
			w.word.Store(said)
			w.Kick()
		}
	}
}

func (w *word) same(other *word) bool {
	if w == nil || other == nil {
		return w == other
	}
	return w.repositories == other.repositories && slices.Equal(w.verdicts, other.verdicts) &&
		other.about(w.local, w.indexes, w.repos)
}

// compare asks libalpm and returns what status says of it, nil if it agrees, and
// what to take over. Where we could not read everything it is not believed: it reads
// a damaged database in silence as one with fewer packages.
func (w *Worker) compare(ctx context.Context, m *state.Machine) (*wire.Part, *word) {
	config, facts := inventory.Facts(m.Repos, m.Set, m.Local)
	theirs, err := w.Alpm.Facts(ctx, alpm.Databases{
		Path: m.Repos.DBPath, Repos: config.Repos, IgnorePkg: config.IgnorePkg, IgnoreGroup: config.IgnoreGroup,
	})
	if err != nil {
		w.unconfirmed.Store(true)
		w.Log.Info("libalpm does not confirm", "err", err)
		return &wire.Part{Name: "libalpm", State: "missing", Why: err.Error()}, nil
	}
	w.unconfirmed.Store(false)
	w.version.Store(&theirs.LibAlpm)
	databases := make([]question.Database, len(config.Repos))
	for i, r := range config.Repos {
		databases[i].Name = r.Name
		if n, ok := m.Set.PackagesOf(r.Name); ok {
			databases[i].Packages = n
		} else {
			databases[i].Err = "not in the index"
		}
	}
	differ := alpm.Compare(theirs, alpm.Ours(m.Local, config, facts, databases))
	if len(differ) == 0 {
		return nil, nil
	}
	part := &wire.Part{Name: "libalpm", State: "differs", Why: strings.Join(differ[:min(len(differ), 3)], "; ")}
	w.Log.Warn("libalpm reads the databases differently", "differences", differ, "believed", m.Whole)
	if !m.Whole {
		part.Why += "; ours is kept, for not all could be read"
		return part, nil
	}
	part.Why += "; libalpm is believed"
	said := &word{
		local: m.Local, indexes: m.Indexes, repos: m.Repos,
		repositories: true, verdicts: make([]inventory.Verdict, len(theirs.Installed)),
	}
	for _, d := range theirs.Databases {
		said.repositories = said.repositories && d.Err == ""
	}
	for i, p := range theirs.Installed {
		said.verdicts[i] = inventory.Verdict{
			Name: p.Name, Version: p.Version, Reason: pacmandb.Reason(p.Reason), Need: inventory.Need(p.Need),
			Repo: p.Repo, Offered: p.Offered, Order: p.Order, Ignored: p.Ignored,
		}
	}
	return part, said
}

// LibAlpm is the version of libalpm that answered last, empty for none.
func (w *Worker) LibAlpm() string {
	if v := w.version.Load(); v != nil {
		return *v
	}
	return ""
}
