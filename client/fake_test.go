package client_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/client"
	"github.com/seed-08328bfd/chat/internal/ws"
)

// Tests with a fake server run in bubbles of fake time, over pipes. So what the server does
// is exact, and the tests can check times exactly.

// pipes is a listener whose connections are pipes.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	down  atomic.Bool // refuse to dial
}

func (l *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipes) Close() error   { close(l.done); return nil }
func (l *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

func (l *pipes) dial(context.Context, string, string) (net.Conn, error) {
	if l.down.Load() {
		return nil, &net.OpError{Op: "dial", Err: net.ErrClosed}
	}
	a, b := net.Pipe()
	select {
	case l.conns <- b:
		return a, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// fake is a server that does what a test says.
type fake struct {
	t     *testing.T
	l     *pipes
	serve func(w http.ResponseWriter, r *http.Request, n int) // the nth request, from 0

	scripts sync.WaitGroup
	mu      sync.Mutex
	times   []time.Time // of the requests
}

// inBubble runs test with a server. script serves its connections, each in its own
// goroutine; n counts them from 0.
func inBubble(t *testing.T, script func(p *peer, n int), test func(f *fake)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := &fake{t: t}
		f.serve = func(w http.ResponseWriter, r *http.Request, n int) {
			conn, err := ws.Accept(w, r, &ws.AcceptOptions{Subprotocols: []string{"chat.v1"}})
			if err != nil {
				t.Errorf("accept: %v", err)
				return
			}
			conn.SetReadLimit(1 << 20)
			f.scripts.Add(1)
			defer f.scripts.Done()
			script(&peer{t, conn, r}, n)
			conn.CloseNow()
		}
		f.run(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			f.mu.Lock()
			n := len(f.times)
			f.times = append(f.times, time.Now())
			f.mu.Unlock()
			f.serve(w, r, n)
		}), test)
	})
}

// run runs test with a server whose handler is h.
func (f *fake) run(h http.Handler, test func(f *fake)) {
	f.l = &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	hs := &http.Server{Handler: h}
	go hs.Serve(f.l)
	test(f)
	synctest.Wait()
	f.scripts.Wait()
	hs.Close()
	synctest.Wait()
}

func (f *fake) dial(opts ...client.Option) (*client.Room, error) {
	return client.Dial(context.Background(), "http://pipe/chat", "r", append([]client.Option{
		client.WithLogger(quiet), client.WithDialer(f.l.dial),
	}, opts...)...)
}

// join returns a Conn that the bubble closes.
func (f *fake) join(opts ...client.Option) *user {
	f.t.Helper()
	c, err := f.dial(opts...)
	if err != nil {
		f.t.Fatalf("dial: %v", err)
	}
	return &user{c, f.t}
}

// gaps returns the times between the requests.
func (f *fake) gaps() (d []time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := 1; i < len(f.times); i++ {
		d = append(d, f.times[i].Sub(f.times[i-1]))
	}
	return d
}

// peer is one connection of a fake server.
type peer struct {
	t    *testing.T
	conn *ws.Conn
	r    *http.Request
}

// say sends objects.
func (p *peer) say(objects ...string) {
	for _, o := range objects {
		p.conn.Write(context.Background(), ws.MessageText, []byte(o))
	}
}

// welcome sends a welcome with the room's position and the keys in more.
func (p *peer) welcome(position, more string) { p.say(welcomeTo(position, more)) }

func welcomeTo(position, more string) string {
	return fmt.Sprintf(`{"type":"welcome","protocol":"chat.v1","room":"r","user":"me","username":"Me","session":"s1","position":%q,"members":[],"member_count":1,"limits":{"message_bytes":1000,"rate_per_second":0,"burst":0,"data_bytes":100}%s}`, position, more)
}

const (
	resumed = `,"resumed":true,"gap":false`
	gap     = `,"resumed":false,"gap":true`
)

// place returns the object that says that everything up to position was sent.
func place(position string) string {
	return fmt.Sprintf(`{"type":"position","position":%q}`, position)
}

// message returns a message with an offset, and with the keys in more.
func message(offset int, text string, more ...string) string {
	return fmt.Sprintf(`{"type":"message","offset":%d,"time":"2026-01-02T03:04:05.%03dZ","user":"you","username":"You","message":%q%s}`, offset, offset%1000, text, strings.Join(more, ""))
}

// amended returns the keys of a message that says what has become of it up to an offset.
func amended(offset int) string {
	return fmt.Sprintf(`,"edited":"2026-01-02T03:04:05.%03dZ","amended":%d`, offset%1000, offset)
}

// amend returns an entry that amends the message target, with the keys in more.
func amend(typ string, offset, target int, more string) string {
	if more != "" {
		more = "," + more
	}
	return fmt.Sprintf(`{"type":%q,"offset":%d,"time":"2026-01-02T03:04:05.%03dZ","user":"you","username":"You","target":%d%s}`, typ, offset, offset%1000, target, more)
}

// hear returns the next object, or nil when the connection has ended.
func (p *peer) hear() map[string]any {
	_, b, err := p.conn.Read(context.Background())
	if err != nil {
		return nil
	}
	var o map[string]any
	if err := json.Unmarshal(b, &o); err != nil {
		p.t.Errorf("the client sent %q: %v", b, err)
	}
	return o
}

// hearAll answers pings and acks messages until the connection ends, and returns
// the close code.
func (p *peer) hearAll() int {
	for offset := 1000; ; offset++ {
		_, b, err := p.conn.Read(context.Background())
		if err != nil {
			return int(ws.CloseStatus(err))
		}
		var o struct{ Type, ID string }
		json.Unmarshal(b, &o)
		switch o.Type {
		case "ping":
			p.say(fmt.Sprintf(`{"type":"pong","id":%q}`, o.ID))
		case "message", "private", "edit", "delete", "reaction":
			p.say(fmt.Sprintf(`{"type":"ack","id":%q,"offset":%d}`, o.ID, offset))
		}
	}
}

func (p *peer) close(code int, reason string) { p.conn.Close(ws.StatusCode(code), reason) }

// since returns the position that the client asks for, as EPOCH:OFFSET if its time is none
// or that of message.
func (p *peer) since() string {
	since := p.r.URL.Query().Get("since")
	at, err := chat.ParsePosition(since)
	if err != nil || since == "" {
		return since
	}
	when := time.Date(2026, 1, 2, 3, 4, 5, int(at.Offset%1000)*1e6, time.UTC).UnixMilli()
	if at.Time != 0 && at.Time != when {
		return since
	}
	return at.Epoch + ":" + strconv.FormatUint(at.Offset, 10)
}
