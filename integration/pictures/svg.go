package pictures

import (
	"fmt"
	"html"
	"strconv"
	"strings"

	"github.com/omg-arch/omg/integration/emulator"
)

// The size of the terminal.
const (
	columns = 80
	rows    = 24
)

// The size of a character and of the margins, in SVG units.
const (
	cellWidth  = 8.4
	lineHeight = 18
	padding    = 14
	titleBar   = 30
)

// colors are the colours of the SGR parameters 30 to 37, brighter than a terminal's because the text is bold.
var colors = [...]string{"#6e7681", "#ff7b72", "#7ee787", "#f2cc60", "#79c0ff", "#d2a8ff", "#76e3ea", "#f0f6fc"}

// look is how a run of characters looks.
type look struct {
	bold, dim, underlined, reverse bool
	color                          string // "" is the colour of the terminal
}

// run is a run of characters that look the same.
type run struct {
	column, width int
	text          string
	look          look
}

// writeWindow writes a picture of a window with this title, whose lines a function draws.
func writeWindow(b *strings.Builder, title string, columns, rows int, draw func()) {
	width, height := float64(columns)*cellWidth+2*padding, float64(titleBar+rows*lineHeight+padding)
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img">`+"\n", width, height, width, height)
	fmt.Fprintf(b, "<title>%s</title>\n", html.EscapeString(title))
	fmt.Fprintln(b, `<style>text { font: 14px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #c9d1d9; white-space: pre }`+
		` .b { font-weight: bold }</style>`)
	fmt.Fprintln(b, `<rect width="100%" height="100%" rx="8" fill="#0d1117"/>`)
	for i, color := range []string{"#ff5f57", "#febc2e", "#28c840"} {
		fmt.Fprintf(b, `<circle cx="%d" cy="16" r="6" fill="%s"/>`+"\n", padding+6+i*20, color)
	}
	draw()
	b.WriteString("</svg>\n")
}

// makeSVG draws the text of a terminal. It returns an error if the text does not fit, or has other control characters than line
// ends and SGR sequences for bold and underlined text and the eight colours.
func makeSVG(title, text string) (string, error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) > rows {
		return "", fmt.Errorf("%d lines do not fit on a screen of %d", len(lines), rows)
	}
	var all [][]run
	var current look
	for y, line := range lines {
		runs, err := parseLine(line, &current)
		if err != nil {
			return "", fmt.Errorf("line %d: %w: %q", y+1, err, line)
		}
		all = append(all, runs)
	}
	return drawSVG(title, columns, rows, all), nil
}

// drawSVG draws lines of runs.
func drawSVG(title string, columns, rows int, lines [][]run) string {
	var b strings.Builder
	writeWindow(&b, title, columns, rows, func() {
		for y, runs := range lines {
			for _, r := range runs {
				r.draw(&b, y)
			}
		}
	})
	return b.String()
}

// screenSVG draws the screen of a terminal.
func screenSVG(title string, s *emulator.Screen) (string, error) {
	var lines [][]run
	for y, cells := range s.Cells {
		var runs []run
		for x, c := range cells {
			if c.Text == "" {
				return "", fmt.Errorf("line %d has a wide character, which has no picture yet", y+1)
			}
			l := look{bold: c.Look.Bold, dim: c.Look.Dim, underlined: c.Look.Underline, reverse: c.Look.Reverse}
			if n, err := strconv.Atoi(c.Look.Color); err == nil && n < len(colors) {
				l.color = colors[n]
			} else if c.Look.Color != "" {
				return "", fmt.Errorf("line %d: the colour %s is not known", y+1, c.Look.Color)
			}
			if n := len(runs); n > 0 && runs[n-1].look == l {
				runs[n-1].text += c.Text
				runs[n-1].width++
			} else {
				runs = append(runs, run{x, 1, c.Text, l})
			}
		}
		lines = append(lines, runs)
	}
	return drawSVG(title, len(s.Cells[0]), len(s.Cells), lines), nil
}

// draw writes the element of a run. Its length is given, because the reader's font can have another width than the cells.
func (r run) draw(b *strings.Builder, y int) {
	x := padding + float64(r.column)*cellWidth
	if r.look.reverse {
		background := r.look.color
		if background == "" {
			background = "#c9d1d9"
		}
		fmt.Fprintf(b, `<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s"/>`+"\n", x, titleBar+y*lineHeight, float64(r.width)*cellWidth, lineHeight, background)
		r.look.color = "#0d1117"
	}
	if strings.TrimSpace(r.text) == "" {
		return
	}
	attributes := ""
	if r.look.bold {
		attributes += ` class="b"`
	}
	if r.look.underlined {
		attributes += ` text-decoration="underline"`
	}
	if r.look.color != "" {
		attributes += ` style="fill: ` + r.look.color + `"`
	}
	if r.look.dim {
		attributes += ` opacity="0.6"`
	}
	fmt.Fprintf(b, `<text x="%.1f" y="%d" textLength="%.1f" xml:space="preserve"%s>%s</text>`+"\n", x,
		titleBar+y*lineHeight+13, float64(r.width)*cellWidth, attributes, html.EscapeString(r.text))
}

// parseLine splits a line into runs. It starts with the current look, and leaves there the look at its end.
func parseLine(line string, current *look) (runs []run, err error) {
	column := 0
	for line != "" {
		text, rest, found := strings.Cut(line, "\x1b[")
		for _, r := range text {
			if r < ' ' || r == 0x7f || r > '~' {
				return nil, fmt.Errorf("%q is not a character of ASCII, which takes one cell", r)
			}
		}
		if text != "" {
			runs = append(runs, run{column, len(text), text, *current})
			column += len(text)
		}
		if !found {
			break
		}
		parameters, after, ok := strings.Cut(rest, "m")
		if !ok {
			return nil, fmt.Errorf("an escape sequence does not end")
		}
		if err := current.apply(parameters); err != nil {
			return nil, err
		}
		line = after
	}
	if column > columns {
		return nil, fmt.Errorf("%d columns do not fit on a screen of %d", column, columns)
	}
	return runs, nil
}

// apply changes a look by the parameters of an SGR sequence.
func (l *look) apply(parameters string) error {
	for parameter := range strings.SplitSeq(parameters, ";") {
		n, err := strconv.Atoi(parameter)
		switch {
		case err == nil && n == 0:
			*l = look{}
		case err == nil && n == 1:
			l.bold = true
		case err == nil && n == 4:
			l.underlined = true
		case err == nil && n == 24:
			l.underlined = false
		case err == nil && n >= 30 && n < 30+len(colors):
			l.color = colors[n-30]
		default:
			return fmt.Errorf("the escape sequence %q is not known", parameters)
		}
	}
	return nil
}
