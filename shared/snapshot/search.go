package snapshot

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// Matches is the result of a search or a look-up. Read and Each read its hits.
type Matches struct {
	wire.Basis
	// Total counts all matches, including those beyond a limit.
	Total int
	Hits  []pkgindex.Hit
	// Unknown are the targets of a look-up that no source has.
	Unknown []string
	// Suggestions are names similar to the words of a search that found nothing.
	Suggestions []string
}

const (
	// expressionTimeout limits a search for expressions: usual ones take milliseconds, but an expression can be written
	// to take minutes over all packages.
	expressionTimeout = 5 * time.Second
	// maxNames is the maximum number of names in one request. The unknown ones must fit into one chunk of a reply.
	maxNames = 10_000
	// maxSuggested is the number of words or unknown names for which suggestions are searched, since each is compared
	// with all names.
	maxSuggested = 20
	// maxSuggestions is the maximum number of names suggested for one search.
	maxSuggestions = 5
)

// invalid returns the error for an invalid request.
func invalid(format string, args ...any) error {
	return wire.Errorf(wire.CodeInvalid, format, args...)
}

// fromQuery converts an error of the query into an error of the request.
func fromQuery(err error) error {
	if errors.Is(err, pkgindex.ErrQuery) {
		return invalid("%v", err)
	}
	return err
}

// Check returns an error if a search is invalid, or if its repositories cannot be searched.
func (s *Snapshot) Check(r *wire.SearchRequest) error {
	_, err := s.parse(r)
	return err
}

func (s *Snapshot) parse(r *wire.SearchRequest) (*pkgindex.Query, error) {
	if err := s.searchable(r); err != nil {
		return nil, err
	}
	q, err := pkgindex.ParseQuery(r)
	return q, fromQuery(err)
}

// Search answers a SearchRequest without querying the AUR.
func (s *Snapshot) Search(r *wire.SearchRequest) (*Matches, error) {
	q, err := s.parse(r)
	if err != nil {
		return nil, err
	}
	wanted, _ := SplitRepositories(r)
	ctx := context.Background()
	if r.Regex {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, expressionTimeout)
		defer cancel()
	}
	result, err := s.set.Search(ctx, q, int(r.Limit))
	if err != nil {
		return nil, fromQuery(err)
	}
	if r.OnlyAUR {
		wanted = []string{wire.SourceAUR + "/"} // which no repository is called
	}
	found := &Matches{Basis: s.searchBasis(wanted), Total: result.Total, Hits: result.Hits}
	if found.Total == 0 {
		found.Suggestions, err = s.suggest(r)
	}
	return found, err
}

// SplitRepositories splits the words of a search into the repositories that it is restricted to (nil for all) and the other
// words.
func SplitRepositories(r *wire.SearchRequest) (repositories, words []string) {
	repositories = slices.Clone(r.Repos)
	for _, word := range r.Words {
		if name, ok := strings.CutPrefix(word, "repo:"); ok && name != "" {
			repositories = append(repositories, name)
		} else {
			words = append(words, word)
		}
	}
	return repositories, words
}

// searchable returns an error unless one of the sources that a request asks for, all
// repositories if it names none, can be searched, and all of them exist.
func (s *Snapshot) searchable(r *wire.SearchRequest) error {
	asked, _ := SplitRepositories(r)
	aur, others := r.OnlyAUR, asked
	if r.OnlyAUR {
		others = nil
	} else if s.namesAUR() && slices.Contains(asked, wire.SourceAUR) {
		aur = true
		others = slices.DeleteFunc(slices.Clone(asked), func(name string) bool { return name == wire.SourceAUR })
	}
	if aur && s.in.AUR == nil || aur && len(others) == 0 && !s.HasAUR() {
		return s.aurUnknown()
	}
	var names []string
	for i := range s.shown {
		names = append(names, s.shown[i].Name)
	}
	for _, name := range others {
		if !slices.Contains(names, name) {
			if s.in.AUR != nil && s.namesAUR() {
				names = append(names, wire.SourceAUR)
			}
			return invalid("no repository %q (have: %s)", name, strings.Join(names, ", "))
		}
	}
	if aur && s.HasAUR() {
		return nil // the AUR's data alone is enough only for a search of the AUR
	}
	for i := range s.shown {
		if src := &s.shown[i]; src.Index != nil && (len(others) == 0 || slices.Contains(others, src.Name)) {
			return nil
		}
	}
	return s.noRepositories(others)
}

// noRepositories returns the error for a search when no requested repository can be searched.
func (s *Snapshot) noRepositories(wanted []string) error {
	why := missing(s.shown, wanted)
	exists := func(src IndexedSource) bool { return src.State != wire.SourceMissing }
	if len(wanted) == 0 && !slices.ContainsFunc(s.shown, exists) {
		why = "no package databases in " + s.in.DBPath + "/sync: download them with pacman -Syu"
	}
	return wire.Errorf(wire.CodeNotReady, "no repository can be searched: %s", why)
}

