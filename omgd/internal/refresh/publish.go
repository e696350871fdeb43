package refresh

import (
	"maps"
	"slices"

	"github.com/omg-arch/omg/omgd/internal/state"
	"github.com/omg-arch/omg/shared/answers"
	"github.com/omg-arch/omg/shared/catalog"
	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// snapshot is what a state is made from, to know a change.
type snapshot struct {
	indexes []*state.Index // of the repositories
	others  []*state.Index // given ones without repositories
	aur     *state.Index   // the AUR's own, nil for none
	repos   *catalog.Repos
	stale   []string // what the indexes do not have right
	// renewed are the repositories with databases of our own, and mirrored the indexes
	// of those; nil where we keep none.
	renewed  *catalog.Repos
	mirrored []*state.Index
	local    *pacmandb.Local
	why      string // why local is missing or uncertain
	noIndex  string // why there is no index though there are databases
	parts    []wire.Part
	tracker  *answers.Tracker
	asked    *answers.Asked
	// aurSource says how far the AUR's data can be believed, nil for none.
	aurSource *wire.Source

	runtimes []wire.Runtime
	system   map[string]string // versions of runtimes

	// word is libalpm's, to be taken for ours; nil where they agree.
	word *word

	// What publish makes of it: the repositories that are shown and how, the sources
	// of what is shown, and of what is compared if that is something else.
	served            *catalog.Repos
	view              pkgindex.View
	sources, compared []wire.Source
}

// describe fills in what is told of the sources.
func (s *snapshot) describe(mirrorSearch bool) {
	s.served, s.sources = s.repos, s.repos.Sources(s.stale)
	if s.renewed != nil {
		s.compared = s.renewed.Sources(s.stale)
		if mirrorSearch {
			s.served, s.sources, s.compared = s.renewed, s.compared, nil
		}
	}
	s.view = s.served.View()
	if s.aurSource != nil {
		s.sources = append(s.sources, *s.aurSource)
	}
}

// shown are the indexes that are searched.
func (s *snapshot) shown() []*state.Index {
	if s.served == s.repos {
		return s.all()
	}
	return append(slices.Clone(s.mirrored), s.all()...)
}

// lacks says why a set has no packages of repositories, empty if it has.
func (s *snapshot) lacks(repos *catalog.Repos, set *pkgindex.Set) string {
	switch {
	case repos.In(set):
		return ""
	case s.noIndex == "" && repos.Lacking() != "":
		return catalog.ErrNoDatabases.Error() + " " + repos.Lacking()
	}
	return s.noIndex
}

// publish swaps a new state in if it differs from the current one. False means that
// none could be made.
func (w *Worker) publish(next snapshot) bool {
	next.describe(w.MirrorSearch)
	if word := w.word.Load(); word != nil && word.about(next.local, next.all(), next.repos) {
		next.word = word
	}
	if w.last != nil && w.last.says(&next) {
		w.last.local = next.local // the same packages, perhaps with a surer stamp
		if w.unconfirmed.Load() {
			w.askConfirmation()
		}
		return true
	}
	st, err := w.newState(&next)
	if err != nil {
		w.fail(err)
		w.Suspect()
		return false
	}
	w.Holder.Swap(st, "")
	w.last = &next
	w.askConfirmation()
	w.Log.Info("new state", "generation", w.generation, "packages", st.Set.Packages(), "installed", len(next.view.Installed))
	return true
}

// newState makes the state that a snapshot says.
func (w *Worker) newState(next *snapshot) (*state.State, error) {
	if next.local != nil {
		for _, p := range next.local.Packages {
			next.view.Installed = append(next.view.Installed, p.Name)
		}
	}
	shown := next.shown()
	set, err := pkgindex.NewSet(files(shown), next.view)
	if err != nil {
		return nil, err
	}
	data := answers.Data{
		Set: set, SetWhy: next.lacks(next.served, set), Generation: w.generation + 1,
		Sources: next.sources, Compared: next.compared, InstalledWhy: next.why, Parts: next.parts,
		Runtimes: next.runtimes, SystemRuntimes: next.system,
	}
	for _, x := range shown {
		data.Files = append(data.Files, x.Path())
		data.Built = max(data.Built, x.Facts().Built)
	}
	machine := state.Machine{
		Repos: next.repos, Set: set, Indexes: next.all(), Local: next.local,
		Whole: next.noIndex == "" && len(next.stale) == 0 && next.why == "" && next.repos.In(set) && catalog.Unread(next.local) == nil,
	}
	compared, against := next.served, set
	kept := append(slices.Clone(next.mirrored), next.all()...)
	switch {
	case len(next.mirrored) == 0:
	case next.served == next.renewed:
		machine.Set, err = pkgindex.NewSet(files(next.all()), next.repos.View())
	default:
		compared = next.renewed
		against, err = pkgindex.NewSet(files(kept), compared.View())
	}
	if err != nil {
		return nil, err
	}
	if err := next.compare(&data, compared, against); err != nil {
		return nil, err
	}
	w.generation++
	return state.New(data, machine, kept), nil
}

// compare fills in what follows from what is installed and what the repositories
// have.
func (s *snapshot) compare(data *answers.Data, repos *catalog.Repos, set *pkgindex.Set) (err error) {
	if s.local != nil {
		if err := s.takeInventory(data, repos, set); err != nil {
			return err
		}
	}
	if s.tracker != nil {
		data.Security, err = answers.Assess(s.tracker, data.Inventory, set)
	}
	return err
}

func (s *snapshot) takeInventory(data *answers.Data, repos *catalog.Repos, set *pkgindex.Set) (err error) {
	lacks := s.lacks(repos, set)
	if lacks != "" {
		data.Inventory = inventory.Alone(s.repos.DBPath, s.local, lacks)
	} else if data.Inventory, err = inventory.Take(repos, set, s.local); err != nil {
		return err
	}
	if s.word != nil {
		data.Inventory = data.Inventory.Correct(s.word.verdicts, s.word.repositories && repos == s.repos)
	}
	if lacks != "" {
		return nil
	}
	var aurBuilt int64
	if s.aur != nil {
		aurBuilt = s.aur.Facts().Built
	}
	data.Foreign, err = answers.CompareForeign(data.Inventory, repos.Effective(), set, aurBuilt, s.asked)
	return err
}

func files(indexes []*state.Index) []*pkgindex.File {
	out := make([]*pkgindex.File, len(indexes))
	for i, x := range indexes {
		out[i] = x.File
	}
	return out
}

// says reports whether a state made of next would say what the one made of s says.
func (s *snapshot) says(next *snapshot) bool {
	return slices.Equal(next.all(), s.all()) && slices.Equal(next.mirrored, s.mirrored) &&
		next.tracker == s.tracker && next.asked == s.asked && next.word == s.word &&
		slices.Equal(next.runtimes, s.runtimes) && maps.Equal(next.system, s.system) &&
		slices.Equal(next.view.Repos, s.view.Repos) && slices.Equal(next.view.NoSearch, s.view.NoSearch) &&
		slices.Equal(next.sources, s.sources) && slices.Equal(next.compared, s.compared) &&
		next.why == s.why && next.noIndex == s.noIndex && slices.Equal(next.parts, s.parts) &&
		sameConfig(next.repos, s.repos) &&
		(next.local == s.local || next.local != nil && s.local != nil && next.local.SamePackages(s.local))
}

// sameConfig says that two readings of pacman.conf ignore the same packages.
func sameConfig(a, b *catalog.Repos) bool {
	if a.Config == nil || b.Config == nil {
		return a.Config == b.Config
	}
	return slices.Equal(a.Config.IgnorePkg, b.Config.IgnorePkg) &&
		slices.Equal(a.Config.IgnoreGroup, b.Config.IgnoreGroup) &&
		slices.Equal(a.List, b.List)
}
