// Package theme holds the colours of the parts of the screen.
package theme

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/omg-arch/omg/omg/omg-browse/internal/styled"
	"github.com/omg-arch/omg/shared/config"
)

// The themes that the configuration knows.
const (
	Terminal = "terminal"
	Dark     = "dark"
	Light    = "light"
)

// Theme is the style of each part.
type Theme struct {
	View, Prompt, Input, Counts, Selection, Mark, Repository, Name, Version, Installed, Description, Good, Warning, Bad, Tab, Border,
	Status styled.Style

	// colors replaces the 16 colours of the terminal, and dim the attribute, which some terminals show too pale; 0 keeps them.
	colors [16]uint8
	dim    uint8
	mono   bool
}

// The colours of the terminal's palette.
const (
	red, green, yellow, blue, magenta, cyan = 1, 2, 3, 4, 5, 6
	// black is that of the 256 colours, because the number 0 means the terminal's own colour.
	black = 16
)

// The colours of the themes are among the 240 that do not depend on the terminal's settings. Their contrast to the background is at least 4.5
// to 1, as WCAG 2.1 requires (success criterion 1.4.3): those of dark on black and #303030, those of light on white and #eeeeee.
var (
	darkColors = [16]uint8{
		0: 248, red: 210, green: 114, yellow: 221, blue: 111, magenta: 176, cyan: 80, 7: 252,
		8: 248, 9: 217, 10: 157, 11: 229, 12: 153, 13: 219, 14: 123, 15: 231,
	}
	lightColors = [16]uint8{
		0: 16, red: 124, green: 22, yellow: 58, blue: 25, magenta: 90, cyan: 23, 7: 238,
		8: 240, 9: 160, 10: 22, 11: 94, 12: 20, 13: 127, 14: 24, 15: 16,
	}
)

// New returns a theme, in which the settings of a user replace styles, for a terminal with a number of colours. The error is a ColorError.
func New(name string, settings config.BrowseColors, available int) (*Theme, error) {
	t := &Theme{
		View:       styled.Style{Bold: true, Reverse: true},
		Prompt:     styled.Style{Color: blue, Bold: true},
		Input:      styled.Style{Bold: true},
		Counts:     styled.Style{Dim: true},
		Selection:  styled.Style{Reverse: true},
		Mark:       styled.Style{Color: magenta, Bold: true},
		Repository: styled.Style{Color: magenta},
		Name:       styled.Style{Bold: true},
		Version:    styled.Style{Color: green},
		Installed:  styled.Style{Color: cyan},
		Good:       styled.Style{Color: green},
		Warning:    styled.Style{Color: yellow},
		Bad:        styled.Style{Color: red},
		Tab:        styled.Style{Bold: true, Underline: true},
		Border:     styled.Style{Dim: true},
		Status:     styled.Style{Dim: true},
		mono:       available == 0,
	}
	const fixed = 256 // the number of colours that the themes need
	switch {
	case available < fixed:
	case name == Dark:
		t.colors, t.dim = darkColors, 248
	case name == Light:
		t.colors, t.dim = lightColors, 240
	}
	for _, p := range t.parts(&settings) {
		*p.style = t.Adapt(*p.style)
		if p.setting == "" {
			continue
		}
		style, err := parseStyle(p.setting)
		if err != nil {
			return nil, &ColorError{p.name, err}
		}
		*p.style = t.withoutColors(style)
	}
	return t, nil
}

type part struct {
	name, setting string
	style         *styled.Style
}

// parts joins the settings and the styles.
func (t *Theme) parts(s *config.BrowseColors) []part {
	return []part{
		{"view", s.View, &t.View},
		{"prompt", s.Prompt, &t.Prompt},
		{"input", s.Input, &t.Input},
		{"counts", s.Counts, &t.Counts},
		{"selection", s.Selection, &t.Selection},
		{"mark", s.Mark, &t.Mark},
		{"repository", s.Repository, &t.Repository},
		{"name", s.Name, &t.Name},
		{"version", s.Version, &t.Version},
		{"installed", s.Installed, &t.Installed},
		{"description", s.Description, &t.Description},
		{"good", s.Good, &t.Good},
		{"warning", s.Warning, &t.Warning},
		{"bad", s.Bad, &t.Bad},
		{"tab", s.Tab, &t.Tab},
		{"border", s.Border, &t.Border},
		{"status", s.Status, &t.Status},
	}
}

// Adapt returns a style with the theme's colours instead of the 16 of the terminal.
func (t *Theme) Adapt(s styled.Style) styled.Style {
	if s.Color < 16 && s.Color != 0 && t.colors[s.Color] != 0 {
		s.Color = t.colors[s.Color]
	}
	if s.Dim && t.dim != 0 && !s.Reverse {
		s.Dim = false
		if s.Color == 0 {
			s.Color = t.dim
		}
	}
	return t.withoutColors(s)
}

// withoutColors returns the style for a terminal without colours: reverse instead of a background.
func (t *Theme) withoutColors(s styled.Style) styled.Style {
	if !t.mono {
		return s
	}
	s.Reverse = s.Reverse || s.Background != 0
	s.Color, s.Background = 0, 0
	return s
}

// Selected returns the style of a part of the selected line. One style for the whole line is easier to read than several in reverse.
func (t *Theme) Selected(part styled.Style) styled.Style {
	s := t.Selection
	if !s.Reverse && s.Background == 0 && s.Color == 0 {
		s.Color, s.Background, s.Dim = part.Color, part.Background, s.Dim || part.Dim
	}
	s.Bold, s.Underline = s.Bold || part.Bold, s.Underline || part.Underline
	return s
}

// ColorError is an error in the colours of a part.
type ColorError struct {
	Part string
	Err  error
}

func (e *ColorError) Error() string { return e.Part + ": " + e.Err.Error() }

func (e *ColorError) Unwrap() error { return e.Err }

var colorNames = []string{"black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"}

// parseStyle returns the style that words describe, such as "bold bright-red on-blue".
func parseStyle(text string) (s styled.Style, err error) {
	for word := range strings.FieldsSeq(text) {
		switch word {
		case "default":
		case "bold":
			s.Bold = true
		case "dim":
			s.Dim = true
		case "underline":
			s.Underline = true
		case "reverse":
			s.Reverse = true
		default:
			name, background := strings.CutPrefix(word, "on-")
			color, ok := parseColor(name)
			if !ok {
				return s, fmt.Errorf("%q is neither a colour (%s, each also with bright-, or 1 to 255; with on- for the background) nor one of default, bold, dim, underline, reverse",
					word, strings.Join(colorNames, ", "))
			}
			if background {
				s.Background = color
			} else {
				s.Color = color
			}
		}
	}
	return s, nil
}

func parseColor(name string) (color uint8, ok bool) {
	base, bright := strings.CutPrefix(name, "bright-")
	if i := slices.Index(colorNames, base); i >= 0 {
		switch {
		case bright:
			i += 8
		case i == 0:
			i = black
		}
		return uint8(i), true
	}
	n, err := strconv.ParseUint(name, 10, 8)
	return uint8(n), err == nil && n > 0
}
