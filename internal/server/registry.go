package server

import (
	"maps"
	"slices"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/lock"
	"github.com/seed-08328bfd/chat/internal/session"
)

// maxCommands limits the commands that a handshake remembers. A handshake during which more
// arrive fails; the client begins again.
const maxCommands = 1000

// A registry has the sessions of a server. The zero registry is empty.
type registry struct {
	mu      lock.Server
	open    map[*session.Session]struct{}
	joining map[*session.Session][]chatlog.Event // in the middle of their handshakes, with the commands that came since
	pinged  []*session.Session                   // used again by each ping; owned by the goroutine that calls it
	empty   chan struct{}                        // closed when the last session has ended; nil if no goroutine waits
}

// count returns the number of open sessions.
func (g *registry) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.open)
}

// all returns the open sessions of this moment.
func (g *registry) all() []*session.Session {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Collect(maps.Keys(g.open))
}

// killAll cuts all connections.
func (g *registry) killAll() {
	for _, c := range g.all() {
		c.Kill()
	}
}

// ping checks each open connection once; see [wsconn.Conn.Check]. Only one goroutine may
// call it.
func (g *registry) ping(now, interval, timeout time.Duration) {
	g.mu.Lock()
	g.pinged = slices.AppendSeq(g.pinged[:0], maps.Keys(g.open))
	g.mu.Unlock()
	for _, c := range g.pinged {
		c.Check(now, interval, timeout)
	}
	clear(g.pinged) // sessions that have ended are not kept
}

// expect lets c, whose handshake begins, get the commands of other servers and of this one.
func (g *registry) expect(c *session.Session) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.joining == nil {
		g.joining = map[*session.Session][]chatlog.Event{}
	}
	g.joining[c] = nil
}

// add makes c one of the open sessions, unless closing says that the server is closing. It
// returns the commands that have come since expect.
func (g *registry) add(c *session.Session, closing func() bool) (commands []chatlog.Event, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	commands = g.joining[c]
	delete(g.joining, c)
	if closing() {
		return nil, false
	}
	if g.open == nil {
		g.open = map[*session.Session]struct{}{}
	}
	g.open[c] = struct{}{}
	return commands, true
}

// remove forgets c, open or not.
func (g *registry) remove(c *session.Session) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.joining, c)
	delete(g.open, c)
	if len(g.open) == 0 && g.empty != nil {
		close(g.empty)
		g.empty = nil
	}
}

// whenEmpty returns a channel that is closed when no session is open.
func (g *registry) whenEmpty() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.open) == 0 {
		now := make(chan struct{})
		close(now)
		return now
	}
	if g.empty == nil {
		g.empty = make(chan struct{})
	}
	return g.empty
}

// of returns the open sessions of the user that the command e is about. Those in the middle
// of their handshakes, whose user may not be known yet, remember the command.
func (g *registry) of(e *chatlog.Event) (all []*session.Session) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for c := range g.open {
		if c.User.ID == e.UserID {
			all = append(all, c)
		}
	}
	for c, commands := range g.joining {
		if len(commands) <= maxCommands {
			g.joining[c] = append(commands, *e)
		}
	}
	return all
}
