package rooms

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/guard"
	"github.com/seed-08328bfd/chat/internal/memlog"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// marks is a log that raises every marker to at most 50.
type marks struct{ *memlog.Log }

func (l marks) MarkRead(_ context.Context, _, userID string, offset uint64) (uint64, bool, error) {
	if userID == "fails" {
		return 0, false, errors.New("log")
	}
	return min(offset, 50), offset <= 50, nil
}

func (l marks) Unread(context.Context, string, []string) ([]chatlog.Unread, error) { return nil, nil }

// TestSignalsAndMarkersReach: a signal goes to the chat.v1 members on all servers but its
// user's; a marker to the user's connections but the one that sent it, or to everyone.
func TestSignalsAndMarkersReach(t *testing.T) {
	for _, receipts := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			log := marks{memlog.New(100, 1<<20, time.Hour)}
			with := func(c *Config) { c.Receipts = receipts }
			one, two := newSet(t, log, with), newSet(t, log, with)
			peers := map[string]*peer{
				"sender":    join(t, one, Joining{UserID: "u", Username: "U", V1: true}),
				"same here": join(t, one, Joining{UserID: "u", V1: true}),
				"same far":  join(t, two, Joining{UserID: "u", V1: true}),
				"other":     join(t, one, Joining{UserID: "v", V1: true, Deflate: true}),
				"other far": join(t, two, Joining{UserID: "w", V1: true}),
				"plain":     join(t, two, Joining{UserID: "p"}),
			}
			got := func() string {
				var all []string
				for _, name := range []string{"sender", "same here", "same far", "other", "other far", "plain"} {
					for _, o := range peers[name].take() {
						if o.Type != chatlog.TypeSystem && o.Type != "welcome" && o.Type != "position" {
							all = append(all, name+": "+o.raw)
						}
					}
				}
				return strings.Join(all, "\n")
			}
			expect := func(object string, names ...string) {
				t.Helper()
				var want []string
				for _, name := range names {
					want = append(want, name+": "+object)
				}
				if got, want := got(), strings.Join(want, "\n"); got != want {
					t.Errorf("receipts %t, got\n%s\nwant\n%s", receipts, got, want)
				}
			}
			expect("")
			sender := &peers["sender"].member
			one.Signal(t.Context(), "r", chatlog.Event{Kind: "cursor", UserID: "u", Username: "U", Data: []byte(`{"x":1}`)})
			expect(`{"type":"signal","user":"u","username":"U","name":"cursor","data":{"x":1}}`, "other", "other far")
			if err := one.Signal(t.Context(), "r", chatlog.Event{Kind: "tick"}); err != nil {
				t.Error(err)
			}
			expect(`{"type":"signal","user":"","username":"","name":"tick"}`, "sender", "same here", "same far", "other", "other far")

			for name, test := range map[string]struct {
				mark func() (uint64, error)
				own  []string
			}{
				"a member": {func() (uint64, error) { return one.MarkRead(t.Context(), "r", "u", 7, sender) }, []string{"same here", "same far"}},
				"Go":       {func() (uint64, error) { return two.MarkRead(t.Context(), "r", "u", 7, nil) }, []string{"sender", "same here", "same far"}},
			} {
				if read, err := test.mark(); read != 7 || err != nil {
					t.Errorf("%s: %d, %v", name, read, err)
				}
				if receipts {
					test.own = append(test.own, "other", "other far")
				}
				expect(`{"type":"read","user":"u","offset":7}`, test.own...)
			}
			if read, err := one.MarkRead(t.Context(), "r", "u", 60, sender); read != 50 || err != nil {
				t.Errorf("%d, %v", read, err)
			}
			expect("") // not raised
			if _, err := one.MarkRead(t.Context(), "r", "fails", 1, nil); !errors.Is(err, guard.ErrUnavailable) {
				t.Error(err)
			}
			for _, p := range peers {
				p.leave()
			}
		})
	}
}

// TestSignalsGoFirst: a signal is not sent while a member is far behind, also by a server
// that has no such member; messages are.
func TestSignalsGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := memlog.New(1000, 1<<20, time.Hour)
		with := func(c *Config) { c.Limits.Lag = 64 << 10 }
		one, two := newSet(t, log, with), newSet(t, log, with)
		slow := join(t, one, Joining{UserID: "s", V1: true})
		fast := join(t, one, Joining{UserID: "f", V1: true})
		far := join(t, two, Joining{UserID: "g", V1: true})
		slow.pause()
		for range 8 {
			if _, _, err := one.Publish(t.Context(), "r", chatlog.Event{Type: chatlog.TypeMessage, Text: strings.Repeat("x", 6<<10)}, false); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		fast.take()
		far.take()
		if one.Signal(t.Context(), "r", chatlog.Event{}); len(fast.take()) != 0 || len(far.take()) != 0 {
			t.Error("a signal was sent in a room that is behind")
		}
		if two.Signal(t.Context(), "r", chatlog.Event{}); len(fast.take()) != 0 || len(far.take()) != 1 {
			t.Error("a signal from afar was not left out, or not sent")
		}
		slow.resume()
		slow.take()
		if one.Signal(t.Context(), "r", chatlog.Event{}); len(fast.take()) != 1 || len(far.take()) != 1 || types(slow.take()) != "signal;" {
			t.Error("a signal was not sent")
		}
		for _, p := range []*peer{slow, fast, far} {
			p.leave()
		}
	})
}

// TestTypingPause: a user is shown to be typing once within the pause, in each room, whether
// the user is in it or not.
func TestTypingPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSet(t, memlog.New(100, 1<<20, time.Hour), nil)
		p := join(t, s, Joining{UserID: "p", V1: true})
		q := join(t, s, Joining{UserID: "q", V1: true})
		p.take()
		typing := func(user string) int {
			if err := s.Typing(t.Context(), "r", user, "U"); err != nil {
				t.Error(err)
			}
			return len(p.take())
		}
		for _, user := range []string{"q", "absent"} {
			if a, b := typing(user), typing(user); a != 1 || b != 0 {
				t.Errorf("%s: %d objects, then %d", user, a, b)
			}
			s.Typing(t.Context(), "other", user, "U")
			time.Sleep(proto.TypingPause)
			if n := typing(user); n != 1 {
				t.Errorf("%s: %d objects after the pause", user, n)
			}
		}
		if n := len(s.typists.at); n != 1 {
			t.Errorf("%d typists are remembered", n)
		}
		p.leave()
		q.leave()
	})
}
