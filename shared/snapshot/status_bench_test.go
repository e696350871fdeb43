package snapshot

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/pacmandb"
)

// BenchmarkStatus measures a status with 1,200 installed packages, in omgd, where the counts are already computed, and in a
// program that has just read the files and must compute the counts.
func BenchmarkStatus(b *testing.B) {
	db := b.TempDir()
	require.NoError(b, fixture.WriteDatabases(db, fixture.Options{Packages: 3000, Installed: 1200, Seed: 1}))
	local, err := pacmandb.ReadLocal(b.Context(), db)
	require.NoError(b, err)
	in := Inputs{DBPath: db, Local: LocalInput{Packages: local}}
	for _, c := range []struct {
		name     string
		snapshot func() *Snapshot
	}{{"prepared", func() func() *Snapshot {
		s := build(b, in)
		return func() *Snapshot { return s }
	}()}, {"counting", func() *Snapshot {
		s := Build(in)
		return s
	}}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.snapshot().Status(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
