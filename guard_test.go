package chat_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
)

// badLog is a log one method of which does what it should not, for as long as it
// is told to.
type badLog struct {
	chat.Log
	method atomic.Pointer[string]
	wrong  func()
	met    atomic.Int64
}

func (l *badLog) set(method string) { l.method.Store(&method) }

func (l *badLog) at(method string) {
	if m := l.method.Load(); m != nil && *m == method {
		l.met.Add(1)
		l.wrong()
	}
}

func (l *badLog) Append(ctx context.Context, room string, e chatlog.Event) (chatlog.Event, string, bool, error) {
	l.at("Append")
	return l.Log.Append(ctx, room, e)
}

func (l *badLog) Lookup(ctx context.Context, room, user, id string) (chatlog.Event, string, bool, error) {
	l.at("Lookup")
	return l.Log.Lookup(ctx, room, user, id)
}

func (l *badLog) Read(ctx context.Context, room string, r chatlog.Range) (chatlog.Page, error) {
	l.at("Read")
	return l.Log.Read(ctx, room, r)
}

func (l *badLog) Positions(ctx context.Context, rooms []string) ([]chatlog.Position, error) {
	l.at("Positions")
	at, err := l.Log.Positions(ctx, rooms)
	if *l.method.Load() == "too few positions" {
		l.met.Add(1)
		at = at[:0]
	}
	return at, err
}

func (l *badLog) Open(ctx context.Context, s chatlog.Sink) error {
	l.at("Open")
	return l.Log.Open(ctx, s)
}

func (l *badLog) Watch(ctx context.Context, s chatlog.Sink, room string) error {
	l.at("Watch")
	return l.Log.Watch(ctx, s, room)
}

func (l *badLog) Unwatch(s chatlog.Sink, room string) {
	l.Log.Unwatch(s, room)
	l.at("Unwatch")
}

func (l *badLog) Signal(ctx context.Context, room string, e chatlog.Event) error {
	l.at("Signal")
	return l.Log.Signal(ctx, room, e)
}

func (l *badLog) Enter(ctx context.Context, server, room string, m chatlog.Member) (bool, error) {
	l.at("Enter")
	return l.Log.Enter(ctx, server, room, m)
}

func (l *badLog) Leave(ctx context.Context, server, room, user string) (bool, error) {
	l.at("Leave")
	return l.Log.Leave(ctx, server, room, user)
}

func (l *badLog) Members(ctx context.Context, room string, limit int) ([]chatlog.Member, int, error) {
	l.at("Members")
	return l.Log.Members(ctx, room, limit)
}

func (l *badLog) Present(ctx context.Context, room, user string) (chatlog.Member, bool, error) {
	l.at("Present")
	return l.Log.Present(ctx, room, user)
}

func (l *badLog) Rooms(ctx context.Context) (map[string]int, error) {
	l.at("Rooms")
	return l.Log.Rooms(ctx)
}

func (l *badLog) Versions(ctx context.Context, rooms []string) ([]uint64, error) {
	l.at("Versions")
	v, err := l.Log.Versions(ctx, rooms)
	if *l.method.Load() == "too many versions" {
		l.met.Add(1)
		v = append(v, 1)
	}
	return v, err
}

func (l *badLog) Beat(ctx context.Context, server string, ttl time.Duration) (bool, []chatlog.Departure, error) {
	l.at("Beat")
	return l.Log.Beat(ctx, server, ttl)
}

