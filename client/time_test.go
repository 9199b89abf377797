package client_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat/client"
)

func TestBackoff(t *testing.T) {
	inBubble(t, func(p *peer, n int) {
		p.welcome("e:0", "")
		if n == 0 || n == 40 {
			time.AfterFunc(31*time.Second, func() { p.conn.CloseNow() }) // long enough to reset the backoff
			p.hearAll()
		}
	}, func(f *fake) {
		var waits []time.Duration
		u := f.join(client.OnDisconnect(func(err error, wait time.Duration) { waits = append(waits, wait) }))
		for len(f.gaps()) < 45 {
			time.Sleep(time.Second)
		}
		u.Close()
		f.mu.Lock()
		defer f.mu.Unlock()
		most := time.Duration(0)
		for i, wait := range waits[:45] {
			bound := 30 * time.Second
			if k := i % 40; k < 5 {
				bound = time.Second << k
			}
			if wait < 0 || wait >= bound {
				t.Errorf("attempt %d after %v, want less than %v", i+1, wait, bound)
			}
			most = max(most, wait)
		}
		// Only one in 10^15 runs has no wait above 10 s.
		if most < 10*time.Second {
			t.Errorf("the longest wait is %v", most)
		}
		slices.Sort(waits)
		if waits[0] == waits[1] || waits[43] == waits[44] {
			t.Error("waits are not random")
		}
	})
}

// TestNoNetwork has dialing fail for a while. Send waits meanwhile.
func TestNoNetwork(t *testing.T) {
	inBubble(t, func(p *peer, n int) {
		p.welcome("e:0", resumed)
		if n > 0 {
			p.hearAll()
		}
	}, func(f *fake) {
		u := f.join()
		f.l.down.Store(true)
		synctest.Wait()
		time.AfterFunc(3*time.Minute, func() { f.l.down.Store(false) })
		start := time.Now()
		if _, err := u.Send(context.Background(), "x"); err != nil {
			t.Errorf("Send: %v", err)
		}
		if d := time.Since(start); d < 3*time.Minute || d >= 3*time.Minute+30*time.Second {
			t.Errorf("sent after %v", d)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		u.Close()
		f.l.down.Store(true)
		start = time.Now()
		_, err := client.Dial(ctx, "http://pipe", "r", client.WithDialer(f.l.dial), client.WithLogger(quiet), client.WithDialRetry())
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Minute {
			t.Errorf("Dial: %v after %v", err, time.Since(start))
		}
		start = time.Now()
		if _, err := f.dial(); err == nil || time.Since(start) != 0 {
			t.Errorf("Dial: %v after %v", err, time.Since(start))
		}
	})
}

func TestGoodbye(t *testing.T) {
	inBubble(t, func(p *peer, n int) {
		p.welcome("e:0", "")
		if n > 0 {
			p.hearAll()
			return
		}
		p.say(`{"type":"goodbye","reason":"shutdown","retry_after_ms":12345}`)
		p.close(1001, "server is shutting down")
	}, func(f *fake) {
		u := f.join()
		time.Sleep(20 * time.Second)
		u.Close()
		if d := f.gaps(); len(d) != 1 || d[0] != 12345*time.Millisecond {
			t.Errorf("came back after %v", d)
		}
	})
}

func TestTooSlowReconnectsImmediately(t *testing.T) {
	inBubble(t, func(p *peer, n int) {
		p.welcome("e:0", "")
		if n == 9 {
			p.hearAll()
			return
		}
		p.say(message(n+1, "x"))
		p.close(1013, "too slow")
	}, func(f *fake) {
		u := f.join()
		time.Sleep(10 * time.Second)
		u.Close()
		if len(f.gaps()) != 9 {
			t.Fatalf("%d requests", len(f.gaps())+1)
		}
		for _, d := range f.gaps() {
			if d >= 100*time.Millisecond {
				t.Errorf("came back after %v", d)
			}
		}
	})
}

// TestAlwaysTooSlow has a server that closes every connection with 1013.
func TestAlwaysTooSlow(t *testing.T) {
	inBubble(t, func(p *peer, n int) {
		p.welcome("e:0", "")
		p.close(1013, "too slow")
	}, func(f *fake) {
		u := f.join()
		time.Sleep(time.Hour)
		u.Close()
		if n := len(f.gaps()); n < 100 || n > 1000 {
			t.Errorf("%d attempts in an hour", n)
		}
	})
}

func TestSilentServer(t *testing.T) {
	inBubble(t, func(p *peer, n int) {
		p.welcome("e:0", "")
		if n == 1 {
			p.hearAll()
			return
		}
		for p.hear() != nil { // pings are not answered
		}
	}, func(f *fake) {
		lost := make(chan error, 1)
		u := f.join(client.OnDisconnect(func(err error, _ time.Duration) { lost <- err }))
		start := time.Now()
		if err := <-lost; time.Since(start) != 30*time.Second {
			t.Errorf("lost after %v: %v", time.Since(start), err)
		}
		time.Sleep(24 * time.Hour) // this one answers
		u.Close()
		if n := len(f.gaps()); n != 1 {
			t.Errorf("came back %d times", n)
		}
	})
}

// TestDeafServer has a server that reads nothing: pipes have no buffer.
func TestDeafServer(t *testing.T) {
	inBubble(t, func(p *peer, n int) {
		p.welcome("e:0", "")
		if n == 0 {
			time.Sleep(time.Minute)
			return
		}
		p.hearAll()
	}, func(f *fake) {
		u := f.join()
		start := time.Now()
		if _, err := u.Send(context.Background(), "x"); err != nil {
			t.Error(err)
		}
		if d := time.Since(start); d < 10*time.Second || d > 14*time.Second {
			t.Errorf("sent after %v", d)
		}
		u.Close()
	})
}

// TestSilentHandshake has a server that accepts and says nothing.
func TestSilentHandshake(t *testing.T) {
	inBubble(t, func(p *peer, n int) {
		p.hear()
	}, func(f *fake) {
		start := time.Now()
		if _, err := f.dial(client.WithTimeout(3 * time.Second)); err == nil || time.Since(start) != 3*time.Second {
			t.Errorf("Dial: %v after %v", err, time.Since(start))
		}
	})
}
