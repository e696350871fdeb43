package store

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"
	"go.uber.org/goleak"

	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/need"
)

// TestMain runs the tests, or lets the test program act as the writer that a test kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv("OMG_STORE_WRITER"); dir != "" {
		writeForever(dir)
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

func text(t *testing.T, size int) []byte {
	t.Helper()
	b, err := msgpack.Marshal(strings.Repeat("x", size))
	require.NoError(t, err)
	return b
}

func number(t *testing.T, e StatusEntry) int {
	t.Helper()
	var v map[string]int
	require.NoError(t, msgpack.Unmarshal(e.Status, &v))
	return v["n"]
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// longLimits are timeouts so long that even a slow machine does not reach them.
var longLimits = Limits{OpenTimeout: await.Timeout, OperationTimeout: await.Timeout, CloseTimeout: await.Timeout}

// smallLimits are limits with a tenth of the default memory, so that Pebble soon writes tables.
var smallLimits = Limits{MemorySize: 200 << 10, OpenTimeout: await.Timeout, OperationTimeout: await.Timeout, CloseTimeout: await.Timeout}

func openStore(t *testing.T, dir string) *Store {
	t.Helper()
	return Open(dir, longLimits, quiet())
}

func requireState(t *testing.T, s *Store, want string) (why string) {
	t.Helper()
	state, why := s.State()
	require.Equal(t, want, state, why)
	require.Equal(t, want == "ok", why == "", why)
	return why
}

// raw writes a value directly to the database of a store.
func raw(t *testing.T, dir, key string, value []byte) {
	t.Helper()
	e, err := openDisk(dir, longLimits, vfs.Default, quiet())
	require.NoError(t, err)
	require.NoError(t, e.db.Set([]byte(key), value, pebble.Sync))
	require.NoError(t, e.close())
}

func asides(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(dir + ".*")
	require.NoError(t, err)
	return names
}

func TestStore_KeepsValues(t *testing.T) {
	defer await.NoGoroutines(t, goleak.IgnoreCurrent())
	dir := filepath.Join(t.TempDir(), DirName)
	s := openStore(t, dir)
	_, ok := s.LastStatus()
	require.False(t, ok)
	require.Empty(t, s.History(-1))
	for n := range MaxBucketEntries + 20 {
		// All statuses have the same time, as if there were many changes in a second.
		require.NoError(t, s.PutStatus(status(n), time.Unix(1000, 0), true))
	}
	require.NoError(t, s.PutStatus(status(-1), time.Unix(9999, 0), false))
	require.Len(t, s.History(-1), MaxBucketEntries)
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	require.ErrorIs(t, s.PutStatus(status(1), time.Now(), true), ErrClosed)

	s = openStore(t, dir)
	requireState(t, s, "ok")
	e, ok := s.LastStatus()
	require.True(t, ok)
	require.Equal(t, -1, number(t, e))
	require.EqualValues(t, 9999, e.At.Unix())
	history := s.History(-1)
	require.Len(t, history, MaxBucketEntries)
	require.Equal(t, 20, number(t, history[0]), "the oldest are dropped")
	require.Equal(t, MaxBucketEntries+19, number(t, history[MaxBucketEntries-1]))
	require.Equal(t, history[MaxBucketEntries-3:], s.History(3))
	require.NoError(t, s.PutStatus(status(5), time.Unix(1, 0), true), "the order does not change if the clock goes back")
	require.Equal(t, 5, number(t, s.History(1)[0]))
	require.Len(t, s.History(-1), MaxBucketEntries)
	require.NoError(t, s.Close())
}

func TestPut_Buckets(t *testing.T) {
	defer await.NoGoroutines(t, goleak.IgnoreCurrent())
	dir := filepath.Join(t.TempDir(), DirName)
	s := openStore(t, dir)
	at := time.Unix(0, 1_700_000_000_000_000_123)
	require.NoError(t, s.Put("aur", "yay", status(1), at))
	require.NoError(t, s.Put("tracker", "yay", status(2), at))
	for n := range MaxBucketEntries {
		if n == 500 {
			require.NoError(t, s.Put("aur", "yay", status(3), at), "a value that is written again counts as the newest")
		}
		require.NoError(t, s.Put("aur", fmt.Sprint(n), status(n), at))
	}
	check := func() {
		v, vat, ok := s.Get("aur", "yay")
		require.True(t, ok)
		require.Equal(t, status(3), v)
		require.True(t, at.Equal(vat))
		_, _, ok = s.Get("aur", "0")
		require.False(t, ok, "the oldest is dropped")
		_, _, ok = s.Get("aur", "1")
		require.True(t, ok)
		v, _, _ = s.Get("tracker", "yay")
		require.Equal(t, status(2), v)
		_, _, ok = s.Get("tracker", "")
		require.False(t, ok)
	}
	check()
	require.NoError(t, s.Close())
	s = openStore(t, dir)
	check()

	large := text(t, MaxValue-10)
	for n := range 4 {
		require.NoError(t, s.Put("large", fmt.Sprint(n), large, at))
	}
	_, _, ok := s.Get("large", "1")
	require.False(t, ok, "bounded in bytes, too")
	v, _, ok := s.Get("large", "2")
	require.True(t, ok)
	require.Equal(t, large, v)
	check()
	requireState(t, s, "ok")
	require.NoError(t, s.Close())
}

func TestPut_Refuses(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), DirName))
	require.ErrorIs(t, s.Put("b", "k", nil, time.Now()), ErrValue)
	require.ErrorIs(t, s.Put("b", "k", []byte{0xdd, 0xff, 0xff, 0xff, 0xff}, time.Now()), ErrValue)
	require.ErrorIs(t, s.Put("b", "k", text(t, MaxValue), time.Now()), ErrValue)
	require.ErrorIs(t, s.Put("b", strings.Repeat("k", MaxKey), status(1), time.Now()), ErrValue)
	require.ErrorIs(t, s.Put("", "k", status(1), time.Now()), ErrValue)
	require.ErrorIs(t, s.Put("b\x00", "k", status(1), time.Now()), ErrValue)
	require.ErrorIs(t, s.PutStatus([]byte("no"), time.Now(), true), ErrValue)
	_, ok := s.LastStatus()
	require.False(t, ok)
	requireState(t, s, "ok")
	require.NoError(t, s.Close())
}

