package client

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"
	"unicode/utf8"

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
	typing  typing
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
	recent recent
}

// typing is the notice that the user is typing. Guarded by Conn.mu.
type typing struct {
	due  bool      // the writer is to send one
	last time.Time // when Typing last asked for one
}

// Welcome returns what the server said first on the latest connection.
func (c *Conn) Welcome() Welcome {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.self.welcome
}

// Send sends a message to everyone in the room and waits until the server has stored it.
// It returns the message's offset in the room's log. The text and the errors are those of
// [Conn.Publish].
func (c *Conn) Send(ctx context.Context, text string) (offset uint64, err error) {
	return c.Publish(ctx, chat.Message{Text: text})
}

// SendPrivate sends a message to one user, whose id is to. See [Conn.Publish].
func (c *Conn) SendPrivate(ctx context.Context, to, text string) (offset uint64, err error) {
	return c.Publish(ctx, chat.Message{To: to, Text: text})
}

// Publish sends a message and waits until the server has stored it. It returns the
// message's offset in the room's log. Text is required, of at most Limits.MessageBytes of
// UTF-8 (see [Welcome]). To is the id of the receiver of a private message; empty means
// everyone. ID, of at most 64 bytes of UTF-8, makes Publish idempotent: for five minutes
// the server stores only one message per user and ID. An empty ID is replaced with a
// random one. UserID and Username are ignored: the server knows the user.
//
// Publish survives the loss of a connection: it sends the message again with the same ID.
// It also sends it again, after a pause, when the server's log is unavailable, and when
// the user has sent too many messages (but see [WithoutRateRetry]). The messages of one
// goroutine keep their order. Of messages that are published concurrently, up to 32 are
// sent before the first is acknowledged.
//
// The error is an [Error], ErrClosed, the reason why the Conn has ended, or the error of
// ctx. If the message may have been stored nevertheless, the error also wraps
// ErrUncertain (use [errors.Is]). It is ErrUncertain alone when the message was
// not acknowledged for four and a half minutes.
func (c *Conn) Publish(ctx context.Context, m chat.Message) (offset uint64, err error) {
	o := sentObject{Type: chat.TypeMessage, ID: m.ID, To: m.To, Message: m.Text}
	if m.To != "" {
		o.Type = chat.TypePrivate
	}
	if o.ID == "" {
		o.ID = rand.Text()
	}
	b := o.encode()
	limit := c.Welcome().Limits.MessageBytes
	switch {
	case !utf8.ValidString(m.Text):
		return 0, &Error{Code: CodeBadUTF8, Message: "the text is not UTF-8"}
	case len(o.ID) > proto.MaxID || !utf8.ValidString(o.ID):
		return 0, &Error{Code: CodeBadRequest, Message: fmt.Sprintf("an ID has at most %d bytes of UTF-8", proto.MaxID)}
	case !utf8.ValidString(m.To):
		return 0, &Error{Code: CodeNoSuchUser, Message: "the receiver's id is not UTF-8"}
	case limit > 0 && (len(m.Text) > limit || len(b) > proto.FrameLimit(limit, 0)):
		return 0, &Error{Code: CodeTooLong, Message: fmt.Sprintf("a message has at most %d bytes", limit)}
	}
	obj, err := c.do(ctx, &call{id: o.ID, kind: proto.TypeAck, objects: [][]byte{b}})
	if err != nil {
		return 0, err
	}
	return obj.Offset, nil
}

// Typing shows the others in the room that the user is typing. It does not wait. Calls
// within two seconds of the last notice, or while there is no connection, do nothing. The
// error is that of ctx or the reason why the Conn has ended.
func (c *Conn) Typing(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.mu.Lock()
	if now := time.Now(); c.err == nil && c.link != nil && now.Sub(c.typing.last) >= proto.TypingPause {
		c.typing = typing{due: true, last: now}
	}
	defer c.mu.Unlock()
	c.nudge()
	return c.err
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
// user leave immediately. Close returns when all goroutines of the Conn have ended, after
// about two seconds at the latest. Calls in progress return ErrClosed. The error is always
// nil. Close may be called again.
func (c *Conn) Close() error {
	l := c.end(ErrClosed)
	if l != nil {
		// When the server has answered, the reader of the connection closes it.
		late := time.AfterFunc(closeTimeout, func() { l.cancel(ErrClosed) })
		defer late.Stop()
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
