package snapshot

import (
	"time"

	"github.com/omg-arch/omg/shared/wire"
)

// source returns the description of the shares for a reply at the time now.
func (p *PopularityData) source(now time.Time) wire.Source {
	if p.Pulled != nil {
		return *p.Pulled
	}
	s := wire.Source{Name: wire.SourcePopularity, Kind: wire.KindPopularity, ChangedAt: p.RepliedAt, Why: p.LastError, NextRequestAt: p.NextRequestAt}
	setDownloadState(&s, p.StaleAfter, now)
	return s
}
