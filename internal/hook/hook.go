// Package hook calls users' code. A hook may panic, hang, end its goroutine, call back
// into the server or return nonsense: nothing is locked while it runs, and nothing that
// was read before it is taken to be so after it.
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

// ErrPanic stands for what a hook says that panicked.
var ErrPanic = errors.New("chat: a hook panicked")

// MaxText is how many bytes of a hook's error are shown to a client.
const MaxText = 1024

// An Error is a hook's error, with the text read while that could not do harm.
type Error struct {
	Text string
	Err  error
}

func (e *Error) Error() string { return e.Text }
func (e *Error) Unwrap() error { return e.Err }

// A Caller calls hooks.
type Caller struct {
	// Panicked is told of each panic: the name of the hook, and the room it was about, if
	// about any.
	Panicked func(p any, stack []byte, hook, room string)

	calls atomic.Int64 // under way
}

// Call calls f, which is the hook called name and about room, if about any. An error of
// f is returned as an *Error. After a panic it returns ErrPanic. [runtime.Goexit] cannot
// be stopped: it is told of like a panic, and the deferred functions of the callers clean
// up and answer.
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
	}
	returned = true
	return err
}

// callFunc is the name that Call has in a stack.
var callFunc = logging.FuncName((*Caller).Call)

// Inside reports whether its caller was called by a hook, the logger's handler or the
// log. Whoever waits there for connections to end would wait for itself.
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
