package chat

import (
	"context"
	"strconv"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// start is what a member brings to a room: where it wants to begin.
type start struct {
	since chatlog.Position // what the client has seen; zero if it has seen nothing
	at    chatlog.Position // the room's last place when the member became one of it

	members []chatlog.Member // whom members had been told of there; chat.v1 only
	count   int              // how many users those are
}

// enlist makes m a member of the room. What comes into the room from now on is live
// for it; what came before is begin's to give, which drain calls before anything
// else. Nothing is written before drain runs: draining says that somebody else does.
func (r *room) enlist(m *member) {
	m.in.heard.Store(int64(r.srv.clock()))
	m.draining = true
	r.mu.Lock()
	m.cursor = r.stream.next()
	m.live = m.cursor
	m.start.at = r.placeLocked()
	m.epoch = r.epoch
	if m.v1 {
		m.start.members, m.start.count = r.roster.members(m.occupant, proto.MaxListed)
	}
	m.occupant.name = m.who.Name // though others may have come since occupy
	r.addLocked(m)
	r.mu.Unlock()
}

// strike undoes enlist.
func (r *room) strike(m *member) {
	r.mu.Lock()
	r.removeLocked(m)
	r.mu.Unlock()
}

// catchUp reads the log if since is beyond what this server has of the room, or in
// another epoch: who comes from another server may be ahead of this one.
func (r *room) catchUp(ctx context.Context, since chatlog.Position) {
	for first := true; ; first = false {
		at := r.position()
		if since == (chatlog.Position{}) || since.Epoch == at.Epoch && since.Offset <= at.Offset {
			return
		}
		if since.Epoch != at.Epoch && (r.srv.local || !first) {
			return
		}
		if done, err := r.healOnce(ctx); done || err != nil {
			return
		}
	}
}

// leave undoes enlist and occupy. clean says that the client meant to go.
func (r *room) leave(m *member, clean bool) {
	r.strike(m)
	grace := r.srv.cfg.grace
	if clean || !m.v1 || r.srv.closing.Load() {
		grace = 0
	}
	r.vacate(m.occupant, m.who.Name, grace)
}

// begin sets the cursor of a new member. Joining, replaying and resuming differ
// only in the place it starts from. Only drain calls it, once.
func (m *member) begin() {
	st := m.start
	v := m.room.view()
	resumed := false
	var cursor, replay uint64
	if st.since != (chatlog.Position{}) {
		cursor, replay, resumed = m.resume(&v)
	}
	if !resumed {
		cursor, replay = m.newest(&v)
	}
	var first []byte
	switch {
	case m.v1:
		first = appendText(nil, m.welcome(st, resumed))
	case st.since != (chatlog.Position{}) && !resumed:
		first = appendText(nil, proto.SystemObject(&proto.Error{Code: proto.CodeGap, Text: "some messages may be missing here"}))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.start = nil
	if m.closing && m.code != 1001 {
		return // who was removed while joining reads nothing
	}
	m.cursor, m.replay, m.replayN = cursor, replay, proto.MaxPage
	if m.v1 && !m.endsAt(&v, st, resumed) {
		m.untold = st.at
	}
	switch {
	case replay != 0:
	case m.untold != (chatlog.Position{}) && cursor >= m.live:
		first = m.replayedLocked(first)
	case v.base <= cursor && cursor < v.next():
		// In one write with the welcome, and before any reply. Who was overtaken
		// while joining is drain's to close.
		first = append(first, m.pieceLocked(&v)...)
	}
	// Replies cannot have come before: whoever replies waits for mu, and finds out
	// empty or with replies to objects sent ahead of the welcome.
	m.out = append(first, m.out...)
}

// resume finds the place after what the client has seen. ok is false if the log
// does not hold everything from there on, or another entry at that place. Then
// nobody but the client is told: its word alone changes nothing for others.
func (m *member) resume(v *view) (cursor, replay uint64, ok bool) {
	st := m.start
	if st.since.Epoch != st.at.Epoch || st.since.Offset > st.at.Offset {
		return 0, 0, false
	}
	same := st.since.Time == 0 || st.since.Offset == 0 // as far as can be known
	if t := v.timeOf(st.since.Offset); !same && t != 0 {
		if t != st.since.Time {
			return 0, 0, false
		}
		same = true
	}
	cursor, ok = v.after(st.since.Offset, st.at.Offset)
	if !ok || !same {
		srv := m.room.srv
		page, err := srv.log.Read(srv.ctx, m.room.name, chatlog.Range{From: max(st.since.Offset, 1), Limit: 1})
		if err != nil || !srv.continues(&page, st.since) {
			return 0, 0, false
		}
	}
	if ok {
		return min(cursor, m.live), 0, true
	}
	return m.live, st.since.Offset + 1, true
}

// newest finds the place before the newest messages that m may see.
func (m *member) newest(v *view) (cursor, replay uint64) {
	want := m.room.srv.cfg.history
	cursor = m.live
	first := m.start.at.Offset + 1 // the oldest entry looked at
	for i := int(m.live-v.base) - 1; i >= 0 && want > 0; i-- {
		it := &v.items[i]
		if it.offset == 0 {
			continue
		}
		first = it.offset
		if it.who.has(m.user, m.v1) {
			cursor = v.base + uint64(i)
			want--
		}
	}
	if want <= 0 || first <= 1 {
		return cursor, 0
	}
	page, err := m.room.srv.log.Read(m.room.srv.ctx, m.room.name, chatlog.Range{Before: first, Limit: want, Visible: true, Reader: m.user})
	if err != nil || page.Position.Epoch != m.start.at.Epoch || len(page.Events) == 0 {
		return cursor, 0
	}
	return cursor, page.Events[0].Offset
}

// replayPage queues the next entries that only the log holds and m may see, until the
// stream takes over. It goes no further than the stream: what is in the log but not yet
// in the stream is about to come live.
func (m *member) replayPage() {
	r := m.room
	r.mu.Lock()
	v, at := r.stream.view, r.placeLocked()
	r.mu.Unlock()
	// What the stream holds since a reset is nothing that m could go on with, whose
	// place of becoming live lies before it.
	lost := at.Epoch != m.epoch || m.replay > at.Offset+1 || m.live < v.reset
	if cursor, ok := v.after(m.replay-1, at.Offset); ok && !lost {
		m.mu.Lock()
		m.cursor, m.replay = cursor, 0
		m.mu.Unlock()
		return
	}
	var page chatlog.Page
	var err error
	if !lost {
		page, err = r.srv.log.Read(r.srv.ctx, r.name, chatlog.Range{From: m.replay, Limit: max(m.replayN, 1), Visible: true, Reader: m.user})
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if lost || err != nil || page.Position.Epoch != at.Epoch || page.First > m.replay || page.Position.Offset < at.Offset {
		m.closeLocked(1013, "history unavailable: come back and resume")
		return
	}
	live := at.Offset + 1 // from here on the stream has them
	if o, ok := v.entry(); ok {
		live = o
	}
	// No more is queued than may wait; the next page is read later, and no larger
	// than it need be.
	var object []byte
	for i := range page.Events {
		e := &page.Events[i]
		if len(m.out) > outLimit/2 {
			m.replayN = i
			return
		}
		if e.Offset >= live {
			m.replay = live
			return
		}
		if m.replay = e.Offset + 1; e.Offset >= m.untold.Offset {
			m.untold = chatlog.Position{} // this shows it
		}
		object = chatlog.AppendJSON(object[:0], e)
		m.out = appendText(m.out, object)
	}
	if !page.More {
		m.replay = live // what lies between is not for m
	}
	m.replayN = min(2*max(m.replayN, 1), proto.MaxPage)
}

// welcome returns the first object that a chat.v1 client gets.
func (m *member) welcome(st *start, resumed bool) []byte {
	srv := m.room.srv
	b := append(make([]byte, 0, 512), `{"type":"welcome","protocol":"chat.v1","room":`...)
	b = proto.AppendQuoted(b, m.room.name)
	b = proto.AppendQuoted(append(b, `,"user":`...), m.who.ID)
	b = proto.AppendQuoted(append(b, `,"username":`...), m.who.Name)
	b = proto.AppendQuoted(append(b, `,"session":`...), m.session)
	b = proto.AppendQuoted(append(b, `,"position":`...), st.at.Place())
	b = strconv.AppendBool(append(b, `,"resumed":`...), resumed)
	b = strconv.AppendBool(append(b, `,"gap":`...), !resumed && st.since != (chatlog.Position{}))
	b = appendMembers(append(b, `,"members":`...), st.members)
	b = strconv.AppendInt(append(b, `,"member_count":`...), int64(st.count), 10)
	b = strconv.AppendInt(append(b, `,"limits":{"message_bytes":`...), int64(srv.cfg.messageSize), 10)
	b = strconv.AppendFloat(append(b, `,"rate_per_second":`...), srv.cfg.rate, 'g', -1, 64)
	b = append(b, `,"burst":`...)
	if srv.cfg.rate > 0 {
		b = strconv.AppendInt(b, int64(srv.cfg.burst), 10)
	} else {
		b = append(b, '0')
	}
	b = append(b, '}')
	if st.at.Time != 0 {
		b = proto.AppendTime(append(b, `,"time":"`...), time.UnixMilli(st.at.Time))
		b = append(b, '"')
	}
	return append(b, '}')
}

func appendMembers(b []byte, members []chatlog.Member) []byte {
	b = append(b, '[')
	for i := range members {
		if i > 0 {
			b = append(b, ',')
		}
		b = proto.AppendQuoted(append(b, `{"user":`...), members[i].User)
		b = proto.AppendQuoted(append(b, `,"username":`...), members[i].Username)
		b = strconv.AppendInt(append(b, `,"connections":`...), int64(members[i].Connections), 10)
		b = append(b, '}')
	}
	return append(b, ']')
}
