package client_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/client"
)

// TestSlowReader reads no events while the server has more of them than all buffers in
// between hold. The server closes the connection, and cuts it if its close frame is not
// read soon.
func TestSlowReader(t *testing.T) {
	const n = 5000
	srv, base := serve(t, chat.WithPing(0, 0), chat.WithHistory(n+10), chat.WithLog(chat.NewMemoryLog(chat.MemoryOptions{Entries: n + 10, Bytes: 1 << 30})))
	var gaps atomic.Int64
	u := join(t, base, "r", "Slow", client.WithBuffer(16, 0), client.OnGap(func(client.Gap) { gaps.Add(1) }))
	ctx := soon(t)
	filling := strings.Repeat("x", 4000)
	for i := range n {
		if _, err := srv.Publish(ctx, "r", chat.Message{Text: fmt.Sprint(i, " ", filling)}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		e := u.until(chat.TypeMessage)
		if want := fmt.Sprint(i, " "); !strings.HasPrefix(e.Text, want) {
			t.Fatalf("got %.10q, want %q", e.Text, want)
		}
	}
	if slow := srv.Stats().SlowCloses; gaps.Load() != 0 || slow == 0 {
		t.Errorf("%d gaps, closed %d times for being slow", gaps.Load(), slow)
	}
}

// TestEcho sends in the loop over many events, with a small buffer.
func TestEcho(t *testing.T) {
	const n = 60
	srv, base := serve(t, chat.WithHistory(2*n+10))
	bot := join(t, base, "r", "Bot", client.WithBuffer(2, 0))
	ctx := soon(t)
	for i := range n {
		if _, err := srv.Publish(ctx, "r", chat.Message{Text: fmt.Sprint("say ", i)}); err != nil {
			t.Fatal(err)
		}
	}
	said := 0
	for e, err := range bot.Events(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Type == client.TypeGap {
			t.Fatalf("gap %+v", e.Gap)
		}
		if what, ok := strings.CutPrefix(e.Text, "say "); ok {
			if what != fmt.Sprint(said) {
				t.Fatalf("got %q, want number %d", e.Text, said)
			}
			bot.send(what)
			if said++; said == n {
				break
			}
		}
	}
	page, err := srv.History(ctx, "r", chat.Query{Limit: n})
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range page.Events {
		if want := fmt.Sprint(n - len(page.Events) + i); e.Text != want || e.Username != "Bot" {
			t.Errorf("the room has %q of %s, want %q", e.Text, e.Username, want)
		}
	}
}

// TestNobodyReads has a full buffer and nothing to send. The Conn must not reconnect until
// there is something to send, and it must deliver all events when they are read.
func TestNobodyReads(t *testing.T) {
	testNobodyReads(t, 3) // as many as the buffer holds
	testNobodyReads(t, 5)
}

func testNobodyReads(t *testing.T, first int) {
	inBubble(t, func(p *peer, n int) {
		switch n {
		case 0:
			p.welcome("e:0", "")
			for i := range first {
				p.say(message(i+1, "x"))
			}
			p.close(1013, "too slow")
			return
		case 1, 2:
			if p.since() != "e:3" {
				t.Errorf("connection %d since %q", n, p.since())
			}
			p.welcome("e:5", resumed)
			p.say(message(4, "x"), message(5, "x"))
		default:
			t.Errorf("connection %d", n)
		}
		p.hearAll()
	}, func(f *fake) {
		u := f.join(client.WithBuffer(4, 0)) // the welcome and three messages
		time.Sleep(time.Hour)
		if n := len(f.gaps()); n != 0 {
			t.Errorf("came back %d times for nothing", n)
		}
		start := time.Now()
		if _, err := u.Send(context.Background(), "x"); err != nil || time.Since(start) > time.Second {
			t.Errorf("Send: %v after %v", err, time.Since(start))
		}
		if n := len(f.gaps()); n != 1 {
			t.Errorf("came back %d times to send", n)
		}
		synctest.Wait()
		var got []string
		for range 7 {
			if e := u.any(); e.Type == client.TypeWelcome {
				got = append(got, "welcome")
			} else {
				got = append(got, fmt.Sprint(e.Offset))
			}
			synctest.Wait()
		}
		if want := []string{"welcome", "1", "2", "3", "welcome", "4", "5"}; !cmp.Equal(got, want) {
			t.Error(cmp.Diff(want, got))
		}
		u.Close()
	})
}

// TestPatientServer has a Conn that does not read for longer than a server may be silent.
// It must keep the connection.
func TestPatientServer(t *testing.T) {
	inBubble(t, func(p *peer, n int) {
		p.welcome("e:0", "")
		for i := range 5 {
			p.say(message(i+1, "x"))
		}
		p.hearAll()
	}, func(f *fake) {
		u := f.join(client.WithBuffer(2, 0))
		time.Sleep(5 * time.Minute)
		for i := range 5 {
			if e := u.until(chat.TypeMessage); e.Offset != uint64(i+1) {
				t.Errorf("got %+v", e)
			}
		}
		time.Sleep(5 * time.Minute)
		if n := len(f.gaps()); n != 0 {
			t.Errorf("lost %d connections", n)
		}
		u.Close()
	})
}

// TestWithoutEvents only sends while many events come.
func TestWithoutEvents(t *testing.T) {
	srv, base := serve(t, chat.WithLeaveGrace(0))
	var lost atomic.Int64
	u := join(t, base, "r", "Mute", client.WithoutEvents(), client.WithBuffer(1, 1), client.OnDisconnect(func(error, time.Duration) { lost.Add(1) }))
	for i := range 2000 {
		if _, err := srv.Publish(soon(t), "r", chat.Message{Text: strings.Repeat("x", 4000)}); err != nil {
			t.Fatal(err)
		}
		if i%100 != 99 {
			continue
		}
		u.send("x")
		// Answers are sent before messages. Without this wait the server may be so far
		// behind with the messages that it takes the member for slow.
		for want := uint64(i + 1); srv.Stats().Deliveries < want && lost.Load() == 0; {
			time.Sleep(time.Millisecond)
		}
	}
	if n := lost.Load(); n != 0 {
		t.Errorf("lost %d connections", n)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	for e, err := range u.Events(ctx) {
		if err == nil {
			t.Errorf("got %+v", e)
		}
	}
}
