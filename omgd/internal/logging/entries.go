package logging

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
)

// entries is a slog.Handler for journald and syslog, which record the time, level and sender of an entry
// themselves. The text of an entry is a line that ends with the attributes, as in a text log. The attributes
// are also sent as fields.
type entries struct {
	level slog.Leveler
	send  func(level slog.Level, text string, fields map[string]string) error
	with  []slog.Attr
	group string // the prefix of the keys of attributes
}

func newEntries(level slog.Leveler, send func(slog.Level, string, map[string]string) error) *entries {
	return &entries{level: level, send: send}
}

func (e *entries) Enabled(_ context.Context, level slog.Level) bool { return level >= e.level.Level() }

func (e *entries) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := *e
	next.with = slices.Clone(e.with)
	for _, a := range attrs {
		next.with = append(next.with, slog.Attr{Key: e.group + a.Key, Value: a.Value})
	}
	return &next
}

func (e *entries) WithGroup(name string) slog.Handler {
	next := *e
	next.group += name + "."
	return &next
}

func (e *entries) Handle(ctx context.Context, r slog.Record) error {
	attrs := slices.Clone(e.with)
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, slog.Attr{Key: e.group + a.Key, Value: a.Value})
		return true
	})
	fields := make(map[string]string, len(attrs))
	for _, a := range attrs {
		fields[field(a.Key)] = a.Value.Resolve().String()
	}
	text := r.Message
	if len(attrs) > 0 {
		var line bytes.Buffer
		h := slog.NewTextHandler(&line, &slog.HandlerOptions{Level: slog.Level(-100), ReplaceAttr: onlyAttrs})
		if err := h.WithAttrs(attrs).Handle(ctx, slog.Record{}); err != nil {
			return err
		}
		text += " " + strings.TrimSuffix(line.String(), "\n")
	}
	return e.send(r.Level, text, fields)
}

// onlyAttrs drops the time, level and message of a record, because journald and syslog record these
// themselves.
func onlyAttrs(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.LevelKey || a.Key == slog.MessageKey || a.Key == slog.TimeKey) {
		return slog.Attr{}
	}
	return a
}

// field converts a key to the form that journald accepts: capitals, digits and underscores. Keys that begin
// with an underscore are reserved for journald.
func field(key string) string {
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
