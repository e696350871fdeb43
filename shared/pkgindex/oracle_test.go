package pkgindex

import (
	"cmp"
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/wire"
)

// oracle is the slow and plain search: it folds and compares every field of
// every package for every word.
type oracle struct {
	repos     []string
	packages  []wire.Package
	installed []string
}

func (o *oracle) search(words ...string) []string {
	type hit struct {
		p    *wire.Package
		tier Tier
	}
	var hits []hit
	for i := range o.packages {
		p := &o.packages[i]
		if !slices.Contains(o.repos, p.Repo) {
			continue
		}
		tier, ok := oracleTier(p, words)
		if ok {
			hits = append(hits, hit{p, tier})
		}
	}
	votes := func(p *wire.Package) uint32 {
		if p.AUR == nil {
			return 0
		}
		return p.AUR.Votes
	}
	slices.SortStableFunc(hits, func(a, b hit) int {
		return cmp.Or(
			cmp.Compare(a.tier, b.tier),
			compareBool(!slices.Contains(o.installed, a.p.Name), !slices.Contains(o.installed, b.p.Name)),
			cmp.Compare(slices.Index(o.repos, a.p.Repo), slices.Index(o.repos, b.p.Repo)),
			cmp.Compare(votes(b.p), votes(a.p)),
			cmp.Compare(len(Fold(a.p.Name)), len(Fold(b.p.Name))),
			cmp.Compare(Fold(a.p.Name), Fold(b.p.Name)),
		)
	})
	names := []string{}
	for _, h := range hits {
		names = append(names, h.p.Repo+"/"+h.p.Name)
	}
	return names
}

func oracleTier(p *wire.Package, words []string) (Tier, bool) {
	worst := TierExact
	for _, w := range words {
		field, word := "", w
		if f, rest, ok := strings.Cut(w, ":"); ok && fieldNames[f] != fieldAny {
			field, word = f, rest
		}
		word = Fold(word)
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
			case !wordByte(name[i-1]):
				at("name", TierWord)
			default:
				at("name", TierName)
			}
		}
		for _, v := range p.Provides {
			v = Fold(relationName(v))
			if v == word {
				at("provides", TierProvides)
			}
			if strings.Contains(v, word) {
				at("provides", TierOther)
			}
		}
		for _, v := range p.Groups {
			if strings.Contains(Fold(v), word) {
				at("group", TierOther)
			}
		}
		if strings.Contains(Fold(p.Desc), word) {
			at("desc", TierDesc)
		}
		for _, v := range p.Depends {
			if field == "depends" && Fold(relationName(v)) == word {
				at("depends", TierDesc)
			}
		}
		if p.AUR != nil && field == "maint" && Fold(p.AUR.Maintainer) == word {
			at("maint", TierDesc)
		}
		if best == numTiers {
			return 0, false
		}
		worst = max(worst, best)
	}
	return worst, true
}
