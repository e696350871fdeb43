package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestApplyReloadable(t *testing.T) {
	c, next := Default(), Default()
	applied, needRestart := c.ApplyReloadable(&next)
	require.Empty(t, applied)
	require.Empty(t, needRestart)
	next.Log.Level, next.Access.Users, next.Limits.MaxConnections = "debug", []string{"a"}, 7
	next.Access.Groups = []string{} // equal to nil
	applied, needRestart = c.ApplyReloadable(&next)
	require.Equal(t, []string{"access.users", "log.level"}, applied)
	require.Equal(t, []string{"limits.max_connections"}, needRestart)
	require.Equal(t, "debug", c.Log.Level)
	require.Equal(t, []string{"a"}, c.Access.Users)
	require.Equal(t, Default().Limits.MaxConnections, c.Limits.MaxConnections)
}
