// Package output prints names for other programs, which take them for nothing else.
package output

import (
	"fmt"
	"strings"

	"github.com/omg-arch/omg/shared/wire"
)

// SafeName returns a name under which pacman and similar programs find a package of a repository or the AUR. It is REPO/NAME for a name
// such as -Rdd, which without the repository would be an option. It reports false if there is no such name.
func SafeName(repo, name string) (safe string, ok bool) {
	switch {
	case wire.IsSafeName(name):
		return name, true
	case wire.IsPossibleName(name) && wire.IsSafeName(repo):
		return repo + "/" + name, true
	}
	return "", false
}

// LeftOutNote returns the text of a note about packages or groups that were not printed, because a program could take their names for an
// option or a command.
func LeftOutNote(noun string, names []string) string {
	const why = " could be taken for something else on a command line: "
	if len(names) == 1 {
		return "left out 1 " + noun + " whose name" + why + QuoteWords(names)
	}
	return fmt.Sprintf("left out %d %ss whose names", len(names), noun) + why + QuoteWords(names)
}

// QuoteWords joins words, shortens the text to fit on a line, and puts it in quotation marks.
func QuoteWords(words []string) string {
	const most = 60
	s := strings.Join(words, " ")
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return `"` + s + `"`
}
