package chat

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/seed-08328bfd/chat/internal/proto"
)

// handshake is what a request for a connection asks for.
type handshake struct {
	room, name, session string
	since               Position
	v1                  bool
	extension           string // the answer to the offer of compression; "" without
}

// serveSocket answers GET /ws/{room}. What is cheap to check comes first.
func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request, segment string) {
	room, ok := s.roomOf(w, segment)
	if !ok || !s.admit(w, r, http.MethodGet) {
		return
	}
	h := handshake{room: room}
	if err := h.parse(s, r); err != nil {
		s.refuse(w, err)
		return
	}
	addr := s.clientNet(r)
	if err := s.limits.Connect(addr); err != nil {
		s.refuse(w, err)
		return
	}
	if err := s.upgrade(w, r, &h, &member{address: addr}); err != nil && err != errLost {
		s.refuse(w, err)
	}
}

// parse reads the parameters and headers of the handshake.
func (h *handshake) parse(s *Server, r *http.Request) (err error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return &httpErr{http.StatusBadRequest, proto.CodeBadRequest, "the query is malformed"}
	}
	if h.name, err = s.username(q.Get("username")); err != nil {
		return err
	}
	if h.since, err = ParsePosition(q.Get("since")); err != nil {
		return &httpErr{http.StatusBadRequest, proto.CodeBadRequest, "since must have the form EPOCH:OFFSET or EPOCH:OFFSET:TIME"}
	}
	if err := h.parseOffer(r.Header, q.Get("session")); err != nil {
		return err
	}
	if q.Get("username") == "" {
		h.name = "" // so that an authenticator's name comes before the default
	}
	return nil
}

// checkUpgrade refuses what is not an opening handshake of RFC 6455, section
// 4.2.1.
func checkUpgrade(w http.ResponseWriter, r *http.Request) error {
	if !hasToken(r.Header, "Connection", "upgrade") || !hasToken(r.Header, "Upgrade", "websocket") || !r.ProtoAtLeast(1, 1) {
		offerUpgrade(w.Header(), r)
		return &httpErr{http.StatusUpgradeRequired, "upgrade_required", "this path speaks WebSocket"}
	}
	if v := r.Header.Values("Sec-WebSocket-Version"); len(v) != 1 || v[0] != "13" {
		w.Header().Set("Sec-WebSocket-Version", "13")
		return &httpErr{http.StatusBadRequest, proto.CodeBadRequest, "Sec-WebSocket-Version must be 13"}
	}
	keys := r.Header.Values("Sec-WebSocket-Key")
	if len(keys) != 1 {
		return &httpErr{http.StatusBadRequest, proto.CodeBadRequest, "there must be one Sec-WebSocket-Key"}
	}
	if k, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(keys[0])); err != nil || len(k) != 16 {
		return &httpErr{http.StatusBadRequest, proto.CodeBadRequest, "Sec-WebSocket-Key must be 16 bytes in base64"}
	}
	if r.ContentLength != 0 || len(r.TransferEncoding) > 0 {
		return &httpErr{http.StatusBadRequest, proto.CodeBadRequest, "a handshake has no body"}
	}
	return nil
}

// offerUpgrade sets the headers of a 426 (RFC 9110, section 15.5.22). HTTP/2 has
// none of them (RFC 9113, section 8.2.2). net/http replaces a Connection that does
// not say close by one that says nothing else, if it closes.
func offerUpgrade(h http.Header, r *http.Request) {
	if r.ProtoMajor > 1 {
		return
	}
	connection := "Upgrade"
	switch {
	case r.Close:
		connection = "Upgrade, close"
	case !r.ProtoAtLeast(1, 1): // the client has asked for it
		connection = "Upgrade, keep-alive"
	}
	h.Set("Connection", connection)
	h.Set("Upgrade", "websocket")
}

