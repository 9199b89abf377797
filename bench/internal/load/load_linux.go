// Package load makes chat clients that cost little: one thread, epoll and raw
// sockets. It does the WebSocket handshake and framing itself, and counts
// deliveries by a marker in the text, so that a server that joins several messages
// in one frame is counted right.
package load

import (
	"fmt"
	"net/netip"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// A Plan says what clients to make and what they send.
type Plan struct {
	Addr       string  // of the server: an IPv4 address and port
	Centrifuge bool    // speak centrifuge's JSON protocol
	Deflate    bool    // offer compression without context takeover
	Rooms      int     // how many
	Members    int     // connections to each room
	Rate       float64 // messages a second over all rooms, by the clock
	Window     int     // if positive: each sender keeps so many on their way instead
	Senders    int     // a room, with Window
	Stalled    float64 // share of each room's members that never read
	Text       int     // bytes of a message's text; at least headSize
}

// A Load is the clients of one plan. Its methods are for one goroutine, which
// they lock to its thread.
type Load struct {
	plan   Plan
	to     unix.SockaddrInet4
	host   string
	conns  []conn
	epoll  int
	events []unix.EpollEvent
	buf    []byte
	frame  []byte
	text   []byte
	random uint32
	began  time.Time
	ids    uint64 // of centrifuge's commands

	ready   int   // connections that may send
	pending int   // connections in the handshake
	failed  error // of the handshake
	syncing bool  // every compressed frame is opened
	unseen  int   // members that have had no probe
	open    bool  // senders with a window send
	budget  int   // messages each sender may still send, if limited
	limited bool
	inflate inflater

	next  float64 // when the next message by the clock is due, in nanoseconds
	turn  int     // whose it is
	stats Stats
}

// Stats are what arrived and what was sent in one Run.
type Stats struct {
	Time       time.Duration
	Sent       int64 // messages
	Deliveries int64
	Bytes      int64 // that came, frames' headers and all else counted
	Reads      int64 // system calls that brought them
	Lost       int   // connections that the server ended, from the start
	Latency    Histogram
}

// New returns the clients of plan, not yet connected.
func New(plan Plan) (*Load, error) {
	ap, err := netip.ParseAddrPort(plan.Addr)
	if err != nil {
		return nil, err
	}
	if !ap.Addr().Is4() {
		return nil, fmt.Errorf("load: %s is not an IPv4 address", ap.Addr())
	}
	l := &Load{
		plan:   plan,
		to:     unix.SockaddrInet4{Port: int(ap.Port()), Addr: ap.Addr().As4()},
		host:   plan.Addr,
		conns:  make([]conn, plan.Rooms*plan.Members),
		events: make([]unix.EpollEvent, 512),
		buf:    make([]byte, 1<<20),
		random: 2463534242,
		began:  time.Now(),
	}
	l.text = filler(max(plan.Text, headSize))
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	runtime.LockOSThread()
	for i := range l.conns {
		c := &l.conns[i]
		c.fd, c.index, c.room = -1, i, i/plan.Members
		c.stalled = i%plan.Members >= l.active()
	}
	return l, nil
}

// active is how many members of a room read.
func (l *Load) active() int { return l.plan.Members - int(l.plan.Stalled*float64(l.plan.Members)) }

func (l *Load) now() int64 { return int64(time.Since(l.began)) }

// Join connects everybody, at most 128 at a time, and returns how long it took.
func (l *Load) Join(limit time.Duration) (time.Duration, error) {
	start := l.now()
	for begun := 0; l.ready < len(l.conns); {
		for begun < len(l.conns) && l.pending < 128 {
			if err := l.connect(&l.conns[begun]); err != nil {
				return 0, err
			}
			begun++
		}
		l.poll(10 * time.Millisecond)
		if l.failed != nil {
			return 0, l.failed
		}
		if l.now()-start > int64(limit) {
			return 0, fmt.Errorf("load: %d of %d connected after %v", l.ready, len(l.conns), limit)
		}
	}
	took := time.Duration(l.now() - start)
	for i := range l.conns {
		if c := &l.conns[i]; c.stalled {
			c.interest = unix.EPOLLRDHUP
			l.rearm(c)
		}
	}
	return took, nil
}

// Sync sends probes until every member that reads has had one, so that all are
// known to be in their rooms.
func (l *Load) Sync(limit time.Duration) error {
	l.syncing, l.unseen = true, 0
	defer func() { l.syncing = false }()
	for i := range l.conns {
		if c := &l.conns[i]; c.state == open && !c.stalled {
			c.seen = false
			l.unseen++
		}
	}
	end := l.now() + int64(limit)
	for l.unseen > 0 {
		for room := range l.plan.Rooms {
			members := l.conns[room*l.plan.Members:][:l.active()]
			for i := range members {
				if c := &members[i]; c.state == open && !c.seen {
					l.send(&members[0], 'p', l.now())
					break
				}
			}
		}
		l.poll(10 * time.Millisecond)
		for again := l.now() + int64(time.Second); l.unseen > 0 && l.now() < again; {
			l.poll(10 * time.Millisecond)
		}
		if l.now() > end {
			return fmt.Errorf("load: %d members got no probe within %v", l.unseen, limit)
		}
	}
	return nil
}

// Run makes the plan's load for d and returns what happened meanwhile. Messages
// still on their way at the end are not waited for: in a steady state as many were
// at the start.
func (l *Load) Run(d time.Duration) Stats {
	lost := l.stats.Lost
	l.stats = Stats{Lost: lost}
	start := l.now()
	end := start + int64(d)
	if l.next < float64(start) {
		l.next = float64(start)
	}
	if l.plan.Window > 0 && !l.open {
		l.open = true
		l.refillAll()
	}
	for {
		now := l.now()
		if now >= end {
			break
		}
		wait := min(end-now, int64(10*time.Millisecond))
		if l.plan.Rate > 0 {
			for range 64 {
				if l.next > float64(now) {
					break
				}
				l.send(l.sender(), 'm', int64(l.next))
				l.next += 1e9 / l.plan.Rate
			}
			wait = min(wait, max(0, int64(l.next)-now))
		}
		l.poll(time.Duration(wait))
	}
	l.stats.Time = time.Duration(l.now() - start)
	return l.stats
}

// Exchange has every member that reads send n messages, with window of them on
// their way, waits for all deliveries and then for probes, and returns how many
// deliveries came before the last probe: each member's messages from each.
func (l *Load) Exchange(n, window int, limit time.Duration) (int64, error) {
	l.stats = Stats{Lost: l.stats.Lost}
	l.plan.Window, l.plan.Senders = window, l.active()
	l.budget, l.limited, l.open = n, true, true
	l.refillAll()
	want := int64(l.plan.Rooms * l.active() * l.active() * n)
	end := l.now() + int64(limit)
	for l.stats.Deliveries < want {
		if l.poll(10 * time.Millisecond); l.now() > end {
			return l.stats.Deliveries, fmt.Errorf("load: %d of %d deliveries after %v", l.stats.Deliveries, want, limit)
		}
	}
	err := l.Sync(limit) // what came twice comes before the probes
	return l.stats.Deliveries, err
}

// Close closes all connections, without a close handshake.
func (l *Load) Close() {
	for i := range l.conns {
		if c := &l.conns[i]; c.fd >= 0 {
			// Without lingering there is no TIME_WAIT to use up the ports.
			unix.SetsockoptLinger(c.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
			unix.Close(c.fd)
			c.fd = -1
		}
	}
	unix.Close(l.epoll)
	runtime.UnlockOSThread()
}

// sender takes turns over the rooms, and in each over the members that read.
func (l *Load) sender() *conn {
	room, member := l.turn%l.plan.Rooms, l.turn/l.plan.Rooms%l.active()
	l.turn++
	return &l.conns[room*l.plan.Members+member]
}

func (l *Load) refillAll() {
	for room := range l.plan.Rooms {
		for i := range l.plan.Senders {
			c := &l.conns[room*l.plan.Members+i]
			c.sends, c.left = true, l.budget
			l.refill(c)
		}
	}
}

// refill has c send until its window is full.
func (l *Load) refill(c *conn) {
	for c.inflight < l.plan.Window && (!l.limited || c.left > 0) {
		l.compose(c, 'm', l.now())
		c.inflight++
		c.left--
		l.stats.Sent++
	}
	l.push(c)
}
