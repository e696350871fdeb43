package pacman

import (
	"bytes"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/omg-arch/omg/omg/internal/letters"
	"github.com/omg-arch/omg/shared/command"
)

// maxTargetBytes limits the size of a list of targets on standard input.
const maxTargetBytes = 64 << 20

// ReadTargets reads targets from standard input if one of the targets is "-", and adds them to the other targets, like pacman. It
// reports whether it succeeded.
func ReadTargets(l *letters.Line, stdin *os.File, reportError func(string)) bool {
	at := slices.Index(l.Targets, "-")
	if at < 0 {
		return true
	}
	if stdin == nil || command.IsTerminal(stdin) {
		reportError("argument '-' specified without input on stdin")
		return false
	}
	text, err := io.ReadAll(io.LimitReader(stdin, maxTargetBytes+1))
	switch {
	case err != nil:
		reportError("failed to read arguments from stdin: " + err.Error())
		return false
	case len(text) > maxTargetBytes:
		reportError("the list of arguments on stdin is larger than 64 MiB")
		return false
	}
	l.Targets = slices.Delete(slices.Clone(l.Targets), at, at+1)
	found := false
	for line := range bytes.SplitSeq(text, []byte("\n")) {
		name, _, _ := strings.Cut(string(line), "\x00") // a zero byte ends a string in C
		if name != "" {
			l.Targets = append(l.Targets, name)
			found = true
		}
	}
	if !found {
		reportError("argument '-' specified with empty stdin")
	}
	return found
}
