package wsconn

import (
	"errors"
	"io"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/seed-08328bfd/chat/internal/proto"
)

// readBuffer is the size of the buffers for bytes from clients. A whole message that fits
// is handled inside the buffer, without a copy.
const readBuffer = 8 << 10

var readBuffers = sync.Pool{New: func() any { return new([readBuffer]byte) }}

// The costs, in bytes, of frames that are not an accepted message. A client may spend
// floodRate per second on them, and floodBurst in one moment. A client that spends more is
// not read from for a while.
const (
	floodRate  = 32 << 10
	floodBurst = 128 << 10
	frameCost  = 512
)

// errViolation ends reading after a frame that violates the protocol.
var errViolation = errors.New("chat: protocol violation")

// input reads a client's frames. A whole, unfragmented text frame, which is nearly every
// frame, goes to the Handler directly from the read buffer, or is inflated for it. A pong
// only notes that the client is alive. Everything else (other control frames, fragments,
// frames that are large or wrong) is read by the library, which sees only these frames. The
// order stays the same, because the library reads the next frame only when it has finished
// the last.
//
// The goroutine that reads owns it, except for the atomic fields.
type input struct {
	c    *Conn
	conn net.Conn
	from socket

	buf        []byte // nil if nothing is unread
	start, end int    // of the unread bytes in buf
	err        error
	pass       uint64 // bytes of the current frame that are for the library
	fragmented bool   // the library is inside a message
	peerClosed bool   // a close frame was passed to the library
	debt       int    // cost not paid yet, at the time paid
	paid       time.Duration

	heard atomic.Int64 // when the last whole frame came, or handling; without such frames, when the peer accepted bytes
	began atomic.Int64 // when the message that is still incomplete began; 0 without one
}

// socket is where reads wait for something to read.
type socket struct {
	raw syscall.RawConn // nil: they wait in conn
	fn  func(fd uintptr) bool
	tls bool // conn is TLS over it
}

func (in *input) unread() []byte { return in.buf[in.start:in.end] }

// Read returns the next bytes that are for the library.
func (in *input) Read(p []byte) (int, error) {
	if err := in.await(); err != nil {
		return 0, err
	}
	return in.readPassed(p)
}

// await handles frames until one comes that is for the library.
func (in *input) await() error {
	for in.pass == 0 {
		if h, ok := parseFrameHeader(in.unread()); ok {
			done, err := in.frame(h)
			if err != nil {
				return err
			}
			if done {
				continue
			}
		}
		if err := in.fill(); err != nil {
			return err
		}
	}
	return nil
}

// frame handles the next frame, which has the header h. done is false if more of it must be
// read first.
func (in *input) frame(h frameHeader) (done bool, err error) {
	switch {
	case !h.masked:
		return false, in.violation(proto.CloseProtocol, "client frames must be masked")
	case h.payload>>63 != 0:
		return false, in.violation(proto.CloseProtocol, "a length of 64 bits begins with 0")
	case !h.minimal():
		return false, in.violation(proto.CloseProtocol, "a length has the shortest form")
	case h.control():
		if h.payload > maxControl || !h.fin() {
			return false, in.violation(proto.CloseProtocol, "control frame too long or in fragments")
		}
	case h.payload > uint64(in.c.cfg.ReadLimit):
		return false, in.violation(proto.CloseTooBig, "message too big")
	}
	whole := h.size + int(h.payload) // no overflow where whole is used: payload is small there
	if h.first == FinBit|OpText && !in.fragmented && h.payload <= readBuffer-16 && !in.c.isClosing() {
		if len(in.unread()) < whole {
			return false, nil
		}
		text := in.buf[in.start+h.size : in.start+whole]
		unmask(text, h.mask)
		in.start += whole
		in.handle(text)
		clear(text) // the buffer may be kept for long, and the message deleted
		return true, nil
	}
	if h.first == FinBit|RSV1Bit|OpText && in.c.deflate && !in.fragmented && h.payload > 0 && h.payload <= readBuffer-16 && !in.c.isClosing() {
		if len(in.unread()) < whole {
			return false, nil
		}
		if in.compressed(h, whole) {
			return true, nil
		}
	}
	if h.opcode() == opPong && h.first&rsvBits == 0 {
		if len(in.unread()) < whole {
			return false, nil
		}
		in.start += whole
		in.heard.Store(int64(in.c.cfg.Clock()))
		in.charge(frameCost)
		return true, nil
	}
	if !h.control() {
		in.fragmented = !h.fin()
		if in.fragmented && in.began.Load() == 0 {
			in.began.Store(max(1, int64(in.c.cfg.Clock())))
		}
	} else if h.opcode() == opClose {
		in.peerClosed = true
	}
	if h.control() || !h.fin() || h.payload == 0 {
		in.charge(frameCost)
	}
	in.pass = uint64(h.size) + h.payload
	return true, nil
}

