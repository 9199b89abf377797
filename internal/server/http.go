package server

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"github.com/seed-08328bfd/chat/internal/anon"
	"github.com/seed-08328bfd/chat/internal/answer"
	"github.com/seed-08328bfd/chat/internal/object"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/request"
	"github.com/seed-08328bfd/chat/internal/rules"
)

// caller returns the user of a request over HTTP. Without an authenticator it is the zero
// User.
func (s *Server) caller(r *http.Request) (rules.User, error) {
	if s.Rules.Authenticates() {
		return s.Rules.Authenticate(r)
	}
	return rules.User{}, nil
}

// reading makes the checks of a request about one room. If ok is false, it has answered.
func (s *Server) reading(w http.ResponseWriter, r *http.Request, segment string, a rules.Action) (room string, u rules.User, ok bool) {
	room, ok = s.roomOf(w, segment)
	if !ok || !s.admit(w, r, http.MethodGet, http.MethodHead) {
		return "", u, false
	}
	u, err := s.caller(r)
	if err == nil {
		err = s.Rules.May(r.Context(), u, room, a)
	}
	if err != nil {
		s.refuse(w, err)
		return "", u, false
	}
	return room, u, true
}

// serveMessages answers GET /rooms/{room}/messages.
func (s *Server) serveMessages(w http.ResponseWriter, r *http.Request, segment string) {
	room, u, ok := s.reading(w, r, segment, rules.ActionRead)
	if !ok {
		return
	}
	q, err := proto.ParseQuery(r.URL.RawQuery, s.cfg.PageSize())
	if err != nil {
		s.refuse(w, answer.BadRequest(err.Error()))
		return
	}
	page, err := s.Rules.Page(r.Context(), room, u.ID, q)
	if err != nil {
		s.refuse(w, err)
		return
	}
	b := object.AppendPage([]byte("{"), &page, true)
	answer.JSON(w, http.StatusOK, append(b, "}\n"...))
}

// serveMembers answers GET /rooms/{room}/members.
func (s *Server) serveMembers(w http.ResponseWriter, r *http.Request, segment string) {
	room, _, ok := s.reading(w, r, segment, rules.ActionMembers)
	if !ok {
		return
	}
	list, err := s.Rooms.Log().Members(r.Context(), room, proto.MaxListed)
	if err != nil {
		s.refuse(w, err)
		return
	}
	b := object.AppendMembers([]byte(`{"members":`), list.Members)
	b = strconv.AppendInt(append(b, `,"count":`...), int64(list.Total), 10)
	answer.JSON(w, http.StatusOK, append(b, "}\n"...))
}

// serveRooms answers GET /rooms.
func (s *Server) serveRooms(w http.ResponseWriter, r *http.Request) {
	if !s.admit(w, r, http.MethodGet, http.MethodHead) {
		return
	}
	u, err := s.caller(r)
	if err != nil {
		s.refuse(w, err)
		return
	}
	q, named, err := request.Rooms(r.URL.RawQuery, s.Rules.AskedRoom)
	limit := 0
	if err == nil && q.Has("limit") {
		if limit, err = proto.ParseLimit(q.Get("limit")); err != nil {
			err = answer.BadRequest(err.Error())
		}
	}
	if err != nil {
		s.refuse(w, err)
		return
	}
	may := func(room string) (bool, error) { return s.allows(r.Context(), u, room, rules.ActionList) }
	var rooms map[string]int
	if q.Has("limit") || q.Has("room") {
		rooms, err = s.listing.Some(r.Context(), named, limit, may)
	} else {
		rooms, err = s.allRooms(r.Context(), may)
	}
	if err != nil {
		s.refuse(w, err)
		return
	}
	answer.JSON(w, http.StatusOK, object.Rooms(rooms))
}

// serveUnread answers GET /unread.
func (s *Server) serveUnread(w http.ResponseWriter, r *http.Request) {
	if !s.admit(w, r, http.MethodGet, http.MethodHead) {
		return
	}
	b, err := s.unread(r)
	if err != nil {
		s.refuse(w, err)
		return
	}
	answer.JSON(w, http.StatusOK, b)
}

// unread returns the answer about the rooms that r names and its user may read.
func (s *Server) unread(r *http.Request) ([]byte, error) {
	u, err := s.caller(r)
	if err != nil {
		return nil, err
	}
	q, named, err := request.Rooms(r.URL.RawQuery, s.Rules.AskedRoom)
	if err != nil {
		return nil, err
	}
	if !s.Rules.Authenticates() {
		session := q.Get("session")
		if session == "" {
			return nil, rules.ErrNotAuthenticated
		}
		if !anon.IsSecret(session) {
			return nil, answer.BadRequest("the session is not one that this server gave")
		}
		u.ID = anon.ID(session)
	}
	if !s.Rooms.Log().Marks() {
		return nil, answer.New(http.StatusNotImplemented, proto.CodeUnsupported, "the log of this server keeps no read markers")
	}
	var rooms []string
	for _, name := range named {
		if slices.Contains(rooms, name) {
			continue
		}
		ok, err := s.allows(r.Context(), u, name, rules.ActionRead)
		if err != nil {
			return nil, err
		}
		if ok {
			rooms = append(rooms, name)
		}
	}
	unread, err := s.Rooms.Log().Unread(r.Context(), u.ID, rooms)
	return object.Unread(rooms, unread), err
}

// allows reports whether the authorizer allows a. After an error this is not known.
func (s *Server) allows(ctx context.Context, u rules.User, room string, a rules.Action) (bool, error) {
	err := s.Rules.May(ctx, u, room, a)
	if _, refused := err.(*answer.Error); refused {
		return false, nil
	}
	return err == nil, err
}

func (s *Server) allRooms(ctx context.Context, may func(room string) (bool, error)) (map[string]int, error) {
	rooms, err := s.Rooms.Log().Rooms(ctx)
	if err != nil {
		return nil, err
	}
	out := make(map[string]int, len(rooms))
	for name, users := range rooms {
		if ok, err := may(name); err != nil {
			return nil, err
		} else if ok {
			out[name] = users
		}
	}
	return out, nil
}
