package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/ws"
)

// A Conn is a member of one room, over as many connections as it takes. Make one
// with [Dial], and call Close when done with it. Its methods may be called at once
// from many goroutines.
type Conn struct {
	// Immutable.
	cfg  config
	url  url.URL // of the room, without parameters
	room string
	http *http.Client
	idle func()          // closes the idle connections of http if they are the Conn's own
	ctx  context.Context // ends with the Conn
	stop context.CancelFunc
	done chan struct{} // closed when nothing of the Conn runs any more
	work chan struct{} // wakes the writer

	// Owned by the goroutine that keeps the connection.
	pace pace

	mu      sync.Mutex
	err     error // why the Conn has ended
	link    *link // the present connection; nil while there is none
	welcome Welcome
	session string
	token   string
	place   chat.Position // after the latest event that went into the queue
	joined  chat.Position // of the first welcome while place is zero
	recent  recent
	queue   queue
	out     outbox
	changed chan struct{} // see changedLocked; nil if nobody waits
	typing  bool          // to be told
	typed   time.Time     // when it was told last
}

// typingPause is the least time between two typing notices that a server passes on.
const typingPause = 2 * time.Second

// Dial joins a room. The server is named by the URL that its handler is mounted
// at, such as "https://example.com/chat" (ws and wss do as well; parameters are
// kept). Dial returns when the server has let the Conn in, and fails at the first
// attempt that does not succeed, with an [Error] if the server has refused it, or
// when ctx ends. Later, ctx has no meaning for the Conn, which keeps itself
// connected until Close is called or the server refuses it for good.
func Dial(ctx context.Context, server, room string, opts ...Option) (*Conn, error) {
	cfg := defaults()
	for _, o := range opts {
		o(&cfg)
	}
	u, err := roomURL(server, room)
	if err != nil {
		return nil, err
	}
	c := &Conn{
		cfg: cfg, url: *u, room: room,
		done: make(chan struct{}), work: make(chan struct{}, 1),
		session: cfg.session, token: cfg.token, place: cfg.since,
		pace:  newPace(cfg.first, cfg.most),
		queue: queue{maxEvents: cfg.bufEvents, maxSize: cfg.bufBytes},
		out:   outbox{byID: map[string]*call{}, window: maxWindow},
	}
	c.http, c.idle = cfg.httpClient()
	c.ctx, c.stop = context.WithCancel(context.Background())
	l, err := c.connect(ctx)
	for err != nil && cfg.dialRetry && !c.final(err) && c.retry(ctx, err, nil) {
		l, err = c.connect(ctx)
	}
	if cause := ctx.Err(); err != nil && cause != nil && err != cause {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	if err != nil {
		c.stop()
		c.idle()
		return nil, err
	}
	go c.run(l) // ends with the Conn; Close waits for it
	return c, nil
}

// roomURL returns the URL of a room's WebSocket.
func roomURL(server, room string) (*url.URL, error) {
	u, err := url.Parse(server)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	switch u.Scheme {
	case "ws", "http":
		u.Scheme = "http"
	case "wss", "https":
		u.Scheme = "https"
	default:
		return nil, errors.New("client: the server's URL needs one of the schemes https, wss, http and ws")
	}
	if u.Host == "" {
		return nil, errors.New("client: the server's URL needs a host")
	}
	if room == "" || room == "." || room == ".." || !utf8.ValidString(room) {
		return nil, errors.New("client: this cannot be a room's name")
	}
	raw := strings.TrimSuffix(u.EscapedPath(), "/") + "/ws/" + url.PathEscape(room)
	u.Path = strings.TrimSuffix(u.Path, "/") + "/ws/" + room
	u.RawPath, u.Fragment, u.RawFragment = raw, "", ""
	return u, nil
}

func (cfg *config) httpClient() (*http.Client, func()) {
	if cfg.client != nil {
		h := *cfg.client
		h.CheckRedirect = stayHome(h.CheckRedirect)
		return &h, func() {}
	}
	t, ok := http.DefaultTransport.(*http.Transport)
	if ok {
		t = t.Clone()
	} else {
		t = &http.Transport{Proxy: http.ProxyFromEnvironment}
	}
	if cfg.dialer != nil {
		t.DialContext = cfg.dialer
	}
	return &http.Client{Transport: t, CheckRedirect: stayHome(nil)}, t.CloseIdleConnections
}

// Welcome returns what the server said first on the latest connection.
func (c *Conn) Welcome() Welcome {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.welcome
}

// Send sends a message to everyone in the room, and waits until the server has it
// in its log. It returns the message's offset there. See [Conn.Publish].
func (c *Conn) Send(ctx context.Context, text string) (offset uint64, err error) {
	return c.Publish(ctx, chat.Message{Text: text})
}

// SendPrivate sends a message to one user, by the user's id: see [Conn.Publish].
func (c *Conn) SendPrivate(ctx context.Context, to, text string) (offset uint64, err error) {
	return c.Publish(ctx, chat.Message{To: to, Text: text})
}

// Publish sends a message, and waits until the server has it in its log. It
// returns the message's offset there. Text must be set, To for a private
// message; ID makes the sending idempotent: the server keeps one message for each
// user and ID within five minutes. An empty ID is replaced with a random one; an ID
// has at most 64 bytes. UserID and Username are
// not used: the server knows who is connected.
//
// A lost connection does not end Publish: the message is sent again with the same
// ID. So it is, after a pause, when the server's log is unavailable or (see
// [WithoutRateRetry]) when there were too many messages. Messages that one
// goroutine sends one after another are kept in that order; of those sent concurrently,
// up to 32 are under way together.
//
// Errors are an [Error], ErrClosed, why the Conn has ended, or that of ctx; and
// ErrUncertain beside those (use [errors.Is]), or alone after four and a half
// minutes, when the message may have been kept all the same.
func (c *Conn) Publish(ctx context.Context, m chat.Message) (offset uint64, err error) {
	o := sentObject{Type: string(chat.TypeMessage), ID: m.ID, To: m.To, Message: m.Text}
	if m.To != "" {
		o.Type = string(chat.TypePrivate)
	}
	if o.ID == "" {
		o.ID = rand.Text()
	}
	b := o.encode()
	limit := c.Welcome().Limits.MessageBytes
	switch {
	case !utf8.ValidString(m.Text):
		return 0, &Error{Code: CodeBadUTF8, Message: "the text is not UTF-8"}
	case len(o.ID) > maxID || !utf8.ValidString(o.ID):
		return 0, &Error{Code: CodeBadRequest, Message: "an ID has at most 64 bytes of UTF-8"}
	case !utf8.ValidString(m.To):
		return 0, &Error{Code: CodeNoSuchUser, Message: "the receiver is not UTF-8"}
	case limit > 0 && (len(m.Text) > limit || len(b) > max(2*limit, 4<<10)):
		return 0, &Error{Code: CodeTooLong, Message: fmt.Sprintf("a message has at most %d bytes", limit)}
	}
	obj, err := c.do(ctx, &call{id: o.ID, kind: "ack", objects: [][]byte{b}})
	if err != nil {
		return 0, err
	}
	return obj.Offset, nil
}

// Typing shows the others that the user is typing, at most once in two seconds and
// if there is a connection. It does not wait. Errors are that of ctx and why the
// Conn has ended.
func (c *Conn) Typing(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.mu.Lock()
	if now := time.Now(); c.err == nil && c.link != nil && now.Sub(c.typed) >= typingPause {
		c.typing, c.typed = true, now
	}
	defer c.mu.Unlock()
	c.nudge()
	return c.err
}

// History reads the room's messages, as far as the user may see them: with q.From
// those from that offset on, with q.Before those before it, with neither the
// newest. q.Limit is at most 100, and zero or less is the server's choice. Reader and All
// are not used, and the page's Position is not set. Errors are those of [Conn.Publish].
func (c *Conn) History(ctx context.Context, q chat.Query) (chat.Page, error) {
	o := sentObject{Type: "history", ID: rand.Text(), Before: q.Before, Limit: max(q.Limit, 0)}
	if q.From > 0 {
		after := q.From - 1
		o.After = &after
	}
	obj, err := c.do(ctx, &call{id: o.ID, kind: "history", objects: [][]byte{o.encode()}})
	if err != nil {
		return chat.Page{}, err
	}
	return chat.Page{Events: obj.Messages, First: obj.First, More: obj.More}, nil
}

// Ping waits for a sign of life of the server, over a new connection if need be.
// Errors are those of [Conn.Publish].
func (c *Conn) Ping(ctx context.Context) error {
	o := sentObject{Type: "ping", ID: rand.Text()}
	_, err := c.do(ctx, &call{id: o.ID, kind: "pong", objects: [][]byte{o.encode()}})
	return err
}

// Auth gives the server a fresh token of the same user, which replaces that of
// [WithToken] when it is accepted. A [WithTokenSource] does this by itself. Errors
// are those of [Conn.Publish]; an [Error] with CodeAuthFailed says that the old
// token still holds.
func (c *Conn) Auth(ctx context.Context, token string) error {
	// Nothing is answered to a good token; the pong of a ping behind it says so.
	id := rand.Text()
	auth := sentObject{Type: "auth", ID: id, Token: token}
	ping := sentObject{Type: "ping", ID: id}
	_, err := c.do(ctx, &call{id: id, kind: "pong", objects: [][]byte{auth.encode(), ping.encode()}})
	if err == nil {
		c.mu.Lock()
		c.token = token
		c.mu.Unlock()
	}
	return err
}

// Close leaves the room with code 1000, so that the others hear of it at once, and
// ends the Conn. It returns when nothing of it runs any more, at the latest after
// about two seconds. Calls under way return ErrClosed. Its error is always nil.
func (c *Conn) Close() error {
	l := c.end(ErrClosed)
	if l != nil {
		// Whoever reads the connection closes it when the server has answered.
		late := time.AfterFunc(closeTimeout, func() { l.cancel(ErrClosed) })
		defer late.Stop()
		l.conn.Close(ws.StatusCode(1000), "")
	}
	<-c.done
	return nil
}

// end makes err the reason why the Conn has ended, unless there is one already. It
// returns the connection if there is one that nobody closes yet.
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
	c.stop()
	l := c.link
	c.link = nil
	return l
}
