package chat_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/test/front"
	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/ws"
)

var (
	tortureTime = flag.Duration("torture", 3*time.Second, "how long the torture test goes on")
	tortureSeed = flag.Uint64("seed", uint64(time.Now().UnixNano()), "seed of the torture test")
)

// tortured is a client that does what clients do in the worst of networks. It
// notes all it sees, for the checker.
type tortured struct {
	base, name string
	rng        *rand.Rand

	session, user string
	epoch         string
	last          uint64
	segments      [][]harness.Object // what was seen, a new one after each gap told
	acks          map[string]uint64  // by id
	sent          map[string]string  // what is not acknowledged yet, by id
	others        *sync.Map          // user ids to write private messages to
	n             int
	retried       bool
	failed        error
}

// run connects again and again until stop, and once more to have everything
// acknowledged.
func (c *tortured) run(stop <-chan struct{}) {
	for c.failed == nil {
		select {
		case <-stop:
			for range 20 { // too slow, or unavailable, is an answer too
				if c.failed = c.live(nil); c.failed == nil {
					return
				}
			}
			return
		default:
			c.failed = c.live(c.rng)
		}
	}
}

// live is one connection. With rng nil it does nothing but resend.
func (c *tortured) live(rng *rand.Rand) error {
	c.retried = false
	q := url.Values{"username": {c.name}}
	if c.session != "" {
		q.Set("session", c.session)
	}
	if c.last > 0 {
		q.Set("since", fmt.Sprint(c.epoch, ":", c.last))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*harness.Patience)
	defer cancel()
	conn, _, err := ws.Dial(ctx, c.base+"/ws/torture?"+q.Encode(), &ws.DialOptions{Subprotocols: []string{"chat.v1"}})
	if err != nil {
		return err
	}
	defer conn.CloseNow()
	conn.SetReadLimit(1 << 20)
	if rng == nil {
		for _, text := range c.sent {
			conn.Write(ctx, ws.MessageText, []byte(text))
		}
		for len(c.sent) > 0 {
			if err := c.readOne(ctx, conn); err != nil {
				return fmt.Errorf("%d unacknowledged: %w", len(c.sent), err)
			}
		}
		return conn.Close(1000, "")
	}
	again := []string(nil)
	for _, text := range c.sent {
		again = append(again, text)
	}
	writes := rng.IntN(12)
	// The library ends the connection when a Read's context does.
	life, end := context.WithTimeout(ctx, time.Duration(1+rng.IntN(300))*time.Millisecond)
	defer end()
	rest := rng.IntN(400)
	done := make(chan struct{})
	mine := make([]string, 0, writes)
	for range writes {
		mine = append(mine, c.compose(rng))
	}
	writing := rand.New(rand.NewPCG(rng.Uint64(), 2))
	go func() {
		defer close(done)
		for _, text := range append(again, mine...) {
			if conn.Write(ctx, ws.MessageText, []byte(text)) != nil {
				return
			}
			if writing.IntN(8) == 0 {
				conn.Write(ctx, ws.MessageText, []byte(text)) // twice on one connection
			}
			if writing.IntN(4) == 0 {
				time.Sleep(time.Duration(writing.IntN(3)) * time.Millisecond)
			}
		}
	}()
	for range rest {
		if rng.IntN(50) == 0 {
			time.Sleep(time.Duration(rng.IntN(100)) * time.Millisecond) // a stall
		}
		if c.readOne(life, conn) != nil {
			break
		}
	}
	switch how := rng.IntN(4); {
	case how == 0 && life.Err() == nil: // in good order
		go conn.Close(1000, "")
		for c.readOne(ctx, conn) == nil {
		}
	case how == 1: // vanish with unread bytes, which resets the connection
		conn.CloseNow()
	default: // vanish when all is written
		<-done
		conn.CloseNow()
	}
	cancel()
	<-done
	return nil
}

// compose returns a new message of some kind, and notes that it is to be
// acknowledged.
func (c *tortured) compose(rng *rand.Rand) string {
	c.n++
	id := fmt.Sprintf("%s-%d", c.name, c.n)
	o := map[string]any{"type": "message", "id": id, "message": "text of " + id}
	if rng.IntN(5) == 0 {
		c.others.Range(func(k, _ any) bool {
			o["type"], o["to"] = "private", k
			return rng.IntN(3) > 0
		})
	}
	b, _ := json.Marshal(o)
	c.sent[id] = string(b)
	return string(b)
}

// readOne takes one object.
func (c *tortured) readOne(ctx context.Context, conn *ws.Conn) error {
	_, b, err := conn.Read(ctx)
	if err != nil {
		return err
	}
	var o harness.Object
	if err := json.Unmarshal(b, &o); err != nil {
		return err
	}
	switch o.Type {
	case "welcome":
		c.session, c.user = o.Session, o.User
		c.others.Store(o.User, true)
		epoch, err := chat.ParsePosition(o.Position)
		if err != nil {
			return err
		}
		if c.epoch = epoch.Epoch; !o.Resumed {
			c.segments = append(c.segments, nil)
			c.last = 0
		}
	case "message", "private":
		c.last = o.Offset
		i := len(c.segments) - 1
		c.segments[i] = append(c.segments[i], o)
	case "ack":
		c.acks[o.ID] = o.Offset
		delete(c.sent, o.ID)
	case "error":
		switch o.Code {
		case "no_such_user":
			delete(c.sent, o.ID)
		case "unavailable": // to be sent again
			if !c.retried {
				c.retried = true
				return errors.New("unavailable")
			}
		default:
			return fmt.Errorf("error object %+v", o)
		}
	}
	return nil
}

// torture runs clients against one server and returns what the checker finds.
func torture(t *testing.T, clients int, d time.Duration, seed uint64, plant func(*chat.Server) *planted, opts ...chat.Option) []string {
	srv := chat.New(append([]chat.Option{chat.WithLog(chat.NewMemoryLog(20000)),
		chat.WithLeaveGrace(50 * time.Millisecond)}, opts...)...)
	p := plant(srv)
	hs := front.NewServer(p)
	defer hs.Close()
	defer srv.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	start, err := srv.History(ctx, "torture", "", chatlog.Range{Limit: 1})
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
	last, err := srv.History(ctx, "torture", "", chatlog.Range{Limit: 1})
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