func TestStore_Concurrent(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), DirName))
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for i := range 50 {
				_ = s.Put("b", fmt.Sprint(n), status(i), time.Now())
				_, _, _ = s.Get("b", fmt.Sprint(i%8))
				_, _ = s.State()
				_, _ = s.LastStatus()
				_ = s.History(2)
				if n == 0 {
					_ = s.PutStatus(status(i), time.Now(), true)
				}
				if n == 1 && i == 40 {
					_ = s.Close()
				}
			}
		})
	}
	wg.Wait()
	require.NoError(t, s.Close())
}

func TestOpen_SetsDamagedAside(t *testing.T) {
	broken := 0
	for _, file := range []string{"MANIFEST", "marker.manifest", "marker.format-version", "OPTIONS"} {
		dir := filepath.Join(t.TempDir(), DirName)
		s := openStore(t, dir)
		require.NoError(t, s.PutStatus(status(1), time.Now(), true))
		require.NoError(t, s.Close())
		names, err := filepath.Glob(filepath.Join(dir, file+"*"))
		require.NoError(t, err)
		for _, name := range names {
			if strings.HasPrefix(file, "marker") {
				require.NoError(t, os.Rename(name, name+"x"))
			} else {
				require.NoError(t, os.WriteFile(name, []byte("garbage, garbage, garbage"), 0o644))
			}
			broken++
		}
		s = openStore(t, dir)
		state, why := s.State()
		require.Contains(t, []string{"ok", "new"}, state, why)
		require.NoError(t, s.PutStatus(status(2), time.Now(), true), file)
		require.NoError(t, s.Close())
		s = openStore(t, dir)
		requireState(t, s, "ok")
		e, ok := s.LastStatus()
		require.True(t, ok, file)
		require.Equal(t, 2, number(t, e))
		require.NoError(t, s.Close())
	}
	require.GreaterOrEqual(t, broken, 3)
}

func TestOpen_SetsOthersAside(t *testing.T) {
	dir := filepath.Join(t.TempDir(), DirName)
	require.NoError(t, os.WriteFile(dir, []byte("not a directory"), 0o644))
	keep := dir + ".backup"
	require.NoError(t, os.Mkdir(keep, 0o700))
	for n := range maxAsideStores + 3 {
		s := openStore(t, dir)
		why := requireState(t, s, "new")
		require.NoError(t, s.PutStatus(status(n), time.Now(), true))
		require.NoError(t, s.Close())
		if n > 0 {
			require.Contains(t, why, "unknown schema 02, this omgd uses 01")
		}
		raw(t, dir, keySchema, []byte{schemaVersion + 1})
	}
	require.Len(t, asides(t, dir), maxAsideStores+1)
	require.DirExists(t, keep)
}

