package app

import (
	"time"

	"github.com/omg-arch/omg/omgd/internal/fetch"
	"github.com/omg-arch/omg/omgd/internal/tracker"
	"github.com/omg-arch/omg/shared/answers"
)

// askTracker has the security tracker asked now and then, and returns what is
// known of it; nil where the configuration has it left alone.
func (d *daemon) askTracker(web *fetch.Client) func() *answers.Tracker {
	c := d.config.Tracker
	if !c.Enabled {
		return nil
	}
	t := tracker.New(tracker.Config{
		URL: c.URL, Interval: time.Duration(c.Interval), StaleAfter: time.Duration(d.config.Stale.Tracker),
		Client: web, Store: d.memory.store, Log: d.log,
		Changed: func() { d.worker.Kick() },
	})
	d.tasks = append(d.tasks, t.Run)
	return t.Latest
}
