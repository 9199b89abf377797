package chat

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/seed-08328bfd/chat/internal/proto"
)

// The types of an [Event]. Only TypeMessage and TypePrivate are entries of the
// log; the others are seen live or not at all.
const (
	TypeMessage = "message" // to everyone in the room
	TypePrivate = "private" // to the members of two users
	TypeSystem  = "system"  // somebody joined or left
	TypeTyping  = "typing"  // somebody is typing
)

// An Event is one thing that happened in a room. Its JSON form is the object
// that clients see (docs/protocol.md).
type Event struct {
	// Type is one of the Type constants.
	Type string `json:"type"`
	// Offset is the event's place in its room's log, from 1; 0 for an event
	// that the log does not keep.
	Offset uint64 `json:"offset,omitempty"`
	// Event is "join" or "leave" for TypeSystem, otherwise empty.
	Event string `json:"event,omitempty"`
	// Time is set by the log's clock, in UTC with milliseconds. It never runs
	// backwards within a room.
	Time time.Time `json:"time"`
	// User is the stable id of whom the event is from; Username what people see.
	User     string `json:"user,omitempty"`
	Username string `json:"username"`
	// To and ToUsername name the receiver of a TypePrivate, otherwise empty.
	To         string `json:"to,omitempty"`
	ToUsername string `json:"to_username,omitempty"`
	// Message is the text, verbatim.
	Message string `json:"message"`
	// ID is the sender's own id of the message, at most 64 bytes, or empty.
	// The same User and ID are kept once (see Store.Append).
	ID string `json:"id,omitempty"`
}

// VisibleTo reports whether user may read e: everyone may, but for a private
// message, which is for its two users only. The empty user is nobody.
func (e *Event) VisibleTo(user string) bool {
	return e.Type != TypePrivate || between(user, e.User, e.To)
}

// between reports whether user is one of the two of a private message. Nobody is
// not, even if the message is from nobody.
func between(user, a, b string) bool {
	return user != "" && (user == a || user == b)
}

// A Position is a place in one room's log: after the event numbered Offset (0:
// before the first) of the log's incarnation Epoch. Offsets of different epochs
// do not compare. The zero Position is no place at all.
//
// Two Positions are one place if Epoch and Offset are equal: of either the Time
// may be missing.
type Position struct {
	Epoch  string
	Offset uint64
	// Time is that of the event numbered Offset, in milliseconds since 1970, or 0
	// if it is not known. It tells that event from another one which a log that
	// has lost its end gives the same offset: a place with it resumes after that
	// very event, or with a gap. What a Store returns need not have it.
	Time int64
}

// placeOf returns the place after e in epoch.
func placeOf(epoch string, e *Event) Position {
	p := Position{Epoch: epoch, Offset: e.Offset}
	if !e.Time.IsZero() && e.Offset > 0 {
		p.Time = e.Time.UnixMilli()
	}
	return p
}

// String returns p as EPOCH:OFFSET:TIME, as EPOCH:OFFSET without a Time, or as ""
// for the zero Position.
func (p Position) String() string {
	s := p.place()
	if s != "" && p.Time != 0 {
		s += ":" + strconv.FormatInt(p.Time, 10)
	}
	return s
}

// place is String without the time.
func (p Position) place() string {
	if p == (Position{}) {
		return ""
	}
	return p.Epoch + ":" + strconv.FormatUint(p.Offset, 10)
}

// MarshalText implements [encoding.TextMarshaler] with the form of String.
func (p Position) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler] with ParsePosition.
func (p *Position) UnmarshalText(b []byte) (err error) {
	*p, err = ParsePosition(string(b))
	return err
}

