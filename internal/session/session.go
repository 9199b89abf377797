package session

import (
	"context"
	"net"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/events"
	"github.com/seed-08328bfd/chat/internal/expiry"
	"github.com/seed-08328bfd/chat/internal/limit"
	"github.com/seed-08328bfd/chat/internal/object"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/rooms"
	"github.com/seed-08328bfd/chat/internal/rules"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// maxErrors is the number of errors in a row, all the client's fault, that end a connection.
const maxErrors = 100

// A Session is one client: its user, its connection, and its member in a room. Make one with
// New. It takes up its connection in steps, each after the one before: Identify, Open, Join,
// Attach, Start. If a step fails, or none follows, Abandon undoes all.
type Session struct {
	Speaker
	core   *Core
	conn   wsconn.Conn
	member rooms.Member // if many is nil
	joined bool         // member is in its room

	// Immutable once the handshake is answered.
	V1      bool
	seat    seat   // the room of member
	many    *many  // the rooms of a connection with many; nil if it has one
	events  bool   // the client gets an event stream
	secret  string // with which an anonymous user comes back under the same id
	address limit.Place

	// Owned by the goroutine that reads.
	errors int // in a row that are the client's fault; other errors between them do not count

	expiry expiry.Timer
}

// A seat is a session's place in one room.
type seat struct {
	room   string
	member *rooms.Member
}

// New returns a session for a client at the address, which the caller has counted with
// Core.Limits.Connect; the session undoes that when it ends. v1 says that the client speaks
// chat.v1. The name of no room is empty: then the client may be in many, and speaks chat.v1.
func New(core *Core, address limit.Place, room string, v1 bool) *Session {
	s := &Session{core: core, address: address, V1: v1}
	s.seat = seat{room, &s.member}
	if room == "" {
		s.many = &many{s: s}
	}
	return s
}

// Identify makes u the session's user. secret is that of an anonymous user.
func (s *Session) Identify(u rules.User, secret string) {
	s.be(s.core.Rules, u)
	if u.Anonymous() {
		s.secret = secret
	}
}

// Open counts the connection for its user. The error is rules.ErrTooMany.
func (s *Session) Open() (err error) {
	s.account, err = s.core.Limits.Open(s.User.ID)
	return err
}

// Join makes the session's user a member of its room. since is what the client has seen, and
// deflate says that it takes compressed messages. The client is a member before it sees the
// answer: so it misses no event.
func (s *Session) Join(ctx context.Context, since chatlog.Position, deflate bool) error {
	if s.many == nil {
		s.conn.Init(&s.core.Conns, s.member.Source(), s, deflate)
		return s.join(ctx, since, deflate)
	}
	s.many.rooms = s.rules.Rooms.NewMany(s.joining(since, deflate))
	s.conn.Init(&s.core.ManyConns, s.many.rooms.Source(), s, deflate)
	s.conn.Queue(wsconn.AppendText(nil, s.many.hello()))
	return nil
}

// join makes the session's user a member of its one room.
func (s *Session) join(ctx context.Context, since chatlog.Position, deflate bool) error {
	err := s.rules.Rooms.Join(ctx, s.seat.room, &s.member, s.joining(since, deflate))
	s.joined = err == nil
	return err
}

func (s *Session) joining(since chatlog.Position, deflate bool) rooms.Joining {
	return rooms.Joining{
		Conn: &s.conn, Greet: s.greet, UserID: s.User.ID, Username: s.User.Name,
		V1: s.V1, Deflate: deflate, Events: s.events, Since: since,
	}
}

// Attach gives the session its connection, and what was already read from it, and tells the
// room's members of the user. It comes before the answer to the client: so a client that has
// its answer is in the lists of all clients that come later.
func (s *Session) Attach(conn net.Conn, early []byte) {
	s.conn.Attach(conn, early)
	if s.joined {
		s.member.Announce()
	}
}

// Start writes the answer to the handshake and begins to read. The goroutine that reads ends
// with the connection, and calls Core.Ended.
func (s *Session) Start(answer []byte) error {
	if err := s.conn.Open(answer); err != nil {
		return err
	}
	s.expire()
	if s.many != nil {
		s.many.wishes.begin(s)
	}
	go s.serve()
	return nil
}

// Abandon undoes what a handshake has done that has failed.
func (s *Session) Abandon() {
	s.leave(true)
	s.ended()
}

// leave takes the user out of all rooms.
func (s *Session) leave(clean bool) {
	switch {
	case s.joined:
		s.member.Leave(clean)
	case s.many != nil && s.many.rooms != nil:
		s.many.rooms.LeaveAll(clean)
	}
}

// ended removes the session from the limits, and tells the server.
func (s *Session) ended() {
	if s.account != nil {
		s.core.Limits.Close(s.account)
	}
	s.core.Limits.Disconnect(s.address)
	s.core.Ended(s)
}

// serve reads what the client sends until the connection ends, and then takes
// the user out of the rooms.
func (s *Session) serve() {
	clean := false
	defer func() { // even if a hook ends the goroutine
		s.leave(clean)
		s.expiry.Stop()
		s.conn.Finish()
		s.ended()
	}()
	clean = s.conn.Read()
	if code, closing := s.conn.Closing(); closing && code == proto.CloseTryAgain {
		clean = false // the client was told to come back and resume
	}
}

// Handle implements [wsconn.Handler].
func (s *Session) Handle(text []byte) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if p := recover(); p != nil { // the server's own; a hook may have ended the goroutine
			s.rules.Caught(p, s.seat.room)
		}
		s.conn.Close(proto.CloseInternal, rules.InternalText)
	}()
	s.take(text)
	returned = true
}

