package browse

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
)

// TestScripts_EveryKey checks that a script presses each key that the help shows.
func TestScripts_EveryKey(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(scriptDir, "*.txtar"))
	require.NoError(t, err)
	var pressed []string
	for _, file := range files {
		for line := range strings.Lines(string(harness.ReadFile(t, file))) {
			if names, ok := strings.CutPrefix(line, "key "); ok {
				pressed = append(pressed, strings.Fields(names)...)
			}
		}
	}
	x, _ := startBrowser(t, harness.New(t), 120, 100)
	requireText(t, x, "relevance")
	press(t, x, "f1")
	screen := requireText(t, x, "draw the screen again")
	help := regexp.MustCompile(`^ ([a-z0-9, -]+?)  +\S`)
	keys := 0
	for y := range screen.Cells {
		if m := help.FindStringSubmatch(screen.Line(y)); m != nil && y > 1 {
			for key := range strings.SplitSeq(m[1], ", ") {
				keys++
				require.True(t, slices.Contains(pressed, key), "no script presses %s: %s", key, screen.Line(y))
			}
		}
	}
	require.Greater(t, keys, 60, "the help is not recognized:\n%s", screen)
}
