package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/need"
)

const (
	monday = 1_790_000_000
	day    = 24 * 60 * 60
)

// entry returns an entry with the given number of events. Its interval begins n days after monday.
func entry(n, events int) *Entry {
	e := &Entry{Observation: Observation{
		Outcome: OutcomeCompared, Source: SourceDump, Between: Interval{int64(monday + n*day), int64(monday + (n+1)*day)},
		PackageCount: uint64(100_000 + n), SHA256: Digest{byte(n), 1},
	}}
	for i := range events {
		e.Events = append(e.Events, Event{
			Base: fmt.Sprintf("base-%d-%d", n, i), Kind: EventKind(1 + i%12), From: strings.Repeat("f", i%3), To: "tö", Between: e.Between,
		})
	}
	return e
}

func clone(e *Entry) *Entry {
	return &Entry{Observation: e.Observation, Events: slices.Clone(e.Events)}
}

func all(t testing.TB, path string) (list []*Entry, s State) {
	t.Helper()
	s, err := Read(path, nil, func(e *Entry) error {
		list = append(list, clone(e))
		return nil
	})
	require.NoError(t, err)
	return list, s
}

func ignore(*Entry) error { return nil }

func appendTo(t testing.TB, path string, l limits, entries ...*Entry) *Writer {
	t.Helper()
	w, err := openWriter(path, l, ignore)
	require.NoError(t, err)
	for _, e := range entries {
		require.NoError(t, w.Append(e))
	}
	require.NoError(t, w.Close())
	return w
}

func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestWriter_Append(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	want := []*Entry{entry(0, 0), entry(1, 30), entry(2, 1)}
	want[0].Outcome, want[0].Events = OutcomeBaseline, nil
	appendTo(t, path, realLimits, want[0], want[1])
	w, err := OpenWriter(path, ignore)
	require.NoError(t, err)
	require.NoError(t, w.Append(want[2]))
	got, s := all(t, path)
	require.Equal(t, want, got)
	require.Empty(t, s.Problem())
	fi, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, State{ReadableSize: fi.Size()}, s)
	require.EqualValues(t, 0o644, fi.Mode())

	_, err = OpenWriter(path, ignore)
	require.ErrorIs(t, err, ErrLocked)
	require.ErrorContains(t, err, path)
	require.NoError(t, w.Close())
	appendTo(t, path, realLimits)
}

// TestWriter_Torn cuts a journal off at each byte of its last entry, as a crash does. The earlier entries must stay
// readable, and a new entry must be appended to them.
func TestWriter_Torn(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	appendTo(t, path, realLimits, entry(0, 3))
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	appendTo(t, path, realLimits, entry(1, 5))
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for size := len(before) + 1; size < len(whole); size++ {
		zeros := slices.Concat(whole[:size], make([]byte, len(whole)-size))
		for name, content := range map[string][]byte{"cut off": whole[:size], "zeros": zeros} {
			if bytes.Equal(content, whole) {
				continue // the last bytes are zeros
			}
			require.NoError(t, os.WriteFile(path, content, 0o644))
			got, s := all(t, path)
			require.Equal(t, []*Entry{entry(0, 3)}, got, "%s at %d", name, size)
			require.Equal(t, State{ReadableSize: int64(len(before)), TornBytes: int64(len(content) - len(before))}, s, "%s at %d", name, size)
			require.Contains(t, s.Problem(), "incomplete")
		}
		fi, err := os.Stat(path)
		require.NoError(t, err)
		w := appendTo(t, path, realLimits, entry(2, 1))
		require.EqualValues(t, fi.Size()-int64(len(before)), w.InitialState.TornBytes)
		got, s := all(t, path)
		require.Equal(t, []*Entry{entry(0, 3), entry(2, 1)}, got)
		require.Empty(t, s.Problem())
	}
	require.Equal(t, []string{FileName}, files(t, filepath.Dir(path)))
}

// TestWriter_Zeros checks that zeros at the end of a journal count as an incomplete entry: after a power failure, a file
// can have grown without the written data.
func TestWriter_Zeros(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	appendTo(t, path, realLimits, entry(0, 3))
	fi, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(path, fi.Size()+10_000))
	_, s := all(t, path)
	require.Equal(t, State{ReadableSize: fi.Size(), TornBytes: 10_000}, s)
}

