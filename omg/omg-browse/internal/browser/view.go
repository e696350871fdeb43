package browser

import (
	"cmp"
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/wire"
)

// View is a list of packages that the user can look at.
type View int

// The views, in the order of their keys.
const (
	ViewSearch View = iota
	ViewInstalled
	ViewUpdates
	ViewSecurity
	ViewAUR
	ViewOrphans
	ViewFiles

	viewCount
)

// Views lists all views.
func Views() []View {
	views := make([]View, viewCount)
	for i := range views {
		views[i] = View(i)
	}
	return views
}

// String returns the name of a view.
func (v View) String() string {
	return [viewCount]string{"Search", "Installed", "Updates", "Security", "AUR", "Orphans", "Files"}[v]
}

// emptyText returns what the view says if no package belongs to it.
func (v View) emptyText() string {
	switch v {
	case ViewInstalled:
		return "no package is installed"
	case ViewUpdates:
		return "no updates are available"
	case ViewSecurity:
		return "no installed package has an advisory"
	case ViewAUR:
		return "all installed packages are in repositories"
	case ViewOrphans:
		return "no package is an orphan"
	}
	return ""
}

// isQuery reports whether a request for the rows of a view contains the words. The other views are loaded as a whole, and filtered here.
func (v View) isQuery() bool { return v == ViewSearch || v == ViewFiles }

// sorting is an order of a list. Search results are sorted by omgd, loaded lists by compare; a nil compare keeps the order of the answer.
type sorting struct {
	name    string
	compare func(a, b *Row) int
	// text returns what the list is sorted by; nil if each row shows it anyway.
	text func(*Row) string
}

func byName(a, b *Row) int { return strings.Compare(a.Name, b.Name) }

// byNumber sorts by a number of the view, the highest first.
func byNumber(name string, number int) sorting {
	compare := func(a, b *Row) int { return cmp.Or(cmp.Compare(b.SortBy[number], a.SortBy[number]), byName(a, b)) }
	return sorting{name, compare, func(r *Row) string { return r.SortText[number] }}
}

func byLevel(a, b *Row) int { return cmp.Or(cmp.Compare(b.Level, a.Level), byName(a, b)) }

// viewSortings has the orders of each view. The first one is the default.
var viewSortings = [viewCount][]sorting{
	ViewSearch: {
		{wire.SortRelevance, nil, nil},
		{wire.SortName, nil, nil},
		{wire.SortRepo, nil, nil},
		{wire.SortVotes, nil, nil},
		{wire.SortPopularity, nil, nil},
		{wire.SortModified, nil, nil},
	},
	ViewInstalled: {{"name", byName, nil}, byNumber("size", 0), byNumber("installed last", 1)},
	ViewUpdates:   {{"name", byName, nil}, {"importance", byLevel, nil}, byNumber("download size", 0)},
	ViewSecurity:  {{"severity", nil, nil}, {"name", byName, nil}},
	ViewAUR:       {{"importance", byLevel, nil}, {"name", byName, nil}},
	ViewOrphans:   {{"name", byName, nil}, byNumber("size", 0), byNumber("installed last", 1)},
	ViewFiles:     {{"best match", nil, nil}},
}

// sorting returns the order of the view.
func (b *Browser) sorting() *sorting { return &viewSortings[b.view][b.views[b.view].sort] }

// viewState is the state of a view.
type viewState struct {
	// all holds the rows of a view that is loaded as a whole; shown are those that match the words and filters.
	all      []*Row
	shown    list
	explicit map[string]bool // the names among all that are explicitly installed
	loaded   bool            // an answer has arrived
	stale    bool            // the data has changed since the answer
	fail     string          // why there is no answer; empty if there is one
	invalid  string          // what is wrong with the words; empty if nothing is
	note     string          // what the answer says about its sources, such as a missing one
	more     bool            // there are more rows than the answer has
	sort     int

	selected, top int
	// key is the package of the selected row, so that the selection stays on it when the list changes.
	key Key
}

func (v *viewState) row() *Row {
	if v.shown == nil || v.selected >= v.shown.Len() {
		return nil
	}
	return v.shown.At(v.selected)
}

// selectRow selects a row, or the nearest one that exists.
func (v *viewState) selectRow(i int) {
	v.selected = max(0, min(i, v.length()-1))
	if r := v.row(); r != nil {
		v.key = r.Key
	}
}

func (v *viewState) length() int {
	if v.shown == nil {
		return 0
	}
	return v.shown.Len()
}

// show replaces the list. If keep is set, the selection stays on its package, otherwise it moves to the first row.
func (v *viewState) show(rows list, keep bool) {
	v.shown = rows
	if !keep {
		v.selected, v.top = 0, 0
		v.selectRow(0)
		return
	}
	at := v.selected
	if r := v.row(); r == nil || r.Key != v.key {
		at = nearest(rows, v.selected, v.key)
	}
	v.top = max(0, v.top+at-v.selected) // the row stays where it is on the screen
	v.selectRow(at)
}

// nearest returns the loaded row with a key, or i if there is none.
func nearest(rows list, i int, key Key) int {
	switch l := rows.(type) {
	case rowList:
		if at := slices.IndexFunc(l, func(r *Row) bool { return r.Key == key }); at >= 0 {
			return at
		}
	case *pagedList:
		for page, loaded := range l.pages {
			for at := range loaded {
				if loaded[at].Key == key {
					return page*PageSize + at
				}
			}
		}
	}
	return i
}

// scroll moves the visible part of the list so that it contains the selected row.
func (v *viewState) scroll(height int) {
	v.top = min(v.top, v.selected, max(0, v.length()-height))
	v.top = max(v.top, v.selected-height+1, 0)
}
