package client_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/client"
)

// seen returns the events in u's buffer, in a short form.
func seen(u *user) (list []string) {
	synctest.Wait()
	var replay uint64 // events up to there are not live
	ctx, cancel := context.WithTimeout(context.Background(), time.Nanosecond)
	defer cancel()
	for e, err := range u.Events(ctx) {
		switch {
		case err != nil:
			return list
		case e.Type == client.TypeGap:
			e.Gap.From.Time = 0
			list = append(list, fmt.Sprintf("gap %v-%v", e.Gap.From, e.Gap.To))
		case e.Type == client.TypeWelcome:
			replay = e.Welcome.Position.Offset
			list = append(list, "welcome "+e.Welcome.Position.String())
		case e.Type == client.TypeUpdate:
			list = append(list, fmt.Sprint("update ", e.Offset, " ", e.Text))
		case e.Target != 0:
			if e.Live != (e.Type == chat.TypeRead || e.Offset > replay) {
				list = append(list, fmt.Sprint(e.Offset, " live ", e.Live))
			}
			list = append(list, strings.TrimSpace(fmt.Sprint(e.Type, " ", e.Offset, " of ", e.Target, " ", e.Text, e.Reaction)))
		case e.Offset == 0:
			list = append(list, string(e.Type))
		case e.Live != (e.Offset > replay):
			list = append(list, fmt.Sprint(e.Offset, " live ", e.Live))
		default:
			list = append(list, fmt.Sprint(e.Offset, " ", e.Text))
		}
	}
	return list
}

