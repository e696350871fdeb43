package main

import (
	"errors"
	"fmt"

	"github.com/omg-arch/omg/integration/searchquality"
)

// measureQuality measures the order of search results over the corpus, beside the orders of other programs. See docs/search-quality.md.
func (b *bench) measureQuality() error {
	if b.corpusDB == "" {
		return nil
	}
	c, err := searchquality.OpenCorpus(b.corpusDB, []string{"core", "extra", "multilib"}, b.corpusAUR)
	if err != nil {
		return err
	}
	queries, err := searchquality.ReadQueries("arch")
	if err != nil {
		return err
	}
	results, err := c.MeasureAll(queries)
	if err != nil {
		return err
	}
	if len(results) == 0 {
		return errors.New("there are no graded queries")
	}
	for _, kind := range append(searchquality.Kinds, "") {
		of := searchquality.Filter(results, func(q *searchquality.Query) bool { return kind == "" || q.Kind == kind })
		if len(of) == 0 {
			continue // the databases have no lists of files, by which packages are suggested for commands
		}
		name := "search quality, MRR"
		if kind != "" {
			name += ", " + kind
		}
		ours := searchquality.MeanOf(of, "omg")
		aim := 0.8
		switch kind {
		case "":
			aim = 0.9
		case "intent":
			aim = 0.75
		}
		b.add(tableRow{
			Name: name, Workload: fmt.Sprintf("%d graded queries", ours.Queries), MeasuredValue: ours.MRR, Unit: "of 1",
			Aim: fmt.Sprintf("at least %.2f", aim), AimMet: ours.MRR >= aim,
			Note: fmt.Sprintf("nDCG %.3f, success %.3f; MRR in pacman's order %.3f, in yay's %.3f, by BM25 %.3f", ours.NDCG, ours.Success,
				searchquality.MeanOf(of, "pacman").MRR, searchquality.MeanOf(of, "yay").MRR, searchquality.MeanOf(of, "BM25").MRR),
		})
	}
	return nil
}
