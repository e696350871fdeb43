package direct

import (
	"errors"
	"io/fs"
	"time"

	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/pulled"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/sources"
)

// findPulled returns what omg-index pull has installed in one of the data directories; nil if there is nothing, or if omgd does not pull. It prints
// a note, once, if there is something that cannot be used, because the answers then come from other data.
func (b *Backend) findPulled(c *config.Config) *sources.Pulled {
	if len(c.Index.URLs) == 0 {
		return nil
	}
	for _, dir := range b.env.DataDirs(b.o.DataDir) {
		state, err := pulled.Read(pulled.Dir(dir), b.env.Trusts)
		if err == nil {
			return &sources.Pulled{Dir: pulled.Dir(dir), State: state, StaleAfter: c.Index.StaleAfter(c.Stale.Repos)}
		}
		if !errors.Is(err, fs.ErrNotExist) {
			b.notePulled.Do(func() { b.o.PrintNote("cannot use what was pulled: " + err.Error()) })
		}
	}
	return nil
}

// pulledAdvisories returns the pulled advisories; nil if there are none, or if the security tracker is disabled.
func (b *Backend) pulledAdvisories(c *config.Config) *snapshot.TrackerData {
	p := b.findPulled(c)
	if p == nil || !c.Tracker.Enabled {
		return nil
	}
	documents := sources.Documents{IsTrusted: b.env.Trusts}
	return documents.Tracker(p, time.Duration(c.Stale.Tracker))
}
