// Package shell generates the code with which a shell shows omg-probe's output in its prompt. The code runs omg-probe
// before a prompt if the directory changed, a command ran, the status file changed, or some seconds have passed, and
// stores the output in the variable OMG_PROMPT. The code adds only this variable to the prompt. A shell shows the
// content of the variable, but does not run commands in this content, because it expands a prompt only once.
package shell

import (
	_ "embed"
	"fmt"
	"strings"
)

var (
	//go:embed omg-probe.bash
	bashCode string
	//go:embed omg-probe.zsh
	zshCode string
	//go:embed omg-probe.fish
	fishCode string
)

// PromptCode returns the code for a shell: bash, zsh or fish. Before a prompt, the code runs commandLine again if the content
// of one of the statusFiles has changed.
func PromptCode(shell string, commandLine, statusFiles []string) (string, error) {
	code, quote := "", quotePosix
	switch shell {
	case "bash":
		code = bashCode
	case "zsh":
		code = zshCode
	case "fish":
		code, quote = fishCode, quoteFish
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
	return strings.NewReplacer("@COMMAND@", words(commandLine), "@FILES@", words(statusFiles)).Replace(code), nil
}

// quotePosix quotes any text as one word of bash and zsh.
func quotePosix(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// quoteFish quotes any text as one word of fish. In fish's quotes, a backslash escapes only a quote or a backslash.
func quoteFish(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}
