package faults

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/test/faultlog"
)

// come connects users to a server, and fails the test if one cannot join.
func (c *cluster) come(t *testing.T, server int, users ...string) {
	t.Helper()
	for _, u := range users {
		if !c.Come(u, "name-of-"+u, server, time.Minute) {
			t.Fatalf("%s cannot join server %d", u, server)
		}
	}
	synctest.Wait()
}

func (c *cluster) set(state int) {
	for _, w := range c.ways {
		w.Set(state)
	}
}

// agree fails the test unless all lists are right and no client was told anything impossible.
func (c *cluster) agree(t *testing.T) {
	t.Helper()
	synctest.Wait()
	servers := make([]int, len(c.servers))
	for i := range servers {
		servers[i] = i
	}
	for _, s := range append(c.Wrong(), c.Differ(servers...)...) {
		t.Error(s)
	}
}

// TestBackWhileLeaving lets users leave gracefully, and return while the log is being told that
// they left.
func TestBackWhileLeaving(t *testing.T) {
	for pause := range 4 {
		inCluster(t, 2, 1, func(c *cluster) {
			c.come(t, 0, "u1", "u2")
			c.come(t, 1, "u3")
			time.Sleep(2 * time.Second)
			c.set(faultlog.Stopped)
			c.Leave("u1")
			time.Sleep(time.Duration(pause) * 500 * time.Millisecond)
			back := make(chan bool)
			go func() { back <- c.Come("u1", "again", 0, time.Minute) }()
			time.Sleep(300 * time.Millisecond)
			c.set(faultlog.Open)
			if !<-back {
				t.Error("not back")
			}
			time.Sleep(2 * time.Second)
			c.agree(t)
		})
	}
}

// TestGoneWhileTheLogIsAway lets users leave, and give up handshakes, while the log does not
// answer or fails.
func TestGoneWhileTheLogIsAway(t *testing.T) {
	for _, state := range []int{faultlog.Stopped, faultlog.Cut} {
		inCluster(t, 2, 1, func(c *cluster) {
			c.come(t, 0, "u1", "u2", "u3")
			c.come(t, 1, "u4", "u5")
			c.set(state)
			c.Leave("u1")
			c.Leave("u4")
			for i := range 30 {
				go c.Come(fmt.Sprint("v", i), "n", i%2, time.Duration(i%4)*time.Millisecond)
			}
			time.Sleep(4 * time.Second)
			c.set(faultlog.Open)
			time.Sleep(5 * time.Second)
			c.agree(t)
		})
	}
}

// TestHandshakesGivenUp lets a client leave before the answer to its handshake, while the log is
// slow.
func TestHandshakesGivenUp(t *testing.T) {
	inCluster(t, 2, 1, func(c *cluster) {
		c.come(t, 0, "u1")
		c.come(t, 1, "u2")
		for i := range 200 {
			for _, w := range c.ways {
				w.Set(faultlog.Stopped)
			}
			go c.Come(fmt.Sprint("v", i%40), "n", i%2, time.Duration(i%5)*time.Millisecond)
			time.Sleep(2 * time.Millisecond)
			c.set(faultlog.Open)
			time.Sleep(time.Millisecond)
		}
		time.Sleep(5 * time.Second)
		c.agree(t)
	})
}

// TestMissedBeats makes the log unreachable for a moment whenever a server beats.
func TestMissedBeats(t *testing.T) {
	inCluster(t, 2, 1, func(c *cluster) {
		c.come(t, 0, "u1")
		c.come(t, 1, "u2")
		time.Sleep(2 * time.Second) // now the servers know of each other
		told, start := c.Told(), time.Now()
		for beat := start.Add(3 * time.Second); time.Since(start) < 2*time.Minute; beat = beat.Add(5 * time.Second) {
			time.Sleep(time.Until(beat.Add(-100 * time.Millisecond)))
			c.ways[1].Set(faultlog.Cut)
			time.Sleep(900 * time.Millisecond)
			c.ways[1].Set(faultlog.Open)
		}
		c.agree(t)
		if n := c.Told() - told; n > 0 {
			t.Errorf("%d notices, although no user has come or gone", n)
		}
	})
}

