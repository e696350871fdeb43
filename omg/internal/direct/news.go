package direct

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/news"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/sources"
	"github.com/omg-arch/omg/shared/wire"
)

// News implements backend.Backend.
func (b *Backend) News(ctx context.Context) (*wire.NewsResult, error) {
	c := b.settings()
	pacman, err := b.pacmanConfig(&c)
	if err != nil {
		return nil, err
	}
	in := snapshot.Inputs{CheckedAt: clock.Now(), PacmanConfig: pacman.Config, News: b.news(&c), UpgradedAt: pacman.LastUpgrade(ctx)}
	return snapshot.Build(in).News()
}

// news returns the news that are pulled or that omgd has downloaded, of the data directory with the latest ones. It returns nil if the news are
// disabled.
func (b *Backend) news(c *config.Config) *snapshot.NewsData {
	if !c.News.Enabled {
		return nil
	}
	if p := b.findPulled(c); p != nil {
		documents := sources.Documents{IsTrusted: b.env.Trusts}
		if found := documents.News(p, time.Duration(c.Stale.News)); found != nil {
			return found
		}
	}
	latest := &snapshot.NewsData{StaleAfter: time.Duration(c.Stale.News)}
	var failure error
	for _, dir := range b.env.DataDirs(b.o.DataDir) {
		switch f, err := news.Read(news.Path(dir), b.env.Trusts); {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			failure = err
		case f.ConfirmedAt > latest.RepliedAt:
			latest.Items, latest.RepliedAt = f.Items, f.ConfirmedAt
		}
	}
	switch {
	case latest.RepliedAt != 0:
	case failure != nil:
		latest.LastError = failure.Error()
	default:
		latest.LastError = "no data yet; omgd downloads them"
	}
	return latest
}
