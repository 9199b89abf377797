package torture

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

var (
	tortureTime = flag.Duration("torture", 3*time.Second, "how long the torture test goes on")
	tortureSeed = flag.Uint64("seed", uint64(time.Now().UnixNano()), "seed of the torture test")
)

// tortured is a client that does what clients do in the worst of networks. It
// notes all it sees, for the checker.
type tortured struct {
	base, name string
	kind       int // of its ways
	rng        *rand.Rand

	session, user string
	epoch         string
	last          uint64
	segments      [][]harness.Object // what was seen, a new one after each gap told
	acks          map[string]uint64  // by id
	kinds         map[string]string  // the types of what was sent, by id
	own, seen     []uint64           // its own messages, and all it has seen
	sent          map[string]string  // what is not acknowledged yet, by id
	others        *sync.Map          // user ids to write private messages to
	n             int
	retried       bool
	resending     bool // nothing is done but to resend
	failed        error
	bad           []string // what its way has found
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

// place is what the client has seen; "" if that is nothing.
func (c *tortured) place() string {
	if c.last == 0 {
		return ""
	}
	return fmt.Sprint(c.epoch, ":", c.last)
}

// live is one connection. With rng nil it does nothing but resend.
func (c *tortured) live(rng *rand.Rand) error {
	c.retried, c.resending = false, rng == nil
	since := ""
	// One that comes without a place gets the history.
	if rng == nil || rng.IntN(8) > 0 {
		since = c.place()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*harness.Patience)
	defer cancel()
	conn, err := c.connect(ctx, since)
	if err != nil {
		return err
	}
	defer conn.cut()
	if rng == nil {
		texts := slices.Collect(maps.Values(c.sent))
		go func() { // ends with the connection
			for _, text := range texts {
				conn.write(ctx, text)
			}
		}()
		for len(c.sent) > 0 {
			if err := c.readOne(ctx, conn); err != nil {
				return fmt.Errorf("%d unacknowledged: %w", len(c.sent), err)
			}
		}
		return conn.close()
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
			if conn.write(ctx, text) != nil {
				return
			}
			if writing.IntN(8) == 0 {
				conn.write(ctx, text) // twice on one connection
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
		go conn.close()
		for c.readOne(ctx, conn) == nil {
		}
	case how == 1: // vanish with unread bytes, which resets the connection
		conn.cut()
	default: // vanish when all is written
		<-done
		conn.cut()
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
	switch p := rng.IntN(20); {
	case p < 3 && len(c.own) > 0:
		o["type"], o["target"], o["message"] = "edit", c.own[rng.IntN(len(c.own))], "edit "+id
	case p < 4 && len(c.own) > 0:
		o = map[string]any{"type": "delete", "id": id, "target": c.own[rng.IntN(len(c.own))]}
	case p < 8 && len(c.seen) > 0: // a message that others have seen a moment ago, too
		target := c.seen[len(c.seen)-1-rng.IntN(min(len(c.seen), 8))]
		o = map[string]any{"type": "reaction", "id": id, "target": target, "reaction": []string{"👍", ":no:", "🧵"}[rng.IntN(3)]}
		if rng.IntN(3) == 0 {
			o["remove"] = true
		}
	case p < 12:
		c.others.Range(func(k, _ any) bool {
			o["type"], o["to"] = "private", k
			return rng.IntN(3) > 0
		})
	}
	b, _ := json.Marshal(o)
	if c.kind == plainSocket { // which acknowledges nothing
		return string(b)
	}
	c.kinds[id] = o["type"].(string)
	c.sent[id] = string(b)
	return string(b)
}

// readOne takes one object.
func (c *tortured) readOne(ctx context.Context, conn way) error {
	b, err := conn.read(ctx)
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
		if c.kind != plainSocket {
			c.others.Store(o.User, true)
		}
		epoch, err := chat.ParsePosition(o.Position)
		if err != nil {
			return err
		}
		// A join over many rooms has its place as its id. The server's program may have put the
		// user into the room and out of it since the client has sent that.
		old := o.ID != "" && o.ID != c.place()
		if c.epoch = epoch.Epoch; !o.Resumed || old {
			c.segments = append(c.segments, nil)
			c.last = 0
		}
	case "message", "private", "edit", "delete", "reaction":
		c.last = o.Offset
		if o.Target == 0 {
			c.seen = append(c.seen, o.Offset)
		}
		i := len(c.segments) - 1
		c.segments[i] = append(c.segments[i], o)
	case "ack":
		if kind := c.kinds[o.ID]; c.sent[o.ID] != "" && (kind == "message" || kind == "private") {
			c.own = append(c.own, o.Offset)
		}
		c.acks[o.ID] = o.Offset
		delete(c.sent, o.ID)
	case "left":
		if c.resending { // what was sent before has perhaps lost its acknowledgement
			return errors.New("left")
		}
		if in, err := conn.back(ctx, c.place()); !in || err != nil {
			return errors.Join(errors.New("left"), err)
		}
	case "error":
		switch o.Code {
		case "no_such_user", "no_such_message":
			delete(c.sent, o.ID)
		case "bad_request":
			if o.Message != "you are in this room already" { // the server was faster
				return fmt.Errorf("error object %+v", o)
			}
		case "unavailable", "not_joined": // to be sent again
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
