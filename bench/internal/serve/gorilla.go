package serve

import (
	"bytes"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// The settings of gorilla/websocket's chat example.
const (
	gorillaWriteWait = 10 * time.Second
	gorillaPongWait  = 60 * time.Second
	gorillaPing      = gorillaPongWait * 9 / 10
	gorillaQueue     = 256
)

// gorilla is the design of gorilla/websocket's chat example. One goroutine per room owns the set
// of clients. Each client has a reading and a writing goroutine, and a channel of messages. When
// several messages wait, they are joined by newlines in one frame. A client whose channel is
// full is dropped.
type gorilla struct {
	upgrader websocket.Upgrader
	mu       sync.Mutex
	hubs     map[string]*gorillaHub
}

type gorillaHub struct {
	counter
	clients    map[*gorillaClient]bool
	broadcast  chan []byte
	register   chan *gorillaClient
	unregister chan *gorillaClient
}

type gorillaClient struct {
	hub      *gorillaHub
	conn     *websocket.Conn
	username string
	send     chan []byte
}

func newGorilla() *gorilla {
	return &gorilla{
		upgrader: websocket.Upgrader{ReadBufferSize: 1024, WriteBufferSize: 1024},
		hubs:     map[string]*gorillaHub{},
	}
}

func (g *gorilla) hub(room string) *gorillaHub {
	g.mu.Lock()
	defer g.mu.Unlock()
	h := g.hubs[room]
	if h == nil {
		h = &gorillaHub{
			clients:    map[*gorillaClient]bool{},
			broadcast:  make(chan []byte),
			register:   make(chan *gorillaClient),
			unregister: make(chan *gorillaClient),
		}
		g.hubs[room] = h
		go h.run() // as long as the process lives
	}
	return h
}

func (g *gorilla) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn, err := g.upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	room, username := names(r)
	c := &gorillaClient{g.hub(room), conn, username, make(chan []byte, gorillaQueue)}
	c.hub.register <- c
	go c.write()
	go c.read()
}

func (h *gorillaHub) run() {
	for {
		select {
		case c := <-h.register:
			h.clients[c] = true
		case c := <-h.unregister:
			if h.clients[c] {
				delete(h.clients, c)
				close(c.send)
			}
		case b := <-h.broadcast:
			for c := range h.clients {
				select {
				case c.send <- b:
				default:
					delete(h.clients, c)
					close(c.send)
				}
			}
		}
	}
}

func (c *gorillaClient) read() {
	defer func() {
		c.hub.unregister <- c
		c.conn.Close()
	}()
	c.conn.SetReadLimit(16 << 10)
	c.conn.SetReadDeadline(time.Now().Add(gorillaPongWait))
	c.conn.SetPongHandler(func(string) error {
		return c.conn.SetReadDeadline(time.Now().Add(gorillaPongWait))
	})
	for {
		_, text, err := c.conn.ReadMessage()
		if err != nil {
			return
		}
		c.hub.broadcast <- c.hub.encode(c.username, bytes.TrimSpace(text))
	}
}

func (c *gorillaClient) write() {
	ticker := time.NewTicker(gorillaPing)
	defer func() {
		ticker.Stop()
		c.conn.Close()
	}()
	for {
		select {
		case b, ok := <-c.send:
			c.conn.SetWriteDeadline(time.Now().Add(gorillaWriteWait))
			if !ok {
				c.conn.WriteMessage(websocket.CloseMessage, nil)
				return
			}
			w, err := c.conn.NextWriter(websocket.TextMessage)
			if err != nil {
				return
			}
			w.Write(b)
			for range len(c.send) {
				w.Write([]byte{'\n'})
				w.Write(<-c.send)
			}
			if w.Close() != nil {
				return
			}
		case <-ticker.C:
			c.conn.SetWriteDeadline(time.Now().Add(gorillaWriteWait))
			if c.conn.WriteMessage(websocket.PingMessage, nil) != nil {
				return
			}
		}
	}
}
