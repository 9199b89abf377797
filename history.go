package chat

import (
	"context"
	"iter"
	"strconv"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/rooms"
)

// The types of an [Event]. Only TypeMessage and TypePrivate are entries of the
// log; the others are seen live or not at all.
const (
	TypeMessage = chatlog.TypeMessage // to everyone in the room
	TypePrivate = chatlog.TypePrivate // to the members of two users
	TypeSystem  = chatlog.TypeSystem  // somebody joined or left
	TypeTyping  = chatlog.TypeTyping  // somebody is typing
)

// The kinds of a TypeSystem.
const (
	KindJoin  = chatlog.KindJoin  // a user has come
	KindLeave = chatlog.KindLeave // a user has gone
)

// An Event is one thing that happened in a room. Its JSON form is the object of the
// [protocol] that clients see.
//
// [protocol]: https://github.com/seed-08328bfd/chat/blob/main/docs/protocol.md
type Event struct {
	// Type is one of the Type constants.
	Type chatlog.Type `json:"type"`
	// Offset is the event's place in its room's log, from 1; 0 for an event
	// that the log does not keep.
	Offset uint64 `json:"offset,omitempty"`
	// Kind is KindJoin or KindLeave for TypeSystem, otherwise empty.
	Kind chatlog.Kind `json:"event,omitempty"`
	// Time is set by the log's clock, in UTC with milliseconds. It never runs
	// backwards within a room.
	Time time.Time `json:"time"`
	// UserID is the stable id of whom the event is from; Username what people see.
	UserID   string `json:"user,omitempty"`
	Username string `json:"username"`
	// To and ToUsername are the id and name of the receiver of a TypePrivate, otherwise
	// empty.
	To         string `json:"to,omitempty"`
	ToUsername string `json:"to_username,omitempty"`
	// Text is the message, verbatim.
	Text string `json:"message"`
	// ID is the sender's own id of the message, at most 64 bytes, or empty.
	ID string `json:"id,omitempty"`
	// Position is the place right after the event, for [Server.Follow] to go on from. It is
	// zero for what the log does not keep, and in what package client yields.
	Position Position `json:"-"`
}

// eventOf returns e, an entry in epoch, as users see it, unless there is an error.
func eventOf(e chatlog.Event, epoch string, err error) (Event, error) {
	if err != nil {
		return Event{}, err
	}
	out := Event{
		Type: e.Type, Offset: e.Offset, Kind: e.Kind, Time: e.Time, UserID: e.UserID, Username: e.Username,
		To: e.To, ToUsername: e.ToUsername, Text: e.Text, ID: e.ID,
	}
	if e.Offset > 0 {
		out.Position = chatlog.PlaceOf(epoch, &e)
	}
	return out, nil
}

func (e *Event) entry() chatlog.Event {
	return chatlog.Event{
		Type: e.Type, Offset: e.Offset, Kind: e.Kind, Time: e.Time, UserID: e.UserID, Username: e.Username,
		To: e.To, ToUsername: e.ToUsername, Text: e.Text, ID: e.ID,
	}
}

// MarshalJSON implements [json.Marshaler] with the object that clients see.
func (e Event) MarshalJSON() ([]byte, error) {
	entry := e.entry()
	return entry.MarshalJSON()
}

// VisibleTo reports whether a user may read e: everyone may, but for a private
// message, which is for its two users only. The empty user is nobody.
func (e *Event) VisibleTo(userID string) bool {
	entry := e.entry()
	return entry.VisibleTo(userID)
}

// A Position is a place in one room's log: after the event numbered Offset (0: before the
// first) of the log's incarnation Epoch, with the Time of that event in milliseconds since
// 1970, or 0 if it is not known. Offsets of different epochs do not compare. The zero
// Position is no place at all. Its text form is EPOCH:OFFSET:TIME; it can be stored as
// text or in JSON and read again with [ParsePosition].
type Position = chatlog.Position

// ParsePosition reads the text form of a Position. The empty string is the zero Position.
func ParsePosition(s string) (Position, error) { return chatlog.ParsePosition(s) }

// A Member is one user of a room, over all of the user's connections: UserID, Username,
// and the number of Connections.
type Member = chatlog.Member

// A Log keeps the rooms' events and lets several servers share them: what [WithLog] takes.
// Package chatlog is its contract; [NewMemoryLog] and the adapters redislog and pglog make
// one.
type Log = chatlog.Log

