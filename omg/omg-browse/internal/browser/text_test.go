package browser

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/omg-browse/internal/styled"
)

// TestHelpLines checks that the help shows every key and fits into the width of the screen.
func TestHelpLines(t *testing.T) {
	for _, width := range []int{80, 120, 200} {
		w := newWorld(t)
		w.Resize(width, 24)
		lines := w.HelpLines()
		for _, line := range lines {
			require.LessOrEqual(t, styled.Width(line), width-2, line)
		}
		text := strings.Join(strings.Fields(strings.Join(lines, " ")), " ")
		require.Contains(t, text, "omg search --help explains all prefixes. Esc closes this help.")
		for _, b := range Bindings() {
			if len(b.Keys) > 0 {
				require.Contains(t, text, strings.Join(b.Keys, ", ")+" "+b.Help)
			}
		}
	}
}
