//go:build unix

package verify

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

var (
	clusterSeeds = flag.Int("cluster.seeds", 2, "the number of `runs` of the cluster test with each log")
	clusterSeed  = flag.Uint64("cluster.seed", 0, "the `seed` of the only run; with an even seed, the log loses acknowledged entries")
	clusterTrace = flag.Bool("cluster.trace", false, "show what each client received where they differ")
	clusterTime  = flag.Duration("cluster.time", 10*time.Second, "how `long` faults occur; from 30s on each fault lasts longer too")
)

// The servers share a Redis.
func TestClusterRedis(t *testing.T) { testCluster(t, redisCluster) }

// A sentinel promotes the replica when the master is gone.
func TestClusterSentinel(t *testing.T) {
	testCluster(t, func(t *testing.T) *clusterLog { return sentinelCluster(t, false) })
}

// If the master acknowledges only while it has a replica, nothing is lost that was acknowledged
// a second before a failover.
func TestClusterSentinelCareful(t *testing.T) {
	testCluster(t, func(t *testing.T) *clusterLog { return sentinelCluster(t, true) })
}

func TestClusterPostgres(t *testing.T) { testCluster(t, postgresCluster) }

// testCluster lets users talk, join and leave on three servers. Meanwhile the servers, the log
// that they share, and the connections between have faults. At the end all member lists must be
// right. Everything that clients received, and every acknowledgement, must match the log. The
// only exceptions are entries that the log has lost, and the clients must have been told of a
// gap then.
func testCluster(t *testing.T, start func(*testing.T) *clusterLog) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	t.Parallel()
	seeds := []uint64{*clusterSeed}
	if *clusterSeed == 0 {
		seeds = nil
		for i := range *clusterSeeds {
			seeds = append(seeds, uint64(rand.Uint32()/2*2)+uint64(i%2))
		}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			r := newClusterRun(t, seed, "room", 4, 60)
			l := start(t)
			r.log, r.strict = l.log, l.strict
			for i := range 3 {
				r.nodes = append(r.nodes, newNode(r, i, l.config, ""))
			}
			found := r.live(func() { r.trouble(l) }, time.Minute)
			r.mu.Lock()
			t.Logf("%v", r.counts)
			r.mu.Unlock()
			for _, s := range found {
				t.Error(s)
			}
		})
	}
}

// trouble causes faults for a while, in the log, the servers and the connections between. Then
// it makes everything work again.
func (r *clusterRun) trouble(l *clusterLog) {
	lossy := r.seed%2 == 0
	faults := slices.DeleteFunc(slices.Clone(l.faults), func(f clusterFault) bool { return f.lossy && !lossy })
	end := time.Now().Add(*clusterTime)
	var wg sync.WaitGroup
	for i, kind := range [][]clusterFault{faults, nodeFaults, proxyFaults} {
		rng := rand.New(rand.NewPCG(r.seed, uint64(1000+i)))
		wg.Go(func() {
			r.wait(upTo(rng, 500, 2000))
			for time.Now().Before(end) {
				f := kind[rng.IntN(len(kind))]
				began := time.Now()
				f.do(r, rng)
				r.t.Logf("%d: %s %s, for %v", r.seed, began.Format("05.000"), f.name, time.Since(began).Round(time.Millisecond))
				r.wait(upTo(rng, 100, 1500))
			}
		})
	}
	wg.Wait()
	l.heal()
	for _, n := range r.nodes {
		n.proxy.heal()
		n.wait()
	}
}

