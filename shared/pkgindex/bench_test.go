package pkgindex

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/wire"
)

// generated returns an index of n generated packages, and search queries for it. All benchmarks share one index for
// each n.
func generated(b *testing.B, n int) (*FileSet, []string) {
	b.Helper()
	type index struct {
		set     *FileSet
		queries []string
	}
	made, _ := indexes.LoadOrStore(n, sync.OnceValue(func() index {
		o := fixture.Options{Packages: n, Seed: 1}
		build, sources := NewBuilder("bench", 0), map[string]*SourceBuilder{}
		for p := range fixture.GeneratePackages(o) {
			if sources[p.Repo] == nil {
				sources[p.Repo] = build.AddSource(p.Repo, KindRepo)
			}
			require.NoError(b, sources[p.Repo].Add(&p))
		}
		data, err := build.Bytes()
		require.NoError(b, err)
		f, err := OpenBytes(data)
		require.NoError(b, err)
		set := NewFileSet([]*File{f}, FileSetOptions{})
		return index{set, fixture.GenerateQueries(o, 4000)}
	}))
	x := made.(func() index)()
	return x.set, x.queries
}

var indexes sync.Map

// BenchmarkSearch runs a thousand different searches, which have between 1 and 100 hits each. Results are not cached.
// It reports the 50th and the 99th percentile of the durations.
func BenchmarkSearch(b *testing.B) {
	for _, n := range []int{15_000, 120_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			set, words := generated(b, n)
			var queries []*Query
			for _, w := range words {
				q, err := ParseQuery(&wire.SearchRequest{Words: strings.Fields(w)})
				require.NoError(b, err)
				r, err := set.Search(q, 0, 100)
				require.NoError(b, err)
				if r.Total > 0 && r.Total <= 100 && len(queries) < 1000 {
					queries = append(queries, q)
				}
			}
			require.Len(b, queries, 1000)
			times := make([]time.Duration, 0, 1<<20)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				start := time.Now()
				if _, err := set.Search(queries[i%1000], 0, 100); err != nil {
					b.Fatal(err)
				}
				if len(times) < cap(times) {
					times = append(times, time.Since(start))
				}
			}
			slices.Sort(times)
			b.ReportMetric(float64(times[len(times)/2].Nanoseconds()), "p50-ns")
			b.ReportMetric(float64(times[len(times)*99/100].Nanoseconds()), "p99-ns")
		})
	}
}

// BenchmarkShortWord searches for a word of one letter and for a word of two letters. Nearly every package contains both
// words.
func BenchmarkShortWord(b *testing.B) {
	for _, n := range []int{15_000, 120_000} {
		for _, w := range []string{"e", "th"} {
			b.Run(fmt.Sprintf("%d/%s", n, w), func(b *testing.B) {
				set, _ := generated(b, n)
				q, err := ParseQuery(&wire.SearchRequest{Words: []string{w}})
				require.NoError(b, err)
				b.ReportAllocs()
				for b.Loop() {
					if _, err := set.Search(q, 0, 50); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	set, _ := generated(b, 120_000)
	b.ReportAllocs()
	for b.Loop() {
		hits, err := set.Lookup("", "firefox")
		if err != nil || len(hits) != 1 {
			b.Fatal(hits, err)
		}
	}
}

func BenchmarkClose(b *testing.B) {
	set, _ := generated(b, 120_000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := set.Suggest("firefxo"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBuild(b *testing.B) {
	packages := slices.Collect(fixture.GeneratePackages(fixture.Options{Packages: 15_000, Seed: 1}))
	b.ReportAllocs()
	for b.Loop() {
		build := NewBuilder("bench", 0)
		s := build.AddSource("core", KindRepo)
		for i := range packages {
			if err := s.Add(&packages[i]); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := build.Bytes(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPage reads a page far down in the list of all packages.
func BenchmarkPage(b *testing.B) {
	for _, order := range []string{wire.SortRelevance, wire.SortName, wire.SortRepo} {
		b.Run(order, func(b *testing.B) {
			set, _ := generated(b, 120_000)
			q, err := ParseQuery(&wire.SearchRequest{AllRepos: true, Sort: order})
			require.NoError(b, err)
			b.ReportAllocs()
			for b.Loop() {
				if r, err := set.Search(q, 100_000, 200); err != nil || len(r.Hits) != 200 {
					b.Fatal(err)
				}
			}
		})
	}
}