// compressed handles the next frame, of so many bytes, which is a whole message of
// permessage-deflate. It reports false if something is wrong with it: the library finds
// that out, too, and tells the client.
func (in *input) compressed(h frameHeader, whole int) bool {
	z := in.buf[in.start+h.size : in.start+whole]
	unmask(z, h.mask)
	f := inflate(z, in.c.cfg.ReadLimit)
	if f == nil {
		unmask(z, h.mask) // which masks it again
		return false
	}
	defer f.release()
	clear(z)
	in.start += whole
	in.handle(f.text)
	return true
}

// handling is the time of hearing from a peer whose message is being handled.
const handling = math.MaxInt64

// handle hands a message to the handler. Nothing is read meanwhile, so the peer does not count
// as silent however long the handler takes.
func (in *input) handle(text []byte) {
	in.heard.Store(handling)
	in.c.handler.Handle(text)
	in.heard.Store(int64(in.c.cfg.Clock()))
}

// readPassed reads bytes of a frame that is for the library, and none after that frame.
func (in *input) readPassed(p []byte) (n int, err error) {
	if uint64(len(p)) > in.pass {
		p = p[:in.pass]
	}
	if n = copy(p, in.unread()); n > 0 {
		clear(in.buf[in.start : in.start+n])
		in.start += n
	} else if n, err = in.readLarge(p); n == 0 {
		return 0, err
	}
	if in.pass -= uint64(n); in.pass == 0 {
		in.heard.Store(int64(in.c.cfg.Clock()))
		if !in.fragmented {
			in.began.Store(0)
		}
	}
	return n, nil
}

// awaitClose reads and discards frames until it has read a close frame or nothing more
// comes.
func (in *input) awaitClose() {
	for last := false; ; {
		n := min(in.pass, uint64(len(in.unread())))
		in.start += int(n)
		if in.pass -= n; in.pass == 0 {
			if last {
				return
			}
			if h, ok := parseFrameHeader(in.unread()); ok {
				last = h.first == FinBit|opClose && h.masked && h.payload <= maxControl
				in.pass = uint64(h.size) + min(h.payload, 1<<62)
				continue
			}
		}
		if in.fill() != nil {
			return
		}
	}
}

// fill reads more bytes from the client. It waits for them if necessary.
func (in *input) fill() error {
	if in.start == in.end {
		in.start, in.end = 0, 0
	} else if in.start > 0 && in.end == len(in.buf) {
		in.end = copy(in.buf, in.unread())
		in.start = 0
	}
	switch {
	case in.from.tls:
		return in.fillTLS()
	case in.from.raw != nil:
		if err := in.from.raw.Read(in.from.fn); err != nil {
			return err
		}
		return in.err
	}
	if in.buf == nil {
		in.buf = make([]byte, 1<<10)
	}
	if in.end == len(in.buf) {
		in.buf = append(in.buf, make([]byte, readBuffer-len(in.buf))...)
	}
	n, err := in.conn.Read(in.buf[in.end:])
	in.end += n
	if n == 0 && err == nil {
		err = io.ErrNoProgress
	}
	if n > 0 {
		return nil
	}
	return err
}

// release gives the buffer back if nothing in it is unread.
func (in *input) release() {
	if in.start == in.end && in.from.raw != nil && len(in.buf) == readBuffer {
		readBuffers.Put((*[readBuffer]byte)(in.buf))
		in.buf, in.start, in.end = nil, 0, 0
	}
}

// preload takes bytes that were read before the connection was handed over.
func (in *input) preload(b []byte) {
	if len(b) > 0 {
		in.buf = make([]byte, max(len(b), readBuffer))
		in.end = copy(in.buf, b)
	}
}

func (in *input) violation(code int, text string) error {
	in.c.Close(code, text)
	return errViolation
}

// charge counts a cost of n bytes, at most floodBurst. If the client has spent more than it
// may, charge waits, and so the client is not read from for a while. During the wait it
// does not count as silent.
func (in *input) charge(n int) {
	now := in.c.cfg.Clock()
	in.debt = max(0, in.debt-int(min(now-in.paid, time.Minute).Seconds()*floodRate)) + min(n, floodBurst)
	in.paid = now
	over := in.debt - floodBurst
	if over <= 0 {
		return
	}
	end := now + time.Duration(over)*time.Second/floodRate
	in.heard.Store(max(in.heard.Load(), int64(end)))
	for ; now < end && !in.c.over(); now = in.c.cfg.Clock() {
		time.Sleep(min(end-now, 100*time.Millisecond))
	}
}
