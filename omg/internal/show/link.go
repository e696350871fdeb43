package show

import (
	"strings"

	"github.com/omg-arch/omg/shared/termtext"
)

// hasLinks reports whether the terminal is known to support hyperlinks (OSC 8). Terminals have no way to say so; those that do not
// support hyperlinks should ignore them, but some print them.
func hasLinks(getenv func(string) string) bool {
	switch {
	case getenv("TERM") == "dumb" || getenv("TMUX") != "" || getenv("STY") != "": // tmux and screen may run in any terminal
		return false
	case getenv("VTE_VERSION") >= "5000" && len(getenv("VTE_VERSION")) >= 4, getenv("KONSOLE_VERSION") != "", getenv("WT_SESSION") != "":
		return true
	}
	switch getenv("TERM_PROGRAM") {
	case "WezTerm", "ghostty", "vscode", "iTerm.app", "Hyper":
		return true
	}
	switch getenv("TERM") {
	case "xterm-kitty", "xterm-ghostty", "alacritty", "foot", "foot-extra", "contour", "wezterm":
		return true
	}
	return false
}

// printLink prints a text as a link to an address. An address that is not a plain http or https address is printed without a link.
func (p printer) printLink(text, address string) {
	if !p.Links || !isWebAddress(address) {
		p.writeClean(text)
		return
	}
	p.writeRaw("\x1b]8;;" + address + "\x1b\\")
	p.writeClean(text)
	p.writeRaw("\x1b]8;;\x1b\\")
}

// isWebAddress reports whether an address begins with http:// or https://, and has only visible ASCII characters, so that it can be part of
// an escape sequence.
func isWebAddress(address string) bool {
	if !strings.HasPrefix(address, "https://") && !strings.HasPrefix(address, "http://") {
		return false
	}
	return len(address) <= 2000 && !strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r > '~' })
}

// printAddressField prints a field with an address.
func (p printer) printAddressField(name, address string) {
	if !p.Links || !isWebAddress(address) {
		p.printField(name, address)
		return
	}
	p.printFieldLabel(name)
	p.printLink(address, address)
	p.writeRaw("\n")
}

// The codes of a match in the results of a search.
const (
	matchOn  = "\x1b[4m"
	matchOff = "\x1b[24m"
)

// writeMatches prints a text, in which the words of Style.Matches are underlined.
func (p printer) writeMatches(text string) {
	text = termtext.Clean(text)
	if !p.Color || len(p.Matches) == 0 {
		p.writeRaw(text)
		return
	}
	lower := strings.ToLower(text)
	if len(lower) != len(text) { // otherwise, positions in the two texts differ
		p.writeRaw(text)
		return
	}
	for text != "" {
		at, length := -1, 0
		for _, word := range p.Matches {
			if i := strings.Index(lower, word); i >= 0 && (at < 0 || i < at || i == at && len(word) > length) {
				at, length = i, len(word)
			}
		}
		if at < 0 {
			break
		}
		p.writeRaw(text[:at] + matchOn + text[at:at+length] + matchOff)
		text, lower = text[at+length:], lower[at+length:]
	}
	p.writeRaw(text)
}
