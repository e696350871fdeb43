package browser

import (
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/pkgindex"
)

// Effect is something outside of the browser that an action asks for.
type Effect int

// The effects.
const (
	NoEffect Effect = iota
	EffectAccept
	EffectAbort
	EffectCopy
	EffectOpen
	EffectCommand
	EffectSuspend
	EffectRedraw
)

// Browser is the whole state. Its methods must be called from one goroutine.
type Browser struct {
	Input   Input
	Marks   Marks
	Preview Preview
	Filters Filters
	// Keys are the keys that Press knows. Normal means that vi's normal mode is on.
	Keys   *KeyMap
	Normal bool
	// Help means that the list of keys is shown.
	Help bool
	// Command is the text about the command for the chosen packages while it is shown, otherwise nil.
	Command []string
	// HelpTop is the first line of the help, or of the command, that is shown.
	HelpTop int
	// RepoOnly means that no package of the AUR is shown, and none can be chosen.
	RepoOnly bool
	// Message is a text for the user about the last key; it disappears at the next one.
	Message string
	// Connection says where answers come from if not from omgd; empty otherwise.
	Connection string

	view    View
	views   [viewCount]viewState
	repos   []string
	send    func(Request)
	newest  [LaneCount]uint64 // the number of the newest request of each lane
	pending [LaneCount]bool   // whether the newest request of each lane is not answered yet
	// freshList means that the newest request of LaneList begins a list for other words, filters or another order than the one that is shown.
	freshList bool
	held      []func() Effect // what keys do after the list has arrived
	counter   uint64
	layout    Layout
	pair      bool // the last key was the g of a pair, such as gg
}

// New returns a browser that sends its requests with a function, which must not block.
func New(words []string, send func(Request)) *Browser {
	b := &Browser{send: send}
	b.Keys, _ = NewKeyMap(KeysDefault, nil) // without keys of the user, there is no error
	b.Input.Set(strings.Join(words, " "))
	return b
}

// OnlyRepositories makes the browser show and choose no package of the AUR. It must be called before Start.
func (b *Browser) OnlyRepositories() { b.RepoOnly, b.Filters.AUR = true, WithoutAUR }

// Begin sets the first view. It must be called before Start.
func (b *Browser) Begin(v View) { b.view = v }

// Start sends the first requests.
func (b *Browser) Start() { b.requestList() }

// IsWaiting reports whether the answer to a request would change what is on the screen.
func (b *Browser) IsWaiting() bool { return slices.Contains(b.pending[:], true) }

// View returns the current view.
func (b *Browser) View() View { return b.view }

// Do runs an action.
func (b *Browser) Do(a Action) Effect {
	b.Message = ""
	if b.Help || b.Command != nil {
		return b.doInOverlay(a)
	}
	v := &b.views[b.view]
	if edit := edits[a]; edit != nil {
		b.edit(func() { edit(&b.Input) })
		return NoEffect
	}
	switch a {
	case ActionDown:
		b.moveTo(v.selected + 1)
	case ActionUp:
		b.moveTo(v.selected - 1)
	case ActionPageDown:
		b.moveTo(v.selected + max(1, b.layout.List.Height-1))
	case ActionPageUp:
		b.moveTo(v.selected - max(1, b.layout.List.Height-1))
	case ActionHalfDown:
		b.moveTo(v.selected + max(1, b.layout.List.Height/2))
	case ActionHalfUp:
		b.moveTo(v.selected - max(1, b.layout.List.Height/2))
	case ActionFirst:
		b.moveTo(0)
	case ActionLast:
		b.moveTo(v.length() - 1)
	case ActionMark, ActionMarkUp:
		b.mark(a)
	case ActionUnmarkAll:
		b.Marks.Clear()
	case ActionSort:
		v.sort = (v.sort + 1) % len(viewSortings[b.view])
		b.requery()
	case ActionFilterAUR, ActionFilterRepo, ActionFilterInst, ActionFilterExpl:
		b.filter(a)
	case ActionHelp:
		b.Help, b.HelpTop = true, 0
	case ActionCommand:
		return EffectCommand
	case ActionAccept:
		return EffectAccept
	case ActionAbort:
		return EffectAbort
	case ActionCopy:
		return EffectCopy
	case ActionOpen:
		return EffectOpen
	case ActionSuspend:
		return EffectSuspend
	case ActionRedraw:
		return EffectRedraw
	case ActionNormal, ActionInsert, ActionAppend, ActionInsertEnd, ActionInsertStart, ActionChange:
		b.doVi(a)
	default:
		if n := slices.Index([]Action{ActionView1, ActionView2, ActionView3, ActionView4, ActionView5, ActionView6, ActionView7}, a); n >= 0 {
			b.Show(View(n))
			break
		}
		b.doInPreview(a)
	}
	return NoEffect
}

