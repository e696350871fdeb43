package records

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// patchOf returns the patch with which one text becomes another.
func patchOf(t testing.TB, from, to string) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, WritePatch(&out, strings.NewReader(from), strings.NewReader(to)))
	return out.String()
}

func TestPatch_Golden(t *testing.T) {
	from := textOf(t, [2]string{"a", "1"}, [2]string{"b", "1"}, [2]string{"c", "1"}, [2]string{"\xe9", "1"})
	to := textOf(t, [2]string{"a", "1"}, [2]string{"b", "2"}, [2]string{"bb", "1"}, [2]string{"c", "1"})
	require.Equal(t, `={"kind":"packages","format":1,"name":"core"}
+{"name":"b","value":"2"}
+{"name":"bb","value":"1"}
-"\u0000e9"
.{"records":4,"as_of":7,"commit":"c","left_out":1,"sha256":"abcd","size":5,"why":"because"}
`, patchOf(t, from, to))
}

// TestPatch_Chains makes random texts from each other, and checks that each patch gives exactly the next text.
func TestPatch_Chains(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 1))
		values := map[string]string{}
		text := func() string {
			var list [][2]string
			for key, value := range values {
				list = append(list, [2]string{key, value})
			}
			return textOf(t, list...)
		}
		from := text()
		for range 30 {
			for range rng.IntN(8) {
				key := fmt.Sprintf("%c%c", 'a'+rng.IntN(4), 0xfe+rng.IntN(4))
				if values[key] = strings.Repeat("x", rng.IntN(3)); rng.IntN(3) == 0 {
					delete(values, key)
				}
			}
			to := text()
			var got bytes.Buffer
			require.NoError(t, ApplyPatch(&got, strings.NewReader(from), strings.NewReader(patchOf(t, from, to)), int64(len(to))))
			require.Equal(t, to, got.String())
			from = to
		}
	}
}

func TestPatch_Refused(t *testing.T) {
	from := textOf(t, [2]string{"a", "1"}, [2]string{"b", "1"}, [2]string{"c", "1"})
	to := textOf(t, [2]string{"a", "2"}, [2]string{"c", "1"}, [2]string{"d", "1"})
	patch := patchOf(t, from, to)
	apply := func(from, patch string, size int) error {
		return ApplyPatch(&bytes.Buffer{}, strings.NewReader(from), strings.NewReader(patch), int64(size))
	}
	require.NoError(t, apply(from, patch, len(to)))
	require.ErrorIs(t, apply(from, patch, len(to)-1), ErrInvalid)
	require.ErrorIs(t, apply(from, patch, len(to)+1), ErrInvalid)
	require.ErrorIs(t, apply(from, patch, 10), ErrInvalid)
	require.ErrorIs(t, apply(to, patch, len(to)), ErrInvalid, "the patch deletes what is not there")
	require.ErrorIs(t, apply(strings.Replace(from, "core", "extra", 1), patch, len(to)+1), ErrInvalid, "another source")
	require.ErrorIs(t, apply(from, to, len(to)), ErrInvalid, "a text is not a patch")
	require.ErrorIs(t, apply(patch, patch, len(to)), ErrInvalid)
	for i := range len(patch) {
		require.ErrorIs(t, apply(from, patch[:i], len(to)), ErrInvalid, patch[:i])
	}
	for i := range len(from) {
		require.ErrorIs(t, apply(from[:i], patch, len(to)), ErrInvalid, from[:i])
	}
	for name, wrong := range map[string]string{
		"another order":  strings.Replace(patch, `+{"name":"d"`, `+{"name":"a"`, 1),
		"an empty line":  strings.Replace(patch, "\n", "\n\n", 1),
		"another letter": strings.Replace(patch, "\n+", "\n*", 1),
		"no key":         strings.Replace(patch, `-"b"`, `-"b`, 1),
		"an empty key":   strings.Replace(patch, `-"b"`, `-""`, 1),
		"two heads":      strings.Replace(patch, "\n+", "\n=", 1),
		"after the end":  patch + "+{\"name\":\"e\"}\n",
	} {
		require.NotEqual(t, patch, wrong, name)
		require.ErrorIs(t, apply(from, wrong, len(to)), ErrInvalid, name)
	}
	require.ErrorIs(t, WritePatch(&bytes.Buffer{}, strings.NewReader(from), strings.NewReader(strings.Replace(to, "core", "extra", 1))), ErrInvalid)
}

// FuzzApplyPatch checks that no patch makes more bytes than are expected, and that a patch that can be applied to a text gives another text.
func FuzzApplyPatch(f *testing.F) {
	from := textOf(f, [2]string{"a", "1"}, [2]string{"b", "1"})
	to := textOf(f, [2]string{"a", "2"}, [2]string{"c", "1"})
	f.Add(from, patchOf(f, from, to), len(to))
	f.Add(to, patchOf(f, to, from), len(from))
	f.Fuzz(func(t *testing.T, from, patch string, size int) {
		var out bytes.Buffer
		err := ApplyPatch(&out, strings.NewReader(from), strings.NewReader(patch), int64(size))
		if err != nil {
			require.LessOrEqual(t, out.Len(), max(0, size))
			return
		}
		require.Equal(t, size, out.Len())
	})
}

// stream is a text with many records that is made while it is read.
type stream struct {
	next, count int
	value       string
	rest        []byte
	size        int64 // how many bytes were read
	onRead      func(size int64)
}

func (s *stream) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		switch {
		case s.next == 0:
			s.rest = []byte(`{"kind":"packages","format":1,"name":"core"}` + "\n")
		case s.next <= s.count:
			s.rest = fmt.Appendf(nil, `{"name":"%09d","value":%q}`+"\n", s.next, s.value)
		case s.next == s.count+1:
			s.rest = fmt.Appendf(nil, `{"records":%d}`+"\n", s.count)
		default:
			return 0, io.EOF
		}
		s.next++
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	s.size += int64(n)
	if s.onRead != nil {
		s.onRead(s.size)
	}
	return n, nil
}

// countingWriter counts what is written.
type countingWriter struct{ size int64 }

func (w *countingWriter) Write(p []byte) (int, error) {
	w.size += int64(len(p))
	return len(p), nil
}

// TestPatch_Streams checks that neither making nor applying a patch keeps more than a little of a text.
func TestPatch_Streams(t *testing.T) {
	const count, most = 100_000, 256 << 10
	var made, applied countingWriter
	isNear := func(out *countingWriter) func(int64) {
		return func(size int64) {
			if ahead := size - out.size; ahead > most || ahead < -most {
				require.FailNow(t, "too much is kept in memory", "%d bytes", ahead)
			}
		}
	}
	from, to := &stream{count: count, value: "1"}, &stream{count: count, value: "2", onRead: isNear(&made)}
	require.NoError(t, WritePatch(&made, from, to))
	require.Greater(t, to.size, int64(10*most))
	require.InDelta(t, to.size, from.size, 0)

	none := `={"kind":"packages","format":1,"name":"core"}` + "\n" + `.{"records":100000}` + "\n"
	from = &stream{count: count, value: "1", onRead: isNear(&applied)}
	require.NoError(t, ApplyPatch(&applied, from, strings.NewReader(none), to.size))
	require.Equal(t, to.size, applied.size)
}
