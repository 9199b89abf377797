package fanout

import "sync/atomic"

// A Growth tells that a log has grown. The zero Growth is ready. Its methods may be called
// concurrently.
type Growth struct{ next atomic.Pointer[chan struct{}] }

// Next returns a channel that the next Signal closes.
func (g *Growth) Next() <-chan struct{} {
	for {
		if c := g.next.Load(); c != nil {
			return *c
		}
		c := make(chan struct{})
		g.next.CompareAndSwap(nil, &c)
	}
}

// Signal closes the channel of Next. It costs nearly nothing if nobody has called Next.
func (g *Growth) Signal() {
	if c := g.next.Load(); c != nil && g.next.CompareAndSwap(c, nil) {
		close(*c)
	}
}
