package client

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/ws"
)

// A Conn is a user's connection to a server, for any number of rooms. It uses one WebSocket
// after another and reconnects by itself, with all its rooms. Make one with [Connect], and
// call Close when it is no longer needed. Its methods may be called concurrently.
type Conn struct {
	cfg    config
	server server
	life   life
	work   chan struct{} // wakes the writer
	pace   pace

	mu      sync.Mutex // guards what follows, and the Rooms
	err     error      // why the Conn has ended
	link    *link      // the present connection; nil while there is none
	changed wake       // for who waits for a room to accept
	self    self
	rooms   rooms
	out     outbox
	signals turns
}

// server is where the Conn connects to. Nothing changes it after Connect or Dial.
type server struct {
	url  url.URL // of the WebSocket, without parameters
	http *http.Client
	idle func() // closes the idle connections of http, unless the program owns it
}

// life is the time until the Conn ends. Nothing changes it after Connect or Dial; any
// goroutine may use it.
type life struct {
	ctx  context.Context // ends with the Conn
	stop context.CancelFunc
	done chan struct{} // closed when the Conn's last goroutine has ended
}

// self is the user that the Conn is. Guarded by Conn.mu.
type self struct {
	welcome Welcome // of the latest connection; from a hello, it has no room
	session string
	token   string
}

// Welcome returns what the server said first on the latest connection: who the user is, and
// what the server allows. Only User, Username, Session and Limits are set. What it says of a
// room is [Room.Welcome].
func (c *Conn) Welcome() Welcome {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.self.welcome
}

// Connected reports whether there is a connection now. It is false while the Conn tries to
// connect again, and after it has ended. [OnConnect] and [OnDisconnect] tell of changes.
func (c *Conn) Connected() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.link != nil
}

// Ping waits until the server has answered a ping, on the next connection if this one is
// lost. Errors are those of [Room.Publish], except ErrUncertain.
func (c *Conn) Ping(ctx context.Context) error {
	o := sentObject{Type: proto.TypePing, ID: rand.Text()}
	_, err := c.do(ctx, &call{id: o.ID, kind: proto.TypePong, objects: [][]byte{o.encode()}})
	return err
}

// Auth sends the server a fresh token of the same user. When the server has accepted it,
// it replaces that of [WithToken]. With a [WithTokenSource] there is no need to call
// Auth. Errors are those of [Room.Publish], except ErrUncertain. After an [Error] with
// [CodeAuthFailed] the old token is still valid.
func (c *Conn) Auth(ctx context.Context, token string) error {
	// The server does not answer a valid token, but it answers the ping that follows.
	id := rand.Text()
	auth := sentObject{Type: proto.TypeAuth, ID: id, Token: token}
	ping := sentObject{Type: proto.TypePing, ID: id}
	_, err := c.do(ctx, &call{id: id, kind: proto.TypePong, objects: [][]byte{auth.encode(), ping.encode()}})
	if err == nil {
		c.mu.Lock()
		c.self.token = token
		c.mu.Unlock()
	}
	return err
}

// Close leaves all rooms and ends the Conn. The close code is 1000, so the others see the
// user leave immediately. Markers of [Room.MarkRead] that wait are sent first. Close returns
// when all goroutines of the Conn have ended, after about two seconds at the latest. Calls in
// progress return ErrClosed. The error is always nil. Close may be called again.
func (c *Conn) Close() error {
	l := c.end(ErrClosed)
	if l != nil {
		// When the server has answered, the reader of the connection closes it.
		late := time.AfterFunc(closeTimeout, func() { l.cancel(ErrClosed) })
		defer late.Stop()
		c.mu.Lock()
		markers := c.rooms.markers()
		c.mu.Unlock()
		for _, b := range markers {
			l.send(b)
		}
		l.conn.Close(ws.StatusCode(proto.CloseNormal), "")
	}
	<-c.life.done
	return nil
}

// end ends the Conn with err, unless it has ended already. It returns the present
// connection, which the caller must close, or nil.
func (c *Conn) end(err error) *link {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return nil
	}
	c.err = err
	for _, k := range c.out.byKey {
		c.out.finish(k, nil, k.fate(err))
	}
	for _, r := range c.rooms.list {
		if r.err == nil {
			r.err = err
		}
		r.changed.all()
	}
	c.changed.all()
	c.life.stop()
	l := c.link
	c.link = nil
	return l
}

// A wake lets goroutines wait for a change. Guarded by Conn.mu.
type wake struct {
	next chan struct{} // closed with the next change; nil if nobody waits
}

// all wakes all goroutines that wait.
func (w *wake) all() {
	if w.next != nil {
		close(w.next)
		w.next = nil
	}
}

// waitLocked waits for w or the end of ctx. It releases mu meanwhile.
func (c *Conn) waitLocked(ctx context.Context, w *wake) {
	if w.next == nil {
		w.next = make(chan struct{})
	}
	next := w.next
	c.mu.Unlock()
	select {
	case <-next:
	case <-ctx.Done():
	}
	c.mu.Lock()
}
