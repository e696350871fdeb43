package adapters

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
	lua "github.com/yuin/gopher-lua"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
)

// adapters installs the adapters and a program omg, which writes its arguments to a file and ends with the exit codes in CHECK and DIFF.
// It returns the directory of the adapters and the file.
func adapters(t *testing.T) (dir, arguments string) {
	t.Helper()
	dir = t.TempDir()
	arguments = filepath.Join(dir, "arguments")
	source := filepath.Join(harness.ProjectRoot(t), "packaging/helpers")
	for _, name := range harness.ListDir(t, source) {
		text := strings.NewReplacer("@BINDIR@", dir, "@SHAREDIR@", dir).Replace(string(harness.ReadFile(t, filepath.Join(source, name))))
		harness.WriteFile(t, filepath.Join(dir, strings.TrimSuffix(name, ".in")), text)
	}
	harness.WriteProgram(t, filepath.Join(dir, "omg"), []byte(`#!/bin/sh
printf '[%s]' "$@" >>`+arguments+`; echo >>`+arguments+`
echo "facts of $2"
case $2 in check) exit $CHECK ;; diff) exit $DIFF ;; esac
`))
	return dir, arguments
}

// run runs a command with a terminal on which the answer is typed, or without any terminal if the answer is "none".
func run(t *testing.T, cmd *exec.Cmd, answer string) (output string, code int) {
	t.Helper()
	if answer == "none" {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		out, err := cmd.CombinedOutput()
		return string(out), exitCode(t, err)
	}
	terminal, err := pty.Start(cmd)
	require.NoError(t, err)
	defer terminal.Close()
	_, err = io.WriteString(terminal, answer)
	require.NoError(t, err)
	out, _ := io.ReadAll(terminal) // a terminal whose last process has ended returns EIO
	return string(out), exitCode(t, cmd.Wait())
}

func exitCode(t *testing.T, err error) int {
	t.Helper()
	if ended := new(exec.ExitError); errors.As(err, &ended) {
		return ended.ExitCode()
	}
	require.NoError(t, err)
	return 0
}

// hostileBase is the name of a package base that a shell would run, if it were a part of a command.
const hostileBase = "-x; touch executed $(touch executed) '\"`touch executed`"

// TestBeforeBuild checks the decision for each result of omg, in several shells.
func TestBeforeBuild(t *testing.T) {
	for _, shell := range []string{"sh", "dash", "bash"} {
		path := need.Program(t, shell)
		for _, c := range []struct {
			check, diff  int
			answer, mode string
			wantCode     int
			asks         bool
			warning      string
		}{
			{1, 1, "", "", 0, false, ""},
			{0, 1, "y\n", "", 0, true, ""},
			{1, 0, "Yes\n", "", 0, true, ""},
			{1, 0, "n\n", "", 1, true, ""},
			{1, 0, "\n", "", 1, true, ""},
			{1, 0, "\x04", "", 1, true, ""},
			{4, 1, "n\n", "", 1, true, "the check is incomplete"},
			{3, 1, "y\n", "", 0, true, "omg aur check failed with the exit code 3"},
			{1, 3, "n\n", "", 1, true, "omg aur diff failed with the exit code 3"},
			{127, 127, "n\n", "", 1, true, "omg aur check failed with the exit code 127"},
			{1, 0, "none", "", 1, false, "there is no terminal to ask"},
			{1, 1, "none", "", 0, false, ""},
			{1, 0, "none", "show", 0, false, ""},
		} {
			t.Run(fmt.Sprintf("%s %d %d %q", shell, c.check, c.diff, c.answer), func(t *testing.T) {
				dir, arguments := adapters(t)
				cmd := exec.Command(path, filepath.Join(dir, "before-build"))
				cmd.Dir = dir
				cmd.Env = append(os.Environ(), "PKGBASE="+hostileBase, fmt.Sprint("CHECK=", c.check), fmt.Sprint("DIFF=", c.diff), "OMG_BEFORE_BUILD="+c.mode)
				output, code := run(t, cmd, c.answer)
				require.Equal(t, c.wantCode, code, output)
				require.Equal(t, c.asks, strings.Contains(output, "[y/N]"), output)
				require.Contains(t, output, c.warning)
				if c.warning == "" {
					require.NotContains(t, output, "warning")
				}
				require.Contains(t, output, "facts of check")
				require.Contains(t, output, "facts of diff")
				require.NoFileExists(t, filepath.Join(dir, "executed"))
				require.Equal(t, "[aur][check][--build-dir=.][--]["+hostileBase+"]\n[aur][diff][--build-dir=.][--]["+hostileBase+"]\n", string(harness.ReadFile(t, arguments)))
			})
		}
	}
}

