package aurdump

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/corpus"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/wire"
)

func TestMain(m *testing.M) { await.RunTestMain(m) }

// clone copies a package, because Read uses the memory of a package again for the next package.
func clone(p *wire.Package) wire.Package {
	out := *p
	aur := *p.AUR
	out.AUR = &aur
	for _, l := range []*[]string{
		&out.Groups, &out.Licenses, &out.Provides, &out.Depends, &out.OptDepends, &out.MakeDepends, &out.CheckDepends,
		&out.Conflicts, &out.Replaces, &aur.CoMaintainers, &aur.Keywords,
	} {
		*l = append([]string{}, *l...)
	}
	return out
}

// readAll reads a dump from memory.
func readAll(t testing.TB, content []byte) ([]wire.Package, ReadResult, error) {
	path := filepath.Join(t.TempDir(), "dump")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	var all []wire.Package
	f, err := Read(t.Context(), path, func(p *wire.Package) error {
		all = append(all, clone(p))
		return nil
	})
	return all, f, err
}

func gzipped(t testing.TB, s string) []byte {
	var buf bytes.Buffer
	zw := gzip.NewWriter(&buf)
	_, err := zw.Write([]byte(s))
	require.NoError(t, err)
	require.NoError(t, zw.Close())
	return buf.Bytes()
}

// TestRead_CorpusEqualsStandardLibrary compares each field of the packages in the corpus' dump with the result of
// encoding/json.
func TestRead_CorpusEqualsStandardLibrary(t *testing.T) {
	path := corpus.AURDump(t)
	zipped, err := os.ReadFile(path)
	require.NoError(t, err)
	zr, err := gzip.NewReader(bytes.NewReader(zipped))
	require.NoError(t, err)
	plain, err := io.ReadAll(zr)
	require.NoError(t, err)
	requireStdlibEqual(t, zipped, plain)
}

func TestRead_GeneratedEqualsStandardLibrary(t *testing.T) {
	var buf bytes.Buffer
	require.NoError(t, fixture.WriteAURDump(&buf, 2000, 7))
	zr, err := gzip.NewReader(bytes.NewReader(buf.Bytes()))
	require.NoError(t, err)
	plain, err := io.ReadAll(zr)
	require.NoError(t, err)
	requireStdlibEqual(t, buf.Bytes(), plain)
}

// record is a package as encoding/json decodes it.
type record struct {
	Name, Version, Description, PackageBase, URL, Maintainer, Submitter, URLPath                   string
	NumVotes, Popularity, OutOfDate, FirstSubmitted, LastModified                                  float64
	Groups, License, Provides, Depends, OptDepends, MakeDepends, CheckDepends, Conflicts, Replaces []string
	CoMaintainers, Keywords                                                                        []string
}

func requireStdlibEqual(t *testing.T, zipped, plain []byte) {
	var want []record
	require.NoError(t, json.Unmarshal(plain, &want))
	require.NotEmpty(t, want)
	got, f, err := readAll(t, zipped)
	require.NoError(t, err)
	require.Empty(t, f.Warnings)
	require.Len(t, got, len(want))
	require.Equal(t, len(want), f.PackageCount)
	unzipped, _, err := readAll(t, plain)
	require.NoError(t, err)
	require.Equal(t, got, unzipped)
	list := func(l []string) []string { return append([]string{}, l...) }
	for i, p := range got {
		w := &want[i]
		require.Equal(t, wire.Package{
			Repo: "aur", Name: w.Name, Version: w.Version, Desc: w.Description, Base: w.PackageBase,
			URL: w.URL, Groups: list(w.Groups), Licenses: list(w.License), Provides: list(w.Provides),
			Depends: list(w.Depends), OptDepends: list(w.OptDepends), MakeDepends: list(w.MakeDepends),
			CheckDepends: list(w.CheckDepends), Conflicts: list(w.Conflicts), Replaces: list(w.Replaces),
			AUR: &wire.AUR{
				Votes: uint32(w.NumVotes), Popularity: w.Popularity, OutOfDate: int64(w.OutOfDate),
				Maintainer: w.Maintainer, Submitter: w.Submitter, CoMaintainers: list(w.CoMaintainers),
				Submitted: int64(w.FirstSubmitted), Modified: int64(w.LastModified),
				Keywords: list(w.Keywords), URLPath: strings.Replace(w.URLPath, "/"+w.Name+".", "/"+w.PackageBase+".", 1),
			},
		}, p)
	}
}

