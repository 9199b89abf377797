package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	crashServers = 3
	crashTalkers = 300
	crashRooms   = 5
	crashBurst   = 5 // messages that each client of the server sends just before the kill

	crashPace   = 2 * time.Second         // the mean time between two messages of a talker
	crashBefore = 1500 * time.Millisecond // all talkers talk for at least this long before the kill
	crashAfter  = 2500 * time.Millisecond // and for at least this long after it
	crashSign   = 6 * time.Second         // after this time a server has called Beat
)

func TestCrashRedis(t *testing.T) {
	url, _ := startRedis(t)
	testCrash(t, map[string]string{"CHAT_REDIS": url})
}

func TestCrashPostgres(t *testing.T) {
	url, _ := startPostgres(t)
	testCrash(t, map[string]string{"CHAT_POSTGRES": url})
}

// testCrash kills one of three servers while 300 clients talk. Its clients continue on the
// others. No acknowledged message is lost or comes twice, and all clients see one order. After
// some time, a user that was lost with the server is no longer present.
func testCrash(t *testing.T, env map[string]string) {
	rng, started := seeded(t), time.Now()
	servers := make([]*process, crashServers)
	addrs := make([]string, crashServers)
	for i := range servers {
		servers[i] = start(t, env, "-keep", "100000")
		addrs[i] = strings.TrimPrefix(servers[i].url, "http://")
		eventually(t, "ready", func() bool { status, _ := get(t, servers[i].url+"/readyz", ""); return status == http.StatusOK })
	}
	doomed := rng.IntN(crashServers)
	var survivors []*process
	for i, s := range servers {
		if i != doomed {
			survivors = append(survivors, s)
		}
	}

	// Talkers begin to talk when they have joined, so most of them join while others talk.
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	stop := make(chan struct{})
	var talking, joining sync.WaitGroup
	talkers := make([]*talker, crashTalkers)
	for i := range talkers {
		talkers[i] = newTalker(i, rng)
	}
	t.Cleanup(func() { talking.Wait(); closeAll(talkers) })
	for part := range 10 {
		joining.Go(func() {
			for i := part; i < len(talkers); i += 10 {
				k := talkers[i]
				if err := k.join(ctx, servers[k.home].url, addrs); err != nil {
					t.Errorf("%s: %v", k.name, err)
					return
				}
				talking.Go(func() { k.talk(ctx, t, stop) })
			}
		})
	}
	joining.Wait()
	if t.Failed() {
		t.FailNow()
	}
	began := time.Now()
	present, ghosts := map[string]int{}, map[string]int{}
	for i := range crashRooms {
		room := fmt.Sprint("crash-", i)
		eventually(t, "the ghost has joined", func() bool { // it is lost with the server
			_, err := join(t, servers[doomed].url, room, "Ghost", nil)
			return err == nil
		})
		present[room] = crashTalkers / crashRooms
		ghosts[room] = present[room] + 1
	}
	for _, s := range servers {
		counts(t, s, ghosts)
	}

	// All clients of the server send concurrently, and it is killed when some of them have an
	// answer. By then the server has called Beat for the first time. Otherwise its first lease
	// in the engine would last longer.
	at := max(crashBefore-time.Since(began), crashSign-time.Since(started))
	time.Sleep(at + upTo(rng, 500*time.Millisecond))
	var lost []*talker
	answered := make(chan struct{}, crashBurst*crashTalkers)
	for _, k := range talkers {
		if k.home != doomed {
			continue
		}
		lost = append(lost, k)
		for range crashBurst {
			talking.Go(func() { k.say(ctx, t); answered <- struct{}{} })
		}
	}
	burst := crashBurst * len(lost)
	early := rng.IntN(burst / 5) // later, most answers are already sent
	for range early {
		<-answered
	}
	if err := servers[doomed].cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	killed, waiting := time.Now(), burst-early-len(answered)
	time.Sleep(crashAfter)
	close(stop) // otherwise the talkers keep a slow machine busy
	var back time.Duration
	for _, k := range lost {
		eventually(t, "back: "+k.name, func() bool { n, _ := k.welcomed(); return n > 1 })
		_, at := k.welcomed()
		back = max(back, at.Sub(killed))
	}
	t.Logf("server %d killed while its %d clients waited for the answers to %d of %d messages; all had reconnected after %v",
		doomed, len(lost), waiting, burst, back.Round(time.Millisecond))
	talking.Wait()

	total, again := 0, 0
	for room := range present {
		truth := readRoom(t, survivors[0], room)
		if other := readRoom(t, survivors[1], room); !slices.Equal(truth, other) {
			t.Errorf("%s differs between the servers:\n%s", room, cmp.Diff(truth, other))
		}
		var members []*talker
		for _, k := range talkers {
			if k.room != room {
				continue
			}
			members = append(members, k)
			eventually(t, k.name+" has received every message", func() bool { return k.last() >= uint64(len(truth)) })
			n, _ := k.welcomed()
			again += n - 1
		}
		for _, s := range checkRoom(truth, members) {
			t.Errorf("%s: %s", room, s)
		}
		total += len(truth)
	}
	t.Logf("%d messages, %d reconnects", total, again)
	for _, s := range survivors {
		counts(t, s, present)
	}
	t.Logf("the lost users had left %v after the kill", time.Since(killed).Round(10*time.Millisecond))
	for _, k := range talkers {
		for user, n := range k.goodbyes() {
			if n > 1 {
				t.Errorf("%s was told %d times of the leave of %s", k.name, n, user)
			}
		}
	}
}

