package chat

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/seed-08328bfd/chat/internal/forwarded"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// httpErr is an answer over HTTP that is not the one asked for.
type httpErr struct {
	status     int
	code, text string
}

func (e *httpErr) Error() string { return e.text }

var (
	errNotAuthenticated = &httpErr{http.StatusUnauthorized, "unauthorized", "not authenticated"}
	errInternal         = &httpErr{http.StatusInternalServerError, "internal", internalText}
)

// httpError answers with an error object.
func httpError(w http.ResponseWriter, status int, code, text string) {
	b := proto.AppendQuoted([]byte(`{"error":{"code":`), code)
	b = proto.AppendQuoted(append(b, `,"message":`...), text)
	writeJSON(w, status, append(b, "}}\n"...))
}

func writeJSON(w http.ResponseWriter, status int, b []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	w.Write(b)
}

// plainText is an error's text without the package's name.
func plainText(err error) string {
	return strings.TrimPrefix(strings.TrimPrefix(err.Error(), ErrBadName.Error()+": "), "chat: ")
}

// refuse answers with the status that err asks for.
func (s *Server) refuse(w http.ResponseWriter, err error) {
	s.stats.refused.Add(1)
	if err == errHook {
		err = errInternal
	}
	var he *httpErr
	switch {
	case errors.As(err, &he):
		if he.status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", "Bearer")
		}
		httpError(w, he.status, he.code, he.text)
	case errors.Is(err, ErrBadName):
		httpError(w, http.StatusBadRequest, "bad_name", plainText(err))
	case errors.Is(err, ErrTooMany):
		w.Header().Set("Retry-After", strconv.Itoa(seconds(time.Second+jitter(4*time.Second))))
		httpError(w, http.StatusTooManyRequests, "too_many", plainText(err))
	case errors.Is(err, ErrServerClosed):
		w.Header().Set("Retry-After", strconv.Itoa(seconds(time.Second+jitter(4*time.Second))))
		httpError(w, http.StatusServiceUnavailable, proto.CodeUnavailable, "the server is shutting down")
	default:
		// Who has canceled is the client, which is gone, or the server that ends, whose
		// clients are there: without an answer, net/http would give them 200.
		if !errors.Is(err, context.Canceled) {
			s.logger.Warn("chat: unavailable", "err", err)
		}
		w.Header().Set("Retry-After", strconv.Itoa(seconds(time.Second+jitter(4*time.Second))))
		httpError(w, http.StatusServiceUnavailable, proto.CodeUnavailable, "the log cannot be reached")
	}
}

// admit lets a request to an endpoint pass if its method is the right one, its
// origin may see the answer and the server is there to give it.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, method string) bool {
	_, ok := s.checkOrigin(r)
	if !ok {
		s.logRefusal(r)
	}
	switch {
	case r.Method != method && !(method == http.MethodGet && r.Method == http.MethodHead && !strings.HasPrefix(strings.TrimPrefix(r.URL.Path, "/"), "ws/")):
		w.Header().Set("Allow", method)
		httpError(w, http.StatusMethodNotAllowed, "method_not_allowed", "this path takes "+method)
	case s.rooms.Closing():
		s.refuse(w, ErrServerClosed)
	case !ok:
		s.refuse(w, &httpErr{http.StatusForbidden, proto.CodeForbidden, "pages of this origin may not connect"})
	default:
		return true
	}
	return false
}

// caller finds out who reads over HTTP. Without an authenticator that is nobody:
// the zero User.
func (s *Server) caller(r *http.Request) (User, error) {
	if s.cfg.hooks.authenticate != nil {
		return s.authenticate(r)
	}
	return User{}, nil
}

// reading prepares an answer about one room. It reports whether to go on.
func (s *Server) reading(w http.ResponseWriter, r *http.Request, segment string, a Action) (room string, u User, ok bool) {
	room, ok = s.roomOf(w, segment)
	if !ok || !s.admit(w, r, http.MethodGet) {
		return "", u, false
	}
	u, err := s.caller(r)
	if err == nil {
		err = s.may(r.Context(), u, room, a)
	}
	if err != nil {
		s.refuse(w, err)
		return "", u, false
	}
	return room, u, true
}

// serveMessages answers GET /rooms/{room}/messages.
func (s *Server) serveMessages(w http.ResponseWriter, r *http.Request, segment string) {
	room, u, ok := s.reading(w, r, segment, ActionRead)
	if !ok {
		return
	}
	q, err := parseQuery(r.URL.RawQuery, s.cfg.pageSize())
	if err != nil {
		s.refuse(w, err)
		return
	}
	page, err := s.page(r.Context(), room, u.ID, q)
	if err != nil {
		s.refuse(w, err)
		return
	}
	b := appendPage([]byte("{"), &page, true)
	writeJSON(w, http.StatusOK, append(b, "}\n"...))
}

// serveMembers answers GET /rooms/{room}/members.
func (s *Server) serveMembers(w http.ResponseWriter, r *http.Request, segment string) {
	room, _, ok := s.reading(w, r, segment, ActionMembers)
	if !ok {
		return
	}
	members, count, err := s.rooms.Log().Members(r.Context(), room, proto.MaxListed)
	if err != nil {
		s.refuse(w, err)
		return
	}
	b := appendMembers([]byte(`{"members":`), members)
	b = strconv.AppendInt(append(b, `,"count":`...), int64(count), 10)
	writeJSON(w, http.StatusOK, append(b, "}\n"...))
}

// parseQuery reads before, after and limit.
func parseQuery(raw string, limit int) (q proto.Query, err error) {
	v, err := url.ParseQuery(raw)
	if err != nil {
		return q, &httpErr{http.StatusBadRequest, proto.CodeBadRequest, "the query is malformed"}
	}
	number := func(key string) (n uint64, given bool) {
		if !v.Has(key) || err != nil {
			return 0, false
		}
		if n, err = proto.ParseOffset(v.Get(key)); err != nil {
			err = &httpErr{http.StatusBadRequest, proto.CodeBadRequest, key + " must be a whole number below 2^53"}
		}
		return n, true
	}
	q.Before, q.HasBefore = number("before")
	q.After, q.HasAfter = number("after")
	if q.Limit = limit; v.Has("limit") && err == nil {
		if q.Limit, err = proto.ParseLimit(v.Get("limit")); err != nil {
			err = &httpErr{http.StatusBadRequest, proto.CodeBadRequest, err.Error()}
		}
	}
	if err == nil && q.HasBefore && q.HasAfter {
		err = &httpErr{http.StatusBadRequest, proto.CodeBadRequest, "before and after exclude each other"}
	}
	return q, err
}

// checkOrigin reports whether the request may come from where it does; cross is its
// origin if that is not the server's own.
func (s *Server) checkOrigin(r *http.Request) (cross string, ok bool) {
	return s.cfg.origins.Check(r.Header.Values("Origin"), s.cfg.proxies.Scheme(r, s.logger)+"://"+r.Host)
}

// shareAnswer lets the pages of origins that are allowed read the answer, whatever
// it will be, and answers the preflight of an endpoint (Fetch standard, section
// 3.2.2). It reports whether to go on.
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

// logRefusal says which origin was refused, and what allows it.
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
