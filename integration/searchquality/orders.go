package searchquality

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/fold"
	"github.com/omg-arch/omg/shared/wire"
)

// Order is a program's order of the results of a query.
type Order struct {
	Name string
	// Sort returns the names of the found packages in this order. The packages are those that omg found, in omg's order.
	Sort func(c *Corpus, q *Query, found []wire.Package) []wire.Package
}

// Orders lists the compared orders. The first is that of omg.
var Orders = []Order{
	{"omg", func(_ *Corpus, _ *Query, found []wire.Package) []wire.Package { return found }},
	{"pacman", sortLikePacman},
	{"yay", sortLikeYay},
	{"BM25", sortByBM25},
}

// sortLikePacman sorts by repository and name, as pacman -Ss prints packages. The AUR, which pacman lacks, comes last.
func sortLikePacman(c *Corpus, _ *Query, found []wire.Package) []wire.Package {
	return slices.SortedStableFunc(slices.Values(found), func(a, b wire.Package) int {
		return cmp.Or(cmp.Compare(c.rankOf(&a), c.rankOf(&b)), cmp.Compare(a.Name, b.Name))
	})
}

// sortLikeYay sorts the exact name first, and then the packages of repositories as pacman does, and those of the AUR by votes.
func sortLikeYay(c *Corpus, q *Query, found []wire.Package) []wire.Package {
	isExact := func(p *wire.Package) int {
		if strings.EqualFold(p.Name, q.Text) {
			return 0
		}
		return 1
	}
	votes := func(p *wire.Package) uint32 {
		if p.AUR == nil {
			return 0
		}
		return p.AUR.Votes
	}
	return slices.SortedStableFunc(slices.Values(found), func(a, b wire.Package) int {
		return cmp.Or(cmp.Compare(isExact(&a), isExact(&b)), cmp.Compare(c.rankOf(&a), c.rankOf(&b)), cmp.Compare(votes(&b), votes(&a)), cmp.Compare(a.Name, b.Name))
	})
}

// The usual parameters of BM25.
const (
	bm25Saturation = 1.2
	bm25Length     = 0.75
)

// sortByBM25 sorts by BM25 over the words of the name, the description, the groups and the provided names.
func sortByBM25(c *Corpus, q *Query, found []wire.Package) []wire.Package {
	words := splitWords(q.Text)
	scores := make(map[string]float64, len(found))
	for i := range found {
		text := packageWords(&found[i])
		sum := 0.0
		for _, w := range words {
			n := 0.0
			for _, have := range text {
				if have == w {
					n++
				}
			}
			with := float64(c.packagesWithWord[w])
			idf := math.Log(1 + (float64(c.packageCount)-with+0.5)/(with+0.5))
			sum += idf * n * (bm25Saturation + 1) / (n + bm25Saturation*(1-bm25Length+bm25Length*float64(len(text))/c.meanWords))
		}
		scores[found[i].Repo+"/"+found[i].Name] = sum
	}
	return slices.SortedStableFunc(slices.Values(found), func(a, b wire.Package) int {
		return cmp.Or(cmp.Compare(scores[b.Repo+"/"+b.Name], scores[a.Repo+"/"+a.Name]), cmp.Compare(c.rankOf(&a), c.rankOf(&b)), cmp.Compare(a.Name, b.Name))
	})
}

// packageWords returns the words of a package, for BM25.
func packageWords(p *wire.Package) []string {
	return splitWords(p.Name + " " + p.Desc + " " + strings.Join(p.Groups, " ") + " " + strings.Join(p.Provides, " "))
}

// splitWords splits a text into words of letters and digits, in lower case.
func splitWords(text string) []string {
	return strings.FieldsFunc(fold.String(text), func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '+' || r >= 0x80)
	})
}
