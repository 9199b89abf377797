// Package logging passes lines to the logger of the library's user. Its handler may call
// back into the server, panic or hang. Code that holds no lock and serves one request calls
// it directly. Code under a lock, in a method of the log's sink, in a round of delivery or
// in a goroutine that others depend on uses Later: a separate goroutine then writes the
// line.
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

// maxLines is the largest number of lines that wait for the logger. More lines are dropped,
// and their number is logged.
const maxLines = 256

// A Logger passes lines on. Make one with New.
type Logger struct {
	// Immutable.
	out    *slog.Logger
	panics *atomic.Uint64

	calls atomic.Int64 // calls of the handler in progress
	once  sync.Map     // keys of Once

	// The lines that wait, in order, and the state of the goroutine that writes them.
	mu      lock.Leaf
	lines   []line
	dropped int
	writing bool
	idle    chan struct{} // closed when no line waits; nil if no goroutine waits for that
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

// Error, Warn and Info log a line immediately. The caller must not hold a lock.
func (l *Logger) Error(msg string, args ...any) { l.hand(newLine(slog.LevelError, msg, args)) }
func (l *Logger) Warn(msg string, args ...any)  { l.hand(newLine(slog.LevelWarn, msg, args)) }
func (l *Logger) Info(msg string, args ...any)  { l.hand(newLine(slog.LevelInfo, msg, args)) }

// Once logs a line, but only in the first call with key. The caller must not hold a lock.
func (l *Logger) Once(key string, level slog.Level, msg string, args ...any) {
	if _, logged := l.once.LoadOrStore(key, true); !logged {
		l.hand(newLine(level, msg, args))
	}
}

// Busy reports whether the handler is being called.
func (l *Logger) Busy() bool { return l.calls.Load() > 0 }

// Later lets another goroutine log a line. The caller may hold any lock.
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

// newLine returns a line whose source is the caller of the function that calls newLine.
func newLine(level slog.Level, msg string, args []any) line {
	var pcs [1]uintptr
	runtime.Callers(3, pcs[:])
	return line{time.Now(), pcs[0], level, msg, args}
}

// writeLines logs the lines that wait.
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

// Idle returns a channel that is closed when no line waits.
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

// hand passes a line to the handler. A panic of the handler is counted but not logged: the
// logger itself is what failed.
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

// HandFunc is the name, in a stack, of the function that calls the handler.
var HandFunc = FuncName((*Logger).hand)

// FuncName returns the name of f in a stack.
func FuncName(f any) string { return runtime.FuncForPC(reflect.ValueOf(f).Pointer()).Name() }
