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
	// Page is what is shown. It belongs to the package of Row, and is the last answer.
	Page Page
	Row  Row
	Fail string
	Top  int
	// Line is the line that is marked for walking through a tree.
	Line  int
	place string // where the preview is; empty for auto
	// path holds the packages from which the user went to another one, the first one first.
	path []Row
}

// scrollBy moves the visible part.
func (p *Preview) scrollBy(lines, height int) {
	p.Top = max(0, min(p.Top+lines, len(p.Page.Lines)-height))
}
