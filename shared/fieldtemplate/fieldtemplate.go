// Package fieldtemplate prints elements with a Go template over their JSON fields: the flag --format.
package fieldtemplate

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/template"

	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
)

// Template is the value of --format: a Go template over the JSON fields of an element.
type Template struct{ parsed *template.Template }

// Parse parses a template. Its error is one about the command line.
func Parse(text string) (*Template, error) {
	t, err := template.New("format").Option("missingkey=error").Parse(text)
	if err != nil {
		return nil, command.Usagef("--format: %s", strings.TrimPrefix(err.Error(), "template: "))
	}
	return &Template{t}, nil
}

// Print prints one element, without a newline after it.
func (t *Template) Print(w io.Writer, element any) error {
	fields, err := FieldValues(element)
	if err != nil {
		return err
	}
	err = t.parsed.Execute(w, fields)
	if wrong := new(template.ExecError); errors.As(err, wrong) {
		return &exit.Error{
			Code: exit.Usage, Err: fmt.Errorf("--format: %s", strings.TrimPrefix(err.Error(), "template: ")),
			Hint: "--json shows the names of the fields",
		}
	}
	return err
}
