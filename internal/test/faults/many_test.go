package faults

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/faultlog"
	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/test/presencetest"
)

var manySeeds = flag.Int("many.seeds", 5, "how many seeds TestManyFaults tries")

// TestManyFaults has a log fail in every way while clients of many rooms come, go and talk on
// two servers. In the end each is in the rooms where it wants to be, and has seen what the log
// has, once and in order; the lists say so; and what was acknowledged is there once.
func TestManyFaults(t *testing.T) {
	first := rand.Uint64() >> 1
	for i := range *manySeeds {
		seed := first + uint64(i)
		t.Run(fmt.Sprint(seed), func(t *testing.T) { synctest.Test(t, func(t *testing.T) { manyFaults(t, seed) }) })
	}
}

func manyFaults(t *testing.T, seed uint64) {
	const rooms, users = 6, 5
	log := chat.NewMemoryLog(chat.MemoryOptions{Entries: 20_000})
	rng := rand.New(rand.NewPCG(seed, 3))
	var servers []*harness.Bubble
	var ways []*faultlog.Log
	for i := range 2 {
		way := faultlog.New(log, seed+uint64(i))
		b := &harness.Bubble{T: t, Pipes: harness.NewPipes(), Server: chat.New(chat.WithLog(faultlog.All{Log: way}), chat.WithLeaveGrace(clusterGrace),
			chat.WithLogger(slog.New(slog.DiscardHandler)), chat.WithAuthenticator(presencetest.Trust))}
		b.Client.Transport = &http.Transport{DialContext: b.Pipes.Dial, DisableKeepAlives: true}
		hs := &http.Server{Handler: b}
		go hs.Serve(b.Pipes)
		defer hs.Close()
		defer b.Close()
		servers, ways = append(servers, b), append(ways, way)
	}
	var all []*roamer
	for i := range users {
		c := &roamer{user: fmt.Sprint("u", i), servers: servers, rooms: map[string]*stay{}, acks: map[string]uint64{}}
		for r := range rooms {
			c.rooms[fmt.Sprint("room ", r)] = &stay{}
		}
		all = append(all, c)
		defer c.lose(true)
	}
	for start := time.Now(); time.Since(start) < 40*time.Second; {
		if rng.IntN(100) == 0 {
			for _, w := range ways {
				w.Faults(0.3 * rng.Float64())
			}
		}
		time.Sleep(time.Duration(rng.Int64N(int64(50 * time.Millisecond))))
		c := all[rng.IntN(users)]
		go c.step(rand.New(rand.NewPCG(seed, rng.Uint64())))
	}
	for _, w := range ways {
		w.Faults(0)
	}
	time.Sleep(faultlog.Late + 10*time.Second)
	for range 3 { // what a client does that is told to try again
		for i, c := range all {
			if c.lost() {
				c.connect(i % 2)
			}
			for room, s := range c.rooms {
				c.join(room, s.want)
			}
		}
		time.Sleep(5 * time.Second)
	}
	ends := map[string]uint64{}
	for room := range all[0].rooms {
		ends[room] = harness.Publish(t, servers[0].Server, room, "the end").Offset
	}
	time.Sleep(5 * time.Second)
	synctest.Wait()
	for _, c := range all {
		c.judge(t, ends)
	}
	for room := range ends {
		want := map[string]int{}
		for _, c := range all {
			if c.rooms[room].want {
				want[c.user] = 1
			}
		}
		for i, b := range servers {
			list, _, err := b.Members(context.Background(), room, 100)
			got := map[string]int{}
			for _, m := range list {
				got[m.UserID] = m.Connections
			}
			if err != nil || !maps.Equal(got, want) {
				t.Errorf("server %d: %s has %v, not %v, %v", i, room, got, want, err)
			}
		}
		checkRoom(t, servers[1].Server, room, all)
	}
	total := 0
	for _, c := range all {
		total += len(c.acks)
	}
	t.Logf("%d acknowledged, ends %v", total, slices.Sorted(maps.Values(ends)))
}

func (c *roamer) lost() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conn == nil
}

// judge reports what is wrong with what the client has seen.
func (c *roamer) judge(t *testing.T, ends map[string]uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.wrong[:min(len(c.wrong), 5)] {
		t.Error(s)
	}
	for room, s := range c.rooms {
		switch n := len(s.seen); {
		case s.want != s.inside:
			t.Errorf("%s: %s: inside %v, wants %v", c.user, room, s.inside, s.want)
		case s.inside && (n == 0 || s.seen[n-1] != ends[room]):
			t.Errorf("%s: %s: has seen up to %d of %d", c.user, room, s.last, ends[room])
		}
	}
}

// checkRoom holds acknowledgements to what the room has.
func checkRoom(t *testing.T, srv *chat.Server, room string, all []*roamer) {
	at := map[string][]uint64{}
	for q := (chat.Query{All: true, From: 1, Limit: 100}); ; {
		p, err := srv.History(context.Background(), room, q)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range p.Events {
			if e.ID != "" {
				at[e.UserID+" "+e.ID] = append(at[e.UserID+" "+e.ID], e.Offset)
			}
			q.From = e.Offset + 1
		}
		if !p.More {
			break
		}
	}
	for id, offsets := range at {
		if len(offsets) > 1 {
			t.Errorf("%s: %s is at %v", room, id, offsets)
		}
	}
	for _, c := range all {
		for id, offset := range c.acks {
			n, ok := strings.CutPrefix(id, room+" ")
			if ok && !slices.Equal(at[c.user+" "+n], []uint64{offset}) {
				t.Errorf("%s: %s of %s was acknowledged at %d, and is at %v", room, n, c.user, offset, at[c.user+" "+n])
			}
		}
	}
}
