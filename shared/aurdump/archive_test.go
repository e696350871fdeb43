package aurdump

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/corpus"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/wire"
)

// The two files of a git archive, as aurweb-git-archive writes them.
const (
	archivedBases = `{
  "split": {
    "FirstSubmitted": 1500000000,
    "ID": 7,
    "Keywords": ["web"],
    "LastModified": 1600000000,
    "Maintainer": "bob",
    "NumVotes": 9,
    "OutOfDate": null,
    "Popularity": 2.0,
    "PopularityUpdated": 1599913600.5,
    "URLPath": "/cgit/aur.git/snapshot/split.tar.gz"
  },
  "lonely": {"FirstSubmitted": 1, "ID": 8, "Maintainer": null, "NumVotes": 0, "Popularity": 1, "PopularityUpdated": 1700000000, "OutOfDate": 5}
}`
	archivedPackages = `{
  "lonely": {"Depends": ["glibc"], "Keywords": [], "Name": "lonely", "PackageBase": "lonely", "Version": "1-1", "PendingRequests": 2},
  "split-bin": {"CoMaintainers": ["eve"], "License": ["MIT"], "Name": "split-bin", "PackageBase": "split", "Submitter": "ina", "URL": "https://example.org", "Version": "2-1"},
  "split-doc": {"Name": "split-doc", "PackageBase": "split", "Version": "2-1"}
}`
)

// writeArchive writes a git archive, and returns its directory.
func writeArchive(t testing.TB, bases, packages string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{archiveBaseFile: bases, archivePackageFile: packages} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		require.NoError(t, os.Chtimes(path, time.Time{}, time.Unix(1_600_086_400, 0)))
	}
	return dir
}

func readArchive(t testing.TB, dir string) (list []wire.Package, ids []uint64, r ReadResult, err error) {
	t.Helper()
	r, err = ReadEntries(t.Context(), dir, func(e Entry) error {
		list, ids = append(list, clone(e.Package)), append(ids, e.BaseID)
		return nil
	})
	return list, ids, r, err
}

// TestReadArchive checks that the packages get the fields of their package bases, and that the popularity is that of the time of the archive.
func TestReadArchive(t *testing.T) {
	dir := writeArchive(t, archivedBases, archivedPackages)
	list, ids, r, err := readArchive(t, dir)
	require.NoError(t, err)
	require.Equal(t, 3, r.PackageCount)
	require.Zero(t, r.LeftOutCount)
	require.Empty(t, r.Warnings)
	require.Equal(t, []uint64{8, 7, 7}, ids)
	lonely, split := list[0], list[1]
	require.Equal(t, wire.AUR{Popularity: 1, OutOfDate: 5, Submitted: 1}, emptyListsToNil(*lonely.AUR))
	require.Equal(t, []string{"glibc"}, lonely.Depends)
	require.Equal(t, "split", split.Base)
	require.InDelta(t, 2*0.98*0.98, split.AUR.Popularity, 0.001, "two days later")
	split.AUR.Popularity = 0
	require.Equal(t, wire.AUR{
		Votes: 9, Maintainer: "bob", Submitter: "ina", CoMaintainers: []string{"eve"}, Submitted: 1_500_000_000, Modified: 1_600_000_000,
		Keywords: []string{"web"}, URLPath: "/cgit/aur.git/snapshot/split.tar.gz",
	}, *split.AUR)
	require.Equal(t, dir, r.Path)
	require.EqualValues(t, 1_600_086_400, r.Stamp.MtimeSeconds())
	require.EqualValues(t, len(archivedBases)+len(archivedPackages), r.Stamp.Size)

	changed := writeArchive(t, archivedBases, archivedPackages+"\n")
	_, _, other, err := readArchive(t, changed)
	require.NoError(t, err)
	require.NotEqual(t, r.SHA256, other.SHA256)
}

func emptyListsToNil(a wire.AUR) wire.AUR {
	for _, list := range []*[]string{&a.CoMaintainers, &a.Keywords} {
		if len(*list) == 0 {
			*list = nil
		}
	}
	return a
}

