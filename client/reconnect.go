package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/seed-08328bfd/chat/internal/pause"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// pace decides how long to wait before the next connection. That of a Conn is used only by
// the goroutine that keeps the connection, that of a Room is guarded by Conn.mu.
type pace struct {
	first, most time.Duration
	random      func(time.Duration) time.Duration // from zero to less than its argument
	fails       int                               // since a connection that has lasted
}

// slowPause bounds the random time after a close with 1013 or errResume.
const slowPause = 100 * time.Millisecond

// longestPause leaves room for adding the time that a server asks for.
const longestPause = 100 * 365 * 24 * time.Hour

func newPace(first, most time.Duration) pace {
	first, most = min(first, longestPause), min(most, longestPause)
	return pace{first: first, most: most, random: rand.N[time.Duration]}
}

// next returns how long to wait after err, which has ended a connection with this outcome,
// or an attempt to connect if o is nil.
func (p *pace) next(err error, o *outcome) time.Duration {
	if o != nil && o.lived > p.most {
		p.fails = 0
	}
	var e *Error
	errors.As(err, &e)
	switch {
	case err == errResume:
		return p.random(slowPause)
	case e != nil && e.Close == proto.CloseTryAgain && o != nil && (o.progress || p.fails == 0):
		if !o.progress {
			p.fails++
		}
		return p.random(slowPause)
	}
	wait := p.random(p.bound())
	p.fails++
	switch {
	case o != nil && o.goodbye > 0:
		return o.goodbye // the server has chosen it at random
	case e != nil && e.Status != 0:
		return e.RetryAfter + wait
	}
	return wait
}

// bound returns the present upper bound of the random time.
func (p *pace) bound() time.Duration {
	if p.fails < 30 && p.first < p.most>>p.fails {
		return p.first << p.fails
	}
	return p.most
}

// final reports whether err ends the Conn, or one room of it.
func (c *Conn) final(err error) bool {
	var e *Error
	if errors.Is(err, ErrProtocol) {
		return true
	}
	if !errors.As(err, &e) {
		return false
	}
	switch {
	case e.Close == proto.CloseForbidden || e.Close == proto.CloseNormal:
		return true
	case e.Close == proto.CloseExpired:
		return c.cfg.account.source == nil
	case e.Code == "" || e.Status == http.StatusTooManyRequests:
		return false // from something before the server, or not for good
	}
	return e.Status >= 400 && e.Status < 500
}

// run keeps the Conn connected, beginning with l, until it ends.
func (c *Conn) run(l *link) {
	defer close(c.life.done)
	defer c.server.idle()
	for {
		err := l.serve()
		o := &l.outcome
		for {
			if c.life.ctx.Err() != nil {
				return
			}
			if c.final(err) {
				c.cfg.logger.Warn("client: ended", "err", err)
				c.end(err)
				return
			}
			if !c.retry(c.life.ctx, err, o) {
				return
			}
			c.awaitUse()
			if l, err = c.connect(c.life.ctx); err == nil {
				break
			}
			o = nil
		}
	}
}

// retry waits before the next attempt to connect. It returns false if ctx ends first.
func (c *Conn) retry(ctx context.Context, err error, o *outcome) bool {
	wait := c.pace.next(err, o)
	c.cfg.logger.Info("client: not connected", "wait", wait, "err", err)
	if c.cfg.callbacks.disconnect != nil {
		c.cfg.callbacks.disconnect(err, wait)
	}
	return pause.For(ctx, wait)
}

// awaitUse waits while a connection of Dial would have no use, because the queue is full and
// there is nothing to send.
func (c *Conn) awaitUse() {
	r := c.rooms.one
	if r == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.err == nil && r.queue.full() && len(c.out.byKey) == 0 {
		c.waitLocked(c.life.ctx, &r.changed)
	}
}
