package client_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/client"
)

func ack(o map[string]any, offset int) string {
	return fmt.Sprintf(`{"type":"ack","id":%q,"offset":%d}`, o["id"], offset)
}

func refuse(o map[string]any, code string, ms int) string {
	return fmt.Sprintf(`{"type":"error","id":%q,"code":%q,"message":"no","retry_after_ms":%d}`, o["id"], code, ms)
}

func TestAckLost(t *testing.T) {
	ids := make(chan any, 2)
	inBubble(t, func(p *peer, n int) {
		p.welcome("e:0", resumed)
		o := p.hear()
		ids <- o["id"]
		if n == 1 {
			p.say(ack(o, 7))
			p.hearAll()
		}
	}, func(f *fake) {
		u := f.join()
		if offset := u.send("x"); offset != 7 {
			t.Errorf("offset %d", offset)
		}
		u.Close()
		if a, b := <-ids, <-ids; a != b || a == nil || len(a.(string)) > 64 {
			t.Errorf("sent as %v, and again as %v", a, b)
		}
	})
}

// TestOwnMessageIsAnAck has a server that sends a message again but not its ack.
func TestOwnMessageIsAnAck(t *testing.T) {
	inBubble(t, func(p *peer, n int) {
		if n == 0 {
			p.welcome("e:0", "")
			o := p.hear()
			if o["id"] != "mine" {
				t.Errorf("got %v", o)
			}
			return
		}
		p.welcome("e:6", resumed)
		p.say(`{"type":"message","offset":5,"user":"you","username":"Me","message":"not x","id":"mine"}`,
			`{"type":"message","offset":6,"user":"me","username":"Me","message":"x","id":"mine"}`)
		for p.hear() != nil {
		}
	}, func(f *fake) {
		u := f.join()
		offset, err := u.Publish(context.Background(), chat.Message{Text: "x", ID: "mine"})
		if err != nil || offset != 6 {
			t.Errorf("Publish: %d, %v", offset, err)
		}
		u.Close()
	})
}

func TestUnavailable(t *testing.T) {
	inBubble(t, func(p *peer, n int) {
		p.welcome("e:0", "")
		id := any(nil)
		for i := range 5 {
			o := p.hear()
			if id != nil && id != o["id"] {
				t.Errorf("another id: %v", o)
			}
			id = o["id"]
			if i == 4 {
				p.say(ack(o, 3))
				break
			}
			p.say(refuse(o, "unavailable", 1000))
		}
		for o := p.hear(); o != nil; o = p.hear() {
			p.say(refuse(o, "unavailable", 1000))
		}
	}, func(f *fake) {
		u := f.join()
		start := time.Now()
		if offset := u.send("x"); offset != 3 {
			t.Errorf("offset %d", offset)
		}
		if d := time.Since(start); d < 4*time.Second || d > 8*time.Second {
			t.Errorf("sent after %v", d)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if _, err := u.Send(ctx, "x"); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, client.ErrUncertain) {
			t.Errorf("Send: %v", err)
		}
		// After five minutes the server forgets ids, so the message must not be sent again.
		start = time.Now()
		if _, err := u.Send(context.Background(), "x"); err != client.ErrUncertain || time.Since(start) > 5*time.Minute {
			t.Errorf("Send: %v after %v", err, time.Since(start))
		}
		u.Close()
	})
}

// TestUncertain loses the network for minutes after a message was sent.
func TestUncertain(t *testing.T) {
	inBubble(t, func(p *peer, n int) {
		p.welcome("e:0", resumed)
		for o := p.hear(); o != nil; o = p.hear() {
			if n == 0 {
				return
			}
			if o["message"] != "unsent" {
				t.Errorf("got %v", o)
			}
			p.say(ack(o, 9))
		}
	}, func(f *fake) {
		u := f.join()
		perhaps, unsent := make(chan error), make(chan error)
		go func() {
			_, err := u.Send(context.Background(), "perhaps")
			perhaps <- err
		}()
		f.l.down.Store(true)
		synctest.Wait()
		go func() {
			_, err := u.Send(context.Background(), "unsent")
			unsent <- err
		}()
		time.Sleep(6 * time.Minute)
		f.l.down.Store(false)
		if err := <-perhaps; err != client.ErrUncertain {
			t.Errorf("Send: %v", err)
		}
		if err := <-unsent; err != nil {
			t.Errorf("Send: %v", err)
		}
		u.Close()
	})
}

func TestUncertainByContextAndClose(t *testing.T) {
	inBubble(t, func(p *peer, n int) {
		p.welcome("e:0", "")
		for p.hear() != nil {
		}
	}, func(f *fake) {
		u := f.join()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if _, err := u.Send(ctx, "x"); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, client.ErrUncertain) {
			t.Errorf("Send: %v", err)
		}
		if _, err := u.History(ctx, chat.Query{}); err != context.DeadlineExceeded {
			t.Errorf("History: %v", err)
		}
		go func() {
			time.Sleep(time.Second)
			u.Close()
		}()
		if _, err := u.Send(context.Background(), "x"); !errors.Is(err, client.ErrClosed) || !errors.Is(err, client.ErrUncertain) {
			t.Errorf("Send: %v", err)
		}
	})
}
