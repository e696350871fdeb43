package archtest

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// runMake runs make at the root, as one would by hand: not as a part of the make that may run the tests.
func runMake(t *testing.T, goal string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "make", goal)
	cmd.Dir = root(t)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "MAKE") && !strings.HasPrefix(v, "MFLAGS=") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	out, err := cmd.CombinedOutput()
	require.NoErrorf(t, err, "make %s: %s", goal, out)
	return out
}

func TestDemo(t *testing.T) {
	out := runMake(t, "demo")
	for _, want := range []string{"$ omg-index build ", "$ omgd --foreground ", "$ omg search ", "$ omg info ", "\nName ", "demo: done"} {
		require.Contains(t, string(out), want)
	}
}

// asked are the programs as a reader of the README has them: on a machine with pacman's databases, which here are others'.
const asked = `
omg() { command omg "$@" --dbpath "$DB" --pacman-config "$CONF"; }
omgd() { exec omgd "$@" --dbpath "$DB" --pacman-config "$CONF"; }
omg-index() { if [[ $1 == build ]]; then set -- "$@" --dbpath "$DB" --pacman-config "$CONF"; fi; command omg-index "$@"; }
`

var (
	comment  = regexp.MustCompile(`\s+#\s.*$`)
	exitCode = regexp.MustCompile(`\s# exit ([0-9])$`)
)

// Every line that the README shows is run, in its order, on a machine with the databases that it speaks of.
func TestReadmeExamplesRun(t *testing.T) {
	runMake(t, "build")
	home := t.TempDir()
	db, conf := filepath.Join(home, "pacman"), filepath.Join(home, "pacman.conf")
	writeDatabase(t, db, conf)
	advisory := `[{"name":"AVG-1","packages":["firefox"],"status":"Fixed","severity":"High","affected":"0.9-1","fixed":"1.0-1"}]`
	require.NoError(t, os.WriteFile(filepath.Join(home, "all.json"), []byte(advisory), 0o600))
	runtime := filepath.Join(home, "run")
	require.NoError(t, os.Mkdir(runtime, 0o700))
	env := append(os.Environ(),
		"PATH="+filepath.Join(root(t), "bin")+":"+os.Getenv("PATH"),
		"HOME="+home, "XDG_DATA_HOME=", "XDG_CONFIG_HOME=", "XDG_RUNTIME_DIR="+runtime, "OMG_INDEX=",
		"OMG_AUR_ENABLED=false", "OMG_TRACKER_ENABLED=false", "LC_ALL=C.UTF-8",
		"DB="+db, "CONF="+conf)

	ran := map[string]int{}
	for _, line := range commands(t, read(t, "README.md")) {
		program := strings.Fields(line)[0]
		if program == "make" {
			continue
		}
		ran[program]++
		want := 0
		if m := exitCode.FindStringSubmatch(line); m != nil {
			want, _ = strconv.Atoi(m[1])
		}
		text, background := strings.CutSuffix(comment.ReplaceAllString(line, ""), " &")
		cmd := exec.Command("bash", "-c", asked+text)
		cmd.Env, cmd.Dir = env, home
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if background {
			startDaemon(t, cmd, &stderr, runtime)
			continue
		}
		code := 0
		if err := cmd.Run(); err != nil {
			var exited *exec.ExitError
			require.ErrorAs(t, err, &exited)
			code = exited.ExitCode()
		}
		require.Equalf(t, want, code, "%s\n%s%s", line, &stdout, &stderr)
		if want == 0 {
			require.NotEmptyf(t, stdout.String(), "%s printed nothing", line)
			require.Emptyf(t, stderr.String(), "%s complained", line)
		}
	}
	for _, program := range []string{"omg", "omgd", "omg-index"} {
		require.NotZerof(t, ran[program], "the README does not show %s", program)
	}
}

// startDaemon returns when a socket is there, and has the daemon ended with the test.
func startDaemon(t *testing.T, cmd *exec.Cmd, stderr *bytes.Buffer, runtime string) {
	t.Helper()
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-ended:
			require.NoErrorf(t, err, "omgd: %s", stderr)
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Kill()
			t.Error("omgd did not end on SIGTERM")
		}
	})
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		entries, err := os.ReadDir(runtime)
		require.NoError(t, err)
		for _, e := range entries {
			if e.Type()&os.ModeSocket != 0 {
				return
			}
		}
		select {
		case err := <-ended:
			ended <- err
			require.FailNow(t, "omgd ended before it answered")
		default:
		}
		if time.Now().After(deadline) {
			require.NoError(t, errors.New("omgd made no socket"))
		}
	}
}
