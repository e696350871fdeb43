package sourcerecords

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/corpus"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/popularity"
	"github.com/omg-arch/omg/shared/records"
	"github.com/omg-arch/omg/shared/sources"
)

const (
	builder = "omg-index test"
	builtAt = 1_000_000
)

// databases returns the databases with a suffix in a pacman database directory.
func databases(t testing.TB, dbpath, suffix string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dbpath, "sync", "*"+suffix))
	require.NoError(t, err)
	require.NotEmpty(t, list)
	return list
}

// entry is a file in a database.
type entry struct{ path, text string }

// writeDatabase writes a database that is not compressed.
func writeDatabase(t testing.TB, path string, entries ...entry) {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		require.NoError(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: e.path, Mode: 0o644, Size: int64(len(e.text)), Format: tar.FormatGNU}))
		_, err := io.WriteString(w, e.text)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, out.Bytes(), 0o644))
	at := time.Unix(1_600_000_000, 5)
	require.NoError(t, os.Chtimes(path, at, at))
}

// recordsOf returns the records of a database.
func recordsOf(t testing.TB, path string) string {
	t.Helper()
	r, err := sources.RepositoryFromFile(path)
	require.NoError(t, err)
	p := NewPackages(r.Name, pkgindex.KindRepo)
	_, _, err = r.ReadPackages(t.Context(), p, nil)
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, p.Write(&out))
	return out.String()
}

// indexOf returns the index of records.
func indexOf(t testing.TB, kind string, shares *popularity.Shares, texts ...string) []byte {
	t.Helper()
	var in []io.Reader
	for _, text := range texts {
		in = append(in, strings.NewReader(text))
	}
	b, err := NewIndex(t.Context(), kind, IndexOptions{Builder: builder, BuiltAt: builtAt, Shares: shares}, in...)
	require.NoError(t, err)
	data, err := b.Bytes()
	require.NoError(t, err)
	return data
}

// requireSameIndex checks that the index of a database's records has the bytes of the index of the database.
func requireSameIndex(t testing.TB, path string, shares *popularity.Shares) (text string) {
	t.Helper()
	r, err := sources.RepositoryFromFile(path)
	require.NoError(t, err)
	b := pkgindex.NewBuilder(builder, builtAt)
	into := b.AddSource(r.Name, pkgindex.KindRepo)
	into.SetShares(shares)
	_, _, err = r.ReadPackages(t.Context(), into, nil)
	require.NoError(t, err)
	want, err := b.Bytes()
	require.NoError(t, err)

	text = recordsOf(t, path)
	got := indexOf(t, KindRepository, shares, text)
	require.True(t, bytes.Equal(want, got), "the index of %s", path)
	return text
}

// readShares returns shares of machines with the packages of a database.
func readShares(t testing.TB) *popularity.Shares {
	t.Helper()
	path := filepath.Join(t.TempDir(), "popularity.json")
	require.NoError(t, os.WriteFile(path, []byte(fixture.PopularityReply(map[string]float64{"glibc": 100, "firefox": 44.5, "git": 12})), 0o644))
	shares, err := popularity.Read(t.Context(), path)
	require.NoError(t, err)
	return shares
}

func TestRepository_Corpus(t *testing.T) {
	for _, path := range databases(t, corpus.SharedDBPath(t), ".db") {
		requireSameIndex(t, path, nil)
		requireSameIndex(t, path, readShares(t))
	}
}

func TestRepository_Generated(t *testing.T) {
	for seed := range uint64(3) {
		dir := t.TempDir()
		require.NoError(t, fixture.WriteDatabases(dir, fixture.Options{Packages: 700, Seed: seed, DuplicatePackages: 20}))
		for _, path := range databases(t, dir, ".db") {
			requireSameIndex(t, path, readShares(t))
		}
	}
}

// oddEntries are the files of a database that is hard to read.
func oddEntries() []entry {
	desc := func(name string) string { return "%NAME%\n" + name + "\n\n%VERSION%\n1-1\n\n" }
	return []entry{
		{"b-1-1/desc", desc("b") + "%DESC%\nlatin \xe9 \x1b[31m \"quoted\" back\\slash \x01\n\n%DEPENDS%\n\xff\n\u65e5\u672c\n\n"},
		{"B-1-1/desc", desc("B") + "%DESC%\n\n%PROVIDES%\nb=2\n\n"},
		{"a\xe9-1-1/desc", desc("a\xe9")},
		{"a\u00e9-1-1/desc", desc("a\u00e9")},
		{"a-2-1/desc", "%NAME%\nother\n\n"},
		{"new\nline-1-1/desc", desc("new\nline")},
		{"c-1-1/desc", desc("c") + "%FILENAME%\n../evil\n\n%CSIZE%\n9223372036854775807\n\n%ISIZE%\n9223372036854775808\n\n%BUILDDATE%\n-5\n\n"},
		{"d-1-1/desc", desc("d") + "%FILENAME%\nd-1-1-any.pkg.tar.zst\n\n%PGPSIG%\nx\n\n%MD5SUM%\ny\n\n%SHA256SUM%\nZZ\n\n%ARCH%\nany"},
		{"noname/desc", "x"},
		{"file", "not in a directory"},
		{"empty-1-1/desc", ""},
		{"zero-1-1/desc", "%DESC%\na\x00b\n\n%LICENSE%\nx\x00\n\n"},
		{"large-1-1/desc", desc("large") + "%DESC%\n" + strings.Repeat("\x01", 1<<20) + "\n\n%GROUPS%\n" + strings.Repeat("g\n", 10_000)},
	}
}

