package client_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/client"
)

// TestOrderAfterRefusal refuses three messages that were sent together.
func TestOrderAfterRefusal(t *testing.T) {
	var got []string
	inBubble(t, func(p *peer, n int) {
		p.welcome("e:0", "")
		var first []map[string]any
		for range 3 {
			first = append(first, p.hear())
		}
		for _, o := range first {
			got = append(got, fmt.Sprint("first ", o["message"]))
			p.say(refuse(o, "rate_limited", 1000))
		}
		start := time.Now()
		for i := range 4 {
			o := p.hear()
			got = append(got, fmt.Sprint(o["message"], " after ", time.Since(start)))
			p.say(ack(o, i+1))
		}
		p.hearAll()
	}, func(f *fake) {
		u := f.join()
		sent := make(chan error)
		send := func(text string) {
			go func() {
				_, err := u.Send(context.Background(), text)
				sent <- err
			}()
			synctest.Wait()
		}
		send("a")
		send("b")
		send("c")
		time.Sleep(time.Millisecond)
		send("d")
		for range 4 {
			if err := <-sent; err != nil {
				t.Error(err)
			}
		}
		u.Close()
	})
	want := []string{"first a", "first b", "first c", "a after 1s", "b after 1s", "c after 1s", "d after 1s"}
	if !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
}

// TestWindow counts how many messages are sent before the first ack.
func TestWindow(t *testing.T) {
	inBubble(t, func(p *peer, n int) {
		p.welcome("e:0", "")
		var mu sync.Mutex
		var waiting []map[string]any
		first := true
		time.AfterFunc(time.Second, func() {
			mu.Lock()
			defer mu.Unlock()
			if len(waiting) != 32 {
				t.Errorf("%d sent", len(waiting))
			}
			first = false
			for i, o := range waiting {
				p.say(ack(o, i+1))
			}
		})
		for i := 100; ; i++ {
			o := p.hear()
			if o == nil {
				return
			}
			mu.Lock()
			held := first
			if held {
				waiting = append(waiting, o)
			}
			mu.Unlock()
			if !held {
				p.say(ack(o, i))
			}
		}
	}, func(f *fake) {
		u := f.join()
		sent := make(chan error)
		for range 100 {
			go func() {
				_, err := u.Send(context.Background(), "x")
				sent <- err
			}()
		}
		for range 100 {
			if err := <-sent; err != nil {
				t.Error(err)
			}
		}
		u.Close()
	})
}

// TestMessageTooBigForTheServer is closed with 1009. The message that caused it must not be
// sent again and again.
func TestMessageTooBigForTheServer(t *testing.T) {
	inBubble(t, func(p *peer, n int) {
		p.welcome("e:0", resumed)
		for i := 1; ; i++ {
			o := p.hear()
			switch {
			case o == nil:
				return
			case len(o["message"].(string)) > 500:
				p.close(1009, "message too big")
				return
			case n > 0:
				p.say(ack(o, i))
			}
		}
	}, func(f *fake) {
		u := f.join()
		small := make(chan error)
		go func() {
			_, err := u.Send(context.Background(), "small")
			small <- err
		}()
		synctest.Wait()
		var refused *client.Error
		if _, err := u.Send(context.Background(), strings.Repeat("x", 600)); !errors.As(err, &refused) || refused.Code != client.CodeTooLong {
			t.Errorf("Send: %v", err)
		}
		if err := <-small; err != nil {
			t.Errorf("Send: %v", err)
		}
		u.Close()
	})
}

// TestHistoryOverReconnect asks on one connection and gets the answer on another.
func TestHistoryOverReconnect(t *testing.T) {
	inBubble(t, func(p *peer, n int) {
		p.welcome("e:5", resumed)
		o := p.hear()
		if n == 0 {
			return
		}
		p.say(fmt.Sprintf(`{"type":"history","messages":[%s],"first":1,"more":true,"request":%q}`, message(5, "five"), o["id"]))
		p.hearAll()
	}, func(f *fake) {
		u := f.join()
		page, err := u.History(context.Background(), chat.Query{Limit: 1})
		if err != nil || len(page.Events) != 1 || page.Events[0].Text != "five" || !page.More || page.First != 1 {
			t.Errorf("History: %+v, %v", page, err)
		}
		u.Close()
	})
}

func TestTypingIsRare(t *testing.T) {
	var got []string
	inBubble(t, func(p *peer, n int) {
		p.welcome("e:0", "")
		start := time.Now()
		for o := p.hear(); o != nil; o = p.hear() {
			got = append(got, fmt.Sprint(o["type"], " after ", time.Since(start)))
		}
	}, func(f *fake) {
		u := f.join()
		for range 50 {
			if err := u.Typing(context.Background()); err != nil {
				t.Error(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		u.Close()
	})
	if want := []string{"typing after 0s", "typing after 2s", "typing after 4s"}; !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
}

func TestConcurrentSameID(t *testing.T) {
	inBubble(t, func(p *peer, n int) {
		p.welcome("e:0", "")
		o := p.hear()
		time.Sleep(time.Second)
		p.say(ack(o, 1))
		p.hearAll()
	}, func(f *fake) {
		u := f.join()
		go func() {
			if _, err := u.Publish(context.Background(), chat.Message{Text: "x", ID: "i"}); err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		var refused *client.Error
		if _, err := u.Publish(context.Background(), chat.Message{Text: "x", ID: "i"}); !errors.As(err, &refused) || refused.Code != client.CodeBadRequest {
			t.Errorf("Publish: %v", err)
		}
		time.Sleep(2 * time.Second)
		u.Close()
	})
}
