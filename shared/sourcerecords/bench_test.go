package sourcerecords

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/filesindex"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/records"
	"github.com/omg-arch/omg/shared/sources"
)

// largeDay returns the records of a repository of 12,600 packages with file lists, and of an AUR of 100,000 packages, on a day.
func largeDay(b *testing.B, day int) map[string]string {
	b.Helper()
	dir := b.TempDir()
	require.NoError(b, fixture.WriteDatabases(dir, fixture.Options{Packages: 15_000, Seed: 1, Day: day, FileLists: true, Compression: fixture.Zstd}))
	texts := map[string]string{KindRepository: recordsOf(b, filepath.Join(dir, "sync", "extra.db"))}
	r, err := sources.RepositoryFromFilesDatabase(filepath.Join(dir, "sync", "extra.files"))
	require.NoError(b, err)
	var out bytes.Buffer
	lists := NewFileLists(&out, r.Name)
	_, _, err = r.ReadFileLists(b.Context(), lists, filesindex.BuildInfo{}, nil)
	require.NoError(b, err)
	require.NoError(b, lists.End())
	texts[KindFiles] = out.String()
	path := filepath.Join(dir, "aur.json.gz")
	f, err := os.Create(path)
	require.NoError(b, err)
	defer f.Close()
	require.NoError(b, fixture.WriteAURDumpOfDay(f, 100_000, 1, day))
	texts[KindAUR], texts[KindAURVotes] = readAUR(b, path)
	return texts
}

// BenchmarkDay measures what a day costs: the sizes of the compressed records and of the patch, the time to make and to apply the patch, and the
// time to build the index.
func BenchmarkDay(b *testing.B) {
	before, after := largeDay(b, 0), largeDay(b, 1)
	for _, kind := range []string{KindRepository, KindFiles, KindAUR, KindAURVotes} {
		from, to := before[kind], after[kind]
		var patch bytes.Buffer
		require.NoError(b, records.WritePatch(&patch, strings.NewReader(from), strings.NewReader(to)))
		b.Run(kind+"/write", func(b *testing.B) {
			for b.Loop() {
				require.NoError(b, records.WritePatch(io.Discard, strings.NewReader(from), strings.NewReader(to)))
			}
			b.ReportMetric(float64(compressedSize(b, to)), "object-bytes")
			b.ReportMetric(float64(compressedSize(b, patch.String())), "patch-bytes")
		})
		b.Run(kind+"/apply", func(b *testing.B) {
			for b.Loop() {
				require.NoError(b, records.ApplyPatch(io.Discard, strings.NewReader(from), bytes.NewReader(patch.Bytes()), int64(len(to))))
			}
		})
		if kind == KindAURVotes {
			continue
		}
		texts := []string{to}
		if kind == KindAUR {
			texts = append(texts, after[KindAURVotes])
		}
		b.Run(kind+"/index", func(b *testing.B) {
			for b.Loop() {
				var in []io.Reader
				for _, text := range texts {
					in = append(in, strings.NewReader(text))
				}
				index, err := NewIndex(b.Context(), kind, IndexOptions{Builder: builder, BuiltAt: builtAt}, in...)
				require.NoError(b, err)
				_, err = index.Bytes()
				require.NoError(b, err)
			}
		})
	}
}
