package shell

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/need"
)

// TestCode_Quoting checks that each shell reads every quoted word back unchanged, even with blanks and special characters.
func TestCode_Quoting(t *testing.T) {
	words := []string{"a b", "'", `\`, `\'`, "$(touch x)", "`x`", "a\nb", "!!", "*", "~", "", "é"}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		t.Run(shell, func(t *testing.T) {
			path := need.Program(t, shell)
			quote := quotePosix
			if shell == "fish" {
				quote = quoteFish
			}
			line, want := `printf '[%s]'`, ""
			for _, w := range words {
				line += " " + quote(w)
				want += "[" + w + "]"
			}
			cmd := exec.Command(path, "-c", line)
			cmd.Env = []string{"HOME=" + t.TempDir(), "LC_ALL=C.UTF-8", "PATH=/usr/bin:/bin"}
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, string(out))
			require.Equal(t, want, string(out))
		})
	}
}

func TestCode_UnknownShell(t *testing.T) {
	_, err := PromptCode("tcsh", nil, nil)
	require.ErrorContains(t, err, "bash, zsh or fish")
}
