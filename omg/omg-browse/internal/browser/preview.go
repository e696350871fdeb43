package browser

// Tab is a part of the preview.
type Tab int

// The tabs, in their order.
const (
	TabInfo Tab = iota
	TabDepends
	TabRequiredBy
	TabFiles
	TabHistory
	TabNews
	TabBuild

	tabCount
)

// Tabs lists all tabs.
func Tabs() []Tab {
	tabs := make([]Tab, tabCount)
	for i := range tabs {
		tabs[i] = Tab(i)
	}
	return tabs
}

// String returns the name of a tab.
func (t Tab) String() string {
	return [tabCount]string{"Info", "Depends", "Required by", "Files", "History", "News", "Build files"}[t]
}

// Preview is the state of the preview of the selected package.
type Preview struct {
	Hidden bool
	Tab    Tab
	// Page is what is shown: the last answer. Fail is why there is none.
	Page Page
	Fail string
	Top  int
	// Line is the line that is marked for walking through a tree.
	Line int
	// shown is the request that Page answers, and target the package of the last request.
	shown  PreviewQuery
	target Row
	place  string // where the preview is; empty for auto
	// path holds the packages from which the user went to another one, the first one first.
	path []Row
	// fetched is the package whose build files the user has requested.
	fetched Key
}

// previewMargin is the number of columns at the left of the preview's text.
const previewMargin = 1

// maxPath is the number of packages to which the user can go back.
const maxPath = 100

// followed returns the package of the marked line; empty if there is none, or if the user can go no further.
func (p *Preview) followed() string {
	if p.IsLoading() || p.Line >= len(p.Page.Targets) || len(p.path) == maxPath {
		return ""
	}
	return p.Page.Targets[p.Line]
}

// IsLoading reports whether the page is about another package or another part of it than the user wants to see.
func (p *Preview) IsLoading() bool {
	return p.target.Name != "" && !p.shown.isSame(&PreviewQuery{Tab: p.Tab, Row: p.target})
}

// Way returns the names of the packages through which the user went to the shown one, which is the last; nil if the user went nowhere.
func (p *Preview) Way() (names []string) {
	if len(p.path) == 0 {
		return nil
	}
	for i := range p.path {
		names = append(names, p.path[i].Name)
	}
	return append(names, p.target.Name)
}

// scrollBy moves the visible part.
func (p *Preview) scrollBy(lines, height int) {
	p.Top = max(0, min(p.Top+lines, len(p.Page.Lines)-height))
}
