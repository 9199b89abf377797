package rooms

import (
	"cmp"
	"slices"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

// roster has the users that the members of a room were told of. At every place of the
// stream it equals the list of a client that began with its welcome and has applied all
// notices since. A notice is sent only with a change of the roster: so no client is told
// twice of one join or leave, or of the leave of a user that it does not know.
//
// A signal of the log is a hint, which may be lost, late or out of order. The log's list is
// the truth: a timer compares versions, and reads the lists of rooms whose versions differ
// or that hints have changed. Nothing is compared with the memory log of this server alone,
// because all it holds came from this server.
//
// It is guarded by room.mu.
type roster struct {
	list      []*localUser // in the order of their names
	unlisted  int          // number of users beyond list, if there were too many to read
	countTold int          // users in the last presence object
	changes   uint64

	mayDiffer        bool   // may differ from the log's list when it was last read
	version          uint64 // of the log's list that was read
	readAt           time.Duration
	readings         uint64
	reading          bool
	leftWhileReading map[string]struct{} // users that have left since the reading began
}

func byShownName(a, b *localUser) int {
	return cmp.Or(cmp.Compare(a.shownName, b.shownName), cmp.Compare(a.user, b.user))
}

func (t *roster) insert(o *localUser) {
	i, _ := slices.BinarySearchFunc(t.list, o, byShownName)
	t.list = slices.Insert(t.list, i, o)
}

func (t *roster) remove(o *localUser) {
	if i, ok := slices.BinarySearchFunc(t.list, o, byShownName); ok {
		t.list = slices.Delete(t.list, i, i+1)
	}
}

// noteChange notes that o has changed, so that a list that is being read now is ignored for
// o.
func (t *roster) noteChange(o *localUser) {
	t.changes++
	o.changedAt = t.changes
}

// members returns the first users of the roster, and how many there are. asks is one of
// them, also if nobody was told of it yet.
func (t *roster) members(asks *localUser, limit int) (list []chatlog.Member, count int) {
	count = len(t.list) + t.unlisted
	at := -1 // where asks is missing
	if !asks.told {
		count++
		asks.shownName = asks.name
		at, _ = slices.BinarySearchFunc(t.list, asks, byShownName)
	}
	list = make([]chatlog.Member, 0, min(limit, count))
	for i := 0; len(list) < cap(list); i++ {
		if i == at {
			list = append(list, asks.member())
		}
		if len(list) < cap(list) && i < len(t.list) {
			list = append(list, t.list[i].member())
		}
		if i > len(t.list) {
			break // the names of users beyond list are not known
		}
	}
	return list, count
}

func (o *localUser) member() chatlog.Member {
	return chatlog.Member{UserID: o.user, Username: o.shownName, Connections: max(1, int(o.conns+o.connsElsewhere))}
}

// tellJoinLocked tells the members that o has joined under name, unless they were told
// before. It reports whether the stream has grown.
func (r *room) tellJoinLocked(o *localUser, name string) (grew bool) {
	if o.told {
		if o.shownName != name {
			r.roster.remove(o)
			o.shownName = name
			r.roster.insert(o)
		}
		return false
	}
	o.told, o.shownName = true, name
	r.roster.insert(o)
	r.roster.noteChange(o)
	return r.addNoticeLocked(chatlog.KindJoin, o)
}

// tellLeaveLocked tells the members that o has left, if they were told of o.
func (r *room) tellLeaveLocked(o *localUser) (grew bool) {
	if !o.told {
		return false
	}
	r.roster.remove(o)
	o.told, o.connsElsewhere = false, 0
	r.roster.noteChange(o)
	if r.roster.reading {
		r.roster.leftWhileReading[o.user] = struct{}{}
	}
	grew = r.addNoticeLocked(chatlog.KindLeave, o)
	r.forgetUserLocked(o)
	return grew
}

// addNoticeLocked adds a notice to the stream or to the batch, if there is a member that
// can see it.
func (r *room) addNoticeLocked(event chatlog.Kind, o *localUser) (grew bool) {
	if n := len(r.members); n == 0 || n == 1 && r.members[0].user == o || r.set.life.closing.Load() {
		return false
	}
	e := notice(event, chatlog.Member{UserID: o.user, Username: o.shownName})
	if r.addToBatchLocked(&e) {
		return false
	}
	r.putLocked(&e, audienceOf(&e))
	return true
}

func notice(event chatlog.Kind, m chatlog.Member) chatlog.Event {
	verb := " joined the room"
	if event == chatlog.KindLeave {
		verb = " left the room"
	}
	return chatlog.Event{Type: chatlog.TypeSystem, Kind: event, Time: time.Now(), UserID: m.UserID, Username: m.Username, Text: m.Username + verb}
}

// takeHintLocked applies another server's notice of a user.
func (r *room) takeHintLocked(e *chatlog.Event) (grew bool) {
	r.roster.mayDiffer = !r.set.cfg.Local
	if !r.ready {
		return false
	}
	o := r.users[e.UserID]
	if e.Kind == chatlog.KindLeave {
		if o == nil {
			return false
		}
		if _, here := o.wantedInLog(); here {
			return false // not from here
		}
		return r.tellLeaveLocked(o)
	}
	if o == nil {
		o = &localUser{user: e.UserID, presenceShown: presenceShown{connsElsewhere: 1}}
		r.users[e.UserID] = o
	}
	return r.tellJoinLocked(o, e.Username)
}