var nodeFaults = []clusterFault{
	{"a server is killed", false, onNode(func(r *clusterRun, n *node, rng *rand.Rand) {
		n.end(syscall.SIGKILL)
		r.wait(upTo(rng, 0, 2000))
		n.begin()
	})},
	{"a server is shut down", false, onNode(func(r *clusterRun, n *node, rng *rand.Rand) {
		n.end(syscall.SIGTERM)
		r.wait(upTo(rng, 0, 1000))
		n.begin()
	})},
	{"a server is paused", false, onNode(func(r *clusterRun, n *node, rng *rand.Rand) {
		n.signal(syscall.SIGSTOP)
		d := pauseTime(rng)
		if d > 4*time.Second {
			d += d / 2 // longer than its lease
		}
		r.wait(d)
		n.mu.Lock()
		n.life.stood = time.Now()
		n.mu.Unlock()
		n.signal(syscall.SIGCONT)
	})},
}

func onNode(f func(*clusterRun, *node, *rand.Rand)) func(*clusterRun, *rand.Rand) {
	return func(r *clusterRun, rng *rand.Rand) {
		n := r.nodes[rng.IntN(len(r.nodes))]
		if n.fault.TryLock() {
			defer n.fault.Unlock()
			f(r, n, rng)
		}
	}
}

var proxyFaults = []clusterFault{
	{"the connections to the log are cut", false, func(r *clusterRun, rng *rand.Rand) {
		for range 1 + rng.IntN(4) {
			r.nodes[rng.IntN(len(r.nodes))].proxy.cut()
			r.wait(upTo(rng, 10, 400))
		}
	}},
	{"the connections to the log are blocked", false, func(r *clusterRun, rng *rand.Rand) {
		n := r.nodes[rng.IntN(len(r.nodes))]
		n.proxy.hold()
		r.wait(pauseTime(rng))
		if rng.IntN(2) == 0 {
			n.proxy.cut()
		}
		n.proxy.heal()
	}},
	{"the connections to the log are blocked three times", false, func(r *clusterRun, rng *rand.Rand) {
		n := r.nodes[rng.IntN(len(r.nodes))]
		for range 3 {
			n.proxy.hold()
			r.wait(900 * time.Millisecond)
			n.proxy.heal()
			if *clusterTime >= 30*time.Second {
				r.wait(4100 * time.Millisecond)
			}
		}
	}},
	{"the connections to the log are slow", false, func(r *clusterRun, rng *rand.Rand) {
		n := r.nodes[rng.IntN(len(r.nodes))]
		n.proxy.slow(upTo(rng, 5, 300))
		r.wait(pauseTime(rng))
		n.proxy.heal()
	}},
}

// live runs members until the faults are over and everything is quiet. It returns what is wrong.
func (r *clusterRun) live(trouble func(), patience time.Duration) (found []string) {
	for _, n := range r.nodes {
		n.wait()
	}
	var wg sync.WaitGroup
	for _, m := range r.members {
		wg.Go(m.live)
	}
	trouble()
	r.isCalm.Store(true)
	healed := time.Now()
	differ := []string{""}
	for len(differ) > 0 && time.Since(healed) < patience {
		time.Sleep(200 * time.Millisecond)
		differ = r.differ()
	}
	if len(differ) == 0 {
		r.t.Logf("the lists are right %v after the last fault", time.Since(healed).Round(100*time.Millisecond))
		time.Sleep(min(patience/10, 3*time.Second))
		if differ = r.differ(); len(differ) > 0 {
			differ = append(differ, "after the lists had been right")
		}
	}
	found = append(found, differ...)
	for _, room := range r.rooms {
		l := &ledger{run: r, room: room, final: map[uint64]*chatlog.Event{}, places: map[[2]string]*told{}, acked: map[[2]string]*told{}}
		found = append(found, l.check()...)
		r.t.Logf("%s: %d entries at the end, %d in all epochs, first %d", room, l.last, len(l.places), l.first)
	}
	close(r.done)
	wg.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	found = append(found, r.wrong...)
	if len(found) > 30 {
		found = append(found[:30], fmt.Sprintf("and %d more", len(found)-30))
	}
	return found
}

// first returns the first finding that contains some words.
func first(found []string, words string) string {
	for _, s := range found {
		if strings.Contains(s, words) {
			return s
		}
	}
	return ""
}
