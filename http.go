package chat

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-08328bfd/chat/internal/anon"
	"github.com/seed-08328bfd/chat/internal/answer"
	"github.com/seed-08328bfd/chat/internal/forwarded"
	"github.com/seed-08328bfd/chat/internal/object"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/request"
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

// Rooms returns the number of users present per room, over all servers that share the log.
// Rooms without users are not in the map. Errors are ErrUnavailable and a canceled
// context's.
func (s *Server) Rooms(ctx context.Context) (map[string]int, error) {
	return s.rooms.Log().Rooms(ctx)
}

// Members returns at most limit of the users present in a room, over all servers that share
// the log, and total, the number of all of them. With a limit of zero or less it returns
// only the number. Errors are ErrBadName, ErrUnavailable and a canceled context's.
func (s *Server) Members(ctx context.Context, room string, limit int) (members []Member, total int, err error) {
	if room, err = s.checkRoomName(room); err != nil {
		return nil, 0, err
	}
	list, err := s.rooms.Log().Members(ctx, room, limit)
	return list.Members, list.Total, err
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
	q, named, err := request.Rooms(r.URL.RawQuery, s.roomNamed)
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
	may := func(room string) (bool, error) { return s.allows(r.Context(), u, room, ActionList) }
	var rooms map[string]int
	if q.Has("limit") || q.Has("room") {
		rooms, err = s.rooms.Some(r.Context(), named, limit, may)
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
	if !s.admit(w, r, http.MethodGet) {
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
	q, named, err := request.Rooms(r.URL.RawQuery, s.roomNamed)
	if err != nil {
		return nil, err
	}
	if s.cfg.hooks.authenticate == nil {
		session := q.Get("session")
		if session == "" {
			return nil, errNotAuthenticated
		}
		if !anon.IsSecret(session) {
			return nil, answer.BadRequest("the session is not one that this server gave")
		}
		u.ID = anon.ID(session)
	}
	if !s.rooms.Log().Marks() {
		return nil, answer.New(http.StatusNotImplemented, proto.CodeUnsupported, "the log of this server keeps no read markers")
	}
	var rooms []string
	for _, name := range named {
		if slices.Contains(rooms, name) {
			continue
		}
		ok, err := s.allows(r.Context(), u, name, ActionRead)
		if err != nil {
			return nil, err
		}
		if ok {
			rooms = append(rooms, name)
		}
	}
	unread, err := s.rooms.Log().Unread(r.Context(), u.ID, rooms)
	return object.Unread(rooms, unread), err
}

// allows reports whether the authorizer allows a. After an error this is not known.
func (s *Server) allows(ctx context.Context, u User, room string, a Action) (bool, error) {
	err := s.may(ctx, u, room, a)
	if _, refused := err.(*answer.Error); refused {
		return false, nil
	}
	return err == nil, err
}

func (s *Server) allRooms(ctx context.Context, may func(room string) (bool, error)) (map[string]int, error) {
	rooms, err := s.Rooms(ctx)
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
