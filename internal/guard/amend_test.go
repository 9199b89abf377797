package guard_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/guard"
)

// able is a log with the optional interfaces. Each method calls do.
type able struct {
	chatlog.Log
	do func(ctx context.Context) error
}

func (a able) Amend(ctx context.Context, _ string, e chatlog.Event, _ bool) (chatlog.Appended, error) {
	return chatlog.Appended{Event: e, Epoch: "e"}, a.do(ctx)
}

func (a able) MarkRead(ctx context.Context, _, _ string, offset uint64) (uint64, bool, error) {
	return offset, true, a.do(ctx)
}

func (a able) Unread(ctx context.Context, _ string, rooms []string) ([]chatlog.Unread, error) {
	return make([]chatlog.Unread, len(rooms)), a.do(ctx)
}

func (a able) Pace(ctx context.Context, _, _, _ string, every time.Duration) (time.Duration, error) {
	return every, a.do(ctx)
}

func (a able) AddConsumer(ctx context.Context, _ string, _ bool) error { return a.do(ctx) }

func (a able) RemoveConsumer(ctx context.Context, _ string) error { return a.do(ctx) }

func (a able) Consumers(ctx context.Context) ([]chatlog.Consumer, error) { return nil, a.do(ctx) }

func (a able) Behind(ctx context.Context, _ string, _ []string, _ int) ([]string, error) {
	return nil, a.do(ctx)
}

func (a able) Claim(ctx context.Context, _, room string, _ int, _ time.Duration) (chatlog.Claim, error) {
	return ableClaim{a, &chatlog.Batch{Room: room}}, a.do(ctx)
}

func (a able) Grown() <-chan struct{} { return nil }

// ableClaim is a claim whose methods call do.
type ableClaim struct {
	able
	batch *chatlog.Batch
}

func (c ableClaim) Batch() *chatlog.Batch { return c.batch }

func (c ableClaim) Context(ctx context.Context) context.Context { return ctx }

func (c ableClaim) Renew(ctx context.Context, _ time.Duration) error { return c.do(ctx) }

func (c ableClaim) Done(ctx context.Context) error { return c.do(ctx) }

func (c ableClaim) Release(ctx context.Context) error { return c.do(ctx) }

// TestClaimsAreGuarded checks that a lost claim is no failure of the log, and that panics and
// hangs of a claim are.
func TestClaimsAreGuarded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := able{do: func(context.Context) error { return nil }}
		g := guardOf(struct {
			chatlog.Log
			able
		}{a.Log, able{do: func(ctx context.Context) error { return a.do(ctx) }}}.able)
		c, err := g.Claim(t.Context(), "c", "r", 1, time.Second)
		if err != nil || c.Batch().Room != "r" {
			t.Fatal(err)
		}
		for _, use := range []func(context.Context) error{c.Done, c.Release, func(ctx context.Context) error { return c.Renew(ctx, 1) }} {
			for _, row := range []struct {
				do     func(context.Context) error
				want   error
				failed uint64
			}{
				{func(context.Context) error { return nil }, nil, 0},
				{func(context.Context) error { return fmt.Errorf("x: %w", chatlog.ErrClaimLost) }, chatlog.ErrClaimLost, 0},
				{func(context.Context) error { panic("p") }, guard.ErrUnavailable, 1},
				{func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, guard.ErrUnavailable, 1},
			} {
				a.do = row.do
				before := g.failed.Load()
				if err := use(t.Context()); !errors.Is(err, row.want) || row.want == nil && err != nil || g.failed.Load()-before != row.failed {
					t.Errorf("%v, want %v; %d failures", err, row.want, g.failed.Load()-before)
				}
			}
		}
	})
}

// short is a log whose Unread leaves out a room.
type short struct{ able }

func (s short) Unread(context.Context, string, []string) ([]chatlog.Unread, error) {
	return make([]chatlog.Unread, 1), nil
}

// guarded is a guard, with its counts.
type guarded struct {
	*guard.Log
	failed   atomic.Uint64
	panicked []string
}

func guardOf(log chatlog.Log) *guarded {
	g := &guarded{}
	g.Log = guard.New(log, guard.Config{
		Timeout: time.Second, Server: context.Background(), Failed: &g.failed,
		Panicked: func(method, _ string, _ any, _ []byte) { g.panicked = append(g.panicked, method) },
	})
	return g
}

