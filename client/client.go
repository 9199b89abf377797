package client

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/ws"
)

// A Conn is a member of one room. It uses one connection after another and reconnects by
// itself. Make one with [Dial], and call Close when it is no longer needed. Its methods may
// be called concurrently.
type Conn struct {
	cfg    config
	server server
	life   life
	work   chan struct{} // wakes the writer
	pace   pace

	mu      sync.Mutex    // guards what follows
	err     error         // why the Conn has ended
	link    *link         // the present connection; nil while there is none
	changed chan struct{} // see changedLocked; nil if nobody waits
	self    self
	place   place
	queue   queue
	out     outbox
	notices notices
}

// server is where the Conn connects to. Nothing changes it after Dial.
type server struct {
	url  url.URL // of the room, without parameters
	room string
	http *http.Client
	idle func() // closes the idle connections of http, unless the program owns it
}

// life is the time until the Conn ends. Nothing changes it after Dial; any goroutine may
// use it.
type life struct {
	ctx  context.Context // ends with the Conn
	stop context.CancelFunc
	done chan struct{} // closed when the Conn's last goroutine has ended
}

// self is the user that the Conn is. Guarded by Conn.mu.
type self struct {
	welcome Welcome // of the latest connection
	session string
	token   string
}

// place is how far the Conn has come in the room. Guarded by Conn.mu.
type place struct {
	at     chat.Position // after the latest event that was put into the queue
	joined chat.Position // of the first welcome, as long as at is zero
	shown  string        // the epoch of the latest event that the program has got
	recent recent
}

// Welcome returns what the server said first on the latest connection.
func (c *Conn) Welcome() Welcome {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.self.welcome
}

// History returns a page of those messages of the room that the user may see, oldest
// first: with q.From those from that offset on, with q.Before the last ones before that
// offset, with neither the newest. Zero is neither; both together are an [Error].
// q.Limit is how many, at most 100; zero or less means the server's default. Reader and
// All are ignored. The messages are as they are now, with Edited, Reactions and Amended.
// Of the page's Position only the Epoch is set. Errors are those of [Conn.Publish], except
// ErrUncertain.
func (c *Conn) History(ctx context.Context, q chat.Query) (chat.Page, error) {
	o := sentObject{Type: proto.TypeHistory, ID: rand.Text(), Before: q.Before, Limit: max(q.Limit, 0)}
	if q.From > 0 {
		after := q.From - 1
		o.After = &after
	}
	obj, err := c.do(ctx, &call{id: o.ID, kind: proto.TypeHistory, objects: [][]byte{o.encode()}})
	if err != nil {
		return chat.Page{}, err
	}
	return chat.Page{Events: obj.Messages, Position: obj.Position, First: obj.First, More: obj.More}, nil
}

// Ping waits until the server has answered a ping, on the next connection if this one is
// lost. Errors are those of [Conn.Publish], except ErrUncertain.
func (c *Conn) Ping(ctx context.Context) error {
	o := sentObject{Type: proto.TypePing, ID: rand.Text()}
	_, err := c.do(ctx, &call{id: o.ID, kind: proto.TypePong, objects: [][]byte{o.encode()}})
	return err
}

// Auth sends the server a fresh token of the same user. When the server has accepted it,
// it replaces that of [WithToken]. With a [WithTokenSource] there is no need to call
// Auth. Errors are those of [Conn.Publish], except ErrUncertain. After an [Error] with
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

// Close leaves the room and ends the Conn. The close code is 1000, so the others see the
// user leave immediately. A marker of [Conn.MarkRead] that waits is sent first. Close returns when all goroutines of the Conn have ended, after
// about two seconds at the latest. Calls in progress return ErrClosed. The error is always
// nil. Close may be called again.
func (c *Conn) Close() error {
	l := c.end(ErrClosed)
	if l != nil {
		// When the server has answered, the reader of the connection closes it.
		late := time.AfterFunc(closeTimeout, func() { l.cancel(ErrClosed) })
		defer late.Stop()
		c.mu.Lock()
		b := c.notices.read.object()
		c.mu.Unlock()
		if b != nil {
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
	for _, k := range c.out.byID {
		c.out.finish(k, nil, k.fate(err))
	}
	c.changedLocked()
	c.life.stop()
	l := c.link
	c.link = nil
	return l
}
