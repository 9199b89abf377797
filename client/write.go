package client

import (
	"context"
	"time"

	"github.com/seed-08328bfd/chat/internal/ws"
)

// write writes what is to be sent, and sees that the server is alive, until the
// connection ends.
func (l *link) write() {
	c := l.c
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		c.mu.Lock()
		objects, wait := l.workLocked(time.Now())
		c.mu.Unlock()
		for _, b := range objects {
			if err := l.send(b); err != nil {
				l.failed(err)
				return
			}
		}
		if objects != nil {
			continue
		}
		timer.Reset(wait)
		select {
		case <-c.work:
		case <-timer.C:
		case <-l.ctx.Done():
			return
		}
	}
}

// failed ends the connection after a write has failed, unless the reader finds the
// server's own reason first.
func (l *link) failed(err error) {
	t := time.NewTimer(closeTimeout)
	defer t.Stop()
	select {
	case <-l.ctx.Done():
	case <-t.C:
		l.cancel(err)
	}
}

func (l *link) send(b []byte) error {
	ctx, cancel := context.WithTimeout(l.ctx, l.c.cfg.timeout)
	defer cancel()
	return l.conn.Write(ctx, ws.MessageText, b)
}

// workLocked returns what to write now, or else how long there is nothing to do.
func (l *link) workLocked(now time.Time) (objects [][]byte, wait time.Duration) {
	c := l.c
	if c.err != nil { // the close frame is the last
		return nil, c.cfg.timeout
	}
	k, until := c.out.next(now)
	if k != nil {
		return k.objects, 0
	}
	if c.typing {
		c.typing = false
		return [][]byte{typingObject}, 0
	}
	wait, ping := l.silence(now.Sub(l.began))
	if ping {
		return [][]byte{pingObject}, 0
	}
	if !until.IsZero() {
		wait = min(wait, until.Sub(now))
	}
	return nil, wait
}

// silence returns how long the server may go on saying nothing, and whether to
// ask for a sign of life now. It ends the connection of a server that was asked
// and gave none.
func (l *link) silence(now time.Duration) (wait time.Duration, ping bool) {
	cfg := &l.c.cfg
	heard := time.Duration(l.heard.Load())
	switch {
	case l.stalled: // nobody listens
		return cfg.pingInterval, false
	case heard >= l.pinged:
		if wait = heard + cfg.pingInterval - now; wait > 0 {
			return wait, false
		}
		l.pinged = now
		return 0, true
	}
	if wait = l.pinged + cfg.pingTimeout - now; wait <= 0 {
		l.cancel(errDead)
		wait = cfg.pingTimeout
	}
	return wait, false
}
