package wsconn

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/seed-08328bfd/chat/internal/lock"
	"github.com/seed-08328bfd/chat/internal/ws"
)

const (
	// Piece is how many bytes must be accepted within the write timeout.
	Piece = 16 << 10
	// OutLimit bounds the bytes of replies that wait for a peer that does not read.
	OutLimit = 64 << 10
	// CloseTimeout is how long a peer may take to answer a close frame.
	CloseTimeout = 2 * time.Second
)

// A Config is what connections of one server have in common.
type Config struct {
	Clock        func() time.Duration // the time since some moment
	ReadLimit    int                  // bytes of a message
	WriteTimeout time.Duration        // for a Piece; 0: no limit
}

// A Handler takes what the peer says.
type Handler interface {
	// Handle takes the text of a message, which is the handler's until it returns.
	Handle(text []byte)
}

// A Conn is the server's side of one WebSocket. Three parties write to it, always whole
// frames: rounds of delivery and the drain goroutine, from the Source; replies; and the
// library, its control frames. The last two go through out, which comes before the
// source; but a close frame comes after what the source owed when it was asked for.
//
// Whoever holds mu writes only what the socket takes without blocking. What it does not
// take is left to one drain goroutine, which may block because it does not hold mu
// meanwhile: it owns the writing side while draining is set. A new Conn is draining, so
// that nobody writes before Open.
type Conn struct {
	// Immutable once it is open.
	cfg     *Config
	source  Source
	handler Handler
	deflate bool
	conn    net.Conn
	raw     syscall.RawConn // nil if only blocking writes are possible

	mu      lock.Conn
	out     outState
	closing closeState

	in input
	// Owned by the goroutine that reads.
	lib *ws.Conn // the library's side; nil while it was not needed

	pinged time.Duration // when the last ping went out; owned by whoever calls Check
}

// outState is what waits to be written, guarded by Conn.mu.
type outState struct {
	b        []byte // what comes next: the rest of a frame, then whole ones
	writing  int    // bytes that drain took from b and has not written yet
	taken    bool   // drain writes something, from b or the source
	draining bool
	begun    bool          // drain has called Source.Begin
	dead     bool          // nothing can be written from now on
	closed   bool          // the connection was closed; dead is set too
	space    chan struct{} // closed when b was written or the connection died; nil if nobody waits
}

// closeState is what is known of the close frame, guarded by Conn.mu.
type closeState struct {
	begun  bool      // it is in out or last, or was sent: nothing may follow
	code   int       // in it
	last   []byte    // the frame, while something comes before it
	by     time.Time // when it waits for the source no longer
	until  time.Time // when all that comes before last must be written
	least  time.Time // when killer comes at the soonest
	killer *time.Timer
}

// Init makes c a connection that is not open yet. deflate says that permessage-deflate
// is agreed on.
func (c *Conn) Init(cfg *Config, s Source, h Handler, deflate bool) {
	c.cfg, c.source, c.handler, c.deflate = cfg, s, h, deflate
	c.out.draining = true
	c.in.c = c
	c.in.heard.Store(int64(cfg.Clock()))
}

// Attach gives c its connection, and the bytes that were read from it already. If c was
// killed before, the connection is closed.
func (c *Conn) Attach(conn net.Conn, early []byte) {
	c.mu.Lock()
	c.conn, c.raw = conn, bare(conn)
	if c.out.dead {
		conn.Close()
	}
	c.mu.Unlock()
	c.in.conn, c.in.raw = conn, c.raw
	c.in.fn = c.in.tryRead
	c.in.heard.Store(int64(c.cfg.Clock()))
	c.in.preload(early)
}

// Open writes the answer to the handshake, and has everything else written from now on.
// After an error the connection is closed.
func (c *Conn) Open(answer []byte) error {
	c.conn.SetWriteDeadline(c.deadline())
	if _, err := c.conn.Write(answer); err != nil {
		c.Kill()
		return err
	}
	c.conn.SetWriteDeadline(time.Time{})
	go c.drain() // ends when the source has no more or the connection is dead
	return nil
}

// deadline is when a piece that is written now must be accepted; zero is never.
func (c *Conn) deadline() time.Time {
	if c.cfg.WriteTimeout == 0 {
		return time.Time{}
	}
	return time.Now().Add(c.cfg.WriteTimeout)
}

