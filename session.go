package chat

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/anon"
	"github.com/seed-08328bfd/chat/internal/answer"
	"github.com/seed-08328bfd/chat/internal/expiry"
	"github.com/seed-08328bfd/chat/internal/limit"
	"github.com/seed-08328bfd/chat/internal/object"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/rooms"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// maxErrors is the number of errors in a row, all the client's fault, that end a connection.
const maxErrors = 100

// session is one client: its connection, its user, and its member in a room.
type session struct {
	srv    *Server
	conn   wsconn.Conn
	member rooms.Member

	// Immutable once the handshake is answered.
	user    User // its ID is the user's, its Name the member's
	room    string
	secret  string // with which an anonymous user comes back under the same id
	v1      bool
	account *limit.Account
	address limit.Place
	joined  bool // the member is in its room

	// cred is user with the latest credentials, as the goroutine that reads has stored it.
	cred atomic.Pointer[User]

	// Owned by the goroutine that reads.
	errors int // in a row that are the client's fault; other errors between them do not count
	pauses pauses

	removals []chatlog.Event // commands that came during the handshake; guarded by Server.mu until its end
	expiry   expiry.Timer
}

// pauses are what the client was told of each limit on its own.
type pauses struct{ rate, slow, signals limit.Pauses }

// serve reads what the client sends until the connection ends, and then takes
// the member out of the room.
func (c *session) serve() {
	clean := false
	defer func() { // even if a hook ends the goroutine
		c.member.Leave(clean)
		c.expiry.Stop()
		c.conn.Finish()
		c.srv.gone(c)
	}()
	clean = c.conn.Read()
	if code, closing := c.conn.Closing(); closing && code == proto.CloseTryAgain {
		clean = false // the client was told to come back and resume
	}
}

// A User is a user of the chat, as an authenticator returns it.
type User struct {
	// ID is the user's stable id, 1 to 128 bytes of UTF-8 without control characters. It
	// must not begin with "anon-", which marks the anonymous users of the server itself: an
	// authenticator that accepts guests must make ids for them in another form.
	ID string
	// Name is the name that people see. If it is empty, the request's username parameter
	// counts; if that is empty too, the default username.
	Name string
	// Expires is the time when the user's credentials run out. The client is told one
	// minute earlier; at this time the connection is closed with 4001. The zero time means
	// never.
	Expires time.Time
	// Value is any value that the authenticator sets for the other hooks. The server does
	// not use it.
	Value any
}

// Anonymous reports whether u is not authenticated: the server has made the ID itself, or
// the ID is empty, as for a request over HTTP without an authenticator.
func (u User) Anonymous() bool { return u.ID == "" || anon.Is(u.ID) }

// checkUserID reports what is wrong with an id that an authenticator gave.
func checkUserID(id string) error {
	switch {
	case id == "" || len(id) > proto.MaxUser || !utf8.ValidString(id) || strings.ContainsFunc(id, unicode.IsControl):
		return fmt.Errorf("%w: the user's id must be 1 to %d bytes without control characters", ErrBadName, proto.MaxUser)
	case anon.Is(id):
		return fmt.Errorf("%w: the user's id begins with %q", ErrBadName, anon.Prefix)
	}
	return nil
}

// Handle implements [wsconn.Handler].
func (c *session) Handle(text []byte) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if p := recover(); p != nil { // the server's own; a hook may have ended the goroutine
			c.srv.panicked(p, debug.Stack(), "", c.room)
		}
		c.conn.Close(proto.CloseInternal, internalText)
	}()
	c.take(text)
	returned = true
}

// take carries out a message, and tells the client if there was an error.
func (c *session) take(text []byte) {
	var e *proto.Error
	if c.v1 {
		e = c.handleV1(text)
	} else {
		e = c.handlePlain(text)
	}
	if e == nil {
		c.errors = 0
		return
	}
	if e.Code == proto.CodeBadUTF8 && e.Fatal {
		c.conn.Close(proto.CloseInvalid, "text is not UTF-8")
		return
	}
	c.fail(e)
	if e.AtFault() {
		c.errors++
	}
	if c.errors >= maxErrors {
		c.conn.Close(proto.ClosePolicy, "too many errors")
		return
	}
	c.conn.Charge(wsconn.FrameCost + len(text))
}

// fail sends the client an error.
func (c *session) fail(e *proto.Error) {
	if c.v1 {
		c.conn.Send(proto.ErrorObject(e))
	} else {
		c.conn.Send(proto.SystemObject(e))
	}
}

