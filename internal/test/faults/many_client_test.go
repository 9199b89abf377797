package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"

	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/ws"
)

// roamer is a client of many rooms, over one connection at a time.
type roamer struct {
	user    string
	servers []*harness.Bubble

	mu     sync.Mutex
	conn   *ws.Conn
	server int
	rooms  map[string]*stay
	acks   map[string]uint64 // by room and id
	sent   int
	wrong  []string
}

// stay is what a roamer knows of a room.
type stay struct {
	want, inside bool
	epoch        string
	last         uint64
	seen         []uint64 // since the last welcome that did not resume
}

func (c *roamer) bad(format string, args ...any) {
	c.wrong = append(c.wrong, c.user+": "+fmt.Sprintf(format, args...))
}

// connect takes the place of the connection that there is. It reports whether that went well.
func (c *roamer) connect(server int) bool {
	b := c.servers[server]
	conn, _, err := ws.Dial(context.Background(), "http://pipe/ws?as="+c.user, &ws.DialOptions{HTTPClient: &http.Client{Transport: b.Client.Transport}, Subprotocols: []string{"chat.v1"}})
	if err != nil {
		return false
	}
	conn.SetReadLimit(1 << 24)
	c.mu.Lock()
	c.conn, c.server = conn, server
	c.mu.Unlock()
	go c.read(conn)
	return true
}

// lose ends the connection, with a close frame or without.
func (c *roamer) lose(clean bool) {
	c.mu.Lock()
	conn := c.conn
	c.outsideLocked()
	c.mu.Unlock()
	switch {
	case conn == nil:
	case clean:
		conn.Close(1000, "")
	default:
		conn.CloseNow()
	}
}

func (c *roamer) outsideLocked() {
	c.conn = nil
	for _, s := range c.rooms {
		s.inside = false
	}
}

func (c *roamer) send(o map[string]any) {
	c.mu.Lock()
	conn := c.conn
	c.mu.Unlock()
	if b, err := json.Marshal(o); err == nil && conn != nil {
		go conn.Write(context.Background(), ws.MessageText, b) // ends with the connection
	}
}

// read takes objects until the connection ends.
func (c *roamer) read(conn *ws.Conn) {
	defer conn.CloseNow()
	for {
		_, b, err := conn.Read(context.Background())
		var o harness.Object
		if err == nil {
			err = json.Unmarshal(b, &o)
		}
		c.mu.Lock()
		current := c.conn == conn
		switch {
		case err != nil && current:
			c.outsideLocked()
		case current:
			c.takeLocked(&o)
		}
		c.mu.Unlock()
		if err != nil || !current {
			return
		}
	}
}

func (c *roamer) takeLocked(o *harness.Object) {
	s := c.rooms[o.Room]
	switch {
	case o.Type == "hello" || o.Type == "error":
		return
	case s == nil:
		c.bad("of no room: %+v", o)
		return
	case o.Type == "welcome":
		if s.inside {
			c.bad("%s: a second welcome", o.Room)
		}
		s.inside = true
		epoch, _, _ := strings.Cut(o.Position, ":")
		if !o.Resumed {
			s.seen = nil
		} else if epoch != s.epoch {
			c.bad("%s: resumed in epoch %s, not %s", o.Room, epoch, s.epoch)
		}
		s.epoch = epoch
		return
	case !s.inside:
		c.bad("%s: not in the room, and gets %+v", o.Room, o)
		return
	}
	switch o.Type {
	case "left":
		s.inside = false
	case "message":
		if n := len(s.seen); n > 0 && o.Offset != s.seen[n-1]+1 {
			c.bad("%s: %d after %d", o.Room, o.Offset, s.seen[n-1])
		}
		s.seen = append(s.seen, o.Offset)
		s.last = o.Offset
	case "ack":
		c.acks[o.Room+" "+o.ID] = o.Offset
	}
}

// step does one random thing.
func (c *roamer) step(rng *rand.Rand) {
	c.mu.Lock()
	connected := c.conn != nil
	c.sent++
	n := c.sent
	c.mu.Unlock()
	room := fmt.Sprint("room ", rng.IntN(len(c.rooms)))
	what := rng.IntN(40)
	server := rng.IntN(len(c.servers))
	switch {
	case !connected:
		c.connect(server)
	case what == 0:
		c.lose(true)
	case what < 3:
		c.lose(false)
	case what < 15:
		c.join(room, true)
	case what < 20:
		c.join(room, false)
	default:
		c.send(map[string]any{"type": "message", "room": room, "message": "m", "id": fmt.Sprint(n)})
	}
}

// join has the client be in the room, or not.
func (c *roamer) join(room string, want bool) {
	c.mu.Lock()
	s := c.rooms[room]
	s.want = want
	o := map[string]any{"type": "leave", "room": room}
	if want {
		o["type"] = "join"
		if s.last > 0 && len(s.seen) > 0 {
			o["since"] = fmt.Sprint(s.epoch, ":", s.last)
		}
	}
	inside := s.inside
	c.mu.Unlock()
	if want != inside {
		c.send(o)
	}
}
