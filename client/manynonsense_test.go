package client_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/client"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// TestManyNonsense has a server say everything that it can say, at random. Whatever that is,
// calls end with their contexts, no Room gets an entry of an epoch twice or out of order, and
// Close leaves nothing behind.
func TestManyNonsense(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { testManyNonsense(t, seed) })
	}
}

func testManyNonsense(t *testing.T, seed uint64) {
	rooms := []string{"a", "b", "c"}
	script := rand.New(rand.NewPCG(seed, 0))
	say := func() string {
		room, n := rooms[script.IntN(len(rooms))], script.IntN(20)
		id := []string{"", "client.join", "client.leave", "client.read", "x1", fmt.Sprint("client.join.", n)}[script.IntN(6)]
		switch script.IntN(9) {
		case 0, 1:
			return welcomeIn(room, fmt.Sprintf("%c:%d", 'e'+script.IntN(2), n), fmt.Sprintf(`,"id":%q,"resumed":%t`, id, n%2 == 0))
		case 2, 3:
			return in(room, message(n+1, fmt.Sprint(n)))
		case 4:
			return left(room, []int{1000, 1008, 1013, 1013, 4003}[script.IntN(5)], "why")
		case 5:
			code := []string{"not_joined", "unavailable", "forbidden", "rate_limited", "too_many"}[script.IntN(5)]
			return fmt.Sprintf(`{"type":"error","room":%q,"code":%q,"message":"no","id":%q}`, room, code, id)
		case 6:
			return fmt.Sprintf(`{"type":"error","code":"bad_request","message":"no","id":%q}`, id)
		case 7:
			return in(room, fmt.Sprintf(`{"type":"ack","id":%q,"offset":%d}`, id, n))
		default:
			return in(room, place(fmt.Sprintf("%c:%d", 'e'+script.IntN(2), n)))
		}
	}
	inBubble(t, func(p *peer, n int) {
		p.say(hello)
		go func() {
			for p.hear() != nil {
			}
		}()
		for range 30 {
			time.Sleep(50 * time.Millisecond)
			p.say(say())
		}
	}, func(f *fake) {
		c := f.connect(client.WithBackoff(10*time.Millisecond, 100*time.Millisecond))
		var work sync.WaitGroup
		ctx, cancel := context.WithTimeout(bg, time.Minute)
		defer cancel()
		for i, room := range rooms {
			work.Go(func() {
				for n := 0; ctx.Err() == nil; n++ {
					short, cancel := context.WithTimeout(ctx, time.Duration(n%7)*time.Second)
					r, err := c.Join(short, room, client.WithBuffer(3+i, 0))
					if err == nil {
						work.Go(func() { inOrder(f.t, short, r) })
						r.Publish(short, chat.Message{Text: "x", ID: "x1"})
						r.MarkRead(short, uint64(n))
						r.History(short, chat.Query{})
						r.Close()
					} else if n%7 == 0 || short.Err() == nil {
						time.Sleep(100 * time.Millisecond)
					}
					cancel()
				}
			})
		}
		work.Go(func() {
			for {
				r, err := c.Accept(ctx)
				if err != nil {
					return
				}
				work.Go(func() { inOrder(f.t, ctx, r) })
			}
		})
		work.Wait()
		c.Close()
		synctest.Wait()
		if stacks := harness.Leaked("/client.("); stacks != "" {
			t.Errorf("goroutines after Close:\n%s", stacks)
		}
	})
}

// inOrder reads a room until it ends. Within an epoch, offsets only grow, unless the server has
// said in a welcome that its log ends before.
func inOrder(t *testing.T, ctx context.Context, r *client.Room) {
	var at chat.Position
	for e, err := range r.Events(ctx) {
		switch {
		case err != nil:
			return
		case e.Type == client.TypeWelcome:
			// The Room may have come further than its last message.
			if p := e.Welcome.Position; p.Epoch != at.Epoch || p.Offset < max(at.Offset, e.Position.Offset) {
				at = chat.Position{Epoch: p.Epoch}
			}
		case e.Type != chat.TypeMessage:
		case e.Offset <= at.Offset:
			t.Errorf("offset %d after %v", e.Offset, at)
		default:
			at.Offset = e.Offset
		}
	}
}
