package chat

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/anon"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// A Message is a message to publish. In the log it becomes an [Event].
type Message struct {
	// UserID is the stable id of the sender, at most 128 bytes; it may be empty, and then no
	// user counts as the sender. Username is the name that people see; empty means the
	// default username. All fields are UTF-8.
	UserID   string
	Username string
	// To is the id of the user who gets a private message; empty sends to everyone.
	To string
	// Text has 1 byte to [WithMessageSize] bytes of UTF-8, and is not all blank. It is
	// delivered as it is, unless the filter changes it.
	Text string
	// ID makes publishing idempotent: within five minutes, and possibly longer, a second
	// message with the same UserID and ID in the same room is not kept, and Publish returns
	// the first. At most 64 bytes of UTF-8; empty means no id.
	ID string
}

// Publish sends a message into a room, which need not be in use. UserID and Username are
// put to no rule. When Publish returns, the log holds the message, and members are getting it.
// It returns the event as the log holds it. The filter is asked; the authorizer and the
// rate limit do not apply. Errors are ErrBadName, ErrBadMessage, ErrRejected,
// ErrNoSuchUser, ErrServerClosed and ErrUnavailable; after the last, the log may still hold
// the message.
func (s *Server) Publish(ctx context.Context, room string, m Message) (Event, error) {
	room, err := s.checkRoomName(room)
	if err != nil {
		return Event{}, err
	}
	if bad := checkText(m.Text, s.cfg.limits.messageSize); bad != nil {
		return Event{}, fmt.Errorf("%w: %s", ErrBadMessage, bad.Text)
	}
	if len(m.ID) > proto.MaxID || len(m.UserID) > proto.MaxUser || !valid(m.UserID, m.Username, m.To, m.Text, m.ID) {
		return Event{}, fmt.Errorf("%w: not UTF-8, an ID over %d bytes or a UserID over %d", ErrBadMessage, proto.MaxID, proto.MaxUser)
	}
	e := chatlog.Event{Type: TypeMessage, UserID: m.UserID, Username: m.Username, To: m.To, Text: m.Text, ID: m.ID}
	if e.Username == "" {
		e.Username = s.cfg.defaultName
	}
	if err := s.rooms.Connect(ctx); err != nil {
		return Event{}, err
	}
	if e.To != "" {
		e.Type = TypePrivate
		if err := s.address(ctx, room, &e); err != nil {
			return eventOf(s.unlessRepeated(ctx, room, e, err))
		}
	}
	return eventOf(s.append(ctx, User{ID: e.UserID, Name: e.Username}, room, e))
}

// append passes e, which is from u, through the filter and appends it to the log and the
// room. It returns the entry that the log holds, which is the first one if e repeats it,
// and the epoch of its offset.
func (s *Server) append(ctx context.Context, u User, room string, e chatlog.Event) (stored chatlog.Event, epoch string, err error) {
	if s.rooms.Closing() {
		return e, "", ErrServerClosed
	}
	if s.cfg.hooks.filter != nil {
		m := Message{UserID: e.UserID, Username: e.Username, To: e.To, Text: e.Text, ID: e.ID}
		if refused := s.filter(ctx, u, room, &m); refused != nil {
			return s.unlessRepeated(ctx, room, e, refused)
		}
		e.Username, e.Text = m.Username, m.Text
	}
	return s.rooms.Publish(ctx, room, e)
}

// address adds the receiver's name to a private message.
func (s *Server) address(ctx context.Context, room string, e *chatlog.Event) error {
	m, ok, err := s.rooms.Log().Present(ctx, room, e.To)
	switch {
	case err != nil:
		return err
	case ok:
		e.ToUsername = m.Username
	case anon.Is(e.To) || s.cfg.hooks.authenticate == nil || checkUserID(e.To) != nil:
		return ErrNoSuchUser
	default:
		e.ToUsername = e.To // the user is not here now, and can read it later
	}
	return nil
}

// unlessRepeated is called with why, the reason to refuse e. If e repeats an entry of the
// log, it returns that entry: the sender has lost the first answer, and gets it now
// whatever the rules say about e today. Otherwise it returns why. Only a message with an id
// that is about to be refused costs this look-up. If the look-up fails, its error is
// returned, because the refusal might be wrong.
func (s *Server) unlessRepeated(ctx context.Context, room string, e chatlog.Event, why error) (first chatlog.Event, epoch string, err error) {
	var u *undecided
	if errors.Is(why, ErrUnavailable) && !errors.As(why, &u) || e.ID == "" {
		return e, "", why
	}
	a, err := s.rooms.Log().Lookup(ctx, room, e.UserID, e.ID)
	switch {
	case err != nil:
		return e, "", err
	case !a.Repeated:
		return e, "", why
	case a.Event.Type == "": // no longer held
		e.Offset, e.Time = a.Event.Offset, a.Event.Time
		return e, a.Epoch, nil
	}
	return a.Event, a.Epoch, nil
}

// Rooms returns the number of users present per room, over all servers that share the log.
// Rooms without users are not in the map. Errors are ErrUnavailable and a canceled
// context's.
func (s *Server) Rooms(ctx context.Context) (map[string]int, error) {
	return s.rooms.Log().Rooms(ctx)
}

// Members returns at most limit of the users present in a room, over all servers that share
// the log, and total, the number of all of them. With a limit of zero or less it returns
// only the number. Errors are ErrBadName, ErrUnavailable and a canceled context's.
func (s *Server) Members(ctx context.Context, room string, limit int) (members []Member, total int, err error) {
	if room, err = s.checkRoomName(room); err != nil {
		return nil, 0, err
	}
	list, err := s.rooms.Log().Members(ctx, room, limit)
	return list.Members, list.Total, err
}
