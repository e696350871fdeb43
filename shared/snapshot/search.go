package snapshot

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// Matches is the result of a search, or of a look-up by name. Its hits identify packages: Snapshot.ReadRecords and
// Snapshot.EachPackage read the packages.
type Matches struct {
	wire.Basis
	// Total is the number of all matching packages. It can be larger than the number of hits, which a limit restricts.
	Total int
	Hits  []pkgindex.Hit
	// UnknownNames lists the names in a request that no source contains. Only a look-up sets it.
	UnknownNames []string
	// Suggestions lists other packages that may be meant (see wire.SearchResult). Only a search sets it.
	Suggestions []wire.Suggestion
	// Explainer says why each hit stands where it does. Only a search with Explain sets it.
	Explainer *pkgindex.Explainer
}

const (
	// expressionTimeout is the maximum duration of a search for regular expressions. A usual expression takes
	// milliseconds, but a user can write an expression that would take minutes.
	expressionTimeout = 5 * time.Second
	// maxExpressionStep is the most that counts of the time between two pauses of such a search. A step is much shorter, unless the
	// process did not run.
	maxExpressionStep = time.Second
	// maxLookupNames is the maximum number of names in one look-up. If all of them are unknown, they must still fit into one
	// chunk of the reply.
	maxLookupNames = 10_000
	// maxWordsWithSuggestions is the maximum number of words or unknown names of a request for which similar names are searched.
	// The search compares each of them with the names of all packages.
	maxWordsWithSuggestions = 20
	// maxSuggestions is the maximum number of similar names that are suggested in one reply to a search.
	maxSuggestions = 5
	// maxProviders is the maximum number of packages that are listed as those that provide an unknown name.
	maxProviders = 5
)

// invalidErrorf returns an error with the code CodeInvalid.
func invalidErrorf(format string, args ...any) error {
	return wire.Errorf(wire.CodeInvalid, format, args...)
}

// convertQueryError adds the code CodeInvalid to an error that wraps pkgindex.ErrQuery. It returns other errors unchanged.
func convertQueryError(err error) error {
	if errors.Is(err, pkgindex.ErrQuery) {
		return invalidErrorf("%v", err)
	}
	return err
}

// CheckSearch returns an error if Search could not run the request, because the request is invalid or because the requested
// repositories cannot be searched.
func (s *Snapshot) CheckSearch(r *wire.SearchRequest) error {
	_, err := s.parseQuery(r)
	return err
}

func (s *Snapshot) parseQuery(r *wire.SearchRequest) (*pkgindex.Query, error) {
	if err := s.checkSearchable(r); err != nil {
		return nil, err
	}
	q, err := pkgindex.ParseQuery(r)
	return q, convertQueryError(err)
}

// Search returns the packages that match a SearchRequest. It sends no query to the AUR.
func (s *Snapshot) Search(r *wire.SearchRequest) (*Matches, error) { return s.SearchWithPause(r, nil) }

// SearchWithPause is like Search, but calls the function pause regularly, so that a server can run other requests during
// a search. If pause returns an error, the search ends with that error. The function may be nil.
func (s *Snapshot) SearchWithPause(r *wire.SearchRequest, pause func() error) (*Matches, error) {
	q, err := s.parseQuery(r)
	if err != nil {
		return nil, err
	}
	wanted, _ := SplitReposFromWords(r)
	q.PauseFunc = pause
	if r.Regex {
		q.PauseFunc = PauseWithTimeout(pause)
	}
	if q.InState, err = s.packagesInStates(q.States()); err != nil {
		return nil, err
	}
	result, err := s.searchFileSet.Search(q, int(r.Skip), int(r.Limit))
	if err != nil {
		return nil, convertQueryError(err)
	}
	if inRepo := s.splitRepository(r); inRepo != nil && result.Total == 0 {
		return s.SearchWithPause(inRepo, pause)
	}
	if r.OnlyAUR {
		wanted = []string{wire.SourceAUR + "/"} // no repository can have this name, so the basis lists no repository
	}
	found := &Matches{Basis: s.searchBasis(wanted), Total: result.Total, Hits: result.Hits}
	if len(q.States()) > 0 {
		local := s.localBasis()
		found.Stale, found.Partial, found.Why = local.Stale, found.Partial || local.Partial, local.Why
	}
	if r.Explain {
		found.Explainer = s.searchFileSet.NewExplainer(q)
	}
	found.Suggestions, err = s.suggestByCommand(q)
	if err == nil && found.Total == 0 && len(found.Suggestions) == 0 {
		found.Suggestions, err = s.suggest(r)
	}
	return found, err
}

