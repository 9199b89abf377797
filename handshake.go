package chat

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/seed-08328bfd/chat/internal/anon"
	"github.com/seed-08328bfd/chat/internal/answer"
	"github.com/seed-08328bfd/chat/internal/forwarded"
	"github.com/seed-08328bfd/chat/internal/limit"
	"github.com/seed-08328bfd/chat/internal/names"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/rooms"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// handshake holds what a request for a connection asks for.
type handshake struct {
	name, session string
	since         Position
	v1            bool
	extension     string // the answer to the offer of compression; "" without
}

// serveSocket answers GET /ws/{room}. Cheap checks come first.
func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request, segment string) {
	room, ok := s.roomOf(w, segment)
	if !ok || !s.admit(w, r, http.MethodGet) {
		return
	}
	var h handshake
	if err := h.parse(s, r); err != nil {
		s.refuse(w, err)
		return
	}
	addr := limit.PlaceOf(s.cfg.proxies.Client(r, s.logger))
	if err := s.limits.Connect(addr); err != nil {
		s.refuse(w, err)
		return
	}
	if err := s.upgrade(w, r, &h, &session{srv: s, room: room, address: addr}); err != nil && err != errLost {
		s.refuse(w, err)
	}
}

// parse reads the parameters and headers of the handshake.
func (h *handshake) parse(s *Server, r *http.Request) (err error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return answer.BadRequest("the query is malformed")
	}
	if h.name, err = s.username(q.Get("username")); err != nil {
		return err
	}
	if h.since, err = ParsePosition(q.Get("since")); err != nil {
		return answer.BadRequest("since must have the form EPOCH:OFFSET or EPOCH:OFFSET:TIME")
	}
	if err := h.parseOffer(r.Header, q.Get("session")); err != nil {
		return err
	}
	if q.Get("username") == "" {
		h.name = "" // so that an authenticator's name comes before the default
	}
	return nil
}

var (
	errNoUpgrade = answer.New(http.StatusNotImplemented, proto.CodeInternal, "connections cannot be upgraded here: HTTP/2, or a middleware hides the connection")
	errLost      = errors.New("chat: connection lost")
)

// upgrade lets c's member join the room and hands the request's connection over to c. If it
// returns an error other than errLost, nothing was sent yet. If it fails, also because a
// hook has panicked or ended the goroutine, it undoes all it has done for c.
func (s *Server) upgrade(w http.ResponseWriter, r *http.Request, h *handshake, c *session) (err error) {
	accepted := false
	defer func() {
		if !accepted {
			if c.joined {
				c.member.Leave(true)
			}
			s.gone(c)
		}
	}()
	// From here on c remembers commands of Disconnect and Reauthorize, from other servers
	// too. The hooks that may refuse are asked after this, so no command is missed.
	if err := s.rooms.Connect(r.Context()); err != nil {
		return err
	}
	s.expect(c)
	if c.user, err = s.identify(r, h); err != nil {
		return err
	}
	c.v1 = h.v1
	c.cred.Store(&c.user)
	if c.user.Anonymous() {
		c.secret = h.session
	}
	if err := s.may(r.Context(), c.user, c.room, ActionJoin); err != nil {
		return err
	}
	if c.account, err = s.limits.Open(c.user.ID); err != nil {
		return err
	}
	switch status, text := wsconn.CheckHandshake(w, r); status {
	case 0:
	case http.StatusUpgradeRequired:
		return answer.New(status, proto.CodeUpgradeRequired, text)
	default:
		return answer.New(status, proto.CodeBadRequest, text)
	}
	if !wsconn.CanHijack(w) {
		s.logger.Error("chat: the http.ResponseWriter is no http.Hijacker: HTTP/2 or a middleware hides it")
		return errNoUpgrade
	}
	if s.cfg.compress {
		h.extension = wsconn.AcceptDeflate(r.Header.Values("Sec-WebSocket-Extensions"))
	}
	deflate := h.extension != ""
	c.conn.Init(&s.conns, &c.member, c, deflate)
	// The client is a member before it sees the answer: so it misses no event, and
	// Disconnect finds it.
	err = s.rooms.Join(r.Context(), c.room, &c.member, rooms.Joining{
		Conn: &c.conn, Greeter: c, UserID: c.user.ID, Username: c.user.Name, V1: c.v1, Deflate: deflate, Since: h.since,
	})
	if err != nil {
		return err
	}
	c.joined = true
	if !s.add(c) {
		return ErrServerClosed
	}
	if err := s.recheck(r.Context(), c); err != nil {
		return err
	}
	err = s.accept(w, r, h, c)
	accepted = err == nil
	return err
}

// accept takes over the connection, answers the handshake and starts c's goroutines. The
// answer is written to the connection itself, after the takeover. Nothing is sent through
// w: so it does no harm if w delays its status, or cannot hand over the connection after
// all.
func (s *Server) accept(w http.ResponseWriter, r *http.Request, h *handshake, c *session) error {
	set := w.Header()
	conn, early, err := wsconn.Hijack(w)
	if err != nil {
		s.logger.Error("chat: the connection cannot be taken over: HTTP/2 or a middleware hides it", "err", err)
		return errNoUpgrade
	}
	c.conn.Attach(conn, early)
	// Before the answer: so a client that has its answer is in the lists of all clients
	// that come later.
	c.member.Announce()
	protocol := ""
	if h.v1 {
		protocol = proto.Subprotocol
	}
	if err := c.conn.Open(wsconn.Answer(r, protocol, h.extension, set)); err != nil {
		return errLost
	}
	c.expireAt(c.user.Expires)
	go c.serve() // ends with the connection; Shutdown and Close wait for it
	return nil
}

