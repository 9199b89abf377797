package chat

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/anon"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/request"
)

// A Message is a message to publish, or the new content of one to edit. In the log it
// becomes an [Event].
type Message struct {
	// UserID is the stable id of the sender, at most 128 bytes; it may be empty, and then no
	// user counts as the sender. Username is the name that people see; empty means the
	// default username. All fields are UTF-8.
	UserID   string
	Username string
	// To is the id of the user who gets a private message; empty sends to everyone. Edit
	// ignores it: a message stays as private as it is.
	To string
	// Text has at most [WithMessageSize] bytes of UTF-8. It is delivered as it is, unless the
	// filter changes it. Without Data it has at least 1 byte and is not all blank.
	Text string
	// Data is one JSON object of at most [WithDataSize] bytes, or empty. No key in it stands
	// twice in its object, and nothing is more than 32 levels deep. It is delivered as the
	// same JSON value. What an [Event] has as Data, with more escapes, is not too long again.
	Data json.RawMessage
	// ReplyTo is the offset of the entry that the message replies to; 0: none. Edit ignores
	// it: a message stays the reply that it is.
	ReplyTo uint64
	// ID makes publishing idempotent: within five minutes, and possibly longer, a second
	// message with the same UserID and ID in the same room is not kept, and Publish returns
	// the first. At most 64 bytes of UTF-8; empty means no id.
	ID string
	// Target is for filters: the offset of the message that is edited, or 0 for a new one.
	// Publish and Edit ignore it.
	Target uint64
}

// Publish sends a message into a room, which need not be in use. UserID and Username are
// put to no rule. When Publish returns, the log holds the message, and members are getting it.
// It returns the event as the log holds it. The filter is asked; the authorizer, the slow mode
// and the rate limit do not apply. Errors are ErrBadName, ErrBadMessage, ErrRejected,
// ErrNoSuchUser, ErrUnsupported (for Data and ReplyTo), ErrServerClosed and ErrUnavailable;
// after the last, the log may still hold the message.
func (s *Server) Publish(ctx context.Context, room string, m Message) (Event, error) {
	e, err := s.entryOf(TypeMessage, m)
	if err != nil {
		return Event{}, err
	}
	if e.To, e.ReplyTo = m.To, m.ReplyTo; e.To != "" {
		e.Type = TypePrivate
	}
	return s.do(ctx, room, sender{}, e)
}

// Edit gives the message at the offset target another text and other data, on behalf of its
// author, m.UserID: without Data it has none afterwards. It is like Publish in all else; the
// event is the edit. The error may also be ErrNoSuchMessage.
func (s *Server) Edit(ctx context.Context, room string, target uint64, m Message) (Event, error) {
	e, err := s.entryOf(TypeEdit, m)
	if err != nil {
		return Event{}, err
	}
	e.Target = target
	return s.do(ctx, room, sender{}, e)
}

// By says on whose behalf a program amends a message.
type By struct {
	// UserID and Username are those of the user, as in a Message.
	UserID, Username string
	// ID makes the call idempotent, as in a Message.
	ID string
	// Moderator allows Delete to delete the message of another user.
	Moderator bool
}

// Delete erases the message at the offset target, with all that has amended it: when it
// returns, text, data and reactions are no longer anywhere in the log. Without by.Moderator the
// message must be by.UserID's. It returns the event that tells members. Errors are
// ErrNoSuchMessage and those of Publish but ErrRejected and ErrNoSuchUser.
func (s *Server) Delete(ctx context.Context, room string, target uint64, by By) (Event, error) {
	return s.amend(ctx, room, chatlog.Event{Type: TypeDelete, Target: target}, by)
}

// React adds a reaction of the user by to the message at the offset target or, with remove,
// takes it back. If that changes nothing, it returns an event with the offset of the last
// entry that has amended the message, or the message's own. Errors are ErrNoSuchMessage,
// ErrTooMany and those of Publish but ErrNoSuchUser; ErrBadMessage is also that of the
// reaction rule.
func (s *Server) React(ctx context.Context, room string, target uint64, by By, reaction string, remove bool) (Event, error) {
	reaction, err := s.checkReaction(reaction)
	if err != nil {
		return Event{}, err
	}
	e, err := s.amend(ctx, room, chatlog.Event{Type: TypeReaction, Target: target, Reaction: reaction, Remove: remove}, by)
	if errors.Is(err, chatlog.ErrTooManyReactions) {
		err = fmt.Errorf("%w: %w", ErrTooMany, err)
	}
	return e, err
}

// entryOf returns an entry with what m says.
func (s *Server) entryOf(typ chatlog.Type, m Message) (e chatlog.Event, err error) {
	data, bad := dataOf(m.Data, s.cfg.limits.dataSize)
	if bad == nil {
		bad = request.CheckText(m.Text, len(data) > 0, s.cfg.limits.messageSize)
	}
	if bad != nil {
		return e, fmt.Errorf("%w: %s", ErrBadMessage, bad.Text)
	}
	if !valid(m.To, m.Text) {
		return e, fmt.Errorf("%w: not UTF-8", ErrBadMessage)
	}
	e = chatlog.Event{Type: typ, Text: m.Text, Data: data}
	return e, s.sign(&e, By{UserID: m.UserID, Username: m.Username, ID: m.ID})
}

// dataOf returns data as a log keeps it; nil if there is none.
func dataOf(data json.RawMessage, size int) (json.RawMessage, *proto.Error) {
	if len(data) == 0 {
		return nil, nil
	}
	return proto.CheckKept(data, size)
}

