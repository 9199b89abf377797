package client_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/client"
)

// limited is a connection that ends after a number of bytes in one direction.
type limited struct {
	net.Conn
	read, write *atomic.Int64 // bytes that still pass; nil: any number
}

// take takes up to n of the bytes that still pass.
func take(left *atomic.Int64, n int) int {
	if left == nil {
		return n
	}
	if over := left.Add(-int64(n)); over < 0 {
		left.Add(-over)
		return n + int(over)
	}
	return n
}

func (c *limited) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if m := take(c.read, n); m < n {
		c.Conn.Close()
		return m, net.ErrClosed
	}
	return n, err
}

func (c *limited) Write(p []byte) (int, error) {
	m := take(c.write, len(p))
	n, err := c.Conn.Write(p[:m])
	if err == nil && m < len(p) {
		c.Conn.Close()
		err = net.ErrClosed
	}
	return n, err
}

// inServerBubble runs test with a real server in a bubble.
func inServerBubble(t *testing.T, test func(f *fake, srv *chat.Server), opts ...chat.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		srv := chat.New(append([]chat.Option{chat.WithLogger(quiet)}, opts...)...)
		f := &fake{t: t}
		f.run(http.StripPrefix("/chat", srv), func(f *fake) {
			test(f, srv)
			srv.Close()
		})
	})
}

// readUntil checks the events of a room until the message that says end, with a pause after
// each: every entry of the log comes, once, in order, with no gap. It returns the number of
// welcomes.
func (u *user) readUntil(end string, pause time.Duration) (visits int64) {
	u.t.Helper()
	var last uint64
	for e, err := range u.Events(bg) {
		switch {
		case err != nil:
			u.t.Errorf("%s ended: %v", u.Welcome().Room, err)
			return visits
		case e.Type == client.TypeWelcome:
			visits++
		case e.Type == client.TypeGap || e.Type == client.TypeUpdate:
			u.t.Errorf("%s: %s %+v", u.Welcome().Room, e.Type, e.Gap)
		case e.Offset == 0:
		case last > 0 && e.Offset != last+1:
			u.t.Errorf("%s: offset %d after %d", u.Welcome().Room, e.Offset, last)
			fallthrough
		default:
			last = e.Offset
		}
		if e.Text == end {
			return visits
		}
		time.Sleep(pause)
	}
	return visits
}

// sentOnce checks that the messages with this prefix are in the room once, in the order of
// their numbers.
func sentOnce(t *testing.T, all []chat.Event, prefix string, n int) {
	t.Helper()
	next := 0
	for _, e := range all {
		var i int
		if k, err := fmt.Sscanf(e.Text, prefix+" %d", &i); k != 1 || err != nil {
			continue
		}
		if i != next {
			t.Errorf("%s %d comes after %d", prefix, i, next-1)
		}
		next = i + 1
	}
	if next != n {
		t.Errorf("%s: %d of %d messages", prefix, next, n)
	}
}

// TestManyCuts has connections end after the first byte in either direction, after the second,
// and so on, while two rooms are joined, written to and read.
func TestManyCuts(t *testing.T) {
	const reads, writes = 1400, 800
	big := chat.WithLog(chat.NewMemoryLog(chat.MemoryOptions{Entries: 1 << 16, Bytes: 1 << 30}))
	inServerBubble(t, func(f *fake, srv *chat.Server) {
		var dialed atomic.Int64
		dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := f.l.dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			k, n := dialed.Add(1)-1, new(atomic.Int64)
			switch l := (&limited{Conn: c}); {
			case k < reads:
				n.Store(k)
				l.read = n
				return l, nil
			case k < reads+writes:
				n.Store(k - reads)
				l.write = n
				return l, nil
			}
			return c, nil
		}
		c, err := client.Connect(bg, "http://pipe/chat", client.WithLogger(quiet), client.WithDialer(dial), client.WithDialRetry(), client.WithBackoff(time.Millisecond, time.Millisecond))
		if err != nil {
			f.t.Fatal(err)
		}
		var work sync.WaitGroup
		sent := make([]int, 2)
		for i, name := range []string{"a", "b"} {
			work.Go(func() {
				u := f.enter(c, name)
				read := make(chan struct{})
				go func() {
					u.readUntil("end", 0)
					close(read)
				}()
				for dialed.Load() < reads+writes+1 {
					if _, err := u.Send(bg, fmt.Sprint("text ", sent[i])); err != nil {
						f.t.Errorf("%s: %v", name, err)
						break
					}
					sent[i]++
				}
				if _, err := u.Send(bg, "end"); err != nil {
					f.t.Error(err)
				}
				<-read
			})
		}
		work.Wait()
		for i, name := range []string{"a", "b"} {
			sentOnce(f.t, history(f.t, srv, name), "text", sent[i])
		}
		f.t.Logf("%d connections, %d messages", dialed.Load(), sent)
		c.Close()
	}, big, chat.WithResume(1<<16), chat.WithRateLimit(0, 0))
}
