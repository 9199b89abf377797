package rooms

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/logging"
	"github.com/seed-08328bfd/chat/internal/memlog"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// A caller is a connection over a real socket with small buffers, so that writes succeed,
// fail and are cut anywhere. It counts the messages of each room.
type caller struct {
	t    *testing.T
	many *Many
	conn wsconn.Conn
	end  net.Conn

	last   map[string]uint64 // the offset that came last in a room
	in     map[string]bool
	rejoin chan string // rooms whose member was too slow
	final  sync.WaitGroup
}

// hear checks what comes until the connection ends.
func (c *caller) hear(rng *rand.Rand) {
	r := bufio.NewReaderSize(c.end, 512)
	for {
		if rng.IntN(50) == 0 {
			time.Sleep(time.Duration(rng.IntN(3)) * time.Millisecond)
		}
		op, b, err := readFrame(r)
		if err != nil {
			return
		}
		var o gotten
		if err := json.Unmarshal(b, &o); err != nil || op != wsconn.OpText {
			c.t.Errorf("opcode %d, %.100q: %v", op, b, err)
			return
		}
		if c.in[o.Room] == (o.Type == "welcome") {
			c.t.Errorf("%.100s, while the room is in: %t", b, c.in[o.Room])
		}
		switch o.Type {
		case "welcome":
			at, _ := chatlog.ParsePosition(o.Position)
			if c.in[o.Room] = true; o.Resumed { // from the first on
				at.Offset = 0
			}
			c.last[o.Room] = at.Offset
		case "left":
			if c.in[o.Room] = false; o.Code == proto.CloseTryAgain {
				c.rejoin <- o.Room
			}
		case chatlog.TypeMessage:
			if o.Offset != c.last[o.Room]+1 {
				c.t.Errorf("%s: %d comes after %d", o.Room, o.Offset, c.last[o.Room])
			}
			if c.last[o.Room] = o.Offset; o.Text == "final" {
				c.final.Done()
			}
		}
	}
}

// TestManySockets has slow clients of many rooms on real sockets, which join and leave while
// messages are published concurrently. Nothing is lost, doubled, or comes after the end.
func TestManySockets(t *testing.T) {
	const callers, publishers, messages = 6, 3, 400
	rooms := []string{"a", "b", "c", "d", "e", "f"}
	var panics atomic.Uint64
	s := New(Config{
		Log: memlog.New(10_000, 64<<20, time.Hour), Local: true,
		Limits: Limits{Resume: 20, Lag: 96 << 10, Rooms: 10, Joined: 10, Presence: -1},
		Times:  Times{Log: time.Second, Flush: time.Millisecond, FlushMost: time.Millisecond},
		Pack:   wsconn.Deflate,
		Logger: logging.New(slog.New(slog.DiscardHandler), &panics),
		Clock:  pipeConfig.Clock,
		Ping:   func(time.Duration) {}, Sweep: func() {},
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var epoch string
	for _, room := range rooms { // so that a place names an epoch
		epoch = sayIn(t, s, room, "first").Epoch
	}
	var all []*caller
	var heard, busy sync.WaitGroup
	for i := range callers {
		c := &caller{t: t, last: map[string]uint64{}, in: map[string]bool{}, rejoin: make(chan string, 1000)}
		if c.end, err = net.Dial("tcp", l.Addr().String()); err != nil {
			t.Fatal(err)
		}
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		c.end.(*net.TCPConn).SetReadBuffer(4 << 10)
		server.(*net.TCPConn).SetWriteBuffer(4 << 10)
		j := Joining{Conn: &c.conn, UserID: fmt.Sprint("u", i), Deflate: i%2 == 0}
		c.many = s.NewMany(j)
		c.conn.Init(&wsconn.Config{Clock: pipeConfig.Clock, ReadLimit: 1 << 20, WriteTimeout: time.Minute}, c.many.Source(), silent{}, j.Deflate)
		c.conn.Attach(server, nil)
		if err := c.conn.Open(nil); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
		heard.Go(func() { c.hear(rand.New(rand.NewPCG(uint64(i), 1))) })
	}
	// The last offset that a caller has seen is its reader's alone: who comes back gets all.
	enter := func(c *caller, room string) error {
		return c.many.Join(context.Background(), room, Joining{Greet: roomGreeter(room).Greet})
	}
	for i := range publishers {
		busy.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 2))
			for range messages {
				text := strings.Repeat("x", rng.IntN(16<<10)>>rng.IntN(10))
				sayIn(t, s, rooms[rng.IntN(len(rooms))], text)
			}
		})
	}
	for i, c := range all {
		busy.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 3))
			for range messages {
				room := rooms[rng.IntN(len(rooms))]
				if enter(c, room) == ErrJoined && rng.IntN(2) == 0 {
					c.many.End(room, proto.CloseNormal, "")
				}
				time.Sleep(time.Duration(rng.IntN(2)) * time.Millisecond)
			}
		})
	}
	busy.Wait()
	for _, c := range all { // one is in the room when the last message comes, or was too slow
		for _, room := range rooms {
			c.final.Add(1)
			if err := enter(c, room); err != nil && err != ErrJoined {
				t.Error(err)
			}
		}
	}
	for _, room := range rooms {
		sayIn(t, s, room, "final")
	}
	done := make(chan struct{})
	for _, c := range all {
		go func() { // ends with the test
			for {
				select {
				case room := <-c.rejoin:
					c.many.Join(context.Background(), room, Joining{Greet: roomGreeter(room).Greet, Since: chatlog.Position{Epoch: epoch}})
				case <-done:
					return
				}
			}
		}()
	}
	for _, c := range all {
		c.final.Wait()
		c.conn.Kill()
		c.many.LeaveAll(true)
		c.end.Close()
	}
	close(done)
	heard.Wait()
	if st := s.Stats(); st.Rooms != 0 || st.Users != 0 {
		t.Errorf("%d rooms with %d users are left", st.Rooms, st.Users)
	}
	t.Log(s.Stats().Slow, "members were too slow")
	s.BeginClosing()
	<-s.End()
}
