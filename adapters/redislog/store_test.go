package redislog_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/seed-08328bfd/chat/adapters/redislog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// A room keeps the newest events, without holes, within both limits.
func TestTrim(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name        string
		opts        []redislog.Option
		size        int
		least, most uint64 // events that are kept of 1,000
	}{
		{"by number", []redislog.Option{redislog.WithHistory(200)}, 10, 200, 330},
		{"by bytes", []redislog.Option{redislog.WithHistoryBytes(64 << 10)}, 1000, 28, 65},
		{"restored", []redislog.Option{redislog.WithHistory(0), redislog.WithHistoryBytes(-1)}, 10, 1000, 1000},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newLog(t, test.opts...)
			message := strings.Repeat("x", test.size)
			for n := uint64(1); n <= 1000; n++ {
				if e, _ := put(t, l, "room", text("u", "", message)); e.Offset != n {
					t.Fatalf("offset %d, want %d", e.Offset, n)
				}
			}
			p := read(t, l, "room", chatlog.Range{From: 1, Limit: 2000})
			if kept := uint64(len(p.Events)); kept < test.least || kept > test.most || p.First != 1001-kept || p.Position.Offset != 1000 {
				t.Errorf("%d events are kept, from %d to %v; want %d to %d", kept, p.First, p.Position, test.least, test.most)
			}
			for i, e := range p.Events {
				if e.Offset != p.First+uint64(i) || e.Text != message {
					t.Fatalf("event %d is at the place of %d", e.Offset, p.First+uint64(i))
				}
			}
		})
	}
}

