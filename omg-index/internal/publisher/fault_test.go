package publisher

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"aead.dev/minisign"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/publication"
)

// earlier and next are the contents that the tests of this file publish one after the other.
var earlier, next = map[string]string{"core": "one", "extra": "two"}, map[string]string{"core": "three", "extra": "two"}

func contentsOf(texts map[string]string) (list []content) {
	for _, name := range []string{"core", "extra"} {
		list = append(list, newContent(name, texts[name]))
	}
	return list
}

// publishNext publishes the next contents, eight days later: the earlier manifest stays.
func publishNext(dir string, key minisign.PrivateKey) error {
	_, _, err := publish(context.Background(), dir, optionsAt(key, start.Add(8*24*time.Hour)), contentsOf(next)...)
	return err
}

// injectFault makes a function run before each operation of replacing a file in a directory, with the number of the operation. An error
// that it returns is that of the operation.
func injectFault(t *testing.T, dir string, fail func(n int, op atomicfile.Op, path string) error) {
	n := 0
	fault := atomicfile.Fault(func(op atomicfile.Op, path string) error {
		if !strings.HasPrefix(path, dir) { // the state file of a reader
			return nil
		}
		n++
		return fail(n, op, path)
	})
	atomicfile.TestFault.Store(&fault)
	t.Cleanup(func() { atomicfile.TestFault.Store(nil) })
}

// requireWhole checks that a new reader, and one that has read the earlier state, see one of the two states. It reports whether it is
// the next one.
func requireWhole(t *testing.T, dir string, key minisign.PrivateKey) bool {
	t.Helper()
	got := read(t, newReader(t, key), dir)
	if maps.Equal(got, next) {
		return true
	}
	require.Equal(t, earlier, got)
	return false
}

// TestPublish_ReadersAtEachStep checks that readers see a whole state before each step, and that it changes once, with the signature.
func TestPublish_ReadersAtEachStep(t *testing.T) {
	key, dir := newKey(t), t.TempDir()
	mustPublish(t, dir, optionsAt(key, start), contentsOf(earlier)...)
	isNext, steps := false, 0
	injectFault(t, dir, func(n int, op atomicfile.Op, path string) error {
		steps = n
		saw := requireWhole(t, dir, key)
		require.True(t, saw || !isNext)
		if saw && !isNext {
			require.Equal(t, publication.ManifestName+publication.SignatureSuffix, filepath.Base(path))
			require.Equal(t, atomicfile.OpSyncDir, op, "the step after the file was renamed")
		}
		isNext = saw
		return nil
	})
	require.NoError(t, publishNext(dir, key))
	require.True(t, isNext)
	require.Greater(t, steps, 30)
}

// TestPublish_WriteErrors lets each step fail, as on a full or broken disk. Readers see a whole state afterwards, and the next publication
// succeeds and leaves nothing over.
func TestPublish_WriteErrors(t *testing.T) {
	key := newKey(t)
	template := t.TempDir()
	mustPublish(t, template, optionsAt(key, start), contentsOf(earlier)...)
	clean := filepath.Join(t.TempDir(), "clean")
	require.NoError(t, os.CopyFS(clean, os.DirFS(template)))
	require.NoError(t, publishNext(clean, key))
	for n := 1; ; n++ {
		dir := filepath.Join(t.TempDir(), "out")
		require.NoError(t, os.CopyFS(dir, os.DirFS(template)))
		failed := false
		injectFault(t, dir, func(i int, _ atomicfile.Op, _ string) error {
			if i == n {
				failed = true
				return []error{unix.ENOSPC, unix.EIO}[n%2]
			}
			return nil
		})
		err := publishNext(dir, key)
		atomicfile.TestFault.Store(nil)
		if !failed {
			require.NoError(t, err)
			require.Greater(t, n, 30)
			return
		}
		require.True(t, errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EIO), err)
		requireWhole(t, dir, key)
		require.NoError(t, publishNext(dir, key))
		require.True(t, requireWhole(t, dir, key))
		requireSameObjects(t, clean, dir)
	}
}

// requireSameObjects checks that two directories have the same objects, and no temporary files.
func requireSameObjects(t *testing.T, want, got string) {
	t.Helper()
	require.Equal(t, files(t, filepath.Join(want, publication.ObjectDir)), files(t, filepath.Join(got, publication.ObjectDir)))
	for _, name := range files(t, got) {
		require.NotContains(t, name, ".tmp")
	}
}

const (
	killDirVariable = "OMG_TEST_PUBLISH_DIR"
	killKeyVariable = "OMG_TEST_PUBLISH_KEY"
	killAtVariable  = "OMG_TEST_PUBLISH_KILL"
)

// TestPublish_Child is the process that TestPublish_Kills kills.
func TestPublish_Child(t *testing.T) {
	dir := os.Getenv(killDirVariable)
	if dir == "" {
		return
	}
	var key minisign.PrivateKey
	require.NoError(t, key.UnmarshalText([]byte(os.Getenv(killKeyVariable))))
	at, err := strconv.Atoi(os.Getenv(killAtVariable))
	require.NoError(t, err)
	injectFault(t, dir, func(n int, _ atomicfile.Op, _ string) error {
		if n == at {
			return unix.Kill(os.Getpid(), unix.SIGKILL)
		}
		return nil
	})
	require.NoError(t, publishNext(dir, key))
	fmt.Println("published")
}

// TestPublish_Kills kills a publisher before each step, and before 1,000 steps if OMG_SOAK is set. Readers see a whole state
// afterwards, and the next publication succeeds and leaves nothing over.
func TestPublish_Kills(t *testing.T) {
	program := need.OwnProgram(t)
	key := newKey(t)
	text, err := key.MarshalText()
	require.NoError(t, err)
	template := t.TempDir()
	mustPublish(t, template, optionsAt(key, start), contentsOf(earlier)...)
	clean, steps := filepath.Join(t.TempDir(), "clean"), 0
	require.NoError(t, os.CopyFS(clean, os.DirFS(template)))
	injectFault(t, clean, func(n int, _ atomicfile.Op, _ string) error { steps = n; return nil })
	require.NoError(t, publishNext(clean, key))
	atomicfile.TestFault.Store(nil)

	var kills []int
	for n := 1; n <= steps; n++ {
		kills = append(kills, n)
	}
	if os.Getenv("OMG_SOAK") != "" {
		for len(kills) < 1000 {
			kills = append(kills, 1+rand.IntN(steps))
		}
	}
	// One directory lives through all kills: each of them follows what the kills before have left.
	dir := filepath.Join(t.TempDir(), "out")
	require.NoError(t, os.CopyFS(dir, os.DirFS(template)))
	isNext := false
	for _, at := range kills {
		cmd := exec.Command(program, "-test.run=^TestPublish_Child$", "-test.v")
		cmd.Env = append(os.Environ(), killDirVariable+"="+dir, killKeyVariable+"="+string(text), killAtVariable+"="+strconv.Itoa(at))
		out, err := cmd.CombinedOutput()
		if err == nil { // what the last kill has left needed fewer steps
			require.Contains(t, string(out), "published\n")
		} else {
			require.Equal(t, "signal: killed", err.Error(), "%s", out)
		}
		saw := requireWhole(t, dir, key)
		require.True(t, saw || !isNext)
		isNext = saw
	}
	require.NoError(t, publishNext(dir, key))
	require.True(t, requireWhole(t, dir, key))
	for _, name := range files(t, dir) {
		require.False(t, strings.HasSuffix(name, ".tmp"), name)
	}
	requireSameObjects(t, clean, dir)
}