// calls calls each method of the optional interfaces.
func calls(g *guarded) map[string]error {
	ctx := context.Background()
	out := map[string]error{}
	_, out["Amend"] = g.Amend(ctx, "r", chatlog.Event{}, false)
	_, _, out["MarkRead"] = g.MarkRead(ctx, "r", "u", 1)
	_, out["Unread"] = g.Unread(ctx, "u", []string{"r", "s"})
	out["AddConsumer"] = g.AddConsumer(ctx, "c", false)
	out["RemoveConsumer"] = g.RemoveConsumer(ctx, "c")
	_, out["Consumers"] = g.Consumers(ctx)
	_, out["Behind"] = g.Behind(ctx, "c", nil, 1)
	_, out["Claim"] = g.Claim(ctx, "c", "r", 1, time.Second)
	_, out["Pace"] = g.Pace(ctx, "r", "u", "", time.Minute)
	return out
}

func TestOptionalInterfacesAreGuarded(t *testing.T) {
	broken := errors.New("broken")
	for name, row := range map[string]struct {
		do       func(context.Context) error
		want     error
		failed   uint64
		panicked int
	}{
		"works":    {do: func(context.Context) error { return nil }},
		"fails":    {do: func(context.Context) error { return broken }, want: broken, failed: 9},
		"panics":   {do: func(context.Context) error { panic("p") }, want: guard.ErrUnavailable, failed: 9, panicked: 9},
		"hangs":    {do: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, want: context.DeadlineExceeded, failed: 9},
		"canceled": {do: func(context.Context) error { return context.Canceled }, want: context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := guardOf(able{do: row.do})
				for method, err := range calls(g) {
					if !errors.Is(err, row.want) {
						t.Errorf("%s: %v, want %v", method, err, row.want)
					}
					if unavailable := errors.Is(err, guard.ErrUnavailable); unavailable != (row.failed > 0) {
						t.Errorf("%s: %v: unavailable is %t", method, err, unavailable)
					}
				}
				if got := g.failed.Load(); got != row.failed || len(g.panicked) != row.panicked {
					t.Errorf("%d failures, panics %v", got, g.panicked)
				}
			})
		})
	}
}

// TestRefusalsOfAmendAreNoFailures checks that a refusal of the log reaches the caller as the
// contract's own error, even if the log has wrapped it.
func TestRefusalsOfAmendAreNoFailures(t *testing.T) {
	for _, want := range []error{chatlog.ErrNoSuchMessage, chatlog.ErrTooManyReactions} {
		g := guardOf(able{do: func(context.Context) error { return fmt.Errorf("store: %w", want) }})
		a, err := g.Amend(context.Background(), "r", chatlog.Event{Text: "x"}, false)
		if err != want || a.Event.Text != "" || g.failed.Load() != 0 {
			t.Errorf("%v, %+v, %d failures", err, a, g.failed.Load())
		}
		if _, err := g.Pace(context.Background(), "r", "u", "", 1); !errors.Is(err, guard.ErrUnavailable) {
			t.Errorf("Pace: %v", err)
		}
	}
}

func TestALogWithoutOptionalInterfaces(t *testing.T) {
	g := guardOf(struct{ chatlog.Log }{})
	if g.Amends() || g.Marks() {
		t.Error("a plain log has an optional interface")
	}
	for method, err := range calls(g) {
		if method == "Pace" {
			continue
		}
		if !errors.Is(err, guard.ErrUnsupported) || errors.Is(err, guard.ErrUnavailable) {
			t.Errorf("%s: %v", method, err)
		}
	}
	if g.failed.Load() != 0 {
		t.Error("a missing interface was counted as a failure")
	}
	if g := guardOf(able{}); !g.Amends() || !g.Marks() {
		t.Error("an optional interface was not found")
	}
}

func TestUnreadAnswersForEachRoom(t *testing.T) {
	g := guardOf(short{})
	if _, err := g.Unread(context.Background(), "u", []string{"r", "s"}); !errors.Is(err, guard.ErrUnavailable) || g.failed.Load() != 1 {
		t.Errorf("%v, %d failures", err, g.failed.Load())
	}
}

// TestTurnsOfOneServer tests turns if the log is no Pacer. Then the guard has them.
func TestTurnsOfOneServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guardOf(struct{ chatlog.Log }{})
		pace := func(room, user, id string, want time.Duration) {
			t.Helper()
			if wait, err := g.Pace(t.Context(), room, user, id, time.Minute); wait != want || err != nil {
				t.Errorf("%s %s %q: %v, %v, want %v", room, user, id, wait, err, want)
			}
		}
		pace("r", "u", "1", 0)
		time.Sleep(20 * time.Second)
		pace("r", "u", "2", 40*time.Second)
		pace("r", "u", "", 40*time.Second)
		pace("r", "u", "1", 0) // a repetition, which takes no turn
		pace("r", "v", "1", 0)
		pace("s", "u", "1", 0)
		time.Sleep(40 * time.Second)
		pace("r", "u", "", 0)
		pace("r", "u", "", time.Minute)
		pace("r", "v", "", 20*time.Second)
		for i := range 1 << 17 { // its memory is bounded
			pace("r", fmt.Sprint("many", i), "", 0)
		}
	})
}
