package chat_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// TestFilterOutlastsRoom lets a message wait in the filter while its room is removed and opened
// again. The members at that time get it, live and in order.
func TestFilterOutlastsRoom(t *testing.T) {
	t.Parallel()
	for log, opt := range map[string]chat.Option{"own": chat.WithHistory(0), "shared": chat.WithLog(chat.NewMemoryLog(chat.MemoryOptions{Entries: 100}))} {
		var entered, leave chan struct{} // of the bubble
		filter := chat.WithFilter(func(_ context.Context, _ chat.User, _ string, e *chat.Message) error {
			if e.Text == "held" {
				entered <- struct{}{}
				<-leave
			}
			return nil
		})
		harness.InBubble(t, func(b *harness.Bubble) {
			entered, leave = make(chan struct{}), make(chan struct{})
			dropped := func() bool { return b.Stats().Rooms == 0 }
			for _, before := range []bool{true, false} { // is the room in use when the message arrives?
				var first *harness.Peer
				if before {
					first = b.Dial("r", true, "")
					first.Until("welcome")
				}
				done := make(chan error)
				go func() {
					_, err := b.Publish(context.Background(), "r", chat.Message{Text: "held"})
					done <- err
				}()
				<-entered
				if before {
					first.Conn.Close(1000, "")
					harness.Eventually(t, "the room to be removed", dropped)
				}
				second := b.Dial("r", true, "")
				second.Until("welcome")
				harness.Publish(t, b.Server, "r", "before")
				time.Sleep(100 * time.Millisecond) // longer than the log may take
				leave <- struct{}{}
				if err := <-done; err != nil {
					t.Errorf("%s log: Publish: %v", log, err)
				}
				harness.Publish(t, b.Server, "r", "after")
				for _, want := range []string{"before", "held", "after"} {
					if o := second.Until("message"); o.Message != want {
						t.Errorf("%s log, in use %v: got %q, want %q", log, before, o.Message, want)
					}
				}
				second.Conn.Close(1000, "")
				harness.Eventually(t, "the room to be removed", dropped)
			}
		}, harness.Quiet, chat.WithHistory(0), chat.WithLeaveGrace(0), chat.WithLogTimeout(50*time.Millisecond), filter, opt)
	}
}

// TestFilterOutlastsServer closes the server while a filter runs.
func TestFilterOutlastsServer(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	log := chat.NewMemoryLog(chat.MemoryOptions{Entries: 10})
	srv, _ := harness.Serve(t, harness.Quiet, chat.WithLog(log), chat.WithFilter(func(context.Context, chat.User, string, *chat.Message) error {
		entered <- struct{}{}
		<-leave
		return nil
	}))
	done := make(chan error)
	go func() {
		_, err := srv.Publish(context.Background(), "r", chat.Message{Text: "late"})
		done <- err
	}()
	<-entered
	srv.Close()
	close(leave)
	if err := <-done; !errors.Is(err, chat.ErrServerClosed) {
		t.Errorf("Publish: %v", err)
	}
	if page, err := log.Read(context.Background(), "r", chatlog.Range{Limit: 1}); err != nil || len(page.Events) != 0 {
		t.Errorf("stored although the server was closed: %+v, %v", page, err)
	}
}

// refusing is a log that refuses writes on demand.
type refusing struct {
	chat.Log
	off atomic.Bool
}

func (l *refusing) Append(ctx context.Context, room string, e chatlog.Event) (chatlog.Appended, error) {
	if l.off.Load() {
		return chatlog.Appended{}, errors.New("read-only")
	}
	return l.Log.Append(ctx, room, e)
}