const good = `{"Name":"yay","Version":"1-1","Description":null,"OutOfDate":null,"Maintainer":null,"Keywords":[],"Other":{"deep":[1,{"x":null}]}}`

// TestRead_PackagesDoNotMix checks that no value of one package remains in the next.
func TestRead_PackagesDoNotMix(t *testing.T) {
	all, _, err := readAll(t, []byte(`[{"Name":"a","Version":"1","Description":"d","URL":"u","NumVotes":3,"Popularity":1.5,
		"OutOfDate":9,"Maintainer":"m","CoMaintainers":["c"],"Depends":["x","y"],"Keywords":["k"],"LastModified":7},`+good+`]`))
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, []string{"x", "y"}, all[0].Depends)
	require.Equal(t, "m", all[0].AUR.Maintainer)
	require.Equal(t, clone(&wire.Package{Repo: "aur", Name: "yay", Version: "1-1", AUR: &wire.AUR{}}), all[1])
}

func TestRead_NotADump(t *testing.T) {
	whole := gzipped(t, "["+good+"]")
	long := `"` + strings.Repeat("x", 65<<20) + `"`
	for name, c := range map[string]struct {
		content []byte
		want    error
	}{
		"nothing":               {nil, sourcefile.ErrEmpty},
		"spaces":                {[]byte("  \n"), sourcefile.ErrEmpty},
		"no packages":           {[]byte("[]"), sourcefile.ErrEmpty},
		"zipped nothing":        {gzipped(t, ""), sourcefile.ErrEmpty},
		"a page":                {[]byte("<!DOCTYPE html><title>503</title>"), ErrNotDump},
		"a zipped page":         {gzipped(t, "<html>"), ErrNotDump},
		"an error reply":        {[]byte(`{"version":5,"type":"error","resultcount":0,"results":[],"error":"Too many"}`), ErrNotDump},
		"a text":                {[]byte(`"packages"`), ErrNotDump},
		"an array of numbers":   {[]byte("[1,2]"), ErrNotDump},
		"no usable package":     {[]byte(`[{"Name":1,"Version":"1"},null]`), ErrNotDump},
		"cut off in the array":  {[]byte("[" + good), sourcefile.ErrTruncated},
		"cut off in a package":  {[]byte("[" + good[:30]), sourcefile.ErrTruncated},
		"cut off after a comma": {[]byte("[" + good + ","), sourcefile.ErrTruncated},
		"cut off in the gzip":   {whole[:len(whole)-12], sourcefile.ErrTruncated},
		"no checksum":           {whole[:len(whole)-3], sourcefile.ErrTruncated},
		"a gzip header":         {whole[:5], sourcefile.ErrTruncated},
		"a wrong checksum":      {flip(whole, len(whole)-6), sourcefile.ErrDamaged},
		"a damaged gzip":        {flip(whole, 20), sourcefile.ErrDamaged},
		"after the end":         {[]byte("[" + good + "] []"), sourcefile.ErrDamaged},
		"after the gzip":        {append(slices.Clone(whole), "more than a header"...), sourcefile.ErrDamaged},
		"a comma too many":      {[]byte("[" + good + ",]"), sourcefile.ErrDamaged},
		"nested deeply":         {[]byte(`[{"Name":"a","Version":"1","X":` + strings.Repeat("[", 200_000)), sourcefile.ErrDamaged},
		"a long text":           {[]byte(`[{"Name":` + long + `}]`), sourcefile.ErrOversize},
		"a long unknown text":   {[]byte(`[{"X":` + long + `}]`), sourcefile.ErrOversize},
		"a long key":            {[]byte(`[{` + long + `:1}]`), sourcefile.ErrOversize},
		"many spaces":           {[]byte("[" + good + strings.Repeat(" ", 65<<20) + "]"), sourcefile.ErrOversize},
		"spaces only":           {[]byte(strings.Repeat(" ", 65<<20)), sourcefile.ErrOversize},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := readAll(t, c.content)
			require.ErrorIs(t, err, c.want)
			var path *fs.PathError
			require.ErrorAs(t, err, &path)
			require.Less(t, len(err.Error()), 500)
		})
	}
}

