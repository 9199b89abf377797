package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/ws"
)

const (
	closeTimeout = 2 * time.Second // for the server to answer a close frame
	keepBuffer   = 64 << 10        // a larger read buffer is let go
	// refreshPause is the least time between two tokens on one connection.
	refreshPause = 15 * time.Second
)

var (
	// errResume ends a connection whose events were let go because nobody took
	// them, when there is room for them again.
	errResume = errors.New("client: room for events again")
	errDead   = errors.New("client: the server is silent")
)

// link is one connection. Its reader is the goroutine that keeps the Conn
// connected; it has one goroutine that writes.
type link struct {
	c      *Conn
	conn   *ws.Conn
	ctx    context.Context // ends with the connection, and its cause is why
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup
	began  time.Time
	heard  atomic.Int64 // when something came, as time after began

	refreshing atomic.Bool  // a goroutine is about to ask for a token
	refreshed  atomic.Int64 // when it was asked for the last one, as time after began

	// Owned by the reader.
	buf      []byte
	lived    time.Duration // once it has ended
	goodbye  time.Duration // when to come back, as announced; 0: not
	progress bool          // an event has come

	// Guarded by Conn.mu.
	at       chat.Position       // the welcome's: events up to there are replay
	had      uint64              // events up to there were had before
	known    map[uint64]struct{} // sums of events of another epoch that may come again
	stalled  bool                // the reader waits for room
	skipping bool                // events are let go; the place stays where it is
	pinged   time.Duration       // when a ping went out that is not answered, as time after began
}

