package records

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

var testHead = Head{Kind: "packages", Name: "core"}

// textOf returns a text with the given records; each is its key and a value.
func textOf(t testing.TB, list ...[2]string) string {
	t.Helper()
	var out bytes.Buffer
	w := NewWriter(&out, testHead)
	var s Sorter
	for _, r := range list {
		object := NewObject(Field{"name", &r[0]}, Field{"value", &r[1]})
		require.NoError(t, s.Add(r[0], object.Append(nil)))
	}
	require.NoError(t, s.WriteTo(w))
	require.NoError(t, w.End(End{SHA256: "abcd", Size: 5, AsOf: 7, Commit: "c", LeftOutCount: 1, LeftOutReason: "because"}))
	return out.String()
}

const goldenText = `{"kind":"packages","format":1,"name":"core"}
{"name":"a","value":"1"}
{"name":"a+b","value":"2"}
{"name":"\u0000e9"}
{"records":3,"as_of":7,"commit":"c","left_out":1,"sha256":"abcd","size":5,"why":"because"}
`

// readAll reads a text and returns its keys and lines.
func readAll(in io.Reader) (r *Reader, keys, lines []string, err error) {
	if r, err = NewReader(in); err != nil {
		return nil, nil, nil, err
	}
	for {
		key, line, err := r.Next()
		if err == io.EOF {
			return r, keys, lines, nil
		}
		if err != nil {
			return r, nil, nil, err
		}
		keys, lines = append(keys, key), append(lines, string(line))
	}
}

func TestText_Golden(t *testing.T) {
	require.Equal(t, goldenText, textOf(t, [2]string{"\xe9"}, [2]string{"a+b", "2"}, [2]string{"a", "1"}))
	for _, in := range []io.Reader{strings.NewReader(goldenText), iotest.OneByteReader(strings.NewReader(goldenText))} {
		r, keys, lines, err := readAll(in)
		require.NoError(t, err)
		require.Equal(t, testHead, r.Head())
		require.Equal(t, End{Count: 3, SHA256: "abcd", Size: 5, AsOf: 7, Commit: "c", LeftOutCount: 1, LeftOutReason: "because"}, r.End())
		require.Equal(t, []string{"a", "a+b", "\xe9"}, keys)
		require.Equal(t, `{"name":"a","value":"1"}`, lines[0])
	}
}

func TestText_Refused(t *testing.T) {
	replaced := func(old, by string) string {
		require.Contains(t, goldenText, old)
		return strings.Replace(goldenText, old, by, 1)
	}
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"empty":                {"", ErrInvalid},
		"another version":      {replaced(`"format":1`, `"format":2`), ErrVersion},
		"a later version":      {replaced(`"format":1`, `"format":2,"new":1`), ErrVersion},
		"no version":           {replaced(`"format":1,`, ``), ErrInvalid},
		"no head":              {goldenText[strings.Index(goldenText, "\n")+1:], ErrInvalid},
		"another order":        {replaced(`"name":"a","value"`, `"name":"b","value"`), ErrInvalid},
		"the same key":         {replaced(`"a+b"`, `"a"`), ErrInvalid},
		"no key":               {replaced(`"name":"a"`, `"name":""`), ErrInvalid},
		"a number as key":      {replaced(`"name":"a"`, `"name":5`), ErrInvalid},
		"an empty line":        {replaced("}\n", "}\n\n"), ErrInvalid},
		"no last line":         {goldenText[:strings.Index(goldenText, `{"records"`)], ErrInvalid},
		"cut off":              {goldenText[:len(goldenText)-1], ErrInvalid},
		"another count":        {replaced(`"records":3`, `"records":4`), ErrInvalid},
		"a negative size":      {replaced(`"size":5`, `"size":-5`), ErrInvalid},
		"a long fact":          {replaced(`because`, strings.Repeat("x", 5000)), ErrInvalid},
		"data after the end":   {goldenText + "{}\n", ErrInvalid},
		"a line after the end": {goldenText + "x", ErrInvalid},
		"carriage returns":     {strings.ReplaceAll(goldenText, "\n", "\r\n"), ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, _, err := readAll(strings.NewReader(c.text))
			require.ErrorIs(t, err, c.want)
		})
	}
	failed := errors.New("failed")
	_, _, _, err := readAll(io.MultiReader(strings.NewReader(goldenText[:60]), iotest.ErrReader(failed)))
	require.ErrorIs(t, err, failed)
	require.NotErrorIs(t, err, ErrInvalid)
}

