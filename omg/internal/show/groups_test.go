package show

import (
	"bufio"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
)

func TestGroups(t *testing.T) {
	groups := []backend.Group{
		{Name: "gnome", Packages: []backend.GroupPackage{{Name: "a", Installed: "1"}, {Name: "b"}}},
		{Name: "x\x1b[2J", Packages: []backend.GroupPackage{{Name: "a", Installed: "1"}}},
		{Name: "wide名", Packages: []backend.GroupPackage{{Name: "b"}, {Name: "c"}}},
	}
	require.Equal(t, "gnome   2 packages, 1 installed\nx\ufffd[2J   1 package, all installed\nwide名  2 packages\n",
		write(func(w *bufio.Writer) { Style{}.PrintGroups(w, groups) }))
}
