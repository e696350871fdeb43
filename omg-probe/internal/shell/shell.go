// Package shell generates the code with which a shell runs omg-probe.
//
// The code for prompts runs omg-probe before a prompt if the directory changed, a command ran, the status file changed, or
// some seconds have passed, and stores the output in the variable OMG_PROMPT. The code adds only this variable to the
// prompt. A shell shows the content of the variable, but does not run commands in this content, because it expands a
// prompt only once.
//
// The code for missing commands defines the function that a shell calls with a command that it has not found. An
// interactive shell then shows the packages that bring the command.
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

	// The packages of omg install these files, too: scripts/install.sh replaces @COMMAND@.

	//go:embed command-not-found.bash.in
	bashCommandsCode string
	//go:embed command-not-found.zsh.in
	zshCommandsCode string
	//go:embed command-not-found.fish.in
	fishCommandsCode string
)

// PromptCode returns the code for the prompt of a shell: bash, zsh or fish. Before a prompt, the code runs commandLine again if
// the content of one of the statusFiles has changed.
func PromptCode(shell string, commandLine, statusFiles []string) (string, error) {
	return fill(shell, bashCode, zshCode, fishCode, commandLine, statusFiles)
}

// CommandsCode returns the code for missing commands of a shell: bash, zsh or fish. It runs commandLine, and writes the name of
// the missing command to its input.
func CommandsCode(shell string, commandLine []string) (string, error) {
	return fill(shell, bashCommandsCode, zshCommandsCode, fishCommandsCode, commandLine, nil)
}

// fill returns the code for a shell, with the quoted words of a command line and of a list of files.
func fill(shell, bash, zsh, fish string, commandLine, files []string) (string, error) {
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
	return strings.NewReplacer("@COMMAND@", words(commandLine), "@FILES@", words(files)).Replace(code), nil
}

// quotePosix quotes any text as one word of bash and zsh.
func quotePosix(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// quoteFish quotes any text as one word of fish. In fish's quotes, a backslash escapes only a quote or a backslash.
func quoteFish(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}
