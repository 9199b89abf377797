package redislog_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/seed-08328bfd/chat/adapters/redislog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// A recorder is a sink that records all calls.
type recorder struct {
	mu       sync.Mutex
	pushed   []pushed
	down, up int // calls of Interrupted and Resumed
}

type pushed struct {
	Room, Epoch string
	Event       chatlog.Event
}

func (r *recorder) Push(room, epoch string, e chatlog.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pushed = append(r.pushed, pushed{room, epoch, e})
}

func (r *recorder) Interrupted(error) { r.mu.Lock(); r.down++; r.mu.Unlock() }
func (r *recorder) Resumed()          { r.mu.Lock(); r.up++; r.mu.Unlock() }

func (r *recorder) all() []pushed {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]pushed(nil), r.pushed...)
}

// last returns the largest offset that was pushed for room.
func (r *recorder) last(room string) (last uint64) {
	for _, p := range r.all() {
		if p.Room == room {
			last = max(last, p.Event.Offset)
		}
	}
	return last
}

func (r *recorder) interruptions() (down, up int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.down, r.up
}

// opened returns a recorder that is opened with l and watches rooms.
func opened(t testing.TB, l *redislog.Log, rooms ...string) *recorder {
	t.Helper()
	r := &recorder{}
	if err := l.Open(within(t), r); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(r) })
	for _, room := range rooms {
		if err := l.Watch(within(t), r, room); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// Without faults, every event and signal is pushed once, whole and in order, to every sink that
// watches the room and to no other sink.
func TestFeed(t *testing.T) {
	t.Parallel()
	prefix := newPrefix()
	a, b := redislog.New(shared.client(t), prefix), redislog.New(shared.client(t), prefix)
	onA, onB := opened(t, a, "one", "{two}"), opened(t, b, "one")
	var want []pushed
	for i := range 50 {
		stored, epoch := put(t, a, "one", text("u", fmt.Sprint(i), "hello\x00 \n*"))
		put(t, b, "three", text("u", "", "m"))
		typing := chatlog.Event{Type: chatlog.TypeTyping, UserID: "u\x00", Username: "U"}
		if err := b.Signal(within(t), "one", typing); err != nil {
			t.Fatal(err)
		}
		typing.Time = typing.Time.UTC()
		want = append(want, pushed{"one", epoch, stored}, pushed{"one", "", typing})
	}
	for _, r := range []*recorder{onA, onB} {
		eventually(t, "all events are pushed", func() bool { return len(r.all()) >= len(want) })
		if d := cmp.Diff(want, r.all()); d != "" {
			t.Errorf("pushed (-want +got):\n%s", d)
		}
	}
}

// Many rooms are watched. Events of all of them are pushed. When half of them are no longer
// watched, the sink gets no more events of these.
func TestManyRooms(t *testing.T) {
	t.Parallel()
	prefix := newPrefix()
	a, b := redislog.New(shared.client(t), prefix), redislog.New(shared.client(t), prefix)
	r := opened(t, a)
	const rooms = 2000
	var wg sync.WaitGroup
	for i := range rooms {
		wg.Go(func() {
			if err := a.Watch(within(t), r, fmt.Sprint("room", i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for i := range rooms {
		if i%2 == 0 {
			a.Unwatch(r, fmt.Sprint("room", i))
		}
	}
	eventually(t, "half of the subscriptions end", func() bool {
		return len(shared.exec(t, "PUBSUB", "SHARDCHANNELS", redislog.Prefix(prefix)+"*").([]any)) == rooms/2
	})
	for i := range rooms {
		put(t, b, fmt.Sprint("room", i), text("u", "", "m"))
	}
	eventually(t, "events of the other half are pushed", func() bool { return len(r.all()) >= rooms/2 })
	for _, p := range r.all() {
		var i int
		fmt.Sscanf(p.Room, "room%d", &i)
		if i%2 == 0 {
			t.Fatalf("pushed %+v", p)
		}
	}
	if err := a.Close(r); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all subscriptions end", func() bool {
		return len(shared.exec(t, "PUBSUB", "SHARDCHANNELS", redislog.Prefix(prefix)+"*").([]any)) == 0
	})
}

// The subscription is cut repeatedly. A sink is told of each loss and of each return. What is
// appended after Resumed is pushed.
func TestSubscriptionCut(t *testing.T) {
	t.Parallel()
	i := freshInstance(t)
	l := redislog.New(i.client(t))
	r := opened(t, l, "room", "other")
	for range 5 {
		before, _ := r.interruptions()
		i.exec(t, "CLIENT", "KILL", "TYPE", "pubsub")
		eventually(t, "the sink is told of the loss and the return", func() bool {
			down, up := r.interruptions()
			return down > before && up == down
		})
		e, _ := put(t, l, "room", text("u", "", "m"))
		eventually(t, "an event is pushed", func() bool { return r.last("room") == e.Offset })
	}
}

// Close waits for a running push, and no push begins after it.
func TestCloseWaits(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	r := &slowSink{pushing: make(chan struct{}), resume: make(chan struct{})}
	if err := l.Open(within(t), r); err != nil {
		t.Fatal(err)
	}
	if err := l.Watch(within(t), r, "room"); err != nil {
		t.Fatal(err)
	}
	put(t, l, "room", text("u", "", "m"))
	<-r.pushing
	closed := make(chan struct{})
	go func() { l.Close(r); close(closed) }()
	select {
	case <-closed:
		t.Error("Close returned during a push")
	case <-time.After(100 * time.Millisecond):
	}
	close(r.resume)
	<-closed
}

// slowSink blocks in Push.
type slowSink struct {
	recorder
	pushing, resume chan struct{}
}

func (s *slowSink) Push(room, epoch string, e chatlog.Event) {
	close(s.pushing)
	<-s.resume
}

// A connection that is open but silent is found. A sink that is opened meanwhile is told too.
func TestSubscriptionSilent(t *testing.T) {
	t.Parallel()
	i := freshInstance(t)
	l := redislog.New(i.client(t))
	p := newProxy(t, i.addr())
	silent := redislog.New(p.client(t))
	r := opened(t, silent, "room")
	p.freeze(true)
	put(t, l, "room", text("u", "", "m"))
	eventually(t, "the sink is told of the silence", func() bool { down, _ := r.interruptions(); return down == 1 })
	if r.last("room") != 0 {
		t.Error("an event came through a frozen connection")
	}
	p.freeze(false)
	eventually(t, "the sink is told that events arrive again", func() bool { _, up := r.interruptions(); return up == 1 })
	e, _ := put(t, l, "room", text("u", "", "m"))
	eventually(t, "an event is pushed", func() bool { return r.last("room") == e.Offset })
}

// Thousands of calls return when their contexts end, although Redis does not answer. When Redis
// answers again, the Log works again.
func TestAway(t *testing.T) {
	t.Parallel()
	i := freshInstance(t)
	p := newProxy(t, i.addr())
	c := redis.NewClient(&redis.Options{Addr: p.addr, ReadTimeout: patience}) // so the client's own timeout does not help
	defer c.Close()
	l := redislog.New(c)
	r := opened(t, l, "room")
	p.freeze(true)
	began := time.Now()
	var wg sync.WaitGroup
	for n := range 3000 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			var err error
			switch n % 4 {
			case 0:
				_, err = l.Append(ctx, "room", text("u", fmt.Sprint(n), strings.Repeat("x", 10_000)))
			case 1:
				_, err = l.Read(ctx, "room", chatlog.Range{Limit: 10})
			case 2:
				_, err = l.Positions(ctx, []string{"room", "other"})
			case 3:
				err = l.Watch(ctx, r, fmt.Sprint("room", n))
			}
			if err == nil {
				t.Error("no error, although nothing answers")
			}
		})
	}
	wg.Wait()
	if d := time.Since(began); d > patience/2 {
		t.Errorf("the calls took %v", d)
	}
	p.freeze(false)
	eventually(t, "Redis can be used again", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := l.Append(ctx, "room", text("u", "", "m"))
		return err == nil
	})
}

// Open returns an error while Redis cannot be reached, and works as soon as it can.
func TestOpenWhileAway(t *testing.T) {
	t.Parallel()
	i := freshInstance(t)
	l := redislog.New(i.client(t))
	i.stop(syscall.SIGKILL)
	r := &recorder{}
	if err := l.Open(within(t), r); err == nil {
		t.Fatal("no error, although nobody listens")
	}
	if err := l.Watch(within(t), r, "room"); err == nil {
		t.Fatal("a sink that is not open can watch")
	}
	if err := i.start(); err != nil {
		t.Fatal(err)
	}
	r = opened(t, l, "room")
	e, _ := put(t, l, "room", text("u", "", "m"))
	eventually(t, "the event is pushed", func() bool { return r.last("room") == e.Offset })
}
