package remote

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/wire"
)

// execCall holds the arguments of a call of execOmgDirect. TestExecDirect starts this test program again, and the new process
// calls execOmgDirect with these arguments.
type execCall struct {
	Options backend.Options
	Served  wire.ServedPaths
}

// variable is the environment variable in which TestExecDirect passes an execCall to the new process.
const variable = "OMG_TEST_EXEC"

func TestMain(m *testing.M) {
	if text := os.Getenv(variable); text != "" {
		var b execCall
		err := json.Unmarshal([]byte(text), &b)
		if err == nil {
			err = execOmgDirect(b.Options, b.Served)
		}
		fmt.Println(err)
		os.Exit(3)
	}
	os.Exit(m.Run())
}

// TestExecDirect checks that omg executes the program omg-direct in the directory of omg, with the same arguments as omg.
// Options that name the daemon's databases are inserted before these arguments, unless the arguments name databases.
func TestExecDirect(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	code, err := os.ReadFile(self)
	require.NoError(t, err)
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	omg, direct := filepath.Join(dir, "omg"), filepath.Join(dir, directProgram)
	require.NoError(t, fixture.WriteExecutable(omg, code))
	run := func(b execCall) string {
		b.Options.CommandLine = []string{"omg", "search", "a word"}
		text, err := json.Marshal(struct {
			Options map[string]any
			Served  wire.ServedPaths
		}{map[string]any{"DBPath": b.Options.DBPath, "PacmanConfig": b.Options.PacmanConfig, "LiveSocket": b.Options.LiveSocket, "UnansweredSocket": b.Options.UnansweredSocket, "CommandLine": b.Options.CommandLine}, b.Served})
		require.NoError(t, err)
		cmd := exec.Command(omg)
		cmd.Env = append(os.Environ(), variable+"="+string(text))
		out, _ := cmd.CombinedOutput()
		return string(out)
	}
	require.Equal(t, "omgd does not respond, and omg-direct, which answers without it, cannot run: omg-direct is not installed in "+dir+" or "+filepath.Join(dir, "../lib/omg")+"\n", run(execCall{}))

	require.NoError(t, fixture.WriteExecutable(direct, []byte("#!/bin/sh\nprintf '[%s]' \"$@\"\n")))
	const rest = "[search][a word]"
	require.Equal(t, "[--no-daemon]"+rest, run(execCall{}))
	require.Equal(t, "[--no-daemon][--dbpath][/other/db][--pacman-config][/other/pacman.conf]"+rest, run(execCall{Served: daemonPaths}))
	require.Equal(t, "[--no-daemon][--pacman-config][/other/pacman.conf]"+rest, run(execCall{backend.Options{DBPath: "/db"}, daemonPaths}))
	require.Equal(t, "[--no-daemon][--dbpath][/other/db]"+rest, run(execCall{backend.Options{PacmanConfig: "/conf"}, daemonPaths}))
	require.Equal(t, "[--no-daemon]"+rest, run(execCall{backend.Options{DBPath: "/db", PacmanConfig: "/conf"}, daemonPaths}))

	require.Equal(t, "[--no-daemon][--live-socket][/run/omg.sock]"+rest, run(execCall{Options: backend.Options{LiveSocket: "/run/omg.sock"}}))
	require.Equal(t, "[--no-daemon][--unanswered-socket][/run/omg.sock]"+rest, run(execCall{Options: backend.Options{UnansweredSocket: "/run/omg.sock"}}))

	require.NoError(t, fixture.WriteExecutable(direct, []byte("no program")))
	require.Equal(t, "exec "+direct+": exec format error\n", run(execCall{}))
}
