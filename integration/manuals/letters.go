package manuals

import (
	"fmt"
	"slices"
	"strings"
)

// letterPrefix is the start of the commandPath of the operations of pacman, by the kind of their targets.
const letterPrefix = "-"

// noTargets is the kind of the targets of operations whose targets are free text.
const noTargets = "text"

// letterTargets lists the forms of pacman's operations, each with the kind of its targets. The first form that matches applies.
var letterTargets = []struct {
	patterns []string
	kind     string
}{
	{[]string{"-F*l*"}, packageArgKind},
	{[]string{"-Q*o*", "-Q*p*", "-F*", "-U*"}, pathArgs},
	{[]string{"-Q*s*", "-S*s*"}, noTargets},
	{[]string{"-Q*g*", "-S*g*"}, groupArgKind},
	{[]string{"-S*l*"}, repositoryArgKind},
	{[]string{"-S*"}, packageArgKind},
	{[]string{"-Q*", "-R*", "-D*", "-T*"}, installedPackageArgKind},
}

// commonLetters lists operations that a completion offers.
var commonLetters = []flagSpelling{
	{name: "-Q", about: "the installed packages, as pacman prints them"},
	{name: "-Qi", about: "describe installed packages"},
	{name: "-Ql", about: "the files of installed packages"},
	{name: "-Qo", about: "which package has a file"},
	{name: "-Qs", about: "search the installed packages"},
	{name: "-Qe", about: "packages that were installed explicitly"},
	{name: "-Qdt", about: "packages that nothing requires any more"},
	{name: "-Qm", about: "packages that are in no repository"},
	{name: "-Qu", about: "packages with an update"},
	{name: "-Qk", about: "check the files of installed packages"},
	{name: "-Ss", about: "search the repositories"},
	{name: "-Si", about: "describe packages of the repositories"},
	{name: "-Sl", about: "the packages of a repository"},
	{name: "-Sg", about: "the packages of a group"},
	{name: "-F", about: "which packages of the repositories have a file"},
	{name: "-Fl", about: "the files of packages of the repositories"},
	{name: "-Dk", about: "check the local database"},
	{name: "-T", about: "dependencies that are not installed"},
}

// addLetters adds pacman's operations to the places of the program omg.
func addLetters(all []completedCommand) []completedCommand {
	all[0].flags = append(all[0].flags, commonLetters...)
	var kinds []string
	for _, f := range letterTargets {
		if !slices.Contains(kinds, f.kind) {
			kinds = append(kinds, f.kind)
			place := completedCommand{commandPath: letterPrefix + f.kind}
			if f.kind != noTargets {
				place.argKind = f.kind
			}
			all = append(all, place)
		}
	}
	return all
}

// hasLetters reports whether the places contain pacman's operations.
func hasLetters(all []completedCommand) bool {
	return slices.ContainsFunc(all, func(p completedCommand) bool { return strings.HasPrefix(p.commandPath, letterPrefix) })
}

// letterCases returns a statement of bash or zsh that sets the variable command if a word is an operation of pacman. Before the patterns
// of a case stands the text open.
func letterCases(all []completedCommand, open string) string {
	if !hasLetters(all) {
		return ""
	}
	var b strings.Builder
	b.WriteString("\t\tcase \"$command$word\" in\n")
	for _, f := range letterTargets {
		fmt.Fprintf(&b, "\t\t%s%s) command=%s ;;\n", open, strings.Join(f.patterns, "|"), letterPrefix+f.kind)
	}
	b.WriteString("\t\tesac\n")
	return b.String()
}

// fishLetterCases returns the same statement for fish.
func fishLetterCases(all []completedCommand) string {
	if !hasLetters(all) {
		return ""
	}
	var b strings.Builder
	b.WriteString("        switch \"$command$word\"\n")
	for _, f := range letterTargets {
		fmt.Fprintf(&b, "            case '%s'\n                set command %s\n", strings.Join(f.patterns, "' '"), letterPrefix+f.kind)
	}
	b.WriteString("        end\n")
	return b.String()
}
