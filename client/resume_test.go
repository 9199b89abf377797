package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/client"
	"github.com/seed-08328bfd/chat/internal/test/front"
)

// site is an address at which one server replaces another.
type site struct {
	*httptest.Server
	now atomic.Pointer[chat.Server]
}

func newSite(t testing.TB, opts ...chat.Option) *site {
	s := &site{}
	s.start(opts...)
	s.Server = front.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.now.Load().ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		s.now.Load().Close()
		s.Server.Close()
	})
	return s
}

// start replaces the server and returns the old one.
func (s *site) start(opts ...chat.Option) *chat.Server {
	return s.now.Swap(chat.New(append([]chat.Option{chat.WithLogger(quiet)}, opts...)...))
}

// watch collects the texts that u sees before the text last.
func (u *user) watch(last string) (texts []string, gaps int) {
	u.t.Helper()
	var at chat.Position
	for {
		e := u.any()
		switch e.Type {
		case client.TypeGap:
			gaps++
		case chat.TypeMessage, chat.TypePrivate:
			if at.Epoch == e.Position.Epoch && e.Offset <= at.Offset {
				u.t.Errorf("offset %d after %v", e.Offset, at)
			}
			at = e.Position
			if e.Text == last {
				return texts, gaps
			}
			texts = append(texts, e.Text)
		}
	}
}

// once fails the test unless got has every text of want exactly once.
func once(t testing.TB, who string, got []string, want map[string]bool) {
	t.Helper()
	n := map[string]int{}
	for _, s := range got {
		if n[s]++; n[s] == 2 {
			t.Errorf("%s saw %q twice", who, s)
		}
		if !want[s] {
			t.Errorf("%s saw %q", who, s)
		}
	}
	for s := range want {
		if n[s] == 0 {
			t.Errorf("%s did not see %q", who, s)
		}
	}
}

// TestCutUnderLoad resets every connection many times while messages are sent. The log
// keeps all of them, and the room may go out of use: on a busy machine all users may be
// away for longer than the leave grace.
func TestCutUnderLoad(t *testing.T) {
	srv, base := serve(t, chat.WithLog(chat.NewMemoryLog(chat.MemoryOptions{Entries: 1 << 14})), chat.WithResume(1<<16),
		chat.WithMaxLag(64<<20), chat.WithLeaveGrace(time.Millisecond))
	const users, workers, each = 4, 5, 60
	var k cuts
	var gaps, acked atomic.Int64
	var all []*user
	for i := range users {
		all = append(all, join(t, base, "r", fmt.Sprint("u", i), client.WithDialer(k.dial),
			client.OnGap(func(client.Gap) { gaps.Add(1) })))
	}
	ids := map[string]bool{}
	for _, u := range all {
		ids[u.Welcome().User] = true
	}
	want := map[string]bool{}
	for i := range users {
		for w := range workers {
			for m := range each {
				want[fmt.Sprintf("%d/%d/%d", i, w, m)] = true
			}
		}
	}
	var readers, senders sync.WaitGroup
	for i, u := range all {
		readers.Go(func() {
			texts, told := u.watch("end")
			once(t, fmt.Sprint("u", i), texts, want)
			if told != 0 {
				t.Errorf("u%d was told of %d gaps", i, told)
			}
			last := map[string]int{} // each goroutine's messages are in its order
			for _, s := range texts {
				var from, w, m int
				fmt.Sscanf(s, "%d/%d/%d", &from, &w, &m)
				key := fmt.Sprint(from, "/", w)
				if m != last[key] {
					t.Errorf("u%d saw %q, not number %d", i, s, last[key])
				}
				last[key]++
			}
		})
		for w := range workers {
			senders.Go(func() {
				for m := range each {
					u.send(fmt.Sprintf("%d/%d/%d", i, w, m))
					acked.Add(1)
				}
			})
		}
	}
	sent := make(chan struct{})
	var cutting sync.WaitGroup
	cutting.Go(func() {
		for before := int64(0); ; {
			select {
			case <-sent:
				return
			case <-time.After(20 * time.Millisecond):
				// Where a handshake takes longer than that, cuts must not prevent them all.
				if n := acked.Load(); n > before {
					before = n
					k.cut()
				}
			}
		}
	})
	senders.Wait()
	close(sent)
	cutting.Wait()
	all[0].send("end")
	readers.Wait()
	page, err := srv.History(soon(t), "r", chat.Query{Limit: 1})
	if want := uint64(users*workers*each + 1); err != nil || page.Position.Offset != want {
		t.Errorf("the log is at %v, want %d: %v", page.Position, want, err)
	}
	for _, u := range all {
		if !ids[u.Welcome().User] {
			t.Errorf("%s came back as another user", u.Welcome().Username)
		}
	}
	if gaps.Load() != 0 || k.total < 2*users {
		t.Errorf("%d gaps over %d connections", gaps.Load(), k.total)
	}
	t.Logf("%d connections for %d users", k.total, users)
}

