package render

import (
	"fmt"
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/runtimes"
)

// parseTemplate parses a template: {{.node}} is the active version, {{.updates}} a number. Package text/template can do
// more, but loading it would delay every prompt. Text outside of {{}} comes from the template's author and is printed
// unchanged: colours, a bar's tags.
func parseTemplate(text string) (Format, error) {
	if !strings.Contains(text, "{{") {
		return nil, fmt.Errorf("unknown --format %q: use plain, json, starship, waybar, polybar, i3blocks, tmux, "+
			"or a template such as {{.node}}", text)
	}
	names := runtimes.Names()
	for _, c := range actionableNumbers(LoadedStatus{}) {
		names = append(names, c.name)
	}
	names = append(names, findingsName)
	var texts, fields []string // fields[i] follows texts[i]
	for rest := text; ; {
		before, after, found := strings.Cut(rest, "{{")
		texts = append(texts, before)
		if !found {
			break
		}
		inside, tail, closed := strings.Cut(after, "}}")
		name, dotted := strings.CutPrefix(strings.TrimSpace(inside), ".")
		if !closed || !dotted || !slices.Contains(names, name) {
			return nil, fmt.Errorf("--format: unknown field {{%s: use {{.%s}}", inside, strings.Join(names, "}}, {{."))
		}
		fields = append(fields, name)
		rest = tail
	}
	return func(a Report) (string, error) {
		var b strings.Builder
		for i, before := range texts {
			b.WriteString(before)
			if i < len(fields) {
				b.WriteString(templateFieldText(a, fields[i]))
			}
		}
		return b.String() + "\n", nil
	}, nil
}

// templateFieldText returns the text that replaces a template's field such as {{.node}} or {{.updates}}: the version of the
// runtime, or the number. It returns "" for a runtime that is not in the report.
func templateFieldText(a Report, name string) string {
	for _, r := range a.Runtimes {
		if r.Runtime == name {
			if r.Missing {
				return runtimes.Sanitize(r.Version) + missingMark
			}
			return runtimes.Sanitize(r.Version)
		}
	}
	for _, c := range actionableNumbers(a.Status) {
		if c.name == name {
			return c.n.String()
		}
	}
	if name == findingsName {
		return a.Status.AURFindings.ToLookAt().String()
	}
	return ""
}
