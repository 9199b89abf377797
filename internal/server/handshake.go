package server

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/anon"
	"github.com/seed-08328bfd/chat/internal/answer"
	"github.com/seed-08328bfd/chat/internal/limit"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/rules"
	"github.com/seed-08328bfd/chat/internal/session"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// handshake holds what a request for a connection asks for.
type handshake struct {
	name, session string
	since         chatlog.Position
	v1            bool
	extension     string // the answer to the offer of compression; "" without
}

// serveSocket answers GET /ws/{room}. Cheap checks come first.
func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request, segment string) {
	if room, ok := s.roomOf(w, segment); ok && s.admit(w, r, http.MethodGet) {
		s.shakeHands(w, r, room)
	}
}

// serveMany answers GET /ws, for a connection with many rooms.
func (s *Server) serveMany(w http.ResponseWriter, r *http.Request) {
	if s.admit(w, r, http.MethodGet) {
		s.shakeHands(w, r, "")
	}
}

// shakeHands makes a session of r: in a room, or without a name in none yet.
func (s *Server) shakeHands(w http.ResponseWriter, r *http.Request, room string) {
	var h handshake
	if err := h.parse(s.Rules, r); err != nil {
		s.refuse(w, err)
		return
	}
	addr := limit.PlaceOf(s.cfg.Proxies.Client(r, s.logger))
	if err := s.core.Limits.Connect(addr); err != nil {
		s.refuse(w, err)
		return
	}
	if err := s.upgrade(w, r, &h, session.New(&s.core, addr, room, h.v1), room); err != nil && err != errLost {
		s.refuse(w, err)
	}
}

// parse reads the parameters and headers of the handshake.
func (h *handshake) parse(rule *rules.Rules, r *http.Request) (err error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return answer.BadRequest("the query is malformed")
	}
	if h.name, err = rule.Username(q.Get("username")); err != nil {
		return err
	}
	if h.since, err = chatlog.ParsePosition(q.Get("since")); err != nil {
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

var (
	errNoUpgrade = answer.New(http.StatusNotImplemented, proto.CodeInternal, "connections cannot be upgraded here: HTTP/2, or a middleware hides the connection")
	errLost      = errors.New("chat: connection lost")
)

// A way is how a request becomes a session.
type way struct {
	check  func() error // whether it can; nothing is sent yet
	join   func() error // makes the user a member
	accept func() error // answers, and begins
}

// begin makes the session c of the request r, and lets its user join the room. If it returns
// an error other than errLost, nothing was sent yet. If it fails, also because a hook has
// panicked or ended the goroutine, it undoes all it has done for c.
func (s *Server) begin(r *http.Request, h *handshake, c *session.Session, room string, by way) (err error) {
	accepted := false
	defer func() {
		if !accepted {
			c.Abandon()
		}
	}()
	// From here on commands of Disconnect and Reauthorize are remembered for c, from other
	// servers too. The hooks that may refuse are asked after this, so no command is missed.
	if err := s.Rooms.Connect(r.Context()); err != nil {
		return err
	}
	s.sessions.expect(c)
	u, err := s.identify(r, h)
	if err != nil {
		return err
	}
	c.Identify(u, h.session)
	if t := s.Rules.Tracer(); t != nil {
		c.Trace(t.Trace(r.Context()))
	}
	if room != "" {
		if err := s.Rules.May(r.Context(), u, room, rules.ActionJoin); err != nil {
			return err
		}
	}
	if err := c.Open(); err != nil {
		return err
	}
	if err := by.check(); err != nil {
		return err
	}
	if err := by.join(); err != nil {
		return err
	}
	commands, ok := s.sessions.add(c, s.Rooms.Closing)
	if !ok {
		return rules.ErrClosed
	}
	if err := s.recheck(r.Context(), c, room, commands); err != nil {
		return err
	}
	err = by.accept()
	accepted = err == nil
	return err
}

// upgrade makes c a session over a WebSocket, to which it hands the request's connection.
func (s *Server) upgrade(w http.ResponseWriter, r *http.Request, h *handshake, c *session.Session, room string) error {
	return s.begin(r, h, c, room, way{
		check:  func() error { return s.checkUpgrade(w, r, h, room) },
		join:   func() error { return c.Join(r.Context(), h.since, h.extension != "") },
		accept: func() error { return s.accept(w, r, h, c) },
	})
}

// checkUpgrade reports why r cannot become a WebSocket.
func (s *Server) checkUpgrade(w http.ResponseWriter, r *http.Request, h *handshake, room string) error {
	switch status, text := wsconn.CheckHandshake(w, r); status {
	case 0:
	case http.StatusUpgradeRequired:
		return answer.New(status, proto.CodeUpgradeRequired, text)
	default:
		return answer.New(status, proto.CodeBadRequest, text)
	}
	if room == "" && !h.v1 {
		return answer.BadRequest("this path speaks " + proto.Subprotocol + " only: offer it as a subprotocol, or name a room: /ws/{room}")
	}
	if !wsconn.CanHijack(w) {
		s.logger.Error("chat: the http.ResponseWriter is no http.Hijacker: HTTP/2 or a middleware hides it")
		return errNoUpgrade
	}
	if s.cfg.Compress {
		h.extension = wsconn.AcceptDeflate(r.Header.Values("Sec-WebSocket-Extensions"))
	}
	return nil
}

// accept takes over the connection, answers the handshake and starts c's goroutines. The
// answer is written to the connection itself, after the takeover. Nothing is sent through
// w: so it does no harm if w delays its status, or cannot hand over the connection after
// all.
func (s *Server) accept(w http.ResponseWriter, r *http.Request, h *handshake, c *session.Session) error {
	set := w.Header()
	conn, early, err := wsconn.Hijack(w)
	if err != nil {
		s.logger.Error("chat: the connection cannot be taken over: HTTP/2 or a middleware hides it", "err", err)
		return errNoUpgrade
	}
	c.Attach(conn, early)
	protocol := ""
	if h.v1 {
		protocol = proto.Subprotocol
	}
	if err := c.Start(wsconn.Answer(r, protocol, h.extension, set)); err != nil {
		return errLost
	}
	return nil
}

// identify finds out which user sends a request.
func (s *Server) identify(r *http.Request, h *handshake) (u rules.User, err error) {
	if !s.Rules.Authenticates() {
		if h.session == "" {
			h.session = anon.NewSecret()
		}
		u = rules.User{ID: anon.ID(h.session), Name: h.name}
	} else {
		if u, err = s.Rules.Authenticate(r); err != nil {
			return u, err
		}
		if u.Name, err = s.Rules.VouchedName(u); err != nil {
			return u, err
		}
		if u.Name == "" {
			u.Name = h.name
		}
	}
	if u.Name == "" {
		u.Name = s.Rules.DefaultName()
	}
	return u, nil
}

// recheck carries out the commands that arrived during c's handshake. c's member has joined
// now. A session that Disconnect meant gets its close frame when it is connected. If there
// was a command, the authorizer is asked once more; over a shared log it always is, because
// the handshake may have taken long, and a command of another server may have been lost.
// A connection with many rooms is in none yet.
func (s *Server) recheck(ctx context.Context, c *session.Session, room string, commands []chatlog.Event) error {
	if room != "" && (!s.local || len(commands) > 0) {
		if err := s.Rules.May(ctx, c.User, room, rules.ActionJoin); err != nil {
			return err
		}
	}
	if len(commands) > maxCommands {
		return rules.ErrUnavailable
	}
	for i := range commands {
		if e := &commands[i]; e.Kind != kindReauthorize && e.UserID == c.User.ID {
			obey(c, e)
		}
	}
	return nil
}
