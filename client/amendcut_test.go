package client_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/client"
)

// worker writes, edits, deletes and reacts, and knows what must have become of it.
type worker struct {
	u       *user
	name    string
	shared  []uint64 // messages that all react to
	entries int      // of the log
	texts   map[uint64]string
	gave    map[uint64]bool
}

func (w *worker) run(t *testing.T, rounds int, acked *atomic.Int64) {
	ctx := soon(t)
	must := func(offset uint64, err error) uint64 {
		if err != nil {
			t.Errorf("%s: %v", w.name, err)
		}
		w.entries++
		acked.Add(1)
		return offset
	}
	w.texts, w.gave = map[uint64]string{}, map[uint64]bool{}
	for i := range rounds {
		text := fmt.Sprint(w.name, " ", i)
		m := must(w.u.Publish(ctx, chat.Message{Text: text, ReplyTo: w.shared[0]}))
		w.texts[m] = text
		for j := range i % 3 {
			w.texts[m] = fmt.Sprint(text, " edited ", j)
			must(w.u.Edit(ctx, m, chat.Message{Text: w.texts[m], Data: json.RawMessage(fmt.Sprintf(`{"edit":%d}`, j))}))
		}
		s := w.shared[i%len(w.shared)]
		if w.gave[s] = !w.gave[s]; w.gave[s] {
			must(w.u.React(ctx, s, "👍"))
		} else {
			must(w.u.Unreact(ctx, s, "👍"))
		}
		if i%4 == 3 {
			must(w.u.Delete(ctx, m))
			delete(w.texts, m)
		}
	}
}

// state returns what matters of messages, by their offsets.
func state(messages []chat.Event) map[uint64]chat.Event {
	all := map[uint64]chat.Event{}
	for _, m := range messages {
		m.Position = chat.Position{}
		m.Reactions = slices.Clone(m.Reactions)
		for i := range m.Reactions {
			m.Reactions[i].Users = slices.Sorted(slices.Values(m.Reactions[i].Users))
		}
		slices.SortFunc(m.Reactions, func(a, b chat.Reaction) int { return cmp.Compare(a.Reaction, b.Reaction) })
		all[m.Offset] = m
	}
	return all
}

// history returns all messages of a room.
func history(t *testing.T, srv *chat.Server, room string) (all []chat.Event) {
	t.Helper()
	for q := (chat.Query{From: 1, Limit: 100}); ; {
		page, err := srv.History(soon(t), room, q)
		if err != nil {
			t.Fatal(err)
		}
		if all = append(all, page.Events...); !page.More || len(page.Events) == 0 {
			return all
		}
		q.From = all[len(all)-1].Offset + 1
	}
}

