package app

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPagerCommand(t *testing.T) {
	command := func(value string, isSet bool) []string {
		cmd := pagerCommand(func(name string) (string, bool) {
			require.Equal(t, "PAGER", name)
			return value, isSet
		})
		if cmd == nil {
			return nil
		}
		return cmd.Args
	}
	require.Nil(t, command("", true))
	require.Nil(t, command("cat", true))
	require.Nil(t, command("/no/such/program", true))
	require.Equal(t, []string{"/bin/sh"}, command("/bin/sh", true))
	require.Equal(t, []string{"/bin/sh", "-c", "less -S | cat"}, command("less -S | cat", true))
}
