package filesindex

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/posixre"
)

// testPackage is a package as a database lists it.
type testPackage struct {
	name, version string
	files         []string
}

// build returns an index of packages.
func build(t testing.TB, packages []testPackage) *File {
	t.Helper()
	f, err := OpenBytes(buildBytes(t, packages))
	require.NoError(t, err)
	return f
}

func buildBytes(t testing.TB, packages []testPackage) []byte {
	t.Helper()
	b := NewBuilder("extra", BuildInfo{Builder: "test", BuiltAt: 1})
	for _, p := range packages {
		require.NoError(t, b.Add(p.name, p.version, p.files))
	}
	data, err := b.Bytes()
	require.NoError(t, err)
	return data
}

// scan finds what Find finds, by comparing each path as pacman does.
func scan(t testing.TB, packages []testPackage, target string, expression bool) (found []Match) {
	t.Helper()
	q, err := NewQuery(target, expression)
	require.NoError(t, err)
	whole := strings.Contains(target, "/")
	for whole && len(target) > 1 && target[0] == '/' {
		target = target[1:]
	}
	matches := func(s string) bool { return s == target }
	if expression {
		expr, err := posixre.Compile(target)
		require.NoError(t, err)
		matches = expr.MatchString
	}
	sorted := slices.Clone(packages)
	slices.SortFunc(sorted, func(a, b testPackage) int { return strings.Compare(a.name, b.name) })
	for i, p := range sorted {
		m := Match{Package: i}
		files := slices.Clone(p.files)
		slices.Sort(files)
		for _, path := range files {
			switch slash := strings.LastIndexByte(path, '/'); {
			case whole && matches(path):
				if !expression && len(m.Paths) > 0 {
					continue
				}
				m.Paths = append(m.Paths, path)
			case !whole && slash >= 0 && slash+1 < len(path) && matches(path[slash+1:]):
				m.Paths = append(m.Paths, path)
			}
		}
		require.Equal(t, m.Paths, q.MatchingPaths(files))
		if len(m.Paths) > 0 {
			found = append(found, m)
		}
	}
	return found
}

// find returns the matches of Find, with the parts of a package's paths joined.
func find(t testing.TB, f *File, target string, expression bool) (found []Match) {
	t.Helper()
	q, err := NewQuery(target, expression)
	require.NoError(t, err)
	require.NoError(t, f.Find(q, t.Context().Err, func(m Match) bool {
		if last := len(found) - 1; m.Continued {
			require.Equal(t, found[last].Package, m.Package)
			found[last].Paths = append(found[last].Paths, m.Paths...)
		} else {
			found = append(found, m)
		}
		return true
	}))
	return found
}

// dice makes random packages.
type dice struct{ *rand.Rand }

// parts are parts of paths; some are not usual.
var parts = []string{
	"usr", "bin", "sbin", "lib", "share", "man", "man1", "doc", "icons", "Makefile", "README", "readme", "libfoo.so", "libfoo.so.1", "git", "git-log",
	"ähnlich", "ÄHNLICH", "straße", "\xff\xfe", "a\nb", "x y", "..", ".", "K\u212a", "ẞ", "e\u0301", "a", "b", "Aa", "\x01", "longer-name-of-a-file.json", "*", "[x]", "site_perl",
}

func (d dice) path() string {
	var b strings.Builder
	if d.IntN(40) == 0 {
		b.WriteByte('/')
	}
	depth := 1 + d.IntN(5)
	for i := range depth {
		if i > 0 {
			b.WriteByte('/')
			if d.IntN(60) == 0 {
				b.WriteByte('/')
			}
		}
		b.WriteString(parts[d.IntN(len(parts))])
		if d.IntN(4) == 0 {
			fmt.Fprintf(&b, "%d", d.IntN(300))
		}
	}
	if d.IntN(5) == 0 {
		b.WriteByte('/')
	}
	return b.String()
}