// An id is known for the window, and not longer than twice the window. Whether its event is
// still kept makes no difference.
func TestWindow(t *testing.T) {
	t.Parallel()
	const window = 400 * time.Millisecond
	l := newLog(t, redislog.Window(window), redislog.WithHistoryBytes(300))
	again := func(e chatlog.Event) (chatlog.Event, bool) {
		t.Helper()
		e.Text = "other text"
		a, err := l.Append(within(t), "room", e)
		if err != nil {
			t.Fatal(err)
		}
		return a.Event, a.Repeated
	}
	type sent struct {
		chatlog.Event
		at time.Time
	}
	var all []sent
	for n := range 30 {
		at := time.Now()
		e, _ := put(t, l, "room", text("u", fmt.Sprint("id", n), "m"))
		all = append(all, sent{e, at})
		for _, old := range slices.Backward(all) {
			got, dup := again(old.Event)
			if !dup && time.Since(old.at) < window {
				t.Fatalf("the id of %d is forgotten after %v", old.Offset, time.Since(old.at))
			}
			if dup && (got.Offset != old.Offset || !got.Time.Equal(old.Time)) {
				t.Fatalf("repeated %+v, got %+v", old, got)
			}
			if !dup {
				all = nil // from now on these ids make new events
				break
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	e, _ := put(t, l, "room", text("u", "last", "m"))
	time.Sleep(2*window + 50*time.Millisecond)
	if got, dup := again(e); dup {
		t.Errorf("repeated after two windows: %+v", got)
	}
}

// When Redis evicts keys of a room, the rest of it is either whole or begins again.
func TestEviction(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	head, log, ids, older := l.KeysOf("room")
	fill := func() (epoch string, last uint64) {
		for i := range 5 {
			e, ep := put(t, l, "room", text("u", fmt.Sprint(time.Now().UnixNano(), i), "m"))
			last, epoch = e.Offset, ep
		}
		return epoch, last
	}
	epoch, last := fill()

	shared.exec(t, "DEL", log)
	p := read(t, l, "room", chatlog.Range{Limit: 10})
	if p.Position != (chatlog.Position{Epoch: epoch, Offset: last}) || p.First != last+1 || len(p.Events) != 0 || p.More {
		t.Errorf("the room without its entries is %+v", p)
	}
	if e, ep := put(t, l, "room", text("u", "next", "m")); e.Offset != last+1 || ep != epoch {
		t.Errorf("the next event is %s:%d", ep, e.Offset)
	}

	shared.exec(t, "DEL", ids, older)
	if again, err := l.Append(within(t), "room", text("u", "next", "m")); err != nil || again.Repeated || again.Event.Offset != last+2 {
		t.Errorf("the append without its ids: %+v, %v", again, err)
	}

	shared.exec(t, "DEL", head)
	if e, ep := put(t, l, "room", text("u", "next", "m")); e.Offset != 1 || ep == epoch {
		t.Errorf("the first event without a head is %s:%d", ep, e.Offset)
	}
	if p := read(t, l, "room", chatlog.Range{Limit: 10}); len(p.Events) != 1 || p.First != 1 {
		t.Errorf("the room without its head is %+v", p)
	}

	// The same, but another call comes before the first event.
	r := opened(t, l)
	for what, f := range map[string]func() error{
		"Read": func() error {
			p, err := l.Read(within(t), "room", chatlog.Range{Limit: 10})
			if len(p.Events) > 0 || p.First != 1 {
				t.Errorf("the room without its head is %+v", p)
			}
			return err
		},
		"Positions": func() error { _, err := l.Positions(within(t), []string{"room"}); return err },
		"Renew":     func() error { _, err := l.Renew(within(t), "room", epoch); return err },
		"Watch":     func() error { return l.Watch(within(t), r, "room") },
	} {
		fill()
		if again, err := l.Append(within(t), "room", text("u", "next", "m")); err != nil || !again.Repeated && again.Event.Offset < 6 {
			t.Errorf("%+v, %v", again, err)
		}
		shared.exec(t, "DEL", head)
		if err := f(); err != nil {
			t.Error(err)
		}
		at := position(t, l, "room")
		if at.Offset != 0 {
			t.Errorf("%s: the room is at %v", what, at)
		}
		if e, ep := put(t, l, "room", text("u", "next", "m")); e.Offset != 1 || ep != at.Epoch {
			t.Errorf("%s: the first event is %s:%d, after %v", what, ep, e.Offset, at)
		}
		if p := read(t, l, "room", chatlog.Range{Limit: 10}); len(p.Events) != 1 || p.First != 1 {
			t.Errorf("%s: the room is %+v", what, p)
		}
	}
}

// When Redis is full, nothing is half written.
func TestOutOfMemory(t *testing.T) {
	t.Parallel()
	i := freshInstance(t, "--maxmemory-policy", "noeviction")
	l := redislog.New(i.client(t))
	put(t, l, "room", text("u", "1", "m"))
	before := read(t, l, "room", chatlog.Range{From: 1, Limit: 10})
	i.exec(t, "CONFIG", "SET", "maxmemory", "1")
	if _, err := l.Append(within(t), "room", text("u", "2", "m")); err == nil || !strings.Contains(err.Error(), "OOM") {
		t.Errorf("appended to a full Redis: %v", err)
	}
	i.exec(t, "CONFIG", "SET", "maxmemory", "0")
	if p := read(t, l, "room", chatlog.Range{From: 1, Limit: 10}); p.Position != before.Position || len(p.Events) != 1 {
		t.Errorf("before %+v, after %+v", before, p)
	}
	if e, _ := put(t, l, "room", text("u", "2", "m")); e.Offset != 2 {
		t.Errorf("offset %d", e.Offset)
	}
}

// A command whose answer was lost is not sent again, whatever the client's options.
func TestSentOnce(t *testing.T) {
	t.Parallel()
	p := newProxy(t, shared.addr())
	c := redis.NewClient(&redis.Options{Addr: p.addr, MaxRetries: 10})
	defer c.Close()
	l := redislog.New(c, newPrefix())
	put(t, l, "room", text("u", "", "first"))
	for n := range 20 {
		position(t, l, "room") // this makes a connection that the next command uses
		p.cut.Store(true)
		if _, err := l.Append(within(t), "room", text("u", "", fmt.Sprint(n))); err == nil {
			t.Errorf("%d: no error, although the answer was lost", n)
		}
		p.cut.Store(false)
	}
	seen := map[string]bool{}
	for _, e := range read(t, l, "room", chatlog.Range{From: 1, Limit: 100}).Events {
		if seen[e.Text] {
			t.Errorf("%s is there twice", e.Text)
		}
		seen[e.Text] = true
	}
	if len(seen) < 10 {
		t.Errorf("only %d of 20 commands were executed", len(seen)-1)
	}
}

func TestRefusals(t *testing.T) {
	for name, f := range map[string]func(){
		"a brace in the prefix": func() { redislog.WithPrefix("a{b") },
		"a Ring":                func() { redislog.New(redis.NewRing(&redis.RingOptions{})) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			f()
		})
	}
}

// If Redis' clock is set back, the times in a room do not go back.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	first, _ := put(t, l, "room", text("u", "", "m"))
	head, _, _, _ := l.KeysOf("room")
	words := strings.Fields(shared.exec(t, "GET", head).(string))
	later := first.Time.Add(time.Hour)
	words[2] = fmt.Sprint(later.UnixMilli())
	shared.exec(t, "SET", head, strings.Join(words, " "), "KEEPTTL")
	for range 2 {
		if e, _ := put(t, l, "room", text("u", "", "m")); !e.Time.Equal(later) {
			t.Errorf("%v after %v", e.Time, later)
		}
	}
}
