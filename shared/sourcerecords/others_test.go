package sourcerecords

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

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

// TestNewFile_Advisories checks that the file has the same records as that of the tracker, and as many that were skipped.
func TestNewFile_Advisories(t *testing.T) {
	f, err := os.Open(corpus.Advisories(t))
	require.NoError(t, err)
	defer f.Close()
	list, _, err := advisories.Read(f)
	require.NoError(t, err)
	var text bytes.Buffer
	require.NoError(t, WriteAdvisories(&text, list, records.End{LeftOutCount: 3}))
	file, err := os.Open(writeFile(t, KindAdvisories, 5, &text))
	require.NoError(t, err)
	defer file.Close()
	got, skipped, err := advisories.Read(file)
	require.NoError(t, err)
	require.Equal(t, 3, skipped)
	require.Len(t, got, len(list))

	for count, valid := range map[uint32]bool{49_999: true, 50_000: false, math.MaxUint32: false} {
		text.Reset()
		require.NoError(t, WriteAdvisories(&text, list[:1], records.End{LeftOutCount: count}))
		_, err := NewFile(t.Context(), KindAdvisories, 5, &text)
		require.Equal(t, valid, err == nil, "%d: %v", count, err)
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
	items := []wire.NewsItem{item("b", 3), item("a", 2), item("c", 1)}
	var text bytes.Buffer
	require.NoError(t, WriteNews(&text, append(items, item("a", 1))))
	require.Contains(t, text.String(), `"left_out":1`)
	got, err := ReadNews(t.Context(), strings.NewReader(text.String()), 3)
	require.NoError(t, err)
	require.Equal(t, items, got)

	path := writeFile(t, KindNews, 9, &text)
	f, err := news.Read(path, func(uint32) bool { return true })
	require.NoError(t, err)
	require.Equal(t, &news.File{Schema: f.Schema, ConfirmedAt: 9, Items: items}, f)
}

// writeFile writes the file of records, and returns its path.
func writeFile(t *testing.T, kind string, asOf int64, text io.Reader) string {
	t.Helper()
	f, err := NewFile(t.Context(), kind, asOf, text)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), kind)
	require.NoError(t, f.WriteFile(path))
	return path
}

func TestReadNews_Refused(t *testing.T) {
	const valid = `{"id":"a","published":5,"title":"t","url":"http://x/"}`
	_, err := ReadNews(t.Context(), textOf(KindNews, valid), 5)
	require.NoError(t, err)
	for name, line := range map[string]string{
		"no identifier":         `{"id":"","published":5,"title":"t"}`,
		"a long title":          `{"id":"a","published":5,"title":"` + strings.Repeat("x", wire.MaxNewsTitle+1) + `"}`,
		"a long text":           `{"id":"a","published":5,"text":"` + strings.Repeat("x", wire.MaxNewsText+1) + `"}`,
		"a script":              `{"id":"a","published":5,"url":"javascript:x"}`,
		"not UTF-8":             `{"id":"a","published":5,"title":"\u0000ff"}`,
		"an escape sequence":    `{"id":"a","published":5,"title":"\u001b[2J"}`,
		"one in the text":       `{"id":"a","published":5,"text":"x\u001b[2J"}`,
		"two lines":             `{"id":"a","published":5,"title":"t\u000at"}`,
		"another direction":     `{"id":"a","published":5,"title":"` + "\u202e" + `t"}`,
		"newer than the source": `{"id":"a","published":6,"title":"t"}`,
		"no time":               `{"id":"a","title":"t"}`,
		"before 1970":           `{"id":"a","published":-5,"title":"t"}`,
	} {
		_, err := ReadNews(t.Context(), textOf(KindNews, line), 5)
		require.ErrorIs(t, err, records.ErrInvalid, name)
	}
	var many []string
	for i := range wire.MaxNewsItems + 1 {
		many = append(many, fmt.Sprintf(`{"id":"%03d","published":5}`, i))
	}
	_, err = ReadNews(t.Context(), textOf(KindNews, many[1:]...), 5)
	require.NoError(t, err)
	_, err = ReadNews(t.Context(), textOf(KindNews, many...), 5)
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
	text.Reset()
	require.NoError(t, WriteShares(&text, shares, records.End{}))
	kept, err := popularity.Read(t.Context(), writeFile(t, KindShares, 5, &text))
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
	end, err := WriteJournal(&text, path, nil, JournalOptions{Names: true})
	require.NoError(t, err)
	require.Equal(t, records.End{Count: 3, AsOf: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC).Unix()}, end)
	require.NoError(t, readJournalText(t, strings.NewReader(text.String()), &lines))
	require.Equal(t, journalLines, lines.String())
	again := writeFile(t, KindJournal, 5, &text)
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	got, err := os.ReadFile(again)
	require.NoError(t, err)
	require.Equal(t, want, got)

	_, err = WriteJournal(&text, path, nil, JournalOptions{})
	require.NoError(t, err)
	require.NotContains(t, text.String(), "new")
	require.NotContains(t, text.String(), "old")
	lines.Reset()
	require.NoError(t, readJournalText(t, strings.NewReader(text.String()), &lines))
	require.Equal(t, strings.NewReplacer(`"old"`, `null`, `"new"`, `null`).Replace(journalLines), lines.String())
	_, err = NewFile(t.Context(), KindJournal, 5, strings.NewReader(text.String()))
	require.ErrorIs(t, err, records.ErrInvalid, "the manifest says that it has names")
	state, err := journal.Read(writeFile(t, KindJournalWithoutNames, 5, &text), nil, func(*journal.Entry) error { return nil })
	require.NoError(t, err)
	require.Empty(t, state.Problem())
}

