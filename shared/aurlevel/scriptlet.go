package aurlevel

import "github.com/omg-arch/omg/shared/scriptlet"

// The reasons for findings that follow from the install scriptlet of the installed package. They have no events, because they need neither
// the journal nor a dump.
const (
	// ReasonScriptletDownloads: the scriptlet uses the network.
	ReasonScriptletDownloads Reason = "scriptlet-downloads"
	// ReasonScriptletPackageManager: it runs another package manager, or pacman.
	ReasonScriptletPackageManager Reason = "scriptlet-package-manager"
	// ReasonScriptletEvaluates: it runs text that it does not show.
	ReasonScriptletEvaluates Reason = "scriptlet-evaluates"
	// ReasonScriptletUnreadable: it, or a part of it, could not be examined.
	ReasonScriptletUnreadable Reason = "scriptlet-unreadable"
	// ReasonScriptletEnablesService: it enables or starts a service.
	ReasonScriptletEnablesService Reason = "scriptlet-enables-service"
	// ReasonScriptletWritesOutside: it writes a file in a place that matters, which the package does not own.
	ReasonScriptletWritesOutside Reason = "scriptlet-writes-outside"
)

// scriptletRules has the level and the reason of the finding for each kind of fact about a scriptlet.
var scriptletRules = map[scriptlet.Kind]Finding{
	scriptlet.KindDownloads:      {Level: LevelLook, Reason: ReasonScriptletDownloads},
	scriptlet.KindPackageManager: {Level: LevelLook, Reason: ReasonScriptletPackageManager},
	scriptlet.KindEvaluates:      {Level: LevelLook, Reason: ReasonScriptletEvaluates},
	scriptlet.KindUnreadable:     {Level: LevelLook, Reason: ReasonScriptletUnreadable},
	scriptlet.KindEnablesService: {Level: LevelNote, Reason: ReasonScriptletEnablesService},
	scriptlet.KindWritesOutside:  {Level: LevelNote, Reason: ReasonScriptletWritesOutside},
}

// FindScriptlet returns the findings that follow from the facts about a scriptlet, the highest level first: one for each kind. Facts that
// were left out because there are too many are among those that could not be examined.
func FindScriptlet(r scriptlet.Report) (found []Finding) {
	for _, kind := range scriptlet.Kinds {
		f := scriptletRules[kind]
		for _, fact := range r.Facts {
			if fact.Kind == kind {
				f.Scriptlet = append(f.Scriptlet, fact)
			}
		}
		if kind == scriptlet.KindUnreadable && r.Omitted > 0 {
			f.Scriptlet = append(f.Scriptlet, scriptlet.Fact{Kind: kind, Subject: "too many facts"})
		}
		if len(f.Scriptlet) > 0 {
			found = append(found, f)
		}
	}
	Sort(found)
	return found
}
