package manuals

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// help is the --help of a program or of one of its commands.
type help struct {
	name     []string // the names of the program, command and subcommand
	usage    []string // without the name
	about    string   // one line
	text     []string // paragraphs
	flags    []item
	commands []help
	aliases  []string
}

// item is a row of a list.
type item struct{ head, text string }

var (
	heading = regexp.MustCompile(`^[A-Z][A-Za-z ]+:$`)
	gap     = regexp.MustCompile(`\s{2,}`)
	twice   = regexp.MustCompile(` \[ .* \]$`) // the help shows a repeatable flag as --repo NAME [ --repo NAME ]
)

// helpTimeout limits the run time of a program that prints its help.
const helpTimeout = 3 * time.Minute

// ask runs a program and each of its commands with --help.
func ask(bin string, name ...string) (help, error) {
	ctx, cancel := context.WithTimeout(context.Background(), helpTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, filepath.Join(bin, name[0]), append(name[1:len(name):len(name)], "--help")...).Output()
	if err != nil {
		return help{}, fmt.Errorf("%s --help: %w", strings.Join(name, " "), err)
	}
	h, err := parse(string(out), name...)
	if err != nil {
		return h, err
	}
	for i, c := range h.commands {
		aliases := c.aliases
		if h.commands[i], err = ask(bin, append(name[:len(name):len(name)], c.name...)...); err != nil {
			return h, err
		}
		h.commands[i].aliases = aliases
	}
	return h, nil
}

// parse parses a help text. The text consists of headings, which are not indented, and of indented paragraphs or lists below
// each heading. Lines that are indented further continue a list entry.
func parse(text string, name ...string) (help, error) {
	h := help{name: name}
	command := strings.Join(name, " ")
	sections := map[string][]string{}
	title := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if heading.MatchString(line) {
			title = strings.ToUpper(strings.TrimSuffix(line, ":"))
			continue
		}
		sections[title] = append(sections[title], line)
	}
	for _, line := range append(sections["NAME"], sections[""]...) {
		if about, ok := strings.CutPrefix(strings.TrimSpace(line), command+" - "); ok {
			h.about = about
		}
	}
	for _, i := range list(sections["USAGE"]) {
		h.usage = append(h.usage, strings.TrimPrefix(strings.TrimPrefix(i.head, command), " "))
		if i.text != "" {
			h.text = append(h.text, "With "+strings.TrimPrefix(i.head, command+" ")+": "+i.text+".")
		}
	}
	paragraph := ""
	for _, line := range append(sections["DESCRIPTION"], "") {
		if line = strings.TrimSpace(line); line != "" {
			paragraph = strings.TrimSpace(paragraph + " " + line)
			continue
		}
		if paragraph != "" && !strings.HasPrefix(paragraph, "Global options:") {
			h.text = append(h.text, paragraph)
		}
		paragraph = ""
	}
	for _, title := range []string{"OPTIONS", "GLOBAL OPTIONS", "FLAGS"} {
		h.flags = append(h.flags, list(sections[title])...)
	}
	for _, i := range list(sections["COMMANDS"]) {
		names := strings.Split(i.head, ", ")
		if names[0] != "help" {
			h.commands = append(h.commands, help{name: names[:1], aliases: names[1:]})
		}
	}
	if h.about == "" || len(h.usage) == 0 || len(h.flags) == 0 {
		return h, fmt.Errorf("%s --help has no name, usage or flags where they are expected", command)
	}
	return h, nil
}

// list parses a list in a help text. Each row has two columns, with at least two spaces between the columns.
func list(lines []string) (all []item) {
	margin := -1
	for _, line := range lines {
		text := strings.TrimLeft(line, " ")
		indent := len(line) - len(text)
		switch {
		case text == "":
			margin = -1
		case indent == 0: // the list has ended
			return all
		case margin >= 0 && indent > margin+4:
			all[len(all)-1].text += " " + text
		default:
			head, rest := text, ""
			if at := gap.FindStringIndex(text); at != nil {
				head, rest = text[:at[0]], text[at[1]:]
			}
			all = append(all, item{twice.ReplaceAllString(head, ""), rest})
			margin = indent
		}
	}
	return all
}
