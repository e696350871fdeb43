package manuals

import (
	"fmt"
	"regexp"
	"strings"
)

// manual returns a program's name, synopsis and description in mdoc(7).
func manual(h help) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".Sh NAME\n.Nm %s\n.Nd %s\n.Sh SYNOPSIS\n", h.name[0], roff(h.about))
	for _, u := range h.usage {
		fmt.Fprintf(&b, ".Nm\n%s\n", roff(u))
	}
	b.WriteString(".Sh DESCRIPTION\n")
	body(&b, h)
	for _, c := range h.commands {
		commands(&b, c)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// commands writes the section of a command, followed by the sections of its subcommands.
func commands(b *strings.Builder, h help) {
	name := strings.Join(h.name[1:], " ")
	fmt.Fprintf(b, ".Ss %s\n%s.\n", roff(strings.Join(append([]string{name}, h.aliases...), ", ")), roff(capital(h.about)))
	for _, u := range h.usage {
		fmt.Fprintf(b, ".Pp\n.Nm\n.Ic %s\n%s\n", name, roff(u))
	}
	b.WriteString(".Pp\n")
	body(b, h)
	for _, c := range h.commands {
		commands(b, c)
	}
}

// body writes the paragraphs and the flags of a help text.
func body(b *strings.Builder, h help) {
	for i, p := range h.text {
		if i > 0 {
			b.WriteString(".Pp\n")
		}
		b.WriteString(roff(p) + "\n")
	}
	b.WriteString(".Bl -tag -width Ds\n")
	for _, f := range h.flags {
		fmt.Fprintf(b, ".It %s\n%s\n", flagHead(f.head), roff(f.text))
	}
	b.WriteString(".El\n")
}

// flagHead returns "--socket PATH, -s PATH" in mdoc's macros.
func flagHead(head string) string {
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

var dash = regexp.MustCompile(`(^|[\s('"=|\[])(--?)([A-Za-z])`)

// roff escapes text for roff, and puts each sentence on its own line.
func roff(text string) string {
	text = strings.ReplaceAll(text, `\`, `\e`)
	text = dash.ReplaceAllStringFunc(text, func(s string) string { return strings.ReplaceAll(s, "-", `\-`) })
	text = strings.ReplaceAll(text, ". ", ".\n")
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
