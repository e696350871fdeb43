package sourcerecords

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/advisories"
	"github.com/omg-arch/omg/shared/corpus"
	"github.com/omg-arch/omg/shared/journal"
	"github.com/omg-arch/omg/shared/news"
	"github.com/omg-arch/omg/shared/popularity"
	"github.com/omg-arch/omg/shared/records"
	"github.com/omg-arch/omg/shared/wire"
)

// textOf returns a text of a kind with the given lines.
func textOf(kind string, lines ...string) *strings.Reader {
	text := strings.Join(lines, "\n")
	return strings.NewReader(fmt.Sprintf(`{"kind":%q,"format":1,"name":%q}`+"\n%s\n"+`{"records":%d,"as_of":5}`+"\n", kind, cmp.Or(sourceNames[kind], "x"), text, len(lines)))
}

func TestAdvisories_Corpus(t *testing.T) {
	f, err := os.Open(corpus.Advisories(t))
	require.NoError(t, err)
	defer f.Close()
	list, _, err := advisories.Read(f)
	require.NoError(t, err)
	require.Greater(t, len(list), 100)
	var text, reversed bytes.Buffer
	require.NoError(t, WriteAdvisories(&text, list, records.End{SHA256: "ab"}))
	slices.Reverse(list)
	require.NoError(t, WriteAdvisories(&reversed, list, records.End{SHA256: "ab"}))
	require.Equal(t, text.String(), reversed.String())

	got, end, err := ReadAdvisories(t.Context(), &text)
	require.NoError(t, err)
	require.Equal(t, records.End{Count: uint64(len(list)), SHA256: "ab"}, end)
	slices.SortFunc(list, func(a, b advisories.Record) int { return cmp.Compare(a.Name, b.Name) })
	require.Len(t, got, len(list))
	for i := range list {
		require.Equal(t, fmt.Sprint(list[i]), fmt.Sprint(got[i]))
	}
}

func TestAdvisories_Twice(t *testing.T) {
	one := advisories.Record{Name: "AVG-1", Packages: []string{"a"}, AffectedVersion: "1", Status: "Fixed"}
	var text bytes.Buffer
	require.NoError(t, WriteAdvisories(&text, []advisories.Record{one, one}, records.End{}))
	got, end, err := ReadAdvisories(t.Context(), &text)
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Equal(t, records.End{Count: 1, LeftOutCount: 1, LeftOutReason: "AVG-1 occurs twice"}, end)
}

func TestReadAdvisories_Refused(t *testing.T) {
	const valid = `{"name":"AVG-1","affected":"1","packages":["a"],"severity":"High","status":"Fixed","ticket":"5"}`
	_, _, err := ReadAdvisories(t.Context(), textOf(KindAdvisories, valid))
	require.NoError(t, err)
	for name, replace := range map[string][2]string{
		"no package":          {`"packages":["a"],`, ``},
		"no version":          {`"affected":"1",`, ``},
		"a control character": {`"affected":"1"`, `"affected":"\u001b"`},
		"a space":             {`"affected":"1"`, `"affected":"1","fixed":" 2"`},
		"a severity":          {`High`, `high`},
		"no severity":         {`"severity":"High",`, ``},
		"a ticket":            {`"ticket":"5"`, `"ticket":"x"`},
		"a long text":         {`Fixed`, strings.Repeat("x", 300)},
		"an unknown member":   {`"ticket":"5"`, `"x":"5"`},
	} {
		line := strings.Replace(valid, replace[0], replace[1], 1)
		require.NotEqual(t, valid, line)
		_, _, err := ReadAdvisories(t.Context(), textOf(KindAdvisories, line))
		require.ErrorIs(t, err, records.ErrInvalid, name)
	}
	_, _, err = ReadAdvisories(t.Context(), textOf(KindNews, valid))
	require.ErrorContains(t, err, `records of the kind "news"`)
	another := strings.NewReader(`{"kind":"advisories","format":1,"name":"x"}` + "\n" + `{"records":0}` + "\n")
	_, _, err = ReadAdvisories(t.Context(), another)
	require.ErrorContains(t, err, `of the source "x"`)
}

