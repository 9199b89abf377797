package wsconn

import (
	"sync"
	"time"
)

// A Source has the frames that a connection writes in addition to replies: it is a member
// of a room, or several. Next, Rest and Owes are called with the connection's lock held, by
// one goroutine at a time; they must not block.
type Source interface {
	// Begin is called once, without the lock, before anything is written.
	Begin()
	// Next returns the next frames. If it returns none, then says what to do.
	Next() (b []byte, then Then)
	// Fetch is called without the lock after Next has asked for it, and may block.
	Fetch()
	// Owes is called when the connection is about to be closed. It notes the source's
	// present end, and reports whether frames before that end were not written yet.
	Owes() bool
	// Rest is Next for the frames before the end that Owes has noted. It returns none when
	// all are written.
	Rest() []byte
}

// Then is what a connection does when its source returns nothing.
type Then int8

const (
	Again Then = iota // ask once more
	Fetch             // call Fetch, then ask once more
	Park              // end: a goroutine that has more for this connection starts a new drain
)

// Lock locks the writing side. Methods whose names end in Locked need it.
func (c *Conn) Lock() { c.mu.Lock() }

// Unlock undoes Lock.
func (c *Conn) Unlock() { c.mu.Unlock() }

// DeadLocked reports whether nothing can be written from now on.
func (c *Conn) DeadLocked() bool { return c.out.dead }

// ClosingLocked is Closing for a caller that holds the lock.
func (c *Conn) ClosingLocked() (code int, closing bool) { return c.closing.code, c.closing.begun }

// OverLocked reports whether a close has begun, or the connection is lost.
func (c *Conn) OverLocked() bool { return c.closing.begun || c.out.dead }

// DrainingLocked reports whether the drain goroutine runs. Then no other goroutine may write.
func (c *Conn) DrainingLocked() bool { return c.out.draining }

// WaitingLocked returns how many bytes of replies wait to be written.
func (c *Conn) WaitingLocked() int { return len(c.out.b) + c.out.writing }

// QueueLocked adds frames to those that wait. The drain goroutine must be running.
func (c *Conn) QueueLocked(frames []byte) { c.out.b = append(c.out.b, frames...) }

// QueueTextLocked is QueueLocked with payload as a text message.
func (c *Conn) QueueTextLocked(payload []byte) { c.out.b = c.AppendText(c.out.b, payload) }

// QueueEntryLocked is QueueLocked with what AppendEntry makes of payload.
func (c *Conn) QueueEntryLocked(payload []byte, epoch string, offset uint64) {
	c.out.b = c.AppendEntry(c.out.b, payload, epoch, offset)
}

// AheadLocked puts frames before everything that waits.
func (c *Conn) AheadLocked(frames []byte) { c.out.b = append(frames, c.out.b...) }

// DrainLocked queues rest, and starts the drain goroutine if it is not running.
func (c *Conn) DrainLocked(rest []byte) {
	c.out.b = append(c.out.b, rest...)
	if !c.out.draining {
		c.out.draining = true
		go c.drain() // ends when the source has no more or the connection is dead
	}
}

// TryLocked writes the part of b that the socket accepts without blocking, and returns its
// length; 0 if the connection has no such writes. The caller owns p.
func (c *Conn) TryLocked(p *Prober, b []byte) (int, error) {
	switch {
	case c.raw != nil:
		return p.try(c.raw, b)
	case c.secure.conn != nil:
		return c.secure.try(c.cfg, p, b)
	}
	return 0, nil
}

func (c *Conn) tryLocked(b []byte) (int, error) {
	p := Probers.Get().(*Prober)
	n, err := c.TryLocked(p, b)
	Probers.Put(p)
	return n, err
}

// PutLocked sends frame, or queues it if the connection is draining or its peer is slow.
func (c *Conn) PutLocked(frame []byte) {
	if c.out.draining {
		c.QueueLocked(frame)
		return
	}
	n, err := c.tryLocked(frame)
	if err != nil {
		c.LostLocked(err)
	} else if n < len(frame) {
		c.DrainLocked(frame[n:])
	}
}

// Queue sends frames, or adds them to those that wait, without a limit. It does not wait
// for the peer.
func (c *Conn) Queue(frames []byte) {
	c.mu.Lock()
	if !c.closing.begun && !c.out.dead {
		c.PutLocked(frames)
	}
	c.mu.Unlock()
}