// upgrade makes the request's connection that of m, a member of the room. With an
// error other than errLost, nothing was sent yet. If it comes to nothing, be it because a hook has
// panicked or ended the goroutine, m has left no trace.
func (s *Server) upgrade(w http.ResponseWriter, r *http.Request, h *handshake, m *member) (err error) {
	accepted := false
	defer func() {
		if !accepted {
			s.undo(m)
		}
	}()
	// From here on what Disconnect asks for is heard of, from other servers too. The
	// hooks that may refuse are asked after that.
	if err := s.connect(r.Context()); err != nil {
		return err
	}
	s.expect(m)
	if m.who, err = s.identify(r, h); err != nil {
		return err
	}
	m.cred, m.session, m.v1 = m.who, "", h.v1
	if m.who.Anonymous() {
		m.session = h.session
	}
	if err := s.may(m.who, h.room, ActionJoin); err != nil {
		return err
	}
	if m.account, err = s.limits.Open(m.who.ID); err != nil {
		return err
	}
	if err := checkUpgrade(w, r); err != nil {
		return err
	}
	if !canHijack(w) {
		s.logger.Error("chat: the http.ResponseWriter is no http.Hijacker: HTTP/2 or a middleware hides it")
		return errNoUpgrade
	}
	if s.pack != nil {
		if h.extension = acceptDeflate(r.Header.Values("Sec-WebSocket-Extensions")); h.extension != "" {
			m.enc = encDeflate
		}
	}
	ctx := r.Context()
	room, err := s.acquire(ctx, h.room)
	if err != nil {
		return err
	}
	m.room = room
	if m.occupant, err = room.occupy(m.who.ID, m.who.Name); err != nil {
		return err
	}
	if err := room.enter(ctx, m.occupant); err != nil {
		return s.log.Unavailable(err)
	}
	room.catchUp(ctx, h.since)
	m.start = &start{since: h.since}
	m.reader.user = m.who.ID
	// Who sees the answer is a member already: it misses nothing, and nobody who
	// removes it misses it.
	room.enlist(m)
	if !s.add(m) {
		return ErrServerClosed
	}
	if err := s.recheck(m); err != nil {
		return err
	}
	err = s.accept(w, r, h, m)
	accepted = err == nil
	return err
}

// undo gives back what upgrade has taken for m so far.
func (s *Server) undo(m *member) {
	if m.occupant != nil {
		m.room.strike(m)
		m.room.vacate(m.occupant, m.who.Name, 0)
	}
	s.gone(m)
}

// attach sets m up on conn. The server may have been told to close m before.
func (m *member) attach(conn net.Conn, early []byte) {
	srv := m.room.srv
	m.mu.Lock()
	m.wire.conn, m.wire.raw, m.wire.timeout = conn, bare(conn), srv.cfg.writeTimeout
	if m.dead {
		conn.Close()
	}
	m.mu.Unlock()
	in := &m.in
	in.conn, in.raw = conn, m.wire.raw
	in.limit = srv.cfg.frameLimit()
	in.handle, in.refuse = m.handle, m.close
	in.closed, in.over = m.isClosing, m.isOver
	in.now = srv.clock
	in.fn = in.tryRead
	in.heard.Store(int64(srv.clock()))
	in.preload(early)
}

// identify finds out who sends a request.
func (s *Server) identify(r *http.Request, h *handshake) (u User, err error) {
	if s.cfg.authenticate == nil {
		if h.session == "" {
			h.session = newSession()
		}
		u = User{ID: anonymousID(h.session), Name: h.name}
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

// roomOf returns the name in a path's segment, put to the rule.
func (s *Server) roomOf(w http.ResponseWriter, segment string) (string, bool) {
	name, err := url.PathUnescape(segment)
	if err == nil && !utf8.ValidString(name) {
		err = fmt.Errorf("%w: the room's name is not UTF-8", ErrBadName)
	}
	if err == nil {
		name, err = s.checkRoomName(name)
	}
	if err == errHook {
		s.refuse(w, err)
		return "", false
	}
	if err != nil {
		httpError(w, http.StatusBadRequest, "bad_room", plainText(err))
		return "", false
	}
	return name, true
}

// hasToken reports whether a header's list has token, in any case.
func hasToken(h http.Header, key, token string) bool {
	for _, v := range h.Values(key) {
		for t := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(t), token) {
				return true
			}
		}
	}
	return false
}
