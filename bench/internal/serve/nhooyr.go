package serve

import (
	"context"
	"net/http"
	"sync"
	"time"

	coder "github.com/coder/websocket"
	"nhooyr.io/websocket"
)

// nhooyrQueue is as long as the queues of the other designs. The library's chat example has 16.
const nhooyrQueue = 256

// nhooyr is nhooyr.io/websocket used plainly, as in its chat example: each subscriber has a
// channel and a loop that writes from it. A subscriber whose channel is full is closed. The same
// with github.com/coder/websocket, where the library is developed further.
type nhooyr struct {
	accept func(http.ResponseWriter, *http.Request) (library, error)
	mu     sync.Mutex
	rooms  map[string]*nhooyrRoom
}

// library is a connection of one of the two.
type library interface {
	read(context.Context) ([]byte, error)
	write(context.Context, []byte) error
	slow() // closes it because it is slow
	CloseNow() error
}

type older struct{ *websocket.Conn }

func (c older) read(ctx context.Context) ([]byte, error) {
	_, b, err := c.Read(ctx)
	return b, err
}
func (c older) write(ctx context.Context, b []byte) error {
	return c.Write(ctx, websocket.MessageText, b)
}
func (c older) slow() { c.Close(websocket.StatusPolicyViolation, "connection too slow") }

type newer struct{ *coder.Conn }

func (c newer) read(ctx context.Context) ([]byte, error) {
	_, b, err := c.Read(ctx)
	return b, err
}
func (c newer) write(ctx context.Context, b []byte) error { return c.Write(ctx, coder.MessageText, b) }
func (c newer) slow()                                     { c.Close(coder.StatusPolicyViolation, "connection too slow") }

const nhooyrLimit = 16 << 10 // bytes of a message

func acceptOlder(w http.ResponseWriter, r *http.Request) (library, error) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(nhooyrLimit)
	return older{conn}, nil
}

func acceptNewer(w http.ResponseWriter, r *http.Request) (library, error) {
	conn, err := coder.Accept(w, r, nil)
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(nhooyrLimit)
	return newer{conn}, nil
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

func newNhooyr(accept func(http.ResponseWriter, *http.Request) (library, error)) *nhooyr {
	return &nhooyr{accept: accept, rooms: map[string]*nhooyrRoom{}}
}

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
	conn, err := s.accept(w, r)
	if err != nil {
		return
	}
	defer conn.CloseNow()
	name, username := names(r)
	room := s.room(name)
	sub := &nhooyrSub{
		msgs: make(chan []byte, nhooyrQueue),
		slow: conn.slow,
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
			text, err := conn.read(ctx)
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

func writeTimeout(ctx context.Context, conn library, b []byte) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return conn.write(ctx, b)
}
