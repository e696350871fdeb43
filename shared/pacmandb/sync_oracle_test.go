package pacmandb

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/wire"
)

// good returns the files of a package without any problem. Each test adds it after the odd entries, to check that
// reading continues.
func good() []file {
	return []file{{"good-1-1/", ""}, {"good-1-1/desc", desc("good", "1-1", "%DESC%\nFine")}}
}

// oddDatabases are databases with unusual or damaged entries.
var oddDatabases = map[string]struct {
	files []file
	// warnings are the expected warnings.
	warnings []string
	// refused means that pacman refuses the database and shows none of its packages.
	refused bool
}{
	"no name": {
		files:    []file{{"a-1-1/desc", "%VERSION%\n1-1\n\n%DESC%\nx\n\n"}},
		warnings: []string{`entry "a-1-1" has a desc without %NAME%`},
	},
	"no version": {
		files:    []file{{"a-1-1/desc", "%NAME%\na\n\n%DESC%\nx\n\n"}},
		warnings: []string{`entry "a-1-1" has a desc without %VERSION%`},
	},
	"empty desc": {
		files:    []file{{"a-1-1/desc", ""}},
		warnings: []string{`entry "a-1-1" has a desc without %NAME%`},
	},
	"other name":    {files: []file{{"a-1-1/desc", desc("b", "1-1")}}, warnings: []string{`entry "a-1-1" has the desc of "b" "1-1"`}},
	"other version": {files: []file{{"a-1-1/desc", desc("a", "2-1")}}, warnings: []string{`entry "a-1-1" has the desc of "a" "2-1"`}},
	"no desc":       {files: []file{{"a-1-1/", ""}}},
	"a list without end": {
		files:    []file{{"a-1-1/desc", desc("a", "1-1") + "%GROUPS%\ng\nh\n"}},
		warnings: []string{`entry "a-1-1" has a desc that ends too early`},
	},
	"a key at the end": {
		files:    []file{{"a-1-1/desc", desc("a", "1-1") + "%DESC%\n"}},
		warnings: []string{`entry "a-1-1" has a desc that ends too early`},
	},
	"a sum's key at the end": {
		files:    []file{{"a-1-1/desc", desc("a", "1-1") + "%PGPSIG%\n"}},
		warnings: []string{`entry "a-1-1" has a desc that ends too early`},
	},
	"no new line at the end": {files: []file{{"a-1-1/desc", "%NAME%\na\n\n%VERSION%\n1-1\n\n%DESC%\nfoo"}}},
	"empty values":           {files: []file{{"a-1-1/desc", desc("a", "1-1", "%DESC%\n", "%URL%\n", "%GROUPS%\ng")}}},
	"keys as values":         {files: []file{{"a-1-1/desc", desc("a", "1-1", "%DESC%\n%URL%\nhttp://x", "%DEPENDS%\n%GROUPS%\nx")}}},
	"fields twice": {
		files: []file{{"a-1-1/desc", desc("a", "1-1", "%GROUPS%\ng", "%GROUPS%\nh", "%DESC%\none", "%DESC%\ntwo")}},
	},
	"unknown fields": {
		files: []file{{"a-1-1/desc", desc("a", "1-1", "%NEW%\nx\ny", "%DESC%\nhere", "%XDATA%\npkgtype=pkg", "% %\n%%\n%", "%desc%\nno")}},
	},
	"white space": {files: []file{{"a-1-1/desc", "%NAME%\na\n\n%VERSION%\n1-1\n\n%DESC% \nx\r\n\n %URL%\ny\n\n%GROUPS%\n g \n\t\n\n"}}},
	"all sums":    {files: []file{{"a-1-1/desc", desc("a", "1-1", "%MD5SUM%\n0a", "%SHA256SUM%\n0b", "%PGPSIG%\niQ")}}},
	"no pgp":      {files: []file{{"a-1-1/desc", desc("a", "1-1", "%SHA256SUM%\n0b")}}},
	"empty sums":  {files: []file{{"a-1-1/desc", desc("a", "1-1", "%MD5SUM%\n", "%PGPSIG%\n")}}},
	"dates": {
		files: []file{
			{"a-1-1/desc", desc("a", "1-1", "%BUILDDATE%\n1600000000")},
			{"b-1-1/desc", desc("b", "1-1", "%BUILDDATE%\nyesterday")},
			{"c-1-1/desc", desc("c", "1-1", "%BUILDDATE%\n12x")},
		},
	},
	"two files":        {files: []file{{"a-1-1/desc", desc("a", "1-1")}, {"a-1-1/depends", "%DEPENDS%\nglibc\n\n%CONFLICTS%\nb\n\n"}}},
	"files and others": {files: []file{{"a-1-1/files", "%FILES%\nusr/\n\n"}, {"a-1-1/desc", desc("a", "1-1")}, {"a-1-1/new", "x"}}},
	"a deeper desc":    {files: []file{{"a-1-1/x/desc", desc("a", "1-1")}}},
	"odd names":        {files: []file{{"a--1/desc", desc("a", "-1")}, {"b-1-/desc", desc("b", "1-")}, {"c-d-1:1-1/desc", desc("c-d", "1:1-1")}}},
	"a long name":      {files: []file{{strings.Repeat("a", 200) + "-1-1/desc", desc(strings.Repeat("a", 200), "1-1")}}},
	"a name without version": {
		files:    []file{{"a/desc", desc("a", "1-1")}},
		warnings: []string{`entry "a" is not named name-version-release and was left out`},
		refused:  true,
	},
	"a name of a version": {
		files:    []file{{"-1-1/desc", desc("a", "1-1")}},
		warnings: []string{`entry "-1-1" is not named name-version-release and was left out`},
		refused:  true,
	},
	"a dot before": {
		files:    []file{{"./a-1-1/desc", desc("a", "1-1")}},
		warnings: []string{`entry "." is not named name-version-release and was left out`},
		refused:  true,
	},
	"a bad file name": {
		files:    []file{{"a-1-1/desc", desc("a", "1-1", "%FILENAME%\n../a")}},
		warnings: []string{`entry "a-1-1" has the file name "../a", which is not used`},
		refused:  true,
	},
	"a package twice": {
		files: []file{
			{"a-1-1/desc", desc("a", "1-1", "%DESC%\none", "%DEPENDS%\nx", "%CSIZE%\n5", "%URL%\nu")},
			{"b-1-1/desc", desc("b", "1-1")},
			{"a-2-1/desc", desc("a", "2-1", "%DESC%\ntwo", "%DEPENDS%\nx\ny", "%CSIZE%\n7")},
		},
		warnings: []string{`entry "a-2-1" has the same package name as "a-1-1" and was added to that package`, `entry "a-1-1" has the desc of "a" "2-1"`},
	},
	"files of all kinds in turn": {
		files: []file{
			{"a-1-1/desc", desc("a", "1-1", "%DESC%\nan a")},
			{"b-1-1/desc", desc("b", "1-1", "%DESC%\na b")},
			{"c-1-1/depends", "%DEPENDS%\nb\n\n"},
			{"b-1-1/depends", "%PROVIDES%\nq=1\n\n"},
			{"a-1-1/depends", "%CONFLICTS%\nb\n\n%OPTDEPENDS%\nx: y\n\n"},
			{"c-1-1/desc", desc("c", "1-1")},
		},
	},
	"a file again": {files: []file{{"a-1-1/desc", desc("a", "1-1", "%DESC%\none")}, {"b-1-1/", ""}, {"b-1-1/desc", desc("b", "1-1")}, {"a-1-1/desc", desc("a", "1-1", "%DESC%\ntwo")}}},
	"text to be escaped": {
		files:    []file{{"a-1-1/desc", desc("b\x1b[1m", "1-1")}},
		warnings: []string{`entry "a-1-1" has the desc of "b\x1b[1m" "1-1"`},
	},
}

