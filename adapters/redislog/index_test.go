package redislog_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-08328bfd/chat/adapters/redislog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// An element is an element of a room's lists.
type element struct {
	offset, target uint64
	flags, json    string
}

func (e element) has(flag string) bool { return strings.Contains(e.flags, flag) }

// hiddenIn reports whether e is hidden in a kind of runs: see lua/runs.lua.
func (e element) hiddenIn(runs string) bool { return e.has("d") || runs != "d" && e.has("p") }

func elementsOf(t testing.TB, key string) (list []element) {
	t.Helper()
	for _, s := range shared.exec(t, "LRANGE", key, 0, -1).([]any) {
		offset, ms, flags, target, json := redislog.SplitElement(s.(string))
		e := element{flags: flags, json: json}
		e.offset, _ = strconv.ParseUint(offset, 10, 64)
		e.target, _ = strconv.ParseUint(target, 10, 64)
		if e.offset == 0 || ms == "" || len(list) > 0 && list[len(list)-1].offset >= e.offset {
			t.Fatalf("element %q after %+v", s, list[max(0, len(list)-1):])
		}
		list = append(list, e)
	}
	return list
}

// After any changes of a room's messages, and any trimming, the index, the states and both lists
// agree. Nothing is kept that the lists do not need.
func TestIndex(t *testing.T) {
	t.Parallel()
	rng := seed(t)
	const history = 80
	l := newLog(t, redislog.WithHistory(history), redislog.WithHistoryBytes(1<<20))
	for round := range 4 {
		room := fmt.Sprint("room", round)
		users := []string{"ann", "bob", "", "carl"}
		someone := func() string { return users[rng.IntN(len(users))] }
		last, amends, privates := uint64(0), 0.5, 0.3
		for i := range 2500 {
			if i%100 == 0 {
				amends, privates = []float64{0, 0.3, 0.6, 0.97}[rng.IntN(4)], []float64{0, 0.2, 0.5, 1}[rng.IntN(4)]
			}
			switch {
			case last > 0 && rng.Float64() < amends:
				e := chatlog.Event{Type: chatlog.TypeDelete, UserID: someone(), Target: max(1, last-min(last-1, rng.Uint64N(200)))}
				switch n := rng.IntN(20); {
				case n < 10:
					e.Type, e.Reaction, e.Remove = chatlog.TypeReaction, fmt.Sprint(rng.IntN(5)), rng.IntN(3) == 0
				case n < 18:
					e.Type, e.Text = chatlog.TypeEdit, strings.Repeat("e", rng.IntN(500))
				}
				a, err := l.Amend(within(t), room, e, rng.IntN(2) == 0)
				if err == nil && !a.Repeated {
					last = a.Event.Offset
				} else if err != nil && err != chatlog.ErrNoSuchMessage {
					t.Fatal(err)
				}
			case rng.Float64() < privates:
				e, _ := put(t, l, room, private(someone(), someone()))
				last = e.Offset
			default:
				e, _ := put(t, l, room, text(someone(), "", "m"))
				last = e.Offset
			}
			if i%17 == 0 {
				checkIndex(t, l, room, history)
			}
			if t.Failed() {
				t.Fatalf("after %d steps", i)
			}
		}
	}
}

func checkIndex(t *testing.T, l *redislog.Log, room string, history int) {
	t.Helper()
	keys := l.RoomKeys(room)
	messages, amends := elementsOf(t, keys[1]), elementsOf(t, keys[2])
	var members []string
	for _, m := range shared.exec(t, "ZRANGE", keys[4], 0, -1).([]any) {
		members = append(members, m.(string))
	}
	for _, list := range []*[]element{&messages, &amends} {
		if len(*list) > 0 && (*list)[0].has("g") {
			*list = (*list)[1:]
		}
	}
	if len(messages) > history+63 || len(amends) > 256+63 {
		t.Errorf("%d messages and %d amending entries are kept", len(messages), len(amends))
	}
	checkRuns(t, members, "b", messages)
	checkRuns(t, members, "d", messages)
	checkRuns(t, members, "c", amends)

	var want, states []string
	places := func(kind string, list []element) {
		for _, e := range list {
			switch {
			case e.has("d"):
			case e.has("p"):
				ev, err := redislog.DecodeElement(fmt.Sprintf("%d 0 %s%s", e.offset, e.flags, e.json))
				if err != nil {
					t.Fatal(err)
				}
				for _, u := range slices.Compact([]string{ev.UserID, ev.To}) {
					if u != "" {
						want = append(want, fmt.Sprintf("%s%016d", kind, e.offset))
					}
				}
			}
			if e.has("s") && !e.has("d") {
				states = append(states, fmt.Sprint(e.offset))
			}
		}
	}
	places("u", messages)
	places("v", amends)
	var got []string
	for _, m := range members {
		switch m[0] {
		case 'u', 'v':
			got = append(got, m[:1]+m[17:])
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the index is %q, want %q", got, want)
	}
	var hash []string
	for _, f := range shared.exec(t, "HKEYS", keys[3]).([]any) {
		hash = append(hash, f.(string))
	}
	slices.Sort(hash)
	slices.Sort(states)
	if !slices.Equal(hash, states) {
		t.Errorf("the states are %v, want %v", hash, states)
	}
}

// checkRuns compares a kind of runs with a list.
func checkRuns(t *testing.T, members []string, kind string, list []element) {
	t.Helper()
	var runs []string
	for _, m := range members {
		if strings.HasPrefix(m, kind) {
			runs = append(runs, m)
		}
	}
	for i := 1; i < len(runs); i++ {
		if runs[i][17:] == runs[i-1][17:] {
			t.Errorf("%s and %s should be one run", runs[i-1], runs[i])
		}
	}
	i, shown, old := -1, 0, 0
	for _, e := range list {
		for i+1 < len(runs) && runs[i+1][1:17] <= fmt.Sprintf("%016d", e.offset) {
			if i >= 0 && runs[i][17:] == "o" && shown == 0 {
				if old++; old > 1 || e.offset != list[0].offset {
					t.Errorf("the run %s has no entry: %q, %+v", runs[i], runs, list)
				}
			}
			i, shown = i+1, 0
		}
		hidden := i >= 0 && runs[i][17:] == "p"
		if hidden != e.hiddenIn(kind) {
			t.Errorf("%+v in the runs %q", e, runs)
		}
		if !hidden {
			shown++
		}
	}
	if len(list) > 0 && i+1 < len(runs) || len(runs) > 1+2*len(list) { // the last run may stay when the list is empty
		t.Errorf("of the runs %q, %d begin after the list's end", runs, len(runs)-i-1)
	}
}
