package rooms

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/limit"
)

// localUser is this server's view of one user of a room: the user's connections here, what
// the log holds for this server, and what members were told. The three differ while calls
// of the log are in progress, fail, or lose their answers. Everything is guarded by
// room.mu. There is one for each user of each room: so it is small.
type localUser struct {
	user string
	presenceHere
	presenceInLog
	presenceShown
}

// presenceHere is the user's presence on this server, which the log should hold.
type presenceHere struct {
	name       string
	graceTimer *time.Timer // runs while a user that has lost the last connection counts as present
	conns      int32
}

// presenceInLog is what the log was last known to hold for this server.
type presenceInLog struct {
	loggedName  string        // the name in the log
	loggedBy    *string       // the name of this server there
	attempted   chan struct{} // closed after the next attempt; nil if no goroutine waits
	repeatTimer *time.Timer   // runs until the log is told again
	loggedConns int32         // the connections in the log
	repeatsLeft int8          // how often the log is told again after a failed call
	inLog       logState
	updating    bool // a goroutine makes the log agree, and keeps the room in use
	joinUntold  bool // other servers were not told of the join yet
	tellJoin    bool // it is time to tell them of the join
}

// presenceShown is what members were told (roster.go).
type presenceShown struct {
	shownName      string // the name in lists
	changedAt      uint64 // roster.changes at the last change of told or inLog
	lastReading    uint64 // the number of the last reading that had the user
	connsElsewhere int32  // connections to other servers, when the log was last read
	told           bool
}

// logState says whether the log holds a user for this server, as far as this server knows.
type logState int8

const (
	notInLog logState = iota
	isInLog
	maybeInLog // a call has failed, has lost its answer, or is in progress
)

// wantedInLog returns what the log should hold of o.
func (o *localUser) wantedInLog() (m chatlog.Member, present bool) {
	switch {
	case o.conns > 0:
		return chatlog.Member{UserID: o.user, Username: o.name, Connections: int(o.conns)}, true
	case o.graceTimer != nil: // as it was
		return chatlog.Member{UserID: o.user, Username: o.name, Connections: max(1, int(o.loggedConns))}, true
	}
	return chatlog.Member{}, false
}

// loggedAs returns what the log was last known to hold of o.
func (o *localUser) loggedAs() chatlog.Member {
	return chatlog.Member{UserID: o.user, Username: o.loggedName, Connections: int(o.loggedConns)}
}

// agreesWithLog reports whether the log holds what it should, under the server's name id.
func (o *localUser) agreesWithLog(id *string) bool {
	m, present := o.wantedInLog()
	if !present {
		// The log removes by itself what it holds under an earlier name.
		return o.inLog == notInLog || o.loggedBy != id
	}
	return o.inLog == isInLog && o.loggedAs() == m && o.loggedBy == id
}

// announceUser tells members and other servers that o, which the log holds, has joined. It
// is called after the connection is taken over: nobody is told of a connection that fails
// before that.
func (r *room) announceUser(o *localUser) {
	r.mu.Lock()
	grew := r.tellJoinLocked(o, o.name)
	o.tellJoin = o.joinUntold
	r.mu.Unlock()
	if grew {
		r.wake()
	}
	r.updateLog(o, false)
}

// addConnection counts one more connection of a user. It tells nobody yet.
func (r *room) addConnection(user, name string) (*localUser, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if most := r.set.cfg.Limits.Members; most > 0 && r.conns >= most {
		return nil, fmt.Errorf("%w: members of the room", limit.ErrReached)
	}
	r.conns++
	o := r.users[user]
	if o == nil {
		o = &localUser{user: user}
		r.users[user] = o
	}
	o.name = name
	o.conns++
	if o.graceTimer != nil && o.graceTimer.Stop() {
		// The room was kept for the absent user.
		r.set.release(r)
	}
	o.graceTimer = nil
	return o, nil
}

// awaitEntered waits until the log holds o, but no longer than ctx and the log timeout.
func (r *room) awaitEntered(ctx context.Context, o *localUser) error {
	ctx, cancel := r.set.log.Bound(ctx)
	defer cancel()
	for tries := 0; ; tries++ {
		r.updateLog(o, false)
		r.mu.Lock()
		id := r.set.identity.serverID.Load()
		// The second attempt has begun after this call. Its answer is enough, even if the
		// number of connections has changed since.
		if o.agreesWithLog(id) || tries > 1 && o.inLog == isInLog && o.loggedBy == id {
			r.mu.Unlock()
			return nil
		}
		if o.attempted == nil {
			o.attempted = make(chan struct{})
		}
		tried := o.attempted
		r.mu.Unlock()
		select {
		case <-tried:
		case <-ctx.Done():
			return ctx.Err()
		case <-r.set.life.done:
			return ErrClosed
		}
	}
}

// removeConnection counts one connection less, which used name. If it was the user's last
// connection and grace is above zero, the log and the others are told only after grace.
func (r *room) removeConnection(o *localUser, name string, grace time.Duration) {
	r.mu.Lock()
	o.conns--
	r.conns--
	if o.conns > 0 && o.name == name {
		// The user's name must be that of a remaining connection.
		if i := slices.IndexFunc(r.members, func(m *Member) bool { return m.user == o }); i >= 0 {
			o.name = r.members[i].link.name
		}
	}
	if r.set.life.closing.Load() && !r.set.cfg.Local {
		// A user that comes back to another server in time has not left: the log removes
		// this server's users after the grace.
		r.mu.Unlock()
		return
	}
	if o.conns == 0 && grace > 0 && r.set.retain(r) {
		var timer *time.Timer
		timer = time.AfterFunc(grace, func() {
			r.mu.Lock()
			over := o.graceTimer == timer
			if over {
				o.graceTimer = nil
			}
			r.mu.Unlock()
			if over && !r.set.life.closing.Load() {
				r.updateLog(o, false)
			}
			r.set.release(r)
		})
		o.graceTimer = timer
	}
	r.mu.Unlock()
	r.updateLog(o, false)
}
