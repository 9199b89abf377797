package chat

import (
	"context"
	"log/slog"
	"reflect"
	"runtime"
	"sync"
	"time"
)

// The logger is users' code as well: its handler may call back into the server,
// panic or hang. Whoever holds no lock and answers one request calls it directly;
// what happens under a lock, in a method of the log's sink, in a round of delivery
// or in a goroutine that others depend on is logged later, by a goroutine of its own.

// maxLines is how many lines wait for the logger at most. More are dropped, and
// their number logged.
const maxLines = 256

// laterLines are lines that wait for the logger, in order.
type laterLines struct {
	mu      sync.Mutex
	lines   []line
	dropped int
	writing bool
	idle    chan struct{} // closed when no line waits; nil if nobody waits for that
}

type line struct {
	at    time.Time
	pc    uintptr
	level slog.Level
	msg   string
	args  []any
}

func (s *Server) logError(msg string, args ...any) { s.logLine(newLine(slog.LevelError, msg, args)) }
func (s *Server) logWarn(msg string, args ...any)  { s.logLine(newLine(slog.LevelWarn, msg, args)) }
func (s *Server) logInfo(msg string, args ...any)  { s.logLine(newLine(slog.LevelInfo, msg, args)) }

// logLater has a line logged soon, whatever the caller has locked.
func (s *Server) logLater(level slog.Level, msg string, args ...any) {
	q := &s.later
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.lines) >= maxLines {
		q.dropped++
		return
	}
	q.lines = append(q.lines, newLine(level, msg, args))
	if !q.writing {
		q.writing = true
		go s.writeLines() // ends when no line waits
	}
}

// newLine returns a line of whoever called the function that calls newLine.
func newLine(level slog.Level, msg string, args []any) line {
	var pcs [1]uintptr
	runtime.Callers(3, pcs[:])
	return line{time.Now(), pcs[0], level, msg, args}
}

// writeLines logs what waits.
func (s *Server) writeLines() {
	q := &s.later
	ended := false
	defer func() {
		if !ended { // the handler has called runtime.Goexit
			go s.writeLines()
		}
	}()
	for {
		q.mu.Lock()
		switch {
		case len(q.lines) > 0:
			l := q.lines[0]
			q.lines = q.lines[1:]
			q.mu.Unlock()
			s.logLine(l)
		case q.dropped > 0:
			n := q.dropped
			q.dropped = 0
			q.mu.Unlock()
			s.logWarn("chat: the logger is slow: lines were dropped", "lines", n)
		default:
			q.lines, q.writing, ended = nil, false, true
			if q.idle != nil {
				close(q.idle)
				q.idle = nil
			}
			q.mu.Unlock()
			return
		}
	}
}

// logged is closed when no line waits for the logger.
func (s *Server) logged() <-chan struct{} {
	q := &s.later
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.idle == nil {
		q.idle = make(chan struct{})
		if !q.writing {
			close(q.idle)
			defer func() { q.idle = nil }()
		}
	}
	return q.idle
}

// logLine hands a line to the logger. A panic there is counted, but where would
// it be logged?
func (s *Server) logLine(l line) {
	returned := false
	s.calls.Add(1)
	defer func() {
		s.calls.Add(-1)
		if !returned {
			recover()
			s.stats.panics.Add(1)
		}
	}()
	ctx := context.Background()
	if s.cfg.logger.Enabled(ctx, l.level) {
		r := slog.NewRecord(l.at, l.level, l.msg, l.pc)
		r.Add(l.args...)
		s.cfg.logger.Handler().Handle(ctx, r)
	}
	returned = true
}

// funcName returns the name that f has in a stack.
func funcName(f any) string { return runtime.FuncForPC(reflect.ValueOf(f).Pointer()).Name() }
