package puller

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"aead.dev/minisign"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/need"
)

const (
	killDirVariable   = "OMG_TEST_PULL_DIR"
	killOwnVariable   = "OMG_TEST_PULL_OWN"
	killKeyVariable   = "OMG_TEST_PULL_KEY"
	killHoursVariable = "OMG_TEST_PULL_HOURS"
	killAtVariable    = "OMG_TEST_PULL_KILL"
)

// TestPull_Child is the process that TestPull_Kills kills.
func TestPull_Child(t *testing.T) {
	dir := os.Getenv(killDirVariable)
	if dir == "" {
		return
	}
	var key minisign.PrivateKey
	require.NoError(t, key.UnmarshalText([]byte(os.Getenv(killKeyVariable))))
	at, err := strconv.Atoi(os.Getenv(killAtVariable))
	require.NoError(t, err)
	hours, err := strconv.Atoi(os.Getenv(killHoursVariable))
	require.NoError(t, err)
	n := 0
	fault := atomicfile.Fault(func(atomicfile.Op, string) error {
		if n++; n == at {
			return unix.Kill(os.Getpid(), unix.SIGKILL)
		}
		return nil
	})
	atomicfile.TestFault.Store(&fault)
	w := &world{T: t, key: key, dir: dir, own: os.Getenv(killOwnVariable), hours: hours}
	w.pull(w.mirror())
	fmt.Println("pulled")
}

// TestPull_Kills kills a pull before each ninth step, and before 1,000 steps if OMG_SOAK is set. Each index is then the last or the next one, and
// the next pull gets the rest and leaves nothing over.
func TestPull_Kills(t *testing.T) {
	program := need.OwnProgram(t)
	w := newWorld(t)
	text, err := w.key.MarshalText()
	require.NoError(t, err)
	kills := []int{}
	const steps = 60
	for n := 1; n <= steps; n += 9 {
		kills = append(kills, n)
	}
	if os.Getenv("OMG_SOAK") != "" {
		for len(kills) < 1000 {
			kills = append(kills, 1+rand.IntN(steps))
		}
	}
	w.publish("1-1")
	w.pull(w.mirror())
	killed := 0
	for i, at := range kills {
		before, next := fmt.Sprintf("%d-1", i+1), fmt.Sprintf("%d-1", i+2)
		w.publish(next)
		cmd := exec.Command(program, "-test.run=^TestPull_Child$", "-test.v")
		cmd.Env = append(os.Environ(), killDirVariable+"="+w.dir, killOwnVariable+"="+w.own, killKeyVariable+"="+string(text),
			killHoursVariable+"="+strconv.Itoa(w.hours), killAtVariable+"="+strconv.Itoa(at))
		out, err := cmd.CombinedOutput()
		if err != nil {
			killed++
			require.Equal(t, "signal: killed", err.Error(), "%s", out)
		} else {
			require.Contains(t, string(out), "pulled\n")
		}
		for name, version := range w.versions() {
			require.Contains(t, []string{before, next}, version, name)
		}
		w.pull(w.mirror())
		require.Equal(t, both(next), w.versions())
		for dir, want := range map[string]int{recordsDir: 3, newDir: 0} {
			entries, err := os.ReadDir(filepath.Join(w.own, dir))
			require.NoError(t, err)
			require.Len(t, entries, want, dir)
		}
	}
	require.Greater(t, killed, len(kills)/2)
}
