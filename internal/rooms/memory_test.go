package rooms

import (
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/internal/logging"
	"github.com/seed-08328bfd/chat/internal/memlog"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// sinkhole is a connection to a peer that takes everything.
type sinkhole struct{ net.Conn }

func (sinkhole) Write(b []byte) (int, error)      { return len(b), nil }
func (sinkhole) SetReadDeadline(time.Time) error  { return nil }
func (sinkhole) SetWriteDeadline(time.Time) error { return nil }
func (sinkhole) Close() error                     { return nil }

// TestMemoryOfFurtherRooms: a further room of a connection costs at most 600 bytes of the
// heap, over all: the member, the room's lists, the user here, and the memory log's presence.
func TestMemoryOfFurtherRooms(t *testing.T) {
	const conns, each, members, most = 400, 50, 100, 600
	var panics atomic.Uint64
	s := New(Config{
		Log: memlog.New(50, 1<<20, time.Hour), Local: true,
		Limits: Limits{Resume: 1, Lag: 1 << 20, Rooms: 10_000, Joined: each + 1, Presence: 0},
		Times:  Times{Log: time.Second},
		Logger: logging.New(slog.New(slog.DiscardHandler), &panics),
		Clock:  pipeConfig.Clock,
		Ping:   func(time.Duration) {},
		Sweep:  func() {},
	})
	cfg := &wsconn.Config{Clock: pipeConfig.Clock, ReadLimit: 1 << 20, WriteTimeout: time.Minute}
	var all []*Many
	names := make([]string, conns*each/members)
	for i := range names {
		names[i] = fmt.Sprint("room ", i)
	}
	for i := range conns {
		c := new(wsconn.Conn)
		m := s.NewMany(Joining{Conn: c, UserID: fmt.Sprint("user ", i), Username: fmt.Sprint("User ", i)})
		c.Init(cfg, m.Source(), silent{}, false)
		c.Attach(sinkhole{}, nil)
		if err := c.Open(nil); err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	join := func(i int, name string) {
		if err := all[i].Join(t.Context(), name, Joining{Greet: silent{}.Greet}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range all { // each has one room to begin with
		join(i, "first of "+fmt.Sprint(i/members))
	}
	settle := func() {
		for _, m := range all {
			m.conn.Lock()
			for m.conn.DrainingLocked() {
				m.conn.Unlock()
				time.Sleep(time.Millisecond)
				m.conn.Lock()
			}
			m.conn.Unlock()
		}
		s.rooms.Range(func(_, v any) bool {
			r := v.(*room)
			for waits := true; waits; time.Sleep(time.Millisecond) {
				r.mu.Lock()
				waits = r.batch != nil
				r.mu.Unlock()
			}
			return true
		})
	}
	settle()
	used := func() int64 { // without what streams hold, which is bounded per room
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		n := int64(m.HeapAlloc)
		s.rooms.Range(func(_, v any) bool {
			n -= int64(v.(*room).stream.Held())
			return true
		})
		return n
	}
	before := used()
	for i := range all {
		for k := range each {
			join(i, names[(i*each+k)%len(names)])
		}
	}
	settle()
	per := float64(used()-before) / (conns * each)
	t.Logf("%.0f bytes for a further room", per)
	if per > most {
		t.Errorf("a further room of a connection takes %.0f bytes, of at most %d", per, most)
	}
	for _, m := range all {
		m.conn.Kill()
		m.LeaveAll(true)
	}
	s.BeginClosing()
	<-s.End()
}
