package feed

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/termtext"
	"github.com/omg-arch/omg/shared/wire"
)

const modified = "Tue, 14 Nov 2023 22:13:20 GMT"

const address = "https://archlinux.org/feeds/news/"

var now = time.Unix(1_750_000_000, 0)

func titles(items []wire.NewsItem) (list []string) {
	for i := range items {
		list = append(list, items[i].Title)
	}
	return list
}

func parse(t *testing.T, feed string, last ...wire.NewsItem) []wire.NewsItem {
	t.Helper()
	items, err := Parse([]byte(feed), address, last, now)
	require.NoError(t, err)
	return items
}

// TestParse_Dates checks that an item without a time, or with one in the future, has the time at which it was first seen.
func TestParse_Dates(t *testing.T) {
	feed := fixture.NewsFeed(
		fixture.NewsItem("future", "Future", "Fri, 01 Jan 2038 00:00:00 +0000"), fixture.NewsItem("nonsense", "Nonsense", "yesterday"),
		fixture.NewsItem("zone", "Zone", "Tue, 14 Nov 2023 23:13:20 +0100"), fixture.NewsItem("ancient", "Ancient", "Thu, 01 Jan 1960 00:00:00 +0000"),
	)
	first := parse(t, feed)
	require.Equal(t, []string{"Future", "Nonsense", "Ancient", "Zone"}, titles(first))
	for i, want := range []int64{now.Unix(), now.Unix(), now.Unix(), 1_700_000_000} {
		require.Equal(t, want, first[i].PublishedAt, first[i].Title)
	}
	first[0].PublishedAt, first[1].PublishedAt, first[2].PublishedAt = 5000, 6000, now.Unix()+99
	again := parse(t, feed, first...)
	require.Equal(t, []string{"Ancient", "Zone", "Nonsense", "Future"}, titles(again))
	require.Equal(t, now.Unix(), again[0].PublishedAt, "never later than now")
	require.EqualValues(t, 6000, again[2].PublishedAt)
	require.EqualValues(t, 5000, again[3].PublishedAt)
}

// TestParse_Items checks the titles, addresses and IDs of items: entities, control characters, duplicates, and what is missing.
func TestParse_Items(t *testing.T) {
	require.Equal(t, []string{"a >= 1 & <b> ‘c’"}, titles(parse(t, fixture.NewsFeed(fixture.NewsItem("x", "a &gt;= 1 &amp; &lt;b&gt; &#8216;c&#8217;", modified)))))
	require.Equal(t, []string{"[31mred bell"}, titles(parse(t, fixture.NewsFeed(fixture.NewsItem("x", "\x1b[31mred\n\t bell\a", modified)))), "XML has no control characters")
	require.Equal(t, []string{"\uFFFDreversed"}, titles(parse(t, fixture.NewsFeed(fixture.NewsItem("x", "&#x202e;reversed", modified)))))
	require.Equal(t, []string{"(no title)"}, titles(parse(t, fixture.NewsFeed(fixture.NewsItem("x", " ", modified)))))
	require.Equal(t, []string{"One"}, titles(parse(t, fixture.NewsFeed(fixture.NewsItem("x", "One", modified), fixture.NewsItem("x", "Two", modified)))), "the same ID twice")

	got := parse(t, fixture.NewsFeed(`<item><title>T</title><link>javascript:alert(1)</link></item>`))[0]
	require.Equal(t, wire.NewsHeadline{ID: "T", Title: "T", PublishedAt: now.Unix()}, got.NewsHeadline)
	got = parse(t, fixture.NewsFeed(`<item><title>T</title><link>/news/t/</link></item>`))[0]
	require.Equal(t, "https://archlinux.org/news/t/", got.URL)
	require.Equal(t, got.URL, got.ID)
	got = parse(t, fixture.NewsFeed(`<item><title>T</title><guid>`+strings.Repeat("i", 5000)+`</guid></item>`))[0]
	require.Regexp(t, `^sha256:[0-9a-f]{64}$`, got.ID)

	atom := `<feed xmlns="http://www.w3.org/2005/Atom"><title>x</title><entry><id>urn:1</id><title>A</title><link href="https://a.example/1"/><updated>2023-11-14T22:13:20Z</updated><content type="html">&lt;p&gt;Text&lt;/p&gt;</content></entry></feed>`
	require.Equal(t, []wire.NewsItem{{NewsHeadline: wire.NewsHeadline{ID: "urn:1", Title: "A", URL: "https://a.example/1", PublishedAt: 1_700_000_000}, Text: "Text"}}, parse(t, atom))
}