// identify finds out which user sends a request.
func (s *Server) identify(r *http.Request, h *handshake) (u User, err error) {
	if s.cfg.hooks.authenticate == nil {
		if h.session == "" {
			h.session = anon.NewSecret()
		}
		u = User{ID: anon.ID(h.session), Name: h.name}
	} else {
		if u, err = s.authenticate(r); err != nil {
			return u, err
		}
		if u.Name, err = s.vouchedName(u); err != nil {
			return u, err
		}
		if u.Name == "" {
			u.Name = h.name
		}
	}
	if u.Name == "" {
		u.Name = s.cfg.defaultName
	}
	return u, nil
}

// username returns the username to use for the name that a client gave.
func (s *Server) username(name string) (string, error) {
	rule := s.cfg.hooks.nameRule
	if rule == nil {
		rule = CleanUsername
	}
	n, err := s.rule("username rule", rule, name)
	if n == "" && err == nil {
		n = s.cfg.defaultName
	}
	return n, err
}

// vouchedName returns the name to use for a user whom the authenticator has accepted. Such
// a user is never refused for the name: characters that cannot be shown are removed, and
// the username rule may change the name but not refuse it.
func (s *Server) vouchedName(u User) (string, error) {
	safe := names.Safe(u.Name)
	if safe == "" || s.cfg.hooks.nameRule == nil {
		return safe, nil
	}
	n, err := s.rule("username rule", s.cfg.hooks.nameRule, safe)
	if err == errHook {
		return "", err
	}
	if err != nil { // the rule refuses the name; the user is accepted all the same
		s.logger.Info("chat: authenticated user's name refused", "user", u.ID, "err", err)
		return safe, nil
	}
	if n == "" {
		n = s.cfg.defaultName
	}
	return n, nil
}

// roomOf returns the room name that the rule makes of a path's segment. If ok is false, it
// has answered.
func (s *Server) roomOf(w http.ResponseWriter, segment string) (room string, ok bool) {
	name, err := url.PathUnescape(segment)
	if err != nil {
		name = "\xff" // is refused as what it is
	}
	if room, err = s.roomNamed(name); err != nil {
		s.refuse(w, err)
	}
	return room, err == nil
}

// roomNamed returns the room name that the rule makes of a text that a client has sent, which
// need not be UTF-8. Errors are errHook and those of an answer.
func (s *Server) roomNamed(text string) (string, error) {
	err := fmt.Errorf("%w: the room's name is not UTF-8", ErrBadName)
	if utf8.ValidString(text) {
		text, err = s.checkRoomName(text)
	}
	if err != nil && err != errHook {
		err = answer.New(http.StatusBadRequest, proto.CodeBadRoom, plainText(err))
	}
	return text, err
}

// checkOrigin reports whether requests from r's origin are allowed. cross is that origin if
// it is not the server's own.
func (s *Server) checkOrigin(r *http.Request) (cross string, ok bool) {
	return s.cfg.origins.Check(r.Header.Values("Origin"), s.cfg.proxies.Scheme(r, s.logger)+"://"+r.Host)
}

// shareAnswer lets pages of allowed origins read the answer, whatever the answer will be.
// It answers the preflight request of an endpoint (Fetch standard, section 3.2.2) itself
// and reports false then.
func (s *Server) shareAnswer(w http.ResponseWriter, r *http.Request, e endpoint) bool {
	h := w.Header()
	if s.cfg.origins.Any() {
		h.Add("Vary", "Origin")
	}
	cross, ok := s.checkOrigin(r)
	if !ok || cross == "" {
		return true
	}
	h.Set("Access-Control-Allow-Origin", cross)
	if r.Method != http.MethodOptions || e == noEndpoint {
		h.Set("Access-Control-Expose-Headers", "Retry-After")
		return true
	}
	h.Set("Access-Control-Allow-Methods", http.MethodGet)
	h.Set("Access-Control-Allow-Headers", "Authorization")
	w.WriteHeader(http.StatusNoContent)
	return false
}

// logRefusal logs which origin was refused, and the option that allows it.
func (s *Server) logRefusal(r *http.Request) {
	from := forwarded.HeaderText(r, "Origin")
	if strings.HasSuffix(from, "://"+r.Host) {
		s.logger.Once("scheme", slog.LevelWarn, "chat: page refused for its scheme: behind a TLS proxy, name it in WithTrustedProxies", "origin", from)
	}
	switch log, others := s.refusals.Note(from, s.rooms.Clock()); {
	case log:
		s.logger.Info("chat: page of a foreign origin refused", "origin", from, "option", "WithOriginPatterns")
	case others > 0:
		s.logger.Info("chat: pages of many foreign origins refused", "requests", others, "option", "WithOriginPatterns")
	}
}
