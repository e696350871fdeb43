package filesindex

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/commandindex"
)

func TestAdd_Refuses(t *testing.T) {
	b := NewBuilder("extra", BuildInfo{})
	long := strings.Repeat("x", MaxPathLen+1)
	require.Error(t, b.Add("", "1-1", nil))
	require.ErrorIs(t, b.Add(long, "1-1", nil), ErrTooLarge)
	require.ErrorIs(t, b.Add("a", long, nil), ErrTooLarge)
	require.ErrorIs(t, b.Add("a", "1-1", nil, long), ErrTooLarge)
	require.ErrorIs(t, b.Add("a", "1-1", []string{"usr/", long}), ErrTooLarge)
	require.NoError(t, b.Add("a", "1-1", []string{"usr/", long[1:]}))
	data, err := b.Bytes()
	require.NoError(t, err)
	f, err := OpenBytes(data)
	require.NoError(t, err)
	require.NoError(t, f.Verify())
	require.EqualValues(t, 2, f.Info().PathCount, "the refused packages are not in the index")
	require.Empty(t, find(t, f, long, false))
	require.Equal(t, scan(t, []testPackage{{name: "a", files: []string{"x/" + long[3:]}}}, long[3:], false),
		find(t, build(t, []testPackage{{name: "a", files: []string{"x/" + long[3:]}}}), long[3:], false))
}

func TestAdd_Twice(t *testing.T) {
	b := NewBuilder("extra", BuildInfo{})
	require.NoError(t, b.Add("a", "1-1", nil))
	require.NoError(t, b.Add("a", "2-1", nil))
	_, err := b.Bytes()
	require.ErrorContains(t, err, `two packages are called "a"`)
}

func TestBuilder_Empty(t *testing.T) {
	f := build(t, nil)
	require.NoError(t, f.Verify())
	for _, c := range allQueries {
		require.Empty(t, find(t, f, c.target, c.expression))
	}
	owners, err := f.Commands("sh")
	require.NoError(t, err)
	require.Empty(t, owners)
}

// TestFind_ManyPaths checks that a package with very many matching paths is yielded in several bounded parts.
func TestFind_ManyPaths(t *testing.T) {
	p := testPackage{name: "big", version: "1-1"}
	for i := range 5000 {
		p.files = append(p.files, fmt.Sprintf("usr/share/big/%d/data-%d", i%7, i))
	}
	f := build(t, []testPackage{{name: "a", version: "1-1", files: []string{"usr/share/data-1"}}, p})
	require.Equal(t, scan(t, []testPackage{{name: "a", version: "1-1", files: []string{"usr/share/data-1"}}, p}, "data-", true), find(t, f, "data-", true))
	q, err := NewQuery("data-", true)
	require.NoError(t, err)
	var parts []Match
	require.NoError(t, f.Find(q, t.Context().Err, func(m Match) bool {
		require.LessOrEqual(t, len(m.Paths), maxBatch)
		parts = append(parts, m)
		return true
	}))
	require.Len(t, parts, 6)
	require.False(t, parts[1].Continued, "the first part of big")
	require.True(t, parts[2].Continued)

	// The caller can stop after any part, and the context ends a search.
	for stop := range 5 {
		seen := 0
		require.NoError(t, f.Find(q, t.Context().Err, func(Match) bool { seen++; return seen <= stop }))
		require.Equal(t, stop+1, seen)
	}
	ctx, cancel := context.WithCancel(t.Context())
	seen := 0
	err = f.Find(q, ctx.Err, func(Match) bool { seen++; cancel(); return true })
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, seen)
	for path, err := range f.Paths(1) {
		require.NoError(t, err)
		require.NotEmpty(t, path)
		break
	}
}

// TestFind_PausesBetweenComparisons checks that a search calls pause after a few comparisons with an expression, each of which may take
// long, and that an error of pause ends the search between two comparisons.
func TestFind_PausesBetweenComparisons(t *testing.T) {
	p := testPackage{name: "big", version: "1-1"}
	for i := range 1000 {
		p.files = append(p.files, fmt.Sprintf("usr/share/big/%d", i))
	}
	f := build(t, []testPackage{p})
	for _, target := range []string{"[^0-9]$", "[/s][^0-9]*$", "/share.[^0-9]*$"} {
		q, err := NewQuery(target, true)
		require.NoError(t, err)
		pauses := 0
		require.NoError(t, f.Find(q, func() error { pauses++; return nil }, func(Match) bool { return true }), target)
		require.GreaterOrEqual(t, pauses, 1000/comparisonsPerPause, target)

		stopped := errors.New("stopped")
		pauses = 0
		err = f.Find(q, func() error {
			if pauses++; pauses == 3 {
				return stopped
			}
			return nil
		}, func(Match) bool { return true })
		require.ErrorIs(t, err, stopped, target)
		require.Equal(t, 3, pauses, target)
	}
}

func TestNewQuery_Invalid(t *testing.T) {
	_, err := NewQuery("a(b", true)
	require.ErrorIs(t, err, ErrQuery)
	_, err = NewQuery("a(b", false)
	require.NoError(t, err)
}

