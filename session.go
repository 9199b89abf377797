package chat

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/limit"
	"github.com/seed-08328bfd/chat/internal/lock"
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
	expiry   expiry
}

// pauses says when the client was first told to wait, and until when it must.
type pauses struct{ told, ends time.Time }

// expiry warns the client and closes the connection when the credentials run out.
type expiry struct {
	mu    lock.Leaf
	timer *time.Timer
	over  bool // the connection has ended
}

// serve reads what the client sends until the connection ends, and then takes
// the member out of the room.
func (c *session) serve() {
	clean := false
	defer func() { // even if a hook ends the goroutine
		c.member.Leave(clean)
		c.expireAt(time.Time{}, true)
		c.conn.Finish()
		c.srv.gone(c)
	}()
	clean = c.conn.Read()
	if code, closing := c.conn.Closing(); closing && code == proto.CloseTryAgain {
		clean = false // the client was told to come back and resume
	}
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
	cfg := &c.srv.cfg
	b := append(make([]byte, 0, 512), `{"type":"`+proto.TypeWelcome+`","protocol":"`+proto.Subprotocol+`","room":`...)
	b = proto.AppendQuoted(b, c.room)
	b = proto.AppendQuoted(append(b, `,"user":`...), c.user.ID)
	b = proto.AppendQuoted(append(b, `,"username":`...), c.user.Name)
	b = proto.AppendQuoted(append(b, `,"session":`...), c.secret)
	b = proto.AppendQuoted(append(b, `,"position":`...), g.At.Place())
	b = strconv.AppendBool(append(b, `,"resumed":`...), g.Resumed)
	b = strconv.AppendBool(append(b, `,"gap":`...), g.Gap)
	b = appendMembers(append(b, `,"members":`...), g.Members)
	b = strconv.AppendInt(append(b, `,"member_count":`...), int64(g.Count), 10)
	b = strconv.AppendInt(append(b, `,"limits":{"message_bytes":`...), int64(cfg.limits.messageSize), 10)
	b = strconv.AppendFloat(append(b, `,"rate_per_second":`...), cfg.limits.rate, 'g', -1, 64)
	b = append(b, `,"burst":`...)
	if cfg.limits.rate > 0 {
		b = strconv.AppendInt(b, int64(cfg.limits.burst), 10)
	} else {
		b = append(b, '0')
	}
	b = append(b, '}')
	if g.At.Time != 0 {
		b = proto.AppendTime(append(b, `,"time":"`...), time.UnixMilli(g.At.Time))
		b = append(b, '"')
	}
	return append(b, '}')
}

func appendMembers(b []byte, members []Member) []byte {
	b = append(b, '[')
	for i := range members {
		if i > 0 {
			b = append(b, ',')
		}
		b = proto.AppendQuoted(append(b, `{"user":`...), members[i].UserID)
		b = proto.AppendQuoted(append(b, `,"username":`...), members[i].Username)
		b = strconv.AppendInt(append(b, `,"connections":`...), int64(members[i].Connections), 10)
		b = append(b, '}')
	}
	return append(b, ']')
}

// goodbye announces a planned close.
func (c *session) goodbye(reason string, retry time.Duration) {
	b := proto.AppendQuoted([]byte(`{"type":"`+proto.TypeGoodbye+`","reason":`), reason)
	b = strconv.AppendInt(append(b, `,"retry_after_ms":`...), retry.Milliseconds(), 10)
	c.conn.Queue(wsconn.AppendText(nil, append(b, '}')))
}

// expireAt sets the time when the credentials run out: the client is warned one minute
// before, and the connection is closed at that time. The zero time means never. After a
// call with over set, later calls do nothing.
func (c *session) expireAt(t time.Time, over bool) {
	x := &c.expiry
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.timer != nil {
		x.timer.Stop()
		x.timer = nil
	}
	if x.over = x.over || over; t.IsZero() || x.over {
		return
	}
	warn := max(time.Until(t), 0) - time.Minute
	var timer *time.Timer
	timer = time.AfterFunc(max(warn, 0), func() {
		x.mu.Lock()
		if x.timer != timer { // fresh credentials have arrived in the meantime
			x.mu.Unlock()
			return
		}
		// Before the warning, because the answer to it stops this timer.
		x.timer = time.AfterFunc(max(0, time.Until(t)), func() { c.conn.Close(proto.CloseExpired, "credentials ran out") })
		x.mu.Unlock()
		if c.v1 && (warn > 0 || time.Until(t) > 0) {
			c.conn.Send(proto.ErrorObject(&proto.Error{Code: proto.CodeTokenExpiring, Text: "credentials run out within a minute: send fresh ones"}))
		}
	})
	x.timer = timer
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
				return &httpErr{http.StatusBadRequest, proto.CodeBadRequest, "there are two sessions"}
			default:
				h.session = secret
			}
		}
	}
	if h.session != "" && !isSession(h.session) {
		return &httpErr{http.StatusBadRequest, proto.CodeBadRequest, "the session is not one that this server gave"}
	}
	return nil
}

const anonPrefix = "anon-"

func isAnonymous(id string) bool { return strings.HasPrefix(id, anonPrefix) }

// newSession returns a secret that identifies an anonymous user. The server need not
// remember it: the user's id is a hash of it, from which nobody can compute the secret.
func newSession() string {
	var b [24]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func isSession(s string) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(b) == 24 && len(s) == 32 // the decoder skips line ends
}

func anonymousID(session string) string {
	sum := sha256.Sum256([]byte("chat session " + session))
	return anonPrefix + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:10]))
}
