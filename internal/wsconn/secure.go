package wsconn

import (
	"crypto/tls"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// secure writes to a TLS connection without blocking, where the kernel says how much room it
// has for more bytes. Without such an answer the drain goroutine writes.
//
// TLS cannot take a part of a record back that the socket does not accept, as a plain write can.
// So the kernel is asked before each write whether all of it has room. The answer holds: only
// acknowledgements come in between, which make more room, and a few bytes of TLS's own. If the
// machine runs out of memory for sockets, the kernel may keep a write waiting all the same; then
// a deadline ends it.
type secure struct {
	conn  *tls.Conn       // nil: no such writes
	under syscall.RawConn // of the socket
	until atomic.Int64    // the write deadline of conn, by Config.Clock; 0: none
}

const (
	secureWait = 5 * time.Second // the longest that a write may wait all the same
	// What the kernel counts for a write of n bytes is less than secureBase + secureFactor*n: each
	// record may be in a buffer of its own, of which the smallest counts for about 2 KB. After a
	// handshake, records have about 1,200 bytes (see tls.Config.DynamicRecordSizingDisabled).
	secureBase   = 8 << 10
	secureFactor = 4
)

// attach prepares s for conn, if it is TLS over a socket.
func (s *secure) attach(conn net.Conn) {
	t, ok := conn.(*tls.Conn)
	if !ok {
		return
	}
	if s.under = bare(t.NetConn()); s.under != nil {
		s.conn = t
	}
}

// try writes the part of b that has room, and returns its length.
func (s *secure) try(cfg *Config, p *Prober, b []byte) (int, error) {
	room := (p.room(s.under) - secureBase) / secureFactor
	if b = b[:max(0, min(len(b), room))]; len(b) == 0 {
		return 0, nil
	}
	now := cfg.Clock()
	if until := time.Duration(s.until.Load()); until-now < secureWait/2 {
		if err := s.conn.SetWriteDeadline(time.Now().Add(secureWait)); err != nil {
			return 0, err
		}
		s.until.Store(int64(now + secureWait))
	}
	return s.conn.Write(b)
}

// restLocked takes the deadline away when nothing was written for a while: TLS writes by itself when
// the peer changes its keys, and must not find a deadline that is over.
func (c *Conn) restLocked(now time.Duration) {
	s := &c.secure
	if until := time.Duration(s.until.Load()); until == 0 || until-now > secureWait/2 || c.out.draining || c.out.dead {
		return
	}
	s.until.Store(0)
	s.conn.SetWriteDeadline(time.Time{}) // the next write finds the error
}
