package app

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

// someNews returns a reply with three items, two of which are newer than the last upgrade.
func someNews() *wire.NewsResult {
	item := func(id, title string, at int64) wire.NewsItem {
		return wire.NewsItem{NewsHeadline: wire.NewsHeadline{ID: id, Title: title, URL: "https://archlinux.org/news/" + id + "/", PublishedAt: at}, Text: "About " + id + "."}
	}
	return &wire.NewsResult{
		Sources: []wire.Source{{Name: "news", Kind: wire.KindNews, State: wire.SourceOK, ChangedAt: 1_700_000_100}}, UpgradedAt: 1_690_000_000,
		Items: []wire.NewsItem{item("c", "Plasma 6 and X11", 1_700_000_000), item("b", "linux-firmware needs a manual step", 1_695_000_000), item("a", "Old firmware", 1_600_000_000)},
	}
}

// newsUser gives the test a new user, and returns a function that runs omg news.
func newsUser(t *testing.T, f fake) (dir string, run func(args ...string) (code int, stdout, stderr string)) {
	t.Helper()
	dir = t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o755))
	t.Setenv("XDG_STATE_HOME", dir)
	return dir, func(args ...string) (int, string, string) { return f.run(t, append([]string{"news"}, args...)...) }
}

const (
	headlineC = " 1  2023-11-14  Plasma 6 and X11\n"
	headlineB = " 2  2023-09-18  linux-firmware needs a manual step\n"
	headlineA = " 3  2020-09-13  Old firmware\n"
)

// TestNews_Marks checks which items are listed before and after they are marked as read.
func TestNews_Marks(t *testing.T) {
	_, news := newsUser(t, fake{news: someNews()})
	require.Equal(t, exit.Usage, first(news("--all", "--read")))
	require.Equal(t, exit.Usage, first(news("--all", "1")))
	code, out, stderr := news()
	require.Equal(t, exit.OK, code)
	require.Equal(t, headlineC+headlineB, out)
	require.Empty(t, stderr)
	code, out, _ = news("--read", "2")
	require.Equal(t, exit.OK, code)
	require.Equal(t, headlineB, out)
	_, out, _ = news("-q")
	require.Equal(t, "Plasma 6 and X11\n", out)
	_, out, _ = news("-a")
	require.Equal(t, " 1  2023-11-14  Plasma 6 and X11 [unread]\n"+headlineB+headlineA, out)
	code, out, _ = news("--read")
	require.Equal(t, exit.OK, code)
	require.Equal(t, headlineC, out)
	for _, args := range [][]string{nil, {"--read"}, {"-q"}} {
		code, out, _ = news(args...)
		require.Equal(t, exit.NotFound, code)
		require.Empty(t, out)
	}
	code, out, _ = news("--format", "{{.number}} {{.published}} {{.unread}} {{.url}}", "1")
	require.Equal(t, exit.OK, code)
	require.Equal(t, "1 2023-11-14T22:13:20Z false https://archlinux.org/news/c/\n", out)
}

// TestNews_Text checks that items are printed in full by number and by a part of the title, and that this does not mark them.
func TestNews_Text(t *testing.T) {
	_, news := newsUser(t, fake{news: someNews()})
	const textC = "Plasma 6 and X11\n2023-11-14  https://archlinux.org/news/c/\n\nAbout c.\n"
	const textB = "linux-firmware needs a manual step\n2023-09-18  https://archlinux.org/news/b/\n\nAbout b.\n"
	const textA = "Old firmware\n2020-09-13  https://archlinux.org/news/a/\n\nAbout a.\n"
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"1"}, textC},
		{[]string{"plasma"}, textC},
		{[]string{"FIRMWARE"}, textB + "\n" + textA},
		{[]string{"3", "x11", "1"}, textC + "\n" + textA},
	} {
		code, out, stderr := news(c.args...)
		require.Equal(t, exit.OK, code, c.args)
		require.Equal(t, c.want, out, c.args)
		require.Empty(t, stderr)
	}
	for _, args := range [][]string{{"6"}, {"7"}, {"nothing"}, {"1", "nothing"}, {"--read", "nothing"}, {""}, {"--", "-1"}} {
		code, out, stderr := news(args...)
		require.Equal(t, exit.NotFound, code, args)
		require.Empty(t, out)
		require.Contains(t, stderr, "omg: error: no news with the number or the title ")
		require.Contains(t, stderr, "omg: hint: omg news --all lists them\n")
	}
	_, out, _ := news()
	require.Equal(t, headlineC+headlineB, out, "still unread")
}