// ParsePosition reads the forms EPOCH:OFFSET and EPOCH:OFFSET:TIME, where EPOCH is
// 1 to 64 letters, digits, '.', '_' or '-', and OFFSET and TIME are decimals below
// 2^53. The empty string is the zero Position.
func ParsePosition(s string) (Position, error) {
	if s == "" {
		return Position{}, nil
	}
	epoch, num, ok := strings.Cut(s, ":")
	if !ok || epoch == "" || len(epoch) > 64 || strings.ContainsFunc(epoch, notEpochRune) {
		return Position{}, errors.New("chat: a position has the form EPOCH:OFFSET or EPOCH:OFFSET:TIME")
	}
	num, ms, timed := strings.Cut(num, ":")
	p := Position{Epoch: epoch}
	var err error
	if p.Offset, err = proto.ParseOffset(num); err != nil {
		return Position{}, err
	}
	if timed {
		t, err := proto.ParseOffset(ms)
		if err != nil {
			return Position{}, errors.New("chat: the time of a position is in milliseconds since 1970")
		}
		p.Time = int64(t)
	}
	return p, nil
}

func notEpochRune(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '.' || r == '_' || r == '-')
}

// A Range says which events of a room to read. From and Before are offsets, and
// at most one of them is set; with neither, the newest events are meant.
type Range struct {
	From   uint64 // the first offset wanted, reading forward; 0: not set
	Before uint64 // the newest events below this offset; 0: not set
	Limit  int    // at most so many events; 0 or less: none, or Server.History's default

	// Visible leaves out what Reader may not see (Event.VisibleTo; the empty Reader
	// is nobody), before Limit counts. Server.History sets both itself.
	Visible bool
	Reader  string
}

// A Page is one consistent look at a room's log.
type Page struct {
	// Events are in the order of their offsets, oldest first. They hold every
	// entry of the range, or with Range.Visible and from a Server those that the
	// reader may see.
	Events []Event
	// Position is the log's last place at the time of the look, without a Time.
	Position Position
	// First is the smallest offset that the log still holds, or the next one to
	// be given if it holds none.
	First uint64
	// More reports whether the log holds further events of the kind asked for in
	// the direction read: newer ones with Range.From, older ones otherwise.
	More bool
}

// A Member is one user of a room, over all of the user's connections.
type Member struct {
	User        string `json:"user"`
	Username    string `json:"username"`
	Connections int    `json:"connections"`
}

// A Departure names a user who left a room because the user's last server did.
type Departure struct {
	Room   string
	Member Member
}

// A Log keeps the rooms' events and lets several servers share them: what
// [WithLog] takes. [NewMemoryLog] is the one for a single process; the adapters
// redislog and pglog keep theirs in Redis and PostgreSQL. An implementation is
// held to its contract by the suite in package chattest.
//
// All methods may be called at once from many goroutines, and each returns soon
// after its context ends. Rooms' names are valid UTF-8 of any characters.
type Log interface {
	Store
	Feed
	Presence
}

// A Store holds one log a room.
type Store interface {
	// Append gives e the next offset of room, and the log's time, stores it and
	// announces it to every server that watches the room (the announcement may
	// be lost). Offsets are dense: one more for each stored event of an epoch,
	// in the order in which the events become readable.
	//
	// If e.ID is not empty and the same e.User has stored the same ID in this
	// room within five minutes at least, nothing is stored or announced: the
	// first event is returned with dup true. A log that tries again by itself after
	// a lost answer may say dup of what the same call has stored.
	//
	// An error means that e is perhaps stored; calling again with the same ID
	// finds out.
	Append(ctx context.Context, room string, e Event) (stored Event, epoch string, dup bool, err error)

	// Lookup returns the event that user has stored in room with id, which is not
	// empty; ok is false if there is none. It knows what Append would call a
	// repetition, for as long. Of an event that is no longer held it returns
	// Offset, Time, User and ID, and an empty Type. A server asks when it is about
	// to refuse a message: if an earlier try was stored, that is the answer.
	Lookup(ctx context.Context, room, user, id string) (e Event, epoch string, ok bool, err error)

	// Read returns a range of room's events. A room never written to has an
	// empty page, not an error, with the position that a first Append follows.
	//
	// With r.Visible the work grows with r.Limit, not with what lies between: one
	// user's thousands of private messages do not keep the others from their
	// history.
	Read(ctx context.Context, room string, r Range) (Page, error)

	// Positions returns the last position of each of rooms, in their order. It
	// is what servers compare with their own on a timer, so it is one cheap
	// batch.
	Positions(ctx context.Context, rooms []string) ([]Position, error)

	// Renew starts a new epoch of room if it is still in seen, and returns the
	// epoch it is in then. A server calls it when the log contradicts what has
	// been delivered from it. Events stay.
	Renew(ctx context.Context, room, seen string) (epoch string, err error)
}

