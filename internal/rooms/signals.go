package rooms

import (
	"context"
	"maps"
	"strconv"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/lock"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/stream"
)

// What this file sends goes through the log's signals to every server, this one too, at
// most once, and no log keeps it.

// Typing tells the others in the room called name that a user, who need not be in it, is
// typing; unless this server has told them within proto.TypingPause, or a member here is far
// behind. Then it returns nil, too.
func (s *Set) Typing(ctx context.Context, name, userID, username string) error {
	if s.life.closing.Load() {
		return ErrClosed
	}
	if r := s.room(name); s.typists.shown(name, userID, s.cfg.Clock()) || r != nil && r.busy() {
		return nil
	}
	return s.log.Signal(ctx, name, chatlog.Event{Type: chatlog.TypeTyping, Time: time.Now(), UserID: userID, Username: username})
}

// typists are the users that were shown to be typing within the pause, and perhaps some more.
type typists struct {
	mu    lock.Leaf
	at    map[typist]time.Duration
	swept time.Duration
}

type typist struct{ room, user string }

// shown reports whether the user was shown to be typing within the pause before now. A user
// who was not, is now.
func (t *typists) shown(room, user string, now time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if at, ok := t.at[typist{room, user}]; ok && now-at < proto.TypingPause {
		return true
	}
	if now-t.swept >= proto.TypingPause {
		maps.DeleteFunc(t.at, func(_ typist, at time.Duration) bool { return now-at >= proto.TypingPause })
		t.swept = now
		if len(t.at) == 0 {
			t.at = map[typist]time.Duration{} // a map does not get smaller
		}
	}
	t.at[typist{room, user}] = now
	return false
}

// Signal sends e, as a TypeSignal, to the chat.v1 members of the room called name, except to
// e.UserID. It sends nothing, and returns nil, if a member here is far behind.
func (s *Set) Signal(ctx context.Context, name string, e chatlog.Event) error {
	if s.life.closing.Load() {
		return ErrClosed
	}
	if r := s.room(name); r != nil && r.busy() {
		return nil
	}
	e.Type, e.Offset, e.Time = chatlog.TypeSignal, 0, time.Now()
	return s.log.Signal(ctx, name, e)
}

// MarkRead raises the marker of a user, who need not be in the room called name, to offset.
// If that has raised it, it tells the user's other connections; everyone, with
// Config.Receipts. m is the member that says so, and is not told; nil if none does. It
// returns the marker.
func (s *Set) MarkRead(ctx context.Context, name, userID string, offset uint64, m *Member) (read uint64, err error) {
	if s.life.closing.Load() {
		return 0, ErrClosed
	}
	read, raised, err := s.log.MarkRead(ctx, name, userID, offset)
	if err == nil && raised {
		e := chatlog.Event{Type: chatlog.TypeRead, Time: time.Now(), UserID: userID, Target: read}
		if m != nil { // clients do not see these two
			e.Username, e.ID = s.identity.sender, strconv.FormatUint(m.Conn, 10)
		}
		s.log.Signal(ctx, name, e) // it may be lost
	}
	return read, err
}

// toldOfRead returns the members that are told of e, a TypeRead: not the connection that
// has sent it, if that is one of this server.
func (s *Set) toldOfRead(e *chatlog.Event) *stream.Audience {
	who := &stream.Audience{V1Only: true}
	if !s.cfg.Receipts {
		who.Private, who.Only[0] = true, e.UserID
	}
	if e.Username == s.identity.sender {
		who.NotConn, _ = strconv.ParseUint(e.ID, 10, 64)
	}
	return who
}

// unread returns what m's user has not read up to the place at, behind which everything will
// come live; nil if the log does not say.
func (m *Member) unread(at chatlog.Position) *chatlog.Unread {
	s, name := m.room.set, m.room.name
	ctx, cancel := s.log.Bound(s.life.ctx)
	defer cancel()
	all, err := s.log.Unread(ctx, m.User, []string{name})
	if err != nil {
		return nil
	}
	u := &all[0]
	if u.Last <= at.Offset || u.Unread == 0 || u.Unread >= chatlog.MaxUnread {
		return u
	}
	later, err := s.log.Read(ctx, name, chatlog.Range{From: at.Offset + 1, Limit: chatlog.MaxUnread, Visible: true, Reader: m.User, Messages: true})
	if err != nil {
		return nil
	}
	for i := range later.Events {
		if e := &later.Events[i]; e.Offset > u.Read && e.Offset <= u.Last && e.UserID != m.User {
			u.Unread = max(u.Unread-1, 0)
		}
	}
	return u
}