// TestReadArchive_SameAsTheDump writes the packages of a real dump as a git archive, and checks that they are the same packages. It leaves out
// package bases with several packages, because their fields in this dump were changed independently.
func TestReadArchive_SameAsTheDump(t *testing.T) {
	path := corpus.AURDump(t)
	compressed, err := os.Open(path)
	require.NoError(t, err)
	defer compressed.Close()
	content, err := gzip.NewReader(compressed)
	require.NoError(t, err)
	var packages []map[string]any
	require.NoError(t, json.NewDecoder(content).Decode(&packages))
	bases, byName, packageCount := map[string]map[string]any{}, map[string]map[string]any{}, map[any]int{}
	for _, p := range packages {
		packageCount[p["PackageBase"]]++
		base := map[string]any{"ID": p["PackageBaseID"], "URLPath": "/cgit/aur.git/snapshot/" + p["PackageBase"].(string) + ".tar.gz"}
		for _, key := range []string{"FirstSubmitted", "LastModified", "OutOfDate", "Maintainer", "Keywords", "NumVotes", "Popularity"} {
			base[key] = p[key]
			delete(p, key)
		}
		delete(p, "ID")
		delete(p, "PackageBaseID")
		delete(p, "URLPath")
		bases[p["PackageBase"].(string)], byName[p["Name"].(string)] = base, p
	}
	baseText, err := json.Marshal(bases)
	require.NoError(t, err)
	packageText, err := json.Marshal(byName)
	require.NoError(t, err)
	collect := func(path string) map[string]string {
		found := map[string]string{}
		_, err := ReadEntries(t.Context(), path, func(e Entry) error {
			text, err := json.Marshal(e)
			found[e.Name] = string(text)
			return err
		})
		require.NoError(t, err)
		return found
	}
	want, got := collect(path), collect(writeArchive(t, string(baseText), string(packageText)))
	require.Len(t, got, len(want))
	require.Greater(t, len(want), 1000)
	for name, text := range want {
		if packageCount[byName[name]["PackageBase"]] == 1 {
			require.Equal(t, text, got[name])
		}
	}
}

// TestReadArchive_Odd checks that entries that cannot be used are left out, with the reason.
func TestReadArchive_Odd(t *testing.T) {
	for name, c := range map[string]struct{ bases, packages, want string }{
		"no such base":        {archivedBases, `{"a": {"Name": "a", "PackageBase": "gone", "Version": "1"}, ` + archivedPackages[1:], `belongs to the package base "gone"`},
		"another name":        {archivedBases, `{"a": {"Name": "b", "PackageBase": "split", "Version": "1"}, ` + archivedPackages[1:], `package "b" is listed as "a"`},
		"not an object":       {archivedBases, `{"a": [{}], ` + archivedPackages[1:], `the member "a" is not an object`},
		"a base is no object": {`{"split": 5, ` + strings.Replace(archivedBases[1:], `"lonely"`, `"other"`, 1), archivedPackages, `the member "split" is not an object`},
		"no version":          {archivedBases, `{"a": {"Name": "a", "PackageBase": "split"}, ` + archivedPackages[1:], `package "a" has no version`},
		"twice":               {archivedBases, `{"lonely": {"Name": "lonely", "PackageBase": "lonely", "Version": "1-1"}, ` + archivedPackages[1:], `has the name of an earlier package`},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, r, err := readArchive(t, writeArchive(t, c.bases, c.packages))
			require.NoError(t, err)
			require.NotZero(t, r.LeftOutCount)
			require.Contains(t, r.FirstLeftOutReason, c.want)
		})
	}
}