// reply sends a frame. First it waits until the frame and the bytes that wait are together
// at most OutLimit, or until nothing else waits.
func (c *Conn) reply(frame []byte) {
	c.mu.Lock()
	for n := c.WaitingLocked(); n > 0 && n+len(frame) > OutLimit && !c.closing.begun && !c.out.dead; n = c.WaitingLocked() {
		c.WaitLocked()
	}
	if !c.closing.begun && !c.out.dead {
		c.PutLocked(frame)
	}
	c.mu.Unlock()
}

// scratch is a pool of buffers for frames to one peer.
var scratch = sync.Pool{New: func() any { return new([]byte) }}

// Send sends payload as a text message. It waits while too much waits to be written.
func (c *Conn) Send(payload []byte) {
	b := scratch.Get().(*[]byte)
	*b = c.AppendText((*b)[:0], payload)
	c.reply(*b)
	if cap(*b) <= 4<<10 { // one that has grown large is not kept
		clear(*b) // it may be a message that is deleted
		scratch.Put(b)
	}
}

// drain writes what waits, and may block, until the source has no more. No other goroutine
// writes while it runs.
//
// No wake-up is lost when it ends. A goroutine adds to the source before it looks at
// draining, and Next compares with the source's end while drain holds mu. So either that
// goroutine finds draining unset and writes, or Next finds the new end.
func (c *Conn) drain() {
	through := false
	defer func() {
		if !through { // the source has ended the goroutine, as a log may
			c.Kill()
		}
	}()
	for {
		b, done := c.next()
		if done {
			through = true
			return
		}
		if err := c.write(b); err != nil {
			c.mu.Lock()
			c.LostLocked(err)
			c.mu.Unlock()
		}
	}
}

// next returns what drain writes next, or that drain ends.
func (c *Conn) next() (b []byte, done bool) {
	c.mu.Lock()
	c.out.taken = false
	defer func() {
		if c.out.taken = len(b) > 0; c.out.taken {
			c.extendLocked()
		}
		c.mu.Unlock()
	}()
	if !c.out.begun {
		c.out.begun = true
		c.unlocked(c.source.Begin)
	}
	if c.out.writing > 0 {
		c.out.writing = 0
		c.signalLocked()
	}
	switch {
	case c.out.dead, len(c.out.b) == 0 && c.closing.begun && c.closing.last == nil:
		if c.form != nil { // no answer comes
			c.unlocked(c.closeTLS)
			c.killLocked()
		}
		c.out.draining = false
		c.signalLocked()
		return nil, true
	case len(c.out.b) > 0:
		b, c.out.b = c.out.b, nil
		c.out.writing = len(b)
		return b, false
	case c.closing.begun:
		if !time.Now().After(c.closing.by) {
			b = c.source.Rest()
		}
		if b == nil {
			b, c.closing.last = c.closing.last, nil
		}
		return b, false
	}
	b, then := c.source.Next()
	switch {
	case b != nil:
	case then == Fetch:
		c.unlocked(c.source.Fetch)
	case then == Park:
		c.out.draining = false
		return nil, true
	}
	return b, false
}

// unlocked calls f without the lock, and has it again afterwards even if f ends the
// goroutine.
func (c *Conn) unlocked(f func()) {
	c.mu.Unlock()
	defer c.mu.Lock()
	f()
}

// write writes all of b. It fails if the peer does not accept a Piece within the write
// timeout. Only drain calls it.
func (c *Conn) write(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	if c.raw != nil || c.secure.conn != nil {
		n, err := c.tryLocked(b)
		if err != nil || n == len(b) {
			return err
		}
		b = b[n:]
	}
	for len(b) > 0 {
		piece := b[:min(len(b), Piece)]
		if err := c.conn.SetWriteDeadline(c.deadline()); err != nil {
			return err
		}
		if _, err := c.conn.Write(piece); err != nil {
			return err
		}
		if b = b[len(piece):]; len(b) > 0 {
			c.mu.Lock()
			c.extendLocked()
			c.mu.Unlock()
		}
	}
	if c.form != nil {
		c.in.heard.Store(int64(c.cfg.Clock()))
	}
	c.secure.until.Store(0)
	return c.conn.SetWriteDeadline(time.Time{})
}

// WaitLocked waits until the bytes that wait are written or the connection is dead. During
// the wait the lock is released.
func (c *Conn) WaitLocked() {
	if c.out.space == nil {
		c.out.space = make(chan struct{})
	}
	space := c.out.space
	c.mu.Unlock()
	<-space
	c.mu.Lock()
}

func (c *Conn) signalLocked() {
	if c.out.space != nil {
		close(c.out.space)
		c.out.space = nil
	}
}
