// Package posixre matches POSIX extended regular expressions as pacman -Ss does, that is, as glibc's regcomp does with
// REG_EXTENDED, REG_ICASE and REG_NEWLINE in the locale C.UTF-8. It parses an expression, rewrites it in Go's syntax
// and compiles the result with package regexp. That package matches in time linear in the text, so no expression takes
// exponential time.
//
// Behaviour of glibc that may surprise, and that this package shares:
//
//   - Of two repetitions in a row, the second repeats the first: "a+?" means
//     (a+)? and is never lazy. A repetition with nothing before it, or after an
//     anchor, is an error.
//   - "{" always opens a count; "{,3}" is "{0,3}"; ")" without "(" is an
//     ordinary character.
//   - ^ and $ are anchors anywhere in an expression and also match after and
//     before a newline. "." and negated brackets do not match a newline; \W does.
//   - \< \> \b \B \w \W \s \S \` \' have their GNU meaning; a word consists of
//     letters and digits of any script and "_".
//   - Ranges are compared in upper case: [A-z] does not contain "_" and
//     [Z-a] is an error. [:lower:] and [:upper:] are both [:alpha:].
//   - A backslash before any other lower-case ASCII letter, as in \d, matches
//     nothing, because glibc compares this letter with text in upper case.
//
// Differences from glibc:
//
//   - Back-references are refused with [ErrBackReference], because no engine
//     matches them in linear time.
//   - An expression must be UTF-8. A byte of the text that is not UTF-8 is
//     matched as U+FFFD, so "." matches that byte.
//   - Case is ignored by Unicode's simple folding, as in omg's search for plain
//     words: "k" matches U+212A (the Kelvin sign), and "ß" matches its capital.
//     glibc compares characters in upper case: "k" and "ß" do not match these
//     two characters, but "i" matches the dotless "ı".
//   - Ranges, [=x=] and [.x.] may contain characters outside ASCII, which are
//     compared by code point, almost as in glibc's other UTF-8 locales. In
//     glibc's C.UTF-8, such ranges and elements are an error.
//   - A group with a word anchor and a count means the same as the group
//     written several times: (\<|x){2} means (\<|x)(\<|x). In glibc the two
//     differ.
//   - Groups are nested at most 200 deep, and an expression has at most 40,000
//     characters, where "a{3}" counts as three; see [ErrTooLarge].
package posixre

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

var (
	// ErrBackReference is the error for \1 to \9.
	ErrBackReference = errors.New("back-references are not supported")
	// ErrTooLarge is the error for an expression that is longer, deeper or larger than this package accepts.
	ErrTooLarge = errors.New("expression too large")
)

// maxLength is the largest length of an expression, in bytes.
const maxLength = 64 << 10

// Error describes an error in an expression and its position.
type Error struct {
	Expr   string
	Offset int    // the byte offset of the wrong character; -1 if the whole expression is wrong
	Why    string // the reason, such as `unmatched "["`
	cause  error  // ErrBackReference, ErrTooLarge or nil
}

// Error returns the message in one line. It counts characters from 1.
func (e *Error) Error() string {
	text := fmt.Sprintf("regular expression %s: %s", quoteShort(e.Expr, 60), e.Why)
	if e.Offset >= 0 {
		text += fmt.Sprintf(" at character %d", utf8.RuneCountInString(e.Expr[:e.Offset])+1)
	}
	return text
}

func (e *Error) Unwrap() error { return e.cause }

// quoteShort returns s in quotes, cut to maxRunes characters, so that a message stays one readable line.
func quoteShort(s string, maxRunes int) string {
	for i := range s {
		if maxRunes--; maxRunes < 0 {
			return fmt.Sprintf("%q...", s[:i])
		}
	}
	return fmt.Sprintf("%q", s)
}

// wholeExprOffset is the value of Error.Offset if the error concerns the whole expression, not one position.
const wholeExprOffset = -1

