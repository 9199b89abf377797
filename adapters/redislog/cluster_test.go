package redislog_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/seed-08328bfd/chat/adapters/redislog"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/chattest"
)

// A cluster is a group of masters that share the slots.
type cluster []*instance

const slots = 16384

// newCluster starts a cluster of n masters that ends with the test.
func newCluster(t testing.TB, n int) cluster {
	t.Helper()
	var c cluster
	for range n {
		c = append(c, freshInstance(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "60000"))
	}
	for i, node := range c {
		node.restrict(t)
		node.exec(t, "CLUSTER", "ADDSLOTSRANGE", i*slots/n, (i+1)*slots/n-1)
		node.exec(t, "CLUSTER", "SET-CONFIG-EPOCH", i+1)
		if i > 0 {
			node.exec(t, "CLUSTER", "MEET", "127.0.0.1", c[0].port)
		}
	}
	eventually(t, "the nodes know each other", func() bool {
		for _, node := range c {
			info := node.exec(t, "CLUSTER", "INFO").(string)
			if !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, fmt.Sprint("cluster_known_nodes:", n)) {
				return false
			}
		}
		return true
	})
	return c
}

// client returns a client with only the rights in README.md.
func (c cluster) client(t testing.TB) *redis.ClusterClient {
	t.Helper()
	var addrs []string
	for _, node := range c {
		addrs = append(addrs, node.addr())
	}
	cl := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs, Username: "chat", Password: "SECRET", ContextTimeoutEnabled: true, ReadTimeout: patience})
	t.Cleanup(func() { cl.Close() })
	return cl
}

func (c cluster) log(t testing.TB) *redislog.Log { return redislog.New(c.client(t)) }

func TestCluster(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	t.Run("Log", func(t *testing.T) {
		chattest.TestLog(t, func(t *testing.T) chatlog.Log { return c.log(t) })
	})
	t.Run("Spread", func(t *testing.T) {
		l := c.log(t)
		for i := range 300 {
			put(t, l, fmt.Sprint("spread", i), text("u", "", "m"))
		}
		for i, node := range c {
			n := len(node.exec(t, "KEYS", "chat:{*}entries:spread*").([]any))
			if n < 70 || n > 130 {
				t.Errorf("node %d of 3 has %d of 300 rooms", i, n)
			}
		}
	})
	// The hash tags spread the buckets evenly over the slots.
	t.Run("Tags", func(t *testing.T) {
		for b, tag := range redislog.Tags {
			slot := c[0].exec(t, "CLUSTER", "KEYSLOT", fmt.Sprintf("chat:{%d}x", tag)).(int64)
			if off := int(slot) - 256*b; off < 112 || off >= 144 {
				t.Errorf("tag %d of bucket %d has slot %d", tag, b, slot)
			}
		}
	})
	t.Run("SlotMoves", func(t *testing.T) { testSlotMoves(t, c) })
	t.Run("NodePaused", func(t *testing.T) { testNodePaused(t, c) })
}

// roomOn returns a room whose keys are on a node, or not on it.
func roomOn(t testing.TB, c cluster, node int, prefix string) string {
	t.Helper()
	for i := range 1000 {
		room := fmt.Sprint(prefix, i)
		slot := c[0].exec(t, "CLUSTER", "KEYSLOT", redislog.Key(room)).(int64)
		if int(slot)/(slots/len(c)+1) == node {
			return room
		}
	}
	t.Fatal("no room is on the node")
	return ""
}

// testSlotMoves moves the slot of a watched room to another node while it is written to.
func testSlotMoves(t *testing.T, c cluster) {
	room := roomOn(t, c, 0, "moving")
	slot := c[0].exec(t, "CLUSTER", "KEYSLOT", redislog.Key(room)).(int64)
	l := c.log(t)
	r := opened(t, c.log(t), room)
	var acked sync.Map
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			e := text("u", fmt.Sprint(i), "m")
			for {
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				a, err := l.Append(ctx, room, e)
				cancel()
				if err == nil {
					acked.Store(a.Event.Offset, e.ID)
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
		}
	})
	eventually(t, "entries are pushed", func() bool { return r.last(room) > 20 })

	from, to := c[0].exec(t, "CLUSTER", "MYID").(string), c[1].exec(t, "CLUSTER", "MYID").(string)
	c[1].exec(t, "CLUSTER", "SETSLOT", slot, "IMPORTING", from)
	c[0].exec(t, "CLUSTER", "SETSLOT", slot, "MIGRATING", to)
	for {
		keys := c[0].exec(t, "CLUSTER", "GETKEYSINSLOT", slot, 100).([]any)
		if len(keys) == 0 {
			break
		}
		c[0].exec(t, append([]any{"MIGRATE", "127.0.0.1", c[1].port, "", 0, 5000, "KEYS"}, keys...)...)
	}
	c[1].exec(t, "CLUSTER", "SETSLOT", slot, "NODE", to)
	c[0].exec(t, "CLUSTER", "SETSLOT", slot, "NODE", to)
	c[2].exec(t, "CLUSTER", "SETSLOT", slot, "NODE", to)

	moved := position(t, l, room).Offset
	eventually(t, "entries are written on the other node", func() bool { return position(t, l, room).Offset > moved+20 })
	eventually(t, "entries are pushed again", func() bool { return r.last(room) > moved+20 })
	close(stop)
	wg.Wait()
	page := read(t, l, room, chatlog.Range{From: 1, Limit: 1 << 20})
	for i, e := range page.Events {
		if e.Offset != page.First+uint64(i) {
			t.Fatalf("entry %d is at the place of %d", e.Offset, page.First+uint64(i))
		}
		if id, ok := acked.Load(e.Offset); ok && id != e.ID {
			t.Errorf("offset %d was acknowledged for %s and has %s", e.Offset, id, e.ID)
		}
		acked.Delete(e.Offset)
	}
	acked.Range(func(offset, id any) bool {
		if offset.(uint64) >= page.First {
			t.Errorf("%s was acknowledged with offset %d and is missing", id, offset)
		}
		return true
	})
	eventually(t, "every interruption is followed by Resumed", func() bool {
		down, up := r.interruptions()
		return down > 0 && down == up
	})
}

// testNodePaused pauses one node. Rooms on the other nodes work.
func testNodePaused(t *testing.T, c cluster) {
	l := c.log(t)
	stuck, free := roomOn(t, c, 1, "paused"), roomOn(t, c, 2, "paused")
	put(t, l, stuck, text("u", "", "m"))
	put(t, l, free, text("u", "", "m"))
	c[1].signal(stopSignal)
	defer c[1].signal(contSignal)
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			if _, err := l.Append(ctx, stuck, text("u", "", "m")); err == nil {
				t.Error("the paused node has answered")
			}
		})
	}
	for range 50 {
		put(t, l, free, text("u", "", "m"))
	}
	wg.Wait()
	c[1].signal(contSignal)
	eventually(t, "the node answers", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := l.Append(ctx, stuck, text("u", "", "m"))
		return err == nil
	})
}
