package faults

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// TestLogPanics lets each method of a log panic for ten seconds while users join, leave and
// talk. No user waits longer than for a log that returns errors. Afterwards everything works.
func TestLogPanics(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"Append", "Lookup", "Read", "Positions", "Open", "Watch", "Unwatch", "Signal",
		"Enter", "Leave", "Members", "Present", "Rooms", "Versions", "Beat", "too few positions", "too many versions"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			l := &harness.BadLog{Log: chat.NewMemoryLog(chat.MemoryOptions{Entries: 100}), Wrong: func() { panic("secret") }}
			l.Set(map[bool]string{true: method}[method == "Open"])
			harness.InBubble(t, func(b *harness.Bubble) {
				var stays *harness.Peer
				if method != "Open" {
					stays = b.Dial("r", true, "")
					stays.Until("welcome")
				}
				l.Set(method)
				for i := range 10 {
					for range 3 {
						go func() { // ends with the answer, at the latest with the bubble
							status := try(b, fmt.Sprint("new", i))
							if status != 101 && status != 503 {
								t.Errorf("a handshake is answered with %d", status)
							}
						}()
					}
					for _, path := range []string{"/rooms", "/rooms/r/messages", "/rooms/r/members"} {
						if resp, err := b.Client.Get("http://pipe" + path); err != nil {
							t.Error(err)
						} else if resp.Body.Close(); resp.StatusCode != 200 && resp.StatusCode != 503 {
							t.Errorf("%s is answered with %d", path, resp.StatusCode)
						}
					}
					for _, e := range []chat.Message{{Text: "x", ID: fmt.Sprint(i)}, {Text: "x", To: "a-nobody", ID: fmt.Sprint("p", i)}} {
						if _, err := b.Publish(context.Background(), "r", e); err != nil && !errors.Is(err, chat.ErrUnavailable) && !errors.Is(err, chat.ErrNoSuchUser) {
							t.Errorf("Publish: %v", err)
						}
					}
					if stays != nil {
						stays.Send(`{"type":"typing"}`)
					}
					time.Sleep(time.Second)
				}
				l.Set("")
				time.Sleep(10 * time.Second)
				if l.Met.Load() == 0 {
					t.Error("never called")
				}
				if n := int64(b.Stats().Panics); method[0] < 'a' && n != l.Met.Load() {
					t.Errorf("%d of %d panics are counted", n, l.Met.Load())
				}
				p := b.Dial("new0", true, "")
				p.Until("welcome")
				if m, n, err := b.Members(context.Background(), "new0", 10); n != 1 || err != nil {
					t.Errorf("members %+v, %d, %v", m, n, err)
				}
				harness.Publish(t, b.Server, "new0", "after it")
				if o := p.Until("message"); o.Message != "after it" {
					t.Errorf("got %+v", o)
				}
				p.Conn.CloseNow()
				if stays != nil {
					stays.Conn.CloseNow()
				}
				time.Sleep(2 * time.Minute) // a failed call of the log is repeated
				if s := b.Stats(); s.Connections+s.Rooms+s.Members != 0 {
					t.Errorf("when all have left: %+v", s)
				}
			}, harness.Quiet, chat.WithLog(l))
		})
	}
}

// try makes the handshake of a client that leaves, and returns the answer's status.
func try(b *harness.Bubble, room string) int {
	c, err := b.Pipes.Dial(context.Background(), "", "")
	if err != nil {
		return 0
	}
	defer c.Close()
	fmt.Fprintf(c, "GET /ws/%s HTTP/1.1\r\nHost: pipe\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", room)
	var version, status int
	fmt.Fscanf(c, "HTTP/1.%d %d", &version, &status)
	return status
}

// TestLogEndsGoroutine lets a log end the goroutine that opens a room, as a test log does with
// FailNow. Other clients of the room, which wait at the same time, get an answer.
func TestLogEndsGoroutine(t *testing.T) {
	t.Parallel()
	inside, goOn := make(chan struct{}), make(chan struct{})
	l := &harness.BadLog{Log: chat.NewMemoryLog(chat.MemoryOptions{Entries: 100})}
	l.Set("")
	l.Wrong = func() {
		close(inside)
		<-goOn
		runtime.Goexit()
	}
	srv, _ := harness.Serve(t, harness.Quiet, chat.WithLog(l))
	harness.Publish(t, srv, "r", "x") // the log is open
	l.Set("Watch")
	ask := func() *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "/ws/r", nil)
		r.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"AAAAAAAAAAAAAAAAAAAAAA=="}}
		srv.ServeHTTP(harness.FailingHijacker{ResponseWriter: w}, r)
		return w
	}
	go ask()
	<-inside
	second := make(chan int)
	go func() { second <- ask().Code }()
	harness.Eventually(t, "the second handshake to wait for the room", func() bool { return srv.Stats().Rooms == 1 })
	time.Sleep(50 * time.Millisecond)
	close(goOn)
	select {
	case code := <-second:
		if code != 503 {
			t.Errorf("answered %d", code)
		}
	case <-time.After(harness.Patience):
		t.Fatal("no answer")
	}
	if n := srv.Stats().Rooms; n != 0 {
		t.Errorf("%d rooms stay", n)
	}
}