// hostileFeeds are feeds that need much memory or stack, or have unusual content, if they are read without limits.
func hostileFeeds() map[string]string {
	many := make([]string, 1000)
	for i := range many {
		many[i] = fixture.NewsItem(fmt.Sprint(i), "T", modified)
	}
	entities := `<!DOCTYPE rss [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>`
	return map[string]string{
		"nested":          fixture.NewsFeed(`<item xmlns:x="urn:x">`+strings.Repeat("<x:a>", 100_000)) + strings.Repeat("</x:a>", 100_000),
		"nested, open":    fixture.NewsFeed(`<item>` + strings.Repeat("<a>", 200_000)),
		"many items":      fixture.NewsFeed(many...),
		"long title":      fixture.NewsFeed(fixture.NewsItem("x", strings.Repeat("ä", 100_000), modified)),
		"long text":       fixture.NewsFeed(`<item><title>T</title><description>` + strings.Repeat("wörd ", 100_000) + `</description></item>`),
		"many links":      fixture.NewsFeed(`<item><title>T</title><description>` + strings.Repeat(`&lt;a href="/"&gt;`, 20_000) + `</description></item>`),
		"nested lists":    fixture.NewsFeed(`<item><title>T</title><description>` + strings.Repeat(`&lt;ul&gt;&lt;li&gt;`, 20_000) + `</description></item>`),
		"nested pre":      fixture.NewsFeed(`<item><title>T</title><description>` + strings.Repeat("&lt;pre&gt;\n", 20_000) + `</description></item>`),
		"entities":        strings.Replace(fixture.NewsFeed(fixture.NewsItem("x", "&b;", modified)), "<rss", entities+"<rss", 1),
		"external entity": strings.Replace(fixture.NewsFeed(fixture.NewsItem("x", "&e;", modified)), "<rss", `<!DOCTYPE rss [<!ENTITY e SYSTEM "file:///etc/passwd">]><rss`, 1),
		"not UTF-8":       fixture.NewsFeed(fixture.NewsItem("x", "\xff\xfe", modified)),
		"other encoding":  strings.Replace(fixture.NewsFeed(fixture.NewsItem("x", "t\xe4st", modified)), "utf-8", "iso-8859-1", 1),
		"no encoding":     strings.Replace(fixture.NewsFeed(fixture.NewsItem("x", "t", modified)), "utf-8", "ebcdic-9", 1),
		"escape codes":    fixture.NewsFeed(`<item><title>T&#x9b;31m</title><description>&lt;p&gt;&amp;#27;[2J &lt;a href="https://x/&#x1b;]8"&gt;x&lt;/a&gt;</description></item>`),
	}
}

// checkItems checks that the items keep their limits, and have only clean text.
func checkItems(t *testing.T, items []wire.NewsItem) {
	require.LessOrEqual(t, len(items), wire.MaxNewsItems)
	for _, i := range items {
		require.NotEmpty(t, i.ID)
		require.NotEmpty(t, i.Title)
		require.LessOrEqual(t, len(i.ID), wire.MaxNewsID)
		require.LessOrEqual(t, len(i.Title), wire.MaxNewsTitle)
		require.LessOrEqual(t, len(i.URL), wire.MaxNewsURL)
		require.LessOrEqual(t, len(i.Text), wire.MaxNewsText)
		require.Positive(t, i.PublishedAt)
		require.LessOrEqual(t, i.PublishedAt, now.Unix())
		if i.URL != "" {
			require.Regexp(t, `^https?://[!-~]+$`, i.URL)
		}
		for _, text := range []string{i.ID, i.Title, strings.ReplaceAll(i.Text, "\n", " ")} {
			require.Equal(t, termtext.Clean(text), text)
			require.True(t, utf8.ValidString(text))
		}
	}
}