// doInOverlay runs an action while the help or a command covers the list.
func (b *Browser) doInOverlay(a Action) Effect {
	height := b.layout.List.Height
	switch a {
	case ActionDown, ActionPreviewDown:
		b.scrollHelp(1)
	case ActionUp, ActionPreviewUp:
		b.scrollHelp(-1)
	case ActionPageDown:
		b.scrollHelp(height)
	case ActionPageUp:
		b.scrollHelp(-height)
	case ActionHalfDown:
		b.scrollHelp(height / 2)
	case ActionHalfUp:
		b.scrollHelp(-height / 2)
	case ActionFirst:
		b.scrollHelp(-b.HelpTop)
	case ActionLast:
		b.scrollHelp(len(b.OverlayLines()))
	case ActionCopy:
		return EffectCopy
	case ActionSuspend:
		return EffectSuspend
	case ActionRedraw:
		return EffectRedraw
	default:
		b.Help, b.Command = false, nil
	}
	return NoEffect
}

// OverlayLines returns the lines that cover the list: those of the help or of the command.
func (b *Browser) OverlayLines() []string {
	if b.Help {
		return b.HelpLines()
	}
	return b.CommandLines()
}

// scrollHelp moves the visible part of the help, or of the command.
func (b *Browser) scrollHelp(lines int) {
	b.HelpTop = max(0, min(b.HelpTop+lines, len(b.OverlayLines())-1))
}

// edits are the actions that change the input line.
var edits = map[Action]func(*Input){
	ActionLeft: (*Input).Left, ActionRight: (*Input).Right, ActionHome: (*Input).Home, ActionEnd: (*Input).End,
	ActionDeleteLeft: (*Input).DeleteLeft, ActionDeleteRight: (*Input).DeleteRight, ActionDeleteWord: (*Input).DeleteWord,
	ActionDeleteBefore: (*Input).DeleteToStart, ActionDeleteAfter: (*Input).DeleteToEnd,
}

// Type inserts a text into the input line.
func (b *Browser) Type(text string) {
	b.Message = ""
	b.Help, b.Command = false, nil
	b.edit(func() { b.Input.Insert(text) })
}

// edit changes the input line, and requests the list again if its words are others.
func (b *Browser) edit(change func()) {
	before := b.Input.Words()
	change()
	if !slices.Equal(before, b.Input.Words()) {
		b.requery()
	}
}

// Show changes the view.
func (b *Browser) Show(v View) {
	if b.view == v {
		return
	}
	b.view = v
	s := &b.views[v]
	switch {
	case v.isQuery():
		b.requestList()
	case !s.loaded || s.stale:
		b.requestList()
		fallthrough
	default:
		b.refilter(true)
	}
	b.scrollList()
	b.requestPreview()
}

func (b *Browser) mark(a Action) {
	if !b.ToggleMark() {
		return
	}
	v := &b.views[b.view]
	if a == ActionMark {
		b.moveTo(v.selected + 1)
	} else {
		b.moveTo(v.selected - 1)
	}
}

// ToggleMark marks the selected package, or removes its mark. It reports whether it could.
func (b *Browser) ToggleMark() bool {
	r := b.views[b.view].row()
	if r == nil {
		return false
	}
	if err := b.Marks.Toggle(r, b.view); err != nil {
		b.Message = err.Error()
		return false
	}
	return true
}

func (b *Browser) filter(a Action) {
	if b.view == ViewFiles {
		b.Message = "the view " + ViewFiles.String() + " has no filters"
		return
	}
	f := &b.Filters
	switch a {
	case ActionFilterAUR:
		if b.RepoOnly {
			b.Message = "packages of the AUR cannot be chosen: --repo-only"
			return
		}
		f.AUR = (f.AUR + 1) % aurFilterCount
	case ActionFilterRepo:
		at := slices.Index(b.repos, f.Repo) + 1 // -1 + 1 for all repositories
		f.Repo = ""
		if at < len(b.repos) {
			f.Repo = b.repos[at]
		}
	case ActionFilterInst:
		f.Installed = !f.Installed
	case ActionFilterExpl:
		f.Explicit = !f.Explicit
	}
	b.requery()
}

// requery shows what matches the present words, filters and order.
func (b *Browser) requery() {
	if b.view.isQuery() {
		b.requestList()
		return
	}
	b.refilter(false)
	b.requestPreview()
}

// refilter makes the list of a view that is loaded as a whole.
func (b *Browser) refilter(keep bool) {
	v := &b.views[b.view]
	q, err := pkgindex.ParseQuery(b.Filters.Request(b.Input.Words()))
	if err != nil {
		v.invalid = err.Error()
		v.show(rowList{}, keep)
		return
	}
	v.invalid = ""
	q.ExplicitNames = v.explicit
	shown := rowList{}
	for _, r := range v.all {
		if q.Match(r.Package) {
			shown = append(shown, r)
		}
	}
	if compare := b.sorting().compare; compare != nil {
		slices.SortStableFunc(shown, compare)
	}
	v.show(shown, keep)
}

// next returns the next request of a lane, which makes earlier ones obsolete.
func (b *Browser) next(lane Lane) Request {
	b.counter++
	b.newest[lane], b.pending[lane] = b.counter, true
	return Request{Lane: lane, Number: b.counter}
}

