package rooms

import (
	"errors"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/stream"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// historyUnavailable is told to members that cannot get what came before they joined.
const historyUnavailable = "history unavailable: come back and resume"

// start is where a new member begins to read.
type start struct {
	cursor uint64 // in the stream
	replay uint64 // the offset from which on the log is read first; 0: it is not
	end    uint64 // messages as they are now are read, up to this offset; 0: entries
	had    uint64 // what the stream has up to this offset is in what is read

	page     chatlog.Page // what was read from replay on, if anything
	erasures uint64       // those of the room before that
}

// newest finds the newest messages that m may see, as many as a joiner gets, as they are
// now. The stream has entries as they were when they came: where one amends a message, all
// is read from the log. Then the log may be ahead of the stream, and has what comes in the
// stream up to there in it.
func (m *Member) newest(v *stream.View) (from start, err error) {
	want, at := m.room.set.cfg.Limits.History, m.pending.greeting.At
	from.cursor = m.Live
	first := at.Offset + 1 // the oldest entry looked at
	amended := false
	left := want
	for i := int(m.Live-v.Base) - 1; i >= 0 && left > 0 && !amended; i-- {
		it := &v.Items[i]
		if it.Offset == 0 {
			continue
		}
		first = it.Offset
		if it.Who.Has(&m.Reader) {
			from.cursor = v.Base + uint64(i)
			left--
		}
		amended = it.Who.Amends(m.User)
	}
	rg := chatlog.Range{Before: first, Limit: left, Messages: true, Visible: true, Reader: m.User}
	switch {
	case amended:
		from.cursor, rg.Before, rg.Limit = m.Live, 0, want
	case left <= 0 || first <= 1:
		return from, nil
	}
	r := m.room
	r.mu.Lock()
	from.erasures = r.erasures
	r.mu.Unlock()
	page, err := r.set.log.Read(r.set.life.ctx, r.name, rg)
	switch {
	case err == nil && (page.Position.Epoch != at.Epoch || page.Position.Offset < at.Offset):
		err = errLost
	case err == nil:
		from.end = first - 1
		if amended {
			from.end = page.Position.Offset
			from.had = from.end
		}
		if from.replay, err = m.oldest(&page, rg); from.replay == 0 {
			from.end = 0
		}
		from.page, from.page.More = page, false // there is nothing after it
	}
	if err != nil && !amended { // what the stream has is better than nothing
		return start{cursor: from.cursor}, nil
	}
	return from, err
}

// errLost says that the log no longer has what it had.
var errLost = errors.New("chat: log lost events")

// oldest returns the offset of the first event of the range rg, which page is the end of,
// or 0 if there is none. It empties page if that is not in it.
func (m *Member) oldest(page *chatlog.Page, rg chatlog.Range) (offset uint64, err error) {
	p := *page
	for n := 0; len(p.Events) > 0; {
		offset, n = p.Events[0].Offset, n+len(p.Events)
		if !p.More || n >= rg.Limit {
			break
		}
		page.Events = nil // a log may return less than was asked for
		rg.Before = offset
		older := rg
		older.Limit -= n
		if p, err = m.room.set.log.Read(m.room.set.life.ctx, m.room.name, older); err != nil {
			return 0, err
		}
	}
	return offset, nil
}

// replayPage queues the next events that only the log holds and m may see, until the
// stream takes over. Entries go no further than the stream: what is in the log but not yet
// in the stream is about to come live.
func (m *Member) replayPage() {
	r := m.room
	r.mu.Lock()
	v, at, erasures := r.stream.View, r.placeLocked(), r.erasures
	r.mu.Unlock()
	history := m.replayEnd != 0
	// What the stream holds since a reset is nothing that m could go on with, whose
	// place of becoming live lies before it.
	lost := at.Epoch != m.epoch || !history && m.replayFrom > at.Offset+1 || m.Live < v.Reset
	if cursor, ok := v.After(m.replayFrom-1, at.Offset); ok && !lost && !history {
		m.conn.Lock()
		m.Cursor, m.replayFrom = cursor, 0
		m.conn.Unlock()
		return
	}
	end := m.replayEnd
	if !history { // from there on the stream has them
		end = at.Offset
		if o, ok := v.Entry(); ok {
			end = o - 1
		}
	}
	var page chatlog.Page
	var err error
	if !lost {
		page, err = r.set.log.Read(r.set.life.ctx, r.name, chatlog.Range{From: m.replayFrom, Limit: max(m.replayLimit, 1), Messages: history, Visible: true, Reader: m.User})
	}
	m.conn.Lock()
	defer m.conn.Unlock()
	switch {
	case lost || err != nil || page.Position.Epoch != at.Epoch || page.First > m.replayFrom || page.Position.Offset < at.Offset:
		m.conn.CloseLocked(proto.CloseTryAgain, historyUnavailable)
	case !r.dropErased(&page, erasures): // it is read again
	case !m.queueLocked(&page, end):
	case history:
		m.endHistoryLocked()
	default:
		m.replayFrom = end + 1 // what lies between is not for m
	}
}

// queueLocked queues the events of page up to the offset end. No more is queued than may
// wait; the next page is read later, and no larger than it need be. It reports whether
// these were the last ones up to end.
func (m *Member) queueLocked(page *chatlog.Page, end uint64) (last bool) {
	var object []byte
	for i := range page.Events {
		e := &page.Events[i]
		if e.Offset > end {
			return true
		}
		if m.conn.WaitingLocked() > wsconn.OutLimit/2 {
			m.replayLimit = i
			return false
		}
		m.replayFrom = e.Offset + 1
		if e.Amends() && !m.V1 {
			continue
		}
		if e.Offset >= m.unsentPosition.Offset {
			m.unsentPosition = chatlog.Position{} // this shows it
		}
		object = chatlog.AppendJSON(object[:0], e)
		m.conn.QueueTextLocked(object)
	}
	m.replayLimit = min(2*max(m.replayLimit, 1), proto.MaxPage)
	return !page.More
}

// endHistoryLocked ends the replay of messages: the stream takes over, or if it has trimmed
// what m needs next, entries are replayed.
func (m *Member) endHistoryLocked() {
	r, end := m.room, m.replayEnd
	r.mu.Lock()
	base, last := r.stream.Base, r.last.Offset
	r.mu.Unlock()
	m.replayFrom, m.replayEnd = 0, 0
	switch {
	case m.Cursor >= base:
	case end < last:
		m.replayFrom = end + 1
	default: // the room is catching up, and what the stream has is all older
		m.Cursor = base
	}
}

// knowsReplayEnd reports whether the client can see where its replay ends: it was at that
// place before, or the replay's last entry is the one of the welcome's position. cursor and
// replay are set. Of a history that goes that far in the log, m.Had says that the client does
// not see the entry itself, which perhaps amends a message.
func (m *Member) knowsReplayEnd(v *stream.View, st *pendingJoin) bool {
	g := &st.greeting
	if g.At.Offset == 0 || g.Resumed && st.since.Offset == g.At.Offset {
		return true
	}
	seq, ok := v.At(g.At.Offset)
	return ok && (m.replayFrom != 0 || m.Cursor <= seq) && m.Sees(&v.Items[seq-v.Base], seq)
}

// appendReplayEnd appends a position object, which ends a replay whose end the client cannot see.
func (m *Member) appendReplayEnd(b []byte) []byte {
	object := proto.AppendQuoted([]byte(`{"type":"`+proto.TypePosition+`","position":`), m.unsentPosition.Place())
	m.unsentPosition = chatlog.Position{}
	return wsconn.AppendText(b, append(object, '}'))
}
