package manuals

import (
	"fmt"
	"regexp"
	"strings"
)

// programManual returns a program's name, synopsis and description in mdoc(7).
func programManual(h commandHelp) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".Sh NAME\n.Nm %s\n.Nd %s\n.Sh SYNOPSIS\n", h.name[0], escapeRoff(h.about))
	for _, u := range h.usage {
		fmt.Fprintf(&b, ".Nm\n%s\n", escapeRoff(u))
	}
	b.WriteString(".Sh DESCRIPTION\n")
	writeHelpBody(&b, h)
	for _, c := range h.commands {
		writeCommandSections(&b, c)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// writeCommandSections writes the section of a command, followed by the sections of its subcommands.
func writeCommandSections(b *strings.Builder, h commandHelp) {
	name := strings.Join(h.name[1:], " ")
	fmt.Fprintf(b, ".Ss %s\n%s.\n", escapeRoff(strings.Join(append([]string{name}, h.aliases...), ", ")), escapeRoff(capitalize(h.about)))
	for _, u := range h.usage {
		fmt.Fprintf(b, ".Pp\n.Nm\n.Ic %s\n%s\n", name, escapeRoff(u))
	}
	b.WriteString(".Pp\n")
	writeHelpBody(b, h)
	for _, c := range h.commands {
		writeCommandSections(b, c)
	}
}

// writeHelpBody writes the paragraphs and the flags of a help text.
func writeHelpBody(b *strings.Builder, h commandHelp) {
	for i, p := range h.paragraphs {
		if i > 0 {
			b.WriteString(".Pp\n")
		}
		b.WriteString(escapeRoff(p) + "\n")
	}
	b.WriteString(".Bl -tag -width Ds\n")
	for _, f := range h.flags {
		fmt.Fprintf(b, ".It %s\n%s\n", mdocFlagHead(f.term), escapeRoff(f.text))
	}
	b.WriteString(".El\n")
}

// mdocFlagHead returns "--socket PATH, -s PATH" in mdoc's macros.
func mdocFlagHead(head string) string {
	var out []string
	for one := range strings.SplitSeq(head, ", ") {
		name, arg, _ := strings.Cut(one, " ")
		text := "Fl " + strings.ReplaceAll(strings.TrimPrefix(name, "-"), "-", `\-`)
		if arg != "" {
			text += " Ar " + arg
		}
		out = append(out, text)
	}
	return strings.Join(out, " , ")
}

var dashPattern = regexp.MustCompile(`(^|[\s('"=|\[])(--?)([A-Za-z])`)

// escapeRoff escapes text for roff, and puts each sentence on its own line.
func escapeRoff(text string) string {
	text = strings.ReplaceAll(text, `\`, `\e`)
	text = dashPattern.ReplaceAllStringFunc(text, func(s string) string { return strings.ReplaceAll(s, "-", `\-`) })
	text = strings.ReplaceAll(text, ". ", ".\n")
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}

func capitalize(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