// TestSync_ImpossibleName checks that ReadSync warns of an entry whose name has characters that no package name can have,
// and returns the package, because pacman lists it. A hyphen or dot at the start of the name causes no warning.
func TestSync_ImpossibleName(t *testing.T) {
	db := t.TempDir()
	path := filepath.Join(db, "t.db")
	odd := []file{{"$(id)-1-1/desc", desc("$(id)", "1-1")}, {"a b-1-1/desc", desc("a b", "1-1")}, {"a\u00a0b-1-1/desc", desc("a\u00a0b", "1-1")}}
	dash := []file{{"-Rdd-1-1/desc", desc("-Rdd", "1-1")}, {".x-1-1/desc", desc(".x", "1-1")}}
	require.NoError(t, os.WriteFile(path, gzipped(t, archive(t, slices.Concat(odd, dash, good())...)), 0o644))
	f, got, err := read(t, path, "t")
	require.NoError(t, err)
	require.Zero(t, f.LeftOutCount)
	require.Len(t, f.Warnings, len(odd))
	require.Equal(t, `entry "$(id)-1-1" has a name that no package can have`, f.Warnings[0])
	require.Len(t, got, 1+len(odd)+len(dash))
}

// TestReadSync_OddDatabases compares the packages of odd databases with those that pacman shows. If pacman refuses a
// whole database because of one entry, ReadSync leaves out that entry with a warning.
func TestReadSync_OddDatabases(t *testing.T) {
	for name, one := range oddDatabases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := t.TempDir()
			require.NoError(t, os.MkdirAll(filepath.Join(db, "sync"), 0o755))
			require.NoError(t, os.MkdirAll(filepath.Join(db, "local"), 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(db, "local", "ALPM_DB_VERSION"), []byte("9\n"), 0o644))
			path := filepath.Join(db, "sync", "t.db")
			content := gzipped(t, archive(t, append(slices.Clone(one.files), good()...)...))
			require.NoError(t, os.WriteFile(path, content, 0o644))

			f, got, err := read(t, path, "t")
			require.NoError(t, err)
			require.Equal(t, one.warnings, f.Warnings)
			require.Equal(t, "good", got[len(got)-1].Name, "an odd entry must not affect later packages")

			if o := newOracle(t, db, "t"); one.refused {
				_, complaint := o.try("-Sl")
				require.Contains(t, complaint, "error:")
			} else {
				slices.SortFunc(got, func(a, b wire.Package) int { return strings.Compare(a.Name, b.Name) })
				require.Equal(t, o.run("-Si"), shownPackages(got))
			}
		})
	}
}

