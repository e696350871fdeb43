// Package scriptlet finds out what a package's install scriptlet does that its reader should know: whether it downloads something, runs
// a package manager, runs text that it does not show, enables a service, or writes outside the package. It also reads a PKGBUILD.
//
// A scriptlet is hostile: it is parsed, and never run. Only commands count that bash would run, also in a substitution, in a pipe, after
// sudo, or in a text for "sh -c". Words in comments, messages and here-documents that are only printed do not count. The facts are no
// verdicts, and no facts do not mean that a script is harmless: it can hide what it does, and it runs programs of its package.
package scriptlet

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"mvdan.cc/sh/v3/syntax"

	"github.com/omg-arch/omg/shared/termtext"
)

// Kind is what a part of a script does.
type Kind string

// The kinds of facts.
const (
	// KindDownloads: a network tool runs, such as curl, git clone or nc, or bash opens a socket.
	KindDownloads Kind = "downloads"
	// KindPackageManager: a package manager installs something, such as npm, pip or pacman.
	KindPackageManager Kind = "package-manager"
	// KindEvaluates: text runs that the script does not show, because it is a variable's or is decoded.
	KindEvaluates Kind = "evaluates"
	// KindEnablesService: a service is enabled or started, or a command is scheduled.
	KindEnablesService Kind = "enables-service"
	// KindWritesOutside: a file is written in a home directory or in a directory of the system from which commands are run or
	// permissions are read, and the package does not own the file.
	KindWritesOutside Kind = "writes-outside"
	// KindUnreadable: the script, or a part of it, could not be examined. Other facts may be missing.
	KindUnreadable Kind = "unreadable"
)

// Kinds lists all kinds, in the order in which they are shown.
var Kinds = []Kind{KindDownloads, KindPackageManager, KindEvaluates, KindEnablesService, KindWritesOutside, KindUnreadable}

// Fact is something that a script does.
type Fact struct {
	Kind Kind
	// Line is the number of the line, from 1. It is 0 if the whole script is meant.
	Line int
	// Function is the function that contains the line; empty outside of functions.
	Function string
	// Subject is the command with its subcommand, such as "npm install", the path that is written, or why something is unreadable.
	Subject string
	// Text is the line without spaces around it, at most maxText characters of it. Subject and Text are safe to print.
	Text string
}

// Limits for a script.
const (
	// MaxSize is the maximum size of a script in bytes. The largest scriptlet of the AUR has some 10 KB.
	MaxSize = 256 << 10
	// maxFacts is the maximum number of facts about a script. MaxText is the maximum number of characters of a fact's text.
	maxFacts = 100
	maxText  = 160
	// maxDepth is the maximum depth of the syntax tree, and maxFrames that of the parser's stack, which has several frames per
	// level.
	maxDepth  = 400
	maxFrames = 4000
	// maxScripts is the maximum number of texts that are parsed because a command runs them, such as "sh -c TEXT", and maxNesting
	// how deep they may be nested.
	maxScripts = 200
	maxNesting = 4
	// maxCost limits the time: it is the number of bytes that the values of words may have altogether. A word of a command costs as much
	// as callCost bytes.
	maxCost  = 32 << 20
	callCost = 200
)

// Options configures Examine.
type Options struct {
	// IsOwned reports whether the package owns a path, which is absolute. It may be nil.
	IsOwned func(path string) bool
	// Entries lists the functions that run without being called. Text outside of functions always runs. If it is nil, these are
	// the functions that pacman calls.
	Entries []string
}

// hooks lists the functions that pacman calls: alpm-install-scriptlet(5).
var hooks = []string{"pre_install", "post_install", "pre_upgrade", "post_upgrade", "pre_remove", "post_remove"}

// Report holds the facts about a script.
type Report struct {
	// Facts are sorted by line, and then by kind.
	Facts []Fact
	// Omitted is the number of further facts, which are left out because there are too many.
	Omitted int
}

// Unreadable returns the report about a script that could not be read, for example because it is too large.
func Unreadable(reason string) Report {
	return Report{Facts: []Fact{{Kind: KindUnreadable, Subject: termtext.Clean(reason)}}}
}

// Examine returns the facts about a script for bash. It runs nothing.
func Examine(script []byte, o Options) (report Report) {
	defer func() {
		if recover() != nil { // a mistake in the parser must not end the program
			report = Unreadable("the parser failed")
		}
	}()
	return examine(script, o)
}

func examine(script []byte, o Options) Report {
	switch {
	case len(script) > MaxSize:
		return Unreadable("too large")
	case bytes.IndexByte(script, 0) >= 0:
		return Unreadable("contains bytes that are not text")
	}
	if o.Entries == nil {
		o.Entries = hooks
		if !slices.ContainsFunc(hooks, func(name string) bool { return bytes.Contains(script, []byte(name)) }) {
			return Report{} // pacman runs only a scriptlet that contains the name of the function
		}
	}
	e := &examiner{Options: o, lines: strings.Split(string(script), "\n"), seen: map[Fact]bool{}}
	file, err := parse(string(script))
	if err != nil {
		line := 0
		if failed := (syntax.ParseError{}); errors.As(err, &failed) {
			line = int(failed.Pos.Line())
		}
		e.add(KindUnreadable, line, "", describeParseError(err))
		return e.report()
	}
	e.examineFile(file)
	return e.report()
}

// add adds a fact about a line.
func (e *examiner) add(kind Kind, line int, function, subject string) {
	f := Fact{Kind: kind, Line: line, Function: shorten(function), Subject: shorten(showUnknown(subject))}
	if line > 0 && line <= len(e.lines) {
		f.Text = shorten(strings.Trim(e.lines[line-1], " \t\r"))
	}
	switch {
	case e.seen[f]:
	case len(e.facts) == maxFacts:
		e.omitted++
	default:
		e.seen[f] = true
		e.facts = append(e.facts, f)
	}
}

func (e *examiner) report() Report {
	slices.SortStableFunc(e.facts, func(a, b Fact) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return slices.Index(Kinds, a.Kind) - slices.Index(Kinds, b.Kind)
	})
	return Report{Facts: e.facts, Omitted: e.omitted}
}

// shorten returns at most maxText characters of a text, safe to print.
func shorten(text string) string {
	if len(text) > maxText*utf8.UTFMax {
		text = text[:maxText*utf8.UTFMax]
	}
	runes := []rune(termtext.Clean(text))
	if len(runes) <= maxText {
		return string(runes)
	}
	return string(runes[:maxText-1]) + "…"
}