// seeded prints the seed of a test's random choices. CLUSTER_SEED repeats them.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	n, err := strconv.ParseUint(os.Getenv("CLUSTER_SEED"), 10, 64)
	if err != nil {
		n = rand.Uint64()
	}
	t.Logf("CLUSTER_SEED=%d", n)
	return rand.New(rand.NewPCG(n, 0))
}

// upTo returns a random time from zero to below most.
func upTo(rng *rand.Rand, most time.Duration) time.Duration {
	return time.Duration(rng.Int64N(int64(most)))
}

// dialer connects to a running server, and tries the preferred one first.
func dialer(addrs []string, order []int) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (c net.Conn, err error) {
		for _, i := range order {
			var d net.Dialer
			if c, err = d.DialContext(ctx, network, addrs[i]); err == nil || ctx.Err() != nil {
				return c, err
			}
		}
		return nil, err
	}
}

// counts waits until a server has these numbers of present users. Users of a killed server are
// present until its lease in the engine ends, which takes 15 seconds, and until another server
// removes them at its next Beat, every 5 seconds.
func counts(t *testing.T, s *process, want map[string]int) {
	t.Helper()
	var got map[string]int
	for end := time.Now().Add(2 * patience); ; time.Sleep(50 * time.Millisecond) {
		status, body := get(t, s.url+"/rooms", "")
		got = nil
		if err := json.Unmarshal([]byte(body), &got); err != nil && status == http.StatusOK {
			t.Fatalf("/rooms: %v: %s", err, body)
		}
		if cmp.Equal(got, want) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("who is present (-want +got):\n%s", cmp.Diff(want, got))
		}
	}
}

// readRoom reads a room's whole log.
func readRoom(t *testing.T, s *process, room string) (log []said) {
	t.Helper()
	for {
		var page struct {
			Messages []said
			More     bool
		}
		var body string
		eventually(t, "the log can be read", func() (ok bool) {
			var status int
			status, body = get(t, fmt.Sprintf("%s/rooms/%s/messages?limit=100&after=%d", s.url, room, len(log)), "")
			return status == http.StatusOK
		})
		if err := json.Unmarshal([]byte(body), &page); err != nil {
			t.Fatalf("%s: %v: %s", room, err, body)
		}
		log = append(log, page.Messages...)
		if !page.More || len(page.Messages) == 0 {
			return log
		}
	}
}

// closeAll closes the connections of all talkers.
func closeAll(talkers []*talker) {
	var wg sync.WaitGroup
	for _, k := range talkers {
		if k.conn != nil {
			wg.Go(func() { k.conn.Close(); <-k.done })
		}
	}
	wg.Wait()
}
