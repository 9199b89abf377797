package chat

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/seed-08328bfd/chat/internal/limit"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/rooms"
	"github.com/seed-08328bfd/chat/internal/wsconn"
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

var (
	errNoUpgrade = &httpErr{http.StatusNotImplemented, "internal", "connections cannot be upgraded here: HTTP/2, or a middleware hides the connection"}
	errLost      = errors.New("chat: connection lost")
)

// upgrade makes the request's connection that of c, whose member joins the room. With an
// error other than errLost, nothing was sent yet. If it comes to nothing, be it because a
// hook has panicked or ended the goroutine, c has left no trace.
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
	// From here on what Disconnect asks for is heard of, from other servers too. The
	// hooks that may refuse are asked after that.
	if err := s.rooms.Connect(r.Context()); err != nil {
		return err
	}
	s.expect(c)
	if c.user, err = s.identify(r, h); err != nil {
		return err
	}
	c.cred, c.v1 = c.user, h.v1
	if c.user.Anonymous() {
		c.secret = h.session
	}
	if err := s.may(r.Context(), c.user, c.room, ActionJoin); err != nil {
		return err
	}
	if c.account, err = s.limits.Open(c.user.ID); err != nil {
		return err
	}
	if err := checkUpgrade(w, r); err != nil {
		return err
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
	// Who sees the answer is a member already: it misses nothing, and nobody who
	// removes it misses it.
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

// accept takes the connection, answers the handshake and hands both over to c and
// its goroutines. The answer is written to the connection itself, once it is in hand.
// Before that nothing was sent: a writer that holds a status back, or that cannot give the
// connection away after all, does no harm then.
func (s *Server) accept(w http.ResponseWriter, r *http.Request, h *handshake, c *session) error {
	set := w.Header()
	conn, early, err := wsconn.Hijack(w)
	if err != nil {
		s.logger.Error("chat: the connection cannot be taken over: HTTP/2 or a middleware hides it", "err", err)
		return errNoUpgrade
	}
	c.conn.Attach(conn, early)
	// Before the answer, so that whoever has one is in the lists of those who come
	// later.
	c.member.Announce()
	protocol := ""
	if h.v1 {
		protocol = proto.Subprotocol
	}
	if err := c.conn.Open(wsconn.Answer(r, protocol, h.extension, set)); err != nil {
		return errLost
	}
	c.expireAt(c.user.Expires, false)
	go c.serve() // ends with the connection; Shutdown and Close wait for it
	return nil
}

// identify finds out who sends a request.
func (s *Server) identify(r *http.Request, h *handshake) (u User, err error) {
	if s.cfg.hooks.authenticate == nil {
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

// parseOffer reads the list of subprotocols. A session may ride in it, which no
// proxy or console logs, as they do the URL; it may also be the query's.
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

// newSession returns a secret that stands for an anonymous user. The server need
// not remember it: the user's id is made from it, and cannot be turned back.
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
