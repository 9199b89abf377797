package chat

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/seed-08328bfd/chat/internal/proto"
)

// append puts e through the filter into the log, and into r, or if that is nil into
// the room called name if it is in use here. ctx is the caller's of Publish, and not
// used with r. It returns the entry as it was kept: the
// first one, if e repeats it, and the epoch of its offset.
func (s *Server) append(ctx context.Context, name string, r *room, e Event) (stored Event, epoch string, err error) {
	if s.closing.Load() {
		return e, "", ErrServerClosed
	}
	asked := e // the filter may change it
	refused := s.filter(name, &e)
	// The filter may have taken any time: the server may be closing by now, the room
	// dropped or opened, and no time limit has begun before it.
	if s.closing.Load() {
		return e, "", ErrServerClosed
	}
	if r == nil {
		r = s.room(name)
	}
	ctx, cancel := s.log.Bound(ctx)
	defer cancel()
	if refused != nil {
		return s.unlessRepeated(ctx, name, asked, refused)
	}
	ordered := s.local && r != nil
	var before Position // what was delivered when the log was asked
	if ordered {
		r.order.Lock()
	} else if r != nil {
		before = r.position()
	}
	stored, epoch, dup, err := s.log.Append(ctx, name, e)
	grew := false
	if err == nil && !dup && ordered {
		grew, _ = r.take(epoch, stored)
	}
	if ordered {
		r.order.Unlock()
	}
	switch {
	case err != nil:
		return e, "", err
	case dup:
		return stored, epoch, nil
	case epoch == before.Epoch && stored.Offset <= before.Offset:
		if epoch, err = r.contradicted(ctx, before); err != nil {
			return e, "", err
		}
	case grew:
		r.wake()
	}
	// While this waited, the room may have been opened, or dropped and opened again.
	// And another entry may have come to the offset: while Redis is failed over, there
	// are two logs for a moment.
	if now := s.room(name); now != nil && (now != r || !ordered) && now.apply(epoch, stored) {
		if epoch, err = now.contradicted(ctx, Position{Epoch: epoch, Offset: stored.Offset}); err != nil {
			return e, "", err
		}
	}
	s.stats.messages.Add(1)
	return stored, epoch, nil
}

// address completes a private message with its receiver's name.
func (s *Server) address(ctx context.Context, room string, e *Event) error {
	m, ok, err := s.log.Present(ctx, room, e.To)
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
	first, epoch, ok, err = s.log.Lookup(ctx, room, e.User, e.ID)
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
	if bad := checkText(e.Message, s.cfg.messageSize); bad != nil {
		return e, fmt.Errorf("%w: %s", ErrBadMessage, bad.Text)
	}
	if len(e.ID) > proto.MaxID || !utf8.ValidString(e.Message) || !utf8.ValidString(e.ID) {
		return e, fmt.Errorf("%w: not UTF-8, or an ID over %d bytes", ErrBadMessage, proto.MaxID)
	}
	if e.Username == "" {
		e.Username = s.cfg.defaultName
	}
	e.Type, e.Event = TypeMessage, ""
	if err := s.connect(ctx); err != nil {
		return e, err
	}
	if e.To != "" {
		e.Type = TypePrivate
		if err := s.address(ctx, room, &e); err != nil {
			first, _, err := s.unlessRepeated(ctx, room, e, err)
			return first, err
		}
	}
	stored, _, err := s.append(ctx, room, nil, e)
	return stored, err
}

// History reads a room's messages as reader may see them: all messages, and the
// private ones of that user; the empty reader sees none of those. r.Limit is at
// most 100; zero or less is the history size, or 50 if that is none. Errors are
// ErrBadName and ErrUnavailable.
func (s *Server) History(ctx context.Context, room, reader string, r Range) (Page, error) {
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
	rooms, err := s.log.Rooms(ctx)
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
	members, total, err := s.log.Members(ctx, room, limit)
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
