package pglog_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat/adapters/pglog"
	"github.com/seed-08328bfd/chat/chatlog"
)

func mustEnter(t testing.TB, l *pglog.Log, server, room, user string, conns int) bool {
	t.Helper()
	first, err := l.Enter(soon(t), server, room, chatlog.Member{UserID: user, Username: "name of " + user, Connections: conns})
	if err != nil {
		t.Fatal(err)
	}
	return first
}

func mustBeat(t testing.TB, l *pglog.Log, server string, ttl time.Duration) (bool, []chatlog.Departure) {
	t.Helper()
	p, err := l.Beat(soon(t), server, ttl)
	if err != nil {
		t.Fatal(err)
	}
	return p.Held, p.Gone
}

func TestPresence(t *testing.T) {
	schema := pglog.WithSchema(newSchema())
	a := migrated(t, shared.pool(t), schema)
	b := migrated(t, shared.pool(t), schema)
	if !mustEnter(t, a, "A", "room", "u1", 2) || mustEnter(t, b, "B", "room", "u1", 1) || !mustEnter(t, b, "B", "room", "u2", 1) {
		t.Error("first is wrong")
	}
	mustEnter(t, a, "A", "room", "u1", 3) // replaces the count
	mustEnter(t, a, "A", "other", "u1", 1)
	got, err := b.Members(t.Context(), "room", 10)
	want := []chatlog.Member{{UserID: "u1", Username: "name of u1", Connections: 4}, {UserID: "u2", Username: "name of u2", Connections: 1}}
	if diff := cmp.Diff(chatlog.MemberList{Members: want, Total: 2}, got); diff != "" || err != nil {
		t.Errorf("%v, (-want +got)\n%s", err, diff)
	}
	if got, err := a.Members(t.Context(), "room", 1); len(got.Members) != 1 || got.Total != 2 || err != nil {
		t.Errorf("limit 1: %+v, %v", got, err)
	}
	if got, err := a.Members(t.Context(), "room", 0); len(got.Members) != 0 || got.Total != 2 || err != nil {
		t.Errorf("limit 0: %+v, %v", got, err)
	}
	rooms, err := a.Rooms(t.Context())
	if diff := cmp.Diff(map[string]int{"room": 2, "other": 1}, rooms); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	for i, want := range []bool{false, false, true, false} {
		server := []string{"A", "A", "B", "B"}[i]
		if last, err := a.Leave(t.Context(), server, "room", "u1"); last != want || err != nil {
			t.Errorf("Leave %d: %v, %v", i, last, err)
		}
	}
	if _, ok, err := a.Present(t.Context(), "room", "u1"); ok || err != nil {
		t.Errorf("Present: %v, %v", ok, err)
	}
}

// If a user enters on two servers concurrently, exactly one Enter is the first. If the user
// leaves both, exactly one Leave is the last.
func TestPresenceRaces(t *testing.T) {
	schema := pglog.WithSchema(newSchema())
	logs := []*pglog.Log{migrated(t, shared.pool(t), schema), migrated(t, shared.pool(t), schema)}
	servers := []string{"A", "B"}
	for i := range 150 {
		var firsts, lasts atomic.Int64
		var wg sync.WaitGroup
		for s, l := range logs {
			wg.Go(func() {
				if mustEnter(t, l, servers[s], "room", "u", 1) {
					firsts.Add(1)
				}
			})
		}
		wg.Wait()
		for s, l := range logs {
			wg.Go(func() {
				last, err := l.Leave(soon(t), servers[s], "room", "u")
				if err != nil {
					t.Error(err)
				}
				if last {
					lasts.Add(1)
				}
			})
		}
		wg.Wait()
		if firsts.Load() != 1 || lasts.Load() != 1 {
			t.Fatalf("round %d: %d firsts, %d lasts", i, firsts.Load(), lasts.Load())
		}
	}
}

