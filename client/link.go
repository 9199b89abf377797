package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-08328bfd/chat/internal/pause"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/ws"
)

const (
	closeTimeout = 2 * time.Second // for the server to answer a close frame
	keepBuffer   = 64 << 10        // bytes; a larger read buffer is not kept
	// refreshPause is the least time between two tokens on one connection.
	refreshPause = 15 * time.Second
)

var (
	// errResume ends a connection whose events were discarded because the queue was
	// full, when the queue has room again.
	errResume = errors.New("client: the buffer has room again")
	errDead   = errors.New("client: the server does not answer")
)

// link is one connection. Two goroutines serve it: the reader, which is the goroutine that
// keeps the Conn connected, and the writer.
type link struct {
	c      *Conn
	conn   *ws.Conn
	ctx    context.Context // ends with the connection; its cause is the reason
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup
	began  time.Time
	heard  atomic.Int64 // when the server last sent something, as time after began

	refresh refresh
	buf     []byte // of the reader
	outcome outcome
	flow    flow
}

// refresh is the request for a fresh token. Any goroutine may use it.
type refresh struct {
	running atomic.Bool  // a goroutine asks for a token, or is about to
	last    atomic.Int64 // when the last one was asked for, as time after link.began
}

// outcome is what the time until the next connection depends on. Only the reader uses it.
type outcome struct {
	lived    time.Duration // set when the connection has ended
	goodbye  time.Duration // when to come back, as the server has said; 0 if it has not
	progress bool          // an event has come
}

// serve reads until the connection ends, and returns the reason.
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
	l.outcome.lived = time.Since(l.began)
	var e *Error
	if !errors.As(err, &e) {
		err = context.Cause(l.ctx)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link == l {
		c.link = nil
	}
	if e != nil && e.Close == proto.CloseTooBig {
		c.out.tooBig(&Error{Code: CodeTooLong, Message: e.Message})
	}
	c.out.lost(nil)
	for _, r := range slices.Clone(c.rooms.list) {
		if c.lostLocked(r); r.err != nil && c.err == nil {
			c.rooms.remove(r)
		}
	}
	return err
}

// read returns the next message. Its bytes are valid until the next call.
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
		case len(b) > l.c.cfg.buffer.maxObject:
			return nil, fmt.Errorf("%w: an object of more than %d bytes", ErrProtocol, l.c.cfg.buffer.maxObject)
		case err == io.EOF:
			return b, nil
		case err != nil:
			return nil, err
		}
	}
}

// refreshToken sends the server a fresh token. It waits for refreshPause after the last
// one, because a server warns of a token with a short life as soon as it gets it. If it
// fails the server closes the connection when the token expires, and the next handshake
// asks for another.
func (l *link) refreshToken() {
	if !pause.For(l.ctx, refreshPause-(time.Since(l.began)-time.Duration(l.refresh.last.Load()))) {
		return
	}
	ctx, cancel := context.WithTimeout(l.ctx, l.c.cfg.network.timeout)
	defer cancel()
	token, err := l.c.cfg.account.source(ctx)
	l.refresh.last.Store(int64(time.Since(l.began)))
	l.refresh.running.Store(false)
	if err == nil {
		err = l.c.Auth(ctx, token)
	}
	if err != nil && l.ctx.Err() == nil {
		l.c.cfg.logger.Warn("client: token not refreshed", "err", err)
	}
}
