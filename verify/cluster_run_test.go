//go:build unix

package verify

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

// A clusterRun is one run of the cluster test: the servers, the log that they share, and the
// members, which know the truth.
type clusterRun struct {
	t       *testing.T
	seed    uint64
	dir     string // the folder of the servers' output
	rooms   []string
	nodes   []*node
	log     chatlog.Log
	members []*clusterMember
	strict  bool // the log must keep everything that it acknowledged more than a second ago

	plant  func(v *visit, b []byte) [][]byte // a defect in the objects from servers
	isCalm atomic.Bool
	done   chan struct{}

	mu     sync.Mutex
	counts map[string]int
	wrong  []string
	losses []loss
}

// A loss is a time in which the log may have lost something.
type loss struct{ from, to time.Time }

func newClusterRun(t *testing.T, seed uint64, prefix string, rooms, members int) *clusterRun {
	dir, err := os.MkdirTemp("", "cluster")
	if err != nil {
		t.Fatal(err)
	}
	r := &clusterRun{t: t, seed: seed, dir: dir, done: make(chan struct{}), counts: map[string]int{}}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the output of the servers is in %s", dir)
		} else {
			os.RemoveAll(dir)
		}
	})
	for i := range rooms {
		r.rooms = append(r.rooms, fmt.Sprint(prefix, i))
	}
	for i := range members {
		b := fmt.Sprint("c", i)
		r.members = append(r.members, &clusterMember{run: r, room: r.rooms[i%rooms], base: b, name: b,
			plain: i%7 == 6, rng: rand.New(rand.NewPCG(seed, uint64(i)))})
	}
	return r
}

func (r *clusterRun) calm() bool { return r.isCalm.Load() }

func (r *clusterRun) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// wait returns after a random time, or when the run ends.
func (r *clusterRun) wait(d time.Duration) {
	select {
	case <-time.After(d):
	case <-r.done:
	}
}

func (r *clusterRun) hash(s string) uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, r.seed, s)
	return h.Sum64()
}

func (r *clusterRun) count(what string) {
	r.mu.Lock()
	r.counts[what]++
	r.mu.Unlock()
}

func (r *clusterRun) bad(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.wrong) < 40 {
		r.wrong = append(r.wrong, fmt.Sprintf(format, args...))
	}
}

func (r *clusterRun) lossFrom(from time.Time) {
	r.mu.Lock()
	r.losses = append(r.losses, loss{from, time.Now()})
	r.mu.Unlock()
}

func (r *clusterRun) tamper(v *visit, b []byte) [][]byte {
	if r.plant == nil {
		return [][]byte{b}
	}
	return r.plant(v, b)
}

// somebody returns the id of another member of a room. That member may have left.
func (r *clusterRun) somebody(m *clusterMember) string {
	n := len(r.members) / len(r.rooms)
	for range 10 {
		k := r.members[m.rng.IntN(n)*len(r.rooms)+slices.Index(r.rooms, m.room)]
		if k == m || k.plain {
			continue
		}
		k.mu.Lock()
		user := k.user
		k.mu.Unlock()
		if user != "" {
			return user
		}
	}
	return ""
}

// refusal checks a handshake that has failed.
func (r *clusterRun) refusal(n *node, v *visit, err error) {
	took := time.Since(v.began)
	var no refused
	switch {
	case errors.As(err, &no) && no.status == http.StatusServiceUnavailable:
		r.count("503")
		if took > 15*time.Second && v.life.stood.IsZero() {
			r.bad("%s: a handshake was refused after %v", v.member.name, took)
		}
	case errors.As(err, &no):
		r.bad("%s: %v", v.member.name, err)
	default:
		r.count("not reached")
	}
}

// lost checks the end of a connection that its client did not end.
func (r *clusterRun) lost(v *visit, err error) {
	var c closed
	switch {
	case errors.As(err, &c) && (c.code == 1001 || c.code == 1013):
		r.count(fmt.Sprint("closed with ", c.code))
	case errors.As(err, &c):
		r.bad("%s: %v", v.member.name, err)
	case !r.nodes[v.life.node].ended(v.life, time.Now()):
		// A server that was paused drops clients that seem to be silent.
		r.count("dropped")
	default:
		r.count("lost with a server")
	}
}

// get asks a server over HTTP.
func (r *clusterRun) get(n *node, path string, v any) error {
	client := http.Client{Timeout: 20 * time.Second}
	resp, err := client.Get("http://" + n.addr + path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, b)
	}
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	return err
}

// differ returns how the lists of servers and clients differ from the truth.
func (r *clusterRun) differ() (found []string) {
	truth := map[string]map[string]string{} // the base of each name to the name, by room
	for _, room := range r.rooms {
		truth[room] = map[string]string{}
	}
	for _, m := range r.members {
		m.mu.Lock()
		switch {
		case m.at != nil && m.at.welcomed && !m.at.over:
			truth[m.room][m.base] = m.name
		case m.stays():
			found = append(found, m.name+" has not reconnected")
		}
		if m.stays() && len(m.unacked) > 0 {
			found = append(found, fmt.Sprintf("%s waits for %d answers", m.name, len(m.unacked)))
		}
		m.mu.Unlock()
	}
	for _, m := range r.members {
		m.mu.Lock()
		if m.at != nil && m.at.welcomed && !m.at.over && !m.plain {
			if extra, missing := compare(m.at.list, truth[m.room]); extra != nil || missing != nil {
				found = append(found, fmt.Sprintf("%s at %d keeps a list in %s with %v and without %v", m.name, m.at.life.node, m.room, extra, missing))
			}
		}
		m.mu.Unlock()
	}
	for i, n := range r.nodes {
		counts := map[string]int{}
		if err := r.get(n, "/rooms", &counts); err != nil {
			found = append(found, err.Error())
		}
		for _, room := range r.rooms {
			var list struct{ Members []chatlog.Member }
			if err := r.get(n, "/rooms/"+room+"/members", &list); err != nil {
				found = append(found, err.Error())
				continue
			}
			if counts[room] != len(truth[room]) {
				found = append(found, fmt.Sprintf("server %d says %d in %s, not %d", i, counts[room], room, len(truth[room])))
			}
			names := map[string]string{}
			for _, m := range list.Members {
				names[m.UserID] = base(m.Username)
				if want := truth[room][base(m.Username)]; want != "" && want != m.Username || m.Connections != 1 {
					found = append(found, fmt.Sprintf("server %d lists %+v in %s, not %s once", i, m, room, want))
				}
			}
			if extra, missing := compare(names, truth[room]); extra != nil || missing != nil {
				found = append(found, fmt.Sprintf("server %d lists %s with %v and without %v", i, room, extra, missing))
			}
		}
	}
	return found
}

// compare returns the users that a list has too much, and those that it lacks.
func compare(list, truth map[string]string) (extra, missing []string) {
	left := maps.Clone(truth)
	for _, b := range list {
		if _, ok := left[b]; !ok {
			extra = append(extra, b)
		}
		delete(left, b)
	}
	for b := range left {
		missing = append(missing, b)
	}
	return extra, missing
}