func flip(b []byte, i int) []byte {
	b = slices.Clone(b)
	b[i] ^= 0x55
	return b
}

// TestRead_UnusablePackages checks that Read leaves out malformed packages, and no others.
func TestRead_UnusablePackages(t *testing.T) {
	all, f, err := readAll(t, []byte(`[`+good+`,{"Version":"1"},{"Name":"","Version":"1"},{"Name":"a/b","Version":"1"},
		{"Name":"a\u001bb","Version":"1"},{"Name":"a\ud800","Version":"1"},{"Name":"b"},{"Name":"`+strings.Repeat("n", 300)+`","Version":"1"},
		{"Name":"v","Version":"`+strings.Repeat("1", 300)+`"},`+good+`,{"Name":"last","Version":"2"}]`))
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, "yay", all[0].Name)
	require.Equal(t, "last", all[1].Name)
	require.Len(t, f.Warnings, 9)
	require.Contains(t, strings.Join(f.Warnings, "\n"), `"yay" has the name of an earlier package`)
}

// TestRead_OddValues checks that a value of the wrong type is skipped, and that an element that is not a package does
// not affect the other elements.
func TestRead_OddValues(t *testing.T) {
	read := func(object string) (wire.Package, ReadResult) {
		all, f, err := readAll(t, []byte(`[`+good+`,`+object+`,{"Name":"last","Version":"2","Depends":["x"]}]`))
		require.NoError(t, err, object)
		require.Equal(t, []string{"x"}, all[len(all)-1].Depends)
		if len(all) == 2 {
			return wire.Package{}, f
		}
		require.Len(t, all, 3, object)
		return all[1], f
	}
	for _, c := range []struct {
		fields string
		odd    bool
		want   func(*wire.Package)
	}{
		{`"NumVotes":12.0,"OutOfDate":1.5e9`, false, func(p *wire.Package) { p.AUR.Votes, p.AUR.OutOfDate = 12, 1_500_000_000 }},
		{`"NumVotes":-3,"Popularity":-1,"OutOfDate":-5`, false, func(*wire.Package) {}},
		{`"NumVotes":99999999999`, false, func(p *wire.Package) { p.AUR.Votes = 1<<32 - 1 }},
		{`"NumVotes":"7","Popularity":"0.25"`, false, func(p *wire.Package) { p.AUR.Votes, p.AUR.Popularity = 7, 0.25 }},
		{`"NumVotes":"many","Popularity":1e999`, true, func(*wire.Package) {}},
		{`"OutOfDate":1e18,"LastModified":true`, true, func(*wire.Package) {}},
		{`"Depends":"one","Groups":["",null,"g"],"Keywords":{}`, true, func(p *wire.Package) { p.Depends, p.Groups = []string{"one"}, []string{"g"} }},
		{`"Provides":["a",{"b":["c"]},7,"d\u0041\ud800"]`, true, func(p *wire.Package) { p.Provides = []string{"a", "dA\uFFFD"} }},
		{`"Description":["no","text"],"URL":4`, true, func(*wire.Package) {}},
		{`"Description":"first","Description":null`, false, func(*wire.Package) {}},
		{"\"Description\":\"caf\xe9\"", false, func(p *wire.Package) { p.Desc = "caf\uFFFD" }},
	} {
		got, f := read(`{"Name":"odd","Version":"1",` + c.fields + `}`)
		want := wire.Package{Repo: "aur", Name: "odd", Version: "1", AUR: &wire.AUR{}}
		c.want(&want)
		require.Equal(t, clone(&want), got, c.fields)
		require.Equal(t, c.odd, len(f.Warnings) > 0, c.fields)
		require.Zero(t, f.LeftOutCount)
	}
	for _, odd := range []string{`null`, `7`, `"odd"`, `[{"Name":"odd","Version":"1"}]`, `{"Name":["odd"],"Version":"1"}`, `{"Name":"odd","Version":2}`} {
		got, f := read(odd)
		require.Empty(t, got.Name, odd)
		require.Equal(t, 1, f.LeftOutCount, odd)
		require.NotEmpty(t, f.FirstLeftOutReason, odd)
	}
}

