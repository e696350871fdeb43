package logging

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
)

// systemLogHandler is a slog.Handler for journald and syslog, which record the time, level and sender of an entry
// themselves. The text of an entry is a line that ends with the attributes, as in a text log. The attributes
// are also sent as fields.
type systemLogHandler struct {
	level slog.Leveler
	send  func(level slog.Level, text string, fields map[string]string) error
	attrs []slog.Attr
	group string // the prefix of the keys of attributes
}

func newSystemLogHandler(level slog.Leveler, send func(slog.Level, string, map[string]string) error) *systemLogHandler {
	return &systemLogHandler{level: level, send: send}
}

func (e *systemLogHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= e.level.Level()
}

func (e *systemLogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := *e
	next.attrs = slices.Clone(e.attrs)
	for _, a := range attrs {
		next.attrs = append(next.attrs, slog.Attr{Key: e.group + a.Key, Value: a.Value})
	}
	return &next
}

func (e *systemLogHandler) WithGroup(name string) slog.Handler {
	next := *e
	next.group += name + "."
	return &next
}

func (e *systemLogHandler) Handle(ctx context.Context, r slog.Record) error {
	attrs := slices.Clone(e.attrs)
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, slog.Attr{Key: e.group + a.Key, Value: a.Value})
		return true
	})
	fields := make(map[string]string, len(attrs))
	for _, a := range attrs {
		fields[journalFieldName(a.Key)] = a.Value.Resolve().String()
	}
	text := r.Message
	if len(attrs) > 0 {
		var line bytes.Buffer
		h := slog.NewTextHandler(&line, &slog.HandlerOptions{Level: slog.Level(-100), ReplaceAttr: dropBuiltinAttrs})
		if err := h.WithAttrs(attrs).Handle(ctx, slog.Record{}); err != nil {
			return err
		}
		text += " " + strings.TrimSuffix(line.String(), "\n")
	}
	return e.send(r.Level, text, fields)
}

// dropBuiltinAttrs drops the time, level and message of a record, because journald and syslog record these
// themselves.
func dropBuiltinAttrs(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.LevelKey || a.Key == slog.MessageKey || a.Key == slog.TimeKey) {
		return slog.Attr{}
	}
	return a
}

// journalFieldName converts a key to the form that journald accepts: capitals, digits and underscores. Keys that begin
// with an underscore are reserved for journald.
func journalFieldName(key string) string {
	return "OMG_" + strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, key)
}
