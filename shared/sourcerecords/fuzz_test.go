package sourcerecords

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/advisories"
	"github.com/omg-arch/omg/shared/aurdump"
	"github.com/omg-arch/omg/shared/filesindex"
	"github.com/omg-arch/omg/shared/news"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/popularity"
	"github.com/omg-arch/omg/shared/records"
	"github.com/omg-arch/omg/shared/wire"
)

// collect passes the packages of a text, with their votes, to a collector. It returns false if one of the texts is refused.
func collect(text, votes, kind string, into *Packages) bool {
	r, err := newReader(strings.NewReader(text), kind)
	if err != nil {
		return false
	}
	var v *voteReader
	if kind == KindAUR {
		voteText, err := newReader(strings.NewReader(votes), KindAURVotes)
		if err != nil {
			return false
		}
		v = newVoteReader(voteText)
	}
	into.head = r.Head()
	record := newPackageRecord()
	for {
		_, line, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return false
		}
		p, err := record.parse(string(line), r.Head())
		if err != nil || v != nil && v.setVotes(p) != nil || into.Add(p) != nil {
			return false
		}
	}
	into.end = r.End()
	return v == nil || v.checkEnd(r.End()) == nil && v.End() == votesEnd(r.End(), v.End()) && v.Head().Name == r.Head().Name
}

// votesEnd returns the facts about the dump of packages with the number of records of their votes.
func votesEnd(packages, votes records.End) records.End {
	packages.Count = votes.Count
	return packages
}

// FuzzPackages checks that packages that are accepted are written again as the same records, and can be added to an index.
func FuzzPackages(f *testing.F) {
	end := `{"records":1,"as_of":5,"sha256":"ab","size":7}` + "\n"
	head := func(kind string) string { return `{"kind":"` + kind + `","format":1,"name":"aur"}` + "\n" }
	f.Add(head(KindRepository)+`{"name":"a","depends":["b"],"emptydesc":true,"validation":["md5","pgp"],"version":"1-1"}`+"\n"+end, "")
	f.Add(head(KindAUR)+`{"name":"a","keywords":["b"],"modified":5,"version":"1-1"}`+"\n"+end, head(KindAURVotes)+`{"name":"a","popularity":0.25,"votes":3}`+"\n"+end)
	f.Fuzz(func(t *testing.T, text, votes string) {
		repository := NewPackages("x", pkgindex.KindRepo)
		if collect(text, "", KindRepository, repository) {
			var out bytes.Buffer
			require.NoError(t, repository.Write(&out))
			require.Equal(t, text, out.String())
			indexOf(t, KindRepository, nil, text)
		}
		aur := NewPackages("x", pkgindex.KindAUR)
		if collect(text, votes, KindAUR, aur) {
			var out, voteOut bytes.Buffer
			require.NoError(t, aur.Write(&out))
			require.NoError(t, aur.WriteVotes(&voteOut))
			require.Equal(t, text, out.String())
			require.Equal(t, votes, voteOut.String())
			indexOf(t, KindAUR, nil, text, votes)
		}
	})
}

// FuzzFileLists checks that file lists that are accepted are written again as the same records.
func FuzzFileLists(f *testing.F) {
	f.Add(`{"name":"a","files":[["","x"],["a/","","y","y"]],"groups":["g"],"version":"1"}`)
	f.Fuzz(func(t *testing.T, line string) {
		r := newFileListRecord()
		paths, err := r.parse(line, nil)
		if err != nil || r.name == "" || filesindex.Check(r.name, r.version, paths, r.groups...) != nil {
			return
		}
		var out bytes.Buffer
		lists := NewFileLists(&out, "x")
		require.NoError(t, lists.Add(r.name, r.version, paths, r.groups...))
		require.NoError(t, lists.End())
		require.Equal(t, `{"kind":"files","format":1,"name":"x"}`+"\n"+line+"\n"+`{"records":1}`+"\n", out.String())
		indexOf(t, KindFiles, nil, out.String())
	})
}

