package pacmandb

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/sourcefile"
)

// FuzzReadSyncFiles reads random bytes as a database with file lists.
func FuzzReadSyncFiles(f *testing.F) {
	for _, b := range compressions(f) {
		f.Add(b)
	}
	for _, odd := range oddFileLists {
		f.Add(archive(f, append(slices.Clone(odd.files), goodFiles()...)...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		bounds := filesLimits{
			limits:       limits{bytes: 1 << 20, desc: 1 << 16, packages: 1000},
			packagePaths: 1000, pathBytes: 1000, paths: 5000, heldBytes: 1 << 20,
		}
		out, lists, err := readFileListBytes(t, b, bounds)
		require.LessOrEqual(t, len(out.Warnings), MaxSyncWarnings)
		if err != nil {
			require.Empty(t, lists)
			known := false
			for _, sort := range []error{sourcefile.ErrTruncated, ErrNotDatabase, sourcefile.ErrDamaged, sourcefile.ErrOversize} {
				known = known || errors.Is(err, sort)
			}
			require.True(t, known, "%v", err)
			return
		}
		require.Equal(t, len(lists), out.PackageCount)
		paths := 0
		for i, l := range lists {
			require.True(t, i == 0 || lists[i-1].Name < l.Name)
			require.NotEmpty(t, l.Name)
			require.True(t, slices.IsSorted(l.Paths))
			for _, p := range l.Paths {
				require.NotEmpty(t, p)
				require.NotContains(t, p, "\n")
				require.NotContains(t, p, "\x00")
			}
			paths += len(l.Paths)
		}
		require.Equal(t, paths, out.PathCount)
		require.LessOrEqual(t, paths, bounds.paths)
	})
}

// FuzzFileList compares the file list that the desc parser finds with that of a simple parser.
func FuzzFileList(f *testing.F) {
	for _, odd := range oddFileLists {
		for _, file := range odd.files {
			if len(file.text) < 1000 {
				f.Add([]byte(file.text))
			}
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		d := descParser{keepsFileList: true}
		d.begin("", []byte("a-1-1"))
		d.parse(text)
		require.Equal(t, before, text)
		want, has, truncated := slowFileList(string(text))
		require.Equal(t, has, d.hasFileList)
		require.Equal(t, truncated, d.fileListTruncated)
		count, _ := countLines(d.fileList)
		require.Equal(t, len(want), count)
		var got []string
		for line := range strings.Lines(string(d.fileList)) {
			got = append(got, strings.TrimSuffix(line, "\n"))
		}
		require.Equal(t, want, got)
	})
}

// slowFileList returns the last list %FILES% in a text, as libalpm's parser finds it.
func slowFileList(text string) (paths []string, has, truncated bool) {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i], _, _ = strings.Cut(lines[i], "\x00")
	}
	ones := []string{
		"%NAME%", "%VERSION%", "%FILENAME%", "%BASE%", "%DESC%", "%URL%", "%ARCH%", "%BUILDDATE%", "%PACKAGER%", "%CSIZE%", "%ISIZE%",
		"%MD5SUM%", "%SHA256SUM%", "%PGPSIG%",
	}
	lists := []string{
		"%GROUPS%", "%LICENSE%", "%REPLACES%", "%DEPENDS%", "%OPTDEPENDS%", "%MAKEDEPENDS%", "%CHECKDEPENDS%", "%CONFLICTS%", "%PROVIDES%",
	}
	for i := 0; i < len(lines); i++ {
		switch {
		case slices.Contains(ones, lines[i]):
			i++
		case slices.Contains(lists, lines[i]):
			for i++; i < len(lines) && lines[i] != ""; i++ {
			}
		case lines[i] == "%FILES%":
			paths, has = nil, true
			for i++; i < len(lines) && lines[i] != ""; i++ {
				paths = append(paths, lines[i])
			}
			truncated = i >= len(lines)
		}
	}
	return paths, has, truncated
}
