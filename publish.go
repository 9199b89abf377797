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

// append puts e through the filter into the log and the room. It returns the entry as it
// was kept: the first one, if e repeats it, and the epoch of its offset.
func (s *Server) append(ctx context.Context, room string, e Event) (stored Event, epoch string, err error) {
	if s.rooms.Closing() {
		return e, "", ErrServerClosed
	}
	asked := e // the filter may change it
	if refused := s.filter(room, &e); refused != nil {
		return s.unlessRepeated(ctx, room, asked, refused)
	}
	return s.rooms.Publish(ctx, room, e)
}

// address completes a private message with its receiver's name.
func (s *Server) address(ctx context.Context, room string, e *Event) error {
	m, ok, err := s.rooms.Log().Present(ctx, room, e.To)
	switch {
	case err != nil:
		return err
	case ok:
		e.ToUsername = m.Username
	case isAnonymous(e.To) || s.cfg.authenticate == nil || checkUserID(e.To) != nil:
		return ErrNoSuchUser
	default:
		e.ToUsername = e.To // kept, for when the user comes
	}
	return nil
}

// firstTry finds the entry that e repeats: the sender tries again for an answer that
// was lost, and is owed that answer whatever refuses e by now. Only what carries an id
// and is about to be refused costs this look. After an error nobody knows, and a
// refusal might be wrong.
func (s *Server) firstTry(ctx context.Context, room string, e Event) (first Event, epoch string, ok bool, err error) {
	if e.ID == "" {
		return e, "", false, nil
	}
	first, epoch, ok, err = s.rooms.Log().Lookup(ctx, room, e.UserID, e.ID)
	switch {
	case err != nil:
		return e, "", false, err
	case ok && first.Type == "": // no longer held
		e.Offset, e.Time = first.Offset, first.Time
		return e, epoch, true, nil
	}
	return first, epoch, ok, nil
}

// unlessRepeated returns why e is refused, or the entry that it repeats.
func (s *Server) unlessRepeated(ctx context.Context, room string, e Event, why error) (first Event, epoch string, err error) {
	if errors.Is(why, ErrUnavailable) {
		return e, "", why
	}
	first, epoch, ok, err := s.firstTry(ctx, room, e)
	switch {
	case err != nil:
		return e, "", err
	case !ok:
		return e, "", why
	}
	return first, epoch, nil
}

// Publish sends a message into a room, which need not be in use. Of e, Message
// must be set, and To for a private message; User and Username say whom it is
// from (by default nobody, under the default username) and are not checked; an
// ID makes the publishing idempotent for five minutes, for the same User in the
// same room. Offset and Time are given by the log, and other fields not used.
//
// It returns the event as it was kept: when it returns, the message is in the log
// and is being delivered. The filter is asked, but neither the authorizer nor the
// rate limit. Errors are ErrBadName, ErrBadMessage, ErrRejected, ErrNoSuchUser,
// ErrServerClosed, and ErrUnavailable, after which the message may have been kept.
func (s *Server) Publish(ctx context.Context, room string, e Event) (Event, error) {
	room, err := s.checkRoomName(room)
	if err != nil {
		return e, err
	}
	if bad := checkText(e.Text, s.cfg.messageSize); bad != nil {
		return e, fmt.Errorf("%w: %s", ErrBadMessage, bad.Text)
	}
	if len(e.ID) > proto.MaxID || !utf8.ValidString(e.Text) || !utf8.ValidString(e.ID) {
		return e, fmt.Errorf("%w: not UTF-8, or an ID over %d bytes", ErrBadMessage, proto.MaxID)
	}
	if e.Username == "" {
		e.Username = s.cfg.defaultName
	}
	e.Type, e.Kind = TypeMessage, ""
	if err := s.rooms.Connect(ctx); err != nil {
		return e, err
	}
	if e.To != "" {
		e.Type = TypePrivate
		if err := s.address(ctx, room, &e); err != nil {
			first, _, err := s.unlessRepeated(ctx, room, e, err)
			return first, err
		}
	}
	stored, _, err := s.append(ctx, room, e)
	return stored, err
}

// History reads a room's messages as reader may see them: all messages, and the
// private ones of that user; the empty reader sees none of those. r.Limit is at
// most 100; zero or less is the history size, or 50 if that is none. Errors are
// ErrBadName and ErrUnavailable.
func (s *Server) History(ctx context.Context, room, reader string, r chatlog.Range) (Page, error) {
	room, err := s.checkRoomName(room)
	if err != nil {
		return Page{}, err
	}
	q := proto.Query{Before: r.Before, HasBefore: r.Before > 0, Limit: s.cfg.pageSize()}
	if r.From > 0 {
		q = proto.Query{After: r.From - 1, HasAfter: true, Limit: q.Limit}
	}
	if r.Limit > 0 {
		q.Limit = min(r.Limit, proto.MaxPage)
	}
	return s.page(ctx, room, reader, q)
}

// Rooms returns the number of users present in each room, over all servers that
// share the log. Rooms with nobody in them are absent. An error is
// ErrUnavailable.
func (s *Server) Rooms(ctx context.Context) (map[string]int, error) {
	rooms, err := s.rooms.Log().Rooms(ctx)
	if err != nil {
		return nil, err
	}
	return rooms, nil
}

// Members returns at most limit of the users present in a room, over all servers
// that share the log, and how many there are. A limit of zero or less asks for
// the number alone. Errors are ErrBadName and ErrUnavailable.
func (s *Server) Members(ctx context.Context, room string, limit int) ([]Member, int, error) {
	room, err := s.checkRoomName(room)
	if err != nil {
		return nil, 0, err
	}
	members, total, err := s.rooms.Log().Members(ctx, room, limit)
	if err != nil {
		return nil, 0, err
	}
	return members, total, nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
