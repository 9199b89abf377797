package chat_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/ws"
)

// TestServersOverOneLog checks that two servers with one log behave as one.
func TestServersOverOneLog(t *testing.T) {
	log := chat.NewMemoryLog(chat.MemoryOptions{Entries: 100})
	_, a := harness.Serve(t, chat.WithLog(log))
	_, b := harness.Serve(t, chat.WithLog(log))
	alice := harness.Dial(t, a, "r", true, "username", "Alice")
	bob := harness.Dial(t, b, "r", true, "username", "Bob")
	aliceIs, bobIs := alice.Until("welcome"), bob.Until("welcome")
	if len(bobIs.Members) != 2 {
		t.Errorf("members: %+v", bobIs.Members)
	}
	if o := alice.Next(); o.Message != "Bob joined the room" {
		t.Errorf("got %+v", o)
	}
	for i := range 100 {
		p := []*harness.Peer{alice, bob}[i%2]
		p.Send(fmt.Sprintf(`{"type":"message","message":"m%d","id":"%d"}`, i, i))
		p.Until("ack")
	}
	bob.Send(fmt.Sprintf(`{"type":"private","to":%q,"message":"psst"}`, aliceIs.User))
	if o := alice.Until("private"); o.Message != "psst" || o.ToUsername != "Alice" || o.Offset != 101 {
		t.Errorf("got %+v", o)
	}
	bob.Send(`{"type":"typing"}`)
	if o := alice.Until("typing"); o.Username != "Bob" {
		t.Errorf("got %+v", o)
	}
	for _, base := range []string{a, b} {
		if _, body := harness.Get(t, base+"/rooms"); body != `{"r":2}` {
			t.Errorf("rooms: %s", body)
		}
	}
	// Bob resumes on the other server.
	bob.Conn.CloseNow()
	at, err := chat.ParsePosition(bobIs.Position)
	if err != nil {
		t.Fatal(err)
	}
	at.Offset = 90
	bob = harness.Dial(t, a, "r", true, "username", "Bob", "session", bobIs.Session, "since", at.String())
	if w := bob.Next(); !w.Resumed || w.Gap || w.User != bobIs.User {
		t.Errorf("welcome: %+v", w)
	}
	for i := uint64(91); i <= 101; i++ {
		if o := bob.Next(); o.Offset != i {
			t.Errorf("got %+v, want offset %d", o, i)
		}
	}
}

// TestDisconnect removes a user from one room, or from all, on every server.
func TestDisconnect(t *testing.T) {
	log := chat.NewMemoryLog(chat.MemoryOptions{Entries: 100})
	auth := chat.WithAuthenticator(func(r *http.Request) (chat.User, error) {
		return chat.User{ID: r.URL.Query().Get("as"), Name: r.URL.Query().Get("as")}, nil
	})
	first, a := harness.Serve(t, chat.WithLog(log), auth)
	_, b := harness.Serve(t, chat.WithLog(log), auth)
	here := harness.Dial(t, a, "r", true, "as", "u1")
	there := harness.Dial(t, b, "r", true, "as", "u1")
	other := harness.Dial(t, b, "s", true, "as", "u1")
	friend := harness.Dial(t, b, "r", true, "as", "u2")
	if err := first.Disconnect(context.Background(), "u1", chat.Disconnect{Room: "r", Code: chat.CloseRemoved, Reason: "be nice"}); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*harness.Peer{here, there} {
		if code := p.Closed(); code != 1008 {
			t.Errorf("closed with %d", code)
		}
	}
	if err := first.Disconnect(context.Background(), "u1", chat.Disconnect{Code: chat.CloseForbidden, Reason: "for good"}); err != nil {
		t.Fatal(err)
	}
	if code := other.Closed(); code != 4003 {
		t.Errorf("closed with %d", code)
	}
	friend.Send(`{"type":"ping"}`)
	friend.Until("pong")
	if err := first.Disconnect(context.Background(), "u1", chat.Disconnect{Room: "a/b", Code: 1008}); !errors.Is(err, chat.ErrBadName) {
		t.Errorf("bad room: %v", err)
	}
}

// TestBanAndMute does what the cookbook describes.
func TestBanAndMute(t *testing.T) {
	var banned, muted atomic.Bool
	var actions []chat.Action
	srv, base := harness.Serve(t, chat.WithAuthorizer(func(_ context.Context, u chat.User, room string, a chat.Action) error {
		if a != chat.ActionList {
			actions = append(actions, a) // there is one connection, so calls come one at a time
		}
		if banned.Load() {
			return chat.Refuse("you are banned")
		}
		if muted.Load() && a == chat.ActionSend {
			return chat.Refuse("you are muted")
		}
		return nil
	}))
	p := harness.Dial(t, base, "r", true)
	me := p.Until("welcome")
	p.Send(`{"type":"message","message":"hi","id":"1"}`)
	p.Until("ack")
	muted.Store(true)
	p.Send(`{"type":"message","message":"hi","id":"2"}`)
	if o := p.Until("error"); o.Code != "forbidden" || o.Message != "you are muted" || o.ID != "2" {
		t.Errorf("got %+v", o)
	}
	p.Send(`{"type":"history"}`)
	p.Until("history")
	p.Send(`{"type":"typing"}`)
	p.Send(fmt.Sprintf(`{"type":"private","to":%q,"message":"note to self"}`, me.User))
	p.Until("private")
	banned.Store(true)
	srv.Disconnect(context.Background(), me.User, chat.Disconnect{Room: "r", Code: chat.CloseForbidden, Reason: "banned"})
	if code := p.Closed(); code != 4003 {
		t.Errorf("closed with %d", code)
	}
	harness.Eventually(t, "the end of the connection", func() bool { return srv.Stats().Connections == 0 })
	if _, resp, err := harness.TryDial(t, base, "r", true); err == nil || resp.StatusCode != 403 {
		t.Errorf("banned user: %v, %v", resp, err)
	}
	want := []chat.Action{"join", "send", "send", "read", "typing", "private", "join"}
	if diff := cmp.Diff(want, actions); diff != "" {
		t.Errorf("actions (-want +got):\n%s", diff)
	}
}

