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
		if p.Line < len(p.Page.Targets) && p.Page.Targets[p.Line] != "" {
			p.path = append(p.path, b.previewed())
			b.requestPreviewOf(Row{Key: Key{Name: p.Page.Targets[p.Line]}})
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

// previewed returns the package that the preview shows: the selected one, unless the user went to another one.
func (b *Browser) previewed() Row {
	if len(b.Preview.path) > 0 {
		return b.Preview.Row
	}
	if r := b.views[b.view].row(); r != nil {
		return *r
	}
	return Row{}
}

// requestPreview requests the preview of the selected row.
func (b *Browser) requestPreview() {
	b.Preview.path = nil
	r := b.views[b.view].row()
	if r == nil {
		b.next(LanePreview) // an answer that is still to come is obsolete
		b.pending[LanePreview] = false
		b.Preview.Page, b.Preview.Row, b.Preview.Fail = Page{}, Row{}, ""
		return
	}
	b.requestPreviewOf(*r)
}

func (b *Browser) requestPreviewOf(row Row) {
	if b.layout.Preview.Height == 0 || row.Name == "" {
		return
	}
	r := b.next(LanePreview)
	r.Preview = &PreviewQuery{Tab: b.Preview.Tab, Row: row, Width: b.layout.Preview.Width}
	b.send(r)
}

func (b *Browser) takePreview(a Answer) {
	p := &b.Preview
	if p.Row.Key != a.Preview.Row.Key || len(p.Page.Lines) == 0 {
		p.Top, p.Line = 0, 0
	}
	p.Page, p.Row, p.Fail = a.Page, a.Preview.Row, a.Fail
	p.scrollBy(0, max(1, b.layout.Preview.Height))
	p.Line = max(0, min(p.Line, len(p.Page.Lines)-1))
}
