package compare

import (
	"fmt"
	"os"
	"regexp"
	"slices"

	"github.com/pelletier/go-toml/v2"
)

// The answers of a cell. A program without a cell in a row has the answer NotChecked.
const (
	Yes        = "yes"
	Partly     = "partly"
	No         = "no"
	NotChecked = "not checked"
)

// Program is one of the compared programs.
type Program struct {
	Name    string `toml:"name"`
	Version string `toml:"version"` // the version that was read or run
	Date    string `toml:"date"`    // of this version
	Read    string `toml:"read"`    // what was read
	Address string `toml:"address"` // of its documentation
	// VersionCommand prints the version of the installed program.
	VersionCommand string `toml:"version_command"`
	// Overview prints a list of what the program can do.
	Overview string `toml:"overview"`
}

// Cell is the answer of one program in one row.
type Cell struct {
	Answer string `toml:"answer"`
	// Command is a command of a shell that shows the answer, if the output matches Shows, and does not match Lacks.
	Command string `toml:"command"`
	Shows   string `toml:"shows"`
	Lacks   string `toml:"lacks"`
	Source  string `toml:"source"` // what was read, in Markdown
	// InstalledOnly is set if the command shows the answer only for a program that a package has installed.
	InstalledOnly bool `toml:"installed_only"`
}

// Row is one feature.
type Row struct {
	Title string `toml:"title"`
	// Absent matches the overview of a program that may have the feature. It is the evidence of a no without a command.
	Absent string          `toml:"absent"`
	Cells  map[string]Cell `toml:"cells"` // by the names of the programs
}

// Table is the whole comparison. The first program is omg.
type Table struct {
	Programs []Program `toml:"programs"`
	Rows     []Row     `toml:"rows"`
}

// ReadTable reads the comparison from a file, and returns an error if a cell has no evidence.
func ReadTable(path string) (*Table, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	t := &Table{}
	if err := toml.Unmarshal(text, t); err != nil {
		return nil, err
	}
	for i := range t.Rows {
		if err := t.completeRow(&t.Rows[i]); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", path, t.Rows[i].Title, err)
		}
	}
	return t, t.checkOrder()
}

// completeRow adds the overviews as evidence, and checks the cells.
func (t *Table) completeRow(row *Row) error {
	for name := range row.Cells {
		if !slices.ContainsFunc(t.Programs, func(p Program) bool { return p.Name == name }) {
			return fmt.Errorf("there is no program %q", name)
		}
	}
	for i := range t.Programs {
		p := &t.Programs[i]
		c, ok := row.Cells[p.Name]
		if !ok {
			continue
		}
		if c.Command == "" && c.Answer == No && row.Absent != "" {
			c.Command, c.Lacks = p.Overview, row.Absent
		}
		if err := c.check(); err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
		row.Cells[p.Name] = c
	}
	return nil
}

func (c *Cell) check() error {
	switch c.Answer {
	case Yes, Partly, No:
	default:
		return fmt.Errorf("the answer is %q", c.Answer)
	}
	if c.Command == "" && c.Source == "" {
		return fmt.Errorf("the answer %s has neither a command nor a source", c.Answer)
	}
	if c.Command != "" && c.Shows == "" && c.Lacks == "" {
		return fmt.Errorf("nobody can tell whether %q shows the answer", c.Command)
	}
	for _, text := range []string{c.Shows, c.Lacks} {
		if _, err := regexp.Compile(text); err != nil {
			return err
		}
	}
	return nil
}

// answer returns the answer of a program in a row.
func (r *Row) answer(program string) string {
	if c, ok := r.Cells[program]; ok {
		return c.Answer
	}
	return NotChecked
}

// checkOrder returns an error unless the rows in which omg is behind come first.
func (t *Table) checkOrder() error {
	ahead := ""
	for i := range t.Rows {
		row := &t.Rows[i]
		switch row.answer("omg") {
		case Yes:
			ahead = row.Title
		case NotChecked:
			return fmt.Errorf("%s: omg was not checked", row.Title)
		default:
			if ahead != "" {
				return fmt.Errorf("%s: omg is behind in this row, so it belongs before %s", row.Title, ahead)
			}
		}
	}
	return nil
}

// contradiction returns why the output of a cell's command does not show the answer, or "".
func (c *Cell) contradiction(output string) string {
	switch {
	case output == "":
		return "it prints nothing"
	case c.Shows != "" && !regexp.MustCompile(c.Shows).MatchString(output):
		return "its output does not match " + c.Shows
	case c.Lacks != "" && regexp.MustCompile(c.Lacks).MatchString(output):
		return fmt.Sprintf("its output matches %s: %q", c.Lacks, regexp.MustCompile(c.Lacks).FindString(output))
	}
	return ""
}
