package chat

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/seed-08328bfd/chat/internal/proto"
)

// listing is the part of the rooms that a client asks for: those that it names, and
// so many of those with most users. Who asks for neither gets all.
type listing struct {
	all   bool
	limit int
	named []string
}

// parseListing reads limit and room, which may stand several times.
func (s *Server) parseListing(raw string) (l listing, err error) {
	v, err := url.ParseQuery(raw)
	if err != nil {
		return l, &httpErr{http.StatusBadRequest, proto.CodeBadRequest, "the query is malformed"}
	}
	if v.Has("limit") {
		if l.limit, err = proto.ParseLimit(v.Get("limit")); err != nil {
			return l, &httpErr{http.StatusBadRequest, proto.CodeBadRequest, err.Error()}
		}
	}
	if len(v["room"]) > proto.MaxListed {
		return l, &httpErr{http.StatusBadRequest, proto.CodeBadRequest, fmt.Sprintf("room may stand %d times", proto.MaxListed)}
	}
	for _, name := range v["room"] {
		err := fmt.Errorf("%w: the room's name is not UTF-8", ErrBadName)
		if utf8.ValidString(name) {
			name, err = s.checkRoomName(name)
		}
		if err == errHook {
			return l, err
		}
		if err != nil {
			return l, &httpErr{http.StatusBadRequest, "bad_room", plainText(err)}
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
	for _, name := range sortedKeys(rooms) {
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(append(proto.AppendQuoted(b, name), ':'), int64(rooms[name]), 10)
	}
	writeJSON(w, http.StatusOK, append(b, "}\n"...))
}

// mayList reports whether u may list a room. The error is a hook's panic.
func (s *Server) mayList(ctx context.Context, u User, room string) (bool, error) {
	err := s.may(ctx, u, room, ActionList)
	if err == errHook {
		return false, err
	}
	return err == nil, nil
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

// someRooms returns the rooms that l asks for. The authorizer is asked about no more
// of them than it has to be.
func (s *Server) someRooms(ctx context.Context, u User, l listing) (map[string]int, error) {
	open, err := s.openRooms(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]int{}
	add := func(name string) error {
		ok, err := s.mayList(ctx, u, name)
		if ok {
			out[name] = open.users[name]
		}
		return err
	}
	for _, name := range l.named {
		if _, there := open.users[name]; there && err == nil {
			err = add(name)
		}
	}
	for i, n := 0, 0; i < len(open.largest) && n < l.limit && err == nil; i++ {
		name := open.largest[i].name
		err = add(name)
		if _, ok := out[name]; ok {
			n++
		}
	}
	return out, err
}

// listingAge is how old an answer about some of the rooms may be. Every page in a
// browser asks for it, again and again, and it takes a look at all rooms.
const listingAge = time.Second

// openRooms are the rooms with users in them, at one time.
type openRooms struct {
	at      time.Duration // by the server's clock
	users   map[string]int
	largest []roomSize // the room with most users first
}

type roomSize struct {
	name  string
	users int
}

func (s *Server) openRooms(ctx context.Context) (*openRooms, error) {
	now := s.rooms.Clock()
	if o := s.listing.Load(); o != nil && now-o.at < listingAge {
		return o, nil
	}
	users, err := s.Rooms(ctx)
	if err != nil {
		return nil, err
	}
	o := &openRooms{at: now, users: users, largest: make([]roomSize, 0, len(users))}
	for name, n := range users {
		o.largest = append(o.largest, roomSize{name, n})
	}
	slices.SortFunc(o.largest, func(a, b roomSize) int {
		if a.users != b.users {
			return b.users - a.users
		}
		return strings.Compare(a.name, b.name)
	})
	s.listing.Store(o)
	return o, nil
}
