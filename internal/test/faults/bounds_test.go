package faults

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/ws"
	"github.com/seed-08328bfd/chat/internal/wsconf"
)

// carriers are kinds of connections other than plain sockets.
var carriers = []struct {
	name string
	tls  bool
	wrap bool
}{{name: "plain"}, {name: "wrapped", wrap: true}, {name: "TLS", tls: true}}

// wrapping is a listener whose connections hide their sockets, like those of
// netutil.LimitListener.
type wrapping struct{ net.Listener }

func (l wrapping) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return struct{ net.Conn }{c}, nil
}

// narrow is a listener whose sockets buffer little for clients that do not read.
type narrow struct{ net.Listener }

func (l narrow) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		err = c.(*net.TCPConn).SetWriteBuffer(32 << 10)
	}
	return c, err
}

// overCarriers runs f with a new server over each kind of connection. dial opens a client's
// connection to an address.
func overCarriers(t *testing.T, opts func() []chat.Option, f func(t *testing.T, srv *chat.Server, base string, dial func() net.Conn)) {
	for _, c := range carriers {
		t.Run(c.name, func(t *testing.T) {
			srv := chat.New(opts()...)
			hs := httptest.NewUnstartedServer(srv)
			hs.Listener = narrow{hs.Listener}
			if c.wrap {
				hs.Listener = wrapping{hs.Listener}
			}
			if c.tls {
				hs.StartTLS()
			} else {
				hs.Start()
			}
			t.Cleanup(func() {
				srv.Close()
				hs.Close()
			})
			f(t, srv, hs.URL, func() net.Conn {
				conn, err := net.Dial("tcp", hs.Listener.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { conn.Close() })
				if c.tls {
					return tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
				}
				return conn
			})
		})
	}
}

// enter connects a peer over a connection from dial.
func enter(t *testing.T, dial func() net.Conn, room string, v1 bool, query string) *harness.Peer {
	t.Helper()
	c := dial()
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return c, nil }}
	opts := ws.DialOptions{HTTPClient: &http.Client{Transport: transport}}
	if v1 {
		opts.Subprotocols = []string{"chat.v1"}
	}
	conn, _, err := ws.Dial(t.Context(), "http://h/ws/"+room+"?"+query, &opts)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	conn.SetReadLimit(1 << 24)
	t.Cleanup(func() { conn.CloseNow() })
	return &harness.Peer{T: t, Conn: conn}
}

// TestTypingGoesOn has members that have received everything, which is more than half of what a
// room may hold. Typing still works.
func TestTypingGoesOn(t *testing.T) {
	sizes := []int{3 << 10, 16 << 10}
	if !testing.Short() {
		sizes = append(sizes, 100)
	}
	for _, size := range sizes {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			opts := func() []chat.Option {
				return []chat.Option{harness.Quiet, chat.WithHistory(0), chat.WithResume(1 << 20)}
			}
			overCarriers(t, opts, func(t *testing.T, srv *chat.Server, _ string, dial func() net.Conn) {
				a := enter(t, dial, "r", true, "")
				a.Until("welcome")
				b := enter(t, dial, "r", true, "")
				b.Until("welcome")
				plain := enter(t, dial, "r", false, "")
				text := strings.Repeat("x", size)
				const bytes = 1200 << 10
				for i := range bytes / size {
					harness.Publish(t, srv, "r", text)
					if i%8 == 0 || i == bytes/size-1 {
						for _, p := range []*harness.Peer{a, b, plain} {
							for p.Until("message").Offset != uint64(i+1) {
							}
						}
					}
				}
				a.Send(`{"type":"typing"}`)
				if o := b.Until("typing"); o.User == "" {
					t.Errorf("got %+v", o)
				}
			})
		})
	}
}