// take carries out a message, and tells the client if there was an error.
func (s *Session) take(text []byte) {
	var e *proto.Error
	if s.V1 {
		e = s.handleV1(text)
	} else {
		e = s.handlePlain(text)
	}
	if e == nil {
		s.errors = 0
		return
	}
	if e.Code == proto.CodeBadUTF8 && e.Fatal {
		s.conn.Close(proto.CloseInvalid, "text is not UTF-8")
		return
	}
	s.fail(e)
	if e.AtFault() {
		s.errors++
	}
	if s.errors >= maxErrors {
		s.conn.Close(proto.ClosePolicy, "too many errors")
		return
	}
	s.conn.Charge(wsconn.FrameCost + len(text))
}

// reply sends the client an object about a room that it is in.
func (s *Session) reply(in seat, object []byte) {
	if s.many == nil {
		s.conn.Send(object)
		return
	}
	s.many.rooms.Reply(in.member, object)
}

// fail sends the client an error.
func (s *Session) fail(e *proto.Error) {
	if s.V1 {
		s.conn.Send(proto.ErrorObject(e))
	} else {
		s.conn.Send(proto.SystemObject(e))
	}
}

// expire warns the client one minute before its credentials run out, and closes the
// connection then.
func (s *Session) expire() {
	advice := "send fresh ones"
	if s.events {
		advice = "come back with fresh ones"
	}
	s.expiry.Set(s.Credentials().Expires, func() {
		if s.V1 {
			s.conn.Send(proto.ErrorObject(&proto.Error{Code: proto.CodeTokenExpiring, Text: "credentials run out within a minute: " + advice}))
		}
	}, func() { s.conn.Close(proto.CloseExpired, "credentials ran out") })
}

// In reports whether a command about the room may be about the session; with an empty name,
// about any room.
func (s *Session) In(room string) bool { return room == "" || s.many != nil || room == s.seat.room }

// Close closes the connection, for the sake of the room, or of all rooms if its name is
// empty. A connection with many rooms loses only the one that is named.
func (s *Session) Close(room string, code int, reason string) {
	if s.many != nil && room != "" {
		s.many.commands.Add(1)
		s.many.drop(room) // of an earlier Join
		s.many.rooms.End(room, code, reason)
		return
	}
	s.conn.Close(code, reason)
}

// Reauthorize takes the user out of the room, or out of all rooms if its name is empty,
// where the authorizer does not let the user be now. It asks with the latest credentials.
func (s *Session) Reauthorize(room string) {
	all := []string{s.seat.room}
	if s.many != nil {
		s.many.commands.Add(1)
		all = s.many.rooms.Rooms()
	}
	for _, name := range all {
		if room != "" && room != name {
			continue
		}
		if refused, ok := s.rules.Authorize(s.rules.Rooms.Context(), s.Credentials(), name, rules.ActionJoin).(*rules.Refusal); ok {
			s.Close(name, proto.CloseForbidden, refused.Text)
		}
	}
}

// Check pings a silent client, and cuts the connection of one that does not answer; see
// [wsconn.Conn.Check].
func (s *Session) Check(now, interval, timeout time.Duration) { s.conn.Check(now, interval, timeout) }

// Goodbye tells a chat.v1 client that the server shuts down and after what time to come back,
// and closes the connection.
func (s *Session) Goodbye(after time.Duration) {
	if s.V1 {
		var b []byte
		if s.events { // a browser comes back by itself, and does not read the object
			b = events.AppendRetry(b, after)
		}
		s.conn.Queue(s.conn.AppendText(b, object.Goodbye("shutdown", after)))
	}
	s.conn.Close(proto.CloseGoingAway, "server is shutting down")
}

// Kill cuts the connection.
func (s *Session) Kill() { s.conn.Kill() }
