package compare

import (
	"encoding/json"
	"flag"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
)

var write = flag.Bool("write", false, "measure, and write the measurements, the page and the table in README.md")

const measurementsFile = "measured.json"

// readTable returns the table, and the last measurements.
func readTable(t *testing.T) (*Table, *Measurements) {
	t.Helper()
	table, err := ReadTable("comparison.toml")
	require.NoError(t, err)
	require.Len(t, table.Programs, 9)
	m := &Measurements{}
	require.NoError(t, json.Unmarshal(harness.ReadFile(t, measurementsFile), m))
	return table, m
}

// TestTable_Current checks that docs/comparison.md and the table in README.md are those of comparison.toml and of the last
// measurements, and that every answer about a program that was not run has a source.
func TestTable_Current(t *testing.T) {
	if *write {
		t.Skip("TestTable_Commands writes the files")
	}
	table, m := readTable(t)
	for i := range table.Rows {
		row := &table.Rows[i]
		for _, p := range table.Programs {
			c := row.Cells[p.Name]
			_, ran := m.Ran[p.Name]
			if row.answer(p.Name) != NotChecked && p.Name != "omg" && !ran {
				require.True(t, c.Source != "" || c.Command == p.Overview && p.Address != "", "%s: %s: nobody has run its command, and there is no source", row.Title, p.Name)
			}
		}
	}
	root := harness.ProjectRoot(t)
	const advice = "run make compare, and commit what it writes"
	require.Equal(t, table.Page(m), string(harness.ReadFile(t, filepath.Join(root, "docs", "comparison.md"))), advice)
	readme := string(harness.ReadFile(t, filepath.Join(root, "README.md")))
	want, err := table.ReplaceShortTable(readme)
	require.NoError(t, err)
	require.Equal(t, want, readme, advice)
}

// TestTable_Commands runs the commands of all programs that are installed. Each must show the answer of its cell. With -write, it also
// measures, and writes all files.
func TestTable_Commands(t *testing.T) {
	need.Program(t, "pacman")
	table, m := readTable(t)
	w := newComparedSystem(t, table)
	ran := map[string]string{}
	for _, p := range table.Programs {
		if w.paths[p.Name] == "" {
			continue
		}
		if p.VersionCommand != "" {
			ran[p.Name] = regexp.MustCompile(`[0-9]+(\.[0-9]+)+`).FindString(w.run(p.VersionCommand))
			require.NotEmpty(t, ran[p.Name], p.VersionCommand)
		} else {
			ran[p.Name] = p.Version
		}
		for i := range table.Rows {
			row := &table.Rows[i]
			c, found := row.Cells[p.Name]
			if !found || c.Command == "" || c.InstalledOnly && !w.isInstalledByPackage(p.Name) {
				continue
			}
			output := w.run(c.Command)
			if why := c.contradiction(output); why != "" {
				t.Errorf("%s: %s: the answer %q is not what %q shows: %s\n%s", row.Title, p.Name, c.Answer, c.Command, why, output)
			}
		}
	}
	require.Contains(t, ran, "omg")
	require.Contains(t, ran, "pacman")
	if *write && !t.Failed() {
		m.Ran = ran
		if *runs > 0 {
			m.Date = time.Now().UTC().Format(time.DateOnly)
			measure(t, w, m)
		}
		writeFiles(t, table, m)
	}
}

func writeFiles(t *testing.T, table *Table, m *Measurements) {
	t.Helper()
	text, err := json.MarshalIndent(m, "", "  ")
	require.NoError(t, err)
	harness.WriteFile(t, measurementsFile, append(text, '\n'))
	root := harness.ProjectRoot(t)
	harness.WriteFile(t, filepath.Join(root, "docs", "comparison.md"), table.Page(m))
	path := filepath.Join(root, "README.md")
	readme, err := table.ReplaceShortTable(string(harness.ReadFile(t, path)))
	require.NoError(t, err)
	harness.WriteFile(t, path, readme)
}

// TestTable_Wrong checks that a wrong table is refused, and that a command that shows something else is noticed.
func TestTable_Wrong(t *testing.T) {
	const program = "[[programs]]\nname = \"omg\"\noverview = \"omg --help\"\n[[rows]]\ntitle = \"a\"\n"
	for text, want := range map[string]string{
		program + "[rows.cells]\nomg = {answer = \"maybe\"}\n":                                `a: omg: the answer is "maybe"`,
		program + "[rows.cells]\nomg = {answer = \"no\"}\n":                                   "neither a command nor a source",
		program + "[rows.cells]\nomg = {answer = \"no\", command = \"omg\"}\n":                "nobody can tell",
		program + "[rows.cells]\nomg = {answer = \"no\", command = \"omg\", shows = \"(\"}\n": "missing closing )",
		program + "[rows.cells]\nomgx = {answer = \"no\", source = \"x\"}\n":                  `there is no program "omgx"`,
		program: "a: omg was not checked",
		program + "[rows.cells]\nomg = {answer = \"yes\", source = \"x\"}\n[[rows]]\ntitle = \"b\"\n[rows.cells]\nomg = {answer = \"no\", source = \"x\"}\n": "b: omg is behind in this row",
	} {
		path := filepath.Join(t.TempDir(), "table.toml")
		harness.WriteFile(t, path, text)
		_, err := ReadTable(path)
		require.ErrorContains(t, err, want)
	}
	c := Cell{Shows: "yes", Lacks: "no"}
	require.Empty(t, c.contradiction("yes"))
	for _, output := range []string{"", "nothing", "yes and no"} {
		require.NotEmpty(t, c.contradiction(output), output)
	}
	_, err := (&Table{}).ReplaceShortTable(strings.Replace(readmeBegin, "compare", "", 1))
	require.Error(t, err)
}
