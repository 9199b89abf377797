package fanout

import (
	"sync/atomic"

	"github.com/seed-08328bfd/chat/chatlog"
)

// An Outlet is a sink while it is open.
type Outlet struct {
	sink chatlog.Sink
	// calls is the number of calls to the sink in progress, plus the constant closed after
	// close was called. A lock cannot replace it: a Push may cause another call here,
	// through the server, which would wait for a Close that waits for the Push.
	calls atomic.Int64
	ended chan struct{} // gets a value when a closed sink's last call returns
}

const closed = 1 << 32

func newOutlet(sink chatlog.Sink) *Outlet {
	return &Outlet{sink: sink, ended: make(chan struct{}, 1)}
}

// Push pushes e to the sink, unless it is closed.
func (o *Outlet) Push(room, epoch string, e *chatlog.Event) {
	defer o.leave()
	if o.enter() {
		o.sink.Push(room, epoch, *e)
	}
}

// trace tells the sink of the trace of an entry, unless the sink is closed or takes none.
func (o *Outlet) trace(room, epoch string, offset uint64, trace string) {
	sink, ok := o.sink.(chatlog.TracedSink)
	if !ok {
		return
	}
	defer o.leave()
	if o.enter() {
		sink.Traced(room, epoch, offset, trace)
	}
}

func (o *Outlet) interrupted(err error) {
	defer o.leave()
	if o.enter() {
		o.sink.Interrupted(err)
	}
}

func (o *Outlet) resumed() {
	defer o.leave()
	if o.enter() {
		o.sink.Resumed()
	}
}

// enter counts a call and reports whether it may be made. In both cases leave must follow.
func (o *Outlet) enter() bool { return o.calls.Add(1) < closed }

func (o *Outlet) leave() {
	if o.calls.Add(-1) == closed {
		select {
		case o.ended <- struct{}{}:
		default:
		}
	}
}

func (o *Outlet) close() {
	if o.calls.Add(closed) > closed {
		<-o.ended
	}
}
