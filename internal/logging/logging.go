// Package logging hands lines to the logger of whoever runs the server. That is users'
// code: its handler may call back into the server, panic or hang. Whoever holds no lock and
// answers one request calls it directly; what happens under a lock, in a method of the
// log's sink, in a round of delivery or in a goroutine that others depend on is logged
// later, by a goroutine of its own.
package logging

import (
	"context"
	"log/slog"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-08328bfd/chat/internal/lock"
)

// maxLines is how many lines wait for the logger at most. More are dropped, and
// their number logged.
const maxLines = 256

// A Logger passes lines on. Make one with New.
type Logger struct {
	// Immutable.
	out    *slog.Logger
	panics *atomic.Uint64

	calls atomic.Int64 // of the handler, under way
	once  sync.Map     // keys of Once

	// The lines that wait, in order, and who passes them on.
	mu      lock.Leaf
	lines   []line
	dropped int
	writing bool
	idle    chan struct{} // closed when no line waits; nil if nobody waits for that
}

// New returns a Logger that hands its lines to out, and counts the panics of its handler
// in panics.
func New(out *slog.Logger, panics *atomic.Uint64) *Logger {
	return &Logger{out: out, panics: panics}
}

type line struct {
	at    time.Time
	pc    uintptr
	level slog.Level
	msg   string
	args  []any
}

// Error, Warn and Info log a line now: the caller holds no lock.
func (l *Logger) Error(msg string, args ...any) { l.hand(newLine(slog.LevelError, msg, args)) }
func (l *Logger) Warn(msg string, args ...any)  { l.hand(newLine(slog.LevelWarn, msg, args)) }
func (l *Logger) Info(msg string, args ...any)  { l.hand(newLine(slog.LevelInfo, msg, args)) }

// Once logs a line the first time that it is called with key.
func (l *Logger) Once(key string, level slog.Level, msg string, args ...any) {
	if _, logged := l.once.LoadOrStore(key, true); !logged {
		l.hand(newLine(level, msg, args))
	}
}

// Busy reports whether the handler is being called.
func (l *Logger) Busy() bool { return l.calls.Load() > 0 }

// Later has a line logged soon, whatever the caller has locked.
func (l *Logger) Later(level slog.Level, msg string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lines) >= maxLines {
		l.dropped++
		return
	}
	l.lines = append(l.lines, newLine(level, msg, args))
	if !l.writing {
		l.writing = true
		go l.writeLines() // ends when no line waits
	}
}

// newLine returns a line of whoever called the function that calls newLine.
func newLine(level slog.Level, msg string, args []any) line {
	var pcs [1]uintptr
	runtime.Callers(3, pcs[:])
	return line{time.Now(), pcs[0], level, msg, args}
}

// writeLines logs what waits.
func (l *Logger) writeLines() {
	ended := false
	defer func() {
		if !ended { // the handler has called runtime.Goexit
			go l.writeLines()
		}
	}()
	for {
		l.mu.Lock()
		switch {
		case len(l.lines) > 0:
			next := l.lines[0]
			l.lines = l.lines[1:]
			l.mu.Unlock()
			l.hand(next)
		case l.dropped > 0:
			n := l.dropped
			l.dropped = 0
			l.mu.Unlock()
			l.Warn("chat: the logger is slow: lines were dropped", "lines", n)
		default:
			l.lines, l.writing, ended = nil, false, true
			if l.idle != nil {
				close(l.idle)
				l.idle = nil
			}
			l.mu.Unlock()
			return
		}
	}
}

// Idle returns what is closed when no line waits.
func (l *Logger) Idle() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.idle == nil {
		l.idle = make(chan struct{})
		if !l.writing {
			close(l.idle)
			defer func() { l.idle = nil }()
		}
	}
	return l.idle
}

// hand passes a line to the handler. A panic there is counted, but where would it be
// logged?
func (l *Logger) hand(line line) {
	returned := false
	l.calls.Add(1)
	defer func() {
		l.calls.Add(-1)
		if !returned {
			recover()
			l.panics.Add(1)
		}
	}()
	ctx := context.Background()
	if l.out.Enabled(ctx, line.level) {
		r := slog.NewRecord(line.at, line.level, line.msg, line.pc)
		r.Add(line.args...)
		l.out.Handler().Handle(ctx, r)
	}
	returned = true
}

// HandFunc is the name that the function has in a stack that calls the handler.
var HandFunc = FuncName((*Logger).hand)

// FuncName returns the name that f has in a stack.
func FuncName(f any) string { return runtime.FuncForPC(reflect.ValueOf(f).Pointer()).Name() }
