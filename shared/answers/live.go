package answers

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// FromAUR is what the AUR said to one question, now or before.
type FromAUR struct {
	// Packages is an index of what it has; nil if that is not known.
	Packages *pkgindex.File
	// Source says how far that can be believed, and of when it is.
	Source wire.Source
}

var (
	// ErrAUR means that only the AUR could have answered, and it could not. The text
	// says why.
	ErrAUR = errors.New("the AUR is not known")
	// ErrLacking means that a name is in nothing that there is here.
	ErrLacking = errors.New("a name is not known here")
)

// noAUR is an AUR without packages.
var noAUR = sync.OnceValues(func() (*pkgindex.File, error) {
	b := pkgindex.NewBuilder("none", 0)
	b.Source(wire.SourceAUR, pkgindex.KindAUR)
	data, err := b.Bytes()
	if err != nil {
		return nil, err
	}
	return pkgindex.OpenBytes(data)
})

// HasAUR says that there are packages of the AUR to answer from.
func (d *Data) HasAUR() bool { return d.Set != nil && d.Set.HasRepo(wire.SourceAUR) }

// SearchesLive says that the AUR is to be asked for a search: one that wants it so,
// or that takes packages of the AUR while nothing is known of it here.
func (d *Data) SearchesLive(r *wire.SearchRequest) bool {
	if r.NoAUR || !r.Live && d.HasAUR() || d.searchable(onlyAUR(r)) != nil {
		return false
	}
	repos, _ := reposAsked(r)
	return len(repos) == 0 || slices.Contains(repos, wire.SourceAUR)
}

// reposAsked are the repositories that a search keeps to, and its other words.
func reposAsked(r *wire.SearchRequest) (repos, words []string) {
	repos = slices.Clone(r.Repos)
	for _, word := range r.Words {
		if name, ok := strings.CutPrefix(word, "repo:"); ok && name != "" {
			repos = append(repos, name)
		} else {
			words = append(words, word)
		}
	}
	return repos, words
}

// official is the data without the AUR, which it knows by name all the same.
func (d *Data) official() (*Data, error) {
	none, err := noAUR()
	if err != nil {
		return nil, err
	}
	return d.withAUR(none)
}

// withAUR is the data with another AUR, and without its source.
func (d *Data) withAUR(f *pkgindex.File) (*Data, error) {
	set, err := d.Set.WithAUR(f, func(name string) bool { return d.installed(name) != "" })
	if err != nil {
		return nil, err
	}
	next := *d
	next.Set = set
	next.Sources = slices.DeleteFunc(slices.Clone(d.Sources), func(s wire.Source) bool { return s.Name == wire.SourceAUR })
	return &next, nil
}

// said is the data to answer the AUR's half from, and its source: what it said, or
// else what was known of it before. Nil means that nothing is known.
func (d *Data) said(by FromAUR) (*Data, wire.Source, error) {
	if by.Packages != nil {
		next, err := d.withAUR(by.Packages)
		return next, by.Source, err
	}
	if !d.HasAUR() {
		return nil, by.Source, nil
	}
	s := by.Source
	s.State = wire.SourceStale
	if i := slices.IndexFunc(d.Sources, func(s wire.Source) bool { return s.Name == wire.SourceAUR }); i >= 0 {
		s.AsOf, s.Changed = d.Sources[i].AsOf, d.Sources[i].Changed
	}
	return d, s, nil
}

// SearchLive answers a SearchRequest in two halves: at once what the repositories
// have, and when aur returns, which asks the AUR, what that has. Each half has
// its own order and at most as many packages as the limit; the total is in the last
// part. With nothing found in the repositories and nothing known of the AUR the
// error is ErrAUR.
func (d *Data) SearchLive(r *wire.SearchRequest, aur func() FromAUR, emit Emit) error {
	official, err := d.official()
	if err != nil {
		return err
	}
	found, near, err := official.find(r)
	if err != nil {
		return err
	}
	w := newWriter(emit)
	defer w.done()
	fields := 3
	if len(near) > 0 {
		fields++
	}
	w.mapLen(fields)
	w.uint("generation", d.Generation)
	w.value("sources", official.Sources)
	if len(near) > 0 {
		w.value("close", near)
	}
	if err := official.packages(w, found.Hits, false); err != nil {
		return err
	}
	if err := w.flush(true); err != nil {
		return err
	}
	data, source, err := d.said(aur())
	if err != nil {
		return err
	}
	if data == nil && found.Total == 0 {
		return fmt.Errorf("%w: nothing is in the repositories, and %s", ErrAUR, source.Why)
	}
	total := found.Total
	var hits pkgindex.Result
	if data != nil {
		only := *r
		only.Repos = []string{wire.SourceAUR}
		_, only.Words = reposAsked(r)
		if hits, _, err = data.find(&only); err != nil {
			return err
		}
		total += hits.Total
	} else {
		data = official
	}
	w.mapLen(3)
	w.uint("total", uint64(total))
	w.value("sources", []wire.Source{source})
	if err := data.packages(w, hits.Hits, false); err != nil {
		return err
	}
	return w.flush(false)
}

