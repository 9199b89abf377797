package client_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/client"
)

// TestRoomsHold has the server refuse messages. An unavailable log holds up one room, and too
// many messages all of them; the order within a room stays.
func TestRoomsHold(t *testing.T) {
	var got []string
	inBubble(t, func(p *peer, n int) {
		p.say(hello)
		for _, room := range []string{"a", "b"} {
			p.want("type", "join", "room", room)
			p.say(welcomeIn(room, "e:0", ""))
		}
		var start time.Time
		for i := 0; ; i++ {
			o := p.hear()
			if o == nil {
				return
			}
			room := fmt.Sprint(o["room"])
			switch {
			case o["message"] == "start":
				start = time.Now()
				p.say(in(room, ack(o, 1)))
			case o["message"] == "a1" && i < 4:
				got = append(got, "unavailable a1")
				p.say(refuseIn(room, o, "unavailable"))
			case o["message"] == "b1" && time.Since(start) < time.Second:
				got = append(got, "limited b1")
				p.say(fmt.Sprintf(`{"type":"error","room":"b","code":"rate_limited","message":"no","id":%q,"retry_after_ms":3000}`, o["id"]))
			default:
				got = append(got, fmt.Sprint(o["message"], " after ", time.Since(start).Truncate(time.Second)))
				p.say(in(room, ack(o, i+10)))
			}
		}
	}, func(f *fake) {
		c := f.connect()
		a, b := f.enter(c, "a"), f.enter(c, "b")
		b.send("start")
		sent := make(chan uint64)
		for _, s := range []struct {
			u    *user
			text string
		}{{a, "a1"}, {a, "a2"}, {b, "b0"}, {b, "b1"}, {b, "b2"}} {
			go func() { sent <- s.u.send(s.text) }()
			synctest.Wait()
		}
		for range 5 {
			<-sent
		}
		c.Close()
	})
	// The pause of a is from one to two seconds, but no message is sent before three.
	if want := []string{"unavailable a1", "b0 after 0s", "limited b1", "a1 after 3s", "a2 after 3s", "b1 after 3s", "b2 after 3s"}; !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
}

// TestWindowOfRooms fills the window with messages to one room, which is then left. The other
// room goes on, and what was sent to the first is sent again, in order.
func TestWindowOfRooms(t *testing.T) {
	const window = 32
	inBubble(t, func(p *peer, n int) {
		p.say(hello)
		for _, room := range []string{"a", "b"} {
			p.want("type", "join", "room", room)
			p.say(welcomeIn(room, "e:0", ""))
		}
		for i := range window {
			p.want("room", "a", "message", fmt.Sprint(i))
		}
		time.Sleep(time.Second)
		p.say(left("a", 1008, "go"))
		o := p.want("room", "b", "message", "hello")
		p.say(in("b", ack(o, 1)))
		p.want("type", "join", "rooms", map[string]any{"a": "e:0"})
		p.say(welcomeIn("a", "e:0", resumed))
		for i := range window + 1 {
			o := p.want("room", "a", "message", fmt.Sprint(i))
			p.say(in("a", ack(o, i+1)))
		}
		p.hearAll()
	}, func(f *fake) {
		c := f.connect()
		a, b := f.enter(c, "a"), f.enter(c, "b")
		sent := make(chan uint64)
		for i := range window + 1 {
			go func() { sent <- a.send(fmt.Sprint(i)) }()
			synctest.Wait()
		}
		if b.send("hello") != 1 {
			t.Error("another offset")
		}
		for range window + 1 {
			<-sent
		}
		c.Close()
	})
}