// TestNobodyCanBeat pauses the log for nearly as long as a lease, or longer.
func TestNobodyCanBeat(t *testing.T) {
	for stop := 6 * time.Second; stop < 40*time.Second; stop += 1700 * time.Millisecond {
		inCluster(t, 3, 1, func(c *cluster) {
			for i := range 3 {
				c.come(t, i, fmt.Sprint("u", i), fmt.Sprint("v", i))
				time.Sleep(1300 * time.Millisecond)
			}
			time.Sleep(20 * time.Second)
			told := c.Told()
			c.set(faultlog.Stopped)
			time.Sleep(stop)
			c.set(faultlog.Open)
			time.Sleep(30 * time.Second)
			c.agree(t)
			if n := c.Told() - told; n > 0 {
				t.Errorf("%d notices after %v, although no user has come or gone", n, stop)
			}
			// A dead server is still removed.
			c.ways[2].Set(faultlog.Cut)
			c.Lose(2)
			time.Sleep(30 * time.Second)
			for _, s := range c.Differ(0, 1) {
				t.Error(s)
			}
		})
	}
}

// TestBackUnderAnotherName lets a user return within the grace period under another name.
func TestBackUnderAnotherName(t *testing.T) {
	inCluster(t, 2, 1, func(c *cluster) {
		c.come(t, 0, "u1")
		c.come(t, 1, "u2")
		for i, name := range []string{"Al", "Bo", "Cy"} {
			told := c.Told()
			c.Cut("u1")
			time.Sleep(time.Second)
			if !c.Come("u1", name, 0, time.Minute) {
				t.Fatal("not back")
			}
			time.Sleep(time.Second)
			c.agree(t)
			for s := range c.servers {
				m, _, err := c.servers[s].Members(context.Background(), "r", 10)
				if err != nil || len(m) != 2 || m[0].Username != name {
					t.Errorf("return %d: server %d has %+v, %v", i, s, m, err)
				}
			}
			if n := c.Told() - told; n > 0 {
				t.Errorf("%d notices of a return within the grace", n)
			}
			p := c.servers[1].Dial("r", true, "as=reader")
			for _, m := range p.Until("welcome").Members {
				if m.UserID == "u1" && m.Username != name {
					t.Errorf("the welcome has %+v", m)
				}
			}
			p.Conn.CloseNow()
			time.Sleep(3 * time.Second)
		}
	})
}

// TestFalseHints lets the log send signals that are false: late ones, or two of the same. The
// lists may be wrong only for a moment, and no notice is sent twice.
func TestFalseHints(t *testing.T) {
	inCluster(t, 2, 1, func(c *cluster) {
		c.come(t, 0, "u1", "u2")
		c.come(t, 1, "u3")
		time.Sleep(2 * time.Second)
		hint := func(event chatlog.Kind, user string, changes int) {
			t.Helper()
			told := c.Told()
			e := chatlog.Event{Type: chatlog.TypeSystem, Kind: event, UserID: user, Username: user}
			for range 2 {
				if err := c.log.Signal(context.Background(), "r", e); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(2 * time.Second)
			c.agree(t)
			if n := c.Told() - told; n != changes {
				t.Errorf("%d notices after a false hint of the %s of %s, want %d", n, event, user, changes)
			}
		}
		hint("join", "u1", 0)
		hint("leave", "nobody", 0)
		hint("join", "nobody", 2*3)
		// Server 1 believes that u1 has left; server 0 knows that u1 is there.
		hint("leave", "u1", 2)
	})
}

// slowLists is a connection to a log whose lists are old when they arrive.
type slowLists struct{ chat.Log }

func (l slowLists) Members(ctx context.Context, room string, limit int) (chatlog.MemberList, error) {
	list, err := l.Log.Members(ctx, room, limit)
	time.Sleep(900 * time.Millisecond)
	return list, err
}

// TestOldLists lets users join and leave while an older list is on its way.
func TestOldLists(t *testing.T) {
	inCluster(t, 2, 1, func(c *cluster) {
		c.ways[1].Log = slowLists{c.log}
		c.come(t, 0, "u1", "u2")
		c.come(t, 1, "u3")
		time.Sleep(5 * time.Second)
		for i := range 40 {
			told := c.Told()
			c.Come("u4", "n", i%2, time.Minute)
			time.Sleep(time.Duration(300+130*(i%10)) * time.Millisecond)
			c.Leave("u4")
			time.Sleep(time.Duration(300+170*(i%9)) * time.Millisecond)
			if n := c.Told() - told; n != 2*3 {
				t.Errorf("%d: three members got %d notices of one user that came and left", i, n)
			}
		}
		time.Sleep(5 * time.Second)
		c.agree(t)
	})
}