// TestBeforeBuild_NoBase checks that the script warns and asks if the helper did not name a package base.
func TestBeforeBuild_NoBase(t *testing.T) {
	dir, arguments := adapters(t)
	cmd := exec.Command("/bin/sh", filepath.Join(dir, "before-build"))
	output, code := run(t, cmd, "n\n")
	require.Equal(t, 1, code)
	require.Contains(t, output, "nothing was checked")
	require.NoFileExists(t, arguments)
}

// yayAbort is the error with which a hook ends yay's operation.
type yayAbort string

func (a yayAbort) String() string       { return string(a) }
func (a yayAbort) Type() lua.LValueType { return lua.LTUserData }

// runYayHook does what yay 13.0 does, by its documentation doc/lua.md: it runs init.lua, which registers functions for events, and calls
// those for AURPreInstall with the event. It returns the message with which the hook aborted the installation, if it did.
func runYayHook(t *testing.T, init, base, dir string) (aborted string, err error) {
	t.Helper()
	state := lua.NewState()
	defer state.Close()
	var callbacks []*lua.LFunction
	yay := state.NewTable()
	state.SetGlobal("yay", yay)
	state.SetField(yay, "opt", state.NewTable())
	state.SetField(yay, "abort", state.NewFunction(func(l *lua.LState) int {
		l.Error(yayAbort(l.CheckString(1)), 0)
		return 0
	}))
	state.SetField(yay, "create_autocmd", state.NewFunction(func(l *lua.LState) int {
		require.Equal(t, "AURPreInstall", l.CheckString(1))
		options := l.CheckTable(2)
		require.IsType(t, lua.LString(""), l.GetField(options, "desc"))
		callbacks = append(callbacks, l.GetField(options, "callback").(*lua.LFunction))
		return 0
	}))
	require.NoError(t, state.DoString(init))
	require.Len(t, callbacks, 1)
	event, data := state.NewTable(), state.NewTable()
	event.RawSetString("event", lua.LString("AURPreInstall"))
	event.RawSetString("match", lua.LString(base))
	event.RawSetString("data", data)
	data.RawSetString("base", lua.LString(base))
	data.RawSetString("dir", lua.LString(dir))
	data.RawSetString("pkgbuild_path", lua.LString(filepath.Join(dir, "PKGBUILD")))
	err = state.CallByParam(lua.P{Fn: callbacks[0], NRet: 0, Protect: true}, event)
	if api := new(lua.ApiError); errors.As(err, &api) {
		if abort, ok := api.Object.(yayAbort); ok {
			return string(abort), nil
		}
	}
	return "", err
}

