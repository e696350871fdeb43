package screens

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// colors matches an SGR sequence.
var colors = regexp.MustCompile("\x1b\\[([0-9;]*)m")

// sgrClasses are the properties of text that SGR parameters change, with the parameters. The first one of each property is its default.
var sgrClasses = [][]string{
	{"22", "1", "2"},
	{"23", "3"},
	{"24", "4"},
	{"25", "5"},
	{"27", "7"},
	{"39", "30", "31", "32", "33", "34", "35", "36", "37", "90", "91", "92", "93", "94", "95", "96", "97"},
	{"49", "40", "41", "42", "43", "44", "45", "46", "47"},
}

// readableColors returns a text with one form of SGR sequences, in which \e stands for the escape character: versions of tmux differ. Each
// sequence has all properties of the text after it that are not the default, and each line ends with the default.
func readableColors(text string) (string, error) {
	var b strings.Builder
	state := make([]string, len(sgrClasses))
	shown := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		for line != "" {
			at := colors.FindStringSubmatchIndex(line)
			part := line
			if at != nil {
				part = line[:at[0]]
			}
			if part != "" {
				if strings.Contains(part, "\x1b") {
					return "", fmt.Errorf("an escape sequence that does not change the colour: %q", part)
				}
				parameters := strings.Join(state, "")
				if parameters != shown {
					b.WriteString(`\e[0` + parameters + "m")
					shown = parameters
				}
				b.WriteString(strings.ReplaceAll(part, `\`, `\\`))
			}
			if at == nil {
				break
			}
			for parameter := range strings.SplitSeq(line[at[2]:at[3]], ";") {
				if err := applySGR(state, parameter); err != nil {
					return "", err
				}
			}
			line = line[at[1]:]
		}
		if shown != "" {
			b.WriteString(`\e[0m`)
			shown = ""
		}
		b.WriteString("\n")
	}
	return b.String(), nil
}

// applySGR changes the state of text by an SGR parameter. The state has, for each class, its parameter after a semicolon, or "" for the
// default.
func applySGR(state []string, parameter string) error {
	if strings.Trim(parameter, "0") == "" {
		clear(state)
		return nil
	}
	for i, class := range sgrClasses {
		for j, p := range class {
			if p != parameter {
				continue
			}
			state[i] = ""
			if j > 0 {
				state[i] = ";" + p
			}
			return nil
		}
	}
	return fmt.Errorf("the SGR parameter %q is not known", parameter)
}

func TestReadableColors(t *testing.T) {
	for text, want := range map[string]string{
		"plain\n":                              "plain\n",
		"\x1b[1m\x1b[32mok\x1b[0m\x1b[39m a\n": `\e[0;1;32mok\e[0m a` + "\n",
		"\x1b[1;32mok\x1b[m a\n":               `\e[0;1;32mok\e[0m a` + "\n",
		"\x1b[1mbold\nstill\x1b[22m not\n":     `\e[0;1mbold\e[0m` + "\n" + `\e[0;1mstill\e[0m not` + "\n",
		"\x1b[31ma\x1b[0;31mb\n\n":             `\e[0;31mab\e[0m` + "\n\n",
		`a\b` + "\n":                           `a\\b` + "\n",
	} {
		got, err := readableColors(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, text := range []string{"\x1b[38;5;1mx\n", "\x1b]0;x\x07\n", "\x1b[2J\n"} {
		_, err := readableColors(text)
		require.Error(t, err, "%q", text)
	}
}