// TestCommands_TooMany checks that a command that too many packages have is refused, since a reply needs memory for each of them.
func TestCommands_TooMany(t *testing.T) {
	packages := make([]testPackage, maxCommandOwners)
	for i := range packages {
		packages[i] = testPackage{name: fmt.Sprintf("p%05d", i), version: "1-1", files: []string{"usr/bin/tool"}}
	}
	owners, err := build(t, packages).Commands("tool")
	require.NoError(t, err)
	require.Len(t, owners, maxCommandOwners)
	_, err = build(t, append(packages, testPackage{name: "q", version: "1-1", files: []string{"usr/bin/tool"}})).Commands("tool")
	require.ErrorIs(t, err, ErrQuery)
}

func TestCommands(t *testing.T) {
	packages := []testPackage{
		{name: "ripgrep", version: "1-1", files: []string{"usr/bin/rg", "usr/share/rg", "usr/bin/sub/rg"}},
		{name: "busybox", version: "1-1", files: []string{"bin/vi", "usr/bin/vi", "usr/bin/"}},
		{name: "perl", version: "1-1", files: []string{"usr/bin/core_perl/pod2man", "usr/lib/pod2man"}},
		{name: "neovim", version: "1-1", files: []string{"usr/bin/nvim"}},
		{name: "bad", version: "1-1", files: []string{"usr/bin/" + strings.Repeat("x", 256), "usr/bin/a\nb"}},
	}
	path := filepath.Join(t.TempDir(), "extra.files.omgidx")
	b := NewBuilder("extra", BuildInfo{})
	for _, p := range packages {
		require.NoError(t, b.Add(p.name, p.version, p.files))
	}
	require.NoError(t, b.WriteFile(path))
	f, err := Open(path, nil)
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, f.Verify())
	alone, err := commandindex.Open(path, nil)
	require.NoError(t, err)
	defer alone.Close()
	require.Equal(t, "extra", alone.Info().Repository)
	for name, want := range map[string][]commandindex.Owner{
		"rg":      {{Package: "ripgrep", Path: "usr/bin/rg"}},
		"vi":      {{Package: "busybox", Path: "usr/bin/vi"}, {Package: "busybox", Path: "bin/vi"}},
		"pod2man": {{Package: "perl", Path: "usr/bin/core_perl/pod2man"}},
		"a\nb":    {{Package: "bad", Path: "usr/bin/a\nb"}},
		"none":    nil, "": nil, "zz": nil, "sub": nil, strings.Repeat("x", 256): nil,
	} {
		got, err := f.Commands(name)
		require.NoError(t, err)
		require.Equal(t, want, got, name)
		got, err = alone.Find(name, 9)
		require.NoError(t, err)
		require.Equal(t, want, got, name)
	}
	for typed, want := range map[string]string{"nvmi": "nvim", "pod2mna": "pod2man", "POD2MAN": "pod2man", "pod-2man": "pod2man"} {
		got, err := f.CloseCommands(typed, 5)
		require.NoError(t, err)
		require.Len(t, got, 1, typed)
		require.Equal(t, want, got[0].Name)
		require.NotEmpty(t, got[0].Owners)
	}
	got, err := f.CloseCommands("nvmi", 0)
	require.NoError(t, err)
	require.Empty(t, got)
	got, err = f.CloseCommands("nvim", 5)
	require.NoError(t, err)
	require.Empty(t, got, "the name itself is not close")
}

// TestWriteFile_Faults lets each step of writing an index fail once. Afterwards, the file is either the complete old index
// or the complete new index.
func TestWriteFile_Faults(t *testing.T) {
	path := filepath.Join(t.TempDir(), "core.files.omgidx")
	write := func(version string) error {
		b := NewBuilder("core", BuildInfo{})
		require.NoError(t, b.Add("a", version, []string{"usr/bin/a"}))
		return b.WriteFile(path)
	}
	for n := 1; ; n++ {
		require.NoError(t, write("1"))
		at, op := 0, atomicfile.Op("")
		inject := atomicfile.Fault(func(now atomicfile.Op, _ string) error {
			if at++; at == n {
				op = now
				return unix.ENOSPC
			}
			return nil
		})
		atomicfile.TestFault.Store(&inject)
		err := write("2")
		atomicfile.TestFault.Store(nil)
		if op == "" {
			require.NoError(t, err)
			require.Greater(t, n, 5)
			return
		}
		require.ErrorIs(t, err, unix.ENOSPC, op)
		f, err := Open(path, func(uint32) bool { return true })
		require.NoError(t, err, op)
		require.NoError(t, f.Verify(), op)
		p, err := f.Package(0)
		require.NoError(t, err)
		require.Equal(t, op != atomicfile.OpSyncDir, p.Version == "1", op)
		require.NoError(t, f.Close())
	}
}

func TestOpenFromFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	require.NoError(t, os.WriteFile(path, goldenIndex(t), 0o600))
	file, err := os.Open(path)
	require.NoError(t, err)
	f, err := OpenFromFile(file)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	require.NoError(t, f.Verify())
	require.Empty(t, f.Path())
	require.EqualValues(t, len(goldenIndex(t)), f.Size())
	require.NoError(t, f.Close())
	_, err = Open(filepath.Join(t.TempDir(), "missing"), nil)
	require.True(t, errors.Is(err, os.ErrNotExist))
	_, err = Open(path, func(uint32) bool { return false })
	require.Error(t, err)
}
