package snapshot

import (
	"cmp"
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/filesindex"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// suggest returns package names that are similar to the words of a search: to all words together, and otherwise to single words. If
// the words are regular expressions, or one of them names a state, it returns nil.
func (s *Snapshot) suggest(r *wire.SearchRequest) ([]wire.Suggestion, error) {
	if r.Regex || r.NamesState() {
		return nil, nil
	}
	_, words := SplitReposFromWords(r)
	words = words[:min(len(words), maxWordsWithSuggestions)]
	close, err := s.searchFileSet.Suggest(strings.Join(words, " "))
	if err != nil || len(close) > 0 || len(words) < 2 {
		return close, err
	}
	for _, w := range words {
		similar, err := s.searchFileSet.Suggest(w)
		if err != nil {
			return nil, err
		}
		close = append(close, similar...)
	}
	return close[:min(len(close), maxSuggestions)], nil
}

// maxCommandOwners is the maximum number of packages in one list of files that are compared with each other because they bring the same
// command.
const maxCommandOwners = 100

// commandOwner is a package of a repository that brings a command.
type commandOwner struct {
	name       string
	prominence uint8
}

// suggestByCommand returns the packages that bring a command whose name is the only word of a query: the most prominent first, then in
// the order of the repositories and of the names. It returns nil for other queries, and if a package of the repositories has this name.
func (s *Snapshot) suggestByCommand(q *pkgindex.Query) ([]wire.Suggestion, error) {
	word, ok := q.OnlyWord()
	if !ok || !slices.ContainsFunc(s.inputs.Files, func(src FilesSource) bool { return src.List != nil }) {
		return nil, nil
	}
	if isName, err := s.searchFileSet.HasRepoPackage(word); isName || err != nil {
		return nil, err
	}
	var owners []commandOwner
	for i := range s.inputs.Files {
		src := &s.inputs.Files[i]
		if src.List == nil {
			continue
		}
		found, err := s.commandOwners(src, word)
		if err != nil {
			return nil, err
		}
		owners = append(owners, found...)
	}
	slices.SortStableFunc(owners, func(a, b commandOwner) int { return cmp.Compare(b.prominence, a.prominence) })
	var list []wire.Suggestion
	for _, o := range owners {
		suggested := wire.Suggestion{Name: o.name, Reason: wire.SuggestionCommand}
		if len(list) < maxSuggestions && !slices.Contains(list, suggested) {
			list = append(list, suggested)
		}
	}
	return list, nil
}

// commandOwners returns the packages of a repository that bring a command, in the order of their names. Packages that only the list of
// files has are left out. So is a list that cannot be read, because the results of a search do not depend on it.
func (s *Snapshot) commandOwners(src *FilesSource, command string) (owners []commandOwner, err error) {
	var names []string
	unread := src.List.Commands(command, nil, func(p *filesindex.Package, _ string) error {
		if len(names) < maxCommandOwners && !slices.Contains(names, p.Name) {
			names = append(names, p.Name)
		}
		return nil
	})
	if unread != nil {
		return nil, nil
	}
	for _, name := range names {
		prominence, found, err := s.searchFileSet.Prominence(src.Name, name)
		if err != nil {
			return nil, err
		}
		if found {
			owners = append(owners, commandOwner{name, prominence})
		}
	}
	return owners, nil
}
