package chat

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"
)

// Sizes of what waits for a member.
const (
	writePiece = 16 << 10 // what must be accepted within the write timeout
	outLimit   = 64 << 10 // bytes of replies that wait for a member that does not read
)

// closeTimeout is how long a peer may take to answer a close frame.
const closeTimeout = 2 * time.Second

// A drainer writes what waits, in a goroutine of its own. It is an interface
// because a method value would be allocated for every frame.
type drainer interface{ drain() }

// wire is the hijacked connection of a member. Three parties write to it, always
// whole frames: rounds of delivery and the drain goroutine, from the stream;
// replies to this member alone; and the library, its control frames. The last two
// go through out, which comes before the stream; but a close frame comes after what
// the stream had when the connection was closed.
//
// Whoever holds mu writes only what the socket takes at once. What it does not
// take is left to one drain goroutine, which may block because it does not hold
// mu meanwhile: it owns the writing side while draining is set.
type wire struct {
	conn    net.Conn
	raw     syscall.RawConn // nil if only blocking writes are possible
	timeout time.Duration   // for a piece

	mu       sync.Mutex
	out      []byte // what comes next: the rest of a frame, then whole ones
	writing  int    // bytes that drain took from out and has not written yet
	draining bool
	closing  bool          // a close frame is in out or last, or was sent: nothing may follow
	last     []byte        // the close frame, while the stream comes before it up to end
	end      uint64        // 0 if nothing of the stream does
	lastBy   time.Time     // when the close frame waits for the stream no longer
	dead     bool          // nothing can be written any more
	closed   bool          // the connection was closed; dead is set too
	space    chan struct{} // closed when out was written or the wire died; nil if nobody waits
	killer   *time.Timer   // closes the connection when the peer does not
	code     int           // of the close frame
}

// reply sends frame, which is for this member alone. It waits while more than
// outLimit would wait to be written with it, or anything if frame alone is more.
// d is started if the socket does not take all of it.
func (w *wire) reply(frame []byte, d drainer) {
	w.mu.Lock()
	for n := len(w.out) + w.writing; n > 0 && n+len(frame) > outLimit && !w.closing && !w.dead; n = len(w.out) + w.writing {
		w.waitLocked(0)
	}
	if !w.closing && !w.dead {
		w.putLocked(frame, d)
	}
	w.mu.Unlock()
}

// putLocked sends or queues frame.
func (w *wire) putLocked(frame []byte, d drainer) {
	if w.draining {
		w.out = append(w.out, frame...)
		return
	}
	n, err := w.tryLocked(frame)
	if err != nil {
		w.lostLocked(err)
	} else if n < len(frame) {
		w.out = append(w.out, frame[n:]...)
		w.draining = true
		go d.drain() // ends when nothing is left to write or the wire is dead
	}
}

// tryLocked writes what the connection takes at once.
func (w *wire) tryLocked(b []byte) (int, error) {
	if w.raw == nil {
		return 0, nil
	}
	p := probers.Get().(*prober)
	n, err := p.try(w.raw, b)
	probers.Put(p)
	return n, err
}

// write writes all of b, however long it takes while the peer accepts a piece
// within the timeout. Only the drain goroutine calls it.
func (w *wire) write(b []byte) error {
	if w.raw != nil {
		n, err := w.tryLocked(b)
		if err != nil || n == len(b) {
			return err
		}
		b = b[n:]
	}
	for len(b) > 0 {
		piece := b[:min(len(b), writePiece)]
		if err := w.conn.SetWriteDeadline(time.Now().Add(w.timeout)); err != nil {
			return err
		}
		if _, err := w.conn.Write(piece); err != nil {
			return err
		}
		b = b[len(piece):]
	}
	return w.conn.SetWriteDeadline(time.Time{})
}

// closeLocked sends a close frame after what is in out already and what the stream
// holds before end, and gives the peer closeTimeout to take it and answer. The stream
// has half of that: who needs longer is told of the close, and can resume. Only the
// first call counts.
func (w *wire) closeLocked(code int, reason string, end uint64, d drainer) {
	if w.dead {
		w.killLocked()
	}
	if w.closing || w.dead {
		return
	}
	w.code = code
	w.killer = time.AfterFunc(closeTimeout, w.kill)
	frame := appendClose(nil, code, reason)
	if end == 0 {
		w.putLocked(frame, d)
	} else {
		w.last, w.end, w.lastBy = frame, end, time.Now().Add(closeTimeout/2)
		if !w.draining {
			w.draining = true
			go d.drain() // ends when the close frame is out or the wire is dead
		}
	}
	w.closing = true
	w.signalLocked()
}

func (w *wire) isClosing() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closing
}

func (w *wire) isOver() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closing || w.dead
}

// kill closes the connection at once. Whoever reads or writes it finds out.
func (w *wire) kill() {
	w.mu.Lock()
	w.killLocked()
	w.mu.Unlock()
}

// lostLocked notes that the peer takes nothing any more, as err says. What it had
// sent before, perhaps its close frame, is still to be read, unless it is only slow.
func (w *wire) lostLocked(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) || w.conn.SetReadDeadline(time.Now().Add(closeTimeout)) != nil {
		w.killLocked()
		return
	}
	w.dead = true
	w.signalLocked()
}

func (w *wire) killLocked() {
	if w.closed {
		return
	}
	w.dead, w.closed = true, true
	if w.killer != nil {
		w.killer.Stop()
	}
	w.signalLocked()
	conn := w.conn
	if conn == nil {
		return // before the handshake's end
	}
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn() // closing TLS itself may block on writing an alert
	}
	conn.Close()
}

// waitLocked waits until out was written, the wire has died or, unless it is zero,
// d has passed; it reports false then. mu is released meanwhile.
func (w *wire) waitLocked(d time.Duration) bool {
	if w.space == nil {
		w.space = make(chan struct{})
	}
	space := w.space
	var late <-chan time.Time
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		late = t.C
	}
	w.mu.Unlock()
	defer w.mu.Lock()
	select {
	case <-space:
		return true
	case <-late:
		return false
	}
}

func (w *wire) signalLocked() {
	if w.space != nil {
		close(w.space)
		w.space = nil
	}
}

// libConn is the connection as the library sees it: frames come from input, and
// each Write is one whole control frame. Its Close does nothing, because the
// member closes the connection when the last frame is out.
type libConn struct {
	net.Conn
	m *member
}

func (c libConn) Read(p []byte) (int, error) { return c.m.in.Read(p) }
func (c libConn) Close() error               { return nil }

func (c libConn) Write(p []byte) (int, error) {
	m := c.m
	if p[0] == finBit|opClose {
		code, reason := noCode, ""
		if len(p) >= 4 {
			code, reason = int(p[2])<<8|int(p[3]), string(p[4:])
		}
		if utf8.ValidString(reason) {
			m.close(code, reason)
		} else { // an echo of what the peer sent
			m.close(1007, "")
		}
		return len(p), nil
	}
	m.reply(p, m)
	return len(p), nil
}
