package aurreplay

import (
	"math/rand/v2"
	"sort"

	"github.com/omg-arch/omg/integration/aurlife"
)

// votePicker picks package bases with a probability that is proportional to their votes. A package base without votes counts as a
// third of a vote.
type votePicker struct {
	r     *rand.Rand
	bases []*aurlife.Base
	sums  []float64 // the weights of all package bases up to this one
}

func newVotePicker(bases []*aurlife.Base, seed uint64) *votePicker {
	p := &votePicker{r: rand.New(rand.NewPCG(seed, 4)), bases: append([]*aurlife.Base{}, bases...)}
	sum := 0.0
	for _, b := range bases {
		sum += float64(b.Votes) + 1.0/3
		p.sums = append(p.sums, sum)
	}
	return p
}

// next returns the name of a package base.
func (p *votePicker) next() string {
	at := p.r.Float64() * p.sums[len(p.sums)-1]
	return p.bases[min(sort.SearchFloat64s(p.sums, at), len(p.bases)-1)].Name
}
