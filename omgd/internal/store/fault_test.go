package store

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/await"
)

func soak() bool { return os.Getenv("OMG_SOAK") != "" }

// faulty runs a store on a file system on which the operations number first+1 to number last fail. It returns
// the total number of operations. At the end the power fails: the values that were on disk must still be
// there, whatever the store was doing.
func faulty(t *testing.T, first, last int, fault error) int {
	t.Helper()
	var ops atomic.Int64
	disk := vfs.NewCrashableMem()
	require.NoError(t, disk.MkdirAll("/nowhere", 0o700))
	root, err := disk.OpenDir("/")
	require.NoError(t, err)
	require.NoError(t, root.Sync())
	fs := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpRemove || op.Kind == errorfs.OpFileClose {
			return nil
		}
		if n := int(ops.Add(1)); n > first && n <= last {
			return fault
		}
		return nil
	}))
	s := openWithFS("/nowhere/"+DirName, fs, smallLimits, quiet())
	value, stored := text(t, 2000), -1
	for n := range 80 {
		require.NoError(t, s.PutStatus(value, time.Unix(int64(n), 0), true))
		if state, why := s.State(); state == "ok" {
			stored = n
		} else {
			require.Contains(t, why, fault.Error(), "the reason contains the fault")
		}
		require.NoError(t, s.Put("b", fmt.Sprint(n%7), value, time.Now()))
		if _, _, ok := s.Get("b", fmt.Sprint(n%7)); !ok {
			requireState(t, s, "memory") // the value was just stored: Get finds none only after a read error
		}
		if n%20 == 0 {
			if len(s.History(3)) == 0 {
				requireState(t, s, "memory")
			}
		}
	}
	e, ok := s.LastStatus()
	require.True(t, ok)
	require.Equal(t, value, e.Status)
	_ = s.Close() // the call may fail, but it must return
	after := openWithFS("/nowhere/"+DirName, disk.CrashClone(vfs.CrashCloneCfg{}), smallLimits, quiet())
	requireState(t, after, "ok")
	e, ok = after.LastStatus()
	if stored >= 0 {
		require.True(t, ok)
		require.GreaterOrEqual(t, e.At.Unix(), int64(stored), "a status that was on disk is still there")
	}
	require.NoError(t, after.Close())
	return int(ops.Load())
}

// TestStore_Faults checks that the process survives a failure of each disk operation. The operation fails
// once or permanently.
func TestStore_Faults(t *testing.T) {
	total := faulty(t, 0, 0, nil)
	require.Greater(t, total, 100) // about 200, but Pebble merges operations that wait at the same time
	step := max(1, total/20)
	if soak() {
		step = max(1, total/200) // each run leaks a stopped engine
	}
	rng := rand.New(rand.NewPCG(2, 2))
	for at := 0; at < total; at++ {
		if at > 30 && (at+rng.IntN(step))%step != 0 { // test each disk operation during Open, and a sample of those after Open
			continue
		}
		faulty(t, at, at+1, syscall.EIO)
		faulty(t, at, 1<<30, syscall.ENOSPC)
	}
}

// TestStore_UnreadableTables checks that the store continues in memory if Pebble cannot read its tables when it merges
// them, which it does in the background.
func TestStore_UnreadableTables(t *testing.T) {
	var unreadable atomic.Bool
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if read := op.Kind == errorfs.OpFileRead || op.Kind == errorfs.OpFileReadAt; read && unreadable.Load() {
			return syscall.EIO
		}
		return nil
	}))
	s := openWithFS("/nowhere/"+DirName, fs, smallLimits, quiet())
	requireState(t, s, "ok")
	unreadable.Store(true)
	value := text(t, 2000)
	await.Condition(t, func() bool { // until there are enough tables to be merged
		require.NoError(t, s.PutStatus(value, time.Now(), true))
		state, why := s.State()
		return state == "memory" && strings.Contains(why, syscall.EIO.Error())
	}, "the failure of the background job")
	require.NoError(t, s.Put("b", "k", value, time.Now()))
	_, _, ok := s.Get("b", "k")
	require.True(t, ok)
	_ = s.Close() // the call may fail, but it must return
}