// TestErrorsThatAreNotTheClients gives a client 250 errors in a row, in fake time. It stays if
// they are not its fault. Its own errors between them count.
func TestErrorsThatAreNotTheClients(t *testing.T) {
	for _, row := range []struct {
		what, object, code string
		pause              time.Duration // between objects
		stays              bool
	}{
		{"the log refuses writes", `{"type":"message","message":"x"}`, "unavailable", 20 * time.Millisecond, true},
		{"the filter refuses", `{"type":"message","message":"refuse"}`, "rejected", 20 * time.Millisecond, true},
		{"the authorizer refuses", `{"type":"typing"}`, "forbidden", 20 * time.Millisecond, true},
		{"the receiver has gone", `{"type":"private","to":"anon-gone","message":"x"}`, "no_such_user", 20 * time.Millisecond, true},
		{"a token is not accepted", `{"type":"auth","token":"x"}`, "auth_failed", 20 * time.Millisecond, true},
		{"an unknown type", `{"type":"?"}`, "unknown_type", 20 * time.Millisecond, false},
		{"an empty message", `{"type":"message","message":""}`, "empty_message", 20 * time.Millisecond, false},
	} {
		t.Run(row.what, func(t *testing.T) {
			l := &refusing{Log: chat.NewMemoryLog(chat.MemoryOptions{Entries: 10})}
			harness.InBubble(t, func(b *harness.Bubble) {
				p := b.Dial("r", true, "")
				p.Until("welcome")
				l.off.Store(true)
				for i := range 250 {
					p.Send(row.object)
					o := p.Next()
					if o.Code != row.code {
						t.Fatalf("error %d: %+v", i, o)
					}
					if !row.stays && i == 99 {
						if code := p.Closed(); code != 1008 {
							t.Errorf("closed with %d", code)
						}
						return
					}
					time.Sleep(row.pause)
				}
				l.off.Store(false)
				p.Send(`{"type":"ping"}`)
				p.Until("pong")
				// The hundred are in a row, whatever other objects are between.
				for range 100 {
					if row.code != "unavailable" {
						p.Send(row.object)
						p.Until("error")
					}
					p.Send(`{"type":"?"}`)
					p.Until("error")
				}
				if code := p.Closed(); code != 1008 {
					t.Errorf("closed with %d", code)
				}
			}, harness.Quiet, chat.WithLog(l), chat.WithFilter(func(_ context.Context, _ chat.User, _ string, e *chat.Message) error {
				if e.Text == "refuse" {
					return chat.Refuse("not that")
				}
				return nil
			}), chat.WithAuthorizer(func(_ context.Context, _ chat.User, _ string, a chat.Action) error {
				if a == chat.ActionTyping {
					return chat.Refuse("no")
				}
				return nil
			}))
		})
	}
}

// TestRatePauses has three clients: one comes back with 200 waiting messages, one keeps the
// pauses that it is told, and one does not.
func TestRatePauses(t *testing.T) {
	opts := []chat.Option{harness.Quiet, chat.WithRateLimit(0.1, 20)}
	// A pipe has no buffer. The client's next object is written when the client reads again,
	// after its pause.
	opts = append(opts, chat.WithWriteTimeout(time.Hour))
	harness.InBubble(t, func(b *harness.Bubble) {
		p := b.Dial("r", true, "")
		p.Until("welcome")
		for i := range 200 {
			p.Send(fmt.Sprintf(`{"type":"message","message":"x","id":"%d"}`, i))
			if o := p.Until(map[bool]string{true: "ack", false: "error"}[i < 20]); o.ID != fmt.Sprint(i) {
				t.Fatalf("answer %d: %+v", i, o)
			}
		}
		wait := 10 * time.Second
		for range 150 { // keeps the pauses, except on another connection of the same user
			time.Sleep(wait)
			p.Send(`{"type":"message","message":"x","id":"ok"}`)
			p.Until("ack")
			p.Send(`{"type":"message","message":"x","id":"no"}`)
			o := p.Until("error")
			wait = time.Duration(o.RetryMS) * time.Millisecond
		}
		for i := 0; ; i++ { // does not keep them
			p.Send(`{"type":"message","message":"x"}`)
			time.Sleep(20 * time.Millisecond)
			if _, err := p.Read(); err != nil {
				if code := harness.CloseCode(err); code != 1008 {
					t.Errorf("closed with %d (%v)", code, err)
				}
				return
			}
			if i == 400 {
				t.Fatal("the client was never closed")
			}
		}
	}, opts...)
}

