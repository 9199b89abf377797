package chat_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// Tests in this file run in bubbles of fake time, over pipes. So they check every promised time
// exactly, without waiting.

func TestSilentPeerIsDropped(t *testing.T) {
	harness.InBubble(t, func(b *harness.Bubble) {
		if d := harness.EndsAfter(b.Raw("r")); d != 35*time.Second {
			t.Errorf("dropped after %v", d)
		}
	})
	harness.InBubble(t, func(b *harness.Bubble) {
		if d := harness.EndsAfter(b.Raw("r")); d != 3*time.Second {
			t.Errorf("dropped after %v", d)
		}
	}, chat.WithPing(2*time.Second, time.Second))
}

func TestHalfFrameThenSilence(t *testing.T) {
	harness.InBubble(t, func(b *harness.Bubble) {
		c := b.Raw("r")
		c.Write([]byte{0x81, 0xfe, 0x10})
		if d := harness.EndsAfter(c); d != 35*time.Second {
			t.Errorf("dropped after %v", d)
		}
	})
}

// TestEndlessMessage has a client that answers pings but never ends its message.
func TestEndlessMessage(t *testing.T) {
	harness.InBubble(t, func(b *harness.Bubble) {
		c := b.Raw("r")
		go func() {
			c.Write([]byte{0x01, 0x81, 0, 0, 0, 0, 'x'})
			for {
				if _, err := c.Write([]byte{0x00, 0x81, 0, 0, 0, 0, 'x'}); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}()
		if d := harness.EndsAfter(c); d < 10*time.Second || d > 11*time.Second {
			t.Errorf("dropped after %v", d)
		}
		time.Sleep(2 * time.Second) // so that the writer notices
	})
}

func TestAnsweringPeerStays(t *testing.T) {
	harness.InBubble(t, func(b *harness.Bubble) {
		p := b.Dial("r", false, "")
		go p.Conn.Read(context.Background()) // answers pings
		time.Sleep(24 * time.Hour)
		if n := b.Stats().Connections; n != 1 {
			t.Errorf("%d connections after a day", n)
		}
	})
}

// TestStuckWriter has a client that reads nothing: pipes have no buffer.
func TestStuckWriter(t *testing.T) {
	harness.InBubble(t, func(b *harness.Bubble) {
		b.Raw("r")
		start := time.Now()
		harness.Publish(t, b.Server, "r", "x")
		for b.Stats().Connections > 0 {
			time.Sleep(10 * time.Millisecond)
		}
		if d := time.Since(start); d < 10*time.Second || d > 10*time.Second+50*time.Millisecond {
			t.Errorf("dropped after %v", d)
		}
	})
}

func TestShutdownBound(t *testing.T) {
	harness.InBubble(t, func(b *harness.Bubble) {
		for range 20 {
			b.Raw("r") // neither reads nor answers a close frame
		}
		good := b.Dial("r", true, "")
		good.Until("welcome")
		code := make(chan int)
		go func() { code <- good.Closed() }()
		start := time.Now()
		if err := b.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("Shutdown took %v", d)
		}
		if c := <-code; c != 1001 {
			t.Errorf("closed with %d", c)
		}
	})
	harness.InBubble(t, func(b *harness.Bubble) {
		b.Raw("r")
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		start := time.Now()
		if err := b.Shutdown(ctx); err != context.DeadlineExceeded || time.Since(start) != time.Second {
			t.Errorf("Shutdown: %v after %v", err, time.Since(start))
		}
	})
}

func TestLeaveGrace(t *testing.T) {
	harness.InBubble(t, func(b *harness.Bubble) {
		alice := b.Dial("r", true, "username=Alice")
		alice.Until("welcome")
		bob := b.Dial("r", true, "username=Bob")
		session := bob.Until("welcome").Session
		alice.Until("system")

		bob.Conn.CloseNow() // without a close frame
		time.Sleep(4 * time.Second)
		bob = b.Dial("r", true, "username=Bob&session="+session)
		bob.Until("welcome")
		time.Sleep(time.Minute / 4)

		start := time.Now()
		bob.Conn.CloseNow()
		if o := alice.Until("system"); o.Event != "leave" || time.Since(start) != 5*time.Second {
			t.Errorf("%s of %s after %v", o.Event, o.Username, time.Since(start))
		}

		carol := b.Dial("r", true, "username=Carol")
		carol.Until("welcome")
		alice.Until("system")
		start = time.Now()
		go carol.Conn.Close(1000, "")
		if o := alice.Until("system"); o.Event != "leave" || o.Username != "Carol" || time.Since(start) != 0 {
			t.Errorf("%s of %s after %v", o.Event, o.Username, time.Since(start))
		}
	})
}

