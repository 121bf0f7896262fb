package text

import (
	"context"
	"fmt"
	"log/slog"
)

// Logger returns a logger whose messages and texts are lines without control characters
// and secrets: see [OneLine]. This includes the texts in groups. Numbers, times and other
// values that are no texts are not changed.
func Logger(logger *slog.Logger) *slog.Logger {
	if _, is := logger.Handler().(lineHandler); is {
		return logger
	}
	return slog.New(lineHandler{logger.Handler()})
}

type lineHandler struct{ slog.Handler }

func (h lineHandler) Handle(ctx context.Context, record slog.Record) error {
	line := slog.NewRecord(record.Time, record.Level, OneLine(record.Message), record.PC)
	record.Attrs(func(attr slog.Attr) bool {
		line.AddAttrs(lineOf(attr))
		return true
	})
	return h.Handler.Handle(ctx, line)
}

func (h lineHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	lines := make([]slog.Attr, len(attrs))
	for i, attr := range attrs {
		lines[i] = lineOf(attr)
	}
	return lineHandler{h.Handler.WithAttrs(lines)}
}

func (h lineHandler) WithGroup(name string) slog.Handler {
	return lineHandler{h.Handler.WithGroup(name)}
}

func lineOf(attr slog.Attr) slog.Attr {
	switch value := attr.Value.Resolve(); value.Kind() {
	case slog.KindGroup:
		members := make([]slog.Attr, len(value.Group()))
		for i, member := range value.Group() {
			members[i] = lineOf(member)
		}
		attr.Value = slog.GroupValue(members...)
	case slog.KindString:
		attr.Value = slog.StringValue(OneLine(value.String()))
	case slog.KindAny:
		switch value.Any().(type) {
		case error, fmt.Stringer:
			attr.Value = slog.StringValue(OneLine(fmt.Sprint(value.Any())))
		}
	}
	return attr
}
