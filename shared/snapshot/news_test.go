package snapshot

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/wire"
)

func newsItems(times ...int64) (items []wire.NewsItem) {
	for _, at := range times {
		items = append(items, wire.NewsItem{NewsHeadline: wire.NewsHeadline{ID: time.Unix(at, 0).UTC().String(), Title: "T", PublishedAt: at}, Text: "x"})
	}
	return items
}

// TestNews checks the news in each result that has them: disabled, not downloaded, with and without a known upgrade, and old.
func TestNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := generated(t, fixture.Options{Packages: 50, Installed: 20, Seed: 1})
		since := func() *wire.NewsSinceUpgrade {
			status, err := build(t, in).Status()
			require.NoError(t, err)
			outdated, err := build(t, in).Outdated()
			require.NoError(t, err)
			require.Equal(t, status.News, outdated.News)
			require.Nil(t, wire.FindSourceByKind(outdated.Sources, wire.KindNews), "the list of updates does not depend on the news")
			require.False(t, status.Partial)
			return status.News
		}
		source := func() *wire.Source {
			status, err := build(t, in).Status()
			require.NoError(t, err)
			return wire.FindSourceByKind(status.Sources, wire.KindNews)
		}
		_, err := build(t, in).News()
		require.Equal(t, wire.CodeNetwork, wire.CodeOf(err))
		require.ErrorContains(t, err, "news.enabled")
		require.Nil(t, since())
		require.Nil(t, source())

		in.News = &NewsData{LastError: "the server of Arch's news did not answer in time", StaleAfter: 24 * time.Hour, NextRequestAt: 9}
		_, err = build(t, in).News()
		require.Equal(t, wire.CodeNetwork, wire.CodeOf(err))
		require.ErrorContains(t, err, "no data of Arch's news: the server of Arch's news did not answer in time")
		require.Nil(t, since(), "unknown, not none")
		require.Equal(t, &wire.Source{Name: "news", Kind: wire.KindNews, State: wire.SourceMissing, Why: in.News.LastError, NextRequestAt: 9}, source())

		in.News = &NewsData{Items: newsItems(3000, 2000, 1000), RepliedAt: time.Now().Unix(), StaleAfter: 24 * time.Hour}
		in.UpgradedAt = 2000
		news, err := build(t, in).News()
		require.NoError(t, err)
		require.Equal(t, &wire.NewsResult{Sources: []wire.Source{*source()}, UpgradedAt: 2000, Items: in.News.Items}, news)
		require.Equal(t, wire.SourceOK, source().State)
		require.Equal(t, &wire.NewsSinceUpgrade{UpgradedAt: 2000, Items: []wire.NewsHeadline{in.News.Items[0].NewsHeadline}}, since())
		in.UpgradedAt = 0
		require.Len(t, since().Items, 3, "the time of the upgrade is unknown")
		in.UpgradedAt = 4000
		require.Equal(t, &wire.NewsSinceUpgrade{UpgradedAt: 4000, Items: []wire.NewsHeadline{}}, since())

		time.Sleep(30 * time.Hour)
		news, err = build(t, in).News()
		require.NoError(t, err)
		require.Equal(t, wire.SourceStale, news.Sources[0].State)
		require.Equal(t, "not downloaded for 30 hours", news.Sources[0].Why)
		require.NotNil(t, since(), "old news are news")
	})
}