// requestList requests the rows of the view.
func (b *Browser) requestList() {
	switch b.view {
	case ViewSearch:
		b.requestPage(0, true)
	case ViewFiles:
		r := b.next(LaneList)
		b.freshList = true
		r.Files = &FilesQuery{Words: b.Input.Words()}
		b.send(r)
	default:
		r := b.next(LaneLoad)
		view := b.view
		r.Load = &view
		b.send(r)
	}
}

// requestPage requests a page of the search results. The answer to a fresh request begins a new list.
func (b *Browser) requestPage(page int, fresh bool) {
	r := b.next(LaneList)
	b.freshList = fresh
	order := viewSortings[ViewSearch][b.views[ViewSearch].sort].name
	r.Search = &SearchPage{Words: b.Input.Words(), Filters: b.Filters, Sort: order, Page: page, Fresh: fresh}
	b.send(r)
}

// moveTo selects a row.
func (b *Browser) moveTo(i int) {
	v := &b.views[b.view]
	before := v.key
	v.selectRow(i)
	v.scroll(b.layout.List.Height)
	b.requestMissingPage()
	if v.key != before {
		b.requestPreview()
	}
}

// Select selects a row by its number, which begins with 0. It reports whether there is one.
func (b *Browser) Select(i int) bool {
	if i < 0 || i >= b.views[b.view].length() {
		return false
	}
	b.moveTo(i)
	return true
}

// requestMissingPage requests the page of the first visible row that is not loaded.
func (b *Browser) requestMissingPage() {
	v := &b.views[b.view]
	l, ok := v.shown.(*pagedList)
	if !ok {
		return
	}
	for i := v.top; i < min(v.top+b.layout.List.Height, l.Len()); i++ {
		if l.At(i) == nil {
			b.requestPage(i/PageSize, false)
			return
		}
		l.touch(i / PageSize)
	}
}

// Answer takes the answer to a request. It ignores the answers to all but the newest request of a lane.
func (b *Browser) Answer(a Answer) {
	if a.Number != b.newest[a.Lane] {
		return
	}
	b.pending[a.Lane] = false
	if a.Search != nil && a.Repos != nil && a.Search.Repo == "" && a.Search.AUR != OnlyAUR { // a filtered answer has not all repositories
		b.repos = a.Repos
	}
	if a.Preview != nil {
		b.takePreview(a)
		return
	}
	before := b.views[b.view].key
	switch {
	case a.Search != nil:
		b.takePage(a)
	case a.Files != nil:
		v := &b.views[ViewFiles]
		v.loaded, v.fail, v.note, v.more = true, a.Fail, a.Note, a.More
		v.show(pointers(a.Rows), !b.freshList)
		v.stale = false
	case a.Load != nil:
		v := &b.views[*a.Load]
		v.loaded, v.stale, v.fail, v.note = a.Fail == "", false, a.Fail, a.Note
		v.all, v.explicit = pointers(a.Rows), map[string]bool{}
		for _, r := range v.all {
			v.explicit[r.Name] = r.Explicit
		}
		if *a.Load == b.view {
			b.refilter(true)
		}
	}
	b.scrollList()
	if b.views[b.view].key != before || len(b.Preview.path) == 0 {
		b.requestPreview()
	} else { // the user looks at another package, to which this one led
		b.requestPreviewOf(b.previewed())
	}
}

func pointers(rows []Row) rowList {
	l := make(rowList, len(rows))
	for i := range rows {
		l[i] = &rows[i]
	}
	return l
}

func (b *Browser) takePage(a Answer) {
	v := &b.views[ViewSearch]
	l, ok := v.shown.(*pagedList)
	v.loaded, v.stale, v.fail, v.note = true, false, a.Fail, a.Note
	if a.Search.Fresh || !ok {
		l = &pagedList{}
	}
	l.total = a.Total
	l.add(a.Search.Page, a.Rows)
	if l != v.shown {
		v.show(l, !b.freshList)
	} else {
		v.selectRow(v.selected)
	}
}

// Changed tells the browser that the data has changed: the view is requested again, and the others when they are shown.
func (b *Browser) Changed() {
	for i := range b.views {
		b.views[i].stale = true
	}
	if !b.view.isQuery() {
		b.requestList()
		return
	}
	isAwaited := b.awaitsList()
	if v := &b.views[ViewSearch]; b.view == ViewSearch && v.loaded && !isAwaited {
		b.requestPage(v.selected/PageSize, true)
	} else {
		b.requestList()
	}
	b.freshList = isAwaited
}

func (b *Browser) scrollList() {
	b.views[b.view].scroll(b.layout.List.Height)
	b.requestMissingPage()
}

// Choices returns the marked packages or, if none is marked, the selected one.
func (b *Browser) Choices() []Choice {
	if b.Marks.Len() > 0 {
		return b.Marks.List()
	}
	if c, ok := b.Selected(); ok {
		return []Choice{c}
	}
	return nil
}

// Selected returns the selected package, and reports whether there is one.
func (b *Browser) Selected() (Choice, bool) {
	r := b.views[b.view].row()
	if r == nil {
		return Choice{}, false
	}
	return choice(r, b.view), true
}
