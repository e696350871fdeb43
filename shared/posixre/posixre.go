// Package posixre matches POSIX extended regular expressions as pacman -Ss does: as glibc's regcomp reads them with
// REG_EXTENDED, REG_ICASE and REG_NEWLINE in the C.UTF-8 locale. It parses an expression, rewrites it in Go's syntax
// and compiles it with package regexp, which matches in time linear in the text, so no expression takes exponential
// time.
//
// Behaviour of glibc that may surprise, and that this package has too:
//
//   - A repetition after a repetition repeats it: "a+?" is (a+)?, never lazy.
//     One with nothing before it, or after an anchor, is an error.
//   - "{" always opens a count; "{,3}" is "{0,3}"; ")" without "(" is itself.
//   - ^ and $ are anchors wherever they stand and also match around a newline,
//     which neither "." nor a negated bracket matches (\W does).
//   - \< \> \b \B \w \W \s \S \` \' have their GNU meaning; a word consists of
//     letters and digits of any script and "_".
//   - Ranges are compared in upper case: [A-z] holds no "_" and [Z-a] is an
//     error. [:lower:] and [:upper:] are both [:alpha:].
//   - A backslash before any other lower-case ASCII letter (as in \d) makes a
//     character that matches nothing, since text is compared in upper case.
//
// Differences from glibc:
//
//   - Back-references are [ErrBackReference]: no engine has them in linear time.
//   - An expression must be UTF-8. A byte of text that is not is matched as
//     U+FFFD, so "." matches it.
//   - Case is ignored by Unicode's simple folding, as in plain words: "k"
//     matches U+212A (the Kelvin sign) and "ß" its capital. glibc compares
//     upper case: it matches neither of these, but matches "i" and the
//     dotless "ı".
//   - Ranges, [=x=] and [.x.] with characters outside ASCII compare code
//     points, as other UTF-8 locales nearly do; in C.UTF-8 they are an error.
//   - A counted group with a word anchor is the group written out that often;
//     to glibc (\<|x){2} is not (\<|x)(\<|x).
//   - Groups nest at most 200 deep; an expression may stand for at most 40,000
//     characters once its counts are multiplied out; see [ErrTooLarge].
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
	Offset int    // in bytes, of the wrong character; -1: the whole expression
	Why    string // such as "unmatched ["
	kind   error  // a sentinel, or nil
}

// Error returns one line. Characters are counted from 1.
func (e *Error) Error() string {
	text := fmt.Sprintf("regular expression %s: %s", quote(e.Expr, 60), e.Why)
	if e.Offset >= 0 {
		text += fmt.Sprintf(" at character %d", utf8.RuneCountInString(e.Expr[:e.Offset])+1)
	}
	return text
}

func (e *Error) Unwrap() error { return e.kind }

// quote returns at most the first characters of s, so that a message stays one readable line.
func quote(s string, maxRunes int) string {
	for i := range s {
		if maxRunes--; maxRunes < 0 {
			return fmt.Sprintf("%q...", s[:i])
		}
	}
	return fmt.Sprintf("%q", s)
}

// whole is the offset of an error without a position.
const whole = -1

// Expr is a compiled expression. It is safe for concurrent use.
type Expr struct {
	expr     string
	required []string

	// re must match, or line for text without a newline. Both leave out the word anchors; if there are any, marked must
	// match the marked text too.
	re, line, marked *regexp.Regexp
	copies           int // of each mark
}

// Compile parses a POSIX extended regular expression. Its error is an *Error.
func Compile(expr string) (*Expr, error) {
	root, err := parse(expr)
	if err != nil {
		return nil, err
	}
	e := &Expr{expr: expr, required: required(root)}
	if e.re, err = compile(expr, root, anyText); err != nil {
		return nil, err
	}
	e.line = e.re
	if root.has(lineAnchors) {
		if e.line, err = compile(expr, root, oneLine); err != nil {
			return nil, err
		}
	}
	if root.has(wordAnchors) {
		if e.copies = gapsOf(root).largest(); e.copies > maxCopies {
			return nil, &Error{expr, whole, "too many anchors in a row", ErrTooLarge}
		}
		if e.marked, err = compile(expr, root, markedText); err != nil {
			return nil, err
		}
	}
	return e, nil
}

func compile(expr string, root *node, to target) (*regexp.Regexp, error) {
	text, ok := goSyntax(root, to)
	if !ok {
		return nil, &Error{expr, whole, "too many large sets of characters", ErrTooLarge}
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, &Error{expr, whole, "too large or too deeply nested", ErrTooLarge}
	}
	re.Longest()
	return re, nil
}

// String returns the expression as it was written.
func (e *Expr) String() string { return e.expr }

// MatchString reports whether a part of s matches, ignoring case.
func (e *Expr) MatchString(s string) bool {
	re := e.re
	if strings.IndexByte(s, '\n') < 0 {
		re = e.line
	}
	return re.MatchString(s) && (e.marked == nil || e.marked.Match(mark([]byte(s), e.copies)))
}

// FindIndex returns the start and end of the leftmost-longest match in text, ignoring case, or nil.
func (e *Expr) FindIndex(text []byte) []int {
	re := e.re
	if bytes.IndexByte(text, '\n') < 0 {
		re = e.line
	}
	if e.marked == nil {
		return re.FindIndex(text)
	}
	if !re.Match(text) {
		return nil
	}
	marked := mark(text, e.copies)
	at := e.marked.FindIndex(marked)
	if at != nil {
		at[0], at[1] = unmark(text, marked, at[0]), unmark(text, marked, at[1])
	}
	return at
}

// Required returns strings of at least three bytes that occur in every matching text, if both are case-folded: each
// letter is replaced by the smallest of those that differ from it only in case, ASCII letters by their lower case. An
// index narrows a search with them; the list may be empty.
func (e *Expr) Required() []string { return e.required }

// Quote returns an expression that matches exactly text.
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
