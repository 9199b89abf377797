package faults

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/faultlog"
	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/test/presencetest"
)

var (
	presenceSeed  = flag.Uint64("presence.seed", 0, "the seed of TestPresenceFaults; 0: random seeds")
	presenceSeeds = flag.Int("presence.seeds", 20, "how many seeds TestPresenceFaults tries")
)

// cluster is servers that share a memory log. Each has its own connection to the log, which can
// have faults.
type cluster struct {
	*presencetest.Cluster
	log     chat.Log
	servers []*harness.Bubble
	ways    []*faultlog.Log
}

const clusterGrace = 2 * time.Second

// inCluster runs f with n servers in fake time.
func inCluster(t *testing.T, n int, seed uint64, f func(*cluster)) {
	synctest.Test(t, func(t *testing.T) {
		c := &cluster{log: chat.NewMemoryLog(chat.MemoryOptions{Entries: 100})}
		var at []presencetest.Server
		for i := range n {
			way := faultlog.New(c.log, seed+uint64(i))
			b := &harness.Bubble{T: t, Pipes: harness.NewPipes(), Server: chat.New(chat.WithLog(way), chat.WithLeaveGrace(clusterGrace),
				chat.WithLogger(slog.New(slog.DiscardHandler)), chat.WithAuthenticator(presencetest.Trust))}
			transport := &http.Transport{DialContext: b.Pipes.Dial, DisableKeepAlives: true}
			b.Client.Transport = transport
			hs := &http.Server{Handler: b}
			go hs.Serve(b.Pipes)
			defer func() {
				b.Close()
				hs.Close()
				transport.CloseIdleConnections()
			}()
			c.servers, c.ways = append(c.servers, b), append(c.ways, way)
			at = append(at, presencetest.Server{URL: "http://pipe", Client: &b.Client})
		}
		c.Cluster = presencetest.New(seed, "r", 6, at...)
		defer c.End()
		f(c)
	})
}

// TestPresenceFaults lets a log fail in every way while users join and leave on three servers.
// One server is killed, and one loses its lease. Five seconds after the last fault, every list
// is right, and no client was told anything twice.
func TestPresenceFaults(t *testing.T) {
	first, n := *presenceSeed, 1
	if first == 0 {
		first, n = rand.Uint64()>>1, *presenceSeeds
	}
	for i := range n {
		seed := first + uint64(i)
		t.Run(fmt.Sprint(seed), func(t *testing.T) { presenceFaults(t, seed) })
	}
}

func presenceFaults(t *testing.T, seed uint64) {
	inCluster(t, 3, seed, func(c *cluster) {
		start := time.Now()
		c.Log = func(format string, args ...any) {
			if *presenceSeed != 0 {
				t.Logf("%v "+format, append([]any{time.Since(start)}, args...)...)
			}
		}
		rng := rand.New(rand.NewPCG(seed, 2))
		killed := rng.IntN(2) == 0
		alive := []int{0, 1}
		if !killed {
			alive = append(alive, 2)
		}
		cut := time.Duration(rng.IntN(15)) * time.Second
		lapse := time.Duration(rng.IntN(4)) * 8 * time.Second // the longest is longer than a lease
		for _, w := range c.ways {
			w.Faults(0.4 * rng.Float64())
		}
		for time.Since(start) < 40*time.Second {
			time.Sleep(time.Duration(rng.Int64N(int64(300 * time.Millisecond))))
			c.Step()
			at := time.Since(start)
			if killed && at > 5*time.Second {
				c.ways[2].Set(faultlog.Cut)
				c.servers[2].Close()
			}
			switch {
			case at > cut && at < cut+lapse:
				c.ways[1].Set([]int{faultlog.Cut, faultlog.Stopped}[seed%2])
			default:
				c.ways[1].Set(faultlog.Open)
			}
		}
		for _, w := range c.ways {
			w.Faults(0)
		}
		c.ways[1].Set(faultlog.Open)
		time.Sleep(faultlog.Late + clusterGrace + 5*time.Second)
		synctest.Wait()
		for _, s := range append(c.Wrong(), c.Differ(alive...)...) {
			t.Error(s)
		}
		if t.Failed() {
			m, err := c.log.Members(context.Background(), "r", 100)
			for _, i := range alive {
				t.Logf("server %d: %+v", i, c.servers[i].Stats())
			}
			t.Logf("killed %t, the log has %+v, %v", killed, m, err)
		}
	})
}
