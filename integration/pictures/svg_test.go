package pictures

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/emulator"
)

func TestMakeSVG_Colors(t *testing.T) {
	svg, err := makeSVG("a & b", "plain \x1b[1;32mgreen <1>\x1b[0m rest\n\x1b[0;1mbold\nstill\x1b[0m\n")
	require.NoError(t, err)
	require.Contains(t, svg, "<title>a &amp; b</title>")
	require.Contains(t, svg, `<text x="14.0" y="43" textLength="50.4" xml:space="preserve">plain </text>`)
	require.Contains(t, svg, `<text x="64.4" y="43" textLength="75.6" xml:space="preserve" class="b" style="fill: #7ee787">green &lt;1&gt;</text>`)
	require.Contains(t, svg, `xml:space="preserve"> rest</text>`)
	require.Contains(t, svg, `<text x="14.0" y="61" textLength="33.6" xml:space="preserve" class="b">bold</text>`)
	require.Contains(t, svg, `class="b">still</text>`)
	decoder := xml.NewDecoder(strings.NewReader(svg))
	for {
		_, err := decoder.Token()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
	}
}

func TestMakeSVG_Refused(t *testing.T) {
	for text, why := range map[string]string{
		strings.Repeat("x\n", rows+1):  "25 lines do not fit",
		strings.Repeat("x", columns+1): "81 columns do not fit",
		"\x1b[38;5;1mx":                `the escape sequence "38;5;1" is not known`,
		"\x1b[2Jx":                     "an escape sequence does not end",
		"a\tb":                         "is not a character of ASCII",
		"\u4e2d":                       "is not a character of ASCII",
		"\x1b]0;title\x07":             "is not a character of ASCII",
		"first\n" + strings.Repeat("y", columns+1): "line 2: ",
	} {
		_, err := makeSVG("x", text)
		require.ErrorContains(t, err, why)
	}
}

func TestScreenSVG(t *testing.T) {
	cell := func(text string, l emulator.Look) emulator.Cell { return emulator.Cell{Text: text, Look: l} }
	bold := emulator.Look{Bold: true, Color: "2"}
	svg, err := screenSVG("x", &emulator.Screen{Cells: [][]emulator.Cell{
		{cell("a", bold), cell("→", bold), cell("c", emulator.Look{Dim: true}), cell(" ", emulator.Look{Reverse: true})},
	}})
	require.NoError(t, err)
	require.Contains(t, svg, `<text x="14.0" y="43" textLength="16.8" xml:space="preserve" class="b" style="fill: #7ee787">a→</text>`)
	require.Contains(t, svg, `<text x="30.8" y="43" textLength="8.4" xml:space="preserve" opacity="0.6">c</text>`)
	require.Contains(t, svg, `<rect x="39.2" y="30" width="8.4" height="18" fill="#c9d1d9"/>`)
	_, err = screenSVG("x", &emulator.Screen{Cells: [][]emulator.Cell{{cell("中", bold), cell("", bold)}}})
	require.ErrorContains(t, err, "wide character")
	_, err = screenSVG("x", &emulator.Screen{Cells: [][]emulator.Cell{{cell("a", emulator.Look{Color: "200"})}}})
	require.ErrorContains(t, err, "colour 200 is not known")
}
