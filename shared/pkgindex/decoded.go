package pkgindex

import (
	"slices"
	"sync"

	"github.com/omg-arch/omg/shared/wire"
)

// decodedTexts contains buffers for the texts of decoded packages.
var decodedTexts = sync.Pool{New: func() any { return new([]byte) }}

// Match reports whether a decoded package matches the query, as a search finds it in an index. It needs the fields that the words search: the
// summary, and for depends: the details. The query's Sort and AllRepos have no effect. For is:installed, the package must have its
// InstalledVersion, and for is:explicit, the query its ExplicitNames.
func (q *Query) Match(p *wire.Package) bool {
	return q.includesPackage(p.Repo, p.AUR != nil) && q.hasStates(p.InstalledVersion != "", q.ExplicitNames[p.Name]) && q.matchWords(p)
}

// MatchInstalled reports whether an installed package matches the query, as Match does. Its repository is the one from which pacman installed
// it, which only pacman 7 records.
func (q *Query) MatchInstalled(p *wire.InstalledPackage) bool {
	const explicit = "explicit" // see InstalledPackage.Reason
	return q.includesPackage(p.InstalledFromRepo, false) && q.hasStates(true, p.Reason == explicit) && q.matchWords(&p.Package)
}

// includesPackage reports whether the query searches a repository, or the AUR.
func (q *Query) includesPackage(repo string, inAUR bool) bool {
	if q.onlyAUR {
		return inAUR
	}
	return !(q.noAUR && inAUR) && (len(q.repos) == 0 || slices.Contains(q.repos, repo))
}

// hasStates reports whether a package has all states that the query wants, and none that it does not want.
func (q *Query) hasStates(installed, explicit bool) bool {
	return !slices.ContainsFunc(q.states, func(t stateTerm) bool {
		has := installed
		if t.state == wire.StateExplicit {
			has = explicit
		}
		return has == t.unwanted
	})
}

// matchWords reports whether a package matches all wanted words and none of the others.
func (q *Query) matchWords(p *wire.Package) bool {
	if len(q.terms) == 0 && len(q.unwanted) == 0 {
		return true
	}
	var text docText
	if slices.ContainsFunc(q.terms, isTextTerm) || slices.ContainsFunc(q.unwanted, isTextTerm) {
		buffer := decodedTexts.Get().(*[]byte)
		defer decodedTexts.Put(buffer)
		all, lens := appendText((*buffer)[:0], p)
		*buffer = all
		text = cutText(all, lens)
	}
	m := matcher{decoded: p}
	has := func(t *term) bool {
		// A decoded package has no damage, so there is no error.
		_, ok, _ := m.findTerm(&matcherTerm{term: t}, 0, text, p.AUR != nil)
		return ok
	}
	for i := range q.terms {
		if !has(&q.terms[i]) {
			return false
		}
	}
	for i := range q.unwanted {
		if has(&q.unwanted[i]) {
			return false
		}
	}
	return true
}

func isTextTerm(t term) bool { return t.searchesDocText() }
