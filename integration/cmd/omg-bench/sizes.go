package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// totalDescBytes returns the total size of the desc files in databases.
func totalDescBytes(dbs []string) (int64, error) {
	sum := int64(0)
	for _, path := range dbs {
		f, err := os.Open(path)
		if err != nil {
			return 0, err
		}
		defer f.Close()
		z, err := gzip.NewReader(f)
		if err != nil {
			return 0, err
		}
		for r := tar.NewReader(z); ; {
			h, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return 0, err
			}
			if strings.HasSuffix(h.Name, "/desc") {
				sum += h.Size
			}
		}
	}
	return sum, nil
}

// measureGrowingIndexes measures, for growing numbers of packages, the time to write, open and search an index, and the size of the
// index. This process does the work, with the garbage collector on.
func (b *bench) measureGrowingIndexes() error {
	for _, n := range []int{15_000, 120_000, 1_000_000} {
		if err := b.measureGeneratedIndex(n); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) measureGeneratedIndex(n int) error {
	o := fixture.Options{Packages: n, Seed: 1}
	on := strconv.Itoa(n)
	path := filepath.Join(b.dir, on+".omgidx")
	build, sources := pkgindex.NewBuilder("omg-bench", 0), map[string]*pkgindex.SourceBuilder{}
	for p := range fixture.GeneratePackages(o) {
		if sources[p.Repo] == nil {
			sources[p.Repo] = build.AddSource(p.Repo, pkgindex.KindRepo)
		}
		if err := sources[p.Repo].Add(&p); err != nil {
			return err
		}
	}
	start := time.Now()
	if err := build.WriteFile(path); err != nil {
		return err
	}
	b.add(tableRow{Name: "index written", Workload: on, Unit: "ms", MeasuredValue: milliseconds(time.Since(start))})
	fi, err := os.Stat(path)
	if err != nil {
		return err
	}
	b.add(tableRow{Name: "index size per package", Workload: on, Unit: "bytes", MeasuredValue: float64(fi.Size()) / float64(n)})

	var opens runTimes
	for range 50 {
		start := time.Now()
		f, err := pkgindex.Open(path, nil)
		if err != nil {
			return err
		}
		opens = append(opens, milliseconds(time.Since(start)))
		if err := f.Close(); err != nil {
			return err
		}
	}
	open := tableRow{Name: "index opened", Workload: on, Unit: "ms", MeasuredValue: opens.median(), SpreadLow: opens.quantile(0.25), SpreadHigh: opens.quantile(0.75), ours: opens}
	if n == 120_000 {
		open.Aim, open.AimMet = "under 5 ms", opens.median() < 5
	}
	b.add(open)
	return b.measureSearches(path, on, n, fixture.GenerateQueries(o, 4000))
}

// measureSearches measures uncached searches: the first thousand of the queries that have at most a hundred hits, and words of
// one and two letters.
func (b *bench) measureSearches(path, on string, n int, queries []string) error {
	f, err := pkgindex.Open(path, nil)
	if err != nil {
		return err
	}
	defer f.Close()
	set := pkgindex.NewFileSet([]*pkgindex.File{f}, pkgindex.FileSetOptions{})
	search := func(q string, limit int) (float64, int, error) {
		query, err := pkgindex.ParseQuery(&wire.SearchRequest{Words: strings.Fields(q)})
		if err != nil {
			return 0, 0, err
		}
		start := time.Now()
		r, err := set.Search(query, 0, limit)
		return float64(time.Since(start).Nanoseconds()) / 1e3, r.Total, err
	}
	var times runTimes
	var few []string
	for _, q := range queries {
		_, total, err := search(q, 100)
		if err != nil {
			return err
		}
		if total > 0 && total <= 100 && len(few) < 1000 {
			few = append(few, q)
		}
	}
	if len(few) < 1000 {
		return fmt.Errorf("only %d of %d queries on %s packages have 1 to 100 hits", len(few), len(queries), on)
	}
	for _, q := range few {
		t, _, err := search(q, 100)
		if err != nil {
			return err
		}
		times = append(times, t)
	}
	aims := map[int]float64{15_000: 50, 120_000: 100}
	p99 := tableRow{Name: "search of 1 to 100 hits, p99", Workload: on, Unit: "µs", MeasuredValue: times.quantile(0.99)}
	if aim := aims[n]; aim > 0 {
		p99.Aim, p99.AimMet = fmt.Sprintf("under %.0f µs", aim), p99.MeasuredValue < aim
	}
	b.add(tableRow{Name: "search of 1 to 100 hits, p50", Workload: on, Unit: "µs", MeasuredValue: times.median(), SpreadLow: times.quantile(0.25), SpreadHigh: times.quantile(0.75)})
	b.add(p99)

	worst := 0.0
	for _, q := range []string{"a", "e", "s", "li", "th", "on", "py", "x", "zz", "c"} {
		var s runTimes
		for range 9 {
			t, _, err := search(q, 50)
			if err != nil {
				return err
			}
			s = append(s, t)
		}
		worst = max(worst, s.median())
	}
	short := tableRow{Name: "search of one or two letters, slowest", Workload: on, Unit: "µs", MeasuredValue: worst}
	if n <= 120_000 {
		short.Aim, short.AimMet = "under 1 ms", worst < 1000
	}
	b.add(short)
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }
