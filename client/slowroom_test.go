package client_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/client"
)

// TestSlowRoom does not read one room, which holds up neither the other room nor the answers.
// Its buffer stays small. The client leaves it, and comes back when there is space, or something
// to send, to where it was.
func TestSlowRoom(t *testing.T) {
	const n = 30
	var slowLeft, slowJoined atomic.Int64
	inBubble(t, func(p *peer, _ int) {
		p.say(hello)
		p.want("room", "slow")
		p.want("room", "quick")
		p.say(welcomeIn("slow", "e:0", ""), welcomeIn("quick", "e:0", ""))
		for i := range n {
			p.say(in("slow", message(i+1, fmt.Sprint("slow ", i))), in("quick", message(i+1, fmt.Sprint("quick ", i))))
		}
		at, last := 0, n
		var call map[string]any
		for o := p.hear(); o != nil; o = p.hear() {
			switch {
			case o["type"] == "leave" && o["back"] == true:
				if slowLeft.Add(1); call != nil {
					t.Error("left while a call waits")
				}
				// An older server says 1000.
				p.say(in("slow", message(last+1, "of the old visit")), left("slow", []int{1013, 1000}[slowLeft.Load()%2], ""))
			case o["type"] == "join":
				slowJoined.Add(1)
				rooms, _ := o["rooms"].(map[string]any)
				since, err := chat.ParsePosition(fmt.Sprint(rooms["slow"]))
				if err != nil || int(since.Offset) < at || at == 0 && since.Offset != 3 { // the welcome and three messages
					t.Errorf("since %v after %d: %v", rooms, at, err)
				}
				at = int(since.Offset)
				p.say(welcomeIn("slow", fmt.Sprint("e:", last), resumed))
				for i := at; i < last; i++ {
					p.say(in("slow", message(i+1, fmt.Sprint("slow ", i))))
				}
			case o["type"] == "message":
				call = o
			case o["type"] == "typing":
				o, call = call, nil
				last++
				p.say(in("slow", ack(o, last)), in("slow", message(last, "sent")))
			default:
				t.Errorf("heard %v", o)
			}
		}
	}, func(f *fake) {
		c := f.connect()
		joined := make(chan *user)
		go func() { joined <- f.enter(c, "slow", client.WithBuffer(4, 0)) }()
		synctest.Wait()
		q := f.enter(c, "quick")
		slow := <-joined
		if got := q.texts(n); got[n-1] != fmt.Sprint("quick ", n-1) {
			t.Errorf("quick has %q", got)
		}
		for i := range 2 {
			synctest.Wait()
			if l, j := slowLeft.Load(), slowJoined.Load(); l != int64(i+1) || j != int64(i) {
				t.Errorf("left %d times, joined %d times", l, j)
			}
			time.AfterFunc(3*time.Second, func() { q.Typing(bg) })
			slow.send("x")
		}
		time.Sleep(10 * time.Second)
		if l, j := slowLeft.Load(), slowJoined.Load(); l != 3 || j != 2 {
			t.Errorf("left %d times, joined %d times", l, j)
		}
		for i := range n + 2 {
			synctest.Wait()
			if e := slow.until(chat.TypeMessage); e.Offset != uint64(i+1) {
				t.Fatalf("got %+v, want offset %d", e, i+1)
			}
		}
		c.Close()
	})
}

// counted counts the bytes that are read.
type counted struct {
	net.Conn
	n *atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// TestSlowRoomCost reads a long backlog of one room slowly, from a real server. What is sent to
// be discarded must not grow with the backlog.
func TestSlowRoomCost(t *testing.T) {
	const n, size = 3000, 650 // messages, and about as many bytes of each on the wire
	inServerBubble(t, func(f *fake, srv *chat.Server) {
		read := new(atomic.Int64)
		c := f.connect(client.WithDialer(func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := f.l.dial(ctx, network, addr)
			return &counted{conn, read}, err
		}))
		slow := f.enter(c, "slow", client.WithBuffer(64, 0))
		for i := range n {
			if _, err := srv.Publish(bg, "slow", chat.Message{Text: fmt.Sprint(i, strings.Repeat(" x", 250))}); err != nil {
				f.t.Fatal(err)
			}
		}
		for i := range n {
			if e := slow.until(chat.TypeMessage); e.Offset != uint64(i+1) {
				f.t.Fatalf("got %+v, want offset %d", e, i+1)
			}
			time.Sleep(time.Millisecond)
		}
		if sent := read.Load(); sent > 3*n*size {
			f.t.Errorf("%d bytes were sent for %d messages", sent, n)
		}
		c.Close()
	}, chat.WithLog(chat.NewMemoryLog(chat.MemoryOptions{Entries: 2 * n, Bytes: 1 << 30})), chat.WithResume(2*n), chat.WithRateLimit(0, 0))
}

// TestSlowRoomUnseen has a room that is slow to read, from a real server. As long as that takes
// less than the leave grace, the others do not see the user leave.
func TestSlowRoomUnseen(t *testing.T) {
	inServerBubble(t, func(f *fake, srv *chat.Server) {
		c := f.connect(client.WithUsername("Slow"))
		slow := f.enter(c, "r", client.WithBuffer(4, 0))
		other := f.join()
		for range 40 {
			if _, err := srv.Publish(bg, "r", chat.Message{Text: "x"}); err != nil {
				f.t.Fatal(err)
			}
		}
		for range 40 {
			synctest.Wait()
			slow.until(chat.TypeMessage)
			time.Sleep(time.Second)
		}
		other.send("end")
		for e := other.next(); e.Text != "end"; e = other.next() {
			if e.Type != chat.TypeMessage {
				f.t.Errorf("got %+v", e)
			}
		}
		slow.Close()
		if e := other.next(); len(e.Left) != 1 || e.Left[0].Username != "Slow" {
			f.t.Errorf("got %+v", e)
		}
		c.Close()
		other.Close()
	}, chat.WithRateLimit(0, 0))
}
