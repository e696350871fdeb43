// Package shell writes the code that has a shell show omg-probe's answer in its
// prompt. The code runs omg-probe before a prompt if the directory changed, a
// command ran, the status file changed, or some seconds went by, and keeps the
// answer in OMG_PROMPT. A shell expands a prompt once: a prompt that names the
// variable shows what is in it and runs nothing.
package shell

import (
	_ "embed"
	"fmt"
	"strings"
)

var (
	//go:embed omg-probe.bash
	bash string
	//go:embed omg-probe.zsh
	zsh string
	//go:embed omg-probe.fish
	fish string
)

// Code is the code for a shell: command is what it runs, files are those whose
// change has it run again.
func Code(shell string, command, files []string) (string, error) {
	code, quote := "", quotePosix
	switch shell {
	case "bash":
		code = bash
	case "zsh":
		code = zsh
	case "fish":
		code, quote = fish, quoteFish
	default:
		return "", fmt.Errorf("unsupported shell %q: use bash, zsh or fish", shell)
	}
	words := func(all []string) string {
		quoted := make([]string, len(all))
		for i, w := range all {
			quoted[i] = quote(w)
		}
		return strings.Join(quoted, " ")
	}
	return strings.NewReplacer("@COMMAND@", words(command), "@FILES@", words(files)).Replace(code), nil
}

// quotePosix makes any text one word of bash and zsh.
func quotePosix(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// quoteFish makes any text one word of fish, where a backslash in quotes is
// one before a quote or a backslash only.
func quoteFish(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}
