package browser

// Rect is a part of the screen.
type Rect struct{ X, Y, Width, Height int }

// Layout is where the parts of the browser are on the screen.
type Layout struct {
	Width, Height int
	// Preview has the height 0 if there is no room for it, or if it is hidden. PreviewTitle is the line with its tabs.
	List, Preview, PreviewTitle Rect
}

const (
	// headLines are the lines above the list: the views, and the input line. footLines is the status below.
	headLines, footLines = 2, 1
	// besideWidth is the width from which the preview is beside the list. Below it, the preview is under the list, if the screen has
	// belowHeight lines.
	besideWidth, belowHeight = 110, 16
	// leastBesideWidth is the width from which the preview is beside the list if the user wants it there.
	leastBesideWidth = 60
)

// FrameLines is the number of lines of the screen that are neither list nor preview.
const FrameLines = headLines + footLines

// The places of the preview that the configuration knows.
const (
	PlaceAuto  = "auto"
	PlaceRight = "right"
	PlaceBelow = "below"
	PlaceOff   = "off"
)

// Place sets where the preview is. If it is off, a key shows it in the place of auto.
func (b *Browser) Place(place string) {
	b.Preview.place, b.Preview.Hidden = place, place == PlaceOff
	b.Resize(b.layout.Width, b.layout.Height)
}

// isBeside reports whether the preview is beside the list on a screen of a width.
func (p *Preview) isBeside(width int) bool {
	switch p.place {
	case PlaceRight:
		return width >= leastBesideWidth
	case PlaceBelow:
		return false
	}
	return width >= besideWidth
}

// Resize sets the size of the screen.
func (b *Browser) Resize(width, height int) {
	before := b.layout
	l := Layout{Width: width, Height: height}
	body := max(0, height-headLines-footLines)
	l.List = Rect{Y: headLines, Width: width, Height: body}
	switch {
	case b.Preview.Hidden || height < belowHeight && !b.Preview.isBeside(width):
	case b.Preview.isBeside(width):
		left := width * 45 / 100
		l.List.Width = left
		l.PreviewTitle = Rect{X: left + 1, Y: headLines, Width: width - left - 1, Height: 1}
		l.Preview = Rect{X: left + 1, Y: headLines + 1, Width: width - left - 1, Height: max(0, body-1)}
	default:
		l.List.Height = body / 2
		l.PreviewTitle = Rect{Y: headLines + l.List.Height, Width: width, Height: 1}
		l.Preview = Rect{Y: l.PreviewTitle.Y + 1, Width: width, Height: max(0, body-l.List.Height-1)}
	}
	b.layout = l
	b.scrollList()
	if l.Preview.Width != before.Preview.Width || before.Preview.Height == 0 {
		b.requestPreviewOf(b.previewed())
	}
}

// Layout returns where the parts are.
func (b *Browser) Layout() Layout { return b.layout }
