package show

import (
	"bufio"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGroups(t *testing.T) {
	groups := []Group{
		{"gnome", []GroupPackage{{Name: "a", Installed: "1"}, {Name: "b"}}},
		{"x\x1b[2J", []GroupPackage{{Name: "a", Installed: "1"}}},
		{"wide名", []GroupPackage{{Name: "b"}, {Name: "c"}}},
	}
	require.Equal(t, "gnome   2 packages, 1 installed\nx\ufffd[2J   1 package, all installed\nwide名  2 packages\n",
		write(func(w *bufio.Writer) { Style{}.PrintGroups(w, groups) }))
}
