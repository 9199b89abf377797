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
	want, at := m.room.set.cfg.Limits.History, m.begin.greeting.At
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

// replayPage gives m the next events that only the log holds and m may see, until the
// stream takes over. Entries go no further than the stream: what is in the log but not yet
// in the stream is about to come live.
func (m *Member) replayPage() {
	r, st := m.room, m.begin
	r.mu.Lock()
	v, at, erasures := r.stream.View, r.placeLocked(), r.erasures
	r.mu.Unlock()
	history := st.replayEnd != 0
	// What the stream holds since a reset is nothing that m could go on with, whose
	// place of becoming live lies before it.
	lost := at.Epoch != m.epoch || !history && st.replayFrom > at.Offset+1 || m.Live < v.Reset
	c := m.link.conn
	if cursor, ok := v.After(st.replayFrom-1, at.Offset); ok && !lost && !history {
		c.Lock()
		m.Cursor, st.replayFrom = cursor, 0
		m.replayedLocked(nil)
		c.Unlock()
		return
	}
	end := st.replayEnd
	if !history { // from there on the stream has them
		end = at.Offset
		if o, ok := v.Entry(); ok {
			end = o - 1
		}
	}
	var page chatlog.Page
	var err error
	if !lost {
		page, err = r.set.log.Read(r.set.life.ctx, r.name, chatlog.Range{From: st.replayFrom, Limit: max(st.replayLimit, 1), Messages: history, Visible: true, Reader: m.User})
	}
	c.Lock()
	defer c.Unlock()
	if lost || err != nil || page.Position.Epoch != at.Epoch || page.First > st.replayFrom || page.Position.Offset < at.Offset {
		m.loseLocked(historyUnavailable)
		return
	}
	var b []byte
	if r.dropErased(&page, erasures) { // otherwise it is read again
		var last bool
		switch b, last = m.appendPage(nil, &page, end); {
		case !last:
		case history:
			m.endHistoryLocked()
		default:
			st.replayFrom = end + 1 // what lies between is not for m
		}
	}
	m.replayedLocked(b)
}

// replayedLocked gives m the frames that were read for its replay, which goes on or is over.
func (m *Member) replayedLocked(frames []byte) {
	if many := m.link.many; many != nil {
		many.replayedLocked(m, frames)
		return
	}
	m.link.conn.QueueLocked(frames)
	if m.begin.replayFrom == 0 {
		m.begin = nil
	}
}

// appendPage appends the events of page up to the offset end, but no more bytes than may
// wait; at least one event. The next page is read later, and no larger than it need be. It
// reports whether these were the last ones up to end.
func (m *Member) appendPage(b []byte, page *chatlog.Page, end uint64) (_ []byte, last bool) {
	st, most := m.begin, wsconn.Piece
	if m.link.many == nil {
		most = wsconn.OutLimit/2 - m.link.conn.WaitingLocked()
	}
	var object []byte
	for i := range page.Events {
		e := &page.Events[i]
		if e.Offset > end {
			return b, true
		}
		if !e.Amends() || m.V1 {
			n := len(b)
			object = chatlog.AppendJSON(object[:0], e)
			if b = m.Enc.Append(b, m.room.name, m.epoch, e.Offset, object); n > 0 && len(b) > most {
				st.replayLimit = i
				return b[:n], false
			}
			if e.Offset >= m.unsentPosition {
				m.unsentPosition = 0 // this shows it
			}
		}
		st.replayFrom = e.Offset + 1
	}
	st.replayLimit = min(2*max(st.replayLimit, 1), proto.MaxPage)
	return b, !page.More
}

// endHistoryLocked ends the replay of messages: the stream takes over, or if it has trimmed
// what m needs next, entries are replayed.
func (m *Member) endHistoryLocked() {
	r, st := m.room, m.begin
	end := st.replayEnd
	r.mu.Lock()
	base, last := r.stream.Base, r.last.Offset
	r.mu.Unlock()
	st.replayFrom, st.replayEnd = 0, 0
	switch {
	case m.Cursor >= base:
	case end < last:
		st.replayFrom = end + 1
	default: // the room is catching up, and what the stream has is all older
		m.Cursor = base
	}
}

// knowsReplayEnd reports whether the client can see where its replay ends: it was at that
// place before, or the replay's last entry is the one of the welcome's position. cursor and
// replay are set. Of a history that goes that far in the log, m.Had says that the client does
// not see the entry itself, which perhaps amends a message.
func (m *Member) knowsReplayEnd(v *stream.View, st *beginning) bool {
	g := &st.greeting
	if g.At.Offset == 0 || g.Resumed && st.since.Offset == g.At.Offset {
		return true
	}
	seq, ok := v.At(g.At.Offset)
	return ok && (st.replayFrom != 0 || m.Cursor <= seq) && m.Sees(&v.Items[seq-v.Base], seq)
}

// appendReplayEnd appends a position object, which ends a replay whose end the client cannot see.
func (m *Member) appendReplayEnd(b []byte) []byte {
	at := chatlog.Position{Epoch: m.epoch, Offset: m.unsentPosition}
	m.unsentPosition = 0
	object := proto.AppendQuoted([]byte(`{"type":"`+proto.TypePosition+`","position":`), at.Place())
	return m.Enc.Append(b, m.room.name, m.epoch, at.Offset, append(object, '}'))
}

// untilLive hides what is live for m from v while m must still be told where its replay ends: a
// place that is told later would be behind what the client has.
func (m *Member) untilLive(v *stream.View) {
	if m.unsentPosition != 0 && m.Cursor < m.Live && m.Live < v.Next() {
		v.Items = v.Items[:m.Live-v.Base]
	}
}
