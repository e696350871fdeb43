package snapshot

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// Matches is the result of a search or a look-up. The methods Read and Each of a Snapshot read the packages of its hits.
type Matches struct {
	wire.Basis
	// Total is the number of all matches, including matches beyond a limit.
	Total int
	Hits  []pkgindex.Hit
	// Unknown lists the requested names of a look-up that no source has.
	Unknown []string
	// Suggestions lists names similar to the words of a search that found nothing.
	Suggestions []string
}

const (
	// expressionTimeout limits the time of a search for regular expressions. Matching a usual expression against all
	// packages takes milliseconds, but an expression can be written so that it takes minutes.
	expressionTimeout = 5 * time.Second
	// maxNames is the maximum number of names in one request. All unknown names must fit into one chunk of a reply.
	maxNames = 10_000
	// maxSuggested is the maximum number of words or unknown names for which similar names are searched: each word is
	// compared with the names of all packages.
	maxSuggested = 20
	// maxSuggestions is the maximum number of names suggested for one search.
	maxSuggestions = 5
)

// invalid returns the error for an invalid request.
func invalid(format string, args ...any) error {
	return wire.Errorf(wire.CodeInvalid, format, args...)
}

// fromQuery converts the error of an invalid query into an error with the code CodeInvalid. It returns other errors
// unchanged.
func fromQuery(err error) error {
	if errors.Is(err, pkgindex.ErrQuery) {
		return invalid("%v", err)
	}
	return err
}

// Check returns an error if a search request is invalid, or if the requested repositories cannot be searched.
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

// Search returns the packages that match a SearchRequest. It does not query the AUR.
func (s *Snapshot) Search(r *wire.SearchRequest) (*Matches, error) { return s.SearchPausing(r, nil) }

// SearchPausing is Search for a server. It calls the function pause again and again, if it is not nil. An error of pause
// ends the search.
func (s *Snapshot) SearchPausing(r *wire.SearchRequest, pause func() error) (*Matches, error) {
	q, err := s.parse(r)
	if err != nil {
		return nil, err
	}
	wanted, _ := SplitRepositories(r)
	q.Pause = pause
	if r.Regex {
		q.Pause = limited(pause)
	}
	result, err := s.set.Search(q, int(r.Limit))
	if err != nil {
		return nil, fromQuery(err)
	}
	if r.OnlyAUR {
		wanted = []string{wire.SourceAUR + "/"} // a name that no repository can have, so that no repository is in the basis
	}
	found := &Matches{Basis: s.searchBasis(wanted), Total: result.Total, Hits: result.Hits}
	if found.Total == 0 {
		found.Suggestions, err = s.suggest(r)
	}
	return found, err
}

// limited returns a function that calls pause, and that returns an error if the search for an expression takes too long. The
// time that pause takes does not count.
func limited(pause func() error) func() error {
	end := time.Now().Add(expressionTimeout)
	return func() error {
		now := time.Now()
		if now.After(end) {
			return invalid("the expression takes too long: more than %v", expressionTimeout)
		}
		if pause == nil {
			return nil
		}
		err := pause()
		end = end.Add(time.Since(now))
		return err
	}
}

// SplitRepositories returns the repositories to which a search is restricted, by its field Repos or by words such as
// repo:core, and its other words. If the search is not restricted, repositories is nil.
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

// searchable returns an error if a requested repository does not exist, or if none of the requested sources can be
// searched. A request without repositories requests all repositories.
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
		return nil // only a search that requests the AUR is possible with the AUR's data alone
	}
	for i := range s.shown {
		if src := &s.shown[i]; src.Index != nil && (len(others) == 0 || slices.Contains(others, src.Name)) {
			return nil
		}
	}
	return s.noRepositories(others)
}

// noRepositories returns the error for a request if none of the wanted repositories can be searched. If wanted is nil, the
// request was for all repositories.
func (s *Snapshot) noRepositories(wanted []string) error {
	why := missing(s.shown, wanted)
	exists := func(src IndexedSource) bool { return src.State != wire.SourceMissing }
	if len(wanted) == 0 && !slices.ContainsFunc(s.shown, exists) {
		why = "no package databases in " + s.in.DBPath + "/sync: download them with pacman -Syu"
	}
	return wire.Errorf(wire.CodeNotReady, "no repository can be searched: %s", why)
}

// suggest returns names similar to the words of a search, or nil if the words are regular expressions.
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

// Info returns the packages that an InfoRequest requests. It does not query the AUR.
func (s *Snapshot) Info(r *wire.InfoRequest) (*Matches, error) {
	found, err := s.Lookup(r)
	if err == nil && s.onlyAURNames(r) && !s.HasAUR() {
		return nil, s.aurUnknown() // without the AUR's data, it is unknown whether the AUR has the packages
	}
	return found, err
}

// onlyAURNames reports whether all names of a request are of the form aur/name and mean the AUR.
func (s *Snapshot) onlyAURNames(r *wire.InfoRequest) bool {
	return s.namesAUR() && len(r.Names) > 0 && !slices.ContainsFunc(r.Names, func(n string) bool { return !strings.HasPrefix(n, wire.SourceAUR+"/") })
}

// Lookup returns the packages that an InfoRequest requests. If the snapshot has no index of the AUR, the AUR may have the
// packages that Lookup does not find.
func (s *Snapshot) Lookup(r *wire.InfoRequest) (*Matches, error) {
	if len(r.Names) > maxNames {
		return nil, invalid("%d names: at most %d per request", len(r.Names), maxNames)
	}
	found := &Matches{}
	var wanted []string // the repositories of the names; nil for all repositories if a name is without one
	all := len(r.Names) == 0
	for _, target := range r.Names {
		repo, name, ok := strings.Cut(target, "/")
		if !ok {
			repo, name, all = "", target, true
		} else if wanted = append(wanted, repo); repo == "" {
			found.Unknown = append(found.Unknown, target) // "/name" has an empty repository, which does not exist
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
	if !s.onlyAURNames(r) && !answers(s.shown) {
		return nil, s.noRepositories(nil)
	}
	return found, nil
}

// Missing returns the unknown names of a look-up, each with similar names that exist.
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

// Overlay holds the fields that a snapshot adds to a package's data from an index.
type Overlay struct {
	Installed  string // the installed version; empty if the package is not installed
	Shadowed   bool   // the package is in the AUR, and a repository has a package with its name
	Advisories []string
}

// Read calls the function each for every hit, with the summary, the details and the overlay of the package, until the
// function returns false. The bytes of the records are parts of the mapped index, so the function must copy what it keeps.
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

// Each calls the function each for every hit with the decoded package, until the function returns an error. The function
// must not keep the pointer to the package.
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