// TestSlowMember has members that never read, beside healthy ones.
func TestSlowMember(t *testing.T) {
	srv, base := harness.Serve(t, chat.WithMaxLag(1), chat.WithMessageSize(4<<10), chat.WithResume(10), chat.WithWriteTimeout(time.Minute), chat.WithPing(harness.Patience, harness.Patience))
	slow := make([]*harness.Peer, 3)
	for i := range slow {
		slow[i] = harness.Dial(t, base, "r", true)
	}
	healthy := harness.Dial(t, base, "r", false)
	text := strings.Repeat("x", 4<<10)
	const messages = 4000
	window := make(chan struct{}, 10)
	go func() {
		for range messages {
			window <- struct{}{}
			if _, err := srv.Publish(context.Background(), "r", chat.Message{Text: text}); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	for i := range messages {
		if o := healthy.Until("message"); o.Offset != uint64(i+1) {
			t.Fatalf("offset %d after %d", o.Offset, i)
		}
		<-window
	}
	harness.Eventually(t, "slow members to be closed", func() bool { return srv.Stats().SlowCloses >= 3 })
	for _, p := range slow {
		last := uint64(0)
		for {
			o, err := p.Read()
			if err != nil {
				if code := harness.CloseCode(err); code != 1013 {
					t.Errorf("closed with %d (%v)", code, err)
				}
				break
			}
			if o.Type == "message" {
				if o.Offset != last+1 {
					t.Errorf("offset %d after %d", o.Offset, last)
				}
				last = o.Offset
			}
		}
	}
}

// TestSlowMode allows one message in ten seconds. That holds over two servers, over reconnects
// and with any log. A message that is refused for another reason takes no turn, nor does another
// object. A repetition takes no turn either.
func TestSlowMode(t *testing.T) {
	for name, paces := range map[string]bool{"a log that paces": true, "a log that does not": false} {
		t.Run(name, func(t *testing.T) {
			log := chat.NewMemoryLog(chat.MemoryOptions{})
			if !paces {
				log = struct{ chat.Log }{log}
			}
			opts := []chat.Option{
				harness.Quiet, harness.UserByHeader, chat.WithLog(log), chat.WithSlowMode(10 * time.Second),
				chat.WithModerator(func(_ context.Context, u chat.User, _ string) bool { return u.ID == "boss" }),
				chat.WithFilter(func(_ context.Context, _ chat.User, _ string, m *chat.Message) error {
					if m.Text == "bad" {
						return chat.Refuse("no")
					}
					return nil
				}),
			}
			harness.InBubble(t, func(b *harness.Bubble) {
				say := func(p *harness.Peer, object, want string, wait time.Duration) {
					t.Helper()
					p.Send(object)
					o := p.Next()
					for o.Type != "ack" && o.Type != "error" && o.Type != "pong" {
						o = p.Next()
					}
					if got := strings.TrimSpace(o.Type + " " + o.Code); got != want || time.Duration(o.RetryMS)*time.Millisecond != wait {
						t.Errorf("%s: %s, %d ms", object, got, o.RetryMS)
					}
				}
				const late = "error rate_limited"
				a, boss := b.Dial("r", true, "as=u1"), b.Dial("r", true, "as=boss")
				a.Until("welcome")
				boss.Until("welcome")
				say(a, `{"type":"message","message":"bad","id":"0"}`, "error rejected", 0)
				say(a, `{"type":"message","message":"1","id":"1"}`, "ack", 0)
				say(a, `{"type":"message","message":"1","id":"1"}`, "ack", 0)
				time.Sleep(4 * time.Second)
				say(a, `{"type":"message","message":"2","id":"2"}`, late, 6*time.Second)
				say(a, `{"type":"private","to":"boss","message":"2","id":"2"}`, late, 6*time.Second)
				a.Conn.Close(1000, "")
				a = b.Dial("r", true, "as=u1")
				a.Until("welcome")
				say(a, `{"type":"message","message":"2","id":"2"}`, late, 6*time.Second)
				if paces {
					say(a, `{"type":"edit","target":1,"message":"x","id":"3"}`, "ack", 0)
					say(a, `{"type":"reaction","target":1,"reaction":"👍","id":"4"}`, "ack", 0)
				}
				say(boss, `{"type":"message","message":"b","id":"1"}`, "ack", 0)
				say(boss, `{"type":"message","message":"b","id":"2"}`, "ack", 0)
				for range 3 {
					if _, err := b.Publish(context.Background(), "r", chat.Message{UserID: "u1", Text: "from Go"}); err != nil {
						t.Error(err)
					}
				}
				time.Sleep(6 * time.Second)
				say(a, `{"type":"private","to":"boss","message":"2","id":"2"}`, "ack", 0)
				say(a, `{"type":"message","message":"1","id":"1"}`, "ack", 0) // stored long ago
				for range 150 {                                               // the client learns of it only now, so these are not its fault
					say(a, `{"type":"message","message":"3"}`, late, 10*time.Second)
				}
				say(a, `{"type":"ping"}`, "pong", 0)
				time.Sleep(2 * time.Second) // now the client knows
				for range 99 {
					say(a, `{"type":"message","message":"4"}`, late, 8*time.Second)
				}
				a.Send(`{"type":"message","message":"4"}`)
				harness.Expect(t, "closed", a.Closed(), 1008)
			}, opts...)
		})
	}
}

// TestSlowModeOfTwoServers checks that with a log that is a Pacer, all servers share the turns.
func TestSlowModeOfTwoServers(t *testing.T) {
	t.Parallel()
	log := chat.NewMemoryLog(chat.MemoryOptions{})
	opts := []chat.Option{harness.Quiet, harness.UserByHeader, chat.WithLog(log), chat.WithSlowMode(time.Hour)}
	_, one := harness.Serve(t, opts...)
	_, two := harness.Serve(t, opts...)
	a, b := harness.Dial(t, one, "r", true, "as", "u"), harness.Dial(t, two, "r", true, "as", "u")
	a.Send(`{"type":"message","message":"x","id":"1"}`)
	a.Until("ack")
	b.Send(`{"type":"message","message":"x","id":"1"}`)
	b.Until("ack")
	b.Send(`{"type":"message","message":"y","id":"2"}`)
	if o := b.Until("error"); o.Code != "rate_limited" || o.ID != "2" || o.RetryMS < 3_500_000 || o.RetryMS > 3_600_000 {
		t.Errorf("%+v", o)
	}
	c := harness.Dial(t, two, "s", true, "as", "u")
	c.Send(`{"type":"message","message":"z","id":"3"}`)
	c.Until("ack")
}