// sign sets whom e is from.
func (s *Server) sign(e *chatlog.Event, by By) error {
	if len(by.ID) > proto.MaxID || len(by.UserID) > proto.MaxUser || !valid(by.UserID, by.Username, by.ID) {
		return fmt.Errorf("%w: not UTF-8, an ID over %d bytes or a UserID over %d", ErrBadMessage, proto.MaxID, proto.MaxUser)
	}
	e.UserID, e.Username, e.ID = by.UserID, cmp.Or(by.Username, s.cfg.defaultName), by.ID
	return nil
}

func (s *Server) amend(ctx context.Context, room string, e chatlog.Event, by By) (Event, error) {
	if err := s.sign(&e, by); err != nil {
		return Event{}, err
	}
	return s.do(ctx, room, sender{moderator: by.Moderator}, e)
}

// do keeps e, which a program has made, in a room.
func (s *Server) do(ctx context.Context, room string, from sender, e chatlog.Event) (Event, error) {
	room, err := s.checkRoomName(room)
	if err != nil {
		return Event{}, err
	}
	if err := s.rooms.Connect(ctx); err != nil {
		return Event{}, err
	}
	if e.Type == TypePrivate {
		if err := s.address(ctx, room, &e); err != nil {
			return eventOf(s.unlessRepeated(ctx, room, e, err))
		}
	}
	from.User = User{ID: e.UserID, Name: e.Username}
	return eventOf(s.append(ctx, from, room, e))
}

// A sender is whom an entry comes from.
type sender struct {
	User
	moderator bool // may delete messages of others
	client    bool // the slow mode holds
}

// append passes e through the filter and the slow mode, and appends it to the log and the
// room. It returns the entry that the log holds, which is the first one if e repeats it, and
// the epoch of its offset.
func (s *Server) append(ctx context.Context, from sender, room string, e chatlog.Event) (stored chatlog.Event, epoch string, err error) {
	if s.rooms.Closing() {
		return e, "", ErrServerClosed
	}
	if s.cfg.hooks.filter != nil && (!e.Amends() || e.Type == TypeEdit) {
		m := Message{UserID: e.UserID, Username: e.Username, To: e.To, Text: e.Text, Data: e.Data, ReplyTo: e.ReplyTo, ID: e.ID, Target: e.Target}
		if refused := s.filter(ctx, from.User, room, &m); refused != nil {
			return s.unlessRepeated(ctx, room, e, refused)
		}
		e.Username, e.Text, e.Data = m.Username, m.Text, m.Data
	}
	if err := s.inTime(ctx, from, room, &e); err != nil {
		return s.unlessRepeated(ctx, room, e, err)
	}
	if e.Amends() {
		return s.rooms.Amend(ctx, room, e, from.moderator)
	}
	return s.rooms.Publish(ctx, room, e)
}

// inTime reports what the log and the slow mode have against e.
func (s *Server) inTime(ctx context.Context, from sender, room string, e *chatlog.Event) error {
	log := s.rooms.Log()
	if (e.Data != nil || e.ReplyTo != 0) && !log.Amends() {
		return ErrUnsupported
	}
	if e.ReplyTo > 0 {
		if there, err := s.rooms.Reaches(ctx, room, e.ReplyTo); err != nil {
			return err
		} else if !there {
			return fmt.Errorf("%w: a reply to what is not there yet", ErrBadMessage)
		}
	}
	every := s.cfg.times.slow
	if every == 0 || !from.client || e.Amends() {
		return nil
	}
	wait, err := log.Pace(ctx, room, e.UserID, e.ID, every)
	if err != nil || wait <= 0 || s.moderates(ctx, from.User, room) {
		return err
	}
	return &tooSoon{min(wait, every)}
}

// tooSoon is the refusal of the slow mode.
type tooSoon struct{ wait time.Duration }

func (t *tooSoon) Error() string { return "chat: too soon after the last message" }

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

// A Signal is what an application tells the members of a room, for what is worth nothing a
// moment later: a cursor, a figure of a dashboard. UserID and Username are those of whom it
// is from, as in a [Message]; that user's connections do not get it. Name is 1 to 32 of a-z,
// 0-9, '.', '_' and '-'. Data is as in a Message.
type Signal struct {
	UserID, Username string
	Name             string
	Data             json.RawMessage
}

// Signal sends a signal to the chat.v1 members of a room, on every server that shares the
// log. It comes at most once, and not at all where a member is far behind. Errors are
// ErrBadName, ErrBadMessage, ErrUnsupported (for Data), ErrServerClosed and ErrUnavailable.
func (s *Server) Signal(ctx context.Context, room string, g Signal) error {
	room, err := s.checkRoomName(room)
	if err != nil {
		return err
	}
	data, bad := dataOf(g.Data, s.cfg.limits.dataSize)
	if bad != nil || !proto.IsSignalName(g.Name) {
		return fmt.Errorf("%w: the name or the data of a signal", ErrBadMessage)
	}
	if data != nil && !s.rooms.Log().Amends() {
		return ErrUnsupported
	}
	e := chatlog.Event{Kind: chatlog.Kind(g.Name), Data: data}
	if err := s.sign(&e, By{UserID: g.UserID, Username: g.Username}); err != nil {
		return err
	}
	if err := s.rooms.Connect(ctx); err != nil {
		return err
	}
	return s.rooms.Signal(ctx, room, e)
}