// TestPlaces has servers that send something and close. It checks from where the Conn
// continues on the next connection, and which events the program gets.
func TestPlaces(t *testing.T) {
	type step struct {
		since    string // what the connection must ask for
		position string
		how      string // resumed, gap or neither
		say      []string
		stay     time.Duration
	}
	for name, tc := range map[string]struct {
		steps []step
		want  []string
	}{
		"repeated offsets": {
			[]step{{"", "e:2", "", []string{message(1, "a"), message(2, "b"), message(2, "b"), message(1, "a")}, 0},
				{"e:2", "e:3", resumed, []string{message(2, "b"), message(3, "c")}, 0}},
			[]string{"welcome e:2", "1 a", "2 b", "welcome e:3", "3 c"},
		},
		"offsets jump over private messages of others": {
			[]step{{"", "e:9", "", []string{message(4, "a"), message(9, "b"), message(20, "c")}, 0}, {"e:20", "e:30", resumed, nil, 0}},
			[]string{"welcome e:9", "4 a", "9 b", "20 c", "welcome e:30"},
		},
		"cut in the replay": {
			[]step{{"", "e:9", "", []string{message(7, "a")}, 0}, {"e:7", "e:9", resumed, []string{message(8, "b"), message(9, "c")}, 0}},
			[]string{"welcome e:9", "7 a", "welcome e:9", "8 b", "9 c"},
		},
		"cut before the replay, nothing new": {
			[]step{{"", "e:9", "", nil, 0}, {"", "e:9", "", []string{message(8, "b"), message(9, "c")}, 0}, {"e:9", "e:9", resumed, nil, 0}},
			[]string{"welcome e:9", "welcome e:9", "8 b", "9 c", "welcome e:9"},
		},
		"cut before the replay, something new": {
			[]step{{"", "e:9", "", nil, 0}, {"", "e:90", "", []string{message(90, "b")}, 0}},
			[]string{"welcome e:9", "gap e:9-e:90", "welcome e:90", "90 b"},
		},
		"a notice says that there is no replay": {
			[]step{{"", "e:9", "", []string{`{"type":"typing","user":"you","username":"You"}`}, 0}, {"e:9", "e:10", resumed, []string{message(10, "x")}, 0}},
			[]string{"welcome e:9", "typing", "welcome e:10", "10 x"},
		},
		"the server says that there is no replay": {
			[]step{{"", "e:9", "", []string{place("e:9")}, 0}, {"e:9", "e:10", resumed, []string{message(10, "x")}, 0}},
			[]string{"welcome e:9", "welcome e:10", "10 x"},
		},
		"the server says that there is no more replay": {
			[]step{{"", "e:9", "", []string{message(4, "a"), place("e:9"), place("e:7"), place("x:90")}, 0}, {"e:9", "e:10", resumed, []string{message(10, "x")}, 0}},
			[]string{"welcome e:9", "4 a", "welcome e:10", "10 x"},
		},
		"a quiet minute says nothing": {
			[]step{{"", "e:9", "", []string{message(4, "a")}, time.Minute}, {"e:4", "e:10", resumed, []string{message(5, "b"), message(10, "x")}, 0}},
			[]string{"welcome e:9", "4 a", "welcome e:10", "5 b", "10 x"},
		},
		"the same log, shorter": {
			[]step{{"", "e:7", "", []string{message(7, "a")}, 0}, {"e:7", "e:2", gap, []string{message(1, "b"), message(2, "c")}, 0}, {"e:2", "e:3", resumed, []string{message(3, "d")}, 0}},
			[]string{"welcome e:7", "7 a", "gap e:7-e:2", "welcome e:2", "1 b", "2 c", "welcome e:3", "3 d"},
		},
		"the same log, emptied": {
			[]step{{"", "e:7", "", []string{message(7, "a")}, 0}, {"e:7", "e:0", gap, nil, 0}, {"e:0", "e:1", resumed, []string{message(1, "b")}, 0}},
			[]string{"welcome e:7", "7 a", "gap e:7-e:0", "welcome e:0", "welcome e:1", "1 b"},
		},
		"an empty room": {
			[]step{{"", "e:0", "", nil, 0}, {"e:0", "e:1", resumed, []string{message(1, "x")}, 0}},
			[]string{"welcome e:0", "welcome e:1", "1 x"},
		},
		"a gap in the same epoch": {
			[]step{{"", "e:2", "", []string{message(2, "a")}, 0}, {"e:2", "e:100", gap, []string{message(99, "b"), message(100, "c")}, 0}, {"e:100", "e:100", resumed, nil, 0}},
			[]string{"welcome e:2", "2 a", "gap e:2-e:100", "welcome e:100", "99 b", "100 c", "welcome e:100"},
		},
		"a gap that was none": {
			[]step{{"", "e:3", "", []string{message(2, "a"), message(3, "b")}, 0}, {"e:3", "e:4", gap, []string{message(2, "a"), message(3, "b"), message(4, "c")}, 0}},
			[]string{"welcome e:3", "2 a", "3 b", "gap e:3-e:4", "welcome e:4", "update 2 a", "update 3 b", "4 c"},
		},
		"another log": {
			[]step{{"", "e:7", "", []string{message(7, "a")}, 0}, {"e:7", "f:2", gap, []string{message(1, "b"), message(2, "c")}, 0}, {"f:2", "f:2", resumed, nil, 0}},
			[]string{"welcome e:7", "7 a", "gap e:7-f:2", "welcome f:2", "1 b", "2 c", "welcome f:2"},
		},
		"another log without a word": {
			[]step{{"", "e:7", "", []string{message(7, "a")}, 0}, {"e:7", "f:2", resumed, []string{message(1, "b")}, 0}},
			[]string{"welcome e:7", "7 a", "gap e:7-f:2", "welcome f:2", "1 b"},
		},
		"another log, empty, and cut": {
			[]step{{"", "e:7", "", []string{message(7, "a")}, 0}, {"e:7", "f:2", gap, nil, 0}, {"e:7", "f:3", gap, []string{message(3, "b")}, 0}},
			[]string{"welcome e:7", "7 a", "gap e:7-f:2", "welcome f:2", "gap e:7-f:3", "welcome f:3", "3 b"},
		},
		"the same log in another epoch": {
			[]step{{"", "e:3", "", []string{message(1, "a"), message(2, "b"), message(3, "c")}, 0},
				{"e:3", "f:4", gap, []string{message(1, "a"), message(2, "b"), message(3, "other"), message(4, "d")}, 0}, {"f:4", "f:4", resumed, nil, 0}},
			[]string{"welcome e:3", "1 a", "2 b", "3 c", "gap e:3-f:4", "welcome f:4", "update 1 a", "update 2 b", "3 other", "4 d", "welcome f:4"},
		},
		"amending entries are entries": {
			[]step{{"", "e:2", "", []string{message(2, "a"), amend("edit", 3, 2, `"message":"b"`), amend("reaction", 4, 2, `"reaction":"+"`), amend("delete", 5, 2, "")}, 0},
				{"e:5", "e:7", resumed, []string{amend("delete", 5, 2, ""), amend("reaction", 6, 1, `"reaction":"+","remove":true`), message(7, "c")}, 0}},
			[]string{"welcome e:2", "2 a", "edit 3 of 2 b", "reaction 4 of 2 +", "delete 5 of 2", "welcome e:7", "reaction 6 of 1 +", "7 c"},
		},
		"a marker and a signal are no entries, and say nothing of the replay": {
			[]step{{"", "e:9", "", []string{message(4, "a"), `{"type":"read","user":"you","offset":9}`, `{"type":"signal","user":"you","username":"You","name":"x"}`}, 0},
				{"e:4", "e:9", resumed, []string{message(9, "b")}, 0}},
			[]string{"welcome e:9", "4 a", "read 0 of 9", "signal", "welcome e:9", "9 b"},
		},
		"amended in a gap": {
			[]step{{"", "e:3", "", []string{message(2, "a"), message(3, "b")}, 0},
				{"e:3", "e:9", gap, []string{amend("edit", 1, 1, ""), message(2, "a"), message(2, "a"), message(3, "new", amended(8)), message(9, "c"), message(3, "b")}, 0}},
			[]string{"welcome e:3", "2 a", "3 b", "gap e:3-e:9", "welcome e:9", "update 2 a", "update 3 new", "9 c"},
		},
		"amended in another epoch": {
			[]step{{"", "e:3", "", []string{message(1, "a"), message(2, "b"), amend("reaction", 3, 1, `"reaction":"+"`)}, 0},
				{"e:3", "f:4", gap, []string{message(1, "a", amended(3)), message(2, "new", amended(4)), message(3, "c")}, 0}, {"f:3", "f:4", resumed, nil, 0}},
			[]string{"welcome e:3", "1 a", "2 b", "reaction 3 of 1 +", "gap e:3-f:4", "welcome f:4", "update 1 a", "update 2 new", "3 c", "welcome f:4"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(p *peer, n int) {
				if n >= len(tc.steps) {
					p.welcome("z:0", "")
					return
				}
				s := tc.steps[n]
				if p.since() != s.since {
					t.Errorf("connection %d since %q, want %q", n, p.since(), s.since)
				}
				offer := p.r.Header.Get("Sec-WebSocket-Protocol")
				if (n > 0) != strings.HasSuffix(offer, "session.s1") {
					t.Errorf("connection %d offers %q", n, offer)
				}
				if p.r.URL.Query().Has("session") {
					t.Errorf("connection %d has the session in its URL, which proxies log", n)
				}
				p.welcome(s.position, s.how)
				p.say(s.say...)
				if s.stay > 0 {
					time.AfterFunc(s.stay, func() { p.conn.CloseNow() })
					p.hearAll()
				}
			}, func(f *fake) {
				u := f.join(client.WithBackoff(10*time.Second, 10*time.Second))
				for len(f.gaps()) < len(tc.steps)-1 {
					time.Sleep(time.Millisecond)
				}
				got := seen(u)
				u.Close()
				if len(got) > len(tc.want) && got[len(tc.want)] == "gap" {
					got = got[:len(tc.want)]
				}
				if !cmp.Equal(got, tc.want) {
					t.Error(cmp.Diff(tc.want, got))
				}
			})
		})
	}
}

