package pkgindex

import (
	"cmp"
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/wire"
)

// oracle is a slow and simple search, with which the results of FileSet.Search are compared. For every word, it compares
// every field of every package.
type oracle struct {
	repos     []string
	packages  []wire.Package
	installed []string

	tiers map[string][]Tier // for each word, the tier of each package; numTiers if the package does not match
	order []int             // indexes into packages, sorted as a search sorts packages of the same tier
}

// tiersOf returns the tier of each package for one word.
func (o *oracle) tiersOf(word string) []Tier {
	if tiers, ok := o.tiers[word]; ok {
		return tiers
	}
	tiers := make([]Tier, len(o.packages))
	for i := range o.packages {
		tiers[i] = oracleTier(&o.packages[i], word)
	}
	if o.tiers == nil {
		o.tiers = map[string][]Tier{}
	}
	o.tiers[word] = tiers
	return tiers
}

// sorted returns the indexes in o.packages of all packages from o.repos, in the order in which a search lists equally
// good matches.
func (o *oracle) sorted() []int {
	if o.order != nil {
		return o.order
	}
	for i := range o.packages {
		if slices.Contains(o.repos, o.packages[i].Repo) {
			o.order = append(o.order, i)
		}
	}
	votes := func(p *wire.Package) uint32 {
		if p.AUR == nil {
			return 0
		}
		return p.AUR.Votes
	}
	slices.SortStableFunc(o.order, func(i, j int) int {
		a, b := &o.packages[i], &o.packages[j]
		return cmp.Or(
			compareBool(!slices.Contains(o.installed, a.Name), !slices.Contains(o.installed, b.Name)),
			cmp.Compare(slices.Index(o.repos, a.Repo), slices.Index(o.repos, b.Repo)),
			cmp.Compare(votes(b), votes(a)),
			cmp.Compare(len(Fold(a.Name)), len(Fold(b.Name))),
			cmp.Compare(Fold(a.Name), Fold(b.Name)),
		)
	})
	return o.order
}

func (o *oracle) search(words ...string) []string {
	var found [numTiers][]string
	for _, i := range o.sorted() {
		worst := TierExact
		for _, word := range words {
			worst = max(worst, o.tiersOf(word)[i])
		}
		if worst < numTiers {
			found[worst] = append(found[worst], o.packages[i].Repo+"/"+o.packages[i].Name)
		}
	}
	names := []string{}
	for _, of := range found {
		names = append(names, of...)
	}
	return names
}

// oracleTier returns the tier of a package for a word, or numTiers if the package does not match.
func oracleTier(p *wire.Package, w string) Tier {
	field, word := "", w
	if f, rest, ok := strings.Cut(w, ":"); ok && fieldByPrefix[f] != fieldAny {
		field, word = f, rest
	}
	word = Fold(word)
	if name, ok := strings.CutPrefix(word, "="); ok && field == "group" && name != "" {
		if slices.ContainsFunc(p.Groups, func(v string) bool { return Fold(v) == name }) {
			return TierDesc
		}
		return numTiers
	}
	best := numTiers
	at := func(in string, t Tier) {
		if (field == "" || field == in) && t < best {
			best = t
		}
	}
	name := Fold(p.Name)
	for i := range len(name) + 1 {
		switch {
		case !strings.HasPrefix(name[i:], word):
		case i == 0 && name == word:
			at("name", TierExact)
		case i == 0:
			at("name", TierPrefix)
		case !isWordByte(name[i-1]):
			at("name", TierWordStart)
		default:
			at("name", TierNameContains)
		}
	}
	for _, v := range p.Provides {
		v = Fold(stripVersion(v))
		if v == word {
			at("provides", TierProvides)
		}
		if strings.Contains(v, word) {
			at("provides", TierProvidesOrGroup)
		}
	}
	for _, v := range p.Groups {
		if strings.Contains(Fold(v), word) {
			at("group", TierProvidesOrGroup)
		}
	}
	if strings.Contains(Fold(p.Desc), word) {
		at("desc", TierDesc)
	}
	for _, v := range p.Depends {
		if field == "depends" && Fold(stripVersion(v)) == word {
			at("depends", TierDesc)
		}
	}
	if p.AUR != nil && field == "maint" && Fold(p.AUR.Maintainer) == word {
		at("maint", TierDesc)
	}
	return best
}