// TestServerRestart has servers over one log replace each other while messages are sent.
func TestServerRestart(t *testing.T) {
	log := chat.NewMemoryLog(chat.MemoryOptions{Entries: 1 << 14})
	opts := []chat.Option{chat.WithLog(log), chat.WithHistory(50), chat.WithLeaveGrace(time.Second)}
	s := newSite(t, opts...)
	var goodbyes atomic.Int64
	lost := client.OnDisconnect(func(err error, wait time.Duration) {
		var e *client.Error
		if errors.As(err, &e) && e.Close == 1001 {
			goodbyes.Add(1)
		}
	})
	alice, bob := join(t, s.URL, "r", "Alice", lost), join(t, s.URL, "r", "Bob", lost)
	want := map[string]bool{}
	var readers sync.WaitGroup
	const n = 400
	for i := range n {
		want[fmt.Sprint(i)] = true
	}
	for _, u := range []*user{alice, bob} {
		readers.Go(func() {
			texts, gaps := u.watch("end")
			once(t, u.Welcome().Username, texts, want)
			if gaps != 0 {
				t.Errorf("%s was told of %d gaps", u.Welcome().Username, gaps)
			}
		})
	}
	restart := func() {
		old := s.start(opts...)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := old.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	}
	var restarts sync.WaitGroup
	for i := range n {
		if i%150 == 100 {
			restarts.Go(restart)
		}
		alice.send(fmt.Sprint(i))
	}
	restarts.Wait()
	alice.send("end")
	readers.Wait()
	if goodbyes.Load() == 0 {
		t.Error("nobody was sent away")
	}
}

// TestAnotherEpoch replaces a server with one that has another log.
func TestAnotherEpoch(t *testing.T) {
	s := newSite(t)
	told := make(chan client.Gap, 10)
	alice := join(t, s.URL, "r", "Alice", client.OnGap(func(g client.Gap) { told <- g }))
	alice.send("old")
	old := alice.next()
	id := alice.Welcome().User

	last := s.start()
	fresh := join(t, s.URL, "r", "Bob")
	fresh.send("new")
	last.Close()

	e := alice.next()
	if e.Type != client.TypeGap || e.Gap == nil || e.Gap.From != old.Position || e.Gap.To != fresh.next().Position {
		t.Fatalf("got %+v, gap %+v, after %v", e, e.Gap, old.Position)
	}
	if e := alice.until(chat.TypeMessage); e.Text != "new" || e.Offset != 1 {
		t.Errorf("got %+v", e)
	}
	if g := <-told; g != *e.Gap {
		t.Errorf("OnGap had %+v, want %+v", g, *e.Gap)
	}
	if w := alice.Welcome(); w.User != id || !w.Gap || w.Resumed {
		t.Errorf("welcome %+v, want user %s", w, id)
	}
	alice.send("on")
	if e := alice.until(chat.TypeMessage); e.Text != "on" {
		t.Errorf("got %+v", e)
	}
}
