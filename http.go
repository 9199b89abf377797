package chat

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-08328bfd/chat/internal/answer"
	"github.com/seed-08328bfd/chat/internal/object"
	"github.com/seed-08328bfd/chat/internal/proto"
)

var (
	errNotAuthenticated = answer.New(http.StatusUnauthorized, proto.CodeUnauthorized, "not authenticated")
	errInternal         = answer.New(http.StatusInternalServerError, proto.CodeInternal, internalText)
)

// plainText is an error's text without the package's name.
func plainText(err error) string {
	return strings.TrimPrefix(strings.TrimPrefix(err.Error(), ErrBadName.Error()+": "), "chat: ")
}

// refuse answers with the status that belongs to err.
func (s *Server) refuse(w http.ResponseWriter, err error) {
	s.stats.refused.Add(1)
	if err == errHook {
		err = errInternal
	}
	var he *answer.Error
	var u *undecided
	switch {
	case errors.As(err, &u): // it wraps whatever the hook has met, and was logged
		answer.TryLater(w, http.StatusServiceUnavailable, proto.CodeUnavailable, "nobody can say now whether you may")
	case errors.As(err, &he):
		if he.Status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", "Bearer")
		}
		answer.Refuse(w, he.Status, he.Code, he.Text)
	case errors.Is(err, ErrBadName):
		answer.Refuse(w, http.StatusBadRequest, proto.CodeBadName, plainText(err))
	case errors.Is(err, ErrTooMany):
		answer.TryLater(w, http.StatusTooManyRequests, proto.CodeTooMany, plainText(err))
	case errors.Is(err, ErrServerClosed):
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

// admit reports whether to serve a request to an endpoint: its method is the right one, its
// origin is allowed and the server is not closing. Otherwise it answers.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, method string) bool {
	_, ok := s.checkOrigin(r)
	if !ok {
		s.logRefusal(r)
	}
	switch {
	case r.Method != method && !(method == http.MethodGet && r.Method == http.MethodHead && !strings.HasPrefix(strings.TrimPrefix(r.URL.Path, "/"), "ws/")):
		w.Header().Set("Allow", method)
		answer.Refuse(w, http.StatusMethodNotAllowed, proto.CodeMethodNotAllowed, "this path takes "+method)
	case s.rooms.Closing():
		s.refuse(w, ErrServerClosed)
	case !ok:
		s.refuse(w, answer.New(http.StatusForbidden, proto.CodeForbidden, "pages of this origin may not connect"))
	default:
		return true
	}
	return false
}

// caller returns the user of a request over HTTP. Without an authenticator it is the zero
// User.
func (s *Server) caller(r *http.Request) (User, error) {
	if s.cfg.hooks.authenticate != nil {
		return s.authenticate(r)
	}
	return User{}, nil
}

// reading makes the checks of a request about one room. If ok is false, it has answered.
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
	q, err := proto.ParseQuery(r.URL.RawQuery, s.cfg.pageSize())
	if err != nil {
		s.refuse(w, answer.BadRequest(err.Error()))
		return
	}
	page, err := s.page(r.Context(), room, u.ID, q)
	if err != nil {
		s.refuse(w, err)
		return
	}
	b := object.AppendPage([]byte("{"), &page, true)
	answer.JSON(w, http.StatusOK, append(b, "}\n"...))
}

// serveMembers answers GET /rooms/{room}/members.
func (s *Server) serveMembers(w http.ResponseWriter, r *http.Request, segment string) {
	room, _, ok := s.reading(w, r, segment, ActionMembers)
	if !ok {
		return
	}
	list, err := s.rooms.Log().Members(r.Context(), room, proto.MaxListed)
	if err != nil {
		s.refuse(w, err)
		return
	}
	b := object.AppendMembers([]byte(`{"members":`), list.Members)
	b = strconv.AppendInt(append(b, `,"count":`...), int64(list.Total), 10)
	answer.JSON(w, http.StatusOK, append(b, "}\n"...))
}

// listing says which rooms a client asks for: the rooms that it names, and limit of those
// with the most users. A client that asks for neither gets all rooms.
type listing struct {
	all   bool
	limit int
	named []string
}

// parseListing reads the parameters limit and room; there may be several of room.
func (s *Server) parseListing(raw string) (l listing, err error) {
	v, err := url.ParseQuery(raw)
	if err != nil {
		return l, answer.BadRequest("the query is malformed")
	}
	if v.Has("limit") {
		if l.limit, err = proto.ParseLimit(v.Get("limit")); err != nil {
			return l, answer.BadRequest(err.Error())
		}
	}
	if len(v["room"]) > proto.MaxListed {
		return l, answer.BadRequest(fmt.Sprintf("room may stand %d times", proto.MaxListed))
	}
	for _, name := range v["room"] {
		name, err := s.checkRoomText(name)
		if err == errHook {
			return l, err
		}
		if err != nil {
			return l, answer.New(http.StatusBadRequest, proto.CodeBadRoom, plainText(err))
		}
		l.named = append(l.named, name)
	}
	l.all = !v.Has("limit") && !v.Has("room")
	return l, nil
}

// serveRooms answers GET /rooms.
func (s *Server) serveRooms(w http.ResponseWriter, r *http.Request) {
	if !s.admit(w, r, http.MethodGet) {
		return
	}
	u, err := s.caller(r)
	if err != nil {
		s.refuse(w, err)
		return
	}
	l, err := s.parseListing(r.URL.RawQuery)
	if err != nil {
		s.refuse(w, err)
		return
	}
	var rooms map[string]int
	if l.all {
		rooms, err = s.allRooms(r.Context(), u)
	} else {
		rooms, err = s.someRooms(r.Context(), u, l)
	}
	if err != nil {
		s.refuse(w, err)
		return
	}
	b := []byte{'{'}
	for _, name := range slices.Sorted(maps.Keys(rooms)) {
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(append(proto.AppendQuoted(b, name), ':'), int64(rooms[name]), 10)
	}
	answer.JSON(w, http.StatusOK, append(b, "}\n"...))
}

// mayList reports whether u may see a room in the list. After an error this is not known.
func (s *Server) mayList(ctx context.Context, u User, room string) (bool, error) {
	err := s.may(ctx, u, room, ActionList)
	if _, refused := err.(*answer.Error); refused {
		return false, nil
	}
	return err == nil, err
}

func (s *Server) allRooms(ctx context.Context, u User) (map[string]int, error) {
	rooms, err := s.Rooms(ctx)
	if err != nil {
		return nil, err
	}
	out := make(map[string]int, len(rooms))
	for name, users := range rooms {
		if ok, err := s.mayList(ctx, u, name); err != nil {
			return nil, err
		} else if ok {
			out[name] = users
		}
	}
	return out, nil
}

// someRooms returns the rooms that l asks for. It asks the authorizer about as few rooms as
// possible.
func (s *Server) someRooms(ctx context.Context, u User, l listing) (map[string]int, error) {
	open, err := s.rooms.Open(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]int{}
	add := func(name string) error {
		ok, err := s.mayList(ctx, u, name)
		if ok {
			out[name] = open.Users[name]
		}
		return err
	}
	for _, name := range l.named {
		if _, there := open.Users[name]; there && err == nil {
			err = add(name)
		}
	}
	for i, n := 0, 0; i < len(open.Largest) && n < l.limit && err == nil; i++ {
		name := open.Largest[i]
		err = add(name)
		if _, ok := out[name]; ok {
			n++
		}
	}
	return out, err
}