// serve reads until the connection ends, and returns why.
func (l *link) serve() error {
	c := l.c
	l.wg.Go(l.write)
	var err error
	for err == nil {
		var b []byte
		if b, err = l.read(l.ctx); err == nil {
			err = l.handle(b)
		}
	}
	err = closed(err)
	l.cancel(err)
	l.conn.CloseNow()
	l.wg.Wait()
	l.lived = time.Since(l.began)
	var e *Error
	if !errors.As(err, &e) {
		err = context.Cause(l.ctx)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link == l {
		c.link = nil
	}
	if e != nil && e.Close == 1009 {
		c.out.tooBig(&Error{Code: CodeTooLong, Message: e.Message})
	}
	c.out.lost()
	c.typing = false
	return err
}

// read returns the next message. The bytes are valid until the next call.
func (l *link) read(ctx context.Context) ([]byte, error) {
	typ, r, err := l.conn.Reader(ctx)
	if err != nil {
		return nil, err
	}
	if typ != ws.MessageText {
		return nil, fmt.Errorf("%w: a binary message", ErrProtocol)
	}
	if cap(l.buf) > keepBuffer {
		l.buf = nil
	}
	b := l.buf[:0]
	for {
		if len(b) == cap(b) {
			b = append(b, make([]byte, max(1024, len(b)))...)[:len(b)]
		}
		n, err := r.Read(b[len(b):cap(b)])
		l.heard.Store(int64(time.Since(l.began)))
		b = b[:len(b)+n]
		l.buf = b
		switch {
		case len(b) > l.c.cfg.maxSize:
			return nil, fmt.Errorf("%w: an object of more than %d bytes", ErrProtocol, l.c.cfg.maxSize)
		case err == io.EOF:
			return b, nil
		case err != nil:
			return nil, err
		}
	}
}

// handle takes one object of the server.
func (l *link) handle(b []byte) error {
	c := l.c
	var o object
	if err := json.Unmarshal(b, &o); err != nil && (o.Type == "" || types[o.Type]) {
		return fmt.Errorf("client: the server sent something wrong: %w", err)
	}
	switch o.Type {
	case chat.TypeMessage, chat.TypePrivate, chat.TypeSystem, chat.TypeTyping, TypePresence:
		return l.event(&o)
	case "position":
		return l.reached(o.Position)
	case "goodbye":
		l.goodbye = o.retry()
		return nil
	case "error":
		if o.Code == codeExpiring && c.cfg.source != nil {
			if !l.refreshing.Swap(true) {
				l.wg.Go(l.refresh)
			}
		} else if o.ID == "" {
			c.cfg.logger.Warn("client: error from the server", "room", c.room, "code", o.Code, "err", o.Text)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch o.Type {
	case "ack":
		c.out.accept(o.ID, "ack", &o)
	case "history":
		c.out.accept(o.Request, "history", &o)
	case "pong":
		c.out.accept(o.ID, "pong", &o)
	case "error":
		c.out.refuse(o.ID, o.err(), !c.cfg.noRateRetry, time.Now())
	}
	c.nudge()
	return nil
}

const codeExpiring = "token_expiring"

// refresh gives the server a fresh token, but not at once after another one: a
// server warns of tokens with a short life as soon as it gets them. If it fails
// the server closes the connection in time, and the next handshake has a token of
// its own.
func (l *link) refresh() {
	early := time.NewTimer(refreshPause - (time.Since(l.began) - time.Duration(l.refreshed.Load())))
	defer early.Stop()
	select {
	case <-early.C:
	case <-l.ctx.Done():
		return
	}
	ctx, cancel := context.WithTimeout(l.ctx, l.c.cfg.timeout)
	defer cancel()
	token, err := l.c.cfg.source(ctx)
	l.refreshed.Store(int64(time.Since(l.began)))
	l.refreshing.Store(false)
	if err == nil {
		err = l.c.Auth(ctx, token)
	}
	if err != nil && l.ctx.Err() == nil {
		l.c.cfg.logger.Warn("client: token not refreshed", "room", l.c.room, "err", err)
	}
}

// event puts an event into the queue, if it is new.
func (l *link) event(o *object) error {
	c, e := l.c, o.event()
	l.progress = true
	c.mu.Lock()
	defer c.mu.Unlock()
	var sum uint64
	shown := !c.cfg.noEvents
	if e.Offset == 0 {
		l.reachedLocked(l.at) // such events are live
	} else {
		if e.Offset <= l.had {
			return nil
		}
		c.deliveredLocked(&e.Event)
		sum = c.recent.sum(&e.Event)
		if _, again := l.known[sum]; again && e.Offset <= l.at.Offset {
			shown = false
		}
	}
	if shown {
		l.waitForRoomLocked()
	}
	if l.skipping || l.ctx.Err() != nil || c.err != nil {
		return l.ctx.Err()
	}
	if e.Offset != 0 {
		c.place = chat.Position{Epoch: l.at.Epoch, Offset: e.Offset, Time: max(0, e.Time.UnixMilli())}
		l.had = e.Offset
		c.recent.add(sum)
	}
	if shown {
		e.Position, e.Live = c.place, e.Offset == 0 || e.Offset > l.at.Offset
		c.queue.push(e)
		c.changedLocked()
	}
	return nil
}

// deliveredLocked takes the user's own message for its ack, which may have been
// lost with an earlier connection.
func (c *Conn) deliveredLocked(e *chat.Event) {
	if k := c.out.byID[e.ID]; k != nil && e.UserID == c.welcome.User && !k.at.IsZero() {
		c.out.accept(e.ID, "ack", &object{Event: *e})
		c.nudge()
	}
}

// waitForRoomLocked waits until the queue has room. The connection is not read
// meanwhile, and in time the server ends it, as it does with those who are too
// slow. But if an answer is waited for, reading goes on and events are let go
// until there is room; then the Conn resumes at its place.
func (l *link) waitForRoomLocked() {
	c := l.c
	for c.err == nil && l.ctx.Err() == nil && (l.skipping || c.queue.full()) && len(c.out.byID) == 0 {
		l.stalled = true
		c.waitLocked(l.ctx)
	}
	l.stalled = false
	if c.queue.full() {
		l.skipping = true
	}
}

// reached takes a place up to which the server has sent everything.
func (l *link) reached(p chat.Position) error {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	if p.Epoch == l.at.Epoch {
		if p.Offset == l.at.Offset {
			p = l.at // with the time
		}
		l.reachedLocked(p)
	}
	return nil
}

// reachedLocked moves the place to p, up to which everything has come. Only what
// the server sends in the order of the room says that much. Replies say nothing,
// however late they are: they go ahead of the replay.
func (l *link) reachedLocked(p chat.Position) {
	c := l.c
	if l.skipping || p.Offset <= l.had && c.place.Epoch == p.Epoch && c.place.Offset <= l.had {
		return
	}
	l.had = max(l.had, p.Offset)
	c.place = p
	if l.had >= l.at.Offset {
		l.known = nil
	}
}
