package pacmandb

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/omg-arch/omg/shared/corpus"
	"github.com/omg-arch/omg/shared/wire"
)

// BenchmarkReadSync reads the corpus' three databases at the same time. On the
// machine where gzip -dc of the same files takes 55 ms it takes 25.
func BenchmarkReadSync(b *testing.B) {
	dir := filepath.Join(corpus.DB(b), "sync")
	repos := []string{"core", "extra", "multilib"}
	for _, repo := range repos {
		fi, err := os.Stat(filepath.Join(dir, repo+".db"))
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(fi.Size())
	}
	b.ReportAllocs()
	packages := 0
	for b.Loop() {
		var group errgroup.Group
		files := make([]SyncFile, len(repos))
		for i, repo := range repos {
			group.Go(func() (err error) {
				files[i], err = ReadSync(b.Context(), filepath.Join(dir, repo+".db"), repo, func(*wire.Package) error { return nil })
				return err
			})
		}
		if err := group.Wait(); err != nil {
			b.Fatal(err)
		}
		packages = 0
		for _, f := range files {
			packages += f.Packages
		}
	}
	b.ReportMetric(float64(packages), "packages")
}