// TestYayHook checks that the hook for yay runs the script with the package base and the directory of the event, and stops yay unless the
// script succeeds. Neither is a part of a command, and neither stays in the environment.
func TestYayHook(t *testing.T) {
	for check, want := range map[string]string{"1": "", "0": "omg: not confirmed, nothing is built"} {
		t.Run(check, func(t *testing.T) {
			dir, arguments := adapters(t)
			t.Setenv("CHECK", check)
			t.Setenv("DIFF", "1")
			// Without a terminal, the script does not ask, and refuses.
			script := filepath.Join(dir, "before-build")
			harness.WriteFile(t, script, strings.ReplaceAll(string(harness.ReadFile(t, script)), "/dev/tty", "/dev/null/none"))
			t.Chdir(t.TempDir())
			aborted, err := runYayHook(t, fmt.Sprintf("dofile(%q)", filepath.Join(dir, "yay.lua")), hostileBase, "/build dir/$(touch executed)")
			require.NoError(t, err)
			require.Equal(t, want, aborted)
			require.NoFileExists(t, "executed")
			require.Contains(t, string(harness.ReadFile(t, arguments)), "[aur][check][--build-dir=/build dir/$(touch executed)][--]["+hostileBase+"]\n")
			for _, name := range []string{"OMG_PKGBASE", "OMG_BUILD_DIR", "OMG_BEFORE_BUILD_SCRIPT"} {
				require.Empty(t, os.Getenv(name))
			}
		})
	}
	// A name that the environment cannot hold stops yay.
	dir, arguments := adapters(t)
	aborted, err := runYayHook(t, fmt.Sprintf("dofile(%q)", filepath.Join(dir, "yay.lua")), "a\x00b", "/")
	require.NoError(t, err)
	require.Contains(t, aborted, "cannot pass OMG_PKGBASE")
	require.NoFileExists(t, arguments)
}

// TestAfterTransaction checks which lines the script for pacman's hook prints, for the packages of a transaction.
func TestAfterTransaction(t *testing.T) {
	findings := "demo look: recreated orphaned\nother note: orphaned\nexit act: known-incident\n"
	var many, manyNames strings.Builder
	for i := range 12 {
		fmt.Fprintf(&many, "p%d note: orphaned\n", i)
		fmt.Fprintf(&manyNames, "p%d\n", i)
	}
	for _, shell := range []string{"sh", "dash", "bash"} {
		path := need.Program(t, shell)
		for name, c := range map[string]struct {
			findings, names string
			code            int
			want            string
		}{
			"a finding":           {findings, "glibc\ndemo\n", 0, "omg: demo look: recreated orphaned\nomg: see omg aur check\n"},
			"an odd name":         {findings, "exit\n", 0, "omg: exit act: known-incident\nomg: see omg aur check\n"},
			"none of these":       {findings, "glibc\n", 0, ""},
			"none":                {"", "demo\n", 1, ""},
			"unknown":             {"", "demo\n", 4, "omg: not all findings about packages of the AUR are known: see omg aur check\n"},
			"unknown, not of AUR": {"", "glibc\n", 4, ""},
			"failed":              {"", "demo\n", 127, "omg: not all findings about packages of the AUR are known: see omg aur check\n"},
			"many":                {many.String(), manyNames.String(), 0, firstLines(many.String(), 10) + "omg: and findings about 2 more packages\nomg: see omg aur check\n"},
			"no names":            {findings, "", 0, ""},
		} {
			t.Run(shell+" "+name, func(t *testing.T) {
				dir, _ := adapters(t)
				harness.WriteFile(t, filepath.Join(dir, "findings"), c.findings)
				harness.WriteProgram(t, filepath.Join(dir, "omg"), []byte(fmt.Sprintf("#!/bin/sh\ncase $1 in foreign) echo demo ;; aur) cat '%s/findings'; echo noise >&2; exit %d ;; esac\n", dir, c.code)))
				cmd := exec.Command(path, filepath.Join(dir, "after-transaction"))
				cmd.Stdin = strings.NewReader(c.names)
				output, err := cmd.CombinedOutput()
				require.NoError(t, err, "it never fails")
				require.Equal(t, c.want, string(output))
			})
		}
	}
}

// firstLines returns the first n lines of a text, each after "omg: ".
func firstLines(text string, n int) (lines string) {
	for line := range strings.Lines(text) {
		if n--; n >= 0 {
			lines += "omg: " + line
		}
	}
	return lines
}
