package rooms

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/memlog"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// meanwhile is a greeter that does something while its member joins.
type meanwhile struct {
	roomGreeter
	do func()
}

func (m meanwhile) Greet(g *Greeting) []byte {
	m.do()
	return m.roomGreeter.Greet(g)
}

// TestWhileJoining: what comes while a member joins is not trimmed before it, and one that is
// ended meanwhile gets nothing.
func TestWhileJoining(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSet(t, newTestLog(), func(c *Config) { c.Limits.Joined, c.Limits.Resume = 10, 2 })
		p := inMany(t, s, Joining{UserID: "p"})
		other := join(t, s, Joining{UserID: "o"}) // in the room r
		g := meanwhile{"r", func() {
			for range 200 {
				sayIn(t, s, "r", "hi")
			}
		}}
		if err := p.many.Join(t.Context(), "r", Joining{Greet: g.Greet}); err != nil {
			t.Fatal(err)
		}
		p.expect("welcome r" + strings.Repeat("; message r hi", 200))
		g = meanwhile{"a", func() { p.many.End("a", proto.CloseForbidden, "") }}
		if err := p.many.Join(t.Context(), "a", Joining{Greet: g.Greet}); err == nil {
			t.Error("joined")
		}
		sayIn(t, s, "a", "unseen")
		p.expect("")
		p.leave()
		other.leave()
	})
}

// TestBehindInItsTurn: a member that is found behind in its turn, before a round has visited
// it, gets its left object though nothing else follows.
func TestBehindInItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSet(t, newTestLog(), func(c *Config) { c.Limits.Joined, c.Limits.Lag = 10, 16<<10 })
		p := inMany(t, s, Joining{UserID: "p"})
		for _, room := range []string{"a", "b"} {
			if err := p.enter(room, chatlog.Position{}, nil); err != nil {
				t.Fatal(err)
			}
		}
		p.take()
		p.pause()
		sayIn(t, s, "b", "read")
		synctest.Wait()
		sayIn(t, s, "b", "hi")
		synctest.Wait() // the drain waits with it
		sayIn(t, s, "a", "listed")
		r := s.room("a")
		r.mu.Lock()
		for range 10 {
			r.putObjectLocked([]byte(`{"type":"typing","x":"`+strings.Repeat("x", 4<<10)+`"}`), 0, 0, nil)
		}
		r.mu.Unlock()
		p.resume()
		p.expect(`message b read; message b hi; left a 1013,"reason":"too slow: come back and resume"`)
		p.leave()
	})
}

// TestCutInARound: a socket takes a part of what a round has for a member. The rest follows,
// though nothing is said in the room then.
func TestCutInARound(t *testing.T) {
	const messages = 100
	s := newSet(t, memlog.New(1000, 64<<20, time.Hour), func(c *Config) {
		c.Limits.Joined, c.Local = 1, true
		c.Times.Flush, c.Times.FlushMost = 20*time.Millisecond, 20*time.Millisecond // so that a round has many
	})
	enter := func(conn *wsconn.Conn, end net.Conn, user string) *Many {
		m := s.NewMany(Joining{Conn: conn, UserID: user})
		conn.Init(pipeConfig, m.Source(), silent{}, false)
		conn.Attach(end, nil)
		if err := conn.Open(nil); err != nil {
			t.Fatal(err)
		}
		if err := m.Join(t.Context(), "r", Joining{Greet: silent{}.Greet}); err != nil {
			t.Fatal(err)
		}
		return m
	}
	for i := range smallRoomSize { // so that no publisher runs the rounds
		defer enter(new(wsconn.Conn), sinkhole{}, fmt.Sprint(i)).LeaveAll(true)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	server.(*net.TCPConn).SetWriteBuffer(4 << 10)
	defer enter(new(wsconn.Conn), server, "reader").LeaveAll(true)
	for range messages {
		sayIn(t, s, "r", strings.Repeat("x", 4<<10))
	}
	client.SetReadDeadline(time.Now().Add(20 * time.Second)) // it takes none of this
	r := bufio.NewReader(client)
	for got := uint64(0); got < messages; {
		_, b, err := readFrame(r)
		if err != nil {
			t.Fatalf("%d messages of %d: %v", got, messages, err)
		}
		var o gotten
		if err := json.Unmarshal(b, &o); err != nil {
			t.Fatal(err)
		}
		if o.Type == chatlog.TypeMessage {
			if got++; o.Offset != got {
				t.Fatalf("%d instead of %d", o.Offset, got)
			}
		}
	}
}
