package faults

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
)

// consumerLog is a log whose methods for consumers fail at random, before or after they have
// done their work. It notes which events may be handled again because of that.
type consumerLog struct {
	chatlog.Tracker
	chatlog.Feed
	chatlog.Presence

	mu    sync.Mutex
	rng   *rand.Rand
	calm  bool
	again map[string]bool // by room and offset
}

var errBroken = errors.New("the database is away")

// fails reports, with a random choice, whether a call fails before and after its work.
func (l *consumerLog) fails() (before, after error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.calm {
		switch l.rng.IntN(10) {
		case 0:
			before = errBroken
		case 1:
			after = errBroken
		}
	}
	return before, after
}

func (l *consumerLog) AddConsumer(ctx context.Context, name string, skip bool) error {
	before, after := l.fails()
	if before != nil {
		return before
	}
	return errors.Join(l.Tracker.AddConsumer(ctx, name, skip), after)
}

func (l *consumerLog) Behind(ctx context.Context, name string, except []string, limit int) ([]string, error) {
	rooms, err := l.Tracker.Behind(ctx, name, except, limit)
	before, after := l.fails()
	return rooms, errors.Join(err, before, after)
}

func (l *consumerLog) Claim(ctx context.Context, name, room string, limit int, hold time.Duration) (chatlog.Claim, error) {
	before, after := l.fails()
	if before != nil {
		return nil, before
	}
	c, err := l.Tracker.Claim(ctx, name, room, limit, hold)
	if c == nil || err != nil || after != nil {
		return nil, errors.Join(err, after) // the room stays claimed
	}
	return brokenClaim{c, l}, nil
}

type brokenClaim struct {
	chatlog.Claim
	log *consumerLog
}

func (c brokenClaim) Done(ctx context.Context) error {
	before, after := c.log.fails()
	if before != nil {
		c.log.mu.Lock()
		for _, e := range c.Batch().Events {
			c.log.again[fmt.Sprint(c.Batch().Room, e.Offset)] = true
		}
		c.log.mu.Unlock()
		return before
	}
	return errors.Join(c.Claim.Done(ctx), after)
}

// handled is what handlers of one consumer have seen.
type handled struct {
	mu     sync.Mutex
	rng    *rand.Rand
	busy   map[string]bool
	last   map[string]uint64 // by room
	calm   bool
	errors []string
}

func (h *handled) choose() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.calm {
		return 9
	}
	return h.rng.IntN(10)
}

func (h *handled) errorf(format string, args ...any) {
	h.errors = append(h.errors, fmt.Sprintf(format, args...))
}

