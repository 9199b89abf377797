package chat

import (
	"context"
	"encoding/json"
	"iter"
	"slices"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/rooms"
)

// The types of an [Event]. The log keeps messages, and what amends one; events of the
// other types are delivered live and then no longer available.
const (
	TypeMessage  = chatlog.TypeMessage  // to everyone in the room
	TypePrivate  = chatlog.TypePrivate  // to the sender and one receiver
	TypeEdit     = chatlog.TypeEdit     // a message has another text
	TypeDelete   = chatlog.TypeDelete   // a message is no longer there
	TypeReaction = chatlog.TypeReaction // a user has added a reaction to a message, or removed one
	TypeSystem   = chatlog.TypeSystem   // a user joined or left
	TypeTyping   = chatlog.TypeTyping   // a user is typing
	TypeSignal   = chatlog.TypeSignal   // what an application tells the members
	TypeRead     = chatlog.TypeRead     // a user has read up to an offset
)

// The kinds of an [Event] of TypeSystem.
const (
	KindJoin  = chatlog.KindJoin  // a user has joined the room
	KindLeave = chatlog.KindLeave // a user has left the room
)

// An Event is one thing that happened in a room. Its JSON form is the object of the
// [protocol] that clients see.
//
// [protocol]: https://github.com/seed-08328bfd/chat/blob/main/docs/protocol.md
type Event struct {
	// Type is one of the Type constants.
	Type chatlog.Type `json:"type"`
	// Offset is the number of the event in its room's log, from 1; 0 for an event that the
	// log does not keep.
	Offset uint64 `json:"offset,omitempty"`
	// Kind is KindJoin or KindLeave for TypeSystem, otherwise empty.
	Kind chatlog.Kind `json:"event,omitempty"`
	// Time is the time of the log's clock, in UTC with milliseconds. Within a room it never
	// goes backwards.
	Time time.Time `json:"time"`
	// UserID is the stable id of the event's sender. Username is the name that people see.
	UserID   string `json:"user,omitempty"`
	Username string `json:"username"`
	// To and ToUsername are the id and the name of a private message's receiver; empty for
	// other types.
	To         string `json:"to,omitempty"`
	ToUsername string `json:"to_username,omitempty"`
	// Text is the message, as it was sent or as the filter changed it.
	Text string `json:"message"`
	// ID is the sender's own id of the message, at most 64 bytes, or empty.
	ID string `json:"id,omitempty"`
	// Data is the JSON object that a message or an edit carries, or nil. Nobody changes it.
	Data json.RawMessage `json:"data,omitempty"`
	// ReplyTo is the offset of the earlier entry that the message replies to, or 0.
	ReplyTo uint64 `json:"reply_to,omitempty"`
	// Target is the offset of the message that an edit, a delete or a reaction is about.
	// Reaction is what a reaction adds to it or, with Remove, takes from it.
	Target   uint64 `json:"target,omitempty"`
	Reaction string `json:"reaction,omitempty"`
	Remove   bool   `json:"remove,omitempty"`
	// Edited, Reactions and Amended are set in messages of a history. Edited is the time
	// of the last edit, or zero. Reactions are in the order in which they were first added.
	// Amended is the offset of the last event that is already in Text, Data, Edited and
	// Reactions; 0 if the message is as it was sent.
	Edited    time.Time  `json:"edited,omitzero"`
	Reactions []Reaction `json:"reactions,omitempty"`
	Amended   uint64     `json:"amended,omitempty"`
	// Position is the place right after the event: [Server.Follow] goes on from there. It
	// is zero for an event that the log does not keep, and in all events that package
	// client yields.
	Position Position `json:"-"`
}

// A Reaction is one of the reactions to a message: Reaction is what was given, Count the
// number of users who have given it, at least 1, and Users are their ids, at most 50, in
// any order.
type Reaction = chatlog.Reaction

// eventOf returns the public form of e, an entry in epoch, or err if that is not nil.
func eventOf(e chatlog.Event, epoch string, err error) (Event, error) {
	if err != nil {
		return Event{}, err
	}
	out := Event{
		Type: e.Type, Offset: e.Offset, Kind: e.Kind, Time: e.Time, UserID: e.UserID, Username: e.Username,
		To: e.To, ToUsername: e.ToUsername, Text: e.Text, ID: e.ID, Data: e.Data, ReplyTo: e.ReplyTo,
		Target: e.Target, Reaction: e.Reaction, Remove: e.Remove,
		Edited: e.Edited, Reactions: e.Reactions, Amended: e.Amended,
	}
	if e.Offset > 0 {
		out.Position = chatlog.PlaceOf(epoch, &e)
	}
	return out, nil
}

func (e *Event) entry() chatlog.Event {
	return chatlog.Event{
		Type: e.Type, Offset: e.Offset, Kind: e.Kind, Time: e.Time, UserID: e.UserID, Username: e.Username,
		To: e.To, ToUsername: e.ToUsername, Text: e.Text, ID: e.ID, Data: e.Data, ReplyTo: e.ReplyTo,
		Target: e.Target, Reaction: e.Reaction, Remove: e.Remove,
		Edited: e.Edited, Reactions: e.Reactions, Amended: e.Amended,
	}
}

// MarshalJSON implements [json.Marshaler]. It returns the object that clients see.
func (e Event) MarshalJSON() ([]byte, error) {
	entry := e.entry()
	return entry.MarshalJSON()
}

// VisibleTo reports whether a user may read e. Only its two users may read a private
// message and what amends it; everyone may read any other event. An empty userID stands
// for no user.
func (e *Event) VisibleTo(userID string) bool {
	entry := e.entry()
	return entry.VisibleTo(userID)
}