// Close sends a close frame after what is in out already and what the source owes, and
// gives the peer CloseTimeout from then on to take it and answer. The source has half of
// that: who needs longer is told of the close, and can resume. Each piece that comes
// before the frame has CloseTimeout too, and all of them the write timeout. So a peer that
// does not read is soon cut off, and a slow one after both times. Only the first call
// counts.
func (c *Conn) Close(code int, reason string) {
	c.mu.Lock()
	c.closeLocked(code, reason, c.source.Owes())
	c.mu.Unlock()
}

// CloseLocked is Close for a caller that holds the lock, and without what the source
// owes. The peer has as long for the frames that are on their way as for a piece, also
// if the socket has taken all of them.
func (c *Conn) CloseLocked(code int, reason string) {
	if c.closing.begun || c.out.dead {
		return
	}
	c.closing.least = time.Now().Add(c.cfg.WriteTimeout)
	c.closeLocked(code, reason, false)
}

func (c *Conn) closeLocked(code int, reason string, owes bool) {
	if c.out.dead {
		c.killLocked()
	}
	if c.closing.begun || c.out.dead {
		return
	}
	c.closing.code = code
	c.closing.begun = true
	frame := appendClose(nil, code, reason)
	if owes {
		c.closing.by = time.Now().Add(CloseTimeout / 2)
	}
	if !owes && !c.out.draining {
		c.closing.killer = time.AfterFunc(CloseTimeout, c.Kill)
		c.extendLocked()
		c.putLocked(frame)
	} else {
		wait := max(c.cfg.WriteTimeout, CloseTimeout)
		c.closing.last, c.closing.until = frame, time.Now().Add(wait)
		c.closing.killer = time.AfterFunc(wait, c.Kill)
		if c.out.taken {
			c.extendLocked()
		}
		c.DrainLocked(nil)
	}
	c.signalLocked()
}

// extendLocked gives the peer of a connection that is closing the time for what is
// written next.
func (c *Conn) extendLocked() {
	if !c.closing.begun {
		return
	}
	end := time.Now().Add(CloseTimeout)
	if c.closing.last != nil && end.After(c.closing.until) {
		end = c.closing.until
	}
	if c.closing.least.After(end) {
		end = c.closing.least
	}
	c.closing.killer.Reset(time.Until(end))
}

// Closing returns whether a close frame was sent or is to be, and its code.
func (c *Conn) Closing() (code int, closing bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing.code, c.closing.begun
}

// over reports whether a close frame was asked for, or the connection is lost.
func (c *Conn) over() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing.begun || c.out.dead
}

// Kill closes the connection immediately. Whoever reads or writes it finds out.
func (c *Conn) Kill() {
	c.mu.Lock()
	c.killLocked()
	c.mu.Unlock()
}

// LostLocked notes that the peer takes nothing from now on, as err says. What it had
// sent before, perhaps its close frame, is still to be read, unless it is only slow.
func (c *Conn) LostLocked(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) || c.conn.SetReadDeadline(time.Now().Add(CloseTimeout)) != nil {
		c.killLocked()
		return
	}
	c.out.dead = true
	c.signalLocked()
}

func (c *Conn) killLocked() {
	if c.out.closed {
		return
	}
	c.out.dead, c.out.closed = true, true
	if c.closing.killer != nil {
		c.closing.killer.Stop()
	}
	c.signalLocked()
	conn := c.conn
	if conn == nil {
		return // before the handshake's end
	}
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn() // closing TLS itself may block on writing an alert
	}
	conn.Close()
}

// Check pings a peer that has been silent for the interval, and kills the connection if
// it has stayed silent for the timeout since, or takes as long over one message; zero is
// never. A whole frame of any kind counts as a sign of life. It is called from one goroutine.
func (c *Conn) Check(now, interval, timeout time.Duration) {
	heard := time.Duration(c.in.heard.Load())
	if began := time.Duration(c.in.began.Load()); began != 0 && timeout > 0 && now-began >= timeout {
		c.Kill()
		return
	}
	switch {
	case c.pinged > heard:
		if timeout > 0 && now-c.pinged >= timeout {
			c.Kill()
		}
	case interval > 0 && now-heard >= interval:
		c.pinged = now
		c.Queue(pingFrame)
	}
}

// pingFrame is an empty ping (RFC 6455, section 5.5.2).
var pingFrame = []byte{FinBit | opPing, 0}