// TestTextsAreUTF8 checks that Publish and the filter cannot use texts that logs and clients
// would change, or confuse with another user's.
func TestTextsAreUTF8(t *testing.T) {
	t.Parallel()
	srv, _ := harness.Serve(t, harness.Quiet, chat.WithFilter(func(_ context.Context, _ chat.User, _ string, m *chat.Message) error {
		switch m.Text {
		case "bad name":
			m.Username = "\xff"
		case "no name":
			m.Username = ""
		}
		return nil
	}))
	ctx := context.Background()
	for _, m := range []chat.Message{
		{Text: "x", UserID: "\xff"}, {Text: "x", Username: "\xff"}, {Text: "x", To: "\xff"}, {Text: "\xff"}, {Text: "x", ID: "\xff"},
		{Text: "x", UserID: "\xc3", Username: "\xa9"}, {Text: "x", UserID: strings.Repeat("u", 129)},
	} {
		if e, err := srv.Publish(ctx, "r", m); !errors.Is(err, chat.ErrBadMessage) {
			t.Errorf("%+q: %+v, %v", m, e, err)
		}
	}
	if e, err := srv.Publish(ctx, "r", chat.Message{Text: "bad name", Username: "Ann"}); !errors.Is(err, chat.ErrRejected) {
		t.Errorf("%+q, %v", e.Username, err)
	}
	if e, err := srv.Publish(ctx, "r", chat.Message{Text: "no name", Username: "Ann"}); err != nil || e.Username != "Anonymous" {
		t.Errorf("%+q, %v", e.Username, err)
	}
}

// TestFilterOfChanges checks that the filter gets edits and data, and may change both. It does
// not get amendments without a text.
func TestFilterOfChanges(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	srv, base := harness.Serve(t, harness.Quiet, chat.WithFilter(func(_ context.Context, u chat.User, _ string, m *chat.Message) error {
		asked.Add(1)
		if u.ID != m.UserID {
			t.Errorf("%+v, %+v", u, m)
		}
		switch {
		case m.Text == "bad":
			return chat.Refuse("no")
		case m.Text == "spoil":
			m.Data = json.RawMessage(`{"a":1,"a":2}`)
		case m.Text == "empty":
			m.Text, m.Data = "", nil
		case m.Text == "to data":
			m.Text, m.Data = "", json.RawMessage(`{ "of": "filter" }`)
		default:
			m.Text = fmt.Sprintf("%s%s %d %d", m.Text, m.Data, m.Target, m.ReplyTo)
		}
		m.Target, m.ReplyTo = 7, 7 // have no effect
		return nil
	}))
	p := harness.Dial(t, base, "r", true)
	user := p.Until("welcome").User
	for _, row := range []struct{ object, want string }{
		{`"message","message":"m","data":{"x": 1}`, `message m{"x":1} 0 0{"x":1}`},
		{`"message","message":"n","reply_to":1`, `message n 0 1`},
		{`"edit","target":1,"message":"e"`, `edit e 1 0`},
		{`"edit","target":1,"message":"bad"`, `rejected`},
		{`"edit","target":1,"message":"spoil"`, `rejected`},
		{`"edit","target":1,"message":"empty","data":{}`, `rejected`},
		{`"edit","target":1,"message":"to data"`, `edit {"of":"filter"}`},
		{`"reaction","target":1,"reaction":"👍"`, `reaction `},
		{`"delete","target":1`, `delete `},
	} {
		p.Send(`{"type":` + row.object + `}`)
		o := p.Next()
		got := o.Type + " " + o.Message + string(o.Data)
		if o.Type == "error" {
			got = o.Code
		}
		harness.Expect(t, row.object, got, row.want)
	}
	if n := asked.Load(); n != 7 {
		t.Errorf("asked %d times", n)
	}
	e, err := srv.Edit(t.Context(), "r", 2, chat.Message{UserID: user, Text: "go"})
	if err != nil || e.Text != "go 2 0" {
		t.Errorf("%+v, %v", e, err)
	}
}
