package manuals

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/runtimes"
)

// The kinds of arguments that a command accepts.
const (
	packageArgKind          = "packages"  // names of the repositories' packages
	installedPackageArgKind = "installed" // names of installed packages
	knownPackageArgKind     = "known"     // names of installed packages, and of those of the repositories without the AUR
	groupArgKind            = "groups"    // names of groups
	repositoryArgKind       = "repositories"
	settingArgs             = "settings" // names of settings, such as cache.ttl
	pathArgs                = "paths"    // files and directories
)

// argKindByCommand maps each command to the kind of its arguments, or to a list of the words that it accepts. Commands that
// are not in the map accept any text, or no argument.
var argKindByCommand = map[string]string{
	"omg info": packageArgKind, "omg why": installedPackageArgKind, "omg tree": installedPackageArgKind, "omg size": installedPackageArgKind, "omg check": installedPackageArgKind, "omg history": installedPackageArgKind, "omg files": knownPackageArgKind, "omg security": installedPackageArgKind, "omg config": settingArgs, "omg owns": pathArgs,
	"omg which": runtimeArgs, "omg use": runtimeArgs, "omg runtime list": runtimeArgs, "omg runtime which": runtimeArgs, "omg runtime use": runtimeArgs,
	"omg groups": groupArgKind, "omg list": repositoryArgKind,
	"omg-probe":     runtimeArgs + " all ec tc oc uc command init",
	"omg-fleet has": knownPackageArgKind, "omg-fleet outdated": knownPackageArgKind, "omg-fleet key": pathArgs,
	"omg-index info": pathArgs, "omg-index verify": pathArgs, "omg-index dump": pathArgs,
}

// runtimeArgs are the names of the runtimes, separated by spaces.
var runtimeArgs = strings.Join(runtimes.Names(), " ")

// listingCommandByKind maps a kind of arguments to the shell command that prints all arguments of this kind. Package names may come
// from a hostile repository, and a completion inserts them into a command line. Therefore only harmless names are
// offered.
var listingCommandByKind = map[string]string{
	packageArgKind:          `omg search -q -n --offline --limit 0 -- "$1" 2>/dev/null | ` + harmlessNameGrep,
	installedPackageArgKind: `omg installed -q 2>/dev/null | ` + harmlessNameGrep,
	knownPackageArgKind:     `omg installed -q 2>/dev/null | ` + harmlessNameGrep + `; omg search -q -n --no-aur --limit 0 -- "$1" 2>/dev/null | ` + harmlessNameGrep,
	groupArgKind:            `omg groups -q 2>/dev/null | ` + harmlessNameGrep,
	repositoryArgKind:       `omg status --format '{{range .sources}}{{if eq .kind "repository"}}{{println .name}}{{end}}{{end}}' 2>/dev/null | ` + harmlessNameGrep,
	settingArgs:             `omg config -q 2>/dev/null | ` + harmlessNameGrep,
}

const harmlessNameGrep = `LC_ALL=C grep -x '[A-Za-z0-9][A-Za-z0-9@._+:-]*'`

// completedCommand is a program or one of its commands, with the words that may follow it.
type completedCommand struct {
	commandPath string // " cache clear"
	subcommands []helpRow
	flags       []flagSpelling
	argKind     string
}

// flagSpelling is one spelling of a flag, such as -h or --help.
type flagSpelling struct {
	name, about           string
	takesValue, takesPath bool // whether the flag needs a value, and whether the value is a path
}

// completedCommands returns the places of a program: the program itself, and each of its commands.
func completedCommands(h commandHelp) (all []completedCommand) {
	p := completedCommand{argKind: argKindByCommand[strings.Join(h.name, " ")]}
	for _, word := range h.name[1:] {
		p.commandPath += " " + word
	}
	for _, f := range h.flags {
		for one := range strings.SplitSeq(f.term, ", ") {
			name, value, _ := strings.Cut(one, " ")
			p.flags = append(p.flags, flagSpelling{name, shortenDescription(f.text), value != "", value == "FILE" || value == "DIR" || value == "PATH"})
		}
	}
	for _, c := range h.commands {
		p.subcommands = append(p.subcommands, helpRow{c.name[len(c.name)-1], shortenDescription(c.about)})
	}
	all = append(all, p)
	for _, c := range h.commands {
		all = append(all, completedCommands(c)...)
	}
	return all
}

var remarkPattern = regexp.MustCompile(`\s*\(.*\)`)

// shortenDescription shortens a description for a list of choices.
func shortenDescription(about string) string {
	about, _, _ = strings.Cut(remarkPattern.ReplaceAllString(about, ""), ". ")
	return about
}

// quote quotes a text as one word of a shell.
func quote(s string) string { return `'` + strings.ReplaceAll(s, `'`, `'\''`) + `'` }

