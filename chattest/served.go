package chattest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/ws"
)

// The tests in this file use a log through servers and sockets: what clients see depends on
// the log and on the core.

// byQuery takes the query parameter "as" as the user.
var byQuery = chat.WithAuthenticator(func(r *http.Request) (chat.User, error) {
	if id := r.URL.Query().Get("as"); id != "" {
		return chat.User{ID: id}, nil
	}
	return chat.User{}, errors.New("who?")
})

// A peer is a connection to a server with the subprotocol chat.v1.
type peer struct {
	t    testing.TB
	conn *ws.Conn
	user string
}

// answer is any object that a server sends.
type answer struct {
	Type, User, ID, Code, Message string
	Offset, First                 uint64
	More                          bool
	Messages                      []chatlog.Event
	Position                      chatlog.Position
	Resumed                       bool
}

func dial(t testing.TB, s *Server, room string, params url.Values) (*peer, answer) {
	t.Helper()
	conn, _, err := ws.Dial(within(t), s.WS+"/ws/"+url.PathEscape(room)+"?"+params.Encode(), &ws.DialOptions{Subprotocols: []string{proto.Subprotocol}})
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(func() { conn.CloseNow() })
	conn.SetReadLimit(1 << 24)
	p := &peer{t: t, conn: conn}
	welcome := p.until(func(a answer) bool { return a.Type == proto.TypeWelcome })
	p.user = welcome.User
	return p, welcome
}

func (p *peer) next() (a answer) {
	p.t.Helper()
	_, b, err := p.conn.Read(within(p.t))
	if err == nil {
		err = json.Unmarshal(b, &a)
	}
	if err != nil {
		p.t.Fatalf("read: %v", err)
	}
	return a
}

// until reads objects until ok returns true, and returns that object.
func (p *peer) until(ok func(answer) bool) answer {
	p.t.Helper()
	for {
		if a := p.next(); ok(a) {
			return a
		}
	}
}

func (p *peer) send(o map[string]any) {
	p.t.Helper()
	b, err := json.Marshal(o)
	if err == nil {
		err = p.conn.Write(within(p.t), ws.MessageText, b)
	}
	if err != nil {
		p.t.Fatalf("write: %v", err)
	}
}

// say sends a message with an id, privately if to is not empty, and returns the
// offset of the acknowledgement or the code of the refusal.
func (p *peer) say(to, id string) string {
	p.t.Helper()
	o := map[string]any{"type": chat.TypeMessage, "message": "text of " + id, "id": id}
	if to != "" {
		o["type"], o["to"] = chat.TypePrivate, to
	}
	p.send(o)
	a := p.until(func(a answer) bool { return (a.Type == proto.TypeAck || a.Type == proto.TypeError) && a.ID == id })
	if a.Type == proto.TypeAck {
		return fmt.Sprint(a.Offset)
	}
	return a.Code
}

// fill publishes n messages like m from Go, concurrently, and returns the offset of
// the last one.
func fill(t testing.TB, s *Server, room string, n int, m chat.Message) (last uint64) {
	t.Helper()
	var newest atomic.Uint64
	runConcurrently(16, func(i int) {
		for range n/16 + min(1, max(0, n%16-i)) {
			stored, err := s.Publish(within(t), room, m)
			if err != nil {
				t.Errorf("Publish: %v", err)
				return
			}
			for {
				was := newest.Load()
				if was >= stored.Offset || newest.CompareAndSwap(was, stored.Offset) {
					break
				}
			}
		}
	})
	return newest.Load()
}

// testRepeatedOverSocket lets clients send stored messages again when the server would refuse
// them as new ones. They must get the first answer.
func testRepeatedOverSocket(t *testing.T, open func() chatlog.Log) {
	var forbidden, rejected atomic.Bool
	no := chat.Refuse("not now")
	refusing := []chat.Option{
		chat.WithRateLimit(0, 0),
		chat.WithAuthorizer(func(_ context.Context, _ chat.User, _ string, a chat.Action) error {
			if forbidden.Load() && (a == chat.ActionSend || a == chat.ActionPrivate) {
				return no
			}
			return nil
		}),
		chat.WithFilter(func(context.Context, chat.User, string, *chat.Message) error {
			if rejected.Load() {
				return no
			}
			return nil
		}),
	}
	named := NewServer(t, append(refusing, byQuery, chat.WithLog(open()))...)
	anonymous := NewServer(t, append(refusing, chat.WithLog(open()))...)
	room := newName("served-again")
	ann, _ := dial(t, named, room, url.Values{"as": {"ann"}})
	bea, _ := dial(t, anonymous, room, nil)
	gone, _ := dial(t, anonymous, room, nil)
	eventually(t, "all users to be present", func() bool {
		_, n, err := anonymous.Members(within(t), room, 0)
		return err == nil && n == 3
	})
	ofAnn, toBob, toGone := ann.say("", "1"), ann.say("bob", "2"), bea.say(gone.user, "3")
	if ofAnn != "1" || toBob != "2" || toGone != "3" {
		t.Fatalf("the three messages were acknowledged with %s, %s and %s", ofAnn, toBob, toGone)
	}
	gone.conn.Close(proto.CloseNormal, "")
	eventually(t, "a user to leave", func() bool {
		_, n, err := anonymous.Members(within(t), room, 0)
		return err == nil && n == 2
	})
	fill(t, named, room, kept*3/4, chat.Message{Text: "x"})
	again := func(when, fresh string, p *peer, to, id, want string) {
		t.Helper()
		if got := p.say(to, id); got != want {
			t.Errorf("%s, %s again: %s, want %s", when, id, got, want)
		}
		if got := p.say(to, id+"-"+newName("fresh")); got != fresh {
			t.Errorf("%s, a fresh one: %s, want %s", when, got, fresh)
		}
	}
	again("the receiver has left", proto.CodeNoSuchUser, bea, gone.user, "3", "3")
	forbidden.Store(true)
	again("forbidden", proto.CodeForbidden, ann, "", "1", "1")
	again("forbidden", proto.CodeForbidden, ann, "bob", "2", "2")
	again("forbidden", proto.CodeForbidden, bea, gone.user, "3", "3")
	forbidden.Store(false)
	rejected.Store(true)
	again("rejected", proto.CodeRejected, ann, "", "1", "1")
	again("rejected", proto.CodeRejected, ann, "bob", "2", "2")
	// The same in Go.
	for _, e := range []chat.Message{{UserID: "ann", ID: "1", Text: "other"}, {UserID: "ann", ID: "2", To: "bob", Text: "other"}, {UserID: bea.user, ID: "3", To: gone.user, Text: "other"}} {
		s := named
		if e.ID == "3" {
			s = anonymous
		}
		if got, err := s.Publish(within(t), room, e); err != nil || fmt.Sprint(got.Offset) != e.ID || got.Text != "text of "+e.ID || got.To != e.To {
			t.Errorf("published %s again: %+v, %v", e.ID, got, err)
		}
		if e.ID += "x"; e.To != gone.user {
			if _, err := s.Publish(within(t), room, e); !errors.Is(err, chat.ErrRejected) {
				t.Errorf("published a fresh one: %v", err)
			}
		}
	}
	rejected.Store(false)
	if at, want := positionOf(t, open(), room).Offset, uint64(3+kept*3/4); at != want {
		t.Errorf("the room has %d entries, want %d", at, want)
	}
}
