// Package guard stands between a server and its log. A log may hang, fail and panic. Behind
// a guard, each use of it ends within a time limit, its errors are [ErrUnavailable], and
// its panics become errors.
package guard

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/logging"
)

// ErrUnavailable is in every error of the log except those of a canceled context.
var ErrUnavailable = errors.New("chat: log unavailable")

// A Config says how a Log is guarded.
type Config struct {
	// Timeout limits each use of the log. Zero is for the memory log of one server, which
	// never blocks and is part of this module: it has no time limit, and its panics are not
	// caught.
	Timeout time.Duration
	// Server is the context of the server's own work. All uses with it share one context
	// with a deadline, so that a message needs no new context.
	Server context.Context
	// Panicked is called for each panic, perhaps under a lock.
	Panicked func(method, room string, p any, stack []byte)
	// Failed counts the errors of the log.
	Failed *atomic.Uint64
}

// A Log is a guarded log. The errors of its methods are ErrUnavailable, which wraps the
// log's own error, or a canceled context's.
type Log struct {
	log      chatlog.Log
	optional optional
	turns    turns
	cfg      Config
	calls    atomic.Int64 // calls in progress
	bound    atomic.Pointer[bound]
}

var _ chatlog.Log = (*Log)(nil)

// New returns a guard of log.
func New(log chatlog.Log, cfg Config) *Log {
	return &Log{log: log, optional: optionalOf(log), cfg: cfg}
}

// Type is the start of the function names that a stack contains while the log is called.
var Type = strings.TrimSuffix(logging.FuncName((*Log).Busy), "Busy")

// Busy reports whether the log is being called.
func (l *Log) Busy() bool { return l.calls.Load() > 0 }

// bound is a context with a deadline, shared by all uses of the log that begin about the
// same time.
type bound struct {
	ctx  context.Context
	made time.Time
}

// Bound returns a context with the deadline of one use of the log. Several uses that belong
// together share one time limit with it.
func (l *Log) Bound(ctx context.Context) (context.Context, context.CancelFunc) {
	switch {
	case l.cfg.Timeout == 0:
		return ctx, nothing
	case ctx == l.cfg.Server:
		return l.sharedLogContext(), nothing
	}
	return context.WithTimeout(ctx, l.cfg.Timeout)
}

func nothing() {}

// sharedLogContext returns the shared context, which ends after the timeout or up to an
// eighth of it earlier.
func (l *Log) sharedLogContext() context.Context {
	now := time.Now()
	if b := l.bound.Load(); b != nil && now.Sub(b.made) < l.cfg.Timeout/8 {
		return b.ctx
	}
	ctx, cancel := context.WithTimeout(l.cfg.Server, l.cfg.Timeout)
	context.AfterFunc(ctx, cancel)
	l.bound.Store(&bound{ctx, now})
	return ctx
}

// Unavailable returns err as an error of the log, and counts it. A canceled context's error
// is returned unchanged: the log has not failed.
func (l *Log) Unavailable(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, ErrUnavailable) {
		return err
	}
	l.cfg.Failed.Add(1)
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// begin begins a use of the log; end, called by defer, ends it. They are not one function
// with a closure, because a closure would cost each message an allocation.
func (l *Log) begin(ctx context.Context) (context.Context, context.CancelFunc) {
	l.enter()
	return l.Bound(ctx)
}

func (l *Log) enter() {
	if l.cfg.Timeout != 0 {
		l.calls.Add(1)
	}
}

func (l *Log) end(method, room string, err *error) {
	if l.cfg.Timeout != 0 {
		l.calls.Add(-1)
		if p := recover(); p != nil {
			l.cfg.Panicked(method, room, p, debug.Stack())
			*err = fmt.Errorf("chat: the log panicked: %v", p)
		}
	}
	*err = l.Unavailable(*err)
}

// countOf returns err, or an error if the log's answer does not have one value per room.
func countOf(method string, got, want int, err error) error {
	if err == nil && got != want {
		err = fmt.Errorf("chat: the log's %s answered for %d rooms of %d", method, got, want)
	}
	return err
}