// A Position is a place in one room's log: after the event numbered Offset (0: before the
// first) of the log's incarnation Epoch, with the Time of that event in milliseconds since
// 1970, or 0 if it is not known. Offsets of different epochs do not compare. The zero
// Position means no place. Its text form is EPOCH:OFFSET:TIME; it can be stored as text or
// in JSON and read again with [ParsePosition].
type Position = chatlog.Position

// ParsePosition reads the text form of a Position. The empty string gives the zero
// Position; a malformed one is an error.
func ParsePosition(s string) (Position, error) { return chatlog.ParsePosition(s) }

// A Member is one user of a room, with all connections of the user together: UserID,
// Username, and the number of Connections.
type Member = chatlog.Member

// A Log keeps the rooms' events, and several servers can share it with [WithLog]. Package
// chatlog has its contract. [NewMemoryLog] and the adapters redislog, pglog and
// sqlitelog return one.
type Log = chatlog.Log

// A Query says which part of a room's history to read. The zero Query asks for the newest
// messages that everyone may see.
type Query struct {
	// Reader is the id of a user whose private messages are read too; empty means no
	// private messages. All reads the private messages of all users, for archives and
	// moderators; Reader is then ignored.
	Reader string
	All    bool
	// Before asks for the newest messages below this offset. From asks for the oldest
	// messages from this offset on. 0 means not set. If both are set, Before is ignored.
	Before, From uint64
	// Limit is the largest number of messages to read. 0 means the number of [WithHistory],
	// or 50 if that is zero. More than 100 counts as 100. With a negative number no
	// messages are read.
	Limit int
}

// A Page is a part of a room's history, read in one step.
type Page struct {
	// Events are messages in the order of their offsets, oldest first.
	Events []Event
	// Position is the log's last place at the time of the read, without a Time. Follow from
	// there yields the events after it.
	Position Position
	// First is the smallest offset from which on the log still holds every message that was
	// not deleted. If it holds none, First is the offset that the next entry will get.
	First uint64
	// More reports whether there are further messages in the direction read: newer ones
	// with Query.From, older ones otherwise.
	More bool
}

// History reads a part of a room's messages from the log, as they are now: edited, without
// those that were deleted, and with their reactions. The room need not be in use.
// Errors are ErrBadName, ErrUnavailable and a canceled context's.
func (s *Server) History(ctx context.Context, room string, q Query) (Page, error) {
	room, err := s.core.Rules.Room(room)
	if err != nil {
		return Page{}, err
	}
	r := chatlog.Range{Limit: min(max(q.Limit, 0), proto.MaxPage), Visible: !q.All, Reader: q.Reader, Messages: true, Before: q.Before}
	if q.Limit == 0 {
		r.Limit = s.core.PageSize()
	}
	if q.From > 0 {
		r.From, r.Before = q.From, 0
	}
	page, err := s.core.Rooms.Log().Read(ctx, room, r)
	if err != nil {
		return Page{}, err
	}
	out := Page{Position: page.Position, First: page.First, More: page.More}
	for i := range page.Events {
		e, _ := eventOf(page.Events[i], page.Position.Epoch, nil)
		out.Events = append(out.Events, e)
	}
	return out, nil
}

// An Unread says how far a user has read a room: Read is the offset up to which, 0 if the user
// has never said so, Last is the offset of the room's last entry, and Unread the number of
// messages after Read that the user may see and did not write: exact up to 100, which means
// 100 or more.
type Unread = chatlog.Unread

// Unread returns how far a user has read each of rooms. A user need not be in a room. Errors
// are ErrBadName, also for a userID that no user can have, ErrUnsupported, ErrUnavailable and a
// canceled context's.
func (s *Server) Unread(ctx context.Context, userID string, rooms ...string) (map[string]Unread, error) {
	if err := checkReader(userID); err != nil {
		return nil, err
	}
	rooms = slices.Clone(rooms)
	for i, name := range rooms {
		name, err := s.core.Rules.Room(name)
		if err != nil {
			return nil, err
		}
		rooms[i] = name
	}
	out := map[string]Unread{}
	for some := range slices.Chunk(rooms, proto.MaxListed) {
		unread, err := s.core.Rooms.Log().Unread(ctx, userID, some)
		if err != nil {
			return nil, err
		}
		for i, u := range unread {
			out[some[i]] = u
		}
	}
	return out, nil
}

// FromStart is the place before everything that a room's log holds, for [Server.Follow].
var FromStart = rooms.FromStart

// Follow reads a room's log from a place on, and goes on as the log grows, until the loop
// ends, ctx ends or the server closes. Use it for a bot, an archive or an index. It yields
// private messages too, and what amends a message (TypeEdit, TypeDelete, TypeReaction). With the zero Position it begins with the next event, with
// FromStart with the first event that the log holds, and with an event's Position after
// that event. If the log no longer reaches back to that place, ends before it or holds
// another event there, Follow first yields ErrGap and then everything that the log holds.
//
// An error comes in place of an event. After ErrGap (events between the last one and the
// next are no longer available) and ErrUnavailable (Follow tries again) the loop can go on.
// Any other error, also that of ctx, ends the sequence.
func (s *Server) Follow(ctx context.Context, room string, since Position) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		name, err := s.core.Rules.Room(room)
		if err != nil {
			yield(Event{}, err)
			return
		}
		s.core.Rooms.Follow(ctx, name, since, func(e chatlog.Event, at Position, err error) bool {
			return yield(eventOf(e, at.Epoch, err))
		})
	}
}