// TestServerDies has a server whose lease ends, so that its users leave, and a server that shuts
// down and hands its users over.
func TestServerDies(t *testing.T) {
	log := chat.NewMemoryLog(chat.MemoryOptions{Entries: 100})
	harness.InBubble(t, func(b *harness.Bubble) {
		alice := b.Dial("r", true, "username=Alice")
		alice.Until("welcome")
		ctx := context.Background()
		// A server that was killed: it has entered a user, and then is silent.
		if _, err := log.Enter(ctx, "dead", "r", chatlog.Member{UserID: "u9", Username: "Zoe", Connections: 1}); err != nil {
			t.Fatal(err)
		}
		if p, err := log.Beat(ctx, "dead", 15*time.Second); err != nil || !p.Held {
			t.Fatal(p, err)
		}
		start := time.Now()
		// No server has sent a signal that she joined.
		if o := alice.Until("system"); o.Event != "join" || o.Username != "Zoe" || time.Since(start) > 2*time.Second {
			t.Errorf("got %+v after %v", o, time.Since(start))
		}
		if o := alice.Until("system"); o.Event != "leave" || o.Username != "Zoe" {
			t.Errorf("got %+v", o)
		}
		if d := time.Since(start); d < 15*time.Second || d > 21*time.Second {
			t.Errorf("notified after %v", d)
		}
		if rooms, err := b.Rooms(ctx); err != nil || rooms["r"] != 1 {
			t.Errorf("rooms %v, %v", rooms, err)
		}
	}, chat.WithLog(log))
}

// TestDisconnectReasons uses reasons that are too long for a close frame, or not valid in one.
func TestDisconnectReasons(t *testing.T) {
	t.Parallel()
	log := chat.NewMemoryLog(chat.MemoryOptions{Entries: 100})
	first, a := harness.Serve(t, harness.Quiet, chat.WithLog(log))
	_, b := harness.Serve(t, harness.Quiet, chat.WithLog(log))
	for _, row := range []struct{ reason, want string }{
		{"be nice", "be nice"},
		{strings.Repeat("x", 10_000), strings.Repeat("x", 123)},
		{strings.Repeat("é", 100), strings.Repeat("é", 61)},
		{"x" + strings.Repeat("€", 100), "x" + strings.Repeat("€", 40)},
		{strings.Repeat("x", 122) + "😀", strings.Repeat("x", 122)},
		{"cut \xe2\x82", "cut \ufffd"},
		{"\xffbad", "\ufffdbad"},
		{strings.Repeat("a\xff", 100), strings.Repeat("a\ufffd", 30) + "a"},
	} {
		for _, base := range []string{a, b} {
			p := harness.Dial(t, base, "r", true)
			me := p.Until("welcome")
			if err := first.Disconnect(context.Background(), me.User, chat.Disconnect{Room: "r", Code: chat.CloseForbidden, Reason: row.reason}); err != nil {
				t.Fatal(err)
			}
			var err error
			for err == nil {
				_, err = p.Read()
			}
			var ce ws.CloseError
			if !errors.As(err, &ce) || ce.Code != 4003 || ce.Reason != row.want {
				t.Errorf("%.20q: %v", row.reason, err)
			}
		}
	}
	if err := first.Disconnect(context.Background(), strings.Repeat("x", 10_000), chat.Disconnect{Code: 1008}); err != nil {
		t.Errorf("an id that no user can have: %v", err)
	}
}

// lateSignals is a log whose signals wait until the test lets them pass.
type lateSignals struct {
	chat.Log
	waiting, through chan struct{}
}

func (l *lateSignals) Signal(ctx context.Context, room string, e chatlog.Event) error {
	if room == ".." {
		close(l.waiting)
		<-l.through
	}
	return l.Log.Signal(ctx, room, e)
}

// The command to remove a user also comes back to the server that has sent it. A user who has
// reconnected before that is not removed again.
func TestRemovedOnce(t *testing.T) {
	l := &lateSignals{chat.NewMemoryLog(chat.MemoryOptions{}), make(chan struct{}), make(chan struct{})}
	srv, base := harness.Serve(t, harness.Quiet, harness.UserByHeader, chat.WithLog(l))
	first := harness.Dial(t, base, "r", true, "as", "u")
	first.Until("welcome")
	done := make(chan error)
	go func() { done <- srv.Disconnect(context.Background(), "u", chat.Disconnect{}) }()
	<-l.waiting
	harness.Expect(t, "close code", first.Closed(), chat.CloseRemoved)
	again := harness.Dial(t, base, "r", true, "as", "u")
	again.Until("welcome")
	close(l.through)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	again.Send(`{"type":"ping"}`)
	again.Until("pong")
}