// commandCasePatterns lists the commands as patterns: ' cache'|' cache clear'.
func commandCasePatterns(all []completedCommand) string {
	var patterns []string
	for _, p := range all[1:] {
		if !strings.HasPrefix(p.commandPath, letterPrefix) {
			patterns = append(patterns, quote(p.commandPath))
		}
	}
	return strings.Join(patterns, "|")
}

// valueFlags lists the flags that need a value. If wantPaths is true, it lists only the flags whose value is a path,
// otherwise only the flags whose value is not a path. It omits a flag if any command has the same flag without a value.
func valueFlags(all []completedCommand, wantPaths bool) string {
	var flags []string
	plain := map[string]bool{}
	for _, p := range all {
		for _, f := range p.flags {
			plain[f.name] = plain[f.name] || !f.takesValue
		}
	}
	for _, p := range all {
		for _, f := range p.flags {
			if f.takesValue && f.takesPath == wantPaths && !plain[f.name] && !slices.Contains(flags, f.name) {
				flags = append(flags, f.name)
			}
		}
	}
	return strings.Join(flags, "|")
}

// usedArgKinds returns the kinds of arguments that the commands of a program accept.
func usedArgKinds(all []completedCommand) (names []string) {
	for _, kind := range []string{packageArgKind, installedPackageArgKind, knownPackageArgKind, groupArgKind, repositoryArgKind, settingArgs} {
		if slices.ContainsFunc(all, func(p completedCommand) bool { return p.argKind == kind }) {
			names = append(names, kind)
		}
	}
	return names
}

// completionHeader returns the first line of a completion, without the shell's name.
func completionHeader(program string) string {
	return "completion for " + program + ". Generated from --help by make docs: change the help instead.\n"
}

// bashCompletion returns the completion for bash.
func bashCompletion(program string, all []completedCommand) string {
	var b strings.Builder
	function := "_" + strings.ReplaceAll(program, "-", "_")
	fmt.Fprintf(&b, "# bash %s\n", completionHeader(program))
	for _, kind := range usedArgKinds(all) {
		fmt.Fprintf(&b, "%s_%s() { %s; }\n", function, kind, listingCommandByKind[kind])
	}
	fmt.Fprintf(&b, "%s() {\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command='' word words='' more=''\n\tCOMPREPLY=()\n", function)
	b.WriteString("\tcase $prev in\n")
	if files := valueFlags(all, true); files != "" {
		fmt.Fprintf(&b, "\t%s) mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") && compopt -o filenames && return ;;\n", files)
	}
	if values := valueFlags(all, false); values != "" {
		fmt.Fprintf(&b, "\t%s) return ;;\n", values)
	}
	b.WriteString("\tesac\n")
	if len(all) > 1 {
		fmt.Fprintf(&b, "\tfor word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n%s\t\tcase \"$command $word\" in\n\t\t%s) command+=\" $word\" ;;\n\t\tesac\n\tdone\n", letterCases(all, ""), commandCasePatterns(all))
	}
	b.WriteString("\tcase $command in\n")
	for _, p := range all {
		var words []string
		for _, c := range p.subcommands {
			words = append(words, c.term)
		}
		for _, f := range p.flags {
			words = append(words, f.name)
		}
		more := p.argKind
		if listingCommandByKind[more] == "" && more != pathArgs {
			words, more = append(strings.Fields(more), words...), ""
		}
		fmt.Fprintf(&b, "\t%s)\n\t\twords=%s\n", quote(p.commandPath), quote(strings.Join(words, " ")))
		if more != "" {
			fmt.Fprintf(&b, "\t\tmore=%s\n", more)
		}
		b.WriteString("\t\t;;\n")
	}
	b.WriteString("\tesac\n\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n\t[[ $cur == -* ]] && return\n\tcase $more in\n")
	fmt.Fprintf(&b, "\t%s) mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") && compopt -o filenames ;;\n", pathArgs)
	if k := usedArgKinds(all); len(k) > 0 {
		fmt.Fprintf(&b, "\t%s)\n\t\twhile IFS= read -r word; do\n\t\t\t[[ $word == \"$cur\"* ]] && COMPREPLY+=(\"$word\")\n\t\tdone < <(%s_\"$more\" \"$cur\")\n\t\t;;\n", strings.Join(k, "|"), function)
	}
	fmt.Fprintf(&b, "\tesac\n}\ncomplete -F %s %s\n", function, program)
	return b.String()
}