// TestAmendUnderCuts resets every connection many times while messages are sent, edited,
// deleted and reacted to. Everything that was acknowledged has taken effect once, and every
// View is as the room is. A log that keeps little makes gaps.
func TestAmendUnderCuts(t *testing.T) {
	const users = 4
	for name, tc := range map[string]struct{ entries, resume, rounds, each int }{
		"a log that keeps all":    {1 << 14, 1 << 16, 40, 3},
		"a log that keeps little": {80, 1, 100, 3},
	} {
		t.Run(name, func(t *testing.T) {
			srv, base := serve(t, chat.WithLog(chat.NewMemoryLog(chat.MemoryOptions{Entries: tc.entries})), chat.WithResume(tc.resume),
				chat.WithMaxLag(64<<20), chat.WithLeaveGrace(time.Millisecond))
			var k cuts
			var acked, gaps atomic.Int64
			first := join(t, base, "r", "First")
			var shared []uint64
			for i := range 5 {
				shared = append(shared, first.send(fmt.Sprint("shared ", i)))
			}
			var readers, senders, cutting sync.WaitGroup
			var workers []*worker
			views := make([]*client.View, users)
			for i := range users {
				opts := []client.Option{client.WithDialer(k.dial), client.OnGap(func(client.Gap) { gaps.Add(1) })}
				if tc.entries < 100 && i%2 > 0 {
					opts = append(opts, client.WithBackoff(200*time.Millisecond, 200*time.Millisecond)) // it misses much
				}
				u := join(t, base, "r", fmt.Sprint("u", i), opts...)
				views[i] = client.NewView(10_000)
				readers.Go(func() {
					for {
						e := u.any()
						if views[i].Apply(e); e.Text == "end" {
							return
						}
					}
				})
				for j := range tc.each {
					w := &worker{u: u, name: fmt.Sprint(i, "/", j), shared: shared[j : j+1]} // each worker of a user its own
					if tc.entries < 100 {
						w.shared = []uint64{first.send(fmt.Sprint("shared by ", w.name))}
					}
					workers = append(workers, w)
				}
			}
			for _, w := range workers {
				senders.Go(func() {
					if tc.entries >= 100 {
						w.run(t, tc.rounds, &acked)
						return
					}
					var own uint64
					for i := range tc.rounds { // more amendments than the log keeps
						if i == 0 {
							own = w.u.send(fmt.Sprint(w.name, " ", i))
						}
						_, err := w.u.Edit(soon(t), own, chat.Message{Text: fmt.Sprint(w.name, " edited ", i)})
						for _, r := range []string{"👍", "🎈"} {
							if err == nil {
								_, err = w.u.React(soon(t), w.shared[0], r)
							}
							if err == nil && i%3 > 0 {
								_, err = w.u.Unreact(soon(t), w.shared[0], r)
							}
						}
						if err == nil && i%25 == 20 && i < tc.rounds-25 {
							_, err = w.u.Delete(soon(t), own)
							own = w.u.send(fmt.Sprint(w.name, " again ", i))
						}
						if err != nil {
							t.Errorf("%s: %v", w.name, err)
						}
						acked.Add(1)
					}
				})
			}
			sent := make(chan struct{})
			cutting.Go(func() {
				for before := int64(0); ; {
					select {
					case <-sent:
						return
					case <-time.After(20 * time.Millisecond):
						if n := acked.Load(); n > before { // handshakes must not all be cut
							before = n
							k.cut()
						}
					}
				}
			})
			senders.Wait()
			close(sent)
			cutting.Wait()
			first.send("end")
			readers.Wait()

			room := history(t, srv, "r")
			want := state(room)
			for i, v := range views {
				got := state(v.Messages())
				if d := gocmp.Diff(want, got); d != "" {
					t.Errorf("u%d: %s", i, d)
				}
			}
			t.Logf("%d connections, %d gaps", k.total, gaps.Load())
			if tc.entries < 100 {
				if gaps.Load() == 0 {
					t.Log("no gap came about")
				}
				return
			}
			entries := len(shared) + 1 // the end
			likes := map[uint64]int{}
			for _, w := range workers {
				entries += w.entries
				for o, text := range w.texts {
					if want[o].Text != text {
						t.Errorf("message %d is %q, want %q", o, want[o].Text, text)
					}
				}
				for o, m := range want {
					if strings.HasPrefix(m.Text, w.name+" ") && w.texts[o] == "" {
						t.Errorf("%q is not deleted", m.Text)
					}
				}
				for s, on := range w.gave {
					if on {
						likes[s]++
					}
				}
			}
			for _, s := range shared {
				n := 0
				for _, r := range want[s].Reactions {
					n += r.Count
				}
				if n != likes[s] {
					t.Errorf("message %d has %d reactions, want %d", s, n, likes[s])
				}
			}
			page, err := srv.History(soon(t), "r", chat.Query{Limit: 1})
			if err != nil || page.Position.Offset != uint64(entries) {
				t.Errorf("the log is at %v, want %d: %v", page.Position, entries, err)
			}
			if gaps.Load() != 0 {
				t.Errorf("%d gaps", gaps.Load())
			}
		})
	}
}