func TestNews(t *testing.T) {
	item := func(id string, at int64) wire.NewsItem {
		return wire.NewsItem{NewsHeadline: wire.NewsHeadline{ID: id, Title: "T " + id, URL: "https://example.org/" + id, PublishedAt: at}, Text: "two\nlines"}
	}
	f := &news.File{URL: "https://example.org/feed", ETag: "x", ConfirmedAt: 9, Items: []wire.NewsItem{item("b", 3), item("a", 2), item("c", 1)}}
	var text bytes.Buffer
	require.NoError(t, WriteNews(&text, f))
	got, err := ReadNews(t.Context(), &text)
	require.NoError(t, err)
	f.ETag = ""
	require.Equal(t, f, got)
}

func TestReadNews_Refused(t *testing.T) {
	const valid = `{"id":"a","published":5,"title":"t","url":"http://x/"}`
	_, err := ReadNews(t.Context(), textOf(KindNews, valid))
	require.NoError(t, err)
	for name, line := range map[string]string{
		"no identifier": `{"id":"","title":"t"}`,
		"a long title":  `{"id":"a","title":"` + strings.Repeat("x", wire.MaxNewsTitle+1) + `"}`,
		"a long text":   `{"id":"a","text":"` + strings.Repeat("x", wire.MaxNewsText+1) + `"}`,
		"a script":      `{"id":"a","url":"javascript:x"}`,
		"not UTF-8":     `{"id":"a","title":"\u0000ff"}`,
	} {
		_, err := ReadNews(t.Context(), textOf(KindNews, line))
		require.ErrorIs(t, err, records.ErrInvalid, name)
	}
	var many []string
	for i := range wire.MaxNewsItems + 1 {
		many = append(many, fmt.Sprintf(`{"id":"%03d"}`, i))
	}
	_, err = ReadNews(t.Context(), textOf(KindNews, many...))
	require.ErrorIs(t, err, records.ErrInvalid)
}

func TestShares(t *testing.T) {
	shares := readShares(t)
	var text bytes.Buffer
	require.NoError(t, WriteShares(&text, shares, records.End{SHA256: shares.SHA256}))
	got, end, err := ReadShares(t.Context(), &text)
	require.NoError(t, err)
	require.Equal(t, records.End{Count: 3, SHA256: shares.SHA256}, end)
	require.Equal(t, maps.Collect(shares.All()), maps.Collect(got.All()))

	// The digest is that of the file that a machine keeps.
	path := filepath.Join(t.TempDir(), "popularity.json")
	require.NoError(t, os.WriteFile(path, got.Reply(), 0o644))
	kept, err := popularity.Read(t.Context(), path)
	require.NoError(t, err)
	require.Equal(t, kept, got)
}

func TestReadShares_Refused(t *testing.T) {
	for name, line := range map[string]string{
		"too large": `{"name":"a","share":10001}`, "not UTF-8": `{"name":"\u0000ff","share":1}`, "a long name": `{"name":"` + strings.Repeat("a", 256) + `","share":1}`,
		"an unknown member": `{"name":"a","shares":1}`,
	} {
		_, _, err := ReadShares(t.Context(), textOf(KindShares, line))
		require.ErrorIs(t, err, records.ErrInvalid, name)
	}
}