func TestGet_DamagedValue(t *testing.T) {
	dir := filepath.Join(t.TempDir(), DirName)
	s := openStore(t, dir)
	require.NoError(t, s.PutStatus(status(1), time.Now(), true))
	require.NoError(t, s.PutStatus(status(2), time.Now(), true))
	require.NoError(t, s.Close())
	bad := append(make([]byte, headerSize), 0xdd, 0xff, 0xff, 0xff, 0xff)
	raw(t, dir, string(diskKey(bucketStatus, keyLast)), bad)
	raw(t, dir, string(diskKey(bucketHistory, string(binary.BigEndian.AppendUint64(nil, 1)))), []byte("short"))
	raw(t, dir, "no bucket", bad)
	s = openStore(t, dir)
	requireState(t, s, "ok")
	_, ok := s.LastStatus()
	require.False(t, ok)
	history := s.History(-1)
	require.Len(t, history, 1)
	require.Equal(t, 2, number(t, history[0]))
	_, closer, err := s.engine.db.Get([]byte("no bucket"))
	require.ErrorIs(t, err, pebble.ErrNotFound, closer)
	require.NoError(t, s.Close())
}

func TestOpen_NoPlaceToWrite(t *testing.T) {
	defer await.NoGoroutines(t, goleak.IgnoreCurrent())
	s := openStore(t, "/proc/nothing/"+DirName)
	requireState(t, s, "memory")
	require.NoError(t, s.PutStatus(status(5), time.Now(), true))
	e, ok := s.LastStatus()
	require.True(t, ok, "the status of this process is remembered")
	require.Equal(t, 5, number(t, e))
	require.Len(t, s.History(-1), 1)
	require.NoError(t, s.Put("b", "k", status(6), time.Now()))
	v, _, ok := s.Get("b", "k")
	require.True(t, ok)
	require.Equal(t, status(6), v)
	require.NoError(t, s.Close())
}

func TestOpen_ReadOnlyDisk(t *testing.T) {
	mnt := need.Tmpfs(t, "8m")
	dir := filepath.Join(mnt, DirName)
	s := openStore(t, dir)
	require.NoError(t, s.PutStatus(status(1), time.Now(), true))
	require.NoError(t, s.Close())
	require.NoError(t, syscall.Mount("tmpfs", mnt, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	s = openStore(t, dir)
	require.Contains(t, requireState(t, s, "memory"), syscall.EROFS.Error())
	require.NoError(t, s.Close())
	require.NoError(t, syscall.Mount("tmpfs", mnt, "tmpfs", syscall.MS_REMOUNT, "size=8m"))
	s = openStore(t, dir)
	requireState(t, s, "ok")
	e, _ := s.LastStatus()
	require.Equal(t, 1, number(t, e), "nothing was set aside")
	require.NoError(t, s.Close())
}

// TestStore_FullDisk checks that a store continues in memory when its disk is full. The disk fills up while
// the store is open and has to write its log, start a new log and flush.
func TestStore_FullDisk(t *testing.T) {
	for _, size := range []int{100, 20_000, 100_000, 600_000} {
		mnt := need.Tmpfs(t, "4m")
		dir := filepath.Join(mnt, DirName)
		s := openStore(t, dir)
		requireState(t, s, "ok")
		require.NoError(t, s.PutStatus(status(1), time.Now(), true))
		filler := filepath.Join(mnt, "filler")
		f, err := os.Create(filler)
		require.NoError(t, err)
		for b := make([]byte, 4096); err == nil; {
			_, err = f.Write(b)
		}
		require.ErrorIs(t, err, syscall.ENOSPC)
		require.NoError(t, f.Close())
		value := text(t, size)
		for n := 0; n < 40_000; n++ {
			require.NoError(t, s.PutStatus(value, time.Now(), n%2 == 0))
			if state, _ := s.State(); state == "memory" {
				break
			}
		}
		require.Contains(t, requireState(t, s, "memory"), "no space left")
		require.NoError(t, s.PutStatus(status(7), time.Now(), true), "the store goes on in memory")
		e, _ := s.LastStatus()
		require.Equal(t, 7, number(t, e))
		require.Equal(t, 7, number(t, s.History(1)[0]))
		require.NoError(t, s.Close())

		s = openStore(t, dir) // the disk is full, and the old engine still has the lock
		requireState(t, s, "memory")
		require.NoError(t, s.Close())
		require.Empty(t, asides(t, dir))
		_, err = os.Stat(dir)
		require.NotErrorIs(t, err, fs.ErrNotExist)
	}
}
