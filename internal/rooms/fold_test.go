package rooms

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/memlog"
)

// A folder is a member that folds what it gets.
type folder struct {
	*peer
	fold
	j       Joining
	server  int
	deleted map[uint64]bool // what the server had seen deleted when it joined
	amends  int
	fresh   uint64 // the welcome's place, if history comes up to there
}

// world is some servers that share a log.
type world struct {
	t       *testing.T
	rng     *rand.Rand
	log     *memlog.Log
	ways    []*flakyLog
	sets    []*Set
	deleted []map[uint64]bool // acknowledged by each server
	folders []*folder
}

// take has f fold what has come.
func (w *world) take(f *folder) {
	if f.asleep {
		return
	}
	for _, o := range f.take() {
		switch o.Type {
		case "welcome", "position":
			at, _ := chatlog.ParsePosition(o.Position)
			if o.Type == "welcome" {
				f.j.Since.Epoch, f.fresh = at.Epoch, 0
				if !o.Resumed {
					f.reset(0)
					f.from, f.fresh = at.Offset+1, at.Offset
				}
			}
			if o.Type == "position" {
				f.last = max(f.last, at.Offset)
			}
			continue
		}
		if f.deleted[o.Offset] && !o.Amends() {
			w.t.Errorf("%s gets %d, which was deleted before it came", f.name, o.Offset)
		}
		if o.Amends() {
			if f.amends++; !f.j.V1 || o.Offset <= f.fresh {
				w.t.Errorf("%s gets %s", f.name, o.raw)
			}
		}
		f.apply(&o.Event)
	}
}

