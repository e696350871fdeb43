package snapshot

import (
	"time"

	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/wire"
)

// source returns the description of the news for a reply at the time now.
func (n *NewsData) source(now time.Time) wire.Source {
	if n.Pulled != nil {
		return *n.Pulled
	}
	s := wire.Source{Name: wire.SourceNews, Kind: wire.KindNews, ChangedAt: n.RepliedAt, Why: n.LastError, NextRequestAt: n.NextRequestAt}
	setDownloadState(&s, n.StaleAfter, now)
	return s
}

// News returns the result of OpNews. It returns an error with the code wire.CodeNetwork if there is no data.
func (s *Snapshot) News() (*wire.NewsResult, error) {
	news := s.inputs.News
	if news == nil {
		return nil, wire.Errorf(wire.CodeNetwork, "no data of Arch's news: they are disabled (news.enabled)")
	}
	source := news.source(clock.Now())
	if source.Unavailable() {
		return nil, wire.Errorf(wire.CodeNetwork, "no data of Arch's news: %s", source.Why)
	}
	return &wire.NewsResult{Sources: []wire.Source{source}, UpgradedAt: s.inputs.UpgradedAt, Items: news.Items}, nil
}

// newsSinceUpgrade returns the items of the news that are newer than the last full upgrade, or nil if they are unknown.
func (s *Snapshot) newsSinceUpgrade() *wire.NewsSinceUpgrade {
	news := s.inputs.News
	if news == nil || news.RepliedAt == 0 {
		return nil
	}
	since := &wire.NewsSinceUpgrade{UpgradedAt: s.inputs.UpgradedAt, Items: []wire.NewsHeadline{}}
	for i := range news.Items {
		if item := &news.Items[i]; item.PublishedAt > since.UpgradedAt {
			since.Items = append(since.Items, item.NewsHeadline)
		}
	}
	return since
}