// endless is a reader without an end. It counts what is read.
type endless struct{ count int64 }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	e.count += int64(len(p))
	return len(p), nil
}

// TestText_EndlessLine checks that a line is read only up to the limit.
func TestText_EndlessLine(t *testing.T) {
	e := &endless{}
	_, err := NewReader(e)
	require.ErrorIs(t, err, ErrInvalid)
	require.LessOrEqual(t, e.count, int64(MaxLine+128<<10))
}

func TestWriter_Refuses(t *testing.T) {
	w := NewWriter(io.Discard, testHead)
	require.NoError(t, w.Write("b", []byte(`{"name":"b"}`)))
	require.ErrorIs(t, w.Write("b", []byte(`{"name":"b"}`)), ErrInvalid)
	require.ErrorIs(t, w.Write("a", []byte(`{"name":"a"}`)), ErrInvalid)
	require.ErrorIs(t, w.Write("c", make([]byte, MaxLine+1)), ErrTooLarge)
	require.ErrorIs(t, w.End(End{LeftOutReason: strings.Repeat("x", maxFact+1)}), ErrInvalid)
	require.NoError(t, w.End(End{}))
	full := NewWriter(failingWriter{}, testHead)
	require.NoError(t, full.Write("b", []byte(`{"name":"b"}`)))
	require.ErrorIs(t, full.End(End{}), io.ErrShortWrite)
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestCompressor(t *testing.T) {
	text := strings.Repeat(goldenText, 10_000)
	compress := func(w io.WriteCloser, err error) {
		require.NoError(t, err)
		_, err = io.Copy(w, iotest.HalfReader(strings.NewReader(text)))
		require.NoError(t, err)
		require.NoError(t, w.Close())
		require.NoError(t, w.Close(), "closed again")
	}
	var packed, again bytes.Buffer
	compress((&encoders{level: thorough.level, window: thorough.window}).compressor(&packed))
	// A compressor that was used for another text, which it could not write, gives the same bytes as a new one.
	used, err := NewCompressor(failingWriter{})
	require.NoError(t, err)
	_, err = io.Copy(used, strings.NewReader(text[7:]))
	require.ErrorIs(t, errors.Join(err, used.Close()), io.ErrShortWrite)
	compress(NewCompressor(&again))
	require.Equal(t, packed.Bytes(), again.Bytes())
	for name, c := range map[string]struct {
		packed []byte
		size   int
		want   error
	}{
		"whole":              {packed.Bytes(), len(text), nil},
		"too long":           {packed.Bytes(), len(text) - 1, ErrInvalid},
		"far too long":       {packed.Bytes(), 10, ErrInvalid},
		"too short":          {packed.Bytes(), len(text) + 1, ErrInvalid},
		"cut off":            {packed.Bytes()[:packed.Len()/2], len(text), ErrInvalid},
		"not compressed":     {[]byte(goldenText), len(goldenText), ErrInvalid},
		"nothing":            {nil, 1, ErrInvalid},
		"data after the end": {append(packed.Bytes()[:packed.Len():packed.Len()], 1, 2, 3, 4, 5), len(text), ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := NewDecompressor(bytes.NewReader(c.packed), int64(c.size))
			require.NoError(t, err)
			defer r.Close()
			got, err := io.ReadAll(r)
			require.ErrorIs(t, err, c.want)
			require.LessOrEqual(t, len(got), c.size)
			if c.want == nil {
				require.Equal(t, text, string(got))
			}
		})
	}
}
