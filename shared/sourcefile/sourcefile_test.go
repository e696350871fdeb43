package sourcefile

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
	return path
}

func drain(in io.Reader) error {
	_, err := io.Copy(io.Discard, in)
	return err
}

func TestRead(t *testing.T) {
	path := write(t, "hello")
	f, err := Read(t.Context(), path, drain)
	require.NoError(t, err)
	require.Equal(t, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", f.HexDigest())
	require.EqualValues(t, 5, f.Stamp.Size)
	digest, err := DigestOfPath(t.Context(), path)
	require.NoError(t, err)
	require.Equal(t, f.HexDigest(), digest)
	fi, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, StampOf(fi), f.Stamp)
	require.Equal(t, fi.ModTime().Unix(), f.Stamp.MtimeSeconds())
}

func TestRead_Errors(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	require.NoError(t, unix.Mkfifo(pipe, 0o600))
	loop := filepath.Join(dir, "loop")
	require.NoError(t, os.Symlink("loop", loop))
	for name, c := range map[string]struct {
		path string
		want error
	}{
		"no file":          {filepath.Join(dir, "none"), fs.ErrNotExist},
		"an empty file":    {write(t, ""), ErrEmpty},
		"a directory":      {dir, ErrNotRegular},
		"a pipe":           {pipe, ErrNotRegular},
		"a device":         {os.DevNull, ErrNotRegular},
		"a link to itself": {loop, unix.ELOOP},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read(t.Context(), c.path, drain)
			require.ErrorIs(t, err, c.want)
			var where *fs.PathError
			require.ErrorAs(t, err, &where)
			require.Equal(t, c.path, where.Path)
		})
	}
}

// TestRead_Changed checks that Read returns ErrChanged if the file changes while it is read, whatever error the parser
// returns.
func TestRead_Changed(t *testing.T) {
	for name, result := range map[string]error{"parsed": nil, "not parsed": ErrDamaged} {
		t.Run(name, func(t *testing.T) {
			path := write(t, "hello")
			_, err := Read(t.Context(), path, func(in io.Reader) error {
				require.NoError(t, drain(in))
				require.NoError(t, os.WriteFile(path, []byte("hello, world"), 0o644))
				return result
			})
			require.ErrorIs(t, err, ErrChanged)
			require.NotErrorIs(t, err, ErrDamaged)
		})
	}
}

func TestRead_Caller(t *testing.T) {
	mine := errors.New("mine")
	_, err := Read(t.Context(), write(t, "hello"), func(io.Reader) error { return MarkCallerError(mine) })
	require.Equal(t, mine, err)
	require.True(t, IsCallerError(MarkCallerError(mine)))
	require.False(t, IsCallerError(mine))
	require.EqualError(t, MarkCallerError(mine), "mine")
}

// TestRead_System checks that an error of the system is returned unchanged, with its path.
func TestRead_System(t *testing.T) {
	failed := &fs.PathError{Op: "mmap", Path: "/elsewhere", Err: unix.ENOMEM}
	_, err := Read(t.Context(), write(t, "hello"), func(io.Reader) error { return failed })
	require.Equal(t, failed, err)
}

// TestRead_Link checks that Read follows a link and returns the stamp of the link's target.
func TestRead_Link(t *testing.T) {
	path := write(t, "hello")
	link := path + "-link"
	require.NoError(t, os.Symlink(path, link))
	f, err := Read(t.Context(), link, drain)
	require.NoError(t, err)
	stamp, err := StampOfPath(path)
	require.NoError(t, err)
	require.Equal(t, stamp, f.Stamp)
	require.Equal(t, link, f.Path)
}

// TestStamp checks that all functions return the same stamp for a file until the file changes.
func TestStamp(t *testing.T) {
	path := write(t, "hello")
	stamp, err := StampOfPath(path)
	require.NoError(t, err)
	fi, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, StampOf(fi), stamp)
	var st unix.Stat_t
	require.NoError(t, unix.Stat(path, &st))
	require.Equal(t, StampOfStat(&st), stamp)
	require.Equal(t, st.Ctim.Sec, stamp.CtimeSeconds())
	f, opened, err := Open(path)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.Equal(t, stamp, opened)

	_, err = StampOfPath(path + "-none")
	require.ErrorIs(t, err, fs.ErrNotExist)
	old := time.Unix(1_600_000_000, 0)
	require.NoError(t, os.Chtimes(path, old, old))
	touched, err := StampOfPath(path)
	require.NoError(t, err)
	require.EqualValues(t, 1_600_000_000, touched.MtimeSeconds())
	require.NotEqual(t, stamp, touched)
	require.NoError(t, os.WriteFile(path+"-2", []byte("hello"), 0o644))
	require.NoError(t, os.Chtimes(path+"-2", old, old))
	require.NoError(t, os.Rename(path+"-2", path))
	replaced, err := StampOfPath(path)
	require.NoError(t, err)
	require.NotEqual(t, touched, replaced, "another file of the same size and time")
}

func TestRead_Canceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Read(ctx, write(t, "hello"), func(in io.Reader) error {
		cancel()
		return drain(in)
	})
	require.Equal(t, context.Canceled, err)
}

func TestStampOf_TimesThatDoNotFit(t *testing.T) {
	for _, at := range []time.Time{
		time.Unix(0, 0), time.Unix(1_662_940_800, 7), time.Date(1960, 1, 1, 0, 0, 0, 5, time.UTC), time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		require.Equal(t, at.UnixNano(), clampedUnixNano(at))
	}
	require.Equal(t, int64(math.MaxInt64), clampedUnixNano(time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)))
	require.Equal(t, int64(math.MinInt64), clampedUnixNano(time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)))
}

func TestStamp_Fresh(t *testing.T) {
	now := time.Unix(100, int64(900*time.Millisecond))
	require.False(t, Stamp{}.MayStillChange(now), "no file")
	require.True(t, Stamp{CtimeNS: time.Unix(99, 0).UnixNano()}.MayStillChange(now), "whole seconds")
	require.False(t, Stamp{CtimeNS: time.Unix(99, 1).UnixNano()}.MayStillChange(now))
	require.True(t, Stamp{CtimeNS: now.Add(-10 * time.Millisecond).UnixNano()}.MayStillChange(now))
	require.True(t, Stamp{CtimeNS: now.Add(time.Hour).UnixNano()}.MayStillChange(now), "a clock that was set back")
}
