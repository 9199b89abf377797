// Package hook calls hooks, which are functions of the library's user. A hook may panic,
// hang, end its goroutine, call back into the server or return nonsense. So no lock is held
// while it runs, and its callers read again after it what they had read before it.
package hook

import (
	"errors"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"

	"github.com/seed-08328bfd/chat/internal/guard"
	"github.com/seed-08328bfd/chat/internal/logging"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// ErrPanic is returned in place of the result of a hook that panicked.
var ErrPanic = errors.New("chat: a hook panicked")

// MaxText is the largest number of bytes of a hook's error that a client sees.
const MaxText = 1024

// An Error is a hook's error. Text was read where a panic of its Error method is caught.
type Error struct {
	Text string
	Err  error
}

func (e *Error) Error() string { return e.Text }
func (e *Error) Unwrap() error { return e.Err }

// A Caller calls hooks.
type Caller struct {
	// Panicked is called for each panic, with the name of the hook and its room, if it has
	// one.
	Panicked func(p any, stack []byte, hook, room string)

	calls atomic.Int64 // calls in progress
}

// Call calls f, the hook called name; room is its room, if it has one. An error of f is
// returned as an *Error. After a panic Call returns ErrPanic. [runtime.Goexit] cannot be
// stopped: it is reported like a panic, and the deferred functions of the callers clean up
// and answer.
func (c *Caller) Call(name, room string, f func() error) (err error) {
	returned := false
	c.calls.Add(1)
	defer func() {
		c.calls.Add(-1)
		if returned {
			return
		}
		var p any = "runtime.Goexit was called"
		if r := recover(); r != nil {
			p = r
		}
		c.Panicked(p, debug.Stack(), name, room)
		err = ErrPanic
	}()
	if e := f(); e != nil {
		err = &Error{proto.CutText(e.Error(), MaxText), e}
		// Its Unwrap and Is are users' code too. They are called here, where panics are caught.
		errors.Is(err, ErrPanic)
	}
	returned = true
	return err
}

// callFunc is the name of Call in a stack.
var callFunc = logging.FuncName((*Caller).Call)

// Inside reports whether its caller was called by a hook, the logger's handler or the log.
// A caller that waited there for connections to end would wait for itself.
func (c *Caller) Inside(logger *logging.Logger, log *guard.Log) bool {
	if c.calls.Load() == 0 && !logger.Busy() && !log.Busy() {
		return false
	}
	pcs := make([]uintptr, 256)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		f, more := frames.Next()
		if f.Function == callFunc || f.Function == logging.HandFunc || strings.HasPrefix(f.Function, guard.Type) {
			return true
		}
		if !more {
			return false
		}
	}
}
