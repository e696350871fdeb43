package show

import (
	"bufio"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/wire"
)

// newsEntry returns an unread item of the day 2023-11-14.
func newsEntry(number int, title string) NewsEntry {
	return NewsEntry{Number: number, IsUnread: true, NewsItem: &wire.NewsItem{
		NewsHeadline: wire.NewsHeadline{ID: title, Title: title, URL: "https://archlinux.org/news/x/", PublishedAt: 1_700_000_000 - 12*3600},
	}}
}

func TestNewsHeadline(t *testing.T) {
	shown := func(s Style, e NewsEntry, marks bool) string {
		return write(func(w *bufio.Writer) { s.PrintNewsHeadline(w, &e, marks) })
	}
	require.Equal(t, " 1  2023-11-14  Title\n", shown(Style{}, newsEntry(1, "Title"), false))
	require.Equal(t, "12  2023-11-14  Title [unread]\n", shown(Style{}, newsEntry(12, "Title"), true))
	require.Equal(t, " 1  2023-11-14  a \uFFFD[31m\uFFFD\n", shown(Style{}, newsEntry(1, "a \x1b[31m\n"), false))
	require.Equal(t, " 1  2023-11-14  one two\n                three four\n", shown(Style{Width: 26}, newsEntry(1, "one two three four"), false))
	require.Equal(t, " 1  2023-11-14  \x1b]8;;https://archlinux.org/news/x/\x1b\\Title\x1b]8;;\x1b\\\n", shown(Style{Links: true, Width: 80}, newsEntry(1, "Title"), false))
}

func TestNewsItem(t *testing.T) {
	e := newsEntry(1, "A title")
	shown := func(s Style) string { return write(func(w *bufio.Writer) { s.PrintNewsItem(w, &e) }) }
	require.Equal(t, "A title\n2023-11-14  https://archlinux.org/news/x/\n", shown(Style{}))
	e.Text = "One two three four five six.\n\n    # pacman -Rdd linux-firmware linux-firmware-nvidia\n\n- seven eight nine ten eleven\n2. see this <https://a.example/x>, or"
	require.Equal(t, "A title\n2023-11-14  https://archlinux.org/news/x/\n\n"+e.Text+"\n", shown(Style{}), "not wrapped in a pipe")
	require.Equal(t, `A title
2023-11-14  https://archlinux.org/news/x/

One two three four
five six.

    # pacman -Rdd linux-firmware linux-firmware-nvidia

- seven eight nine
  ten eleven
2. see this
   <https://a.example/x>,
   or
`, shown(Style{Width: 20}))
	e.URL = ""
	require.Contains(t, shown(Style{Links: true, Width: 80}), "see this <\x1b]8;;https://a.example/x\x1b\\https://a.example/x\x1b]8;;\x1b\\>, or\n")
	e.Text = "a\x1b]8;;https://evil/\x1b\\b <https://a.example/\x1b[0m> <http> <httpx://y> <https://open"
	for _, style := range []Style{{}, {Links: true}, {Links: true, Width: 80}, {Color: true, Width: 20}} {
		require.NotContains(t, strings.ReplaceAll(strings.ReplaceAll(shown(style), titleColor, ""), resetColor, ""), "\x1b")
	}
	for line := range strings.Lines(shown(Style{Width: 200})) {
		require.LessOrEqual(t, len(line), 101)
	}
}

func TestNewsNotice(t *testing.T) {
	list := []NewsEntry{newsEntry(1, "a"), newsEntry(2, "b"), newsEntry(3, "c"), newsEntry(5, "d")}
	shown := write(func(w *bufio.Writer) { Style{Width: 80}.PrintNewsNotice(w, list) })
	require.Equal(t, `Arch news: 4 unread
 1  2023-11-14  a
 2  2023-11-14  b
 3  2023-11-14  c
omg news NUMBER shows the text, omg news --read marks all as read

`, shown)
}

func TestStatus_News(t *testing.T) {
	st := &wire.StatusResult{}
	shown := func(unread int) string {
		return write(func(w *bufio.Writer) { Style{}.PrintStatus(w, st, unread, time.Unix(0, 0)) })
	}
	require.NotContains(t, shown(0), "News", "disabled, or an earlier omgd")
	st.Sources = []wire.Source{{Name: "news", Kind: wire.KindNews, State: wire.SourceMissing, Why: wire.NotDownloadedYet}}
	require.Contains(t, shown(0), "\nNews            : unknown\n")
	require.Contains(t, shown(0), "news  missing  not downloaded yet\n")
	st.News = &wire.NewsSinceUpgrade{}
	require.Contains(t, shown(0), "\nNews            : 0 unread\n")
	require.Contains(t, shown(2), "\nNews            : 2 unread (see omg news)\n")
}
