package searchquality

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// Result has the scores of one query in each order, by the order's name.
type Result struct {
	Query  *Query
	Scores map[string]Scores
	Shown  []string // the names in omg's order, or what it suggests if nothing is found
}

// MeasureAll measures the queries over a corpus.
func (c *Corpus) MeasureAll(queries []Query) ([]Result, error) {
	results := make([]Result, len(queries))
	for i := range queries {
		scores, shown, err := c.Measure(&queries[i])
		if err != nil {
			return nil, fmt.Errorf("%q: %w", queries[i].Text, err)
		}
		results[i] = Result{&queries[i], scores, shown}
	}
	return results, nil
}

// Filter returns the results for which the function keep returns true.
func Filter(results []Result, keep func(q *Query) bool) []Result {
	return slices.DeleteFunc(slices.Clone(results), func(r Result) bool { return !keep(r.Query) })
}

// MeanOf returns the mean scores of an order.
func MeanOf(results []Result, order string) Scores {
	all := make([]Scores, len(results))
	for i, r := range results {
		all[i] = r.Scores[order]
	}
	return Mean(all)
}

// Interval is a mean, and the limits between which it lies with a probability of 95 %.
type Interval struct{ Mean, Low, High float64 }

func (i Interval) String() string {
	return fmt.Sprintf("%+.3f (%+.3f to %+.3f)", i.Mean, i.Low, i.High)
}

// resamples is the number of samples of the bootstrap.
const resamples = 10_000

// Difference returns by how much the MRR of omg is larger than that of another order. The interval is computed by bootstrap over the
// queries, with a fixed seed.
func Difference(results []Result, other string) Interval {
	differences := make([]float64, len(results))
	for i, r := range results {
		differences[i] = r.Scores["omg"].MRR - r.Scores[other].MRR
	}
	random := rand.New(rand.NewPCG(1, 2))
	means := make([]float64, resamples)
	for i := range means {
		for range differences {
			means[i] += differences[random.IntN(len(differences))]
		}
		means[i] /= float64(len(differences))
	}
	slices.Sort(means)
	sum := 0.0
	for _, d := range differences {
		sum += d
	}
	return Interval{sum / float64(len(differences)), means[resamples*25/1000], means[resamples*975/1000]}
}

// Report returns the scores of all orders as a table: of all queries by kind, and of the half that was set aside.
func Report(corpus string, results []Result) string {
	var b strings.Builder
	row := func(name string, results []Result) {
		if len(results) == 0 {
			return
		}
		for _, o := range Orders {
			s := MeanOf(results, o.Name)
			fmt.Fprintf(&b, "| %s | %s | %s | %d | %.3f | %.3f | %.3f | %.3f | %.3f |\n", corpus, name, o.Name, s.Queries, s.MRR, s.BestRR, s.NDCG, s.Success, s.RBP)
		}
	}
	for _, kind := range Kinds {
		row(kind, Filter(results, func(q *Query) bool { return q.Kind == kind }))
	}
	row("all", results)
	row("set aside", Filter(results, (*Query).IsHeldOut))
	return b.String()
}