// zshCompletion returns the completion for zsh, in whose descriptions colons are escaped.
func zshCompletion(program string, all []completedCommand) string {
	var b strings.Builder
	function := "_" + program
	fmt.Fprintf(&b, "#compdef %s\n# zsh %s\n", program, completionHeader(program))
	for _, kind := range usedArgKinds(all) {
		fmt.Fprintf(&b, "%s_%s() { %s }\n", function, kind, listingCommandByKind[kind])
	}
	fmt.Fprintf(&b, "%s() {\n\tlocal command='' word more=''\n\tlocal -a commands flags plain\n", function)
	b.WriteString("\tcase $words[CURRENT-1] in\n")
	if files := valueFlags(all, true); files != "" {
		fmt.Fprintf(&b, "\t(%s) _files; return ;;\n", files)
	}
	if values := valueFlags(all, false); values != "" {
		fmt.Fprintf(&b, "\t(%s) _message value; return ;;\n", values)
	}
	b.WriteString("\tesac\n")
	if len(all) > 1 {
		fmt.Fprintf(&b, "\tfor word in $words[2,CURRENT-1]; do\n%s\t\tcase \"$command $word\" in\n\t\t(%s) command+=\" $word\" ;;\n\t\tesac\n\tdone\n", letterCases(all, "("), commandCasePatterns(all))
	}
	b.WriteString("\tcase $command in\n")
	for _, p := range all {
		fmt.Fprintf(&b, "\t(%s)\n", quote(p.commandPath))
		if len(p.subcommands) > 0 {
			b.WriteString("\t\tcommands=(\n")
			for _, c := range p.subcommands {
				fmt.Fprintf(&b, "\t\t\t%s\n", quote(c.term+":"+strings.ReplaceAll(c.text, ":", `\:`)))
			}
			b.WriteString("\t\t)\n")
		}
		b.WriteString("\t\tflags=(\n")
		for _, f := range p.flags {
			fmt.Fprintf(&b, "\t\t\t%s\n", quote(f.name+":"+strings.ReplaceAll(f.about, ":", `\:`)))
		}
		b.WriteString("\t\t)\n")
		if listingCommandByKind[p.argKind] != "" || p.argKind == pathArgs {
			fmt.Fprintf(&b, "\t\tmore=%s\n", p.argKind)
		} else if p.argKind != "" {
			fmt.Fprintf(&b, "\t\tplain=(%s)\n", p.argKind)
		}
		b.WriteString("\t\t;;\n")
	}
	b.WriteString("\tesac\n\tif [[ $PREFIX == -* ]]; then\n\t\t_describe -o flag flags\n\t\treturn\n\tfi\n\tcase $more in\n")
	fmt.Fprintf(&b, "\t(%s) _files ;;\n", pathArgs)
	if k := usedArgKinds(all); len(k) > 0 {
		fmt.Fprintf(&b, "\t(%s) plain=(${(f)\"$(%s_$more $PREFIX)\"}) ;;\n", strings.Join(k, "|"), function)
	}
	fmt.Fprintf(&b, "\tesac\n\t((${#commands})) && _describe command commands\n\t((${#plain})) && compadd -a plain\n}\n%s \"$@\"\n", function)
	return b.String()
}

// fishCompletion returns the completion for fish.
func fishCompletion(program string, all []completedCommand) string {
	var b strings.Builder
	function := "__" + strings.ReplaceAll(program, "-", "_")
	fmt.Fprintf(&b, "# fish %s\n", completionHeader(program))
	for _, kind := range usedArgKinds(all) {
		fmt.Fprintf(&b, "function %s_%s\n    %s\nend\n", function, kind, strings.ReplaceAll(listingCommandByKind[kind], `"$1"`, "(commandline -ct)"))
	}
	fmt.Fprintf(&b, "function %s_at -a place\n    set -l command ''\n", function)
	if len(all) > 1 {
		fmt.Fprintf(&b, "    for word in (commandline -opc)[2..-1]\n%s        switch \"$command $word\"\n            case %s\n                set command \"$command $word\"\n        end\n    end\n",
			fishLetterCases(all), strings.ReplaceAll(commandCasePatterns(all), "|", " "))
	}
	fmt.Fprintf(&b, "    test \"$command\" = \"$place\"\nend\ncomplete -c %s -f\n", program)
	for _, p := range all {
		at := fmt.Sprintf("complete -c %s -n '%s_at \"%s\"'", program, function, p.commandPath)
		for _, c := range p.subcommands {
			fmt.Fprintf(&b, "%s -a %s -d %s\n", at, c.term, fishQuote(c.text))
		}
		for _, f := range p.flags {
			name, kind := strings.CutPrefix(f.name, "--")
			how := "-l " + name
			if !kind {
				how = "-s " + strings.TrimPrefix(name, "-")
				if len(name) > 2 { // several letters after one dash
					how = "-o " + strings.TrimPrefix(name, "-")
				}
			}
			switch {
			case f.takesPath:
				how += " -r -F"
			case f.takesValue:
				how += " -x"
			}
			fmt.Fprintf(&b, "%s %s -d %s\n", at, how, fishQuote(f.about))
		}
		switch {
		case p.argKind == pathArgs:
			fmt.Fprintf(&b, "%s -F\n", at)
		case listingCommandByKind[p.argKind] != "":
			fmt.Fprintf(&b, "%s -a '(%s_%s)'\n", at, function, p.argKind)
		case p.argKind != "":
			fmt.Fprintf(&b, "%s -a %s\n", at, quote(p.argKind))
		}
	}
	return b.String()
}

// fishQuote quotes a text as one word of fish.
func fishQuote(s string) string {
	return `'` + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + `'`
}