// readJournalText reads the records of a journal.
func readJournalText(t *testing.T, in io.Reader, out io.Writer) error {
	t.Helper()
	r, err := newReader(in, KindJournal, KindJournalWithoutNames)
	if err != nil {
		return err
	}
	return readJournal(t.Context(), r, out)
}

func TestReadJournal_Refused(t *testing.T) {
	const valid = `{"key":"000000000005-000001","events":[["deleted","a","1",""],["orphaned","b","",""]],"from":4,"outcome":"compared","source":"dump","to":5}`
	read := func(kind, line string) error {
		return readJournalText(t, textOf(kind, line), &bytes.Buffer{})
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

// TestNewFile_Attacks checks that no kind accepts the records of another one, records of another source, records that are cut off, or too many
// of them, and that nothing but an error comes of them.
func TestNewFile_Attacks(t *testing.T) {
	valid := map[string]string{
		KindAdvisories:          `{"name":"AVG-1","affected":"1","packages":["a"],"severity":"High","status":"Fixed","ticket":"5"}`,
		KindNews:                `{"id":"a","published":5,"title":"t","url":"http://x/"}`,
		KindShares:              `{"name":"a","share":5}`,
		KindJournal:             `{"key":"000000000005-000001","events":[["orphaned","a","who",""]],"from":4,"outcome":"compared","source":"dump","to":5}`,
		KindJournalWithoutNames: `{"key":"000000000005-000001","events":[["orphaned","a","",""]],"from":4,"outcome":"compared","source":"dump","to":5}`,
	}
	require.Len(t, valid, len(sourceNames)-2, "each kind but the two of the AUR")
	newFile := func(kind string, text io.Reader) error {
		f, err := NewFile(t.Context(), kind, 5, text)
		require.Equal(t, err == nil, f != nil)
		return err
	}
	for kind, line := range valid {
		text, err := io.ReadAll(textOf(kind, line))
		require.NoError(t, err)
		require.NoError(t, newFile(kind, bytes.NewReader(text)), kind)
		for other := range valid {
			if other != kind {
				require.ErrorIs(t, newFile(other, bytes.NewReader(text)), records.ErrInvalid, "%s as %s", kind, other)
			}
		}
		name := fmt.Sprintf("%q", sourceNames[kind])
		require.ErrorIs(t, newFile(kind, strings.NewReader(strings.Replace(string(text), name, `"other"`, 1))), records.ErrInvalid, kind)
		for size := range text {
			require.ErrorIs(t, newFile(kind, bytes.NewReader(text[:size])), records.ErrInvalid, "%s: %d bytes", kind, size)
		}
		for _, more := range []string{line, `{"key":"x","x":1}`, strings.Repeat("[", 1000), strings.Repeat(" ", records.MaxLine+1)} {
			require.ErrorIs(t, newFile(kind, textOf(kind, line, more)), records.ErrInvalid, "%s: %.40s", kind, more)
		}
	}
	require.Error(t, newFile(KindRepository, textOf(KindRepository)))

	endless := func(format string) []string {
		lines := make([]string, 400_000)
		for i := range lines {
			lines[i] = fmt.Sprintf(format, i)
		}
		return lines
	}
	require.ErrorIs(t, newFile(KindShares, textOf(KindShares, endless(`{"name":"%012d","share":5}`)...)), records.ErrInvalid)
	require.ErrorIs(t, newFile(KindAdvisories, textOf(KindAdvisories, endless(`{"name":"%012d","affected":"1","packages":["a"],"severity":"High"}`)...)), records.ErrInvalid)
	require.ErrorIs(t, newFile(KindNews, textOf(KindNews, endless(`{"id":"%012d","published":5}`)...)), records.ErrInvalid)
	large := make([]string, 10)
	for i := range large {
		large[i] = fmt.Sprintf(`{"key":"%012d-000001","events":[%s],"from":1,"outcome":"compared","source":"dump","to":%d}`, i+5,
			strings.TrimSuffix(strings.Repeat(`["deleted","a","`+strings.Repeat("x", 255)+`",""],`, 25_000), ","), i+5)
	}
	require.ErrorIs(t, newFile(KindJournal, textOf(KindJournal, large...)), journal.ErrTooLarge)
}