// TestTrimmedToResume has members that read everything. Entries older than WithResume keeps are
// only in the log, over every kind of connection.
func TestTrimmedToResume(t *testing.T) {
	opts := func() []chat.Option {
		return []chat.Option{harness.Quiet, chat.WithHistory(0), chat.WithResume(5), chat.WithLog(chat.NewMemoryLog(chat.MemoryOptions{Entries: 5}))}
	}
	overCarriers(t, opts, func(t *testing.T, srv *chat.Server, _ string, dial func() net.Conn) {
		a := enter(t, dial, "r", true, "")
		start := a.Until("welcome").Position
		plain := enter(t, dial, "r", false, "")
		for i := range 40 {
			harness.Publish(t, srv, "r", "x")
			for _, p := range []*harness.Peer{a, plain} {
				if o := p.Until("message"); o.Offset != uint64(i+1) {
					t.Fatalf("offset %d after %d", o.Offset, i)
				}
			}
		}
		epoch, _, _ := strings.Cut(start, ":")
		gap := false
		for try := 0; try < 50 && !gap; try++ {
			harness.Publish(t, srv, "r", "y") // a round removes what members had before it
			b := enter(t, dial, "r", true, "since="+epoch+":20")
			gap = b.Until("welcome").Gap
			b.Conn.CloseNow()
			time.Sleep(5 * time.Millisecond)
		}
		if !gap {
			t.Error("entries that nobody needs are held")
		}
	})
}

// TestLastWordsOverCarriers is TestLastWords for every kind of connection.
func TestLastWordsOverCarriers(t *testing.T) {
	const clients = 40
	opts := func() []chat.Option {
		return []chat.Option{harness.Quiet, chat.WithLeaveGrace(time.Hour), chat.WithHistory(0), chat.WithLog(chat.NewMemoryLog(chat.MemoryOptions{Entries: 1000}))}
	}
	overCarriers(t, opts, func(t *testing.T, srv *chat.Server, _ string, dial func() net.Conn) {
		for i := range clients {
			c, err := wsconf.Open(dial(), wsconf.Handshake("/ws/r", harness.OfferV1), time.Now().Add(harness.Patience))
			if err != nil {
				t.Fatal(err)
			}
			harness.Publish(t, srv, "r", "noise")
			c.Write(append(fr(finText, fmt.Sprintf(`{"type":"message","message":"last %d"}`, i)), fr(finClose, "\x03\xe8")...))
			c.Close()
			harness.Publish(t, srv, "r", "noise")
		}
		harness.Eventually(t, "all members to leave", func() bool {
			_, n, err := srv.Members(t.Context(), "r", 0)
			return err == nil && n == 0
		})
		page, err := srv.History(t.Context(), "r", chat.Query{Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		if want := uint64(3 * clients); page.Position.Offset != want {
			t.Errorf("%d messages, want %d", page.Position.Offset, want)
		}
	})
}

// TestCloseComesLast closes members that have not received all messages. Over every kind of
// connection, those messages come before the close frame.
func TestCloseComesLast(t *testing.T) {
	opts := func() []chat.Option {
		return []chat.Option{harness.Quiet, chat.WithHistory(0), chat.WithMaxLag(4 << 20)}
	}
	overCarriers(t, opts, func(t *testing.T, srv *chat.Server, _ string, dial func() net.Conn) {
		open := func(messages, size int) (c *wsconf.Conn, want []string) {
			c, err := wsconf.Open(dial(), wsconf.Handshake("/ws/r"), time.Now().Add(harness.Patience))
			if err != nil {
				t.Fatal(err)
			}
			harness.Settle(t, c)
			for i := range messages {
				text := fmt.Sprint(i, strings.Repeat("x", size))
				harness.Publish(t, srv, "r", text)
				want = append(want, "msg "+harness.Brief(text))
			}
			return c, want
		}
		for range 20 { // the last message is the member's own
			c, want := open(30, 0)
			harness.RawWrite(c, harness.Join(fr(finText, "last"), fr(finBinary, "x")), 0)
			harness.Expect(t, "lines", harness.Heard(c), append(want, "msg last", "close 1003"))
			c.Close()
		}
		// One member has read nothing, so more messages wait than its sockets hold. It has a
		// second to get them. A busy machine may need longer: then the member misses only the
		// end.
		harness.Eventually(t, "all messages to come before the close frame", func() bool {
			c, want := open(200, 12<<10)
			defer c.Close()
			harness.RawWrite(c, fr(finBinary, "x"), 0)
			got := harness.Heard(c)
			n := len(got) - 1
			if n < 0 || n > len(want) || got[n] != "close 1003" {
				t.Fatalf("%d lines, the last of which are %q", n+1, got[max(0, n-3):])
			}
			harness.Expect(t, "lines before the close frame", got[:n], want[:n])
			return n == len(want)
		})
	})
}