// Greet implements [rooms.Greeter].
func (c *session) Greet(g *rooms.Greeting) []byte {
	switch {
	case c.v1:
		return wsconn.AppendText(nil, c.welcome(g))
	case g.Gap:
		return wsconn.AppendText(nil, proto.SystemObject(&proto.Error{Code: proto.CodeGap, Text: "some messages may be missing here"}))
	}
	return nil
}

// welcome returns the first object that a chat.v1 client gets.
func (c *session) welcome(g *rooms.Greeting) []byte {
	l := &c.srv.cfg.limits
	w := object.Welcome{
		Room: c.room, User: c.user.ID, Username: c.user.Name, Session: c.secret,
		At: g.At, Resumed: g.Resumed, Gap: g.Gap, Members: g.Members, Count: g.Count,
		Limits: object.Limits{MessageBytes: l.messageSize, Rate: l.rate, Burst: l.burst},
		Unread: c.member.Unread(g.At),
	}
	if c.srv.rooms.Log().Amends() {
		w.Limits.DataBytes = l.dataSize
	}
	return w.JSON()
}

// expireAt warns the client one minute before t, when its credentials run out, and closes the
// connection then. The zero time means never.
func (c *session) expireAt(t time.Time) {
	c.expiry.Set(t, func() {
		if c.v1 {
			c.conn.Send(proto.ErrorObject(&proto.Error{Code: proto.CodeTokenExpiring, Text: "credentials run out within a minute: send fresh ones"}))
		}
	}, func() { c.conn.Close(proto.CloseExpired, "credentials ran out") })
}

// MarkRead says that a user has read a room up to offset, of which no more counts than the
// room has. It returns the user's marker, which never goes back. Errors are ErrBadName,
// ErrUnsupported, ErrServerClosed and ErrUnavailable.
func (s *Server) MarkRead(ctx context.Context, room, userID string, offset uint64) (read uint64, err error) {
	if room, err = s.checkRoomName(room); err != nil {
		return 0, err
	}
	if err := checkReader(userID); err != nil {
		return 0, err
	}
	if err := s.rooms.Connect(ctx); err != nil {
		return 0, err
	}
	return s.rooms.MarkRead(ctx, room, userID, offset)
}

// checkReader refuses the id of no user.
func checkReader(userID string) error {
	if userID == "" || len(userID) > proto.MaxUser || !valid(userID) {
		return fmt.Errorf("%w: the user's id must be 1 to %d bytes of UTF-8", ErrBadName, proto.MaxUser)
	}
	return nil
}

// parseOffer reads the list of subprotocols. The list may contain the client's session,
// because proxies and consoles log the URL, but not this header. session is the one in the
// query, if any.
func (h *handshake) parseOffer(header http.Header, session string) error {
	h.session = session
	for _, offer := range header.Values("Sec-WebSocket-Protocol") {
		for p := range strings.SplitSeq(offer, ",") {
			p = strings.TrimSpace(p)
			h.v1 = h.v1 || p == proto.Subprotocol
			secret, ok := strings.CutPrefix(p, proto.SessionPrefix)
			switch {
			case !ok || secret == "" || secret == h.session:
			case h.session != "":
				return answer.BadRequest("there are two sessions")
			default:
				h.session = secret
			}
		}
	}
	if h.session != "" && !anon.IsSecret(h.session) {
		return answer.BadRequest("the session is not one that this server gave")
	}
	return nil
}

// openSessions returns the sessions of this moment.
func (s *Server) openSessions() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.sessions))
}

func (s *Server) killAll() {
	for _, m := range s.openSessions() {
		m.conn.Kill()
	}
}

// expect lets m, whose handshake begins, get the commands of Disconnect and Reauthorize.
func (s *Server) expect(m *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.joining[m] = struct{}{}
}

// add makes m one of the server's sessions, unless the server is closing.
func (s *Server) add(m *session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.joining, m)
	if s.rooms.Closing() {
		return false
	}
	s.sessions[m] = struct{}{}
	return true
}

// gone removes m from the sessions and from all limits that count it.
func (s *Server) gone(m *session) {
	if m.account != nil {
		s.limits.Close(m.account)
	}
	s.limits.Disconnect(m.address)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.joining, m)
	delete(s.sessions, m)
	if len(s.sessions) == 0 && s.empty != nil {
		close(s.empty)
		s.empty = nil
	}
}
