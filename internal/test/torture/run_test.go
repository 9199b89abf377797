package torture

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/front"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// torture runs clients against one server and returns what the checker finds.
func torture(t *testing.T, clients int, d time.Duration, seed uint64, plant func(*chat.Server) *planted, opts ...chat.Option) []string {
	// A log in memory is late only if the machine is: 503 for that would be no fault.
	srv := chat.New(append([]chat.Option{chat.WithLog(newLog()),
		chat.WithLogTimeout(harness.Patience), chat.WithLeaveGrace(50 * time.Millisecond)}, opts...)...)
	p := plant(srv)
	hs := front.NewServer(p)
	defer hs.Close()
	defer srv.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	start, err := srv.History(ctx, "torture", chat.Query{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	var length atomic.Uint64
	followed := make(chan error, 1)
	go func() {
		for e, err := range srv.Follow(ctx, "torture", start.Position) {
			if err != nil {
				followed <- err
				return
			}
			if e.Offset <= length.Load() {
				followed <- fmt.Errorf("offset %d after %d", e.Offset, length.Load())
				return
			}
			length.Store(e.Offset)
		}
	}()

	var wg sync.WaitGroup
	stop := make(chan struct{})
	all := make([]*tortured, clients)
	var others sync.Map
	for i := range all {
		c := &tortured{base: hs.URL, name: fmt.Sprint("c", i), rng: rand.New(rand.NewPCG(seed, uint64(i))),
			acks: map[string]uint64{}, kinds: map[string]string{}, sent: map[string]string{}, others: &others}
		if c.epoch = start.Position.Epoch; p.all {
			c.kind = i % kinds
		}
		all[i] = c
		wg.Go(func() { c.run(stop) })
	}
	if p.all {
		wg.Go(func() { chatter(ctx, srv, stop) })
		wg.Go(func() { move(ctx, srv, rand.New(rand.NewPCG(seed, 1<<32)), &others, stop) })
	}
	time.Sleep(d)
	close(stop)
	wg.Wait()
	// Everybody has all acknowledgements now, so nothing is on its way. Read the
	// end.
	last, err := srv.History(ctx, "torture", chat.Query{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	truth := entriesOf(ctx, t, srv, start.Position, last.Position.Offset)
	end := truth[len(truth)-1].Offset // what comes after it was erased
	harness.Eventually(t, "the follower", func() bool { return length.Load() >= end })
	var found []string
	for _, c := range all {
		if c.failed == nil {
			end := uint64(0)
			for i := range truth {
				if truth[i].VisibleTo(c.user) && (c.kind != plainSocket || truth[i].Target == 0) {
					end = truth[i].Offset
				}
			}
			ctx, cancel := context.WithTimeout(ctx, harness.Patience)
			c.failed = c.catchUp(ctx, end, p.patience)
			cancel()
		}
		if c.failed != nil {
			found = append(found, fmt.Sprintf("%s, of kind %d: %v", c.name, c.kind, c.failed))
		}
		found = append(found, c.bad...)
	}
	cancel()
	if err := <-followed; err != context.Canceled {
		t.Errorf("Follow: %v", err)
	}
	found = append(found, check(truth, all)...)
	found = append(found, checkFolds(messagesOf(t, srv), all)...)
	found = append(found, checkHTTP(hs.URL)...)
	seen := map[int]int{}
	for _, c := range all {
		for _, s := range c.segments {
			seen[c.kind] += len(s)
		}
	}
	t.Logf("seed %d: %d clients, %d entries, seen by kind of client: %v; %d were too slow", seed, clients, len(truth), seen, srv.Stats().SlowCloses)
	return found
}

// catchUp resumes until the client has seen all up to the offset end.
func (c *tortured) catchUp(ctx context.Context, end uint64, wait time.Duration) error {
	c.resending = false
	conn, err := c.connect(ctx, c.place())
	if err != nil {
		return err
	}
	defer conn.cut()
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for c.last < end {
		if err := c.readOne(ctx, conn); err != nil {
			return fmt.Errorf("reading on from %d to %d: %w", c.last, end, err)
		}
	}
	return conn.close()
}

// chatter publishes in the side rooms until stop.
func chatter(ctx context.Context, srv *chat.Server, stop <-chan struct{}) {
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		case <-time.After(time.Millisecond):
		}
		srv.Publish(ctx, fmt.Sprint("side ", i%sideRooms), chat.Message{Text: fmt.Sprint(i)})
	}
}

// move has the server's program take users out of the room and put them back until stop.
func move(ctx context.Context, srv *chat.Server, rng *rand.Rand, users *sync.Map, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(time.Duration(rng.IntN(10)) * time.Millisecond):
		}
		user := ""
		users.Range(func(k, _ any) bool {
			user = k.(string)
			return rng.IntN(8) > 0
		})
		switch rng.IntN(8) {
		case 0, 1:
			srv.Leave(ctx, user, "torture")
			srv.Join(ctx, user, "torture")
		case 2, 3:
			srv.Join(ctx, user, "torture")
		case 4:
			srv.Leave(ctx, user, "torture")
		case 5:
			srv.Disconnect(ctx, user, chat.Disconnect{Room: "torture", Code: 1013})
		case 6:
			srv.Disconnect(ctx, user, chat.Disconnect{})
		case 7:
			srv.Reauthorize(ctx, "", user)
		}
	}
}

// entriesOf reads what the log has at the end, from a place on up to the offset last.
func entriesOf(ctx context.Context, t *testing.T, srv *chat.Server, from chat.Position, last uint64) (all []chat.Event) {
	ctx, cancel := context.WithTimeout(ctx, harness.Patience)
	defer cancel()
	e, err := srv.Publish(ctx, "torture", chat.Message{Text: "the end"}) // Follow does not tell of erased entries
	if err != nil || e.Offset != last+1 {
		t.Fatalf("%+v, %v", e, err)
	}
	for e, err := range srv.Follow(ctx, "torture", from) {
		if err != nil {
			p, _ := srv.History(ctx, "torture", chat.Query{All: true, From: 1, Limit: 1})
			t.Fatalf("%v: from %v, the log has %v from %d on", err, from, p.Position, p.First)
		}
		all = append(all, e)
		if e.Offset > last {
			break
		}
	}
	return all
}

// messagesOf reads the messages that are there at the end.
func messagesOf(t *testing.T, srv *chat.Server) map[uint64]*chat.Event {
	all := map[uint64]*chat.Event{}
	for q := (chat.Query{All: true, From: 1, Limit: 100}); ; {
		p, err := srv.History(context.Background(), "torture", q)
		if err != nil {
			t.Fatal(err)
		}
		for i := range p.Events {
			all[p.Events[i].Offset] = &p.Events[i]
			q.From = p.Events[i].Offset + 1
		}
		if !p.More {
			return all
		}
	}
}