// TestParse_Hostile checks that hostile feeds are refused, or that their items keep the limits.
func TestParse_Hostile(t *testing.T) {
	for name, feed := range hostileFeeds() {
		items, err := Parse([]byte(feed), address, nil, now)
		if err != nil {
			require.ErrorIs(t, err, ErrNotFeed, name)
		}
		checkItems(t, items)
		switch name {
		case "nested", "nested, open":
			require.ErrorContains(t, err, "nested deeper than 32", name)
		case "many items":
			require.Len(t, items, wire.MaxNewsItems)
		case "long title", "long text":
			require.NoError(t, err, name)
			require.True(t, strings.HasSuffix(items[0].Title+items[0].Text, "…") || strings.Contains(items[0].Title, "…"), name)
		case "external entity":
			require.NotContains(t, titles(items), "root:", name)
		}
	}
}

func FuzzParseFeed(f *testing.F) {
	for _, feed := range hostileFeeds() {
		if len(feed) < 10_000 {
			f.Add([]byte(feed))
		}
	}
	f.Add([]byte(fixture.TwoNewsItems))
	f.Fuzz(func(t *testing.T, feed []byte) {
		if len(feed) > 100_000 {
			return
		}
		items, err := Parse(feed, address, nil, now)
		if err != nil {
			require.ErrorIs(t, err, ErrNotFeed)
		} else {
			require.NotEmpty(t, items)
		}
		checkItems(t, items)
	})
}

// TestHTMLText checks the plain text of HTML.
func TestHTMLText(t *testing.T) {
	for source, want := range map[string]string{
		"":                                 "",
		"plain  text\nof\tone line":        "plain text of one line",
		"<p>One</p><p>Two</p>":             "One\n\nTwo",
		"<p>One<br>more<br/><br/>last</p>": "One\nmore\n\nlast",
		"a<b>b</b>c <i>d</i> e":            "abc d e",
		"<p> a </p>\n<p> b </p>":           "a\n\nb",
		"a &amp; &lt;b&gt; &quot;&eacute;": "a & <b> \"é",
		"<h1>Title</h1>text":               "Title\n\ntext",
		"<pre><code># pacman -Syu\n\tindented\n\n\n\nend\n</code></pre>after": "    # pacman -Syu\n        indented\n\n    end\n\nafter",
		"do<pre>\nx</pre>": "do\n\n    x",
		"<ul><li>one</li><li><p>two <b>bold</b></p></li></ul><p>end</p>":                                          "- one\n- two bold\n\nend",
		"<p>a</p><ol><li>one<ul><li>in</li></ul></li><li>two</li></ol>":                                           "a\n\n1. one\n  - in\n2. two",
		"<ul><li>one<p>more</p><pre>code</pre></li></ul>":                                                         "- one\n\n  more\n\n      code",
		`see <a href="https://a.example/x">this</a>, or`:                                                          "see this <https://a.example/x>, or",
		`<a href="https://a.example/x">https://a.example/x</a>`:                                                   "https://a.example/x",
		`<a href="/todo/">list</a>`:                                                                               "list <https://archlinux.org/todo/>",
		`<a href="javascript:alert(1)">x</a> <a href="file:///etc">y</a> <a href="https://u:p@h/">z</a> <a>w</a>`: "x y z w",
		`<a href="https://a.example/` + strings.Repeat("x", 600) + `">long</a>`:                                   "long",
		`<script>alert(1)</script><style>p{}</style>shown<title>no</title>`:                                       "shown",
		"a\x1b[31mb\u202ec": "a\uFFFD[31mb\uFFFDc",
		`<img src="https://track.example/x" alt="a picture">`:             "a picture",
		"</a></ul></pre></li></p></script>x":                              "x",
		"<p>unclosed <b>x":                                                "unclosed x",
		"<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>": "a b\nc",
		"a<hr>b":             "a\n\n---\n\nb",
		"<p>one</p>":         "one",
		"<li>no list</li>":   "no list",
		"<ul><li></li></ul>": "-",
	} {
		require.Equal(t, want, htmlText(source, "https://archlinux.org/news/x/"), source)
	}
}
