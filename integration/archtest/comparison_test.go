package archtest

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestComparison_Sources checks that each cell of the README's comparison is one of the four answers, that docs/comparison.md has the same
// answer with a source, and that the rows in which omg is behind come first.
func TestComparison_Sources(t *testing.T) {
	_, long, found := strings.Cut(read(t, "docs", "comparison.md"), "\n## What was compared\n")
	require.True(t, found)
	long, _, found = strings.Cut(long, "\n## Speed\n")
	require.True(t, found)
	_, short, found := strings.Cut(read(t, "README.md"), "\n## Comparison\n")
	require.True(t, found)

	var names []string
	rows := map[string][]string{}
	ahead := false
	for line := range strings.Lines(short) {
		if strings.HasPrefix(line, "## ") {
			break
		}
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "| ---") {
			continue
		}
		row := cells(line)
		if names == nil {
			names = row[1:]
			require.Equal(t, "omg", names[0])
			continue
		}
		require.Len(t, row, len(names)+1, line)
		rows[row[0]] = row[1:]
		if ahead = ahead || row[1] == "yes"; ahead {
			require.Equal(t, "yes", row[1], "%s: omg is behind in this row, so it belongs before the others", row[0])
		}
	}
	require.True(t, ahead)

	parts := strings.Split(long, "\n## ")
	for _, name := range names {
		require.Contains(t, parts[0], "\n| "+name+" | ", "what version of %s was compared?", name)
	}
	require.Len(t, parts[1:], len(rows))
	for _, part := range parts[1:] {
		title, table, _ := strings.Cut(part, "\n")
		want := rows[title]
		require.NotEmpty(t, want, "the README does not have the row %s", title)
		lines := slices.DeleteFunc(strings.Split(table, "\n"), func(line string) bool { return !strings.HasPrefix(line, "|") })
		require.Len(t, lines, len(names)+2, title)
		for i, line := range lines[2:] {
			row := cells(line)
			require.Equal(t, []string{names[i], want[i]}, row[:2], title)
			switch want[i] {
			case "yes", "no", "partly":
				require.NotEmpty(t, row[2], "%s: %s: where is this to be seen?", title, names[i])
			case "not checked":
			default:
				t.Errorf("%s: %s: the answer is %q", title, names[i], want[i])
			}
		}
	}
}
