package app

import (
	"context"

	"github.com/omg-arch/omg/omg/internal/session"
)

// watch starts a goroutine that passes the changes of a session on, and ends when the context does.
func watch(ctx context.Context, s *session.Session) <-chan session.Change {
	changes := make(chan session.Change)
	send := sendTo(ctx, changes)
	go func() {
		defer close(changes)
		_ = s.Watch(ctx, func(c session.Change) error {
			send(c)
			return ctx.Err()
		})
	}()
	return changes
}

// applyChange tells the browser what has changed. The first status of all is no change, because the first lists are requested anyway.
func (u *ui) applyChange(c session.Change) {
	u.b.Connection = connectionText(c)
	if c.Status == nil {
		return
	}
	generation := c.Status.Generation // 0 for a status that comes from files, which is sent only after a change
	if u.hasStatus && (generation != u.generation || generation == 0) {
		u.b.Changed()
	}
	u.hasStatus, u.generation = true, generation
}

// connectionText says where answers come from if not from omgd.
func connectionText(c session.Change) string {
	switch c.State {
	case session.StateFiles:
		return "answers come from the files: " + c.Reason
	case session.StateLost:
		return "answers come from the files until omgd is back: " + c.Reason
	}
	return ""
}
