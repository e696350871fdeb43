package render

import (
	"encoding/json"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/runtimes"
	"github.com/omg-arch/omg/shared/statusfile"
	"github.com/omg-arch/omg/shared/termtext"
)

// schema is increased when a field changes its meaning or is removed.
const schema = 1

// jsonFields returns the fields of the JSON output.
func jsonFields(a Report) map[string]any {
	f := map[string]any{"schema": schema, "complete": a.Complete}
	versions := []any{}
	for _, r := range a.Runtimes {
		v := map[string]any{
			"name": r.Runtime, "version": runtimes.Sanitize(r.Version), "manager": r.Manager, "missing": r.Missing,
			"scope": "system", "kind": "", "source": "", "declared": nil, "active": nil, "differs": r.Differs,
		}
		if !r.Missing && runtimes.Showable(r.Version) {
			v["active"] = r.Version
		}
		if d := r.Declared; d != nil {
			v["declared"] = runtimes.Sanitize(d.Want)
			v["scope"], v["kind"], v["source"] = d.Scope.String(), d.WantKind.String(), shownSource(d.Source)
		}
		versions = append(versions, v)
	}
	f["runtimes"] = versions
	if a.WantsStatus {
		f["status"] = jsonNumbers(a.Status)
	}
	return f
}

func jsonNumbers(s LoadedStatus) map[string]any {
	f := map[string]any{
		"fresh": s.Fresh, "at": nil, "updates_as_of": nil,
		"installed": jsonNumber(s.Installed), "explicit": jsonNumber(s.Explicit), "orphans": jsonNumber(s.Orphans),
		"updates": jsonNumber(s.Updates), "aur_updates": jsonNumber(s.AURUpdates), "vulnerabilities": jsonNumber(s.Vulnerabilities),
		"aur_findings": map[string]any{"act": jsonNumber(s.AURFindings.Act), "look": jsonNumber(s.AURFindings.Look), "note": jsonNumber(s.AURFindings.Note)},
		"partial":      partialNumbers(s), "degraded": s.Degraded.Names(),
	}
	if s.WasRead {
		f["at"] = s.RefreshedAt.UTC().Format(time.RFC3339)
	}
	if !s.UpdatesAsOf.IsZero() {
		f["updates_as_of"] = s.UpdatesAsOf.UTC().Format(time.RFC3339)
	}
	return f
}

// partialNumbers returns the JSON names of the numbers that may be wrong because a source could not be read.
func partialNumbers(s LoadedStatus) []string {
	names := []string{}
	for _, c := range []namedNumber{
		{"installed", s.Installed},
		{"explicit", s.Explicit},
		{"orphans", s.Orphans},
		{"updates", s.Updates},
		{"aur_updates", s.AURUpdates},
		{"vulnerabilities", s.Vulnerabilities},
		{"aur_findings", s.AURFindings.ToLookAt()},
	} {
		if c.n.Partial {
			names = append(names, c.name)
		}
	}
	return names
}

// jsonNumber returns a number for JSON; nil, which becomes null, if the number is unknown.
func jsonNumber(n statusfile.Number) any {
	if n.Known {
		return n.N
	}
	return nil
}

// shownSource returns the base name of the file that selected the version, or the name of the variable that selected
// the version. The directory of the file is left out, because a directory's name may contain any characters.
func shownSource(source string) string {
	name := path.Base(source)
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "$") {
		return name[:1] + runtimes.Sanitize(name[1:])
	}
	return runtimes.Sanitize(name)
}

func asJSON(a Report) (string, error) {
	b, err := json.Marshal(jsonFields(a))
	if err != nil {
		return "", err
	}
	return string(termtext.AppendSafeJSON(nil, b)) + "\n", nil
}

// waybar prints JSON whose text and tooltip are Pango markup.
func waybar(a Report) (string, error) {
	text := briefText(a)
	if text == "" {
		return "{\"text\":\"\"}\n", nil // waybar reports an empty line as an error
	}
	var classes []string
	if slices.ContainsFunc(a.Runtimes, func(r runtimes.Active) bool { return r.Missing }) {
		classes = append(classes, "missing")
	}
	if slices.ContainsFunc(a.Runtimes, func(r runtimes.Active) bool { return r.Differs }) {
		classes = append(classes, "differs")
	}
	if a.WantsStatus {
		switch s := a.Status; {
		case !s.Fresh:
			classes = append(classes, "stale")
		default:
			for _, c := range shownNumbers(s) {
				if c.n.Known && c.n.N > 0 {
					classes = append(classes, c.name)
				}
			}
			if slices.ContainsFunc(shownNumbers(s), func(c namedNumber) bool { return c.n.Partial }) {
				classes = append(classes, "partial")
			}
		}
	}
	var tip []string
	for _, r := range a.Runtimes {
		one := runtimeLabel(r)
		if d := r.Declared; d != nil {
			one += " (" + shownSource(d.Source) + ")"
		}
		tip = append(tip, one)
	}
	if a.WantsStatus {
		for _, c := range shownNumbers(a.Status) {
			tip = append(tip, c.name+" "+c.n.String())
		}
	}
	b, err := json.Marshal(struct {
		Text    string   `json:"text"`
		Tooltip string   `json:"tooltip"`
		Class   []string `json:"class"`
	}{escapePango(text), escapePango(strings.Join(tip, "\n")), append([]string{}, classes...)})
	if err != nil {
		return "", err
	}
	return string(termtext.AppendSafeJSON(nil, b)) + "\n", nil
}
