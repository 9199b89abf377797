package torture

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/front"
	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/ws"
)

// torture runs clients against one server and returns what the checker finds.
func torture(t *testing.T, clients int, d time.Duration, seed uint64, plant func(*chat.Server) *planted, opts ...chat.Option) []string {
	// A log in memory is late only if the machine is: 503 for that would be no fault.
	srv := chat.New(append([]chat.Option{chat.WithLog(chat.NewMemoryLog(chat.MemoryOptions{Entries: 20000})),
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
	var truth []chat.Event
	var length atomic.Uint64
	followed := make(chan error, 1)
	go func() {
		for e, err := range srv.Follow(ctx, "torture", start.Position) {
			if err != nil {
				followed <- err
				return
			}
			truth = append(truth, e)
			length.Store(e.Offset)
		}
	}()

	var wg sync.WaitGroup
	stop := make(chan struct{})
	all := make([]*tortured, clients)
	var others sync.Map
	for i := range all {
		c := &tortured{base: hs.URL, name: fmt.Sprint("c", i), rng: rand.New(rand.NewPCG(seed, uint64(i))),
			acks: map[string]uint64{}, sent: map[string]string{}, others: &others}
		all[i] = c
		wg.Go(func() { c.run(stop) })
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
	harness.Eventually(t, "the follower", func() bool { return length.Load() >= last.Position.Offset })
	var found []string
	for _, c := range all {
		if c.failed == nil {
			end := uint64(0)
			for i := range truth {
				if truth[i].VisibleTo(c.user) {
					end = truth[i].Offset
				}
			}
			ctx, cancel := context.WithTimeout(ctx, harness.Patience)
			c.failed = c.catchUp(ctx, end, p.patience)
			cancel()
		}
		if c.failed != nil {
			found = append(found, fmt.Sprintf("%s: %v", c.name, c.failed))
		}
	}
	cancel()
	if err := <-followed; err != context.Canceled {
		t.Errorf("Follow: %v", err)
	}
	found = append(found, check(truth, all)...)
	found = append(found, checkHTTP(hs.URL)...)
	t.Logf("seed %d: %d clients, %d entries", seed, clients, len(truth))
	return found
}

// catchUp resumes until the client has seen all up to the offset end.
func (c *tortured) catchUp(ctx context.Context, end uint64, wait time.Duration) error {
	q := url.Values{"username": {c.name}, "session": {c.session}}
	if c.last > 0 {
		q.Set("since", fmt.Sprint(c.epoch, ":", c.last))
	}
	conn, _, err := ws.Dial(ctx, c.base+"/ws/torture?"+q.Encode(), &ws.DialOptions{Subprotocols: []string{"chat.v1"}})
	if err != nil {
		return err
	}
	defer conn.CloseNow()
	conn.SetReadLimit(1 << 20)
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for c.last < end {
		if err := c.readOne(ctx, conn); err != nil {
			return fmt.Errorf("reading on from %d to %d: %w", c.last, end, err)
		}
	}
	return conn.Close(1000, "")
}