// join has f join a server, or come back with what it has seen.
func (w *world) join(f *folder) {
	f.j.Since.Offset = f.last
	if !f.j.V1 || f.j.Since.Epoch == "" || w.rng.IntN(5) == 0 {
		f.j.Since = chatlog.Position{}
	}
	if f.j.Since.Epoch == "" {
		f.reset(0)
		f.from = math.MaxUint64 // the first message that comes says it
	}
	f.server = w.rng.IntN(len(w.sets))
	f.deleted = maps.Clone(w.deleted[f.server])
	for {
		if p, err := tryJoin(w.t, w.sets[f.server], f.j); err == nil {
			p.resume()
			synctest.Wait()
			f.peer = p
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (w *world) wake(f *folder) {
	if f.asleep {
		f.peer.resume()
	}
}

// step does something.
func (w *world) step() {
	i := w.rng.IntN(len(w.sets))
	s, ctx, user := w.sets[i], w.t.Context(), string(rune('a'+w.rng.IntN(3)))
	f := w.folders[w.rng.IntN(len(w.folders))]
	page, _ := w.log.Read(ctx, "r", chatlog.Range{Limit: 12, Messages: true})
	e := chatlog.Event{Type: chatlog.TypeMessage, UserID: user, Text: fmt.Sprint(w.rng.Uint32(), strings.Repeat("x", w.rng.IntN(8<<10)>>w.rng.IntN(12)))}
	if n := len(page.Events); n > 0 {
		e.Target = page.Events[w.rng.IntN(n)].Offset
	}
	switch op := w.rng.IntN(20); {
	case op < 5:
		if e.Target = 0; op == 0 {
			e.Type, e.To = chatlog.TypePrivate, string(rune('a'+w.rng.IntN(3)))
		}
		s.Publish(ctx, "r", e, false)
	case op < 11:
		e.Type, e.Reaction, e.Text, e.Remove = chatlog.TypeReaction, string(rune('A'+w.rng.IntN(3))), "", w.rng.IntN(3) == 0
		s.Publish(ctx, "r", e, false)
	case op < 13:
		for j := range page.Events {
			if page.Events[j].Offset == e.Target {
				e.UserID = page.Events[j].UserID
			}
		}
		e.Type = chatlog.TypeEdit
		s.Publish(ctx, "r", e, false)
	case op < 14:
		e.Type, e.Text = chatlog.TypeDelete, ""
		if _, _, err := s.Publish(ctx, "r", e, true); err == nil {
			w.deleted[i][e.Target] = true
		}
	case op < 16:
		w.wake(f)
		w.take(f)
		f.leave()
		w.join(f)
	case op < 17 && !f.asleep:
		w.take(f)
		f.pause()
	case op < 18:
		w.wake(f)
	default:
		time.Sleep(time.Duration(w.rng.IntN(60)) * time.Millisecond)
	}
	synctest.Wait()
	for _, f := range w.folders {
		w.take(f)
		if f.gone() { // told to come back
			f.leave()
			w.join(f)
		}
	}
}

// TestFoldsAgree has members join, resume, sleep and lag on several servers whose log fails,
// while messages come, change and go: in the end what each has made of what it got is what
// the log has.
func TestFoldsAgree(t *testing.T) {
	seeds := uint64(10)
	if testing.Short() {
		seeds = 4
	}
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) { foldsAgree(t, seed) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func foldsAgree(t *testing.T, seed uint64) {
	w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 2)), log: memlog.New(100, 8<<20, time.Hour)}
	for range 3 {
		l := &flakyLog{Log: w.log, rng: rand.New(rand.NewPCG(w.rng.Uint64(), 3))}
		w.ways = append(w.ways, l)
		w.deleted = append(w.deleted, map[uint64]bool{})
		w.sets = append(w.sets, newSet(t, l, func(c *Config) {
			c.Limits.History, c.Limits.Resume, c.Limits.Lag = 12, 10, 64<<10
		}))
	}
	for i := range 8 {
		f := &folder{j: Joining{UserID: string(rune('a' + i%4)), V1: i < 6, Deflate: i%2 == 1}}
		f.fold = fold{t: t, name: fmt.Sprintf("member %d, user %s", i, f.j.UserID)}
		f.reset(0)
		w.join(f)
		w.folders = append(w.folders, f)
	}
	for _, l := range w.ways {
		l.set(0.1)
	}
	follower := w.follow()
	for range 300 {
		if w.step(); t.Failed() {
			break
		}
	}
	for _, l := range w.ways {
		l.set(0)
	}
	for range 5 {
		time.Sleep(3 * time.Second)
		synctest.Wait()
		for _, f := range w.folders {
			w.wake(f)
			if w.take(f); f.gone() {
				f.leave()
				w.join(f)
			}
		}
	}
	amends := 0
	for _, f := range w.folders {
		w.compare("r", &f.fold, f.j)
		amends += f.amends
		f.leave()
	}
	w.compare("r", follower(), Joining{V1: true, UserID: "*"})
	if amends == 0 {
		t.Error("nothing was amended live")
	}
	for _, s := range w.sets {
		if n := s.Stats().Resets; n != 0 {
			t.Errorf("%d resets: what was amended was taken for a contradiction", n)
		}
	}
}

// compare compares a fold with what the log has of the room for the user; for "*" with everything.
func (w *world) compare(room string, f *fold, j Joining) {
	page, err := w.log.Read(w.t.Context(), room, chatlog.Range{From: 1, Limit: 1000, Messages: true, Visible: j.UserID != "*", Reader: j.UserID})
	if err != nil {
		w.t.Fatal(err)
	}
	want := fold{t: w.t, name: "the log"}
	want.reset(0)
	for i := range page.Events {
		want.apply(&page.Events[i])
	}
	from := max(page.First, f.from)
	got, wanted := f.show(from), want.show(from)
	if !j.V1 { // it is told of nothing that changes later, but has every message
		for _, o := range slices.Sorted(maps.Keys(want.messages)) {
			if f.messages[o] == nil && o >= from {
				w.t.Errorf("%s does not hold %d", f.name, o)
			}
		}
		return
	}
	if got != wanted {
		w.t.Errorf("%s holds\n%s\nand the log\n%s", f.name, got, wanted)
	}
}

// follow folds what Follow yields, from the start; the function that it returns ends that.
func (w *world) follow() func() *fold {
	f := &fold{t: w.t, name: "follower"}
	f.reset(0)
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.sets[0].Follow(ctx, "r", FromStart, func(e chatlog.Event, at chatlog.Position, err error) bool {
			if err == nil && e.Erased() {
				w.t.Errorf("Follow yields the place of something deleted: %+v", e)
			}
			if err == nil {
				f.apply(&e)
			} else if err == ErrGap {
				f.reset(f.last)
			}
			return true
		})
	}()
	return func() *fold {
		synctest.Wait()
		cancel()
		<-done
		return f
	}
}
