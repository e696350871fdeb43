package searchquality

import (
	"math"
	"slices"
)

// Scores are the measures of one list of packages, or the means of several lists. Each is between 0 and 1, and 1 is best.
type Scores struct {
	Queries int
	// MRR is the reciprocal of the place of the first package that is a good answer: 1/3 if it is the third.
	MRR float64
	// BestRR is the reciprocal of the place of the first package that was meant.
	BestRR float64
	// NDCG is the normalized discounted cumulative gain of the first ten packages, with a gain of 2^grade - 1.
	NDCG float64
	// Success is 1 if a package that was meant is among the first ten.
	Success float64
	// RBP is the rank-biased precision for a reader who goes on to the next package with a probability of 0.8, relative to the best
	// order of the graded packages.
	RBP float64
}

const (
	page        = 10  // the number of packages that NDCG and Success look at
	persistence = 0.8 // of the reader for RBP
)

// Score returns the scores of a list of package names for a query. The best order that it compares with has only packages of possible,
// because no order can show another one.
func Score(q *Query, list []string, possible func(name string) bool) Scores {
	var ideal []Grade
	for name, grade := range q.Grades {
		if possible(name) {
			ideal = append(ideal, grade)
		}
	}
	slices.Sort(ideal)
	slices.Reverse(ideal)
	grades := make([]Grade, len(list))
	s := Scores{Queries: 1}
	for i, name := range list {
		grades[i] = q.Grades[name]
		if place := 1 / float64(i+1); grades[i] >= Good {
			s.MRR = max(s.MRR, place)
			if grades[i] == Meant {
				s.BestRR = max(s.BestRR, place)
			}
		}
	}
	if s.BestRR >= 1.0/page {
		s.Success = 1
	}
	s.NDCG = ratio(gain(grades), gain(ideal))
	s.RBP = ratio(precision(grades), precision(ideal))
	return s
}

func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// gain returns the discounted cumulative gain of the first ten grades.
func gain(grades []Grade) (sum float64) {
	for i, g := range grades[:min(page, len(grades))] {
		sum += (math.Exp2(float64(g)) - 1) / math.Log2(float64(i)+2)
	}
	return sum
}

// precision returns the rank-biased precision of grades.
func precision(grades []Grade) (sum float64) {
	weight := 1 - persistence
	for _, g := range grades {
		sum += weight * float64(g) / float64(Meant)
		weight *= persistence
	}
	return sum
}

// Mean returns the means of the scores.
func Mean(all []Scores) (mean Scores) {
	for _, s := range all {
		mean.Queries += s.Queries
		mean.MRR += s.MRR
		mean.BestRR += s.BestRR
		mean.NDCG += s.NDCG
		mean.Success += s.Success
		mean.RBP += s.RBP
	}
	n := max(1, float64(len(all)))
	mean.MRR /= n
	mean.BestRR /= n
	mean.NDCG /= n
	mean.Success /= n
	mean.RBP /= n
	return mean
}
