package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/rules"
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
	e, err := s.core.Rules.Entry(TypeMessage, rules.Message(m))
	if err != nil {
		return Event{}, err
	}
	if e.To, e.ReplyTo = m.To, m.ReplyTo; e.To != "" {
		e.Type = TypePrivate
	}
	return eventOf(s.core.Rules.Do(ctx, room, e, false))
}

// Edit gives the message at the offset target another text and other data, on behalf of its
// author, m.UserID: without Data it has none afterwards. It is like Publish in all else; the
// event is the edit. The error may also be ErrNoSuchMessage.
func (s *Server) Edit(ctx context.Context, room string, target uint64, m Message) (Event, error) {
	e, err := s.core.Rules.Entry(TypeEdit, rules.Message(m))
	if err != nil {
		return Event{}, err
	}
	e.Target = target
	return eventOf(s.core.Rules.Do(ctx, room, e, false))
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
	reaction, err := s.core.Rules.Reaction(reaction)
	if err != nil {
		return Event{}, err
	}
	e, err := s.amend(ctx, room, chatlog.Event{Type: TypeReaction, Target: target, Reaction: reaction, Remove: remove}, by)
	if errors.Is(err, chatlog.ErrTooManyReactions) {
		err = fmt.Errorf("%w: %w", ErrTooMany, err)
	}
	return e, err
}

func (s *Server) amend(ctx context.Context, room string, e chatlog.Event, by By) (Event, error) {
	if err := s.core.Rules.Sign(&e, by.UserID, by.Username, by.ID); err != nil {
		return Event{}, err
	}
	return eventOf(s.core.Rules.Do(ctx, room, e, by.Moderator))
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
	data, bad := rules.Data(g.Data, s.core.Rules.Sizes().Data)
	if bad != nil || !proto.IsSignalName(g.Name) {
		return fmt.Errorf("%w: the name or the data of a signal", ErrBadMessage)
	}
	e := chatlog.Event{Kind: chatlog.Kind(g.Name), Data: data}
	if err := s.core.Rules.Sign(&e, g.UserID, g.Username, ""); err != nil {
		return err
	}
	return s.core.Rules.Signal(ctx, room, e)
}

// MarkRead says that a user has read a room up to offset, of which no more counts than the
// room has. It returns the user's marker, which never goes back. Errors are ErrBadName,
// ErrUnsupported, ErrServerClosed and ErrUnavailable.
func (s *Server) MarkRead(ctx context.Context, room, userID string, offset uint64) (read uint64, err error) {
	if room, err = s.core.Rules.Room(room); err != nil {
		return 0, err
	}
	if err := checkReader(userID); err != nil {
		return 0, err
	}
	if err := s.core.Rooms.Connect(ctx); err != nil {
		return 0, err
	}
	return s.core.Rooms.MarkRead(ctx, room, userID, offset, nil)
}

// checkReader refuses the id of no user.
func checkReader(userID string) error {
	if userID == "" || len(userID) > proto.MaxUser || !rules.Valid(userID) {
		return fmt.Errorf("%w: the user's id must be 1 to %d bytes of UTF-8", ErrBadName, proto.MaxUser)
	}
	return nil
}

// Rooms returns the number of users present per room, over all servers that share the log.
// Rooms without users are not in the map. Errors are ErrUnavailable and a canceled
// context's.
func (s *Server) Rooms(ctx context.Context) (map[string]int, error) {
	return s.core.Rooms.Log().Rooms(ctx)
}

// Members returns at most limit of the users present in a room, over all servers that share
// the log, and total, the number of all of them. With a limit of zero or less it returns
// only the number. Errors are ErrBadName, ErrUnavailable and a canceled context's.
func (s *Server) Members(ctx context.Context, room string, limit int) (members []Member, total int, err error) {
	if room, err = s.core.Rules.Room(room); err != nil {
		return nil, 0, err
	}
	list, err := s.core.Rooms.Log().Members(ctx, room, limit)
	return list.Members, list.Total, err
}
