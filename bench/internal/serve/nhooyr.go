package serve

import (
	"context"
	"net/http"
	"sync"
	"time"

	"nhooyr.io/websocket"
)

// nhooyrQueue is as long as the queues of the other designs. The library's chat example has 16.
const nhooyrQueue = 256

// nhooyr is nhooyr.io/websocket used plainly, as in its chat example: each subscriber has a
// channel and a loop that writes from it. A subscriber whose channel is full is closed.
type nhooyr struct {
	mu    sync.Mutex
	rooms map[string]*nhooyrRoom
}

type nhooyrRoom struct {
	counter
	mu   sync.Mutex
	subs map[*nhooyrSub]struct{}
}

type nhooyrSub struct {
	msgs chan []byte
	slow func()
}

func newNhooyr() *nhooyr { return &nhooyr{rooms: map[string]*nhooyrRoom{}} }

func (s *nhooyr) room(name string) *nhooyrRoom {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rooms[name]
	if r == nil {
		r = &nhooyrRoom{subs: map[*nhooyrSub]struct{}{}}
		s.rooms[name] = r
	}
	return r
}

func (s *nhooyr) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer conn.CloseNow()
	conn.SetReadLimit(16 << 10)
	name, username := names(r)
	room := s.room(name)
	sub := &nhooyrSub{
		msgs: make(chan []byte, nhooyrQueue),
		slow: func() { conn.Close(websocket.StatusPolicyViolation, "connection too slow") },
	}
	room.mu.Lock()
	room.subs[sub] = struct{}{}
	room.mu.Unlock()
	defer func() {
		room.mu.Lock()
		delete(room.subs, sub)
		room.mu.Unlock()
	}()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	go func() { // ends when the connection ends
		defer cancel()
		for {
			_, text, err := conn.Read(ctx)
			if err != nil {
				return
			}
			room.publish(room.encode(username, text))
		}
	}()
	for {
		select {
		case b := <-sub.msgs:
			if writeTimeout(ctx, conn, b) != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

func (r *nhooyrRoom) publish(b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for sub := range r.subs {
		select {
		case sub.msgs <- b:
		default:
			go sub.slow()
		}
	}
}

func writeTimeout(ctx context.Context, conn *websocket.Conn, b []byte) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return conn.Write(ctx, websocket.MessageText, b)
}
