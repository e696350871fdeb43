package statusfile

import (
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func example() Status {
	return Status{
		Installed: Some(1200), Explicit: Some(99), Orphans: Some(0), Updates: Count{},
		Ignored: Some(2), Foreign: Some(4), AURUpdates: Count{}, Vulnerable: Some(7),
		Refreshed: time.Unix(1_700_000_000, 0), Interval: 300 * time.Second,
		Boot: [16]byte{1, 2, 3},
	}
}

func me(uid uint32) bool { return int(uid) == os.Getuid() }

// TestBytes spells the file out.
func TestBytes(t *testing.T) {
	require.Equal(t, strings.Join([]string{
		"53474d4f", "01000000", "b0040000", "63000000", "00000000", "ffffffff", "00f1536500000000",
		"2c010000", "b7000000", "01020300000000000000000000000000", "02000000", "04000000", "ffffffff", "07000000",
	}, ""), hex.EncodeToString(Marshal(example())))
	got, err := Unmarshal(Marshal(example()))
	require.NoError(t, err)
	require.Equal(t, example(), got)
	got, err = Unmarshal(append(Marshal(example()), "from a later version"...))
	require.NoError(t, err)
	require.Equal(t, example(), got)
}

func TestUnmarshalRefuses(t *testing.T) {
	good := Marshal(example())
	for n := range good {
		_, err := Unmarshal(good[:n])
		require.ErrorIs(t, err, ErrDamaged)
	}
	for _, at := range []int{0, 1, 2, 3, 4} {
		bad := Marshal(example())
		bad[at]++
		_, err := Unmarshal(bad)
		require.ErrorIs(t, err, ErrDamaged)
	}
	_, err := Unmarshal(make([]byte, maxSize+1))
	require.ErrorIs(t, err, ErrDamaged)
}

func TestWriteAndRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "omg.status")
	require.NoError(t, Write(path, Status{}))
	require.NoError(t, Write(path, example()))
	got, err := Read(path, me)
	require.NoError(t, err)
	require.Equal(t, example(), got)
	fi, err := os.Lstat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), fi.Mode())
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

// TestPromptsOfOld reads the numbers as prompts do.
func TestPromptsOfOld(t *testing.T) {
	if _, err := exec.LookPath("od"); err != nil {
		t.Skip("od is not installed")
	}
	path := filepath.Join(t.TempDir(), "omg.status")
	require.NoError(t, Write(path, example()))
	out, err := exec.Command("od", "-An", "-j8", "-N16", "-tu4", path).Output()
	require.NoError(t, err)
	require.Equal(t, []string{"1200", "99", "0", "4294967295"}, strings.Fields(string(out)))
}

func TestReadRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		make func(t *testing.T, path string)
		want error
	}{
		"nothing":   {func(*testing.T, string) {}, os.ErrNotExist},
		"a symlink": {func(t *testing.T, p string) { require.NoError(t, os.Symlink("/etc/passwd", p)) }, syscall.ELOOP},
		"a FIFO":    {func(t *testing.T, p string) { require.NoError(t, syscall.Mkfifo(p, 0o600)) }, ErrDamaged},
		"a dir":     {func(t *testing.T, p string) { require.NoError(t, os.Mkdir(p, 0o700)) }, ErrDamaged},
		"empty":     {func(t *testing.T, p string) { require.NoError(t, os.WriteFile(p, nil, 0o600)) }, ErrDamaged},
		"text":      {func(t *testing.T, p string) { require.NoError(t, os.WriteFile(p, make([]byte, 100), 0o600)) }, ErrDamaged},
		"huge":      {func(t *testing.T, p string) { require.NoError(t, os.WriteFile(p, make([]byte, 1<<20), 0o600)) }, ErrDamaged},
		"writable": {func(t *testing.T, p string) {
			require.NoError(t, Write(p, example()))
			require.NoError(t, os.Chmod(p, 0o622))
		}, ErrUntrusted},
		"not so old": {func(t *testing.T, p string) { require.NoError(t, os.WriteFile(p, Marshal(example())[:32], 0o600)) }, ErrDamaged},
	} {
		path := filepath.Join(t.TempDir(), "omg.status")
		c.make(t, path)
		_, err := Read(path, me)
		require.ErrorIs(t, err, c.want, name)
	}
	path := filepath.Join(t.TempDir(), "omg.status")
	require.NoError(t, Write(path, example()))
	_, err := Read(path, func(uint32) bool { return false })
	require.ErrorIs(t, err, ErrUntrusted)
}

func TestStale(t *testing.T) {
	s := example()
	require.False(t, s.Stale(s.Refreshed.Add(900*time.Second), s.Boot))
	require.True(t, s.Stale(s.Refreshed.Add(901*time.Second), s.Boot))
	require.True(t, s.Stale(s.Refreshed, [16]byte{}), "another boot")
	require.Equal(t, Boot(), Boot())
	require.NotZero(t, Boot())
}

func FuzzUnmarshal(f *testing.F) {
	f.Add(Marshal(example()))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Unmarshal(b)
		if err != nil {
			return
		}
		again, err := Unmarshal(Marshal(s))
		require.NoError(t, err)
		require.Equal(t, s, again)
	})
}
