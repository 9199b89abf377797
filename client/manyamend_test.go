package client_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/client"
)

// TestManyAmend has users write, edit, delete and react in several rooms, each over one
// connection, in the trouble of TestManyModel. Every View of a room is as the room is, and what
// was acknowledged has taken effect once.
func TestManyAmend(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { testManyAmend(t, seed) })
	}
}

func testManyAmend(t *testing.T, seed uint64) {
	const users, rounds = 3, 20
	rooms := []string{"a", "b", "c"}
	log := &faulty{Log: chat.NewMemoryLog(chat.MemoryOptions{Entries: 1 << 14, Bytes: 1 << 30}), rand: rand.New(rand.NewPCG(seed, 0))}
	inServerBubble(t, func(f *fake, srv *chat.Server) {
		k := cuts{through: f.l.dial}
		shared := map[string]uint64{}
		for _, room := range rooms {
			e, err := srv.Publish(bg, room, chat.Message{Text: "shared"})
			if err != nil {
				f.t.Fatal(err)
			}
			shared[room] = e.Offset
		}
		var conns []*client.Conn
		var readers, senders sync.WaitGroup
		var acked atomic.Int64
		views, workers := map[string][]*client.View{}, map[string][]*worker{}
		for i := range users {
			c := f.connect(client.WithUsername(fmt.Sprint("u", i)), client.WithDialer(k.dial), client.WithBackoff(10*time.Millisecond, 100*time.Millisecond))
			conns = append(conns, c)
			for j, room := range rooms {
				u := f.enter(c, room, client.WithBuffer(8+1000*((i+j)%2), 0))
				v, w := client.NewView(10_000), &worker{u: u, name: fmt.Sprint("u", i), shared: []uint64{shared[room]}}
				views[room], workers[room] = append(views[room], v), append(workers[room], w)
				readers.Go(func() {
					for e := u.any(); e.Text != "end"; e = u.any() {
						if e.Type == client.TypeGap {
							f.t.Errorf("%s: %+v", room, e.Gap)
						}
						v.Apply(e)
						time.Sleep(time.Millisecond)
					}
				})
				senders.Go(func() { w.run(f.t, rounds, &acked) })
			}
		}
		log.set(true)
		end := trouble(seed, srv, &k, conns, rooms)
		senders.Wait()
		ends := end()
		log.set(false)
		for _, room := range rooms {
			if _, err := srv.Publish(bg, room, chat.Message{Text: "end"}); err != nil {
				f.t.Fatal(err)
			}
		}
		readers.Wait()
		for _, room := range rooms {
			all := history(f.t, srv, room)
			want := state(all[:len(all)-1]) // without the end
			for i, v := range views[room] {
				if d := cmp.Diff(want, state(v.Messages())); d != "" {
					f.t.Errorf("%s of u%d: %s", room, i, d)
				}
			}
			entries, likes := 2, 0 // the shared message and the end
			for _, w := range workers[room] {
				entries += w.entries
				for o, text := range w.texts {
					if want[o].Text != text {
						f.t.Errorf("%s: message %d is %q, want %q", room, o, want[o].Text, text)
					}
				}
				if w.gave[shared[room]] {
					likes++
				}
			}
			count := 0
			for _, r := range want[shared[room]].Reactions {
				count += r.Count
			}
			if last := all[len(all)-1].Offset; count != likes || last != uint64(entries) {
				f.t.Errorf("%s: %d reactions, want %d; %d entries, want %d", room, count, likes, last, entries)
			}
		}
		f.t.Logf("%d connections, %d ends of visits, %d acks", k.total, ends, acked.Load())
		for _, c := range conns {
			c.Close()
		}
	}, chat.WithLog(log), chat.WithResume(1<<16), chat.WithRateLimit(0, 0))
}