// TestLogPanics has each method of a log panic for ten seconds while people come, go
// and talk: nobody waits longer than for a log that fails, and when it is over all is
// well.
func TestLogPanics(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"Append", "Lookup", "Read", "Positions", "Open", "Watch", "Unwatch", "Signal",
		"Enter", "Leave", "Members", "Present", "Rooms", "Versions", "Beat", "too few positions", "too many versions"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			l := &badLog{Log: chat.NewMemoryLog(100), wrong: func() { panic("secret") }}
			l.set(map[bool]string{true: method}[method == "Open"])
			inBubble(t, func(b *bubble) {
				var stays *peer
				if method != "Open" {
					stays = b.dial("r", true, "")
					stays.until("welcome")
				}
				l.set(method)
				for i := range 10 {
					for range 3 {
						go func() { // ends when it is answered, at the latest with the bubble
							status := b.try(fmt.Sprint("new", i))
							if status != 101 && status != 503 {
								t.Errorf("a handshake is answered %d", status)
							}
						}()
					}
					for _, path := range []string{"/rooms", "/rooms/r/messages", "/rooms/r/members"} {
						if resp, err := b.http.Get("http://pipe" + path); err != nil {
							t.Error(err)
						} else if resp.Body.Close(); resp.StatusCode != 200 && resp.StatusCode != 503 {
							t.Errorf("%s is answered %d", path, resp.StatusCode)
						}
					}
					for _, e := range []chat.Event{{Text: "x", ID: fmt.Sprint(i)}, {Text: "x", To: "a-nobody", ID: fmt.Sprint("p", i)}} {
						if _, err := b.Publish(context.Background(), "r", e); err != nil && !errors.Is(err, chat.ErrUnavailable) && !errors.Is(err, chat.ErrNoSuchUser) {
							t.Errorf("Publish: %v", err)
						}
					}
					if stays != nil {
						stays.send(`{"type":"typing"}`)
					}
					time.Sleep(time.Second)
				}
				l.set("")
				time.Sleep(10 * time.Second)
				if l.met.Load() == 0 {
					t.Error("never called")
				}
				if n := int64(b.Stats().Panics); method[0] < 'a' && n != l.met.Load() {
					t.Errorf("%d of %d panics are counted", n, l.met.Load())
				}
				p := b.dial("new0", true, "")
				p.until("welcome")
				if m, n, err := b.Members(context.Background(), "new0", 10); n != 1 || err != nil {
					t.Errorf("members %+v, %d, %v", m, n, err)
				}
				publish(t, b.Server, "new0", "after it")
				if o := p.until("message"); o.Message != "after it" {
					t.Errorf("got %+v", o)
				}
				p.conn.CloseNow()
				if stays != nil {
					stays.conn.CloseNow()
				}
				time.Sleep(2 * time.Minute) // a log that has failed is told again and again
				if s := b.Stats(); s.Connections+s.Rooms+s.Members != 0 {
					t.Errorf("when all have left: %+v", s)
				}
			}, quiet, chat.WithLog(l), chat.WithLeaveGrace(0))
		})
	}
}

// try makes a handshake of a client that leaves, and returns the answer's status.
func (b *bubble) try(room string) int {
	c, err := b.l.dial(context.Background(), "", "")
	if err != nil {
		return 0
	}
	defer c.Close()
	fmt.Fprintf(c, "GET /ws/%s HTTP/1.1\r\nHost: pipe\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", room)
	var version, status int
	fmt.Fscanf(c, "HTTP/1.%d %d", &version, &status)
	return status
}

// TestLogEndsGoroutine has a log end the goroutine that opens a room, as a log of
// tests does with FailNow: who came for the room at the same time is answered.
func TestLogEndsGoroutine(t *testing.T) {
	t.Parallel()
	inside, goOn := make(chan struct{}), make(chan struct{})
	l := &badLog{Log: chat.NewMemoryLog(100)}
	l.set("")
	l.wrong = func() {
		close(inside)
		<-goOn
		runtime.Goexit()
	}
	srv, _ := serve(t, quiet, chat.WithLog(l))
	publish(t, srv, "r", "x") // the log is open
	l.set("Watch")
	ask := func() *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "/ws/r", nil)
		r.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"AAAAAAAAAAAAAAAAAAAAAA=="}}
		srv.ServeHTTP(failingHijacker{w}, r)
		return w
	}
	go ask()
	<-inside
	second := make(chan int)
	go func() { second <- ask().Code }()
	eventually(t, "the second to be under way", func() bool { return srv.Stats().Rooms == 1 })
	time.Sleep(50 * time.Millisecond)
	close(goOn)
	select {
	case code := <-second:
		if code != 503 {
			t.Errorf("answered %d", code)
		}
	case <-time.After(patience):
		t.Fatal("no answer")
	}
	if n := srv.Stats().Rooms; n != 0 {
		t.Errorf("%d rooms stay", n)
	}
}