// A user of dead servers is reported as gone once, by any one server, and only if the user is on
// no other server.
func TestDeadServers(t *testing.T) {
	schema := pglog.WithSchema(newSchema())
	const servers, dead, users = 6, 3, 40
	var logs []*pglog.Log
	for range servers {
		logs = append(logs, migrated(t, shared.pool(t, "pool_max_conns=3"), schema))
	}
	name := func(s int) string { return fmt.Sprint("server", s) }
	for s := range servers {
		ttl := time.Minute
		if s < dead {
			ttl = time.Millisecond
		}
		if held, gone := mustBeat(t, logs[servers-1], "witness", time.Minute); !held || len(gone) > 0 {
			t.Fatalf("held is %v and %v are gone before any server is dead", held, gone)
		}
		for u := range users {
			// User u is on the servers whose bits are set in u. Some users are on dead servers
			// only.
			if u>>s&1 == 1 && (s < dead || u%8 != 7) {
				mustEnter(t, logs[s], name(s), "room", fmt.Sprint(u), 1)
			}
		}
		if s >= dead {
			mustBeat(t, logs[s], name(s), ttl)
		}
	}
	got := map[string]int{}
	for s := range dead {
		// The servers may also find each other dead.
		_, gone := mustBeat(t, logs[s], name(s), time.Millisecond)
		for _, d := range gone {
			got[d.Member.UserID]++
		}
	}
	want := map[string]int{}
	for u := range users {
		onDead := u&(1<<dead-1) != 0
		onLive := u>>dead != 0 && u%8 != 7
		if onDead && !onLive {
			want[fmt.Sprint(u)] = 1
		}
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for s := dead; s < servers; s++ {
		wg.Go(func() {
			for range 20 {
				held, gone := mustBeat(t, logs[s], name(s), time.Minute)
				if !held {
					t.Errorf("%s is not held", name(s))
				}
				mu.Lock()
				for _, d := range gone {
					got[d.Member.UserID]++
					if d.Room != "room" || d.Member.Username != "name of "+d.Member.UserID {
						t.Errorf("wrong departure: %+v", d)
					}
				}
				mu.Unlock()
				time.Sleep(2 * time.Millisecond)
			}
		})
	}
	wg.Wait()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("departures (-want +got)\n%s", diff)
	}
	for s := range dead {
		if held, _ := mustBeat(t, logs[s], name(s), time.Minute); held {
			t.Errorf("%s is held though it was removed", name(s))
		}
		// Calls under the name of the removed server change nothing.
		mustEnter(t, logs[s], name(s), "room", "ghost", 1)
	}
	if _, ok, err := logs[0].Present(t.Context(), "room", "ghost"); ok || err != nil {
		t.Errorf("the ghost is present: %v, %v", ok, err)
	}
}

// If a server's rows are deleted from the database, it enters its users again.
func TestPresenceWiped(t *testing.T) {
	schema := newSchema()
	l := migrated(t, shared.pool(t), pglog.WithSchema(schema))
	if held, _ := mustBeat(t, l, "A", time.Minute); !held {
		t.Fatal("not held before the wipe")
	}
	mustEnter(t, l, "A", "room", "u", 1)
	shared.exec(t, `TRUNCATE `+schema+`.server, `+schema+`.presence`)
	if held, _ := mustBeat(t, l, "A", time.Minute); held {
		t.Error("held although the tables are empty")
	}
	if !mustEnter(t, l, "A2", "room", "u", 1) {
		t.Error("Enter is not the first after the wipe")
	}
}

// A server does not remove others because the database was down. Users that have entered are
// still there after a crash of the database.
func TestPresenceSurvivesCrash(t *testing.T) {
	t.Parallel()
	c := freshCluster(t)
	l := migrated(t, c.pool(t))
	const ttl = 15 * time.Second
	mustBeat(t, l, "A", ttl)
	mustBeat(t, l, "B", ttl)
	entered := time.Now()
	mustEnter(t, l, "A", "room", "u", 1)
	c.stop(quitSignal)
	for time.Since(entered) < ttl {
		time.Sleep(10 * time.Millisecond)
	}
	if err := c.start(); err != nil {
		t.Fatal(err)
	}
	var p chatlog.Pulse
	retry(t, func(ctx context.Context) (err error) { p, err = l.Beat(ctx, "B", ttl); return err })
	if len(p.Gone) > 0 {
		t.Errorf("gone right after the start: %+v", p.Gone)
	}
	if _, ok, err := l.Present(soon(t), "room", "u"); !ok || err != nil {
		t.Errorf("not present after the crash: %v", err)
	}
	eventually(t, "A breaks its promise", func() bool {
		_, gone := mustBeat(t, l, "B", ttl)
		return len(gone) == 1
	})
}

// retry calls f until it succeeds.
func retry(t testing.TB, f func(ctx context.Context) error) {
	t.Helper()
	eventually(t, "success", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		return f(ctx) == nil
	})
}