// TestOpen_Damage checks that Open returns a usable store, the old one or a new one, after files were changed
// at random.
func TestOpen_Damage(t *testing.T) {
	times := 30
	if soak() {
		times = 1000
	}
	parent := t.TempDir()
	good := filepath.Join(parent, "good")
	s := Open(good, smallLimits, quiet())
	value := text(t, 2000)
	for n := range 150 { // enough values that Pebble writes tables to the disk
		require.NoError(t, s.PutStatus(value, time.Now(), true))
		require.NoError(t, s.Put("b", fmt.Sprint(n%7), status(n), time.Now()))
	}
	require.NoError(t, s.Close())
	tables, err := filepath.Glob(filepath.Join(good, "*.sst"))
	require.NoError(t, err)
	require.NotEmpty(t, tables)
	rng := rand.New(rand.NewPCG(3, 3))
	states := map[string]int{}
	for n := range times {
		dir := filepath.Join(parent, fmt.Sprint(n), DirName)
		require.NoError(t, os.CopyFS(dir, os.DirFS(good)))
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		require.NoError(t, err)
		name := files[rng.IntN(len(files))]
		b, err := os.ReadFile(name)
		require.NoError(t, err)
		switch {
		case len(b) == 0 || rng.IntN(8) == 0:
			require.NoError(t, os.Remove(name))
		case rng.IntN(4) == 0:
			require.NoError(t, os.Truncate(name, int64(rng.IntN(len(b)))))
		default:
			for range 1 + rng.IntN(20) {
				b[rng.IntN(len(b))] ^= byte(1 + rng.IntN(255))
			}
			require.NoError(t, os.WriteFile(name, b, 0o644))
		}
		s := Open(dir, smallLimits, quiet())
		state, why := s.State()
		states[state]++
		require.NotContains(t, why, "\n")
		require.NotEqual(t, "memory", state, "%s: %s", name, why)
		for n := range 100 {
			require.NoError(t, s.Put("b", fmt.Sprint(n), value, time.Now()))
			if n%5 == 0 { // each PutStatus waits for the disk
				require.NoError(t, s.PutStatus(value, time.Now(), true))
			}
		}
		require.NotEmpty(t, s.History(-1))
		require.NoError(t, s.Put("b", "k", status(1), time.Now()))
		_, _, ok := s.Get("b", "k")
		require.True(t, ok)
		state, why = s.State()
		require.NotEqual(t, "memory", state, "%s: %s", name, why)
		require.NoError(t, s.Close(), name)
		require.NoError(t, os.RemoveAll(filepath.Dir(dir)))
	}
	require.Greater(t, states["new"], times/10, states)
}

// TestStore_HangingDisk checks that Close returns even if a disk operation hangs.
func TestStore_HangingDisk(t *testing.T) {
	var hang atomic.Bool
	hung := make(chan struct{}, 100)
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if hang.Load() && (op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileWrite) {
			hung <- struct{}{}
			select {}
		}
		return nil
	}))
	limits := longLimits
	limits.CloseTimeout = 10 * time.Millisecond
	s := openWithFS("/nowhere/"+DirName, fs, limits, quiet())
	requireState(t, s, "ok")
	hang.Store(true)
	done := make(chan error)
	go func() { done <- s.PutStatus(status(2), time.Now(), true) }()
	<-hung
	_ = s.Close()
	require.ErrorIs(t, <-done, ErrClosed)
	e, _ := s.LastStatus()
	require.Equal(t, 2, number(t, e))
}

// writeForever stores statuses, and prints the number of each stored status, until the process is killed.
func writeForever(dir string) {
	s := Open(dir, longLimits, quiet())
	n := 0
	state, why := s.State()
	fmt.Println("open", state, why)
	if e, ok := s.LastStatus(); ok {
		n = decodeNumber(e.Status)
	}
	for n++; ; n++ {
		if s.PutStatus(numbered(n), time.Now(), n%3 == 0) == nil {
			fmt.Println(n)
		}
	}
}

// numbered returns a status of the usual size: a MessagePack string of 2,000 bytes that begins with the
// number n in 10 digits.
func numbered(n int) []byte {
	b := make([]byte, 2003)
	b[0], b[1], b[2] = 0xda, 2000>>8, 2000&0xff
	copy(b[3:], fmt.Sprintf("%010d", n))
	return b
}

func decodeNumber(b []byte) (n int) {
	_, _ = fmt.Sscanf(string(b[3:13]), "%d", &n)
	return n
}

// TestStore_Killed checks that a store can be opened after its writer was killed, and has the last status
// that the writer printed.
func TestStore_Killed(t *testing.T) {
	times := 10
	if soak() {
		times = 200
	}
	dir := filepath.Join(t.TempDir(), DirName)
	rng := rand.New(rand.NewPCG(1, 1))
	stored := 0
	for range times {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "OMG_STORE_WRITER="+dir)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		lines := bufio.NewScanner(out)
		require.True(t, lines.Scan())
		require.Equal(t, "open ok ", lines.Text())

		other := openStore(t, dir)
		require.Contains(t, requireState(t, other, "memory"), errLocked.Error())
		require.NoError(t, other.Close())

		for more := rng.IntN(40); lines.Scan(); more-- {
			if more == 0 {
				_ = cmd.Process.Kill()
			}
			_, _ = fmt.Sscan(lines.Text(), &stored)
		}
		_ = cmd.Wait()
		s := openStore(t, dir)
		requireState(t, s, "ok")
		if stored > 0 {
			e, ok := s.LastStatus()
			require.True(t, ok)
			require.GreaterOrEqual(t, decodeNumber(e.Status), stored)
			require.LessOrEqual(t, decodeNumber(e.Status), stored+1)
			stored = decodeNumber(e.Status)
		}
		require.NoError(t, s.Close())
	}
	require.Positive(t, stored)
	require.Empty(t, asides(t, dir))
}