// TestPackage checks that DecodePackage parses an object of an AUR reply like an object of the dump.
func TestPackage(t *testing.T) {
	p, err := DecodePackage([]byte(`{"Name":"yay","Version":"1-1","NumVotes":2.0,"Depends":[null,"go"]}`))
	require.NoError(t, err)
	require.Equal(t, "yay", p.Name)
	require.Equal(t, []string{"go"}, p.Depends)
	require.Nil(t, p.AUR.PendingRequests, "unknown is not none")
	for text, want := range map[string]*uint32{`0`: new(uint32(0)), `2`: new(uint32(2)), `-1`: new(uint32(0)), `1e99`: new(uint32(math.MaxUint32)), `null`: nil, `[1]`: nil, `"2"`: nil} {
		p, err := DecodePackage([]byte(`{"Name":"yay","Version":"1-1","PendingRequests":` + text + `}`))
		require.NoError(t, err)
		require.Equal(t, want, p.AUR.PendingRequests, text)
	}
	dumped, _, err := readAll(t, []byte(`[{"Name":"yay","Version":"1-1","PendingRequests":2}]`))
	require.NoError(t, err)
	require.Nil(t, dumped[0].AUR.PendingRequests, "a number in a dump is as old as the dump")
	for _, bad := range []string{`null`, ``, `[]`, `{"Name":"yay"}`, `{"Name":"a/b","Version":"1"}`, `{"Name":"yay","Version":"1"`} {
		_, err := DecodePackage([]byte(bad))
		require.Error(t, err, bad)
	}
}

func TestRead_WarningsAreBounded(t *testing.T) {
	_, f, err := readAll(t, []byte(`[`+strings.Repeat(`{"Name":""},`, 250)+good+`]`))
	require.NoError(t, err)
	require.Len(t, f.Warnings, MaxWarnings)
	require.Equal(t, 150, f.OmittedWarningCount)
}

// TestRead_RefusesABomb checks that Read stops at the limit if a small gzip file expands to 4 GiB. The file has no gzip
// trailer: reading it to the end would give another error, ErrTruncated.
func TestRead_RefusesABomb(t *testing.T) {
	var buf bytes.Buffer
	zw, err := gzip.NewWriterLevel(&buf, gzip.BestSpeed)
	require.NoError(t, err)
	_, _ = io.WriteString(zw, `[{"Name":"`)
	block, begin := bytes.Repeat([]byte{'a'}, 1<<20), 0
	for range 3 {
		begin = buf.Len()
		_, _ = zw.Write(block)
		require.NoError(t, zw.Flush())
	}
	again := slices.Clone(buf.Bytes()[begin:]) // a compressed block of 1 MiB, to be repeated
	bomb := append(buf.Bytes(), bytes.Repeat(again, 4096)...)
	zr, err := gzip.NewReader(bytes.NewReader(bomb))
	require.NoError(t, err)
	_, err = io.CopyN(io.Discard, zr, 16<<20)
	require.NoError(t, err)
	// With the race detector, the JSON decoder needs more than a minute for the 64 MiB of the real limit.
	bounds := realLimits
	bounds.object = 4 << 20
	err = (&ReadResult{}).read(t.Context(), bytes.NewReader(bomb), bounds, func(Entry) error { return nil })
	require.ErrorIs(t, err, sourcefile.ErrOversize)
}

func TestRead_Limits(t *testing.T) {
	many := "[" + strings.Repeat(`{"Name":"a"},`, 5000) + good + "]"
	var f ReadResult
	err := f.read(t.Context(), strings.NewReader(many), limits{bytes: 20_000, object: 1000, packages: 10}, nil)
	require.ErrorIs(t, err, sourcefile.ErrOversize)
	three := `[{"Name":"a","Version":"1"},{"Name":"b","Version":"1"},{"Name":"c","Version":"1"}]`
	nothing := func(Entry) error { return nil }
	err = (&ReadResult{}).read(t.Context(), strings.NewReader(three), limits{bytes: 1000, object: 1000, packages: 2}, nothing)
	require.ErrorIs(t, err, sourcefile.ErrOversize)
	err = (&ReadResult{}).read(t.Context(), strings.NewReader(three), limits{bytes: 1000, object: 1000, packages: 3}, nothing)
	require.NoError(t, err)
}

