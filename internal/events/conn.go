package events

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/seed-08328bfd/chat/internal/lock"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// The reasons why a response cannot be an event stream. Their texts are for the log.
var (
	ErrNoFlush    = errors.New("the http.ResponseWriter has no Flush: a middleware hides it (it needs an Unwrap method) or collects the whole answer")
	ErrNoDeadline = errors.New("the http.ResponseWriter has no SetWriteDeadline: a middleware hides it (it needs an Unwrap method); a client that does not read could not be cut")
)

// A Conn is an HTTP response as a connection that only the server writes to. It flushes each
// write. Read waits until the client is gone or the Conn is closed.
//
// A response must not be used after its handler has returned. So the handler must call End,
// and the Conn writes nothing after that.
type Conn struct {
	w        http.ResponseWriter
	control  *http.ResponseController
	gone     <-chan struct{} // closed when the request has ended
	closed   chan struct{}
	panicked func(value any, stack []byte)

	mu      lock.Leaf
	ended   bool          // closed is closed: nothing is written from now on
	failed  bool          // a write has failed: nothing may follow what is perhaps half written
	writing chan struct{} // closed when the write in progress has ended; nil without one
}

// New returns a Conn that writes to w, the response to r. It sends nothing and sets no header.
// Errors are ErrNoFlush, ErrNoDeadline and those of setting a deadline. If w panics in a later
// write, the Conn calls panicked.
func New(w http.ResponseWriter, r *http.Request, panicked func(value any, stack []byte)) (*Conn, error) {
	if !canFlush(w) {
		return nil, ErrNoFlush
	}
	c := &Conn{
		w: w, control: http.NewResponseController(w), gone: r.Context().Done(),
		closed: make(chan struct{}), panicked: panicked,
	}
	// The write timeout of the http.Server is for answers that end soon.
	switch err := c.control.SetWriteDeadline(time.Time{}); {
	case errors.Is(err, http.ErrNotSupported):
		return nil, ErrNoDeadline
	case err != nil:
		return nil, err
	}
	return c, nil
}

// SetHeaders sets the headers of an event stream.
func SetHeaders(h http.Header) {
	h.Set("Content-Type", ContentType)
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no") // nginx
	h.Set("X-Content-Type-Options", "nosniff")
	h.Del("Content-Length")
}

// canFlush reports whether the innermost writer that w wraps can flush. The wrappers do not
// count: one may have the method although the writer inside has none.
func canFlush(w http.ResponseWriter) bool {
	switch wsconn.Innermost(w).(type) {
	case http.Flusher, interface{ FlushError() error }:
		return true
	}
	return false
}

// Write sends b. After an error nothing more can be sent.
func (c *Conn) Write(b []byte) (n int, err error) {
	if !c.begin() {
		return 0, net.ErrClosed
	}
	through := false
	defer func() {
		if p := recover(); p != nil { // net/http does not handle panics of this goroutine
			err = fmt.Errorf("writing an event stream: %v", p)
			if c.panicked != nil {
				c.panicked(p, debug.Stack())
			}
		}
		c.done(through && err == nil)
	}()
	if n, err = c.w.Write(b); err == nil {
		err = c.control.Flush()
	}
	through = true
	return n, err
}

// begin reports whether a write may begin.
func (c *Conn) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended || c.failed {
		return false
	}
	c.writing = make(chan struct{})
	return true
}

func (c *Conn) done(ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed = c.failed || !ok
	close(c.writing)
	c.writing = nil
}

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// Close ends the stream: Read returns, and nothing is written from now on. If a write is in
// progress, Close cuts it. Otherwise the client still gets everything that was written.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return nil
	}
	c.ended = true
	close(c.closed)
	if c.writing != nil {
		return c.control.SetWriteDeadline(longAgo)
	}
	return nil
}

// Await waits until the Conn is closed.
func (c *Conn) Await() { <-c.closed }

// End closes c and waits until no write is in progress. net/http writes the end of the response
// after the handler has returned, and the client must accept it within the timeout.
func (c *Conn) End(timeout time.Duration) {
	c.Close()
	c.mu.Lock()
	writing := c.writing
	c.mu.Unlock()
	if writing != nil {
		<-writing
	}
	c.control.SetWriteDeadline(time.Now().Add(timeout))
}

// Read waits for the end, and returns [io.EOF].
func (c *Conn) Read([]byte) (int, error) {
	select {
	case <-c.gone:
	case <-c.closed:
	}
	return 0, io.EOF
}

// SetWriteDeadline sets the time by which the client must have accepted what is written. The
// zero time is none.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended || c.failed {
		return net.ErrClosed
	}
	return c.control.SetWriteDeadline(t)
}

// SetReadDeadline returns an error: there is nothing to read.
func (c *Conn) SetReadDeadline(time.Time) error { return http.ErrNotSupported }

// SetDeadline is SetWriteDeadline.
func (c *Conn) SetDeadline(t time.Time) error { return c.SetWriteDeadline(t) }

// LocalAddr returns no address: a response has none.
func (c *Conn) LocalAddr() net.Addr { return noAddr{} }

// RemoteAddr returns no address: that of the request may be a proxy's.
func (c *Conn) RemoteAddr() net.Addr { return noAddr{} }

type noAddr struct{}

func (noAddr) Network() string { return "http" }
func (noAddr) String() string  { return "" }
