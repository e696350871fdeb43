package browser

import "iter"

// maxHeld is the maximum number of keys that wait for a list. Further keys are dropped.
const maxHeld = 1000

// awaitsList reports whether the list is that of earlier words, or none.
func (b *Browser) awaitsList() bool {
	if b.view.isQuery() {
		return b.pending[LaneList] && b.freshList
	}
	return b.pending[LaneLoad] && !b.views[b.view].loaded
}

// hold keeps what a key does until the list of the words before it is there, and reports whether it does. Otherwise Enter, typed right after
// a word, would choose a package of an earlier list. What follows such a key waits as well. The actions that end the browser do not wait.
func (b *Browser) hold(a Action, do func() Effect) bool {
	needsList := true
	switch a {
	case ActionAbort, ActionSuspend, ActionRedraw:
		return false
	case "", ActionNormal, ActionInsert, ActionAppend, ActionInsertEnd, ActionInsertStart, ActionChange:
		needsList = false
	}
	if len(b.held) == 0 && (!needsList || edits[a] != nil || !b.awaitsList()) {
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
