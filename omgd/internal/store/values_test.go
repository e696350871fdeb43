package store

import (
	"bytes"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type typed struct {
	Name  string   `msgpack:"name"`
	Parts []string `msgpack:"parts"`
}

// TestValues_Typed checks that Load returns a value that Save has stored, with its time, also after a
// restart. Load finds no value of another type.
func TestValues_Typed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), DirName)
	s := openStore(t, dir)
	at := time.Unix(1_700_000_000, 5)
	want := typed{"a", []string{"b", "c"}}
	Save(s, quiet(), "bucket", "struct", want, at)
	Save(s, quiet(), "bucket", "pointer", &want, at)
	Save(s, quiet(), "bucket", "list", []string{"x"}, at)
	require.NoError(t, s.Close())

	s = openStore(t, dir)
	for _, key := range []string{"struct", "pointer"} {
		got, when, ok := Load[typed](s, "bucket", key)
		require.True(t, ok)
		require.Equal(t, want, got)
		require.True(t, at.Equal(when))
	}
	_, _, ok := Load[typed](s, "bucket", "none")
	require.False(t, ok)
	_, _, ok = Load[typed](s, "other", "struct")
	require.False(t, ok)
	got, when, ok := Load[[]int](s, "bucket", "list")
	require.False(t, ok, "the value has another type")
	require.Empty(t, got, "the value is not partly read")
	require.True(t, when.IsZero())
	require.NoError(t, s.Close())
}

// refusing is a ValueStore whose method Put fails.
type refusing struct{ ValueStore }

func (refusing) Put(string, string, []byte, time.Time) error { return errors.New("no room") }

// TestSave_Logs checks that Save logs the bucket and the key of a value that cannot be stored.
func TestSave_Logs(t *testing.T) {
	for name, save := range map[string]func(*slog.Logger){
		"refused": func(log *slog.Logger) { Save(refusing{}, log, "bucket", "key", 1, time.Now()) },
		"not encodable": func(log *slog.Logger) {
			Save[any](refusing{}, log, "bucket", "key", func() {}, time.Now())
		},
		"too large": func(log *slog.Logger) {
			s := openStore(t, filepath.Join(t.TempDir(), DirName))
			Save(s, log, "bucket", "key", strings.Repeat("x", MaxValue), time.Now())
			require.NoError(t, s.Close())
		},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			save(slog.New(slog.NewTextHandler(&log, nil)))
			require.Contains(t, log.String(), "value not stored")
			require.Contains(t, log.String(), "key=key")
		})
	}
}
