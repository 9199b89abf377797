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

// Rooms that were never written to leave nothing behind, however they were asked for.
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
		t.Errorf("%d keys of rooms that were read", n)
	}
	s := serve(t, shared.client(t), prefix, redislog.Expiry(time.Hour, 2*time.Second))
	join(t, s, "u").conn.Close()
	r := opened(t, l, names...)
	for _, name := range names {
		l.Unwatch(r, name)
	}
	eventually(t, "nothing is left of rooms that were joined", func() bool { return keys() == 0 })
}

// An epoch does not come back in a room whose keys were lost, when some time has passed
// since its first entry.
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
	// Who has seen the room notices whatever the time.
	shared.exec(t, "DEL", head, log)
	at := position(t, stranger, "room")
	if e, ep := put(t, stranger, "room", text("u", "", "m")); e.Offset != 1 || ep != at.Epoch {
		t.Errorf("%s:%d after %v", ep, e.Offset, at)
	}
}

// shorten stops Redis and starts it again with its append-only file cut before the
// entry that holds text.
func (i *instance) shorten(t testing.TB, text string) {
	t.Helper()
	i.stop(syscall.SIGKILL)
	files, err := filepath.Glob(filepath.Join(i.dir, "appendonlydir", "*.incr.aof"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
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

// Redis loses 71 to 100. A Log that has seen 100 begins a new epoch in the very step in
// which it asks or writes first, also when a stranger has written past 100 meanwhile.
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
				continue // who reads on finds out
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
					t.Error("in the epoch of the entries that were lost")
				}
			})
		}
	}
}

// Redis is started from a shorter file while the only server that had the room dies,
// and 31 messages are written onto 70. Who has seen 100 is told of a gap by the time of
// the entry. With the offset alone nobody can know; but a second server that lives and
// has seen 100 does, and then the offset alone is enough.
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
			eventually(t, "all has come", func() bool { return m.last() == 100 })
			m.mu.Lock()
			at := m.events[len(m.events)-1].Position
			m.mu.Unlock()
			m.conn.Close()
			dying.Close()
			i.shorten(t, "number 71.")
			for n := range 31 {
				eventually(t, "it is published", func() bool {
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

// welcomeAt returns the welcome of a client that comes back to a place.
func welcomeAt(t testing.TB, s *chattest.Server, at chatlog.Position) client.Welcome {
	t.Helper()
	c, err := client.Dial(within(t), s.URL, room, client.WithUsername("back"), client.WithSince(at))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.Welcome()
}