func (d dice) packages(n, most int) []testPackage {
	all := make([]testPackage, n)
	for i := range all {
		p := testPackage{name: fmt.Sprintf("%s-%d", parts[9+d.IntN(5)], i), version: fmt.Sprintf("1.%d-1", d.IntN(9))}
		for range d.IntN(most) {
			path := d.path()
			p.files = append(p.files, path)
			if d.IntN(3) == 0 {
				for j := range path {
					if path[j] == '/' {
						p.files = append(p.files, path[:j+1])
					}
				}
			}
			if d.IntN(30) == 0 {
				p.files = append(p.files, path)
			}
		}
		if d.IntN(50) == 0 {
			p.files = append(p.files, "", "/", "//", "usr/")
		}
		d.Shuffle(len(p.files), func(a, b int) { p.files[a], p.files[b] = p.files[b], p.files[a] })
		all[i] = p
	}
	return all
}

// target returns a target that is likely to be found.
func (d dice) target(packages []testPackage, expression bool) string {
	p := packages[d.IntN(len(packages))]
	path := d.path()
	if len(p.files) > 0 && d.IntN(20) > 0 {
		path = p.files[d.IntN(len(p.files))]
	}
	switch d.IntN(3) {
	case 0:
		path = path[strings.LastIndexByte(path, '/')+1:]
	case 1:
		path = "/" + path
	}
	if !expression {
		return path
	}
	path = strings.ToValidUTF8(path, "")
	if n := len(path); n > 4 && d.IntN(2) == 0 {
		from := d.IntN(n - 3)
		path = strings.ToValidUTF8(path[from:from+3+d.IntN(n-from-2)], "")
	}
	path = posixre.Quote(path)
	switch d.IntN(6) {
	case 0:
		path += "$"
	case 1:
		path = "^" + path
	case 2:
		path += ".*" + parts[d.IntN(12)]
	case 3:
		path = "(" + path + "|" + parts[d.IntN(12)] + ")"
	}
	return path
}

func TestFind_EqualToScan(t *testing.T) {
	for seed := range uint64(4) {
		d := dice{rand.New(rand.NewPCG(seed, 1))}
		packages := d.packages(100, 60)
		f := build(t, packages)
		found := 0
		for range 150 {
			expression := d.IntN(2) == 0
			target := d.target(packages, expression)
			want, got := scan(t, packages, target, expression), find(t, f, target, expression)
			require.Equal(t, want, got, "target %q, expression %v, seed %d", target, expression, seed)
			if len(got) > 0 {
				found++
			}
		}
		require.Greater(t, found, 60)
	}
}

func TestPackageFiles_Sorted(t *testing.T) {
	d := dice{rand.New(rand.NewPCG(1, 2))}
	packages := d.packages(100, 100)
	f := build(t, packages)
	for _, p := range packages {
		slices.Sort(p.files)
		read, paths, found, err := f.PackageFiles(p.name)
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, Package{Name: p.name, Version: p.version}, read)
		var got []string
		for path, err := range paths {
			require.NoError(t, err)
			got = append(got, path)
		}
		require.Equal(t, p.files, got)
	}
	_, _, found, err := f.PackageFiles("none")
	require.NoError(t, err)
	require.False(t, found)
}

// FuzzFind compares Find with the comparison of each path, for a list of paths separated by NULs and any target.
func FuzzFind(f *testing.F) {
	f.Add("usr/bin/git\x00usr/bin/\x00usr/share/git/README\x00top", "git", false)
	f.Add("usr/bin/git\x00usr/bin/Git-Log\x00usr/bin/git", "bin/gi", true)
	f.Add("a/\u212b/\u212a\x00a/\xff\xfe/x", "\u00e5/k", true)
	f.Add("/\x00//\x00\x00../", "//", false)
	f.Fuzz(func(t *testing.T, list, target string, expression bool) {
		files := strings.Split(list, "\x00")
		half := len(files) / 2
		packages := []testPackage{{"a", "1-1", files[:half]}, {"b", "1-1", files[half:]}, {"c", "1-1", files}}
		if expression {
			if _, err := NewQuery(target, true); err != nil {
				return
			}
		}
		for _, p := range packages {
			for _, path := range p.files {
				if len(path) > MaxPathLen {
					return
				}
			}
		}
		index := build(t, packages)
		require.NoError(t, index.Verify())
		require.Equal(t, scan(t, packages, target, expression), find(t, index, target, expression))
	})
}