// Expr is a compiled expression. It is safe for concurrent use.
type Expr struct {
	expr             string
	requiredLiterals []string
	literal          string // if the expression is only a literal, the literal, case-folded

	// A text matches if re matches and, where markedRE is not nil, markedRE matches the marked text (see mark.go).
	re            *regexp.Regexp // the expression without its word anchors
	singleLineRE  *regexp.Regexp // like re, but faster, and only for text without a newline
	markedRE      *regexp.Regexp // the expression for marked text; nil if the expression has no word anchors
	copiesPerMark int            // how often each mark is repeated in marked text
}

// Compile parses a POSIX extended regular expression. Its error is an *Error.
func Compile(expr string) (*Expr, error) {
	root, err := parse(expr)
	if err != nil {
		return nil, err
	}
	e := &Expr{expr: expr, requiredLiterals: requiredLiterals(root), literal: onlyLiteral(root)}
	if e.re, err = compile(expr, root, targetAnyText); err != nil {
		return nil, err
	}
	e.singleLineRE = e.re
	if root.hasAnchor(lineAnchors) {
		if e.singleLineRE, err = compile(expr, root, targetTextWithoutNewline); err != nil {
			return nil, err
		}
	}
	if root.hasAnchor(wordAnchors) {
		if e.copiesPerMark = countAnchors(root).largest(); e.copiesPerMark > maxMarkCopies {
			return nil, &Error{expr, wholeExprOffset, "too many anchors in a row", ErrTooLarge}
		}
		if e.markedRE, err = compile(expr, root, targetMarkedText); err != nil {
			return nil, err
		}
	}
	return e, nil
}

func compile(expr string, root *node, to targetTextKind) (*regexp.Regexp, error) {
	text, ok := goSyntax(root, to)
	if !ok {
		return nil, &Error{expr, wholeExprOffset, "too many large sets of characters", ErrTooLarge}
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, &Error{expr, wholeExprOffset, "too large or too deeply nested", ErrTooLarge}
	}
	re.Longest()
	return re, nil
}

// String returns the expression as the caller wrote it.
func (e *Expr) String() string { return e.expr }

// MatchString reports whether the expression matches a part of s, ignoring case.
func (e *Expr) MatchString(s string) bool {
	re := e.re
	if strings.IndexByte(s, '\n') < 0 {
		re = e.singleLineRE
	}
	return re.MatchString(s) && (e.markedRE == nil || e.markedRE.Match(addMarks([]byte(s), e.copiesPerMark)))
}

// Match reports whether text matches, as MatchString does for a string.
func (e *Expr) Match(text []byte) bool {
	re := e.re
	if bytes.IndexByte(text, '\n') < 0 {
		re = e.singleLineRE
	}
	return re.Match(text) && (e.markedRE == nil || e.markedRE.Match(addMarks(text, e.copiesPerMark)))
}

// Literal returns a case-folded string, and whether the expression matches exactly the texts that contain this string after
// case folding, as in RequiredLiterals.
func (e *Expr) Literal() (string, bool) { return e.literal, e.literal != "" }

// FindIndex returns the start and end of the leftmost-longest match in text, ignoring case, or nil if there is none.
func (e *Expr) FindIndex(text []byte) []int {
	re := e.re
	if bytes.IndexByte(text, '\n') < 0 {
		re = e.singleLineRE
	}
	if e.markedRE == nil {
		return re.FindIndex(text)
	}
	if !re.Match(text) {
		return nil
	}
	marked := addMarks(text, e.copiesPerMark)
	at := e.markedRE.FindIndex(marked)
	if at != nil {
		at[0], at[1] = toUnmarkedOffset(text, marked, at[0]), toUnmarkedOffset(text, marked, at[1])
	}
	return at
}

// RequiredLiterals returns case-folded strings of at least three bytes; the list may be empty. If the expression matches a
// text, the case-folded text contains all these strings. An index narrows a search with them. Case folding replaces
// each letter by the smallest of the letters that differ from it only in case, and an ASCII letter by its lower case.
func (e *Expr) RequiredLiterals() []string { return e.requiredLiterals }

// Quote returns an expression that matches the characters of text literally.
func Quote(text string) string {
	var b strings.Builder
	for _, r := range text {
		if strings.ContainsRune(`\.[]()*+?{}|^$`, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