func TestNews_JSON(t *testing.T) {
	_, news := newsUser(t, fake{news: someNews()})
	_, out, _ := news("--json", "2")
	require.JSONEq(t, `{"schema":1,"sources":[{"name":"news","kind":"news","state":"ok","changed":1700000100}],"upgraded":"2023-07-22T04:26:40Z","items":[
		{"number":2,"id":"b","title":"linux-firmware needs a manual step","url":"https://archlinux.org/news/b/","published":"2023-09-18T01:20:00Z","unread":true,"text":"About b."}]}`, out)
	result := someNews()
	result.Items, result.UpgradedAt = nil, 0
	_, news = newsUser(t, fake{news: result})
	code, out, _ := news("--json")
	require.Equal(t, exit.NotFound, code)
	var document map[string]any
	require.NoError(t, json.Unmarshal([]byte(out), &document))
	require.Equal(t, []any{}, document["items"])
	require.NotContains(t, document, "upgraded", "unknown")
}

// TestNews_Problems checks what is printed without data, with old data, and with marks that cannot be read.
func TestNews_Problems(t *testing.T) {
	_, news := newsUser(t, fake{errs: map[string]error{"news": wire.Errorf(wire.CodeNetwork, "no data of Arch's news: not downloaded yet")}})
	code, out, stderr := news()
	require.Equal(t, exit.Network, code)
	require.Empty(t, out)
	require.Equal(t, "omg: error: no data of Arch's news: not downloaded yet\n", stderr)

	old := someNews()
	old.Sources[0].State, old.Sources[0].Why = wire.SourceStale, "the server of Arch's news did not answer in time"
	dir, news := newsUser(t, fake{news: old})
	code, out, stderr = news()
	require.Equal(t, exit.OK, code)
	require.Equal(t, headlineC+headlineB, out)
	require.Regexp(t, `^omg: note: news: stale: the server of Arch's news did not answer in time, downloaded [0-9]+ years ago\n$`, stderr)

	require.NoError(t, os.MkdirAll(filepath.Join(dir, "omg"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "omg/news-read.json"), []byte("x"), 0o600))
	code, out, stderr = news()
	require.Equal(t, exit.OK, code)
	require.Equal(t, headlineC+headlineB, out)
	require.Contains(t, stderr, "omg: note: your marks of read news are not used: "+dir+"/omg/news-read.json: ")
	code, out, stderr = news("--read")
	require.Equal(t, exit.Failed, code)
	require.Empty(t, out)
	require.Contains(t, stderr, "omg: error: "+dir+"/omg/news-read.json: ")
}

// TestNews_Counted checks that omg alone and omg status count the items that are newer than the last upgrade and not marked.
func TestNews_Counted(t *testing.T) {
	f := fake{news: someNews(), status: &wire.StatusResult{News: &wire.NewsSinceUpgrade{UpgradedAt: 1_690_000_000}}}
	for _, item := range f.news.Items[:2] {
		f.status.News.Items = append(f.status.News.Items, item.NewsHeadline)
	}
	_, news := newsUser(t, f)
	_, out, _ := f.run(t, "status")
	require.Contains(t, out, "\nNews            : 2 unread (see omg news)\n")
	_, out, _ = f.run(t)
	require.Contains(t, out, "\nNews        2 unread: Plasma 6 and X11\n")
	require.Equal(t, exit.OK, first(news("--read", "1")))
	_, out, _ = f.run(t)
	require.Contains(t, out, "\nNews        1 unread: linux-firmware needs a manual step\n")
	require.Equal(t, exit.OK, first(news("--read")))
	_, out, _ = f.run(t, "status")
	require.Contains(t, out, "\nNews            : 0 unread\n")
	_, out, _ = f.run(t)
	require.NotContains(t, out, "unread")
	_, out, _ = f.run(t, "status", "--json")
	require.Contains(t, out, `"news":{"upgraded":1690000000,"items":[{"id":"c"`, "JSON has what omgd knows")
}

func first(code int, _, _ string) int { return code }