func TestRepository_Odd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sync", "odd.db")
	writeDatabase(t, path, oddEntries()...)
	text := requireSameIndex(t, path, nil)
	require.Contains(t, text, `{"name":"a\u0000e9","version":"1-1"}`)
	require.Contains(t, text, `"desc":"latin \u0000e9 \u001b[31m \"quoted\" back\\slash \u0001"`)
	require.Contains(t, text[strings.LastIndex(text, `{"records"`):], `"left_out":1,`)

	// The files of a package are not next to each other.
	scattered := append(oddEntries(), entry{"b-1-1/depends", "%CONFLICTS%\nz\n\n"})
	writeDatabase(t, path, scattered...)
	require.Contains(t, requireSameIndex(t, path, nil), `"conflicts":["z"]`)

	writeDatabase(t, path)
	requireSameIndex(t, path, nil)
}

// TestRepository_TooLarge checks that records do not contain a package that an index cannot have, and count it as the index does.
func TestRepository_TooLarge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sync", "odd.db")
	writeDatabase(t, path, entry{"large-1-1/desc", "%DESC%\n" + strings.Repeat("x", pkgindex.MaxRecordSize) + "\n"}, entry{"small-1-1/desc", ""})
	text := requireSameIndex(t, path, nil)
	require.Contains(t, text, `"left_out":1,`)
	require.NotContains(t, text, `{"name":"large"`)
}

// readAUR returns the records of a dump, and of its votes.
func readAUR(t testing.TB, path string) (packages, votes string) {
	t.Helper()
	p := NewPackages("aur", pkgindex.KindAUR)
	_, _, err := sources.ReadAURPackages(t.Context(), path, p, nil)
	require.NoError(t, err)
	var out, voteOut bytes.Buffer
	require.NoError(t, p.Write(&out))
	require.NoError(t, p.WriteVotes(&voteOut))
	return out.String(), voteOut.String()
}

func requireSameAURIndex(t testing.TB, path string) (packages, votes string) {
	t.Helper()
	b := pkgindex.NewBuilder(builder, builtAt)
	_, _, err := sources.ReadAURPackages(t.Context(), path, b.AddSource("aur", pkgindex.KindAUR), nil)
	require.NoError(t, err)
	want, err := b.Bytes()
	require.NoError(t, err)

	packages, votes = readAUR(t, path)
	got := indexOf(t, KindAUR, nil, packages, votes)
	require.True(t, bytes.Equal(want, got), "the index of %s", path)
	return packages, votes
}

func writeDump(t testing.TB, content string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "dump.json")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
	return path
}

func TestAUR_Corpus(t *testing.T) {
	requireSameAURIndex(t, corpus.AURDump(t))
}

func TestAUR_Generated(t *testing.T) {
	var dump bytes.Buffer
	require.NoError(t, fixture.WriteAURDump(&dump, 2000, 1))
	requireSameAURIndex(t, writeDump(t, dump.String()))
}

func TestAUR_Odd(t *testing.T) {
	packages, votes := requireSameAURIndex(t, writeDump(t, `[
		{"Name":"b","Version":"1","NumVotes":4294967296,"Popularity":1e-300,"Depends":["a\u0000b","",null,"\ud800","é"],"OutOfDate":1e20},
		{"Name":"a","Version":"1","NumVotes":-5,"Popularity":-1,"Maintainer":"m","Keywords":"k","FirstSubmitted":5},
		{"Name":"a","Version":"2"}, {"Name":"-x y","Version":"1"}, {"Name":"c","Version":"1","NumVotes":3}, 5
	]`))
	require.Contains(t, packages, `{"name":"b","depends":["a\u000000b","`+"\uFFFD"+`","é"],"version":"1"}`)
	require.Contains(t, packages, `"left_out":3`)
	require.Contains(t, votes, `{"name":"b","popularity":1e-300,"votes":4294967295}`+"\n"+`{"name":"c","votes":3}`)
	require.NotContains(t, votes, `"a"`)
}

// addRecords adds records of packages to an index.
func addRecords(t testing.TB, kind, lines, votes string) error {
	t.Helper()
	text := func(kind, lines string) string {
		count := strings.Count(lines, "\n")
		return fmt.Sprintf(`{"kind":%q,"format":1,"name":"aur"}`+"\n%s"+`{"records":%d,"sha256":"ab"}`+"\n", kind, lines, count)
	}
	in := []io.Reader{strings.NewReader(text(kind, lines))}
	if kind == KindAUR {
		in = append(in, strings.NewReader(text(KindAURVotes, votes)))
	}
	_, err := NewIndex(t.Context(), kind, IndexOptions{}, in...)
	return err
}

