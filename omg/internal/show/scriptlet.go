package show

import (
	"fmt"
	"strings"

	"github.com/omg-arch/omg/omg/internal/backend"
)

// scriptletTexts says in words what the scriptlet of a package does, by the reason of the finding.
var scriptletTexts = map[string]string{
	"scriptlet-downloads":       "uses the network",
	"scriptlet-package-manager": "runs a package manager",
	"scriptlet-evaluates":       "runs text that it does not show",
	"scriptlet-unreadable":      "could not be examined completely",
	"scriptlet-enables-service": "enables or starts a service",
	"scriptlet-writes-outside":  "writes a file that is not the package's",
}

// maxScriptletLines is the number of lines of a scriptlet that are printed for a finding.
const maxScriptletLines = 5

// printScriptlet prints the lines of a scriptlet from which a finding follows.
func (p printer) printScriptlet(facts []backend.ScriptletFact) {
	for i := range facts {
		if i == maxScriptletLines {
			p.writeRaw(fmt.Sprintf("        and %d more (omg aur check --json lists them)\n", len(facts)-i))
			return
		}
		f := &facts[i]
		text := f.Subject
		if f.Line > 0 {
			text = fmt.Sprintf("line %d", f.Line)
			if f.Function != "" {
				text += " in " + f.Function
			}
			text += ", " + f.Subject + ": " + f.Text
		}
		p.writeRaw("        ")
		p.writeClean(text)
		p.writeRaw("\n")
	}
}

// printEvidence prints what pacman recorded about an installed package, as far as it is known.
func (p printer) printEvidence(e *backend.InstallEvidence) {
	if e == nil {
		return
	}
	var known []string
	if e.Built != nil {
		known = append(known, "built "+e.Built.Local().Format(zonedMinuteFormat))
	}
	if e.Packager != "" {
		known = append(known, "packager "+quoteValue(&e.Packager))
	}
	if e.InstalledAt != nil {
		known = append(known, "installed "+e.InstalledAt.Local().Format(zonedMinuteFormat))
	}
	if len(e.Validation) > 0 {
		known = append(known, "validated by "+strings.Join(e.Validation, " and "))
	}
	if len(known) > 0 {
		p.writeRaw("    ")
		p.wrapWords(strings.Join(known, ", "), 4, 8)
		p.writeRaw("\n")
	}
}