// InfoLive answers an InfoRequest as SearchLive does: at once what is known of the
// names here, and when aur returns, which asks the AUR for names, the others.
func (d *Data) InfoLive(r *wire.InfoRequest, aur func(names []string) FromAUR, emit Emit) error {
	if err := d.searchable(namesOnlyAUR(r)); err != nil {
		return err
	}
	hits, lacking, err := d.lookup(r.Names)
	if err != nil {
		return err
	}
	w := newWriter(emit)
	defer w.done()
	w.mapLen(3)
	w.uint("generation", d.Generation)
	w.value("sources", slices.DeleteFunc(slices.Clone(d.Sources), func(s wire.Source) bool { return s.Name == wire.SourceAUR }))
	if err := d.packages(w, hits, true); err != nil {
		return err
	}
	if err := w.flush(true); err != nil {
		return err
	}
	var names []string
	for _, target := range lacking {
		if name, ok := ofAUR(target); ok {
			names = append(names, name)
		}
	}
	said := aur(names)
	known := said.Packages != nil
	data, source, err := d.said(said)
	switch {
	case err != nil:
		return err
	case data == nil && len(hits) == 0 && len(names) == len(lacking):
		return fmt.Errorf("%w: %s is in no repository, and %s", ErrAUR, strings.Join(names[:min(len(names), 3)], ", "), source.Why)
	case data == nil:
		if data, err = d.official(); err != nil {
			return err
		}
	}
	var found []pkgindex.Hit
	var missing []wire.Missing
	for _, target := range lacking {
		var own []pkgindex.Hit
		if name, ok := ofAUR(target); ok && known {
			if own, err = data.Set.Lookup(wire.SourceAUR, name); err != nil {
				return err
			}
		}
		if len(own) == 0 {
			m, err := d.missing(target, len(missing))
			if err != nil {
				return err
			}
			missing = append(missing, m)
		}
		found = append(found, own...)
	}
	fields := 2
	if len(missing) > 0 {
		fields++
	}
	w.mapLen(fields)
	w.value("sources", []wire.Source{source})
	if len(missing) > 0 {
		w.value("missing", missing)
	}
	if err := data.packages(w, found, true); err != nil {
		return err
	}
	return w.flush(false)
}

// ofAUR is the name in a target that may be in the AUR.
func ofAUR(target string) (name string, ok bool) {
	repo, name, ok := strings.Cut(target, "/")
	if !ok {
		return target, true
	}
	return name, repo == wire.SourceAUR
}

// onlyAUR says that a search wants packages of the AUR alone.
func onlyAUR(r *wire.SearchRequest) bool { return len(r.Repos) == 1 && r.Repos[0] == wire.SourceAUR }

// namesOnlyAUR says that all names are asked for in the AUR.
func namesOnlyAUR(r *wire.InfoRequest) bool {
	return len(r.Names) > 0 && !slices.ContainsFunc(r.Names, func(n string) bool { return !strings.HasPrefix(n, wire.SourceAUR+"/") })
}

// noAUR is the error where nothing is known of the AUR.
func (d *Data) noAUR() error {
	i := slices.IndexFunc(d.Sources, func(s wire.Source) bool { return s.Name == wire.SourceAUR })
	if i < 0 {
		return fmt.Errorf("%w: there is no index of it, and it is not asked", ErrAUR)
	}
	return fmt.Errorf("%w: %s", ErrAUR, d.Sources[i].Why)
}
