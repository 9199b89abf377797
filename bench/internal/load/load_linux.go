// Package load makes chat clients that cost little: one thread, epoll and raw sockets. It does
// the WebSocket handshake and framing itself. It counts deliveries by a marker in the text, so
// the count is right even if a server joins several messages in one frame.
package load

import (
	"fmt"
	"net/netip"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// A Plan describes the clients and what they send.
type Plan struct {
	Addr       string  // of the server: an IPv4 address and port
	Centrifuge bool    // speak centrifuge's JSON protocol
	V1         bool    // otherwise speak chat.v1 and not plain text; always with Joined
	Deflate    bool    // offer compression without context takeover
	Rooms      int     // number of rooms
	Members    int     // connections to each room
	Joined     int     // if positive: rooms per connection; Members must be a multiple of it
	Rate       float64 // messages per second over all rooms, at fixed times
	Window     int     // if positive: instead of Rate, each sender keeps this many messages in flight
	Senders    int     // per room, with Window; with Joined every connection sends
	Stalled    float64 // share of each room's members that never read
	TLS        bool    // over TLS
	Text       int     // bytes of a message's text; at least headSize
}

// A Load is the clients of one plan. Only one goroutine may call its methods. They lock it to
// its thread.
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
	steps  []int // from a client's index to its rooms, with Joined
	began  time.Time
	ids    uint64 // the last id of centrifuge's commands

	ready   int   // connections that may send
	pending int   // connections in the handshake
	failed  error // the error of a handshake
	syncing bool  // decompress every compressed frame
	unseen  int   // members without a probe so far
	open    bool  // senders with a window may send
	budget  int   // messages each sender may still send, if limited
	limited bool
	inflate inflater
	shaken  chan shaken // handshakes of TLS that have ended

	next  float64 // when the next message at a fixed time is due, in nanoseconds
	turn  int     // the index of its sender
	stats Stats
}

// Stats count what arrived and what was sent in one Run.
type Stats struct {
	Time       time.Duration
	Sent       int64 // messages
	Deliveries int64
	Bytes      int64 // all received bytes, frame headers included
	Reads      int64 // system calls that read them
	Lost       int   // connections that the server has ended since the start
	Latency    Histogram
}

// New returns the clients of plan. They are not connected yet.
func New(plan Plan) (*Load, error) {
	ap, err := netip.ParseAddrPort(plan.Addr)
	if err != nil {
		return nil, err
	}
	if !ap.Addr().Is4() {
		return nil, fmt.Errorf("load: %s is not an IPv4 address", ap.Addr())
	}
	if err := plan.check(); err != nil {
		return nil, err
	}
	plan.V1 = !plan.Centrifuge && (plan.V1 || plan.Joined > 0)
	l := &Load{
		plan:   plan,
		to:     unix.SockaddrInet4{Port: int(ap.Port()), Addr: ap.Addr().As4()},
		host:   plan.Addr,
		conns:  make([]conn, plan.Conns()),
		events: make([]unix.EpollEvent, 512),
		buf:    make([]byte, 1<<20),
		random: 2463534242,
		began:  time.Now(),
		shaken: make(chan shaken, 1024),
	}
	if plan.Joined > 0 {
		l.steps = distinctSteps(plan.Joined, plan.Rooms)
	}
	l.text = filler(max(plan.Text, headSize))
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	runtime.LockOSThread()
	for i := range l.conns {
		c := &l.conns[i]
		c.fd, c.index = -1, i
		c.stalled = plan.Joined == 0 && i%plan.Members >= l.active()
	}
	return l, nil
}

// active returns how many members of a room read.
func (l *Load) active() int { return l.plan.Members - int(l.plan.Stalled*float64(l.plan.Members)) }

func (l *Load) now() int64 { return int64(time.Since(l.began)) }

// Join connects all members, some of them concurrently, and returns how long it took.
func (l *Load) Join(limit time.Duration) (time.Duration, error) {
	start := l.now()
	for begun := 0; l.ready < len(l.conns); {
		for begun < len(l.conns) && l.pending < l.joining() {
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

// Sync sends probes until every reading member has received one. Then all members are known to
// be in their rooms.
func (l *Load) Sync(limit time.Duration) error {
	l.syncing, l.unseen = true, 0
	defer func() { l.syncing = false }()
	if l.plan.Joined > 0 {
		return l.syncRooms(limit)
	}
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
					l.send(&members[0], room, 'p', l.now())
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

// Run makes the plan's load for d, and returns the counts. It does not wait for messages in
// flight at the end. In a steady state just as many were in flight at the start.
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
				c, room := l.sender()
				l.send(c, room, 'm', int64(l.next))
				l.next += 1e9 / l.plan.Rate
			}
			wait = min(wait, max(0, int64(l.next)-now))
		}
		l.poll(time.Duration(wait))
	}
	l.stats.Time = time.Duration(l.now() - start)
	return l.stats
}

// Exchange lets every reading member send n messages, with window of them in flight per
// connection. It waits for all deliveries and then for probes. It returns how many deliveries
// came before the last probe: from each member, all messages to each member.
func (l *Load) Exchange(n, window int, limit time.Duration) (int64, error) {
	l.stats = Stats{Lost: l.stats.Lost}
	l.plan.Window, l.plan.Senders = window, l.active()
	l.budget, l.limited, l.open = n*max(1, l.plan.Joined), true, true
	l.refillAll()
	want := int64(l.plan.Rooms * l.active() * l.active() * n)
	end := l.now() + int64(limit)
	for l.stats.Deliveries < want {
		if l.poll(10 * time.Millisecond); l.now() > end {
			return l.stats.Deliveries, fmt.Errorf("load: %d of %d deliveries after %v", l.stats.Deliveries, want, limit)
		}
	}
	err := l.Sync(limit) // a duplicate arrives before the probes
	return l.stats.Deliveries, err
}

// Close closes all connections, without a close handshake.
func (l *Load) Close() {
	for i := range l.conns {
		if c := &l.conns[i]; c.fd >= 0 {
			// Without lingering there is no TIME_WAIT, which would use up the ports.
			unix.SetsockoptLinger(c.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
			l.drop(c)
		}
	}
	unix.Close(l.epoll)
	runtime.UnlockOSThread()
}

// sender returns the next sender and the room for its message. It goes through the rooms in
// turn, and in each room through the reading members.
func (l *Load) sender() (c *conn, room int) {
	room, member := l.turn%l.plan.Rooms, l.turn/l.plan.Rooms%l.active()
	l.turn++
	return l.member(room, member), room
}

func (l *Load) refillAll() {
	for i := range l.conns {
		if c := &l.conns[i]; l.plan.Joined > 0 || i%l.plan.Members < l.plan.Senders {
			c.sends, c.left = true, l.budget
			l.refill(c)
		}
	}
}

// refill lets c send until its window is full.
func (l *Load) refill(c *conn) {
	for c.inflight < l.plan.Window && (!l.limited || c.left > 0) {
		c.left--
		l.compose(c, l.roomOf(c, (l.budget-c.left)%max(1, l.plan.Joined)), 'm', l.now())
		c.inflight++
		l.stats.Sent++
	}
	l.push(c)
}