// TestReadArchive_Errors checks the errors for files that are missing, empty, cut off, or something else.
func TestReadArchive_Errors(t *testing.T) {
	for name, c := range map[string]struct {
		bases, packages string
		want            error
	}{
		"empty bases":       {"", archivedPackages, sourcefile.ErrEmpty},
		"empty packages":    {archivedBases, "", sourcefile.ErrEmpty},
		"no packages":       {archivedBases, "{}", sourcefile.ErrEmpty},
		"a dump":            {archivedBases, "[]", ErrNotDump},
		"a page":            {"<html>", archivedPackages, ErrNotDump},
		"bases cut off":     {archivedBases[:40], archivedPackages, sourcefile.ErrTruncated},
		"a name cut off":    {archivedBases, archivedPackages[:7], sourcefile.ErrTruncated},
		"packages cut off":  {archivedBases, archivedPackages[:len(archivedPackages)-2], sourcefile.ErrTruncated},
		"data after it":     {archivedBases, archivedPackages + "{}", sourcefile.ErrDamaged},
		"not JSON":          {archivedBases, `{"lonely": {"Name": lonely}}`, sourcefile.ErrDamaged},
		"a name, no string": {archivedBases, `{5: {}}`, sourcefile.ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, _, err := readArchive(t, writeArchive(t, c.bases, c.packages))
			require.ErrorIs(t, err, c.want)
		})
	}
	_, err := ReadEntries(t.Context(), t.TempDir(), func(Entry) error { return nil })
	require.ErrorIs(t, err, sourcefile.ErrNotRegular, "a directory without a git archive")
	half := writeArchive(t, archivedBases, archivedPackages)
	require.NoError(t, os.Remove(filepath.Join(half, archivePackageFile)))
	_, err = ReadEntries(t.Context(), half, func(Entry) error { return nil })
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, archivePackageFile)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = ReadEntries(ctx, writeArchive(t, archivedBases, archivedPackages), func(Entry) error { return nil })
	require.ErrorIs(t, err, context.Canceled)
	_, err = ReadEntries(t.Context(), writeArchive(t, archivedBases, archivedPackages), func(Entry) error { return os.ErrClosed })
	require.Equal(t, os.ErrClosed, err)
}

// FuzzReadArchive checks that any pair of files gives either packages or an error.
func FuzzReadArchive(f *testing.F) {
	f.Add(archivedBases, archivedPackages)
	f.Add(`{"a":{"Popularity":1e308,"PopularityUpdated":-1e308}}`, `{"a":{"Name":"a","PackageBase":"a","Version":"1"},"a":null}`)
	f.Fuzz(func(t *testing.T, bases, packages string) {
		list, _, r, err := readArchive(t, writeArchive(t, bases, packages))
		if err == nil {
			require.Len(t, list, r.PackageCount)
			require.NotEmpty(t, list)
		}
		for _, p := range list {
			require.True(t, wire.IsPossibleName(p.Name))
		}
	})
}

// packOf returns the path of a pack that the real git makes of the files in dir, with a commit of the given time.
func packOf(t testing.TB, dir string, committedAt int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pack")
	c := exec.Command("sh", "-euc", `git init -q . && git add -A && git commit -q -m files && git rev-list --objects HEAD | git pack-objects -q --stdout >"$1"`, "sh", path)
	need.Program(t, "git")
	date := strconv.FormatInt(committedAt, 10) + " +0000"
	c.Dir, c.Env = dir, []string{
		"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_AUTHOR_DATE=" + date,
		"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.org", "GIT_COMMITTER_DATE=" + date,
	}
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return path
}

// TestReadArchive_Pack checks that a pack with a commit of the archive has the same packages as its files. Its time is that of the commit.
func TestReadArchive_Pack(t *testing.T) {
	dir := writeArchive(t, archivedBases, archivedPackages)
	want, ids, _, err := readArchive(t, dir)
	require.NoError(t, err)
	path := packOf(t, dir, 1_600_086_400)
	list, packIDs, r, err := readArchive(t, path)
	require.NoError(t, err)
	require.Equal(t, want, list)
	require.Equal(t, ids, packIDs)
	require.Equal(t, path, r.Path)
	require.EqualValues(t, 1_600_086_400, r.Stamp.MtimeSeconds(), "not the time of the file")
	digest, err := sourcefile.DigestOfPath(t.Context(), path)
	require.NoError(t, err)
	require.Equal(t, digest, r.HexDigest())

	pack, err := os.ReadFile(path)
	require.NoError(t, err)
	for name, content := range map[string][]byte{"cut off": pack[:len(pack)/2], "changed": append([]byte("PACK\x00\x00\x00\x02\x00\x00\x00\x09"), pack[12:]...)} {
		require.NoError(t, os.WriteFile(path, content, 0o600))
		_, _, _, err = readArchive(t, path)
		require.ErrorIs(t, err, sourcefile.ErrDamaged, name)
	}
	other := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(other, archiveBaseFile), []byte(archivedBases), 0o600))
	_, _, _, err = readArchive(t, packOf(t, other, 1_600_086_400))
	require.ErrorContains(t, err, "has no file pkgname.json")
	_, _, _, err = readArchive(t, packOf(t, writeArchive(t, archivedBases, "{}"), 1_600_086_400))
	require.ErrorIs(t, err, sourcefile.ErrEmpty)
}
