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

// commandHelp is the --help of a program or of one of its commands.
type commandHelp struct {
	name       []string // the names of the program, command and subcommand
	usage      []string // without the name
	about      string   // one line
	paragraphs []string // paragraphs
	flags      []helpRow
	commands   []commandHelp
	aliases    []string
}

// helpRow is a row of a list.
type helpRow struct{ term, text string }

var (
	headingPattern      = regexp.MustCompile(`^[A-Z][A-Za-z ]+:$`)
	columnGapPattern    = regexp.MustCompile(`\s{2,}`)
	repeatedFlagPattern = regexp.MustCompile(` \[ .* \]$`) // the help shows a repeatable flag as --repo NAME [ --repo NAME ]
)

// helpTimeout limits the run time of a program that prints its help.
const helpTimeout = 3 * time.Minute

// readHelp runs a program and each of its commands with --help.
func readHelp(bin string, name ...string) (commandHelp, error) {
	ctx, cancel := context.WithTimeout(context.Background(), helpTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, filepath.Join(bin, name[0]), append(name[1:len(name):len(name)], "--help")...).Output()
	if err != nil {
		return commandHelp{}, fmt.Errorf("%s --help: %w", strings.Join(name, " "), err)
	}
	h, err := parseHelp(string(out), name...)
	if err != nil {
		return h, err
	}
	for i, c := range h.commands {
		aliases := c.aliases
		if h.commands[i], err = readHelp(bin, append(name[:len(name):len(name)], c.name...)...); err != nil {
			return h, err
		}
		h.commands[i].aliases = aliases
	}
	return h, nil
}

// parseHelp parses a help text. The text consists of headings, which are not indented, and of indented paragraphs or lists below
// each heading. Lines that are indented further continue a list entry.
func parseHelp(text string, name ...string) (commandHelp, error) {
	h := commandHelp{name: name}
	command := strings.Join(name, " ")
	sections := map[string][]string{}
	title := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if headingPattern.MatchString(line) {
			title = strings.ToUpper(strings.TrimSuffix(line, ":"))
			continue
		}
		sections[title] = append(sections[title], line)
	}
	nameLine := strings.Join(strings.Fields(strings.Join(sections["NAME"], " ")), " ") // the help wraps long lines
	for _, line := range append(sections[""], nameLine) {
		if about, ok := strings.CutPrefix(strings.TrimSpace(line), command+" - "); ok {
			h.about = about
		}
	}
	for _, i := range parseList(sections["USAGE"]) {
		h.usage = append(h.usage, strings.TrimPrefix(strings.TrimPrefix(i.term, command), " "))
		if i.text != "" {
			h.paragraphs = append(h.paragraphs, "With "+strings.TrimPrefix(i.term, command+" ")+": "+i.text+".")
		}
	}
	paragraph := ""
	for _, line := range append(sections["DESCRIPTION"], "") {
		if line = strings.TrimSpace(line); line != "" {
			paragraph = strings.TrimSpace(paragraph + " " + line)
			continue
		}
		if paragraph != "" && !strings.HasPrefix(paragraph, "Global options:") {
			h.paragraphs = append(h.paragraphs, paragraph)
		}
		paragraph = ""
	}
	for _, title := range []string{"OPTIONS", "GLOBAL OPTIONS", "FLAGS"} {
		h.flags = append(h.flags, parseList(sections[title])...)
	}
	for _, i := range parseList(sections["COMMANDS"]) {
		names := strings.Split(i.term, ", ")
		isGroup := strings.HasSuffix(i.term, ":")
		if names[0] != "help" && !isGroup {
			h.commands = append(h.commands, commandHelp{name: names[:1], aliases: names[1:]})
		}
	}
	if h.about == "" || len(h.usage) == 0 || len(h.flags) == 0 {
		return h, fmt.Errorf("%s --help has no name, usage or flags where they are expected", command)
	}
	return h, nil
}

// parseList parses a list in a help text. Each row has two columns, with at least two spaces between the columns.
func parseList(lines []string) (all []helpRow) {
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
			all[len(all)-1].text = strings.TrimSpace(all[len(all)-1].text + " " + text)
		default:
			head, rest := text, ""
			if at := columnGapPattern.FindStringIndex(text); at != nil {
				head, rest = text[:at[0]], text[at[1]:]
			}
			all = append(all, helpRow{repeatedFlagPattern.ReplaceAllString(head, ""), rest})
			margin = indent
		}
	}
	return all
}
