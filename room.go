package chat

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// A Message is what somebody says, before it is an [Event] of the log.
type Message struct {
	// UserID is the stable id of whom the message is from; empty is nobody, who has no
	// private messages. Username is what people see; empty is the default username.
	UserID   string
	Username string
	// To is the id of the user who gets a private message; empty sends to everyone.
	To string
	// Text is shown as it stands: 1 byte to [WithMessageSize] bytes of UTF-8, not all blank.
	Text string
	// ID makes publishing idempotent: for five minutes at least, the same UserID and ID in
	// the same room are kept once. At most 64 bytes of UTF-8; empty is none.
	ID string
}

// Publish sends a message into a room, which need not be in use. UserID and Username are
// not checked. It returns the event as it was kept: when it returns, the message is in the
// log and is being delivered. The filter is asked, but neither the authorizer nor the rate
// limit. Errors are ErrBadName, ErrBadMessage, ErrRejected, ErrNoSuchUser,
// ErrServerClosed, and ErrUnavailable, after which the message may have been kept.
func (s *Server) Publish(ctx context.Context, room string, m Message) (Event, error) {
	room, err := s.checkRoomName(room)
	if err != nil {
		return Event{}, err
	}
	if bad := checkText(m.Text, s.cfg.limits.messageSize); bad != nil {
		return Event{}, fmt.Errorf("%w: %s", ErrBadMessage, bad.Text)
	}
	if len(m.ID) > proto.MaxID || !utf8.ValidString(m.Text) || !utf8.ValidString(m.ID) {
		return Event{}, fmt.Errorf("%w: not UTF-8, or an ID over %d bytes", ErrBadMessage, proto.MaxID)
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

// append puts e, which is from u, through the filter into the log and the room. It returns
// the entry as it was kept: the first one, if e repeats it, and the epoch of its offset.
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

// address completes a private message with its receiver's name.
func (s *Server) address(ctx context.Context, room string, e *chatlog.Event) error {
	m, ok, err := s.rooms.Log().Present(ctx, room, e.To)
	switch {
	case err != nil:
		return err
	case ok:
		e.ToUsername = m.Username
	case isAnonymous(e.To) || s.cfg.hooks.authenticate == nil || checkUserID(e.To) != nil:
		return ErrNoSuchUser
	default:
		e.ToUsername = e.To // kept, for when the user comes
	}
	return nil
}

// unlessRepeated returns why e is refused, or the entry that it repeats: the sender tries
// again for an answer that was lost, and is owed that answer whatever refuses e by now.
// Only what carries an id and is about to be refused costs this look. After an error
// nobody knows, and a refusal might be wrong.
func (s *Server) unlessRepeated(ctx context.Context, room string, e chatlog.Event, why error) (first chatlog.Event, epoch string, err error) {
	var u *undecided
	if errors.Is(why, ErrUnavailable) && !errors.As(why, &u) || e.ID == "" {
		return e, "", why
	}
	first, epoch, ok, err := s.rooms.Log().Lookup(ctx, room, e.UserID, e.ID)
	switch {
	case err != nil:
		return e, "", err
	case !ok:
		return e, "", why
	case first.Type == "": // no longer held
		e.Offset, e.Time = first.Offset, first.Time
		return e, epoch, nil
	}
	return first, epoch, nil
}

// Rooms returns the number of users present in each room, over all servers that
// share the log. Rooms with nobody in them are absent. An error is
// ErrUnavailable.
func (s *Server) Rooms(ctx context.Context) (map[string]int, error) {
	return s.rooms.Log().Rooms(ctx)
}

// Members returns at most limit of the users present in a room, over all servers
// that share the log, and how many there are. A limit of zero or less asks for
// the number alone. Errors are ErrBadName and ErrUnavailable.
func (s *Server) Members(ctx context.Context, room string, limit int) (members []Member, total int, err error) {
	if room, err = s.checkRoomName(room); err != nil {
		return nil, 0, err
	}
	return s.rooms.Log().Members(ctx, room, limit)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