// TestAdd_Refused checks that packages that no database and no dump can have are refused.
func TestAdd_Refused(t *testing.T) {
	require.NoError(t, addRecords(t, KindRepository, `{"name":"a","version":"1"}`+"\n", ""))
	require.NoError(t, addRecords(t, KindAUR, `{"name":"a","version":"1"}`+"\n", `{"name":"a","votes":1}`+"\n"))
	for name, line := range map[string]string{
		"no version":                   `{"name":"a"}`,
		"a slash in the name":          `{"name":"a/b","version":"1"}`,
		"a slash in the version":       `{"name":"a","version":"1/2"}`,
		"a zero byte":                  `{"name":"a","desc":"\u000000","version":"1"}`,
		"two lines":                    `{"name":"a","desc":"x\u000ay","version":"1"}`,
		"an empty text":                `{"name":"a","depends":["b",""],"version":"1"}`,
		"two lines in a list":          `{"name":"a","depends":["b\u000a"],"version":"1"}`,
		"a path":                       `{"name":"a","filename":"x/y","version":"1"}`,
		"a hidden file":                `{"name":"a","filename":".x","version":"1"}`,
		"too large a size":             `{"name":"a","csize":9223372036854775808,"version":"1"}`,
		"two descriptions":             `{"name":"a","desc":"x","emptydesc":true,"version":"1"}`,
		"another validation":           `{"name":"a","validation":["none"],"version":"1"}`,
		"validations in another order": `{"name":"a","validation":["pgp","md5"],"version":"1"}`,
		"a maintainer":                 `{"name":"a","maintainer":"x","version":"1"}`,
		"an unknown member":            `{"name":"a","colour":"x","version":"1"}`,
		"votes":                        `{"name":"a","version":"1","votes":1}`,
	} {
		require.ErrorIs(t, addRecords(t, KindRepository, line+"\n", ""), records.ErrInvalid, name)
	}
	for name, line := range map[string]string{
		"no version":           `{"name":"a"}`,
		"an impossible name":   `{"name":"a b","version":"1"}`,
		"a long name":          `{"name":"` + strings.Repeat("a", 256) + `","version":"1"}`,
		"a long version":       `{"name":"a","version":"` + strings.Repeat("1", 256) + `"}`,
		"not UTF-8":            `{"name":"a","desc":"\u0000e9","version":"1"}`,
		"a name not UTF-8":     `{"name":"a\u0000e9","version":"1"}`,
		"an empty text":        `{"name":"a","keywords":[""],"version":"1"}`,
		"a negative time":      `{"name":"a","modified":-1,"version":"1"}`,
		"a distant time":       `{"name":"a","submitted":253402300800,"version":"1"}`,
		"an architecture":      `{"name":"a","arch":"any","version":"1"}`,
		"an empty description": `{"name":"a","emptydesc":true,"version":"1"}`,
	} {
		require.ErrorIs(t, addRecords(t, KindAUR, line+"\n", ""), records.ErrInvalid, name)
	}
	for name, votes := range map[string]string{
		"of another package":    `{"name":"b","votes":1}`,
		"of an earlier package": `{"name":"A","votes":1}`,
		"none":                  `{"name":"a"}`,
		"negative popularity":   `{"name":"a","popularity":-1,"votes":1}`,
		"too many":              `{"name":"a","votes":4294967296}`,
	} {
		require.ErrorIs(t, addRecords(t, KindAUR, `{"name":"a","version":"1"}`+"\n", votes+"\n"), records.ErrInvalid, name)
	}
}

func TestNewIndex_WrongTexts(t *testing.T) {
	for kind, count := range map[string]int{KindRepository: 2, KindFiles: 0, KindAUR: 1, KindNews: 1} {
		_, err := NewIndex(t.Context(), kind, IndexOptions{}, make([]io.Reader, count)...)
		require.ErrorContains(t, err, kind)
	}
}

func TestAdd_AnotherKind(t *testing.T) {
	packages, votes := readAUR(t, writeDump(t, `[{"Name":"a","Version":"1","NumVotes":1}]`))
	_, others := readAUR(t, writeDump(t, `[{"Name":"a","Version":"1","NumVotes":2}]`))
	build := func(kind string, o IndexOptions, texts ...string) error {
		var in []io.Reader
		for _, text := range texts {
			in = append(in, strings.NewReader(text))
		}
		_, err := NewIndex(t.Context(), kind, o, in...)
		return err
	}
	require.NoError(t, build(KindAUR, IndexOptions{Source: "aur"}, packages, votes))
	require.ErrorContains(t, build(KindRepository, IndexOptions{}, packages), `the kind "aur"`)
	require.ErrorContains(t, build(KindAUR, IndexOptions{}, votes, votes), `the kind "aur-votes"`)
	require.ErrorContains(t, build(KindAUR, IndexOptions{}, packages, packages), `the kind "aur"`)
	require.ErrorContains(t, build(KindAUR, IndexOptions{}, packages, others), "of another dump")
	require.ErrorContains(t, build(KindAUR, IndexOptions{Source: "core"}, packages, votes), `of the source "aur"`)
}
