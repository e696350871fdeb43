package app

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/exit"
)

// TestPull_Arguments checks what pull says about arguments that are neither an address nor a directory.
func TestPull_Arguments(t *testing.T) {
	w := newTestSystem(t)
	require.Equal(t, exit.OK, w.run("keygen", "-W", "-s", w.path("key"), "-p", w.path("key.pub")).code)
	pull := func(mirrors ...string) ended {
		return w.run(append([]string{"pull", "--child", "-p", w.path("key.pub"), "--data-dir", w.path("data")}, mirrors...)...)
	}
	t.Chdir(w.home)
	for _, arg := range []string{"example.org/omg", "localhost:8080", "none"} {
		r := pull(arg)
		require.Equal(t, exit.Failed, r.code, arg)
		require.Equal(t, "omg-index: error: "+arg+": no such directory\nomg-index: hint: an address begins with https:// or http://\n", r.stderr)
	}
	require.Equal(t, exit.Usage, pull("key.pub").code)

	// A disk that is not there does not keep pull from asking the next mirror.
	require.Equal(t, exit.OK, w.run("publish", "-s", w.path("key"), "--out", w.path("out"), "--source", "repository="+w.database("core")).code)
	r := pull(w.path("none"), "out")
	require.Equal(t, exit.OK, r.code, r.stderr)
	require.Contains(t, r.stderr, "warning: "+w.path("none")+": there is no signature")
	require.NoError(t, os.Mkdir(w.path("empty"), 0o755))
	r = pull("empty")
	require.Equal(t, exit.Failed, r.code)
	require.Contains(t, r.stderr, "hint: create the directory with omg-index publish\n")
}