// A Feed tells servers that something happened: at most once, in any order.
type Feed interface {
	// Open connects sink to the feed until Close. It is called once a server,
	// before anything else, and an error means that the log cannot be reached
	// yet; it is called again then.
	Open(ctx context.Context, sink Sink) error

	// Watch returns once later events of room are being pushed to the sink.
	Watch(ctx context.Context, sink Sink, room string) error

	// Unwatch ends what Watch began. It does not wait for anything.
	Unwatch(sink Sink, room string)

	// Signal pushes e, which no log keeps, to every server watching room, the
	// caller too. It may be lost.
	Signal(ctx context.Context, room string, e Event) error

	// Close disconnects sink. Pushes end before it returns.
	Close(sink Sink) error
}

// A Sink is a server, as a [Feed] sees it. Its methods return at once.
type Sink interface {
	// Push tells of an event of room: an entry of the log in epoch, or with
	// offset 0 a signal. An entry with an empty Type tells the offset only.
	Push(room, epoch string, e Event)
	// Interrupted says that pushes may be missing from now on, Resumed that
	// they are complete again (what was missed is not pushed).
	Interrupted(err error)
	Resumed()
}

// Presence is who is in which room, over all servers. A server is known by a
// name it makes for itself and is taken for dead when it has not called Beat for
// the time it promised, by the log's own clock.
type Presence interface {
	// Enter says that m.User is in room with m.Connections connections to
	// server, under the name m.Username. first reports that the user was on no
	// server before. Of a server that Beat has removed it does nothing, for an hour
	// at least: such a call comes late. After an error it is perhaps done. Enter and Leave may be
	// repeated: the last one that is carried out is what holds.
	Enter(ctx context.Context, server, room string, m Member) (first bool, err error)

	// Leave says that user has no connection to server in room any more. last
	// reports that the user is on no server now, and was until then.
	Leave(ctx context.Context, server, room, user string) (last bool, err error)

	// Members returns at most limit of the users in room, the connections added
	// up over the servers, and how many users there are. A limit of 0 or less
	// asks for the number alone.
	Members(ctx context.Context, room string, limit int) (m []Member, total int, err error)

	// Present returns user as a member of room; ok false if it is not there.
	Present(ctx context.Context, room, user string) (m Member, ok bool, err error)

	// Rooms returns the number of users of every room that has any.
	Rooms(ctx context.Context) (map[string]int, error)

	// Versions returns for each of rooms, in their order, a number that is another
	// one whenever Members or Present would return something else than before; 0 is
	// nobody. It is what servers compare on a timer, so it is one cheap batch.
	Versions(ctx context.Context, rooms []string) ([]uint64, error)

	// Beat promises the next Beat within ttl, removes the servers that broke
	// that promise, and names the users who are gone with them. held false says
	// that server itself was removed before: it takes a new name and enters its
	// users again.
	//
	// Time in which nobody could beat counts against nobody: servers beat three
	// times in a ttl, so if no server at all has called Beat for more than half of
	// one, every promise is longer by that time.
	Beat(ctx context.Context, server string, ttl time.Duration) (held bool, gone []Departure, err error)
}
