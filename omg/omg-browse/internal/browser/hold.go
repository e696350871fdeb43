package browser

import (
	"iter"
	"slices"
)

// maxHeld is the maximum number of keys that wait for a list. Further keys are dropped.
const maxHeld = 1000

// awaitsList reports whether the list is that of earlier words, or none.
func (b *Browser) awaitsList() bool {
	if b.view.isQuery() {
		return b.pending[LaneList] && b.freshList
	}
	return b.pending[LaneLoad] && !b.views[b.view].loaded
}

// actsOnList are the actions that do something with the list or its selected package.
var actsOnList = []Action{
	ActionDown, ActionUp, ActionPageDown, ActionPageUp, ActionHalfDown, ActionHalfUp, ActionFirst, ActionLast, ActionMark, ActionMarkUp,
	ActionAccept, ActionCopy, ActionOpen, ActionCommand, ActionFollow,
}

// hold keeps what a key does until the list of the words before it is there, and reports whether it does. Otherwise Enter, typed right after
// a word, would choose a package of an earlier list. What follows such a key waits as well, unless it ends the browser.
func (b *Browser) hold(a Action, do func() Effect) bool {
	if a == ActionAbort || len(b.held) == 0 && !(slices.Contains(actsOnList, a) && b.awaitsList()) {
		return false
	}
	if len(b.held) < maxHeld {
		b.held = append(b.held, do)
	}
	return true
}

// Resume does what has waited for the list, and returns its effects.
func (b *Browser) Resume() iter.Seq[Effect] {
	return func(yield func(Effect) bool) {
		for len(b.held) > 0 && !b.awaitsList() {
			do := b.held[0]
			b.held = b.held[1:]
			if e := do(); e != NoEffect && !yield(e) {
				return
			}
		}
	}
}
