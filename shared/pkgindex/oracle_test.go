package pkgindex

import (
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/fold"
	"github.com/omg-arch/omg/shared/wire"
)

// oracle is a slow and simple search, with which the results of FileSet.Search are compared. For every word, it compares
// every field of every package.
type oracle struct {
	repos    []string
	packages []wire.Package

	tiers map[string][]Tier // for each word, the tier of each package; numTiers if the package does not match
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

// search returns the packages that match all words, as repository/name, in sorted groups: one for each tier, and in a tier first the
// repositories and then the AUR.
func (o *oracle) search(words ...string) (groups [2 * numTiers][]string) {
	words = slices.Compact(slices.Clone(words)) // a word that is there twice changes nothing
	for i := range o.packages {
		p := &o.packages[i]
		if !slices.Contains(o.repos, p.Repo) {
			continue
		}
		worst := TierExact
		for _, word := range words {
			worst = max(worst, o.tiersOf(word)[i])
		}
		if worst == numTiers {
			continue
		}
		group := int(oracleQueryTier(p, worst, words)) * 2
		if p.AUR != nil {
			group++
		}
		groups[group] = append(groups[group], p.Repo+"/"+p.Name)
	}
	for _, names := range groups {
		slices.Sort(names)
	}
	return groups
}

// oracleQueryTier returns the tier of a package for a query, from the worst tier of its words.
func oracleQueryTier(p *wire.Package, worst Tier, words []string) Tier {
	name, desc := fold.String(p.Name), fold.String(p.Desc)
	var plain []string             // the words without the names of fields
	inDesc, anyField := true, true // whether all words search the description, and whether they search any field
	for _, w := range words {
		if field, rest, ok := strings.Cut(w, ":"); ok && fieldByPrefix[field] != fieldAny && rest != "" {
			inDesc, anyField = inDesc && field == "desc", false
			w = rest
		}
		plain = append(plain, fold.String(w))
	}
	short := len(words) == 1 && anyField && (len(plain[0]) == 1 || len(plain[0]) == 2)
	switch {
	case worst >= TierProvidesOrGroup && p.AUR == nil && inDesc && !short && !slices.Contains(plain, "") && oracleIsKind(desc, plain):
		return TierWordStart
	case len(words) > 1 && (worst == TierPrefix || worst == TierWordStart) && (desc == "" || !oracleAreJoined(name, plain)):
		return TierNameContains
	}
	return worst
}

// oracleIsKind reports whether a description ends with the words. The descriptions in the test have no other head.
func oracleIsKind(desc string, words []string) bool {
	for _, ending := range []string{"", "s"} {
		rest, ok := strings.CutSuffix(desc, ending)
		for i := len(words) - 1; ok && i >= 0; i-- {
			if rest, ok = strings.CutSuffix(rest, words[i]); ok && rest != "" {
				ok = !isWordByte(rest[len(rest)-1])
				if i > 0 {
					rest = rest[:len(rest)-1]
				}
			} else if i > 0 {
				ok = false
			}
		}
		if ok {
			return true
		}
	}
	return false
}

// oracleAreJoined reports whether a name contains two words with a separator or nothing between them.
func oracleAreJoined(name string, words []string) bool {
	for _, between := range []string{"", "-", "_", " ", ".", "/"} {
		if strings.Contains(name, strings.Join(words, between)) {
			return true
		}
	}
	return false
}

// oracleTier returns the tier of a package for a word, or numTiers if the package does not match.
func oracleTier(p *wire.Package, w string) Tier {
	field, word := "", w
	if f, rest, ok := strings.Cut(w, ":"); ok && fieldByPrefix[f] != fieldAny {
		field, word = f, rest
	}
	word = fold.String(word)
	if name, ok := strings.CutPrefix(word, "="); ok && field == "group" && name != "" {
		if slices.ContainsFunc(p.Groups, func(v string) bool { return fold.String(v) == name }) {
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
	name := fold.String(p.Name)
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
		v = fold.String(stripVersion(v))
		if v == word && (p.AUR == nil || field == "provides") {
			at("provides", TierProvides)
		}
		if strings.Contains(v, word) {
			at("provides", TierProvidesOrGroup)
		}
	}
	for _, v := range p.Groups {
		if strings.Contains(fold.String(v), word) {
			at("group", TierProvidesOrGroup)
		}
	}
	if strings.Contains(fold.String(p.Desc), word) {
		at("desc", TierDesc)
	}
	for _, v := range p.Depends {
		if field == "depends" && fold.String(stripVersion(v)) == word {
			at("depends", TierDesc)
		}
	}
	if p.AUR != nil && field == "maint" && fold.String(p.AUR.Maintainer) == word {
		at("maint", TierDesc)
	}
	if p.AUR != nil && (best == TierProvides || best == TierProvidesOrGroup) {
		return TierDesc
	}
	return best
}
