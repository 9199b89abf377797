package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/seed-08328bfd/chat/internal/answer"
	"github.com/seed-08328bfd/chat/internal/forwarded"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/rules"
)

// This file decides which requests come in, and says so to those that do not.

var errInternal = answer.New(http.StatusInternalServerError, proto.CodeInternal, rules.InternalText)

// refuse answers with the status that belongs to err.
func (s *Server) refuse(w http.ResponseWriter, err error) {
	s.refused.Add(1)
	if err == rules.ErrHook {
		err = errInternal
	}
	var he *answer.Error
	var u *rules.Undecided
	switch {
	case errors.As(err, &u): // it wraps whatever the hook has met, and was logged
		answer.TryLater(w, http.StatusServiceUnavailable, proto.CodeUnavailable, "nobody can say now whether you may")
	case errors.As(err, &he):
		he.Send(w)
	case errors.Is(err, rules.ErrBadName):
		answer.Refuse(w, http.StatusBadRequest, proto.CodeBadName, rules.PlainText(err))
	case errors.Is(err, rules.ErrTooMany):
		answer.TryLater(w, http.StatusTooManyRequests, proto.CodeTooMany, rules.PlainText(err))
	case errors.Is(err, rules.ErrClosed):
		answer.TryLater(w, http.StatusServiceUnavailable, proto.CodeUnavailable, "the server is shutting down")
	default:
		// A context is canceled if the client is gone, or if the server shuts down. In the
		// second case the client waits: without an answer, net/http would send 200.
		if !errors.Is(err, context.Canceled) {
			s.logger.Warn("chat: unavailable", "err", err)
		}
		answer.TryLater(w, http.StatusServiceUnavailable, proto.CodeUnavailable, "the log cannot be reached")
	}
}

// notFound answers 404. If the end of the path is one of the server's endpoints, the path
// most likely still has the prefix where the server is mounted: the answer and the log say
// so.
func (s *Server) notFound(w http.ResponseWriter, path []string) {
	text := "there is nothing at this path"
	for i := 1; i < len(path); i++ {
		if endpointOf(path[i:]) == noEndpoint {
			continue
		}
		before := strings.Trim(strings.Join(path[:i], "/"), "/")
		if before == "" {
			continue // only slashes, which no StripPrefix removes
		}
		s.logger.Once("mount", slog.LevelWarn, "chat: a path has something before it that is not the server's: http.StripPrefix is missing where it is mounted, or the client's URL is wrong",
			"before", "/"+proto.CutText(before, forwarded.MaxShown))
		text += ": it has something before the server's own; http.StripPrefix is missing where the server is mounted, or the URL is wrong"
		break
	}
	answer.Refuse(w, http.StatusNotFound, proto.CodeNotFound, text)
}

// admit reports whether to serve a request to an endpoint: its method is one of the right
// ones, its origin is allowed and the server is not closing. Otherwise it answers.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, methods ...string) bool {
	_, ok := s.checkOrigin(r)
	if !ok {
		s.logRefusal(r)
	}
	switch {
	case !slices.Contains(methods, r.Method):
		w.Header().Set("Allow", strings.Join(methods, ", "))
		answer.Refuse(w, http.StatusMethodNotAllowed, proto.CodeMethodNotAllowed, "this path takes "+strings.Join(methods, " and "))
	case s.Rooms.Closing():
		s.refuse(w, rules.ErrClosed)
	case !ok:
		s.refuse(w, answer.New(http.StatusForbidden, proto.CodeForbidden, "pages of this origin may not connect"))
	default:
		return true
	}
	return false
}

// roomOf returns the room name that the rule makes of a path's segment. If ok is false, it
// has answered.
func (s *Server) roomOf(w http.ResponseWriter, segment string) (room string, ok bool) {
	name, err := url.PathUnescape(segment)
	if err != nil {
		name = "\xff" // is refused as what it is
	}
	if room, err = s.Rules.AskedRoom(name); err != nil {
		s.refuse(w, err)
	} else {
		handshakeIn(w, room)
	}
	return room, err == nil
}

// checkOrigin reports whether requests from r's origin are allowed. cross is that origin if
// it is not the server's own.
func (s *Server) checkOrigin(r *http.Request) (cross string, ok bool) {
	return s.cfg.Origins.Check(r.Header.Values("Origin"), s.cfg.Proxies.Scheme(r, s.logger)+"://"+r.Host)
}

// shareAnswer lets pages of allowed origins read the answer, whatever the answer will be.
// It answers the preflight request of an endpoint (Fetch standard, section 3.2.2) itself
// and reports false then.
func (s *Server) shareAnswer(w http.ResponseWriter, r *http.Request, e endpoint) bool {
	h := w.Header()
	if s.cfg.Origins.Any() {
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
	h.Set("Access-Control-Allow-Methods", e.methods())
	h.Set("Access-Control-Allow-Headers", e.headers())
	w.WriteHeader(http.StatusNoContent)
	return false
}

// logRefusal logs which origin was refused, and the option that allows it.
func (s *Server) logRefusal(r *http.Request) {
	from := forwarded.HeaderText(r, "Origin")
	if strings.HasSuffix(from, "://"+r.Host) {
		s.logger.Once("scheme", slog.LevelWarn, "chat: page refused for its scheme: behind a TLS proxy, name it in WithTrustedProxies", "origin", from)
	}
	switch log, others := s.refusals.Note(from, s.clock()); {
	case log:
		s.logger.Info("chat: page of a foreign origin refused", "origin", from, "option", "WithOriginPatterns")
	case others > 0:
		s.logger.Info("chat: pages of many foreign origins refused", "requests", others, "option", "WithOriginPatterns")
	}
}
