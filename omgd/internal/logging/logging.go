// Package logging decides where the daemon's log goes. If standard error is connected to journald, or if omgd
// is in the background and journald runs, the log goes to journald in its native protocol. In the background
// without journald it goes to syslog. Otherwise it goes to standard error as text.
package logging

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"log/syslog"
	"strings"

	"github.com/coreos/go-systemd/v22/journal"
)

// LevelTrace is below debug. It is for messages that can only be understood together with the source code.
const LevelTrace = slog.LevelDebug - 4

// Identifier is the name under which the daemon's entries appear in the journal and in syslog.
const Identifier = "omgd"

// Log is a logger whose level can change while it is used.
type Log struct {
	*slog.Logger
	level slog.LevelVar
}

// levelNames are the names of the levels.
var levelNames = []string{"error", "warn", "info", "debug", "trace"}

// ParseLevel returns the level with this name.
func ParseLevel(name string) (slog.Level, error) {
	switch strings.ToLower(name) {
	case "error":
		return slog.LevelError, nil
	case "warn":
		return slog.LevelWarn, nil
	case "info":
		return slog.LevelInfo, nil
	case "debug":
		return slog.LevelDebug, nil
	case "trace":
		return LevelTrace, nil
	}
	return 0, fmt.Errorf("%q is not a log level: use one of %s", name, strings.Join(levelNames, ", "))
}

// New opens the log. The parameter background means that omgd is in the background, where nobody reads
// standard error.
func New(level string, background bool, stderr io.Writer) (*Log, error) {
	l := &Log{}
	if err := l.SetLevel(level); err != nil {
		return nil, err
	}
	l.Logger = slog.New(l.newHandler(background, stderr))
	return l, nil
}

// SetLevel changes the level.
func (l *Log) SetLevel(name string) error {
	level, err := ParseLevel(name)
	if err == nil {
		l.level.Set(level)
	}
	return err
}

// LevelName returns the current level's name.
func (l *Log) LevelName() string {
	for _, name := range levelNames {
		if level, err := ParseLevel(name); err == nil && level == l.level.Level() {
			return name
		}
	}
	return l.level.Level().String()
}

func (l *Log) newHandler(background bool, stderr io.Writer) slog.Handler {
	ours, err := journal.StderrIsJournalStream()
	switch {
	case err == nil && ours, background && journal.Enabled():
		return newSystemLogHandler(&l.level, func(level slog.Level, text string, fields map[string]string) error {
			fields["SYSLOG_IDENTIFIER"] = Identifier
			return journal.Send(text, priorityOfLevel(level), fields)
		})
	case background:
		if w, err := syslog.New(syslog.LOG_DAEMON|syslog.LOG_INFO, Identifier); err == nil {
			return newSystemLogHandler(&l.level, func(level slog.Level, text string, _ map[string]string) error {
				return toSyslog(w, level, text)
			})
		}
	}
	level := slog.Leveler(&l.level)
	if background {
		level = atLeastWarn{level} // the parent process prints these messages if the start fails
	}
	return slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level, ReplaceAttr: nameTraceLevel})
}

// atLeastWarn raises a level to at least a warning.
type atLeastWarn struct{ slog.Leveler }

func (l atLeastWarn) Level() slog.Level { return max(l.Leveler.Level(), slog.LevelWarn) }

// nameTraceLevel replaces the level LevelTrace by the text TRACE.
func nameTraceLevel(groups []string, a slog.Attr) slog.Attr {
	if level, ok := a.Value.Any().(slog.Level); ok && len(groups) == 0 && a.Key == slog.LevelKey && level <= LevelTrace {
		a.Value = slog.StringValue("TRACE")
	}
	return a
}

func priorityOfLevel(level slog.Level) journal.Priority {
	switch {
	case level >= slog.LevelError:
		return journal.PriErr
	case level >= slog.LevelWarn:
		return journal.PriWarning
	case level >= slog.LevelInfo:
		return journal.PriInfo
	}
	return journal.PriDebug
}

func toSyslog(w *syslog.Writer, level slog.Level, text string) error {
	switch priorityOfLevel(level) {
	case journal.PriErr:
		return w.Err(text)
	case journal.PriWarning:
		return w.Warning(text)
	case journal.PriInfo:
		return w.Info(text)
	}
	return w.Debug(text)
}

// Trace logs at LevelTrace.
func Trace(log *slog.Logger, text string, attrs ...any) {
	log.Log(context.Background(), LevelTrace, text, attrs...)
}
