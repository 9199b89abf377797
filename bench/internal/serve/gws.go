package serve

import (
	"net/http"
	"sync"

	"github.com/lxzan/gws"
)

// gwsServer sends each message with gws's Broadcaster, which encodes it once and
// puts it into the write queue of every member.
type gwsServer struct {
	gws.BuiltinEventHandler
	upgrader *gws.Upgrader
	tells    bool // of joins and leaves
	mu       sync.Mutex
	rooms    map[string]*gwsRoom
}

type gwsRoom struct {
	counter
	mu    sync.RWMutex
	conns map[*gws.Conn]struct{}
}

func newGWS(tells bool) *gwsServer {
	s := &gwsServer{tells: tells, rooms: map[string]*gwsRoom{}}
	s.upgrader = gws.NewUpgrader(s, &gws.ServerOption{ReadMaxPayloadSize: 16 << 10})
	return s
}

func (s *gwsServer) room(name string) *gwsRoom {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rooms[name]
	if r == nil {
		r = &gwsRoom{conns: map[*gws.Conn]struct{}{}}
		s.rooms[name] = r
	}
	return r
}

func (s *gwsServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn, err := s.upgrader.Upgrade(w, r)
	if err != nil {
		return
	}
	name, username := names(r)
	conn.Session().Store("room", s.room(name))
	conn.Session().Store("username", username)
	go conn.ReadLoop() // in its own goroutine, as the README advises
}

func gwsRoomOf(conn *gws.Conn) *gwsRoom {
	v, _ := conn.Session().Load("room")
	return v.(*gwsRoom)
}

func (s *gwsServer) OnOpen(conn *gws.Conn) {
	r := gwsRoomOf(conn)
	if s.tells {
		r.tell(conn, "join")
	}
	r.mu.Lock()
	r.conns[conn] = struct{}{}
	r.mu.Unlock()
}

func (s *gwsServer) OnClose(conn *gws.Conn, _ error) {
	r := gwsRoomOf(conn)
	r.mu.Lock()
	delete(r.conns, conn)
	r.mu.Unlock()
	if s.tells {
		r.tell(conn, "leave")
	}
}

// tell tells the others in the room of conn's user, with an object like that of chat.
func (r *gwsRoom) tell(conn *gws.Conn, event string) {
	username, _ := conn.Session().Load("username")
	b := gws.NewBroadcaster(gws.OpcodeText, notice(event, username.(string)))
	defer b.Close()
	r.mu.RLock()
	defer r.mu.RUnlock()
	for c := range r.conns {
		b.Broadcast(c)
	}
}

func (s *gwsServer) OnPing(conn *gws.Conn, payload []byte) { conn.WritePong(payload) }

func (s *gwsServer) OnMessage(conn *gws.Conn, message *gws.Message) {
	defer message.Close()
	r := gwsRoomOf(conn)
	username, _ := conn.Session().Load("username")
	b := gws.NewBroadcaster(gws.OpcodeText, r.encode(username.(string), message.Bytes()))
	defer b.Close()
	r.mu.RLock()
	defer r.mu.RUnlock()
	for c := range r.conns {
		b.Broadcast(c)
	}
}

// The handler has the events of gws without deadlines of its own.
var _ gws.Event = (*gwsServer)(nil)
