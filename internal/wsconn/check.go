package wsconn

import "time"

// Check pings a peer that has been silent for the interval. It kills the connection if the
// peer has been silent for the timeout since the ping, or if one message has taken longer
// than the timeout. An interval or timeout of zero means never. Every whole frame ends a
// silence. Only one goroutine may call it.
//
// A peer that is only written to does not answer. Check pings it in each interval. So the write
// timeout finds out whether the peer is gone, and proxies see that the connection is in use.
func (c *Conn) Check(now, interval, timeout time.Duration) {
	heard := time.Duration(c.in.heard.Load())
	if c.form != nil {
		if interval > 0 && now-max(heard, c.pinged) >= interval {
			c.pinged = now
			c.pingStream()
		}
		return
	}
	if c.secure.until.Load() != 0 {
		c.mu.Lock()
		c.restLocked(now)
		c.mu.Unlock()
	}
	if began := time.Duration(c.in.began.Load()); began != 0 && timeout > 0 && now-began >= timeout {
		c.Kill()
		return
	}
	switch {
	case c.pinged > heard:
		if timeout > 0 && now-c.pinged >= timeout {
			c.Kill()
		}
	case interval > 0 && now-heard >= interval:
		c.pinged = now
		c.Queue(pingFrame)
	}
}

// pingStream pings, unless an earlier ping waits.
func (c *Conn) pingStream() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.WaitingLocked() == 0 && !c.OverLocked() {
		c.PutLocked(c.form.AppendPing(nil))
	}
}

// pingFrame is an empty ping (RFC 6455, section 5.5.2).
var pingFrame = []byte{FinBit | opPing, 0}
