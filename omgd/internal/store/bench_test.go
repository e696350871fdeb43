package store

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func BenchmarkPutStatus(b *testing.B) {
	s := Open(filepath.Join(b.TempDir(), DirName), Limits{}, quiet())
	value, at := numbered(1), time.Now()
	b.ReportAllocs()
	for b.Loop() {
		require.NoError(b, s.PutStatus(value, at, true))
	}
	require.NoError(b, s.Close())
}

func BenchmarkGet(b *testing.B) {
	s := Open(filepath.Join(b.TempDir(), DirName), Limits{}, quiet())
	require.NoError(b, s.Put("bucket", "key", numbered(1), time.Now()))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, ok := s.Get("bucket", "key"); !ok {
			b.Fatal("not there")
		}
	}
	require.NoError(b, s.Close())
}

// BenchmarkOpen measures the time to open a store with a full history.
func BenchmarkOpen(b *testing.B) {
	dir := filepath.Join(b.TempDir(), DirName)
	s := Open(dir, Limits{}, quiet())
	for range MaxBucketEntries {
		require.NoError(b, s.PutStatus(numbered(1), time.Now(), true))
	}
	require.NoError(b, s.Close())
	b.ReportAllocs()
	for b.Loop() {
		require.NoError(b, Open(dir, Limits{}, quiet()).Close())
	}
}