// shownPackages formats packages like the output of pacman -Si.
func shownPackages(pkgs []wire.Package) string {
	var out strings.Builder
	for _, p := range pkgs {
		line := func(label, value string) { fmt.Fprintf(&out, "%-15s : %s\n", label, orNone(value)) }
		list := func(label string, values []string) { line(label, strings.Join(values, "  ")) }
		line("Repository", p.Repo)
		line("Name", p.Name)
		line("Version", p.Version)
		line("Description", p.Desc)
		line("Architecture", p.Arch)
		line("URL", p.URL)
		list("Licenses", p.Licenses)
		list("Groups", p.Groups)
		list("Provides", p.Provides)
		list("Depends On", p.Depends)
		list("Optional Deps", p.OptDepends)
		list("Conflicts With", p.Conflicts)
		list("Replaces", p.Replaces)
		line("Download Size", shownSize(p.CSize))
		line("Installed Size", shownSize(p.ISize))
		line("Packager", p.Packager)
		line("Build Date", time.Unix(p.BuildDate, 0).UTC().Format("Mon Jan _2 15:04:05 2006"))
		names := map[string]string{"md5": "MD5 Sum", "sha256": "SHA-256 Sum", "pgp": "Signature"}
		var sums []string
		for _, v := range p.Validation {
			sums = append(sums, names[v])
		}
		list("Validated By", sums)
		out.WriteString("\n")
	}
	return out.String()
}

func TestReadSync_WarningsAreBounded(t *testing.T) {
	var files []file
	for i := range MaxSyncWarnings + 7 {
		files = append(files, file{fmt.Sprintf("p%d-1-1/desc", i), ""})
	}
	f, got, err := read(t, store(t, gzipped(t, archive(t, files...))), "t")
	require.NoError(t, err)
	require.Len(t, got, MaxSyncWarnings+7)
	require.Len(t, f.Warnings, MaxSyncWarnings)
	require.Equal(t, 7, f.MoreWarnings)
}