// TestRoomAnswers has two rooms use the same ids, and the server answer every kind of call.
func TestRoomAnswers(t *testing.T) {
	inBubble(t, func(p *peer, n int) {
		p.say(hello)
		for _, room := range []string{"a", "b"} {
			p.want("type", "join", "room", room)
			p.say(welcomeIn(room, "e:0", `,"read":1,"unread":2`))
		}
		first := p.want("room", "a", "id", "same")
		second := p.want("room", "b", "id", "same")
		p.say(in("b", ack(second, 2)), in("a", ack(first, 1)))
		o := p.want("type", "history", "room", "b")
		p.say(fmt.Sprintf(`{"type":"history","room":"b","request":%q,"messages":[%s],"first":1,"more":false}`, o["id"], message(1, "old")))
		o = p.want("type", "edit", "room", "b", "target", 2.0)
		p.say(refuseIn("a", o, "forbidden"), refuseIn("b", o, "no_such_message"))
		p.want("type", "typing", "room", "a")
		p.want("type", "signal", "room", "b", "name", "cursor")
		p.want("type", "read", "room", "b", "offset", 7.0)
		p.say(`{"type":"error","room":"b","code":"unsupported","message":"no","id":"client.read"}`)
		o = p.want("type", "ping", "room", nil)
		p.say(fmt.Sprintf(`{"type":"pong","id":%q}`, o["id"]))
		p.want("type", "auth", "room", nil, "token", "fresh")
		o = p.want("type", "ping", "room", nil)
		p.say(fmt.Sprintf(`{"type":"error","code":"auth_failed","message":"no","id":%q}`, o["id"]))
		p.say(in("a", `{"type":"typing","user":"you","username":"You"}`), in("a", `{"type":"read","user":"me","offset":9}`))
		p.hearAll()
	}, func(f *fake) {
		c := f.connect()
		a, b := f.enter(c, "a"), f.enter(c, "b")
		if w := b.Welcome(); w.Room != "b" || w.Read != 1 || w.Unread != 2 || w.Limits.MessageBytes != 1000 {
			t.Errorf("welcome %+v", w)
		}
		offsets := make(chan uint64, 2)
		go func() {
			n, _ := a.Publish(bg, chat.Message{Text: "x", ID: "same"})
			offsets <- n
		}()
		synctest.Wait()
		if n, err := b.Publish(bg, chat.Message{Text: "x", ID: "same"}); n != 2 || err != nil {
			t.Errorf("got %d, %v", n, err)
		}
		if n := <-offsets; n != 1 {
			t.Errorf("got %d", n)
		}
		if p, err := b.History(bg, chat.Query{}); err != nil || len(p.Events) != 1 || p.Position.Epoch != "e" {
			t.Errorf("%+v, %v", p, err)
		}
		if _, err := b.Edit(bg, 2, chat.Message{Text: "x"}); codeOf(err) != client.CodeNoSuchMessage {
			t.Error(err)
		}
		a.Typing(bg)
		synctest.Wait()
		b.Signal(bg, "cursor", json.RawMessage(`{}`))
		synctest.Wait()
		b.MarkRead(bg, 7)
		synctest.Wait()
		if err := b.MarkRead(bg, 8); codeOf(err) != client.CodeUnsupported {
			t.Error(err)
		}
		if err := a.MarkRead(bg, 0); err != nil {
			t.Error(err)
		}
		if err := a.Ping(bg); err != nil {
			t.Error(err)
		}
		if err := c.Auth(bg, "fresh"); codeOf(err) != client.CodeAuthFailed {
			t.Error(err)
		}
		if e := a.next(); e.Type != chat.TypeTyping {
			t.Errorf("got %+v", e)
		}
		if e := a.next(); e.Type != chat.TypeRead || e.Target != 9 {
			t.Errorf("got %+v", e)
		}
		// One rate of signals for all rooms.
		var limited int
		for i := range 25 {
			if codeOf([]*user{a, b}[i%2].Signal(bg, "cursor", nil)) == client.CodeRateLimited {
				limited++
			}
		}
		if limited != 25-19 {
			t.Errorf("%d signals are too many", limited)
		}
		c.Close()
	})
}
