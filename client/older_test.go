package client_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/client"
)

// older returns a welcome of a server that has no data and no amendments.
func older(position, more string) string {
	return strings.Replace(welcomeTo(position, more), `,"data_bytes":100`, "", 1)
}

// TestOlderServer joins a server that would store what it knows of a message, and forget
// the rest.
func TestOlderServer(t *testing.T) {
	inBubble(t, func(p *peer, n int) {
		p.say(older("e:9", ""))
		for o := p.hear(); o != nil; o = p.hear() {
			if o["data"] != nil || o["reply_to"] != nil || o["type"] == "read" || o["type"] == "signal" {
				t.Errorf("sent %v", o)
			}
			if o["type"] == "message" {
				p.say(ack(o, 10))
			} else {
				p.say(refuse(o, "unknown_type", 0))
			}
		}
	}, func(f *fake) {
		u := f.join()
		for name, a := range acts {
			want := client.CodeUnknownType
			if name == "message" || name == "private" || name == "edit with data" {
				want = client.CodeUnsupported
			}
			_, err := a.do(u)
			if e := (*client.Error)(nil); !errors.As(err, &e) || e.Code != want {
				t.Errorf("%s: %v, want %s", name, err, want)
			}
		}
		for range 2 {
			for _, err := range []error{u.MarkRead(bg, 3), u.Signal(bg, "x", nil)} {
				if e := (*client.Error)(nil); !errors.As(err, &e) || e.Code != client.CodeUnknownType {
					t.Errorf("got %v", err)
				}
			}
		}
		u.send("hello")
		u.Close()
	})
}

// TestOlderServerAfterwards comes back to an older server with what the newer one has
// perhaps stored, and with what was not sent yet.
func TestOlderServerAfterwards(t *testing.T) {
	inBubble(t, func(p *peer, n int) {
		if n == 0 {
			p.welcome("e:9", "")
			p.hear()
			p.hear()
			time.Sleep(time.Second)
			return
		}
		p.say(older("e:9", resumed))
		for o := p.hear(); o != nil; o = p.hear() {
			t.Errorf("sent %v", o)
		}
	}, func(f *fake) {
		u := f.join()
		if err := u.MarkRead(bg, 5); err != nil {
			t.Error(err)
		}
		rich := chat.Message{Text: "x", ReplyTo: 3}
		errs := make(chan error, 2)
		go func() {
			_, err := u.Publish(bg, rich)
			errs <- err
		}()
		synctest.Wait()
		f.l.down.Store(true)
		time.Sleep(2 * time.Second)
		go func() {
			_, err := u.Publish(bg, rich)
			errs <- err
		}()
		synctest.Wait()
		f.l.down.Store(false)
		uncertain := 0
		for range 2 {
			err := <-errs
			if e := (*client.Error)(nil); !errors.As(err, &e) || e.Code != client.CodeUnsupported {
				t.Errorf("got %v", err)
			}
			if errors.Is(err, client.ErrUncertain) {
				uncertain++
			}
		}
		if uncertain != 1 {
			t.Errorf("%d are uncertain", uncertain)
		}
		u.Close()
	})
}