func TestRead_CallerAndSystemErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dump")
	require.NoError(t, os.WriteFile(path, gzipped(t, "["+good+"]"), 0o600))
	mine := errors.New("mine")
	_, err := Read(t.Context(), path, func(*wire.Package) error { return mine })
	require.Equal(t, mine, err)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Read(ctx, path, func(*wire.Package) error { return nil })
	require.Equal(t, context.Canceled, err)

	_, err = Read(t.Context(), path+"x", nil)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = Read(t.Context(), filepath.Dir(path), nil)
	require.ErrorIs(t, err, sourcefile.ErrNotRegular)
	_, err = Read(t.Context(), "/dev/null", nil)
	require.ErrorIs(t, err, sourcefile.ErrNotRegular)
}

func TestRead_ChangedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dump")
	require.NoError(t, os.WriteFile(path, gzipped(t, "["+good+"]"), 0o600))
	_, err := Read(t.Context(), path, func(*wire.Package) error { return os.Truncate(path, 10) })
	require.ErrorIs(t, err, sourcefile.ErrChanged)
}

func TestReadEntries_BaseID(t *testing.T) {
	for name, c := range map[string]struct {
		value string
		want  uint64
	}{
		"a number":            {"100001", 100001},
		"a number as a text":  {`"100001"`, 100001},
		"null":                {"null", 0},
		"negative":            {"-1", 0},
		"beyond every number": {"1e300", maxBaseID},
		"the wrong type":      {"[1]", 0},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "dump")
			require.NoError(t, os.WriteFile(path, []byte(`[{"Name":"a","Version":"1","PackageBaseID":`+c.value+`}]`), 0o600))
			var got []uint64
			_, err := ReadEntries(t.Context(), path, func(e Entry) error {
				require.Equal(t, "a", e.Name)
				got = append(got, e.BaseID)
				return nil
			})
			require.NoError(t, err)
			require.Equal(t, []uint64{c.want}, got)
		})
	}
}

func TestPackage_SnapshotPath(t *testing.T) {
	for name, c := range map[string]struct{ base, path, want string }{
		"of the package":    {"base", "/cgit/aur.git/snapshot/part.tar.gz", "/cgit/aur.git/snapshot/base.tar.gz"},
		"of its base":       {"base", "/cgit/aur.git/snapshot/base.tar.gz", "/cgit/aur.git/snapshot/base.tar.gz"},
		"without a base":    {"", "/cgit/aur.git/snapshot/part.tar.gz", "/cgit/aur.git/snapshot/part.tar.gz"},
		"of another format": {"base", "/archive/part.zip", "/archive/part.zip"},
		"of a similar name": {"base", "/cgit/aur.git/snapshot/counterpart.tar.gz", "/cgit/aur.git/snapshot/counterpart.tar.gz"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := DecodePackage(fmt.Appendf(nil, `{"Name":"part","Version":"1","PackageBase":%q,"URLPath":%q}`, c.base, c.path))
			require.NoError(t, err)
			require.Equal(t, c.want, p.AUR.URLPath)
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("[" + good + "]"))
	f.Add(gzipped(f, "["+good+","+good+"]"))
	f.Add([]byte(`[{"Name":"a","Version":"1","Depends":["x>1",null],"NumVotes":3,"Popularity":1e-3}]`))
	f.Add([]byte(`{"version":5}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		var file ReadResult
		handed := 0
		err := file.read(t.Context(), bytes.NewReader(content), limits{bytes: 1 << 20, object: 1 << 12, packages: 100}, func(p Entry) error {
			handed++
			if p.Name == "" || p.Version == "" || p.AUR == nil || strings.Contains(p.Name, "/") {
				return fmt.Errorf("handed out %v", p)
			}
			return nil
		})
		if handed != file.PackageCount {
			t.Fatalf("%d packages, %d handed out", file.PackageCount, handed)
		}
		if sourcefile.IsCallerError(err) {
			t.Fatal(err)
		}
		if err == nil && handed == 0 {
			t.Fatal("no packages and no error")
		}
	})
}

// BenchmarkRead reads a dump of the AUR's size.
func BenchmarkRead(b *testing.B) {
	path := filepath.Join(b.TempDir(), "dump")
	f, err := os.Create(path)
	require.NoError(b, err)
	require.NoError(b, fixture.WriteAURDump(f, 100_000, 1))
	require.NoError(b, f.Close())
	b.ReportAllocs()
	for b.Loop() {
		got, err := Read(b.Context(), path, func(*wire.Package) error { return nil })
		require.NoError(b, err)
		require.Equal(b, 100_000, got.PackageCount)
	}
}
