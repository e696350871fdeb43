package pacmandb

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/corpus"
	"github.com/omg-arch/omg/shared/fixture"
)

// benchDBs runs a benchmark on two systems: on the corpus, with 924 installed packages, 3,568 packages in the
// repositories and few files, and on a generated system, with 1,200 installed packages and 15,000 packages in the
// repositories.
func benchDBs(b *testing.B, run func(b *testing.B, dbpath string)) {
	b.Run("924", func(b *testing.B) { run(b, corpus.PrivateDBPath(b)) })
	b.Run("1200", func(b *testing.B) {
		db := b.TempDir()
		require.NoError(b, fixture.WriteDatabases(db, fixture.Options{Packages: 15000, Installed: 1200, Seed: 1}))
		run(b, db)
	})
}

func BenchmarkReadLocal(b *testing.B) {
	benchDBs(b, func(b *testing.B, db string) {
		b.ReportAllocs()
		for b.Loop() {
			mustRead(b, db)
		}
	})
}

func BenchmarkRereadUnchanged(b *testing.B) {
	benchDBs(b, func(b *testing.B, db string) {
		prev := age(mustRead(b, db))
		b.ReportAllocs()
		for b.Loop() {
			_, err := Reread(context.Background(), db, prev)
			require.NoError(b, err)
		}
	})
}

func BenchmarkLocalStamp(b *testing.B) {
	benchDBs(b, func(b *testing.B, db string) {
		b.ReportAllocs()
		for b.Loop() {
			_, err := ReadLocalStamp(db)
			require.NoError(b, err)
		}
	})
}

// BenchmarkRelate computes the lists "Required By" and "Optional For" of all packages.
func BenchmarkRelate(b *testing.B) {
	benchDBs(b, func(b *testing.B, db string) {
		l := mustRead(b, db)
		b.ReportAllocs()
		for b.Loop() {
			ComputeRelations(l.Packages)
		}
	})
}

func BenchmarkOwners(b *testing.B) {
	benchDBs(b, func(b *testing.B, db string) {
		l := mustRead(b, db)
		o, err := ResolveOwned("/", "/usr/bin/not-there")
		require.NoError(b, err)
		b.ReportAllocs()
		for b.Loop() {
			_, _, err := l.Owners(context.Background(), db, []ResolvedPath{o})
			require.NoError(b, err)
		}
	})
}

// BenchmarkUpdates measures FindOutdated with facts that are kept in maps.
func BenchmarkUpdates(b *testing.B) {
	benchDBs(b, func(b *testing.B, db string) {
		l := mustRead(b, db)
		o := newOracle(b, db, "core", "extra", "multilib")
		facts, c := o.facts(l), o.config()
		b.ReportAllocs()
		for b.Loop() {
			FindOutdated(l.Packages, c, facts)
		}
	})
}