// suggest returns names similar to the plain words of a request.
func (s *Snapshot) suggest(r *wire.SearchRequest) ([]string, error) {
	if r.Regex {
		return nil, nil
	}
	var close []string
	for _, w := range r.Words[:min(len(r.Words), maxSuggested)] {
		names, err := s.set.Suggest(w)
		if err != nil {
			return nil, err
		}
		close = append(close, names...)
	}
	return close[:min(len(close), maxSuggestions)], nil
}

// Info answers an InfoRequest without querying the AUR.
func (s *Snapshot) Info(r *wire.InfoRequest) (*Matches, error) {
	found, err := s.Lookup(r)
	if err == nil && s.onlyAUR(r) && !s.HasAUR() {
		return nil, s.aurUnknown() // as for a search there: unknown is not missing
	}
	return found, err
}

// onlyAUR reports whether all names are asked for in the AUR.
func (s *Snapshot) onlyAUR(r *wire.InfoRequest) bool {
	return s.namesAUR() && len(r.Names) > 0 && !slices.ContainsFunc(r.Names, func(n string) bool { return !strings.HasPrefix(n, wire.SourceAUR+"/") })
}

// Lookup looks up the packages that an InfoRequest names. A name that it does not find may be in the AUR, if there is
// no index of it.
func (s *Snapshot) Lookup(r *wire.InfoRequest) (*Matches, error) {
	if len(r.Names) > maxNames {
		return nil, invalid("%d names: at most %d per request", len(r.Names), maxNames)
	}
	found := &Matches{}
	var wanted []string // repositories; empty for all if one of the names has none
	all := len(r.Names) == 0
	for _, target := range r.Names {
		repo, name, ok := strings.Cut(target, "/")
		if !ok {
			repo, name, all = "", target, true
		} else if wanted = append(wanted, repo); repo == "" {
			found.Unknown = append(found.Unknown, target) // "/name" names no repository
			continue
		}
		hits, err := s.set.Lookup(repo, name)
		if err != nil {
			return nil, err
		}
		if len(hits) == 0 {
			found.Unknown = append(found.Unknown, target)
		}
		found.Hits = append(found.Hits, hits...)
	}
	if all {
		wanted = nil
	}
	found.Total = len(found.Hits)
	found.Basis = s.searchBasis(wanted)
	if !s.onlyAUR(r) && !answers(s.shown) {
		return nil, s.noRepositories(nil)
	}
	return found, nil
}

// Missing returns the unknown targets of a look-up, with similar names.
func (s *Snapshot) Missing(unknown []string) ([]wire.Missing, error) {
	list := make([]wire.Missing, len(unknown))
	for i, target := range unknown {
		list[i].Name = target
		repo, name, ok := strings.Cut(target, "/")
		if !ok {
			repo, name = "", target
		}
		if i >= maxSuggested || repo != "" && !s.set.HasRepo(repo) {
			continue
		}
		var err error
		if list[i].Suggestions, err = s.set.Suggest(name); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Overlay is what a snapshot adds to the record of a package.
type Overlay struct {
	Installed  string // version, empty if the package is not installed
	Shadowed   bool   // a package of the AUR whose name is also in a repository
	Advisories []string
}

// Read calls each for every hit with its record and the overlay, until each returns false. The record's bytes are those
// of the index.
func (s *Snapshot) Read(hits []pkgindex.Hit, details bool, each func(summary, details pkgindex.Record, o Overlay) bool) error {
	var words map[string][]string
	if details {
		security, err := s.security()
		if err != nil {
			return err
		}
		if security != nil {
			words = security.words
		}
	}
	return s.set.ReadAll(hits, details, func(h pkgindex.Hit, summary, rest pkgindex.Record) bool {
		name := summary.Name()
		o := Overlay{Installed: s.installed(name)}
		if s.set.Kind(h) == pkgindex.KindAUR {
			found, err := s.set.InRepos(name)
			o.Shadowed = err == nil && found
		} else {
			o.Advisories = words[name]
		}
		return each(summary, rest, o)
	})
}

// Each calls each for every hit as a package, until each returns an error. It must not keep the package.
func (s *Snapshot) Each(hits []pkgindex.Hit, details bool, each func(*wire.Package) error) error {
	var failed error
	err := s.Read(hits, details, func(summary, rest pkgindex.Record, o Overlay) bool {
		var p wire.Package
		if p, failed = pkgindex.Decode(summary, rest); failed == nil {
			p.Installed, p.Shadowed, p.Advisories = o.Installed, o.Shadowed, o.Advisories
			failed = each(&p)
		}
		return failed == nil
	})
	return errors.Join(failed, err)
}