// TestWithSince begins at a position that the server no longer knows.
func TestWithSince(t *testing.T) {
	inBubble(t, func(p *peer, n int) {
		if p.since() != "e:5" {
			t.Errorf("since %q", p.since())
		}
		p.welcome("f:1", gap)
		p.say(message(1, "x"))
		p.hearAll()
	}, func(f *fake) {
		var told []client.Gap
		u := f.join(client.WithSince(chat.Position{Epoch: "e", Offset: 5}), client.OnGap(func(g client.Gap) { told = append(told, g) }))
		if got, want := seen(u), []string{"gap e:5-f:1", "welcome f:1", "1 x"}; !cmp.Equal(got, want) {
			t.Error(cmp.Diff(want, got))
		}
		if want := []client.Gap{{Room: "r", From: chat.Position{Epoch: "e", Offset: 5}, To: chat.Position{Epoch: "f", Offset: 1}}}; !slices.Equal(told, want) {
			t.Errorf("told %v", told)
		}
		u.Close()
	})
}

// TestPresence has notices about one user and about many, which become the same events.
func TestPresence(t *testing.T) {
	inBubble(t, func(p *peer, n int) {
		p.welcome("e:0", "")
		p.say(`{"type":"system","event":"join","time":"2026-01-02T03:04:05.000Z","user":"u1","username":"A","message":"A joined the room"}`,
			`{"type":"system","event":"leave","time":"2026-01-02T03:04:05.000Z","user":"u1","username":"A","message":"A left the room"}`,
			`{"type":"presence","joined":[{"user":"u2","username":"B"}],"left":[{"user":"u3","username":"C"}],"count":300}`,
			`{"type":"of the future","offset":"?"}`,
			`{"type":"error","code":"of the future","message":"?"}`)
		p.hearAll()
	}, func(f *fake) {
		u := f.join()
		var got []client.Event
		for range 3 {
			got = append(got, u.next())
		}
		time.Sleep(time.Minute)
		u.Close()
		if n := len(f.gaps()); n != 0 {
			t.Errorf("%d connections lost because of unknown objects", n)
		}
		a, b, c := chat.Member{UserID: "u1", Username: "A"}, chat.Member{UserID: "u2", Username: "B"}, chat.Member{UserID: "u3", Username: "C"}
		at := chat.Position{Epoch: "e"}
		when := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		want := []client.Event{
			{Event: chat.Event{Type: "system", Kind: "join", Time: when, UserID: "u1", Username: "A", Text: "A joined the room"}, Position: at, Live: true, Joined: []chat.Member{a}},
			{Event: chat.Event{Type: "system", Kind: "leave", Time: when, UserID: "u1", Username: "A", Text: "A left the room"}, Position: at, Live: true, Left: []chat.Member{a}},
			{Event: chat.Event{Type: "presence"}, Position: at, Live: true, Joined: []chat.Member{b}, Left: []chat.Member{c}, Count: 300},
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	})
}
