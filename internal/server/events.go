package server

import (
	"errors"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/answer"
	"github.com/seed-08328bfd/chat/internal/events"
	"github.com/seed-08328bfd/chat/internal/limit"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/session"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// methods returns the methods of the endpoint that a page of another origin may use.
func (e endpoint) methods() string {
	if e == eventsEndpoint {
		return "GET, POST"
	}
	return http.MethodGet
}

// headers returns the headers that such a page may set.
func (e endpoint) headers() string {
	if e == eventsEndpoint {
		return "Authorization, Content-Type, Last-Event-ID"
	}
	return "Authorization"
}

// serveEvents answers GET and POST /rooms/{room}/events. It refuses HEAD, because the headers of
// a stream say nothing without the stream.
func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request, segment string) {
	if r.ContentLength != 0 { // net/http reads a body to its end before it sends an answer, also a refusal
		s.limitBody(w)
	}
	room, ok := s.roomOf(w, segment)
	if !ok || !s.admit(w, r, http.MethodGet, http.MethodPost) {
		return
	}
	var err error
	if r.Method == http.MethodPost {
		err = s.post(w, r, room)
	} else {
		err = s.stream(w, r, room)
	}
	if err != nil && err != errLost {
		s.refuse(w, err)
	}
}

// Errors of an event stream.
var (
	errNotAccepted = answer.New(http.StatusNotAcceptable, proto.CodeNotAcceptable, "this path answers with "+events.ContentType)
	errEmbedded    = answer.New(http.StatusForbidden, proto.CodeForbidden, "pages of another origin may not embed this or link to it")
	errNoStream    = answer.New(http.StatusNotImplemented, proto.CodeInternal, "event streams are not possible here: a middleware collects or hides the answer")
)

// retryAfter is the least time after which a browser comes back by itself, and how much
// longer it may be, so that not all come back in the same moment.
const retryAfter, retryJitter = time.Second, 2 * time.Second

// stream answers with an event stream, and returns when it has ended.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, room string) error {
	if !accepts(r.Header.Values("Accept"), events.ContentType) {
		return errNotAccepted
	}
	if embedded(r.Header) {
		return errEmbedded
	}
	if r.ContentLength != 0 { // while there is an unread body, net/http does not notice that the client is gone
		return answer.BadRequest("a request for an event stream has no body")
	}
	var h handshake
	if err := h.parse(s.Rules, r); err != nil {
		return err
	}
	if err := h.parseLastID(r.Header); err != nil {
		return err
	}
	addr := limit.PlaceOf(s.cfg.Proxies.Client(r, s.logger))
	if err := s.core.Limits.Connect(addr); err != nil {
		return err
	}
	c := session.New(&s.core, addr, room, true)
	var conn *events.Conn // nil: the connection is taken over
	// Whatever happens, nothing uses w after this handler has returned.
	defer func() {
		if conn != nil {
			conn.End(wsconn.CloseTimeout)
		}
	}()
	return s.begin(r, &h, c, room, way{
		check: func() (err error) {
			if conn, err = events.New(w, r, s.panickedWriter); err == nil || canTakeOver(w, r) {
				return nil
			}
			s.logger.Error("chat: no event stream is possible", "err", err)
			return errNoStream
		},
		join:   func() error { return c.JoinEvents(r.Context(), h.since) },
		accept: func() error { return s.acceptStream(w, r, c, &conn) },
	})
}

// embedded reports whether a page of another origin has caused the request, but not its script
// (Fetch Metadata): as an image, for example. Such a request has no Origin, and with the cookies
// of the user it would let the page bring the user into a room.
func embedded(h http.Header) bool {
	switch h.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none": // none: the user has caused it, in the address bar
		return false
	}
	return len(h.Values("Origin")) == 0
}

func canTakeOver(w http.ResponseWriter, r *http.Request) bool {
	return r.ProtoMajor == 1 && wsconn.CanHijack(w)
}

// acceptStream begins the stream. If possible it takes over the connection, as for a WebSocket,
// and returns. This saves most of the memory: net/http keeps buffers and two goroutines for each
// request. Otherwise it writes to conn, and returns when the stream has ended.
func (s *Server) acceptStream(w http.ResponseWriter, r *http.Request, c *session.Session, conn **events.Conn) error {
	events.SetHeaders(w.Header())
	first := events.AppendRetry(nil, retryAfter+answer.Jitter(retryJitter))
	if canTakeOver(w, r) {
		set := w.Header()
		raw, _, err := wsconn.Hijack(w)
		if err == nil {
			*conn = nil
			c.Attach(raw, nil)
			if err := c.Start(append(wsconn.StreamAnswer(set), first...)); err != nil {
				return errLost
			}
			return nil
		}
		if *conn == nil {
			s.logger.Error("chat: no event stream is possible", "err", err)
			return errNoStream
		}
	}
	c.Attach(*conn, nil)
	if err := c.Start(first); err != nil {
		return errLost
	}
	endHandshake(w, eventsEndpoint.accepted()) // the stream goes on
	(*conn).Await()
	return nil
}

// panickedWriter counts and logs the panic of a middleware's http.ResponseWriter.
func (s *Server) panickedWriter(p any, stack []byte) {
	s.Rules.Panicked(p, stack, "http.ResponseWriter", "")
}

// parseLastID reads which event a browser has seen last. It counts more than the parameter
// since, because the browser repeats the first URL when it comes back.
func (h *handshake) parseLastID(header http.Header) error {
	ids := header.Values("Last-Event-ID")
	if len(ids) == 0 || len(ids) == 1 && ids[0] == "" {
		return nil
	}
	since, err := chatlog.ParsePosition(ids[0])
	if err != nil || len(ids) > 1 {
		return answer.BadRequest("Last-Event-ID must have the form EPOCH:OFFSET or EPOCH:OFFSET:TIME")
	}
	h.since = since
	return nil
}

// accepts reports whether the Accept headers of a request, of which there may be none, allow
// an answer of the media type (RFC 9110, section 12.5.1). What cannot be read allows nothing.
func accepts(headers []string, mediaType string) bool {
	if strings.TrimSpace(strings.Join(headers, "")) == "" {
		return true
	}
	kind, _, _ := strings.Cut(mediaType, "/")
	best, allowed := 0, false // the most exact range so far
	for _, h := range headers {
		for part := range strings.SplitSeq(h, ",") {
			name, params, err := mime.ParseMediaType(part)
			if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
				continue
			}
			exact := 0
			switch name {
			case mediaType:
				exact = 3
			case kind + "/*":
				exact = 2
			case "*/*":
				exact = 1
			}
			if exact <= best {
				continue
			}
			best, allowed = exact, true
			if q, ok := params["q"]; ok {
				weight, err := strconv.ParseFloat(q, 64)
				allowed = err != nil || weight > 0
			}
		}
	}
	return allowed
}
