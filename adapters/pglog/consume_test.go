package pglog_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/adapters/pglog"
)

// Two servers archive all rooms in the database of the log, in the transaction of the places,
// while handlers fail and connections are cut. Each event is in the archive once, in order.
func TestArchiveExactlyOnce(t *testing.T) {
	t.Parallel()
	c := freshCluster(t)
	c.exec(t, `CREATE TABLE archive (n bigint GENERATED ALWAYS AS IDENTITY, room text, "offset" bigint, message text)`)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	quiet := chat.WithLogger(slog.New(slog.DiscardHandler))
	var servers []*chat.Server
	for range 2 {
		srv := chat.New(chat.WithLog(migrated(t, c.pool(t))), quiet)
		t.Cleanup(func() { srv.Close() })
		servers = append(servers, srv)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var calm atomic.Bool
	var readers sync.WaitGroup
	for i, srv := range servers {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		var mu sync.Mutex
		choose := func(n int) int {
			mu.Lock()
			defer mu.Unlock()
			return rng.IntN(n)
		}
		readers.Go(func() {
			err := srv.FollowAll(ctx, "archive", chat.FromStart, func(ctx context.Context, b chat.Batch) error {
				tx, err := pglog.TxFrom(ctx)
				if err != nil {
					return err
				}
				for _, e := range b.Events {
					if _, err := tx.Exec(ctx, `INSERT INTO archive (room, "offset", message) VALUES ($1, $2, $3)`, b.Room, int64(e.Offset), e.Text); err != nil {
						return err
					}
					if !calm.Load() && choose(40) == 0 {
						return errors.New("the handler fails")
					}
				}
				if !calm.Load() && choose(20) == 0 {
					tx.Rollback(ctx) // against the rules
				}
				return nil
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("FollowAll: %v", err)
			}
		})
	}
	written := map[string]int{}
	for i := range 400 {
		room := fmt.Sprint("room", i%5)
		m := chat.Message{UserID: "u", Text: fmt.Sprint(written[room] + 1), ID: fmt.Sprint(i)}
		for { // with the same id until it is stored
			if _, err := servers[i%2].Publish(ctx, room, m); err == nil {
				break
			} else if !errors.Is(err, chat.ErrUnavailable) {
				t.Fatal(err)
			}
		}
		if written[room]++; i%50 == 25 {
			c.exec(t, cutAll)
		}
	}
	calm.Store(true)
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		all, err := servers[0].Consumers(ctx)
		if err == nil && len(all) == 1 && all[0].Events == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the consumer is behind: %+v, %v", all, err)
		}
	}
	cancel()
	readers.Wait()
	for room, n := range written {
		var got, want string
		c.query(t, &got, `SELECT string_agg(message || ':' || "offset", ' ' ORDER BY n) FROM archive WHERE room = $1`, room)
		for i := range n {
			want += fmt.Sprintf(" %d:%d", i+1, i+1)
		}
		if want = want[1:]; got != want {
			t.Errorf("the archive of %s has\n%s, want\n%s", room, got, want)
		}
	}
}

// TestTxFrom refuses what is no context of a handler.
func TestTxFrom(t *testing.T) {
	t.Parallel()
	if _, err := pglog.TxFrom(t.Context()); err == nil {
		t.Error("TxFrom takes any context")
	}
	l := newLog(t)
	srv := chat.New(chat.WithLog(l))
	t.Cleanup(func() { srv.Close() })
	if _, err := srv.Publish(t.Context(), "r", chat.Message{UserID: "u", Text: "hi"}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	kept := make(chan context.Context, 1)
	err := srv.FollowAll(ctx, "c", chat.FromStart, func(h context.Context, _ chat.Batch) error {
		a, err := pglog.TxFrom(h)
		b, again := pglog.TxFrom(h)
		if err != nil || again != nil || a != b {
			t.Errorf("TxFrom: %v, %v, the same: %t", err, again, a == b)
		}
		kept <- h
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("FollowAll: %v", err)
	}
	if _, err := pglog.TxFrom(<-kept); err == nil {
		t.Error("TxFrom works after the handler's end")
	}
	if all, err := srv.Consumers(t.Context()); err != nil || len(all) != 1 || all[0].Events != 0 {
		t.Errorf("the place was not stored although the handler has returned nil: %+v, %v", all, err)
	}
}
