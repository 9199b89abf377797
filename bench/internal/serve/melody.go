package serve

import (
	"net/http"
	"sync"

	"github.com/olahol/melody"
)

// melodyRooms has one Melody per room, so that a message is offered only to the members of its
// room. With one Melody for all rooms, as in its examples, each message would pass the filter of
// every connection.
type melodyRooms struct {
	mu    sync.Mutex
	rooms map[string]*melody.Melody
}

func newMelody() *melodyRooms { return &melodyRooms{rooms: map[string]*melody.Melody{}} }

func (s *melodyRooms) room(name string) *melody.Melody {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.rooms[name]
	if m == nil {
		m = melody.New()
		m.Config.MaxMessageSize = 16 << 10
		count := new(counter)
		m.HandleMessage(func(sess *melody.Session, text []byte) {
			username, _ := sess.Get("username")
			m.Broadcast(count.encode(username.(string), text))
		})
		s.rooms[name] = m
	}
	return m
}

func (s *melodyRooms) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	room, username := names(r)
	s.room(room).HandleRequestWithKeys(w, r, map[string]any{"username": username})
}
