package compare

import (
	"fmt"
	"strings"
)

// Measurements are what make compare has found on one machine.
type Measurements struct {
	Machine string            `json:"machine"`
	Date    string            `json:"date"`
	Ran     map[string]string `json:"ran"` // the versions of the programs whose commands were run
	// Packages is the number of packages in the databases on which the times were measured.
	Packages int     `json:"packages"`
	Times    []Time  `json:"times"`
	Costs    []Costs `json:"costs"`
}

// Time is how long a command takes, beside pacman's command in the same run.
type Time struct {
	What       string  `json:"what"`
	Command    string  `json:"command"`
	WarmMS     float64 `json:"warm_ms"`
	ColdMS     float64 `json:"cold_ms"`
	WarmFactor float64 `json:"warm_factor"` // pacman's time divided by this one
	ColdFactor float64 `json:"cold_factor"`
}

// Costs is one cost of the daemon.
type Costs struct {
	What  string `json:"what"`
	Value string `json:"value"`
}

const pageIntro = `# Comparison

<!-- make compare writes this page from integration/compare/comparison.toml and measured.json. -->

What omg and other programs can do. First come the rows in which omg is behind. Each cell has the command that shows it, or what was read.
*Not checked* means only that nobody has looked. A correction with a source is welcome, in ` + "`integration/compare/comparison.toml`" + `.

` + "`make compare`" + ` runs the commands of all programs that are installed, on a generated system with a stand-in for the AUR, and fails if one
contradicts the table. It also measures the times below.

`

// Page returns docs/comparison.md.
func (t *Table) Page(m *Measurements) string {
	var b strings.Builder
	b.WriteString(pageIntro)
	b.WriteString("## What was compared\n\n| program | version | date | what was read | commands run with |\n| --- | --- | --- | --- | --- |\n")
	for _, p := range t.Programs {
		name := p.Name
		if p.Address != "" {
			name = "[" + p.Name + "](" + p.Address + ")"
		}
		ran := m.Ran[p.Name]
		if ran == "" {
			ran = "not run"
		}
		writeRow(&b, name, p.Version, p.Date, p.Read, ran)
	}
	for i := range t.Rows {
		row := &t.Rows[i]
		b.WriteString("\n## " + row.Title + "\n\n| program | answer | command | source |\n| --- | --- | --- | --- |\n")
		for _, p := range t.Programs {
			c := row.Cells[p.Name]
			command, source := "", c.Source
			if c.Command != "" {
				command = "`" + c.Command + "`"
				if _, ran := m.Ran[p.Name]; !ran && source == "" {
					source = "[documentation](" + p.Address + ")"
				}
			}
			writeRow(&b, p.Name, row.answer(p.Name), command, source)
		}
	}
	t.writeSpeed(&b, m)
	return b.String()
}

// writeSpeed writes the measured times, and the costs of the daemon.
func (t *Table) writeSpeed(b *strings.Builder, m *Measurements) {
	fmt.Fprintf(b, "\n## Speed\n\nOn %d generated packages, %s, %s. The programs take turns, and each factor is pacman's time in the same run divided by\n"+
		"this one. *Cold* means that the kernel has dropped the program and the data from its cache, except what a running omgd has mapped.\n"+
		"If the load is above the number of cores, other programs were running: then only the factors tell something.\n"+
		"[performance.md](performance.md) has all other figures, and where omg misses its aims.\n\n", m.Packages, m.Machine, m.Date)
	b.WriteString("| what | command | warm | pacman's time | cold | pacman's time |\n| --- | --- | ---: | ---: | ---: | ---: |\n")
	for _, f := range m.Times {
		writeRow(b, f.What, "`"+f.Command+"`", milliseconds(f.WarmMS), factor(f.WarmFactor), milliseconds(f.ColdMS), factor(f.ColdFactor))
	}
	b.WriteString("\nThe other programs have no daemon. That of omg costs, with these databases:\n\n| what | costs |\n| --- | ---: |\n")
	for _, c := range m.Costs {
		writeRow(b, c.What, c.Value)
	}
}

func milliseconds(v float64) string {
	switch {
	case v == 0:
		return "not measured"
	case v < 10:
		return fmt.Sprintf("%.2f ms", v)
	}
	return fmt.Sprintf("%.1f ms", v)
}

func factor(v float64) string {
	switch {
	case v == 0:
		return ""
	case v < 10:
		return fmt.Sprintf("%.1f times", v)
	}
	return fmt.Sprintf("%.0f times", v)
}

// writeRow writes a row of a table in Markdown.
func writeRow(b *strings.Builder, cells ...string) {
	for _, c := range cells {
		b.WriteString("| ")
		if c != "" {
			b.WriteString(strings.ReplaceAll(c, "|", `\|`) + " ")
		}
	}
	b.WriteString("|\n")
}

// The lines around the table in README.md.
const (
	readmeBegin = "<!-- make compare writes this table -->\n"
	readmeEnd   = "<!-- end of the table -->\n"
)

// ShortTable returns the table of README.md, with the lines around it.
func (t *Table) ShortTable() string {
	var b strings.Builder
	names, line := []string{""}, []string{"---"}
	for _, p := range t.Programs {
		names, line = append(names, p.Name), append(line, "---")
	}
	b.WriteString(readmeBegin + "\n")
	writeRow(&b, names...)
	writeRow(&b, line...)
	for i := range t.Rows {
		cells := []string{t.Rows[i].Title}
		for _, p := range t.Programs {
			cells = append(cells, t.Rows[i].answer(p.Name))
		}
		writeRow(&b, cells...)
	}
	b.WriteString("\n" + readmeEnd)
	return b.String()
}

// ReplaceShortTable returns the text of README.md with the current table.
func (t *Table) ReplaceShortTable(readme string) (string, error) {
	before, rest, found := strings.Cut(readme, readmeBegin)
	_, after, end := strings.Cut(rest, readmeEnd)
	if !found || !end {
		return "", fmt.Errorf("README.md does not have the lines %q and %q", readmeBegin, readmeEnd)
	}
	return before + t.ShortTable() + after, nil
}
