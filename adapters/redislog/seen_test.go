package redislog_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/adapters/redislog"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/chattest"
	"github.com/seed-08328bfd/chat/client"
)

// Rooms that were never written to leave nothing in Redis, whatever was called for them.
func TestNothingOfUnwrittenRooms(t *testing.T) {
	t.Parallel()
	prefix := newPrefix()
	l := redislog.New(shared.client(t), prefix, redislog.Expiry(time.Hour, 2*time.Second))
	keys := func() int {
		n := 0
		for _, kind := range []string{"head:", "entries:", "ids:", "older:", "users:"} {
			n += len(shared.exec(t, "KEYS", redislog.Prefix(prefix)+"*"+kind+"*").([]any))
		}
		return n
	}
	var names []string
	for i := range 200 {
		name := fmt.Sprint("r", i)
		names = append(names, name)
		at := read(t, l, name, chatlog.Range{Limit: 10}).Position
		if p := position(t, redislog.New(shared.client(t), prefix), name); p != at {
			t.Fatalf("%v, then %v", at, p)
		}
		if epoch, err := l.Renew(within(t), name, at.Epoch); err != nil || epoch == at.Epoch {
			t.Fatal(epoch, err)
		}
	}
	if n := keys(); n != 0 {
		t.Errorf("there are %d keys of rooms that were only read", n)
	}
	s := serve(t, shared.client(t), prefix, redislog.Expiry(time.Hour, 2*time.Second))
	join(t, s, "u").conn.Close()
	r := opened(t, l, names...)
	for _, name := range names {
		l.Unwatch(r, name)
	}
	eventually(t, "the keys of joined rooms expire", func() bool { return keys() == 0 })
}

// When the keys of a room are lost some time after its first entry, the room never gets the same
// epoch again.
func TestEpochOfLostRoom(t *testing.T) {
	t.Parallel()
	prefix := newPrefix()
	l := redislog.New(shared.client(t), prefix, redislog.Expiry(time.Hour, time.Second))
	_, epoch := put(t, l, "room", text("u", "", "m"))
	head, log, _, _ := l.KeysOf("room")
	time.Sleep(time.Second)
	shared.exec(t, "DEL", head, log)
	stranger := redislog.New(shared.client(t), prefix, redislog.Expiry(time.Hour, time.Second))
	if e, ep := put(t, stranger, "room", text("u", "", "m")); e.Offset != 1 || ep == epoch {
		t.Errorf("the room is at %s:%d again", ep, e.Offset)
	}
	// A server that has seen the room notices the loss after any time.
	shared.exec(t, "DEL", head, log)
	at := position(t, stranger, "room")
	if e, ep := put(t, stranger, "room", text("u", "", "m")); e.Offset != 1 || ep != at.Epoch {
		t.Errorf("%s:%d after %v", ep, e.Offset, at)
	}
}

// shorten stops Redis, cuts its append-only file before the entry that contains text, and starts
// it again.
func (i *instance) shorten(t testing.TB, text string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(i.dir, "appendonlydir", "*.incr.aof"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	var data []byte
	// While an fsync runs in the background, Redis writes to the file up to two seconds later.
	eventually(t, text+" is in the file", func() bool {
		data, err = os.ReadFile(files[0])
		return err != nil || strings.Contains(string(data), text)
	})
	if err != nil {
		t.Fatal(err)
	}
	i.stop(syscall.SIGKILL)
	at := strings.Index(string(data), text)
	begin := strings.LastIndex(string(data[:max(at, 0)]), "*1\r\n$5\r\nMULTI")
	if at < 0 || begin < 0 {
		t.Fatalf("%q is not in the file: %d, %d", text, at, begin)
	}
	if err := os.Truncate(files[0], int64(begin)); err != nil {
		t.Fatal(err)
	}
	if err := i.start(); err != nil {
		t.Fatal(err)
	}
}

// Redis loses offsets 71 to 100. A Log that has seen 100 begins a new epoch in its first read or
// write. It does so also if another Log has written past 100 meanwhile.
func TestSeenIsCompared(t *testing.T) {
	t.Parallel()
	for _, strangers := range []int{0, 10, 30, 31} {
		for name, use := range map[string]func(t *testing.T, l *redislog.Log) string{
			"Append": func(t *testing.T, l *redislog.Log) string {
				_, epoch := put(t, l, room, text("u", "", "next"))
				return epoch
			},
			"Read": func(t *testing.T, l *redislog.Log) string {
				return read(t, l, room, chatlog.Range{From: 100, Limit: 10}).Position.Epoch
			},
			"Positions": func(t *testing.T, l *redislog.Log) string { return position(t, l, room).Epoch },
		} {
			if name == "Positions" && strangers > 30 {
				continue // Positions cannot see this loss; the next read finds it
			}
			t.Run(fmt.Sprint(name, strangers), func(t *testing.T) {
				t.Parallel()
				i := freshInstance(t, "--appendonly", "yes")
				l := redislog.New(i.client(t))
				for n := range 100 {
					put(t, l, room, text("u", "", fmt.Sprintf("number %d.", n+1)))
				}
				was := position(t, l, room)
				i.shorten(t, "number 71.")
				other := redislog.New(i.client(t))
				if p := position(t, other, room); p.Offset != 70 || p.Epoch != was.Epoch {
					t.Fatalf("after the loss the room is at %v, and was at %v", p, was)
				}
				for range strangers {
					put(t, other, room, text("stranger", "", "m"))
				}
				if epoch := use(t, l); epoch == was.Epoch {
					t.Error("the room has the epoch of the lost entries")
				}
			})
		}
	}
}

// Redis restarts from a shorter file while the only server with the room dies. Then 31 messages
// are written after offset 70. A client that has seen 100 is told of a gap if it names the time
// of its entry. With the offset alone nobody can know of the loss, unless a second server lives
// that has seen 100.
func TestShorterFile(t *testing.T) {
	t.Parallel()
	for _, witness := range []bool{false, true} {
		t.Run(fmt.Sprint("witness=", witness), func(t *testing.T) {
			t.Parallel()
			i := freshInstance(t, "--appendonly", "yes")
			dying, living := serve(t, i.client(t)), serve(t, i.client(t))
			if witness {
				join(t, living, "witness")
			}
			m := join(t, dying, "m")
			for n := range 100 {
				if _, err := dying.Publish(within(t), room, chat.Message{UserID: "u", Text: fmt.Sprintf("number %d.", n+1)}); err != nil {
					t.Fatal(err)
				}
			}
			eventually(t, "all messages have come", func() bool { return m.last() == 100 })
			m.mu.Lock()
			at := m.events[len(m.events)-1].Position
			m.mu.Unlock()
			m.conn.Close()
			dying.Close()
			i.shorten(t, "number 71.")
			for n := range 31 {
				eventually(t, "the message is published", func() bool {
					_, err := living.Publish(within(t), room, chat.Message{UserID: "u", ID: fmt.Sprint("id", n), Text: "other"})
					return err == nil
				})
			}
			back := chatlog.Position{Epoch: at.Epoch, Offset: at.Offset}
			if !witness {
				back = at
			}
			w := welcomeAt(t, living, back)
			if w.Resumed || !w.Gap {
				t.Errorf("from %v: resumed %t, gap %t", back, w.Resumed, w.Gap)
			}
		})
	}
}

// welcomeAt returns the welcome of a client that reconnects at a position.
func welcomeAt(t testing.TB, s *chattest.Server, at chatlog.Position) client.Welcome {
	t.Helper()
	c, err := client.Dial(within(t), s.URL, room, client.WithUsername("back"), client.WithSince(at))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.Welcome()
}