// A Query says which part of a room's history to read. The zero Query asks for the newest
// messages that everyone may see.
type Query struct {
	// Reader is the user whose private messages are read too; empty is nobody. All reads
	// everybody's, for archives and moderators, and Reader does not count then.
	Reader string
	All    bool
	// Before asks for the newest messages below this offset, From for the oldest from this
	// offset on; 0 is not set. With both, Before does not count.
	Before, From uint64
	// Limit is the largest number of messages wanted; 0 is the history size of
	// [WithHistory], or 50 if that is none. Above 100 counts as 100, below 0 as 0.
	Limit int
}

// A Page is one consistent look at a room's history.
type Page struct {
	// Events are messages in the order of their offsets, oldest first.
	Events []Event
	// Position is the log's last place at the time of the look, without a Time: Follow from
	// there yields what comes next.
	Position Position
	// First is the smallest offset that the log still holds, or the next one to
	// be given if it holds none.
	First uint64
	// More reports whether there are further messages in the direction read: newer ones
	// with Query.From, older ones otherwise.
	More bool
}

// History reads a room's messages. Errors are ErrBadName and ErrUnavailable.
func (s *Server) History(ctx context.Context, room string, q Query) (Page, error) {
	room, err := s.checkRoomName(room)
	if err != nil {
		return Page{}, err
	}
	r := chatlog.Range{Limit: min(max(q.Limit, 0), proto.MaxPage), Visible: !q.All, Reader: q.Reader, Before: q.Before}
	if q.Limit == 0 {
		r.Limit = s.cfg.pageSize()
	}
	if q.From > 0 {
		r.From, r.Before = q.From, 0
	}
	page, err := s.rooms.Log().Read(ctx, room, r)
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

// FromStart is the place before all that a room's log holds, for Follow.
var FromStart = rooms.FromStart

// Follow reads a room's log from a place on, and goes on as it grows, until the
// loop is left, ctx ends or the server closes: one more cursor, for a bot, an
// archive or an index. It yields private messages too. The zero Position begins
// with the next event, FromStart with the first that the log holds; with an event's
// Position, Follow goes on after it. If the log does not reach back to that
// place, or ends before it, or holds another event there, ErrGap comes first and
// then all that the log holds.
//
// An error is yielded in place of an event. After ErrGap (events between the last
// and the next are lost) and ErrUnavailable (Follow tries again) the loop may go
// on; any other, ctx's too, is the last.
func (s *Server) Follow(ctx context.Context, room string, since Position) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		name, err := s.checkRoomName(room)
		if err != nil {
			yield(Event{}, err)
			return
		}
		s.rooms.Follow(ctx, name, since, func(e chatlog.Event, at Position, err error) bool {
			return yield(eventOf(e, at.Epoch, err))
		})
	}
}

// page reads what user may see of a room's history.
func (s *Server) page(ctx context.Context, room, user string, q proto.Query) (chatlog.Page, error) {
	r := chatlog.Range{Limit: q.Limit, Visible: true, Reader: user}
	switch {
	case q.HasAfter:
		r.From = q.After + 1
	case q.HasBefore && q.Before == 0:
		r.Limit = 0
	case q.HasBefore:
		r.Before = q.Before
	}
	page, err := s.rooms.Log().Read(ctx, room, r)
	if err != nil {
		return chatlog.Page{}, err
	}
	if q.HasBefore && q.Before == 0 {
		page.More = false // nothing is older
	}
	return page, nil
}

// boundPage leaves as many events in p as take at most so many bytes as clients see
// them, and always one: the first ones, or the last ones for a page that was read
// backwards. More is true if there was more.
func boundPage(p *chatlog.Page, bytes int, forward bool) {
	var object []byte
	for n := range p.Events {
		i := n
		if !forward {
			i = len(p.Events) - 1 - n
		}
		object = chatlog.AppendJSON(object[:0], &p.Events[i])
		if bytes -= len(object) + 1; bytes >= 0 || n == 0 {
			continue
		}
		if p.More = true; forward {
			p.Events = p.Events[:i]
		} else {
			p.Events = p.Events[i+1:]
		}
		return
	}
}

// appendPage appends the messages, first and more of p as members of an object, and
// its position if that is wanted.
func appendPage(b []byte, p *chatlog.Page, position bool) []byte {
	b = append(b, `"messages":[`...)
	for i := range p.Events {
		if i > 0 {
			b = append(b, ',')
		}
		b = chatlog.AppendJSON(b, &p.Events[i])
	}
	b = append(b, ']')
	if position {
		b = proto.AppendQuoted(append(b, `,"position":`...), p.Position.Place())
	}
	b = strconv.AppendUint(append(b, `,"first":`...), p.First, 10)
	return strconv.AppendBool(append(b, `,"more":`...), p.More)
}
