package redislog_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/seed-08328bfd/chat/adapters/redislog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// Servers of both versions use a room at random. No acknowledged entry is lost or stored twice,
// the room has no holes, and every entry is pushed to both versions.
func TestMixedVersions(t *testing.T) {
	t.Parallel()
	rng := seed(t)
	for round := range 6 {
		prefix := newPrefix()
		history := []int{5000, 120}[round%2]
		logs := []*redislog.Log{
			redislog.New(shared.client(t), prefix, redislog.WithHistory(history)),
			redislog.New(shared.client(t), prefix, redislog.WithHistory(history)),
		}
		olds := []*serverBefore{
			newServerBefore(t, shared, logs[0], "room", history),
			newServerBefore(t, shared, logs[0], "room", history),
		}
		mixVersions(t, rng, logs, olds, history)
	}
}

// mixVersions compares a room with a model of it.
func mixVersions(t *testing.T, rng *rand.Rand, logs []*redislog.Log, olds []*serverBefore, history int) {
	t.Helper()
	live := opened(t, logs[0], "room")
	heard := olds[0].client.SSubscribe(within(t), olds[0].channel)
	defer heard.Close()
	if _, err := heard.Receive(within(t)); err != nil {
		t.Fatal(err)
	}
	var model []chatlog.Event // model[i] has offset i+1
	var said []chatlog.Event  // the same events as they were published
	ids := map[string]uint64{}
	users := []string{"ann", "bob", "", "carl"}
	someone := func() string { return users[rng.IntN(len(users))] }
	epoch := ""
	stored := func(e chatlog.Event, repeated bool, ep string, offset uint64) {
		t.Helper()
		if epoch == "" {
			epoch = ep
		}
		want := uint64(len(model) + 1)
		if first := ids[e.ID]; e.ID != "" && first != 0 {
			want = first
		}
		if ep != epoch || offset != want || repeated != (want <= uint64(len(model))) {
			t.Fatalf("%+v got %s:%d repeated %t; want %s:%d", e, ep, offset, repeated, epoch, want)
		}
		if repeated {
			return
		}
		e.Offset = offset
		model, said = append(model, e), append(said, e)
		if e.ID != "" {
			ids[e.ID] = offset
		}
	}
	old := 0.5
	for i := range 1500 {
		if i%40 == 0 {
			old = []float64{0, 0.1, 0.5, 0.9, 1}[rng.IntN(5)]
		}
		e := text("ann", "", fmt.Sprint("text ", i))
		switch rng.IntN(6) {
		case 0, 1:
			e.ID = fmt.Sprint("id", rng.IntN(i+1)) // some ids are repeated
		case 2, 3:
			e = private(someone(), someone())
			e.Text = fmt.Sprint("private ", i)
		}
		isOld, at := rng.Float64() < old, rng.IntN(2)
		switch op := rng.IntN(10); {
		case op < 6 && isOld:
			repeated, ep, offset := olds[at].append(e)
			stored(e, repeated, ep, offset)
		case op < 2 && len(model) > 0: // edits and reactions
			e = edit(someone(), 1+rng.Uint64N(uint64(len(model))), fmt.Sprint("edit ", i))
			if op == 0 {
				e = reaction(someone(), e.Target, fmt.Sprint(i))
			}
			a, err := logs[at].Amend(within(t), "room", e, false)
			if errors.Is(err, chatlog.ErrNoSuchMessage) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			e.To = a.Event.To
			stored(e, a.Repeated, a.Epoch, a.Event.Offset)
			for j := range model {
				if m := &model[j]; op == 1 && (m.Offset == e.Target || m.Type == chatlog.TypeEdit && m.Target == e.Target) {
					m.Text = e.Text
				}
			}
		case op < 6:
			a, err := logs[at].Append(within(t), "room", e)
			if err != nil {
				t.Fatal(err)
			}
			stored(e, a.Repeated, a.Epoch, a.Event.Offset)
		case isOld && op == 6:
			olds[at].watch()
		case isOld:
			reader := someone()
			last, first, texts := olds[at].read(1, 3000, [...]*string{nil, &reader}[rng.IntN(2)])
			if last != uint64(len(model)) || len(model) > 0 && first > last+1 {
				t.Fatalf("an old server reads up to %d, from %d; want %d", last, first, len(model))
			}
			for offset, message := range texts {
				if model[offset-1].Text != message {
					t.Fatalf("an old server reads %q at %d, want %q", message, offset, model[offset-1].Text)
				}
			}
		case op == 7 && len(model) > 0:
			checkVisible(t, logs[at], "room", someone(), rng)
		default:
			checkModel(t, logs[at], model, epoch, history)
		}
	}
	checkModel(t, logs[1], model, epoch, history)
	eventually(t, "all events are pushed to servers of this version", func() bool { return live.last("room") == uint64(len(model)) })
	down, up := live.interruptions()
	for i, p := range live.all() {
		if want := said[p.Event.Offset-1]; p.Epoch != epoch || !sameText(p.Event, want) || p.Event.Offset != uint64(i+1) && down == 0 {
			t.Fatalf("pushed %+v as number %d, want %+v; interrupted %d times, resumed %d", p, i+1, want, down, up)
		}
	}
	for i := range model {
		m, err := heard.ReceiveMessage(within(t))
		if err != nil {
			t.Fatal(err)
		}
		w := strings.SplitN(m.Payload, " ", 4)
		var e before
		if err := json.Unmarshal([]byte(w[3]), &e); err != nil || w[0] != epoch || w[1] != fmt.Sprint(i+1) || e.Message != said[i].Text || e.To != said[i].To || (e.Type == "private") != said[i].Private() {
			t.Fatalf("an old server gets %q, want %+v", m.Payload, said[i])
		}
	}
}

// checkModel compares everything that is kept with the end of model.
func checkModel(t *testing.T, l *redislog.Log, model []chatlog.Event, epoch string, history int) {
	t.Helper()
	p := read(t, l, "room", chatlog.Range{From: 1, Limit: 10000})
	if n := uint64(len(model)); p.Position.Offset != n || n > 0 && p.Position.Epoch != epoch || p.First+uint64(len(p.Events)) != n+1 || len(p.Events) < min(len(model), history) {
		t.Fatalf("%d events from %d to %v; want %d in all, %d kept", len(p.Events), p.First, p.Position, n, history)
	}
	for i, e := range p.Events {
		want := model[e.Offset-1]
		if gone := want.Amends() && want.Target < p.First && e.Type == chatlog.TypePrivate && e.UserID == ""; e.Offset != p.First+uint64(i) || !gone && !sameText(e, want) {
			t.Fatalf("%+v, want %+v", e, model[e.Offset-1])
		}
	}
}

func sameText(a, b chatlog.Event) bool {
	return a.Offset == b.Offset && a.Type == b.Type && a.UserID == b.UserID && a.To == b.To && a.ID == b.ID && a.Text == b.Text
}