// FuzzFiles checks that advisories, shares, news and entries of a journal that are accepted are written again as the same records, and that omg can
// read the file that is made of them.
func FuzzFiles(f *testing.F) {
	f.Add(`{"name":"AVG-1","affected":"1","packages":["a"],"severity":"High","status":"Fixed","ticket":"5"}`)
	f.Add(`{"name":"a","share":5}`)
	f.Add(`{"id":"a","published":5,"title":"t","url":"http://x/"}`)
	f.Add(`{"key":"000000000005-000001","events":[["deleted","a","1",""]],"from":4,"outcome":"compared","source":"dump","to":5}`)
	f.Add(`{"key":"000000000005-000001","events":[["adopted","a","",""]],"from":4,"outcome":"compared","source":"dump","to":5}`)
	f.Fuzz(func(t *testing.T, line string) {
		trustAll := func(uint32) bool { return true }
		path := filepath.Join(t.TempDir(), "file")
		// check writes the file of the records, reads it, and writes the records again.
		check := func(kind string, again func(out *bytes.Buffer) error) {
			made, err := NewFile(t.Context(), kind, 5, textOf(kind, line))
			if err != nil {
				return
			}
			require.NoError(t, made.WriteFile(path))
			var out bytes.Buffer
			require.NoError(t, again(&out))
			require.Equal(t, line, strings.Split(out.String(), "\n")[1])
		}
		check(KindAdvisories, func(out *bytes.Buffer) error {
			file, err := os.Open(path)
			require.NoError(t, err)
			defer file.Close()
			list, _, err := advisories.Read(file)
			require.NoError(t, err)
			return WriteAdvisories(out, list, records.End{})
		})
		check(KindShares, func(out *bytes.Buffer) error {
			shares, err := popularity.ReadKept(path, trustAll)
			require.NoError(t, err)
			return WriteShares(out, shares, records.End{})
		})
		check(KindNews, func(out *bytes.Buffer) error {
			read, err := news.Read(path, trustAll)
			require.NoError(t, err)
			return WriteNews(out, read.Items)
		})
		for _, kind := range []string{KindJournal, KindJournalWithoutNames} {
			check(kind, func(out *bytes.Buffer) error {
				_, err := WriteJournal(out, path, trustAll, JournalOptions{Names: kind == KindJournal})
				return err
			})
		}
	})
}

// FuzzSameIndex checks that the index of the records of a database, of a database with file lists and of a dump has the bytes of the index of the
// file itself, whatever a package contains.
func FuzzSameIndex(f *testing.F) {
	for _, e := range oddEntries()[:5] {
		dir, _, _ := strings.Cut(e.path, "/")
		f.Add(dir, e.text, "%FILES%\nusr/\nusr/a\n\n", `{"Name":"B","Version":"2","NumVotes":5,"Popularity":0.1}`)
	}
	f.Add("x-1-1", "", oddFileLists()[0].text, `{"Name":"b","Version":"1","Depends":["a\u0000b","",null]}`)
	f.Fuzz(func(t *testing.T, dir, desc, files, dump string) {
		if strings.ContainsAny(dir, "/\x00") || len(dir) > 90 {
			return // the path of an entry has only one directory, and a header of a tar archive has 100 bytes for it
		}
		path := filepath.Join(t.TempDir(), "sync", "x.db")
		entries := []entry{{"b-1-1/desc", "%DESC%\nanother\n\n"}, {dir + "/desc", desc}, {dir + "/files", files}, {"c-1-1/files", "%FILES%\nx\n\n"}}
		writeDatabase(t, path, entries...)
		requireSameIndex(t, path, nil)
		requireSameFilesIndex(t, path)
		path = writeDump(t, `[{"Name":"a","Version":"1"},`+dump+`]`)
		if _, err := aurdump.Read(t.Context(), path, func(*wire.Package) error { return nil }); err == nil {
			requireSameAURIndex(t, path)
		}
	})
}