// handle fails at random in all ways that a handler can.
func (h *handled) handle(l *consumerLog) func(context.Context, chat.Batch) error {
	return func(ctx context.Context, b chat.Batch) error {
		h.mu.Lock()
		if h.busy[b.Room] {
			h.errorf("two calls for %s", b.Room)
		}
		h.busy[b.Room] = true
		h.mu.Unlock()
		defer func() {
			h.mu.Lock()
			h.busy[b.Room] = false
			h.mu.Unlock()
		}()
		switch h.choose() {
		case 0:
			return errors.New("the receiver is away")
		case 1:
			panic("a fault of the handler")
		case 2:
			runtime.Goexit()
		case 3:
			time.Sleep(40 * time.Second) // longer than a claim lasts if it is not renewed
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if b.Missed || len(b.Events) == 0 {
			h.errorf("%s: %d events, missed %t", b.Room, len(b.Events), b.Missed)
		}
		for _, e := range b.Events {
			at := h.last[b.Room]
			switch {
			case e.Offset == at+1:
			case e.Offset > at+1:
				h.errorf("%s: %d after %d", b.Room, e.Offset, at)
			case !l.mayRepeat(b.Room, e.Offset):
				h.errorf("%s: %d twice", b.Room, e.Offset)
			}
			if e.Position.Offset != e.Offset || e.Position.Epoch == "" {
				h.errorf("%s: the position %v of %d", b.Room, e.Position, e.Offset)
			}
			h.last[b.Room] = max(at, e.Offset)
		}
		return nil
	}
}

func (l *consumerLog) mayRepeat(room string, offset uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.again[fmt.Sprint(room, offset)]
}

// TestFollowAllUnderFailures lets four readers on two servers handle rooms for one consumer,
// while calls of the log and handlers fail in random ways, and readers stop and begin again. In
// the end each event was handled, in order, and again only if its place could not be stored.
func TestFollowAllUnderFailures(t *testing.T) {
	t.Parallel()
	rounds := 10
	if testing.Short() {
		rounds = 1
	}
	for range rounds {
		seed := rand.Uint64()
		synctest.Test(t, func(t *testing.T) {
			t.Logf("seed %d", seed)
			rng := rand.New(rand.NewPCG(seed, 0))
			memory := chat.NewMemoryLog(chat.MemoryOptions{Entries: 1000})
			l := &consumerLog{Tracker: memory.(chatlog.Tracker), Feed: memory, Presence: memory,
				rng: rand.New(rand.NewPCG(seed, 1)), again: map[string]bool{}}
			h := &handled{rng: rand.New(rand.NewPCG(seed, 2)), busy: map[string]bool{}, last: map[string]uint64{}}
			quiet := slog.New(slog.DiscardHandler)
			servers := []*chat.Server{chat.New(chat.WithLog(l), chat.WithLogger(quiet)), chat.New(chat.WithLog(l), chat.WithLogger(quiet))}
			ctx, cancel := context.WithCancel(t.Context())
			var readers sync.WaitGroup
			for i := range 4 {
				readers.Go(func() {
					for ctx.Err() == nil {
						turn, stop := context.WithTimeout(ctx, time.Duration(1+i)*time.Minute)
						err := servers[i%2].FollowAll(turn, "archive", chat.FromStart, h.handle(l))
						if turn.Err() == nil {
							t.Errorf("FollowAll ended: %v", err)
							cancel()
						}
						stop()
					}
				})
			}
			written := map[string]uint64{}
			for range 300 {
				room := fmt.Sprint("r", rng.IntN(6))
				if _, err := memory.Append(ctx, room, chatlog.Event{Type: chat.TypeMessage, UserID: "u", Text: "hi"}); err != nil {
					t.Fatal(err)
				}
				written[room]++
				if rng.IntN(3) == 0 {
					time.Sleep(time.Duration(rng.IntN(3000)) * time.Millisecond)
				}
			}
			time.Sleep(time.Duration(rng.IntN(300)) * time.Second)
			l.mu.Lock()
			h.mu.Lock()
			l.calm, h.calm = true, true
			h.mu.Unlock()
			l.mu.Unlock()
			time.Sleep(10 * time.Minute)
			all, err := servers[0].Consumers(ctx)
			if err != nil || len(all) != 1 || all[0] != (chat.Consumer{Name: "archive"}) {
				t.Errorf("in the end: %+v, %v", all, err)
			}
			cancel()
			readers.Wait()
			for room, n := range written {
				if h.last[room] != n {
					t.Errorf("%s: handled up to %d of %d", room, h.last[room], n)
				}
			}
			for _, e := range h.errors {
				t.Error(e)
			}
			for _, s := range servers {
				s.Close()
			}
		})
	}
}

// TestFollowAllEnds tests how FollowAll ends, and what it refuses.
func TestFollowAllEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := chat.New()
		no := func(context.Context, chat.Batch) error { return nil }
		for _, name := range []string{"", string(make([]byte, 129)), "\xff"} {
			if err := srv.FollowAll(t.Context(), name, chat.FromStart, no); !errors.Is(err, chat.ErrBadName) {
				t.Errorf("%q: %v", name, err)
			}
		}
		if err := srv.FollowAll(t.Context(), "c", chat.Position{Epoch: "e", Offset: 1}, no); err == nil {
			t.Error("begins at a position")
		}
		if err := chat.New(chat.WithLog(struct{ chat.Log }{chat.NewMemoryLog(chat.MemoryOptions{})})).FollowAll(t.Context(), "c", chat.FromStart, no); !errors.Is(err, chat.ErrUnsupported) {
			t.Errorf("over a log without consumers: %v", err)
		}
		entered, leave := make(chan struct{}), make(chan struct{})
		ended := make(chan error, 1)
		go func() {
			ended <- srv.FollowAll(t.Context(), "c", chat.FromStart, func(ctx context.Context, b chat.Batch) error {
				close(entered)
				<-leave
				return ctx.Err()
			})
		}()
		if _, err := srv.Publish(t.Context(), "r", chat.Message{UserID: "u", Text: "hi"}); err != nil {
			t.Fatal(err)
		}
		<-entered
		if err := srv.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		select {
		case err := <-ended:
			t.Fatalf("FollowAll returns %v while a handler runs", err)
		default:
		}
		close(leave)
		if err := <-ended; !errors.Is(err, chat.ErrServerClosed) {
			t.Errorf("after Shutdown: %v", err)
		}
		if all, err := srv.Consumers(t.Context()); err != nil || len(all) != 1 || all[0].Events != 0 {
			t.Errorf("after Shutdown: %+v, %v", all, err)
		}
	})
}