// splitRepository returns the request for a single word such as core/bash: bash in the repository core. It returns nil if there is no such
// word or no such repository.
func (s *Snapshot) splitRepository(r *wire.SearchRequest) *wire.SearchRequest {
	if r.Regex || r.OnlyAUR || len(r.Repos) > 0 || len(r.Words) != 1 {
		return nil
	}
	repo, name, ok := strings.Cut(r.Words[0], "/")
	if !ok || name == "" || !s.searchFileSet.HasRepo(repo) {
		return nil
	}
	split := *r
	split.Repos, split.Words = []string{repo}, []string{name}
	return &split
}

// PauseWithTimeout returns a function that calls pause. After expressionTimeout, the returned function returns an error. The
// time that is spent in pause does not count, and of a time in which the process does not run at most maxExpressionStep counts.
// The function pause may be nil.
func PauseWithTimeout(pause func() error) func() error {
	searched, begin := time.Duration(0), time.Now()
	return func() (err error) {
		searched += min(time.Since(begin), maxExpressionStep)
		if searched > expressionTimeout {
			return invalidErrorf("the search was stopped after %v: use simpler or fewer regular expressions", expressionTimeout)
		}
		if pause != nil {
			err = pause()
		}
		begin = time.Now()
		return err
	}
}

// SplitReposFromWords splits a search request into the repositories to search and the words to search for. A request
// restricts its repositories by the field Repos, or by words such as repo:core. If it does not, repositories is nil.
func SplitReposFromWords(r *wire.SearchRequest) (repositories, words []string) {
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

// checkSearchable returns an error if a requested repository does not exist, or if none of the requested sources can be
// searched. If the request names no repository, all repositories are requested.
func (s *Snapshot) checkSearchable(r *wire.SearchRequest) error {
	requested, _ := SplitReposFromWords(r)
	aur, repos := r.OnlyAUR, requested
	if r.OnlyAUR {
		repos = nil
	} else if s.hasNoRepoNamedAUR() && slices.Contains(requested, wire.SourceAUR) {
		aur = true
		repos = slices.DeleteFunc(slices.Clone(requested), func(name string) bool { return name == wire.SourceAUR })
	}
	if aur && s.inputs.AUR == nil || aur && len(repos) == 0 && !s.HasAUR() {
		return s.NoAURDataError()
	}
	var names []string
	for i := range s.searchedRepos {
		names = append(names, s.searchedRepos[i].Name)
	}
	for _, name := range repos {
		if !slices.Contains(names, name) {
			if s.inputs.AUR != nil && s.hasNoRepoNamedAUR() {
				names = append(names, wire.SourceAUR)
			}
			return invalidErrorf("no repository %q (have: %s)", name, strings.Join(names, ", "))
		}
	}
	if aur && s.HasAUR() {
		return nil // the request includes the AUR, whose data is available, so no repository has to be searchable
	}
	for i := range s.searchedRepos {
		if src := &s.searchedRepos[i]; src.Index != nil && (len(repos) == 0 || slices.Contains(repos, src.Name)) {
			return nil
		}
	}
	return s.noRepositoriesError(repos)
}

// noRepositoriesError returns the error that none of the requested repositories can be searched. If requested is nil, all
// repositories were requested.
func (s *Snapshot) noRepositoriesError(requested []string) error {
	why := missingReposText(s.searchedRepos, requested)
	exists := func(src IndexedSource) bool { return src.State != wire.SourceMissing }
	if len(requested) == 0 && !slices.ContainsFunc(s.searchedRepos, exists) {
		why = "no package databases in " + s.inputs.DBPath + "/sync: download them with pacman -Syu"
	}
	return wire.Errorf(wire.CodeNotReady, "no repository can be searched: %s", why)
}

// Info returns the packages whose names are in an InfoRequest. It sends no query to the AUR. If all names are of the
// form aur/name and the snapshot has no data of the AUR, it returns an error.
func (s *Snapshot) Info(r *wire.InfoRequest) (*Matches, error) {
	found, err := s.Lookup(r)
	if err == nil && s.hasOnlyAURNames(r) && !s.HasAUR() {
		return nil, s.NoAURDataError() // without the AUR's data, it is unknown whether the packages exist
	}
	return found, err
}

// hasOnlyAURNames reports whether a request names only packages of the AUR, in the form aur/name.
func (s *Snapshot) hasOnlyAURNames(r *wire.InfoRequest) bool {
	return s.hasNoRepoNamedAUR() && len(r.Names) > 0 && !slices.ContainsFunc(r.Names, func(n string) bool { return !strings.HasPrefix(n, wire.SourceAUR+"/") })
}

// Lookup returns the packages whose names are in an InfoRequest. If the snapshot has no index of the AUR, packages that
// Lookup does not find may exist in the AUR.
func (s *Snapshot) Lookup(r *wire.InfoRequest) (*Matches, error) {
	if len(r.Names) > maxLookupNames {
		return nil, invalidErrorf("%d names in one request: at most %d are allowed", len(r.Names), maxLookupNames)
	}
	found := &Matches{}
	var wanted []string // the repositories to search: those in names like core/bash, or nil (all) if a name has no repository
	all := len(r.Names) == 0
	for _, target := range r.Names {
		repo, name, ok := strings.Cut(target, "/")
		if !ok {
			repo, name, all = "", target, true
		} else if wanted = append(wanted, repo); repo == "" {
			found.UnknownNames = append(found.UnknownNames, target) // the repository in "/name" is empty, so the package cannot exist
			continue
		}
		hits, err := s.searchFileSet.Lookup(repo, name)
		if err != nil {
			return nil, err
		}
		if len(hits) == 0 {
			found.UnknownNames = append(found.UnknownNames, target)
		}
		found.Hits = append(found.Hits, hits...)
	}
	if all {
		wanted = nil
	}
	found.Total = len(found.Hits)
	found.Basis = s.searchBasis(wanted)
	if !s.hasOnlyAURNames(r) && !hasAnyIndex(s.searchedRepos) {
		return nil, s.noRepositoriesError(nil)
	}
	return found, nil
}

// HitsOfRepo returns all packages of one of the repositories that searches use, in no particular order.
func (s *Snapshot) HitsOfRepo(repo string) []pkgindex.Hit { return s.searchFileSet.HitsOfRepo(repo) }

// RepoOf returns the name of the repository that contains a hit.
func (s *Snapshot) RepoOf(h pkgindex.Hit) string { return s.searchFileSet.RepoOf(h) }

// SuggestForUnknown returns the unknown names of a look-up. For each of the first maxWordsWithSuggestions names, it adds similar names of
// existing packages, whether the name is that of a group, and which packages provide it.
func (s *Snapshot) SuggestForUnknown(unknown []string) ([]wire.MissingName, error) {
	list := make([]wire.MissingName, len(unknown))
	for i, target := range unknown {
		list[i].Name = target
		repo, name, ok := strings.Cut(target, "/")
		if !ok {
			repo, name = "", target
		}
		if i >= maxWordsWithSuggestions || repo != "" && !s.searchFileSet.HasRepo(repo) {
			continue
		}
		var err error
		if list[i].Suggestions, err = s.searchFileSet.Suggest(name); err != nil {
			return nil, err
		}
		if repo == "" && wire.IsPossibleName(name) {
			if err := s.findOtherMeaning(&list[i]); err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}

// findOtherMeaning sets what a name is that no package has: a group of the repositories, or a name that their packages provide. A search
// ignores case, but finds packages that provide exactly the name first.
func (s *Snapshot) findOtherMeaning(m *wire.MissingName) error {
	visitFound := func(word string, visit func(*wire.Package) error) error {
		q, err := pkgindex.ParseQuery(&wire.SearchRequest{Words: []string{word}, NoAUR: true, AllRepos: true})
		if err != nil {
			return nil // a name of this length is too long for a search, and too long for a group
		}
		found, err := s.searchFileSet.Search(q, 0, 4*maxProviders)
		if err != nil {
			return err
		}
		return s.EachPackage(found.Hits, true, visit)
	}
	err := visitFound("group:="+m.Name, func(p *wire.Package) error {
		m.IsGroup = m.IsGroup || slices.Contains(p.Groups, m.Name)
		return nil
	})
	if err != nil {
		return err
	}
	isProvided := func(relation string) bool {
		name, _, _ := strings.Cut(relation, "=")
		return name == m.Name
	}
	return visitFound("provides:"+m.Name, func(p *wire.Package) error {
		if len(m.Providers) < maxProviders && slices.ContainsFunc(p.Provides, isProvided) && !slices.Contains(m.Providers, p.Name) {
			m.Providers = append(m.Providers, p.Name)
		}
		return nil
	})
}

// UnindexedFields contains the fields of a package that are not in an index. A snapshot adds them.
type UnindexedFields struct {
	InstalledVersion string // the installed version; empty if the package is not installed
	ShadowedByRepo   bool   // the package is in the AUR, and a repository has a package with the same name
	AdvisoryLines    []string
	AURFindings      *wire.AURMark
	Rank             *wire.SearchRank
}

// ReadRecords calls the function visit for each hit, until visit returns false. It passes the summary, the details and the
// overlay of the package. The records are parts of the mapped index: visit must copy the bytes that it needs later. The Explainer, which
// may be nil, sets the packages' ranks.
func (s *Snapshot) ReadRecords(hits []pkgindex.Hit, details bool, explainer *pkgindex.Explainer, visit func(summary, details pkgindex.Record, o UnindexedFields) bool) error {
	var words map[string][]string
	if details {
		security, err := s.security()
		if err != nil {
			return err
		}
		if security != nil {
			words = security.linesByPackage
		}
	}
	var failed error
	err := s.searchFileSet.ReadRecords(hits, details, func(h pkgindex.Hit, summary, rest pkgindex.Record) bool {
		name := summary.Name()
		o := UnindexedFields{InstalledVersion: s.installedVersion(name)}
		if s.searchFileSet.SourceKindOf(h) == pkgindex.KindAUR {
			found, err := s.searchFileSet.HasRepoPackage(name)
			o.ShadowedByRepo = err == nil && found
			if details && o.InstalledVersion != "" && !o.ShadowedByRepo {
				o.AURFindings = s.inputs.AURFindings.mark(name)
			}
		} else {
			o.AdvisoryLines = words[name]
		}
		if explainer != nil {
			var rank wire.SearchRank
			if rank, failed = explainer.Explain(h); failed != nil {
				return false
			}
			o.Rank = &rank
		}
		return visit(summary, rest, o)
	})
	return errors.Join(err, failed)
}

// EachPackage calls the function visit with the decoded package of each hit, until visit returns an error. visit must not keep
// the pointer to the package.
func (s *Snapshot) EachPackage(hits []pkgindex.Hit, details bool, visit func(*wire.Package) error) error {
	return s.eachPackage(hits, details, nil, visit)
}

// EachMatch calls the function visit with each package that a search found, without details, until visit returns an error. visit must not
// keep the pointer to the package.
func (s *Snapshot) EachMatch(found *Matches, visit func(*wire.Package) error) error {
	return s.eachPackage(found.Hits, false, found.Explainer, visit)
}

func (s *Snapshot) eachPackage(hits []pkgindex.Hit, details bool, explainer *pkgindex.Explainer, visit func(*wire.Package) error) error {
	var failed error
	err := s.ReadRecords(hits, details, explainer, func(summary, rest pkgindex.Record, o UnindexedFields) bool {
		var p wire.Package
		if p, failed = pkgindex.DecodePackage(summary, rest); failed == nil {
			p.InstalledVersion, p.Shadowed, p.Advisories = o.InstalledVersion, o.ShadowedByRepo, o.AdvisoryLines
			p.AURFindings, p.Rank = o.AURFindings, o.Rank
			failed = visit(&p)
		}
		return failed == nil
	})
	return errors.Join(failed, err)
}
