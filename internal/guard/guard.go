// Package guard stands between a server and its log. A log may hang, fail and panic like
// a hook; with a guard each use of it ends in time, its errors are [ErrUnavailable], and
// its panics are errors.
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

// ErrUnavailable is in every error of the log but those of a canceled context.
var ErrUnavailable = errors.New("chat: log unavailable")

// A Config says how a Log is guarded.
type Config struct {
	// Timeout bounds each use of the log. Zero is for the memory log of one server, which
	// never blocks and is not users' code: it is neither bounded nor are panics caught.
	Timeout time.Duration
	// Server is the context of the server's own work. All uses with it share a context
	// that ends in time, so that a message costs none.
	Server context.Context
	// Panicked is told of panics, under locks too.
	Panicked func(method, room string, p any, stack []byte)
	// Failed counts the errors.
	Failed *atomic.Uint64
}

// A Log is a guarded log. Errors of its methods are ErrUnavailable, which wraps the
// log's own, or a canceled context's.
type Log struct {
	log   chatlog.Log
	cfg   Config
	calls atomic.Int64 // under way
	bound atomic.Pointer[bound]
}

var _ chatlog.Log = (*Log)(nil)

// New returns a guard of log.
func New(log chatlog.Log, cfg Config) *Log { return &Log{log: log, cfg: cfg} }

// Type is what the names of the functions begin with in a stack that call the log.
var Type = strings.TrimSuffix(logging.FuncName((*Log).Busy), "Busy")

// Busy reports whether the log is being called.
func (l *Log) Busy() bool { return l.calls.Load() > 0 }

// bound is a context that ends soon, shared by whoever uses the log meanwhile.
type bound struct {
	ctx  context.Context
	made time.Time
}

// Bound returns a context that ends when one use of the log must, for several uses that
// are one to whoever waits.
func (l *Log) Bound(ctx context.Context) (context.Context, context.CancelFunc) {
	switch {
	case l.cfg.Timeout == 0:
		return ctx, nothing
	case ctx == l.cfg.Server:
		return l.soon(), nothing
	}
	return context.WithTimeout(ctx, l.cfg.Timeout)
}

func nothing() {}

// soon returns the shared context, which ends after the timeout or up to an eighth
// earlier.
func (l *Log) soon() context.Context {
	now := time.Now()
	if b := l.bound.Load(); b != nil && now.Sub(b.made) < l.cfg.Timeout/8 {
		return b.ctx
	}
	ctx, cancel := context.WithTimeout(l.cfg.Server, l.cfg.Timeout)
	context.AfterFunc(ctx, cancel)
	l.bound.Store(&bound{ctx, now})
	return ctx
}

// Unavailable returns err as one of the log's, and counts it. A canceled context's stays
// what it is: nothing was wrong with the log.
func (l *Log) Unavailable(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, ErrUnavailable) {
		return err
	}
	l.cfg.Failed.Add(1)
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// begin begins a use of the log, and end, deferred, ends it. They are called as they are,
// since a closure would cost each message an allocation.
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

// countOf returns err, or that the log has not answered for each room.
func countOf(method string, got, want int, err error) error {
	if err == nil && got != want {
		err = fmt.Errorf("chat: the log's %s answered for %d rooms of %d", method, got, want)
	}
	return err
}
