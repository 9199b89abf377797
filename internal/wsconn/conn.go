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
	// Piece is the number of bytes that the peer must accept within the write timeout.
	Piece = 16 << 10
	// OutLimit limits the bytes of replies that wait for a peer that does not read.
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

// A Handler handles the peer's messages.
type Handler interface {
	// Handle handles the text of a message. It must not keep text after it returns.
	Handle(text []byte)
}

// A Conn is the server's side of one WebSocket, or of what stands in for it (see Framing). Three parties write to it, always whole
// frames: rounds of delivery and the drain goroutine, which write what the Source has;
// replies; and the library, which writes control frames. Replies and control frames go
// through out, and are written before the source's frames. A close frame is the exception:
// it comes after the frames that the source owed when the close began.
//
// A goroutine that holds mu writes only what the socket accepts without blocking. The rest
// is written by one drain goroutine. It may block, because it does not hold mu while it
// writes: it owns the writing side while draining is set. A new Conn is draining, so that
// no other goroutine writes before Open.
type Conn struct {
	// Immutable once it is open.
	cfg     *Config
	source  Source
	handler Handler
	deflate bool
	conn    net.Conn
	raw     syscall.RawConn // nil if only blocking writes are possible
	form    Framing         // nil: WebSocket frames, both ways

	secure secure // writes over TLS that do not block

	mu      lock.Conn
	out     outState
	closing closeState

	in input
	// Owned by the goroutine that reads.
	lib *ws.Conn // the library's side; nil until it is needed

	pinged time.Duration // when the last ping went out; owned by the goroutine that calls Check
}

// outState has the bytes that wait to be written. It is guarded by Conn.mu.
type outState struct {
	b        []byte // written next: perhaps the rest of a frame, then whole frames
	writing  int    // bytes that drain has taken from b and not written yet
	taken    bool   // drain is writing something, from b or the source
	draining bool
	begun    bool          // drain has called Source.Begin
	dead     bool          // nothing can be written from now on
	closed   bool          // the connection was closed; dead is set too
	space    chan struct{} // closed when b was written or the connection is dead; nil if no goroutine waits
}

// closeState is the state of the close frame. It is guarded by Conn.mu.
type closeState struct {
	begun  bool      // the frame is in out or in last, or was sent: nothing may follow it
	code   int       // in the frame
	last   []byte    // the frame, while other frames come before it
	by     time.Time // until this time it waits for the source
	until  time.Time // by when everything before last must be written
	least  time.Time // the earliest time for killer
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

// Attach gives c its connection, and early, the bytes that were already read from it. If c
// was killed before, Attach closes the connection.
func (c *Conn) Attach(conn net.Conn, early []byte) {
	c.mu.Lock()
	c.conn, c.raw = conn, bare(conn)
	c.secure.attach(conn)
	if c.form != nil { // there are no pongs
		limitUnacked(conn, c.cfg.WriteTimeout)
	}
	if c.out.dead {
		conn.Close()
	}
	c.mu.Unlock()
	c.in.attach(conn, c.raw, c.secure.under)
	c.in.heard.Store(int64(c.cfg.Clock()))
	c.in.preload(early)
}

// Open writes the answer to the handshake, and starts the drain goroutine. After an error
// the connection is closed.
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

// deadline is the time by which the peer must accept a piece that is written now; zero
// means no deadline.
func (c *Conn) deadline() time.Time {
	if c.cfg.WriteTimeout == 0 {
		return time.Time{}
	}
	return time.Now().Add(c.cfg.WriteTimeout)
}

// Close sends a close frame after what is in out already and what the source owes, and
// gives the peer CloseTimeout from then on to accept it and to answer. The source has half of
// that; what it owes then is not sent, and the peer can resume. Each piece before the frame
// has CloseTimeout too, and all of them together have the write timeout. So the connection
// of a peer that does not read is soon cut, and that of a slow peer after both times. Only
// the first call counts.
func (c *Conn) Close(code int, reason string) {
	c.mu.Lock()
	c.closeLocked(code, reason, c.source.Owes())
	c.mu.Unlock()
}

// CloseLocked is Close for a caller that holds the lock, and without what the source owes.
// The peer has the write timeout to accept the frames that already wait, also if the socket
// has accepted all of them.
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
	frame := c.appendClose(code, reason)
	if owes {
		c.closing.by = time.Now().Add(CloseTimeout / 2)
	}
	if !owes && !c.out.draining && c.form == nil {
		c.closing.killer = time.AfterFunc(CloseTimeout, c.Kill)
		c.extendLocked()
		c.PutLocked(frame)
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

// extendLocked gives the peer of a closing connection new time, for the bytes that are
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

// Closing reports whether a close frame was sent or waits to be sent, and its code.
func (c *Conn) Closing() (code int, closing bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing.code, c.closing.begun
}

// over reports whether a close has begun, or the connection is lost.
func (c *Conn) over() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing.begun || c.out.dead
}

// Kill closes the connection immediately. Reads and writes in progress fail.
func (c *Conn) Kill() {
	c.mu.Lock()
	c.killLocked()
	c.mu.Unlock()
}

// LostLocked notes that a write has failed with err, and that nothing can be written from
// now on. What the peer has sent before, perhaps its close frame, is still read, unless err
// says that the peer is only slow.
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
		return // the handshake has not ended yet
	}
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn() // closing TLS itself may block on writing an alert
	}
	conn.Close()
}
