package rooms

import (
	"cmp"
	"slices"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

// roster is whom the members of a room have been told of: what a list holds that
// began as a welcome and has followed the notices since, at every place of the
// stream. A notice goes out only with a change of it, so nobody is told twice of one
// coming or going, nor of the leave of a user who was never named.
//
// What the log signals is a hint, and may be lost, late or out of order. What the
// log holds is the truth: a timer compares versions with it, and the lists of rooms
// whose versions differ, or that hints have changed since. Nothing is compared with
// the memory log of this server alone: what that holds, the server has told it.
//
// It is guarded by room.mu.
type roster struct {
	list    []*occupant // in the order of their names
	more    int         // users beyond list, if there were too many to read
	counted int         // users in the last presence object
	changes uint64

	dirty    bool   // may differ from what the log held when it was last read
	version  uint64 // of the log's list that was read
	readAt   time.Duration
	readings uint64
	reading  bool
	left     map[string]struct{} // who left since the reading began
}

func byShown(a, b *occupant) int {
	return cmp.Or(cmp.Compare(a.shown, b.shown), cmp.Compare(a.user, b.user))
}

func (t *roster) insert(o *occupant) {
	i, _ := slices.BinarySearchFunc(t.list, o, byShown)
	t.list = slices.Insert(t.list, i, o)
}

func (t *roster) remove(o *occupant) {
	if i, ok := slices.BinarySearchFunc(t.list, o, byShown); ok {
		t.list = slices.Delete(t.list, i, i+1)
	}
}

// touch notes that something about o has changed, so that a list that is being read
// does not count for it.
func (t *roster) touch(o *occupant) {
	t.changes++
	o.changed = t.changes
}

// members returns the first users of the roster, and how many there are. The user
// that asks is one of them, told or not.
func (t *roster) members(asks *occupant, limit int) (list []chatlog.Member, count int) {
	count = len(t.list) + t.more
	at := -1 // where asks is missing
	if !asks.told {
		count++
		asks.shown = asks.name
		at, _ = slices.BinarySearchFunc(t.list, asks, byShown)
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
			break // of those beyond the list, no names are known
		}
	}
	return list, count
}

func (o *occupant) member() chatlog.Member {
	return chatlog.Member{UserID: o.user, Username: o.shown, Connections: max(1, o.conns+o.elsewhere)}
}

// joinedLocked has the members told that o is there, under name, unless they were.
// It reports whether the stream has grown.
func (r *room) joinedLocked(o *occupant, name string) (grew bool) {
	if o.told {
		if o.shown != name {
			r.roster.remove(o)
			o.shown = name
			r.roster.insert(o)
		}
		return false
	}
	o.told, o.shown = true, name
	r.roster.insert(o)
	r.roster.touch(o)
	return r.tellLocked(chatlog.KindJoin, o)
}

// leftLocked has the members told that o is gone, if they were told of o.
func (r *room) leftLocked(o *occupant) (grew bool) {
	if !o.told {
		return false
	}
	r.roster.remove(o)
	o.told, o.elsewhere = false, 0
	r.roster.touch(o)
	if r.roster.reading {
		r.roster.left[o.user] = struct{}{}
	}
	grew = r.tellLocked(chatlog.KindLeave, o)
	r.dropLocked(o)
	return grew
}

// tellLocked adds a notice to the stream, or to what is gathered for a presence
// object, if there is a member to see it.
func (r *room) tellLocked(event chatlog.Kind, o *occupant) (grew bool) {
	if n := len(r.members); n == 0 || n == 1 && r.members[0].occupant == o || r.set.life.closing.Load() {
		return false
	}
	e := notice(event, chatlog.Member{UserID: o.user, Username: o.shown})
	if r.crowdLocked(&e) {
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

// hintLocked takes what another server says of a user.
func (r *room) hintLocked(e *chatlog.Event) (grew bool) {
	r.roster.dirty = !r.set.cfg.Local
	if !r.ready {
		return false
	}
	o := r.users[e.UserID]
	if e.Kind == chatlog.KindLeave {
		if o == nil {
			return false
		}
		if _, here := o.wanted(); here {
			return false // not from here
		}
		return r.leftLocked(o)
	}
	if o == nil {
		o = &occupant{user: e.UserID, occupantShown: occupantShown{elsewhere: 1}}
		r.users[e.UserID] = o
	}
	return r.joinedLocked(o, e.Username)
}
