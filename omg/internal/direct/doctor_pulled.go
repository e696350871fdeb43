package direct

import (
	"fmt"

	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/wire"
)

// checkPulled checks what is pulled from a published directory, if there are mirrors.
func (d *doctor) checkPulled(c *config.Config) {
	const name, advice = "pulled indexes", "check the network, index.urls and index.keys, or ask the publisher"
	if len(c.Index.URLs) == 0 {
		return
	}
	p := &wire.PulledStatus{}
	if d.daemon != nil && d.daemon.status != nil && d.daemon.status.Pulled != nil {
		p = d.daemon.status.Pulled
	} else if found := (&snapshotReader{Backend: d.Backend, config: *c}).pulled(); found != nil {
		p = found.Status()
	}
	now := clock.Now()
	switch {
	case p.LastError != "":
		d.addProblem(name, p.LastError, advice)
	case p.ConfirmedAt == 0:
		d.addProblem(name, wire.NotDownloadedYet, "start omgd, which pulls them")
	case p.Expires <= now.Unix():
		d.addProblem(name, "the manifest expired "+show.RelativeTime(p.Expires, now), "ask the publisher, or name another mirror in index.urls")
	default:
		d.addOK(name, fmt.Sprintf("sequence %d, confirmed by a mirror %s", p.Sequence, show.RelativeTime(p.ConfirmedAt, now)))
	}
}
