package logging

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/coreos/go-systemd/v22/journal"
	"github.com/stretchr/testify/require"
)

func TestLog_TextAndLevels(t *testing.T) {
	var out bytes.Buffer
	l, err := New("warn", false, &out)
	require.NoError(t, err)
	l.Info("not this")
	l.Warn("this", "n", 1)
	require.NoError(t, l.SetLevel("trace"))
	Trace(l.Logger, "all")
	require.NoError(t, l.SetLevel("ERROR"))
	l.Warn("nor this")
	require.Error(t, l.SetLevel("loud"))
	l.Error("still")
	require.Regexp(t, `^time=\S+ level=WARN msg=this n=1\ntime=\S+ level=TRACE msg=all\ntime=\S+ level=ERROR msg=still\n$`, out.String())
	_, err = New("", false, &out)
	require.Error(t, err)
}

// TestLog_Entries checks that an entry has its attributes both in its text and as fields. These include the
// attributes of the logger and of groups.
func TestLog_Entries(t *testing.T) {
	type entry struct {
		level  slog.Level
		text   string
		fields map[string]string
	}
	var got []entry
	failed := errors.New("no room")
	level := &slog.LevelVar{}
	h := newSystemLogHandler(level, func(l slog.Level, text string, fields map[string]string) error {
		got = append(got, entry{l, text, fields})
		return failed
	})
	log := slog.New(h)
	log.Debug("below the level")
	log.Info("plain")
	log.With("a", 1).WithGroup("g").With("b-c", "two words").Error("rich", "stack", "x\ny")
	require.Equal(t, []entry{
		{slog.LevelInfo, "plain", map[string]string{}},
		{
			slog.LevelError, `rich a=1 g.b-c="two words" g.stack="x\ny"`,
			map[string]string{"OMG_A": "1", "OMG_G_B_C": "two words", "OMG_G_STACK": "x\ny"},
		},
	}, got)
	require.ErrorIs(t, h.Handle(context.Background(), slog.Record{}), failed)
}

func TestLog_Priorities(t *testing.T) {
	for level, want := range map[slog.Level]journal.Priority{
		slog.LevelError: journal.PriErr, slog.LevelWarn: journal.PriWarning, slog.LevelInfo: journal.PriInfo,
		slog.LevelDebug: journal.PriDebug, LevelTrace: journal.PriDebug,
	} {
		require.Equal(t, want, priorityOfLevel(level))
	}
}
