package terminal

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/news"
	"github.com/omg-arch/omg/shared/wire"
)

// TestNews checks what only a terminal gets: the block above the updates, hyperlinks, the pager, and a note about what to do next.
func TestNews(t *testing.T) {
	need.Terminal(t)
	const feed = "http://127.0.0.1:1/"
	s := harness.New(t, harness.WithEnv("TERM=xterm-256color", "NO_COLOR=1", "PAGER=cat", "OMG_NEWS_ENABLED=true", "OMG_NEWS_URL="+feed))
	harness.WriteFile(t, s.PacmanConf, "[options]\nDBPath = "+s.DB+"\n[core]\n")
	harness.WriteFile(t, s.SyncDBPath("core"), harness.BuildDatabase(t, harness.NewPackageEntry("bash", "2-1")))
	s.Install("bash", "1-1")
	downloaded := &news.File{URL: feed, ConfirmedAt: time.Now().Unix()}
	for i := range 4 {
		downloaded.Items = append(downloaded.Items, wire.NewsItem{
			NewsHeadline: wire.NewsHeadline{ID: fmt.Sprint(i), Title: fmt.Sprintf("Item %d", i), URL: "https://archlinux.org/news/x/", PublishedAt: 1_790_000_000 - int64(i)},
			Text:         strings.Repeat("many words ", 600) + "<https://a.example/>",
		})
	}
	require.NoError(t, downloaded.Write(news.Path(s.Data)))
	omgd := s.StartDaemon()
	y, screen := way{omgd.AnswerWay("daemon"), ""}, newScreen(t, 80)
	const block = "Arch news: 4 unread\n 1  2026-09-21  Item 0\n 2  2026-09-21  Item 1\n 3  2026-09-21  Item 2\nomg news NUMBER shows the text, omg news --read marks all as read\n\n"
	outdated := y.runOn(t, screen, stdout, "outdated")
	require.Zero(t, outdated.Code, outdated.Stderr)
	require.True(t, strings.HasPrefix(outdated.Stdout, block), outdated.Stdout)
	require.Contains(t, outdated.Stdout, "bash")
	piped := y.Omg("outdated").Stdout
	require.Equal(t, "bash 1-1 -> 2-1\n", piped)
	for _, args := range [][]string{{"outdated", "--json"}, {"outdated", "-q"}, {"outdated", "--format", "{{.name}}"}, {"-Qu"}} {
		require.NotContains(t, y.runOn(t, screen, stdout, args...).Stdout, "Item", "%q", args)
	}
	require.NotContains(t, y.Omg("outdated", "--size").Stdout, "Item", "a table in a pipe")

	list := y.runOn(t, screen, stdout, "news")
	require.Equal(t, 4, strings.Count(list.Stdout, "\n"))
	require.Equal(t, "omg: note: omg news NUMBER shows the text, omg news --read marks all as read\n", list.Stderr)
	text := y.runOn(t, screen, stdout, "news", "1").Stdout
	for line := range strings.Lines(text) {
		require.LessOrEqual(t, len(line), 81, line)
	}
	require.Contains(t, text, "<https://a.example/>")
	require.True(t, strings.HasPrefix(y.with("PAGER=sed 's/^/P /'").runOn(t, screen, stdout, "news", "1").Stdout, "P Item 0\n"))
	linked := y.with("TERM=xterm-kitty", "TMUX=", "STY=").runOn(t, screen, stdout, "news", "1").Stdout
	require.Contains(t, linked, "\x1b]8;;https://a.example/\x1b\\https://a.example/\x1b]8;;\x1b\\")

	one := y.runOn(t, screen, stdout, "news", "--read", "2")
	require.Equal(t, " 2  2026-09-21  Item 1\n", one.Stdout)
	require.Equal(t, "omg: note: marked as read\n", one.Stderr)
	read := y.runOn(t, screen, stdout, "news", "--read")
	require.Equal(t, 3, strings.Count(read.Stdout, "\n"))
	require.Equal(t, "omg: note: marked as read\n", read.Stderr)
	none := y.runOn(t, screen, stdout, "news")
	require.Equal(t, 1, none.Code)
	require.Empty(t, none.Stdout)
	require.Equal(t, "omg: note: no unread news: omg news --all lists all\n", none.Stderr)
	require.NotContains(t, y.runOn(t, screen, stdout, "outdated").Stdout, "Item")
}
