package browser

// doInPreview runs an action of the preview.
func (b *Browser) doInPreview(a Action) {
	p := &b.Preview
	height := max(1, b.layout.Preview.Height)
	switch a {
	case ActionPreview:
		p.Hidden = !p.Hidden
		b.Resize(b.layout.Width, b.layout.Height)
	case ActionNextTab:
		b.showTab((p.Tab + 1) % tabCount)
	case ActionPreviousTab:
		b.showTab((p.Tab + tabCount - 1) % tabCount)
	case ActionBuildFiles:
		if p.Tab == TabBuild && !p.Hidden {
			p.fetched = p.target.Key
		}
		b.showTab(TabBuild)
	case ActionPreviewDown:
		b.walk(1)
	case ActionPreviewUp:
		b.walk(-1)
	case ActionPreviewPgDn:
		p.scrollBy(height, height)
		p.Line = max(p.Line, p.Top)
	case ActionPreviewPgUp:
		p.scrollBy(-height, height)
		p.Line = min(p.Line, p.Top+height-1)
	case ActionFollow:
		if to := p.followed(); to != "" {
			p.path = append(p.path, p.target)
			b.requestPreviewOf(Row{Key: Key{Name: to}})
		}
	case ActionBack:
		if n := len(p.path); n > 0 {
			row := p.path[n-1]
			p.path = p.path[:n-1]
			b.requestPreviewOf(row)
		}
	}
}

// walk moves the marked line of a tree, or scrolls a text.
func (b *Browser) walk(lines int) {
	p := &b.Preview
	height := max(1, b.layout.Preview.Height)
	if p.Page.Targets == nil {
		p.scrollBy(lines, height)
		return
	}
	p.Line = max(0, min(p.Line+lines, len(p.Page.Lines)-1))
	if p.Line < p.Top {
		p.Top = p.Line
	}
	p.Top = max(p.Top, p.Line-height+1)
}

func (b *Browser) showTab(t Tab) {
	b.Preview.Tab = t
	if b.Preview.Hidden {
		b.Preview.Hidden = false
		b.Resize(b.layout.Width, b.layout.Height)
	}
	b.requestPreviewOf(b.previewed())
}

// previewed returns the package that the preview is about: the selected one, unless the user went to another one.
func (b *Browser) previewed() Row {
	if len(b.Preview.path) > 0 {
		return b.Preview.target
	}
	if r := b.views[b.view].row(); r != nil {
		return *r
	}
	return Row{}
}

// requestPreview requests the preview of the selected row. As long as the same package is selected, the preview stays at the package to
// which the user went from it.
func (b *Browser) requestPreview() {
	p := &b.Preview
	r := b.views[b.view].row()
	if r == nil {
		b.next(LanePreview) // an answer that is still to come is obsolete
		b.pending[LanePreview] = false
		p.Page, p.shown, p.target, p.Fail, p.path = Page{}, PreviewQuery{}, Row{}, "", nil
		return
	}
	if len(p.path) > 0 && p.path[0].Key != r.Key {
		p.path = nil
	}
	b.requestPreviewOf(b.previewed())
}

func (b *Browser) requestPreviewOf(row Row) {
	p := &b.Preview
	p.target = row
	if p.fetched != row.Key || p.Tab != TabBuild {
		p.fetched = Key{} // a request is for this visit only
	}
	if b.layout.Preview.Height == 0 || row.Name == "" {
		return
	}
	r := b.next(LanePreview)
	r.Preview = &PreviewQuery{View: b.view, Tab: p.Tab, Row: row, Width: max(1, b.layout.Preview.Width-previewMargin), Fetch: p.fetched == row.Key}
	b.send(r)
}

func (b *Browser) takePreview(a Answer) {
	p := &b.Preview
	if !p.shown.isSame(a.Preview) || len(p.Page.Lines) == 0 {
		p.Top, p.Line = 0, 0
	}
	p.Page, p.shown, p.Fail = a.Page, *a.Preview, a.Fail
	p.scrollBy(0, max(1, b.layout.Preview.Height))
	p.Line = max(0, min(p.Line, len(p.Page.Lines)-1))
}