// TestRead_Damaged changes each byte of a journal with three entries. Read must detect the change, and must still return
// the entries before the changed one.
func TestRead_Damaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	entries := []*Entry{entry(0, 1), entry(1, 2), entry(2, 3)}
	ends := []int{headerSize}
	for _, e := range entries {
		appendTo(t, path, realLimits, e)
		fi, err := os.Stat(path)
		require.NoError(t, err)
		ends = append(ends, int(fi.Size()))
	}
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for at := range whole {
		require.NoError(t, os.RemoveAll(path+DamagedSuffix))
		damaged := bytes.Clone(whole)
		damaged[at] ^= 0x10
		require.NoError(t, os.WriteFile(path, damaged, 0o644))
		if at < headerSize {
			_, err := Read(path, nil, ignore)
			require.Error(t, err)
			_, err = OpenWriter(path, ignore)
			require.Error(t, err, "a file that is not a journal must not be changed")
			continue
		}
		in, _ := slices.BinarySearch(ends, at+1)
		in-- // the damaged entry
		got, s := all(t, path)
		require.NotEmpty(t, s.Problem())
		lost := at-ends[in] < 8 // the changed byte is in the length of the payload, or in the checksum of this length
		var want []*Entry
		if lost {
			want = slices.Clone(entries[:in])
			require.True(t, s.RestLost, at)
		} else {
			want = slices.Delete(slices.Clone(entries), in, in+1)
			require.Equal(t, in == 2, s.TornBytes > 0, at)
		}
		require.Len(t, got, len(want))
		for i := range want {
			require.Equal(t, want[i], got[i])
		}
		appendTo(t, path, realLimits, entry(5, 1))
		got, s = all(t, path)
		require.Empty(t, s.Problem())
		require.Equal(t, append(want, entry(5, 1)), got)
		kept, err := os.ReadFile(path + DamagedSuffix)
		if in == 2 && !lost {
			require.ErrorIs(t, err, fs.ErrNotExist, "a torn end is not kept")
			continue
		}
		require.NoError(t, err)
		require.Equal(t, damaged, kept)
	}
}

func TestRead_Errors(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, content, 0o644))
		return path
	}
	newer := newHeader()
	newer[8] = version + 1
	byteOrder.PutUint32(newer[12:], checksumOf(newer[:12]))
	pipe := filepath.Join(dir, "pipe")
	require.NoError(t, unix.Mkfifo(pipe, 0o600))
	for name, c := range map[string]struct {
		path string
		want error
	}{
		"no file":           {filepath.Join(dir, "none"), fs.ErrNotExist},
		"an empty file":     {write("empty", nil), ErrNotJournal},
		"another file":      {write("other", []byte("OMGINDEX and more of it")), ErrNotJournal},
		"half a header":     {write("half", newHeader()[:9]), ErrNotJournal},
		"a newer version":   {write("newer", newer), ErrVersion},
		"a directory":       {dir, ErrNotJournal},
		"a pipe":            {pipe, ErrNotJournal},
		"a damaged version": {write("damaged", slices.Concat(newHeader()[:8], make([]byte, 8))), ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read(c.path, nil, ignore)
			require.ErrorIs(t, err, c.want)
			require.ErrorContains(t, err, c.path)
		})
	}
}

func TestRead_Trust(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	appendTo(t, path, realLimits, entry(0, 1))
	_, err := Read(path, func(uint32) bool { return false }, ignore)
	require.ErrorContains(t, err, "belongs to")
	require.NoError(t, os.Chmod(path, 0o666))
	_, err = Read(path, func(uint32) bool { return true }, ignore)
	require.ErrorContains(t, err, "chmod go-w")
}

func TestRead_ErrorOfCaller(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	appendTo(t, path, realLimits, entry(0, 1), entry(1, 1))
	mine, calls := errors.New("mine"), 0
	_, err := Read(path, nil, func(*Entry) error { calls++; return mine })
	require.Equal(t, mine, err)
	require.Equal(t, 1, calls)
}

// TestWriter_Bounded appends many entries to a journal with a low limit. The journal must stay below the limit and keep
// the newest entries.
func TestWriter_Bounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	low := limits{fileSize: 8000, shrunkFileSize: 6000, payloadSize: 1000}
	dropped := 0
	for n := range 100 {
		dropped += appendTo(t, path, low, entry(n, 10)).DroppedEntries
		got, s := all(t, path)
		require.Empty(t, s.Problem())
		require.LessOrEqual(t, s.ReadableSize, low.fileSize)
		require.Len(t, got, n+1-dropped)
		for i, e := range got {
			require.Equal(t, entry(dropped+i, 10), e)
		}
		if dropped > 0 {
			require.Greater(t, s.ReadableSize, low.shrunkFileSize-low.shrunkFileSize/4)
		}
	}
	require.Greater(t, dropped, 50)

	w, err := openWriter(path, low, ignore)
	require.NoError(t, err)
	defer w.Close()
	require.ErrorIs(t, w.Append(entry(100, 500)), ErrTooLarge)
	_, s := all(t, path)
	require.Empty(t, s.Problem())
}

// appendLimited adds an entry to a journal while the size of files that this process can write is limited. A write then
// fails like a write to a full disk.
func appendLimited(t *testing.T, path, size string) {
	limit, err := strconv.ParseUint(size, 10, 64)
	require.NoError(t, err)
	w, err := OpenWriter(path, ignore)
	require.NoError(t, err)
	signal.Ignore(unix.SIGXFSZ)
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: limit, Max: limit}))
	require.ErrorIs(t, w.Append(entry(1, 20)), unix.EFBIG)
	require.NoError(t, w.Close())
}

