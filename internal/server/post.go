package server

import (
	"cmp"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/seed-08328bfd/chat/internal/answer"
	"github.com/seed-08328bfd/chat/internal/limit"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/rules"
	"github.com/seed-08328bfd/chat/internal/session"
	"github.com/seed-08328bfd/chat/internal/trace"
)

// post carries out a POST: its body is one object, or the text of a message. Cheap checks come
// first.
func (s *Server) post(w http.ResponseWriter, r *http.Request, room string) error {
	plain, err := contentType(r.Header)
	if err != nil {
		w.Header().Set("Accept-Post", "application/json, text/plain")
		return err
	}
	var h handshake
	if err := h.parse(s.Rules, r); err != nil {
		return err
	}
	known := h.session != ""
	u, err := s.identify(r, &h)
	if err != nil {
		return err
	}
	// Over a WebSocket a user has joined before sending. So an authorizer that refuses only
	// the join must keep out posts, too.
	if err := s.Rules.May(r.Context(), u, room, rules.ActionJoin); err != nil {
		return err
	}
	body, err := s.readBody(w, r, plain)
	if err != nil {
		return err
	}
	if err := s.Rooms.Connect(r.Context()); err != nil {
		return err
	}
	p := session.Post{User: u, Known: known || !u.Anonymous(), Account: u.ID, Room: room}
	if u.Anonymous() && !(known && s.connected(r.Context(), room, u.ID)) {
		// Such users cost nothing, and a client can make up any number of sessions. So the rate
		// limit is that of the address.
		p.Account = cmp.Or(limit.PlaceOf(s.cfg.Proxies.Client(r, s.logger)).Account(), u.ID)
	}
	if s.Rules.Tracer() != nil {
		p.Origin = &trace.Origin{Request: r}
	}
	do := p.Object
	if plain {
		do = p.Text
	}
	b, e := do(&s.core, body)
	if e != nil {
		return &answer.Error{Status: statusOf(e.Code), Code: e.Code, Text: e.Text, Retry: e.Retry}
	}
	answer.JSON(w, http.StatusOK, append(b, '\n'))
	return nil
}

// connected reports whether a user has a connection to this server, or to another one in the
// room, where it is counted.
func (s *Server) connected(ctx context.Context, room, user string) bool {
	if s.core.Limits.Connected(user) {
		return true
	}
	_, present, err := s.Rooms.Log().Present(ctx, room, user)
	return err == nil && present
}

// contentType tells whether the body is the text of a message, and not an object.
func contentType(h http.Header) (plain bool, err error) {
	refused := answer.New(http.StatusUnsupportedMediaType, proto.CodeUnsupportedType, "the body is application/json with one object, or text/plain with the text of a message, in UTF-8")
	if c := h.Get("Content-Encoding"); c != "" && !strings.EqualFold(c, "identity") {
		return false, answer.New(http.StatusUnsupportedMediaType, proto.CodeUnsupportedType, "the body must not be compressed")
	}
	name, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || len(h.Values("Content-Type")) > 1 || !strings.EqualFold(cmp.Or(params["charset"], "utf-8"), "utf-8") {
		return false, refused
	}
	switch name {
	case "application/json":
		return false, nil
	case "text/plain":
		return true, nil
	}
	return false, refused
}

// readBody reads the whole body, of a limited size and within the time that a message over a
// WebSocket may take.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request, plain bool) ([]byte, error) {
	most := s.core.Conns.ReadLimit
	if plain {
		most = s.cfg.Limits.MessageSize
	}
	tooLarge := answer.New(http.StatusRequestEntityTooLarge, proto.CodeTooLong, "the body has at most "+strconv.Itoa(most)+" bytes")
	if r.ContentLength > int64(most) {
		return nil, tooLarge
	}
	s.limitBody(w)
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(most)))
	var big *http.MaxBytesError
	switch {
	case errors.As(err, &big):
		return nil, tooLarge
	case err != nil:
		return nil, answer.BadRequest("the body did not come whole, or not in time")
	}
	http.NewResponseController(w).SetReadDeadline(time.Time{}) // not after an error: the rest need not come
	return b, nil
}

// limitBody gives the body the time that a message over a WebSocket may take. Without such a
// time the http.Server's own counts.
func (s *Server) limitBody(w http.ResponseWriter) {
	if t := s.cfg.Times.PingTimeout; t > 0 {
		http.NewResponseController(w).SetReadDeadline(time.Now().Add(t))
	}
}

// statusOf returns the status of an answer with an error's code.
func statusOf(code string) int {
	switch code {
	case proto.CodeUnauthorized:
		return http.StatusUnauthorized
	case proto.CodeForbidden:
		return http.StatusForbidden
	case proto.CodeNoSuchMessage, proto.CodeNoSuchUser:
		return http.StatusNotFound
	case proto.CodeTooLong:
		return http.StatusRequestEntityTooLarge
	case proto.CodeRejected:
		return http.StatusUnprocessableEntity
	case proto.CodeRateLimited:
		return http.StatusTooManyRequests
	case proto.CodeUnsupported:
		return http.StatusNotImplemented
	case proto.CodeUnavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusBadRequest
}
