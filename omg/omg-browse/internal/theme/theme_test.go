package theme

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/omg-browse/internal/styled"
	"github.com/omg-arch/omg/shared/config"
)

// luminance returns the relative luminance of one of the 240 colours that do not depend on the terminal: WCAG 2.1, and the colours of xterm.
func luminance(r, g, b float64) float64 {
	linear := func(v float64) float64 {
		if v /= 255; v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(r) + 0.7152*linear(g) + 0.0722*linear(b)
}

func luminanceOf(color uint8) float64 {
	if color >= 232 {
		gray := float64(8 + 10*(int(color)-232))
		return luminance(gray, gray, gray)
	}
	level := func(n int) float64 {
		if n == 0 {
			return 0
		}
		return float64(55 + 40*n)
	}
	n := int(color) - 16
	return luminance(level(n/36), level(n/6%6), level(n%6))
}

// TestThemes_Contrast checks that the colours can be read on each background that the themes are for.
func TestThemes_Contrast(t *testing.T) {
	for name, c := range map[string]struct {
		colors      [16]uint8
		backgrounds []float64
	}{
		Dark:  {darkColors, []float64{luminance(0, 0, 0), luminance(0x30, 0x30, 0x30)}},
		Light: {lightColors, []float64{luminance(255, 255, 255), luminance(0xee, 0xee, 0xee)}},
	} {
		look, err := New(name, config.BrowseColors{}, 256)
		require.NoError(t, err)
		for i, color := range append(c.colors[:], look.dim) {
			require.GreaterOrEqual(t, color, uint8(16), "%s has a fixed colour for %d", name, i)
			for _, background := range c.backgrounds {
				light, dark := max(luminanceOf(color), background), min(luminanceOf(color), background)
				require.GreaterOrEqual(t, (light+0.05)/(dark+0.05), 4.5, "%s %d", name, color)
			}
		}
	}
}

func TestNew(t *testing.T) {
	look, err := New(Terminal, config.BrowseColors{Version: "bright-yellow", Name: "default", Selection: "bold black on-12"}, 8)
	require.NoError(t, err)
	require.Equal(t, styled.Style{Color: 11}, look.Version)
	require.Equal(t, styled.Style{}, look.Name)
	require.Equal(t, styled.Style{Color: black, Background: 12, Bold: true}, look.Selected(look.Version))
	require.Equal(t, styled.Style{Color: red}, look.Bad)

	look, err = New(Light, config.BrowseColors{}, 256)
	require.NoError(t, err)
	require.Equal(t, styled.Style{Color: lightColors[red]}, look.Bad)
	require.Equal(t, styled.Style{Color: look.dim}, look.Status, "dim text is too pale on some light backgrounds")
	require.Equal(t, styled.Style{Color: lightColors[9], Bold: true}, look.Adapt(styled.Style{Color: 9, Bold: true}))
	require.Equal(t, styled.Style{Reverse: true, Bold: true}, look.Selected(look.Name))

	look, err = New(Dark, config.BrowseColors{}, 16)
	require.NoError(t, err)
	require.Equal(t, styled.Style{Color: red}, look.Bad, "the theme needs 256 colours")
}

// TestNew_WithoutColors checks that the selection can be seen without colours, and that no style has one.
func TestNew_WithoutColors(t *testing.T) {
	for _, name := range []string{Terminal, Dark, Light} {
		for _, selection := range []string{"", "black on-yellow", "green"} {
			settings := config.BrowseColors{Selection: selection, Bad: "red on-white"}
			look, err := New(name, settings, 0)
			require.NoError(t, err)
			require.Equal(t, selection != "green", look.Selection.Reverse, "otherwise the pointer shows it")
			for _, p := range look.parts(&settings) {
				require.Zero(t, p.style.Color, p.name)
				require.Zero(t, p.style.Background, p.name)
			}
			require.Equal(t, styled.Style{Bold: true}, look.Adapt(styled.Style{Color: 3, Bold: true}))
		}
	}
}

func TestNew_Errors(t *testing.T) {
	for _, text := range []string{"rot", "256", "0", "on-", "bright-", "-1", "#ff0000", "bold,red"} {
		_, err := New(Terminal, config.BrowseColors{Mark: text}, 256)
		var wrong *ColorError
		require.ErrorAs(t, err, &wrong, text)
		require.Equal(t, "mark", wrong.Part)
		require.ErrorContains(t, err, "is neither a colour (black, red, ")
	}
}