const journalLines = `{"observation":"baseline","source":"dump","between":["2026-01-01T00:00:00Z","2026-01-01T00:00:00Z"],"packages":9,"sha256":"` + someDigest + `"}
{"observation":"compared","source":"dump","between":["2026-01-01T00:00:00Z","2026-01-02T00:00:00Z"],"packages":8,"sha256":"` + someDigest + `"}
{"pkgbase":"a","event":"maintainer-changed","from":"old","to":"new","between":["2026-01-01T00:00:00Z","2026-01-02T00:00:00Z"]}
{"pkgbase":"b","event":"deleted","from":"1-1","to":null,"between":["2026-01-01T00:00:00Z","2026-01-02T00:00:00Z"]}
{"observation":"partial","source":"rpc","between":["2026-01-01T12:00:00Z","2026-01-02T00:00:00Z"],"packages":1,"sha256":"` + noDigest + `"}
{"pkgbase":"c","event":"comaintainer-added","from":null,"to":"new","between":["2026-01-01T12:00:00Z","2026-01-02T00:00:00Z"]}
`

const (
	someDigest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	noDigest   = "0000000000000000000000000000000000000000000000000000000000000000"
)

func TestJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), journal.FileName)
	_, err := journal.Import(path, strings.NewReader(journalLines))
	require.NoError(t, err)

	var text, lines bytes.Buffer
	require.NoError(t, WriteJournal(&text, path, nil, JournalOptions{Names: true}))
	hasNames, err := ReadJournal(t.Context(), &text, &lines)
	require.NoError(t, err)
	require.True(t, hasNames)
	require.Equal(t, journalLines, lines.String())
	again := filepath.Join(t.TempDir(), journal.FileName)
	_, err = journal.Import(again, &lines)
	require.NoError(t, err)
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	got, err := os.ReadFile(again)
	require.NoError(t, err)
	require.Equal(t, want, got)

	require.NoError(t, WriteJournal(&text, path, nil, JournalOptions{}))
	require.NotContains(t, text.String(), "new")
	require.NotContains(t, text.String(), "old")
	lines.Reset()
	hasNames, err = ReadJournal(t.Context(), &text, &lines)
	require.NoError(t, err)
	require.False(t, hasNames)
	require.Equal(t, strings.NewReplacer(`"old"`, `null`, `"new"`, `null`).Replace(journalLines), lines.String())
	_, err = journal.Import(filepath.Join(t.TempDir(), journal.FileName), &lines)
	require.NoError(t, err)
}

func TestReadJournal_Refused(t *testing.T) {
	const valid = `{"key":"000000000005-000001","events":[["deleted","a","1",""],["orphaned","b","",""]],"from":4,"outcome":"compared","source":"dump","to":5}`
	read := func(kind, line string) error {
		_, err := ReadJournal(t.Context(), textOf(kind, line), &bytes.Buffer{})
		return err
	}
	require.NoError(t, read(KindJournal, valid))
	require.NoError(t, read(KindJournalWithoutNames, valid))
	require.ErrorIs(t, read(KindNews, valid), records.ErrInvalid)
	named := strings.Replace(valid, `"b",""`, `"b","who"`, 1)
	require.NoError(t, read(KindJournal, named))
	require.ErrorIs(t, read(KindJournalWithoutNames, named), records.ErrInvalid)
	for name, replace := range map[string][2]string{
		"another key":     {`000001`, `000002`},
		"three values":    {`,"1",""`, `,"1"`},
		"an unknown kind": {`deleted`, `shouted`},
		"no base":         {`"a"`, `""`},
		"a long value":    {`"1"`, `"` + strings.Repeat("x", 300) + `"`},
		"an outcome":      {`compared`, `guessed`},
		"a digest":        {`"source"`, `"sha256":"ab","source"`},
		"an interval":     {`"from":4`, `"from":6`},
		"zeros":           {`"source"`, `"sha256":"` + noDigest + `","source"`},
		"upper case":      {`"source"`, `"sha256":"` + strings.ToUpper(someDigest) + `","source"`},
		"not UTF-8":       {`"1"`, `"\u0000ff"`},
		"another source":  {`dump`, `\u0000ff`},
	} {
		line := strings.Replace(valid, replace[0], replace[1], 1)
		require.NotEqual(t, valid, line)
		require.ErrorIs(t, read(KindJournal, line), records.ErrInvalid, name)
	}
}
