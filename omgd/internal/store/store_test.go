package store

import (
	"bufio"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"
)

// TestMain lets the test program be the process that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("OMG_STORE_WRITER"); dir != "" {
		write(dir)
		return
	}
	os.Exit(m.Run())
}

func status(n int) []byte {
	b, err := msgpack.Marshal(map[string]int{"n": n})
	if err != nil {
		panic(err)
	}
	return b
}

func number(t *testing.T, e Entry) int {
	t.Helper()
	var v map[string]int
	require.NoError(t, msgpack.Unmarshal(e.Status, &v))
	return v["n"]
}

// write puts statuses and prints each when it is stored, until it is killed.
func write(dir string) {
	s := Open(dir, slog.New(slog.DiscardHandler))
	start := 0
	if e, ok := s.LastStatus(); ok {
		var v map[string]int
		_ = msgpack.Unmarshal(e.Status, &v)
		start = v["n"]
	}
	state, why := s.State()
	fmt.Println("open", state, why)
	for n := start + 1; ; n++ {
		if s.PutStatus(status(n), time.Now(), n%3 == 0) == nil {
			fmt.Println(n)
		}
	}
}

func open(t *testing.T, dir string) *Store {
	t.Helper()
	return Open(dir, slog.New(slog.DiscardHandler))
}

func TestRemembers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), Name)
	s := open(t, dir)
	_, ok := s.LastStatus()
	require.False(t, ok)
	for n := range maxHistory + 20 {
		require.NoError(t, s.PutStatus(status(n), time.Unix(int64(1000+n), 0), true))
	}
	require.NoError(t, s.PutStatus(status(-1), time.Unix(9999, 0), false))
	require.Len(t, s.History(), maxHistory)
	require.NoError(t, s.Close())

	s = open(t, dir)
	state, why := s.State()
	require.Equal(t, "ok", state, why)
	e, ok := s.LastStatus()
	require.True(t, ok)
	require.Equal(t, -1, number(t, e))
	require.EqualValues(t, 9999, e.At.Unix())
	history := s.History()
	require.Len(t, history, maxHistory)
	require.Equal(t, 20, number(t, history[0]), "the oldest are dropped")
	require.Equal(t, maxHistory+19, number(t, history[maxHistory-1]))
	require.NoError(t, s.Close())
}

func TestADamagedStoreIsSetAside(t *testing.T) {
	for _, file := range []string{"MANIFEST", "CURRENT", "marker.manifest", "OPTIONS"} {
		parent := t.TempDir()
		dir := filepath.Join(parent, Name)
		s := open(t, dir)
		require.NoError(t, s.PutStatus(status(1), time.Now(), true))
		require.NoError(t, s.Close())
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		broken := 0
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), file) {
				require.NoError(t, os.WriteFile(filepath.Join(dir, e.Name()), []byte("garbage, garbage, garbage"), 0o644))
				broken++
			}
		}
		if broken == 0 {
			continue // this version of Pebble has no such file
		}
		s = open(t, dir)
		require.NoError(t, s.PutStatus(status(2), time.Now(), true), file)
		require.NoError(t, s.Close())
		s = open(t, dir)
		e, ok := s.LastStatus()
		require.True(t, ok, file)
		require.Equal(t, 2, number(t, e))
		require.NoError(t, s.Close())
	}
}

func TestAFileInItsPlace(t *testing.T) {
	dir := filepath.Join(t.TempDir(), Name)
	require.NoError(t, os.WriteFile(dir, []byte("not a directory"), 0o644))
	s := open(t, dir)
	require.NoError(t, s.PutStatus(status(2), time.Now(), true))
	state, why := s.State()
	require.Equal(t, "new", state, why)
	require.NoError(t, s.Close())
}

func TestADamagedValueIsGone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), Name)
	s := open(t, dir)
	require.NoError(t, s.PutStatus([]byte{0xdd, 0xff, 0xff, 0xff, 0xff}, time.Now(), true))
	require.NoError(t, s.Close())
	s = open(t, dir)
	_, ok := s.LastStatus()
	require.False(t, ok)
	require.Empty(t, s.History())
	require.NoError(t, s.Close())
}

func TestNoPlaceToWrite(t *testing.T) {
	s := open(t, "/proc/nothing/"+Name)
	state, why := s.State()
	require.Equal(t, "memory", state)
	require.NotEmpty(t, why)
	require.NoError(t, s.PutStatus(status(5), time.Now(), true))
	e, ok := s.LastStatus()
	require.True(t, ok, "this process' own status is remembered all the same")
	require.Equal(t, 5, number(t, e))
	require.NoError(t, s.Close())
}

// TestFullDisk fills a small file system under an open store.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=3m"); err != nil {
		t.Skipf("no tmpfs can be mounted here: %v", err)
	}
	defer func() { require.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) }()
	s := open(t, filepath.Join(dir, Name))
	state, why := s.State()
	require.Equal(t, "ok", state, why)
	require.NoError(t, s.PutStatus(status(1), time.Now(), true))
	f, err := os.Create(filepath.Join(dir, "filler"))
	require.NoError(t, err)
	for b := make([]byte, 64<<10); err == nil; {
		_, err = f.Write(b)
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, f.Close())
	large, err := msgpack.Marshal(strings.Repeat("x", 100_000))
	require.NoError(t, err)
	for range 30 {
		_ = s.PutStatus(large, time.Now(), true)
	}
	state, why = s.State()
	require.Equal(t, "memory", state)
	require.NotEmpty(t, why)
	require.NoError(t, s.PutStatus(status(7), time.Now(), true), "and it goes on")
	e, _ := s.LastStatus()
	require.Equal(t, 7, number(t, e))
}

// TestKilled kills a writer at random moments: the store opens each time, and the
// last status that was said to be stored is there.
func TestKilled(t *testing.T) {
	times := 10
	if os.Getenv("OMG_SOAK") != "" {
		times = 200
	}
	dir := filepath.Join(t.TempDir(), Name)
	rng := rand.New(rand.NewPCG(1, 1))
	for range times {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "OMG_STORE_WRITER="+dir)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		lines := bufio.NewScanner(out)
		require.True(t, lines.Scan())
		require.Equal(t, "open ok ", lines.Text())

		other := open(t, dir)
		state, _ := other.State()
		require.Equal(t, "memory", state, "another process has it")
		require.NoError(t, other.Close())

		time.AfterFunc(time.Duration(rng.IntN(120))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		stored := 0
		for lines.Scan() {
			_, _ = fmt.Sscan(lines.Text(), &stored)
		}
		_ = cmd.Wait()
		s := open(t, dir)
		state, why := s.State()
		require.Equal(t, "ok", state, why)
		if stored > 0 {
			e, ok := s.LastStatus()
			require.True(t, ok)
			require.GreaterOrEqual(t, number(t, e), stored)
		}
		require.NoError(t, s.Close())
	}
	aside, err := filepath.Glob(dir + ".*")
	require.NoError(t, err)
	require.Empty(t, aside)
}
