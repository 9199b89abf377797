package client

import (
	"context"
	"time"

	"github.com/seed-08328bfd/chat/internal/ws"
)

// write sends what is due, and pings a silent server, until the connection ends.
func (l *link) write() {
	c := l.c
	timer := time.NewTimer(time.Hour) // stopped before it is over: see pause
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
		timer.Reset(max(wait, 1))
		select {
		case <-c.work:
		case <-timer.C:
		case <-l.ctx.Done():
		}
		timer.Stop()
		if l.ctx.Err() != nil {
			return
		}
	}
}

// failed ends the connection after a failed write. First it gives the reader time to find
// the server's own reason.
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
	ctx, cancel := context.WithTimeout(l.ctx, l.c.cfg.network.timeout)
	defer cancel()
	return l.conn.Write(ctx, ws.MessageText, b)
}

// workLocked returns what to send now, or nil and when to ask again.
func (l *link) workLocked(now time.Time) (objects [][]byte, wait time.Duration) {
	c := l.c
	if c.err != nil { // nothing may follow the close frame
		return nil, c.cfg.network.timeout
	}
	objects, until := c.movesLocked(now)
	if objects != nil {
		return objects, 0
	}
	k, at := c.out.next(now)
	if k != nil {
		return k.objects, 0
	}
	until = earlier(until, at)
	b, at := c.rooms.notice(now)
	if b != nil {
		return [][]byte{b}, 0
	}
	until = earlier(until, at)
	wait, ping := l.silence(now.Sub(l.began))
	if ping {
		return [][]byte{pingObject}, 0
	}
	if !until.IsZero() {
		wait = min(wait, until.Sub(now))
	}
	return nil, wait
}

// notice returns a notice that is due, of the rooms in turn, or nil and when to ask again if
// that is not zero.
func (rs *rooms) notice(now time.Time) (b []byte, at time.Time) {
	for i := range rs.list {
		turn := (rs.turn + i) % len(rs.list)
		b, next := rs.list[turn].notice(now)
		if b != nil {
			rs.turn = turn + 1
			return b, at
		}
		at = earlier(at, next)
	}
	return nil, at
}

// silence returns how much longer the server may be silent, and whether to send a ping
// now. It ends the connection if the server did not answer the last ping. The caller
// holds Conn.mu.
func (l *link) silence(now time.Duration) (wait time.Duration, ping bool) {
	cfg := &l.c.cfg.ping
	heard := time.Duration(l.heard.Load())
	switch {
	case l.flow.stalled: // the server may well have spoken: nothing is read
		return cfg.interval, false
	case heard >= l.flow.pinged:
		if wait = heard + cfg.interval - now; wait > 0 {
			return wait, false
		}
		l.flow.pinged = now
		return 0, true
	}
	if wait = l.flow.pinged + cfg.timeout - now; wait <= 0 {
		l.cancel(errDead)
		wait = cfg.timeout
	}
	return wait, false
}