// TestWriter_WriteFails lets a write fail at several positions. The journal must keep its earlier entries, and a new entry
// can be added later. Each write is made by a separate process, because the limit applies to a whole process, and go test
// writes files, too.
func TestWriter_WriteFails(t *testing.T) {
	const limited, sized = "JOURNAL_LIMITED", "JOURNAL_SIZE"
	if path := os.Getenv(limited); path != "" {
		appendLimited(t, path, os.Getenv(sized))
		return
	}
	program, path := need.OwnProgram(t), filepath.Join(t.TempDir(), FileName)
	appendTo(t, path, realLimits, entry(0, 3))
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	frame, err := entry(1, 20).encodeFrame(realLimits)
	require.NoError(t, err)
	for fits := 0; fits < len(frame); fits += len(frame) / 4 {
		child := exec.CommandContext(t.Context(), program, "-test.run=^"+t.Name()+"$")
		child.Env = append(os.Environ(), limited+"="+path, fmt.Sprintf("%s=%d", sized, len(before)+fits))
		out, err := child.CombinedOutput()
		require.NoError(t, err, "%s", out)
		now, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, before, now)
	}
	appendTo(t, path, realLimits, entry(1, 20))
	got, _ := all(t, path)
	require.Equal(t, []*Entry{entry(0, 3), entry(1, 20)}, got)
}

// TestWriter_ReplaceFails creates and shortens a journal, and lets each step of this fail once.
func TestWriter_ReplaceFails(t *testing.T) {
	low := limits{fileSize: 3000, shrunkFileSize: 2000, payloadSize: 1000}
	frame, err := entry(0, 10).encodeFrame(low)
	require.NoError(t, err)
	for name, first := range map[string]int{"create": 0, "shorten": int(low.fileSize-headerSize) / len(frame)} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), FileName)
			for n := range first {
				appendTo(t, path, low, entry(n, 10))
			}
			for at := 1; ; at++ {
				w, err := openWriter(path, low, ignore)
				require.NoError(t, err)
				steps := 0
				var failed atomicfile.Op
				inject := atomicfile.Fault(func(op atomicfile.Op, _ string) error {
					if steps++; steps == at {
						failed = op
						return unix.EIO
					}
					return nil
				})
				atomicfile.TestFault.Store(&inject)
				err = w.Append(entry(first, 10))
				atomicfile.TestFault.Store(nil)
				require.NoError(t, w.Close())
				if failed == "" {
					require.NoError(t, err)
					require.Equal(t, first > 0, w.DroppedEntries > 0)
					break
				}
				require.ErrorIs(t, err, unix.EIO)
				require.ErrorContains(t, err, path)
				if failed == atomicfile.OpSyncDir {
					break // the new journal is there, but may not survive a power failure
				}
				if first == 0 {
					require.NoFileExists(t, path)
					continue
				}
				got, s := all(t, path)
				require.Empty(t, s.Problem())
				require.Len(t, got, first)
			}
		})
	}
}

// TestWriter_UnknownEvents checks that a rewritten journal keeps events of a kind that only a later version of omg knows.
func TestWriter_UnknownEvents(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	later := entry(0, 1)
	later.Events[0].Kind = 200
	appendTo(t, path, realLimits, later)
	w, err := OpenWriter(path, ignore)
	require.NoError(t, err)
	defer w.Close()
	require.NoError(t, w.rewrite(func(int64) bool { return true }, nil))
	got, _ := all(t, path)
	require.Equal(t, []*Entry{later}, got)
}

// FuzzRead checks that the reader accepts any file without a panic or a large allocation, and that what it reads can be
// written again.
func FuzzRead(f *testing.F) {
	frame, err := entry(1, 3).encodeFrame(realLimits)
	require.NoError(f, err)
	f.Add(slices.Concat(newHeader(), frame, frame))
	f.Add(slices.Concat(newHeader(), frame, frame[:20]))
	f.Add(slices.Concat(newHeader(), make([]byte, 50)))
	f.Fuzz(func(t *testing.T, content []byte) {
		// The fuzzer cannot guess checksums, so write the correct checksums into the first frame.
		if at := headerSize; len(content) > at+frameHeaderSize {
			copy(content, newHeader())
			body := content[at+frameHeaderSize:]
			if length := int(byteOrder.Uint32(content[at:])); length < len(body) {
				body = body[:length]
			}
			byteOrder.PutUint32(content[at:], uint32(len(body)))
			byteOrder.PutUint32(content[at+4:], checksumOf(content[at:at+4]))
			byteOrder.PutUint32(content[at+8:], checksumOf(body))
		}
		_, _ = read(bytes.NewReader(content), int64(len(content)), realLimits, func(e *Entry) error {
			frame, err := e.encodeFrame(realLimits)
			if err != nil {
				t.Fatal(err)
			}
			var again Entry
			if err := again.decode(frame[frameHeaderSize:]); err != nil {
				t.Fatal(err)
			}
			return nil
		})
	})
}
