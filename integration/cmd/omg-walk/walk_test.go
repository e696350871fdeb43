package main

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

const recorded = `A comment.

  alice$ omg status
  Updates : 4
  [3]
  root# make install
  wait$ omg health
  alice> omg setup
  = Use the AUR?
  < n\r
  .
  Use the AUR? n

  Nothing was changed.

Another comment.

  alice>> bash
  ? node
  .
`

// fakeSystem answers each command with the same output.
type fakeSystem struct {
	output string
	code   int
	calls  []string
}

func (f *fakeSystem) call(words ...string) { f.calls = append(f.calls, words...) }

func (f *fakeSystem) run(user, command string) (string, int, error) {
	f.call(user, command)
	if user == "root" {
		return "", 0, nil
	}
	return f.output, f.code, nil
}

func (f *fakeSystem) await(user, command string) error { f.call(user, command); return nil }
func (f *fakeSystem) progress(step)                    {}

func (f *fakeSystem) open(user, command string) (terminal, error) {
	f.call(user, command)
	return f, nil
}

func (f *fakeSystem) enter(keys string) error        { f.call(keys); return nil }
func (f *fakeSystem) expectPrompt(text string) error { f.call(text); return nil }

func (f *fakeSystem) expect(text string) error {
	if text == "no" {
		return errors.New("never shown")
	}
	f.call(text)
	return nil
}

func (f *fakeSystem) end() (string, int, error) {
	return "Use the AUR? n\r\n\r\nNothing was changed.\r\n\r\n", 0, nil
}

// TestWalk checks that a walk whose commands print what is recorded gives the record, and that other output gives another text.
func TestWalk(t *testing.T) {
	steps, err := parse(recorded)
	require.NoError(t, err)
	f := &fakeSystem{output: "Updates : 4\n", code: 3}
	got, err := walk(f, steps, newNormalizer("v1"))
	require.NoError(t, err)
	require.Equal(t, recorded, got)
	require.Equal(t, []string{"alice", "omg status", "root", "make install", "alice", "omg health", "alice", "omg setup", "Use the AUR?", "n\r", "alice", "bash", "node"}, f.calls)
	for _, other := range []*fakeSystem{{output: "Updates : 5\n", code: 3}, {output: "Updates : 4\n"}, {code: 3}} {
		got, err = walk(other, steps, newNormalizer("v1"))
		require.NoError(t, err)
		require.NotEqual(t, recorded, got)
	}
	steps, err = parse("  alice> x\n  = no\n  .\n")
	require.NoError(t, err)
	_, err = walk(f, steps, newNormalizer(""))
	require.EqualError(t, err, "line 2: no: never shown")
}

func TestParse_Errors(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "it has no commands",
		"  output\n":                      "it has no commands",
		"  alice> x\n  alice$ y\n":        "line 2: a command on a terminal has not ended",
		"  alice> x\ntext\n":              "line 2: a command on a terminal has not ended",
		"  alice> x\n  < \\q\n  .\n":      "line 2: invalid syntax",
		"  alice$ x\n  alice> y\n  = z\n": "the last command on a terminal has not ended",
	} {
		_, err := parse(text)
		require.EqualError(t, err, want, text)
	}
}

func TestNormalizer(t *testing.T) {
	normalize := newNormalizer("abc123-dirty")
	for text, want := range map[string]string{
		"omg abc123-dirty":                                            "omg VERSION",
		"checked just now, 4 years old":                               "checked SOME TIME ago, SOME YEARS old",
		"ok    libalpm         13.0.2\nok    store":                   "ok    libalpm\nok    store",
		"/a\n/h/.local/share/fish/generated_completions/omg.fish\n/b": "/a\n/b",
		"built 2 minutes ago":                                         "built SOME TIME ago",
		"next request in less than a minute":                          "next request in SOME TIME",
		"next request in 9 minutes":                                   "next request in SOME TIME",
		"once a day, about 10 MB, answers in 3 ms":                    "once a day, about 10 MB, answers in 3 ms",
		"\x1b[1mbold\x1b[0m\r":                                        "bold",
		"is running (process 303, omgd)":                              "is running (process NUMBER, omgd)",
	} {
		require.Equal(t, want, normalize(text))
	}
}
