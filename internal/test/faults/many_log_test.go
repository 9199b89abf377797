package faults

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// TestManyLog has each method of a log panic, end the goroutine or hang while a client joins
// some rooms, and then one: each join is answered in time, or the connection is lost; when it
// is over all is well, and nothing stays.
func TestManyLog(t *testing.T) {
	t.Parallel()
	for how, wrong := range map[string]func(){
		"panics":             func() { panic("secret") },
		"ends the goroutine": runtime.Goexit,
		"hangs":              func() { time.Sleep(20 * time.Second) },
	} {
		for _, method := range []string{"Watch", "Unwatch", "Read", "Members", "Enter", "Leave", "Unread", "Positions", "Versions"} {
			if method == "Unwatch" && how != "panics" {
				continue // it is called with a lock, and may neither wait nor end
			}
			t.Run(method+" "+how, func(t *testing.T) {
				t.Parallel()
				l := &harness.BadLog{Log: chat.NewMemoryLog(chat.MemoryOptions{Entries: 100}), Wrong: wrong}
				l.Set("")
				harness.InBubble(t, func(b *harness.Bubble) { manyLog(t, b, l, method) }, harness.Quiet, chat.WithLog(l), chat.WithPing(0, 0))
			})
		}
	}
}

func manyLog(t *testing.T, b *harness.Bubble, l *harness.BadLog, method string) {
	for _, room := range []string{"a", "b", "c", "d"} {
		harness.Publish(t, b.Server, room, "old")
	}
	p := b.Dial(harness.Many, true, "username=Ann")
	p.Until("hello")
	p.Send(`{"type":"join","room":"stays"}`)
	p.Until("welcome")
	time.Sleep(2 * time.Minute) // until the rooms are idle
	l.Set(method)
	answered := map[string]string{}
	lost := false
	for _, text := range []string{`{"type":"join","rooms":{"a":"","b":"x:1","c":""}}`, `{"type":"join","room":"d"}`} {
		if lost {
			break
		}
		p.Send(text)
		start := time.Now()
		for want := len(answered) + 3; len(answered) < min(want, 4) && !lost; {
			o, err := p.Read()
			switch {
			case err != nil:
				lost = true
			case o.Type == "welcome":
				answered[o.Room] = "welcome"
			case o.Type == "error" && o.Code == "unavailable" && o.RetryMS > 0:
				answered[o.Room] = "unavailable"
			case o.Type == "error":
				t.Errorf("%+v", o)
			}
		}
		if took := time.Since(start); took > 30*time.Second {
			t.Errorf("%s: answered after %v", text, took)
		}
	}
	time.Sleep(25 * time.Second)
	l.Set("")
	time.Sleep(25 * time.Second)
	if lost {
		p = b.Dial(harness.Many, true, "username=Ann")
	}
	// What was left since then comes back.
	p.Send(`{"type":"ping","id":"now"}`)
	for o := (harness.Object{}); o.Type != "pong"; o = p.Next() {
		if o.Type == "left" {
			delete(answered, o.Room)
		}
	}
	for _, room := range []string{"a", "b", "c", "d"} {
		if lost || answered[room] != "welcome" {
			p.Send(fmt.Sprintf(`{"type":"join","room":%q}`, room))
			if o := p.Until("welcome"); o.Room != room {
				t.Fatalf("%+v", o)
			}
		}
		harness.Publish(t, b.Server, room, "new in "+room)
		p.UpTo("new in " + room)
		list, _, err := b.Members(context.Background(), room, 10)
		if err != nil || len(list) != 1 || list[0].Connections != 1 {
			t.Errorf("%s has %+v, %v", room, list, err)
		}
	}
	p.Conn.Close(1000, "")
	time.Sleep(2 * time.Minute)
	if s := b.Stats(); s.Connections+s.Rooms+s.Members != 0 {
		t.Errorf("when all have left: %+v", s)
	}
}
