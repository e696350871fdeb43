package journal

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestExport(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	e := entry(0, 0)
	e.Events = []Event{{Base: "demo", Kind: EventAdopted, To: "b\u202eob\x1b", Between: e.Between}}
	appendTo(t, path, realLimits, e)
	var out bytes.Buffer
	_, err := Export(path, &out)
	require.NoError(t, err)
	require.Equal(t, `{"observation":"compared","source":"dump","between":["2026-09-21T14:13:20Z","2026-09-22T14:13:20Z"],`+
		`"packages":100000,"sha256":"0001`+strings.Repeat("00", 30)+`"}`+"\n"+
		`{"pkgbase":"demo","event":"adopted","from":null,"to":"b\u202eob\u001b","between":["2026-09-21T14:13:20Z","2026-09-22T14:13:20Z"]}`+"\n",
		out.String())
}

func TestImport_Exported(t *testing.T) {
	dir := t.TempDir()
	path, again := filepath.Join(dir, FileName), filepath.Join(dir, "again")
	baseline, refused := entry(0, 0), entry(4, 0)
	baseline.Outcome, refused.Outcome = OutcomeBaseline, OutcomeRefused
	appendTo(t, path, realLimits, baseline, entry(1, 40), entry(2, 0), entry(3, 5), refused)
	var out bytes.Buffer
	_, err := Export(path, &out)
	require.NoError(t, err)
	n, err := Import(again, &out)
	require.NoError(t, err)
	require.Equal(t, 5, n)
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	got, err := os.ReadFile(again)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// TestImport_EventsOnly imports events without observations, as omg-index journal prints them. The events have two
// different intervals and must become two entries.
func TestImport_EventsOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	var lines []byte
	for _, e := range []*Entry{entry(1, 3), entry(2, 2)} {
		for i := range e.Events {
			var err error
			lines, err = AppendJSONLine(lines, e.Events[i])
			require.NoError(t, err)
		}
		lines = append(lines, '\n')
	}
	n, err := Import(path, bytes.NewReader(lines))
	require.NoError(t, err)
	require.Equal(t, 2, n)
	got, _ := all(t, path)
	require.Len(t, got, 2)
	for i, e := range []*Entry{entry(1, 3), entry(2, 2)} {
		e.PackageCount, e.SHA256 = 0, Digest{}
		require.Equal(t, e, got[i])
	}
}

func TestImport_Errors(t *testing.T) {
	const good = `{"pkgbase":"demo","event":"adopted","from":null,"to":"bob","between":["2026-09-21T14:13:20Z","2026-09-22T14:13:20Z"]}` + "\n"
	for name, c := range map[string]struct{ lines, want string }{
		"not JSON":               {good + "x\n", "line 2"},
		"an unknown event":       {good + good + strings.Replace(good, "adopted", "exploded", 1), "line 3"},
		"an unknown outcome":     {`{"observation":"guessed"}`, "line 1"},
		"a short digest":         {`{"observation":"compared","sha256":"00"}`, "line 1"},
		"a long line":            {good + strings.Repeat(" ", maxLine+1), "line 2"},
		"an entry that is large": {strings.Repeat(good, 50), "too many events"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), FileName)
			_, err := importLines(path, strings.NewReader(c.lines), limits{fileSize: 10_000, shrunkFileSize: 5000, payloadSize: 400})
			require.ErrorContains(t, err, c.want)
			require.NoFileExists(t, path)
		})
	}
	path := filepath.Join(t.TempDir(), FileName)
	_, err := Import(path, strings.NewReader(good))
	require.NoError(t, err)
	_, err = Import(path, strings.NewReader(good))
	require.ErrorIs(t, err, fs.ErrExist)
}

func TestExport_Fails(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	appendTo(t, path, realLimits, entry(0, 5))
	mine := errors.New("mine")
	_, err := Export(path, failing{mine})
	require.ErrorIs(t, err, mine)
}

type failing struct{ error }

func (f failing) Write([]byte) (int, error) { return 0, f.error }

// FuzzImport checks that any text is either refused or becomes a journal that can be read completely.
func FuzzImport(f *testing.F) {
	f.Add(`{"pkgbase":"a","event":"adopted","from":null,"to":"b","between":["2026-09-21T14:13:20Z","2026-09-22T14:13:20Z"]}`)
	f.Add(`{"observation":"baseline","source":"dump","between":["2026-09-21T14:13:20Z","2026-09-21T14:13:20Z"],"packages":7,"sha256":"` +
		strings.Repeat("00", 32) + `"}` + "\n" + `{"pkgbase":"a\u0000","event":"deleted","from":"1","to":null,"between":["0000-01-01T00:00:00Z","9999-12-31T23:59:59Z"]}`)
	f.Fuzz(func(t *testing.T, lines string) {
		content := bytes.NewBuffer(newHeader())
		entries, err := importEntries(content, strings.NewReader(lines), realLimits)
		if err != nil {
			return
		}
		count := 0
		state, err := read(content, int64(content.Len()), realLimits, func(*Entry) error { count++; return nil })
		if err != nil || count != entries || state.Problem() != "" {
			t.Fatalf("%d of %d entries, %s, %v", count, entries, state.Problem(), err)
		}
	})
}
