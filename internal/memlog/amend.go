package memlog

import (
	"context"
	"errors"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

var errNoAmendment = errors.New("chat: the event does not amend a message")

// Amend implements [chatlog.Amender].
func (l *Log) Amend(ctx context.Context, room string, e chatlog.Event, moderator bool) (a chatlog.Appended, err error) {
	switch {
	case ctx.Err() != nil:
		return a, ctx.Err()
	case !e.Amends():
		return a, errNoAmendment
	}
	now := time.Now()
	sh := l.shard(room)
	sh.mu.Lock()
	r := sh.rooms[room]
	if r == nil {
		sh.mu.Unlock()
		return a, chatlog.ErrNoSuchMessage
	}
	a, err = l.amendLocked(r, e.Amendment(), moderator, now)
	if err != nil {
		sh.mu.Unlock()
		return chatlog.Appended{}, err
	}
	watchers := r.watchers
	l.usedLocked(sh, r)
	sh.mu.Unlock()
	if !a.Repeated {
		watchers.Trace(room, a.Epoch, a.Event.Offset, chatlog.TraceOf(ctx))
		watchers.Push(room, a.Epoch, &a.Event)
		l.growth.Signal()
	}
	if len(watchers) == 0 {
		l.shrink()
	}
	return a, nil
}

func (l *Log) amendLocked(r *roomState, e chatlog.Event, moderator bool, now time.Time) (a chatlog.Appended, err error) {
	a.Epoch = r.epoch
	var id idHash
	if e.ID != "" {
		id = idOf(e.UserID, e.ID)
		r.ids.turn(now.Sub(l.start))
		if known, ok := r.ids.known(id); ok {
			a.Event, a.Repeated = r.stored(known, e), true
			return a, nil
		}
	}
	m := r.target(e.Target)
	switch {
	case m == nil || !m.visibleTo(e.UserID):
		return a, chatlog.ErrNoSuchMessage
	case e.Type == chatlog.TypeReaction || m.userID == e.UserID || e.Type == chatlog.TypeDelete && moderator:
	default:
		return a, chatlog.ErrNoSuchMessage
	}
	if m.is(private) {
		if e.To = m.userID; e.To == "" || e.To == e.UserID {
			if e.To = m.to; e.To == "" {
				e.To = e.UserID
			}
		}
	}
	e.Offset, e.Time = r.last+1, time.UnixMilli(max(r.ms, now.UnixMilli())).UTC()
	if done, err := r.apply(m, &e); err != nil || !done {
		a.Event, a.Repeated = e, true
		return a, err
	}
	r.last, r.ms = e.Offset, e.Time.UnixMilli()
	if e.ID != "" {
		r.ids.add(id, idEntry{r.last, r.ms})
	}
	a.Event = e
	r.keep(&e, l.limits)
	return a, nil
}

// apply makes the change e to the message m. If that changes nothing, it returns false and gives
// e the place of the last entry that has changed m.
func (r *entries) apply(m *entry, e *chatlog.Event) (done bool, err error) {
	if e.Type == chatlog.TypeDelete {
		r.remove(e.Target)
		return true, nil
	}
	state, cost := m.more, 0
	if state == nil {
		state, cost = &more{}, moreCost
	}
	switch e.Type {
	case chatlog.TypeEdit:
		cost += len(e.Text) + len(e.Data) - len(m.text) - len(state.data)
		m.text, state.data, state.edited = e.Text, nil, e.Time.UnixMilli()
		if len(e.Data) > 0 {
			state.data = e.Data
		}
	default:
		n, ok, err := state.react(e.UserID, e.Reaction, e.Remove)
		if !ok {
			e.Offset, e.Time = e.Target, time.UnixMilli(m.ms).UTC()
			if state.amended > 0 {
				e.Offset, e.Time = state.amended, time.UnixMilli(state.amendedMS).UTC()
			}
			return false, err
		}
		cost += n
	}
	m.more = state
	state.amended, state.amendedMS = e.Offset, e.Time.UnixMilli()
	state.by = append(state.by, e.Offset)
	r.size += cost
	return true, nil
}
