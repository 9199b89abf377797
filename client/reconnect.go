package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/seed-08328bfd/chat"
)

// pace decides after what time a connection is made again.
type pace struct {
	first, most time.Duration
	random      func(time.Duration) time.Duration // from zero to below its argument
	fails       int                               // since a connection that held
}

// slowPause bounds the random time after a close with 1013, or with errResume.
const slowPause = 100 * time.Millisecond

// longestPause is short enough for what a server asks for to be added.
const longestPause = 100 * 365 * 24 * time.Hour

func newPace(first, most time.Duration) pace {
	first, most = min(first, longestPause), min(most, longestPause)
	return pace{first: first, most: most, random: rand.N[time.Duration]}
}

// next returns the time to wait after err, which was of l, or of an attempt to
// connect if l is nil.
func (p *pace) next(err error, l *link) time.Duration {
	if l != nil && l.lived > p.most {
		p.fails = 0
	}
	var e *Error
	errors.As(err, &e)
	switch {
	case err == errResume:
		return p.random(slowPause)
	case e != nil && e.Close == 1013 && l != nil && (l.progress || p.fails == 0):
		if !l.progress {
			p.fails++
		}
		return p.random(slowPause)
	}
	wait := p.random(p.bound())
	p.fails++
	switch {
	case l != nil && l.goodbye > 0:
		return l.goodbye // jittered by the server
	case e != nil && e.Status != 0:
		return e.RetryAfter + wait
	}
	return wait
}

// bound returns the present limit of the random time.
func (p *pace) bound() time.Duration {
	if p.fails < 30 && p.first < p.most>>p.fails {
		return p.first << p.fails
	}
	return p.most
}

// final reports whether err ends the Conn.
func (c *Conn) final(err error) bool {
	var e *Error
	if errors.Is(err, ErrProtocol) {
		return true
	}
	if !errors.As(err, &e) {
		return false
	}
	switch {
	case e.Close == chat.CloseForbidden:
		return true
	case e.Close == closeExpired:
		return c.cfg.source == nil
	case e.Code == "" || e.Status == http.StatusTooManyRequests:
		return false // not the server's word, or not its last
	}
	return e.Status >= 400 && e.Status < 500
}

// closeExpired is the close code for credentials that ran out.
const closeExpired = 4001

// run keeps the Conn connected, beginning with l, until it ends.
func (c *Conn) run(l *link) {
	defer close(c.done)
	defer c.idle()
	for {
		err := l.serve()
		for {
			if c.final(err) {
				c.cfg.logger.Warn("client: ended", "room", c.room, "err", err)
				c.end(err)
				return
			}
			if c.ctx.Err() != nil || !c.retry(c.ctx, err, l) {
				return
			}
			c.lacksRoom()
			if l, err = c.connect(c.ctx); err == nil {
				break
			}
		}
	}
}

// retry waits for as long as err asks for, and reports false if ctx ended first.
func (c *Conn) retry(ctx context.Context, err error, l *link) bool {
	wait := c.pace.next(err, l)
	c.cfg.logger.Info("client: not connected", "room", c.room, "wait", wait, "err", err)
	if c.cfg.onDisconnect != nil {
		c.cfg.onDisconnect(err, wait)
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// lacksRoom waits while a connection would be of no use: nothing more can be
// taken from it and nothing is to be sent.
func (c *Conn) lacksRoom() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.err == nil && c.queue.full() && len(c.out.byID) == 0 {
		c.waitLocked(c.ctx)
	}
}
