package rooms

import (
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/logging"
	"github.com/seed-08328bfd/chat/internal/memlog"
	"github.com/seed-08328bfd/chat/internal/stream"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// A private message may have no sender: a program has sent it, or its row was deleted.
func TestPrivateFromNobody(t *testing.T) {
	for _, e := range []chatlog.Event{{Type: chatlog.TypePrivate, To: "a"}, {Type: chatlog.TypePrivate}} {
		who := audienceOf(&e)
		for _, user := range []string{"a", "b", ""} {
			if got, want := who.Has(&stream.Reader{Identity: &stream.Identity{User: user, V1: true}}), e.VisibleTo(user); got != want {
				t.Errorf("to %q: user %q gets it: %v, want %v", e.To, user, got, want)
			}
		}
	}
}

// silent says and takes nothing.
type silent struct{}

func (silent) Handle([]byte)          {}
func (silent) Greet(*Greeting) []byte { return nil }

// benchRoom returns a set with a room r that has members on real sockets whose other
// ends throw away what they get; with many set, as members of connections with many rooms.
func benchRoom(b *testing.B, members int, many bool) (*Set, *room) {
	var panics atomic.Uint64
	set := New(Config{
		Log: memlog.New(50, 1<<20, time.Hour), Local: true,
		Limits: Limits{History: 50, Resume: 256, Lag: 1 << 20, Rooms: 10, Joined: 1, Presence: 1},
		Times:  Times{Log: time.Second, PingInterval: time.Minute, PingTimeout: time.Minute},
		Logger: logging.New(slog.New(slog.DiscardHandler), &panics),
		Clock:  pipeConfig.Clock,
		Ping:   func(time.Duration) {},
		Sweep:  func() {},
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	cfg := &wsconn.Config{Clock: pipeConfig.Clock, ReadLimit: 1 << 20, WriteTimeout: time.Minute}
	for i := range members {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		s, err := l.Accept()
		if err != nil {
			b.Fatal(err)
		}
		go func() {
			buf := make([]byte, 64<<10)
			for {
				if _, err := c.Read(buf); err != nil {
					return
				}
			}
		}()
		var m struct {
			conn   wsconn.Conn
			member Member
		}
		j := Joining{Conn: &m.conn, Greet: silent{}.Greet, UserID: fmt.Sprint(i), Username: "A"}
		if many {
			all := set.NewMany(j)
			m.conn.Init(cfg, all.Source(), silent{}, false)
			m.conn.Attach(s, nil)
			if err := m.conn.Open(nil); err != nil {
				b.Fatal(err)
			}
			if err := all.Join(b.Context(), "r", j); err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { c.Close(); m.conn.Kill(); all.LeaveAll(true) })
			continue
		}
		m.conn.Init(cfg, m.member.Source(), silent{}, false)
		if err := set.Join(b.Context(), "r", &m.member, j); err != nil {
			b.Fatal(err)
		}
		m.conn.Attach(s, nil)
		if err := m.conn.Open(nil); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { c.Close(); m.conn.Kill(); m.member.Leave(true) })
	}
	b.Cleanup(func() { l.Close(); set.BeginClosing() })
	return set, set.room("r")
}

// One message to every member: an append, an encoding, a round.
func BenchmarkBroadcast(b *testing.B) { benchBroadcast(b, false) }

// BenchmarkBroadcastMany is BenchmarkBroadcast to connections with many rooms.
func BenchmarkBroadcastMany(b *testing.B) { benchBroadcast(b, true) }

func benchBroadcast(b *testing.B, many bool) {
	for _, members := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprint(members), func(b *testing.B) {
			set, r := benchRoom(b, members, many)
			b.ReportAllocs()
			for b.Loop() {
				e := chatlog.Event{Type: chatlog.TypeMessage, UserID: "u1", Username: "Alice", Text: "Hello, everybody in the room!"}
				if _, _, err := set.Publish(set.Context(), "r", e, false); err != nil {
					b.Fatal(err)
				}
				for r.deliveryState.Load() != deliveryIdle {
					time.Sleep(10 * time.Microsecond)
				}
			}
		})
	}
}
