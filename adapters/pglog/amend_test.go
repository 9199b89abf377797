package pglog_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/adapters/pglog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// someRanges returns ranges with every combination of what a Range can leave out.
func someRanges(rng *rand.Rand, last uint64, readers []string) (rs []chatlog.Range) {
	for _, r := range []chatlog.Range{
		{}, {Messages: true}, {Visible: true}, {Visible: true, Messages: true}, {Visible: true}, {Visible: true, Messages: true},
	} {
		if r.Visible {
			r.Reader = readers[rng.IntN(len(readers))]
		}
		for _, r.Limit = range []int{1 + rng.IntN(5), 1000} {
			r.From, r.Before = 0, 0
			rs = append(rs, r)
			r.From = rng.Uint64N(last+2) + 1
			rs = append(rs, r)
			r.From, r.Before = 0, rng.Uint64N(last+2)+1
			rs = append(rs, r)
		}
	}
	return rs
}

// sameButTimes compares events of two logs with different clocks.
var sameButTimes = cmp.Options{cmpopts.EquateEmpty(), cmpopts.EquateApproxTime(time.Hour)}

// Random changes are made to a room's messages. Every read of the room returns what the log in
// memory returns.
func TestAmendModel(t *testing.T) {
	t.Parallel()
	rng := seed(t)
	schema := pglog.WithSchema(newSchema())
	logs := []*pglog.Log{migrated(t, shared.pool(t), schema), migrated(t, shared.pool(t), schema)}
	for round := range 4 {
		amendModel(t, rng, fmt.Sprint("room", round), logs, round)
	}
}

func amendModel(t *testing.T, rng *rand.Rand, room string, logs []*pglog.Log, round int) {
	model := chat.NewMemoryLog(chat.MemoryOptions{Entries: 10_000, Bytes: 1 << 30}).(interface {
		chatlog.Amender
		chatlog.Marker
	})
	users := []string{"u1", "u2", "u1\x00\x1a\x1f\x1e", ""}
	reactions := []string{"👍", "❤️", ":a:", "\x1f\x1e\x1a0"}
	var last uint64
	own := map[uint64]chatlog.Event{} // as they were stored
	for step := range 150 {
		l := logs[rng.IntN(len(logs))]
		user := users[rng.IntN(len(users))]
		e := chatlog.Event{Type: chatlog.TypeMessage, UserID: user, Username: "n" + user, Text: fmt.Sprint("text ", step, "\x00")}
		if rng.IntN(3) > 0 {
			e.ID = fmt.Sprint("id", rng.IntN(60))
		}
		if rng.IntN(3) == 0 {
			e.Data = fmt.Appendf(nil, `{"n": %d, "<&>\u0000":"é\u2028"}`, step)
		}
		// Runs of one kind, and runs of all kinds.
		what := rng.IntN(10)
		if round%2 == 1 {
			what = []int{0, 1, 9, 9, 4, 7}[(step/12)%6]
		}
		var want, got chatlog.Appended
		var err1, err2 error
		switch {
		case what < 4 || last == 0:
			e.ReplyTo = rng.Uint64N(last + 1)
			if what%2 == 1 {
				e.Type, e.To, e.ToUsername = chatlog.TypePrivate, users[rng.IntN(len(users))], "to"
			}
			want, err1 = model.Append(t.Context(), room, e)
			got, err2 = l.Append(t.Context(), room, e)
		default:
			e.Target = 1 + rng.Uint64N(last+1)
			moderator := rng.IntN(2) == 0
			switch {
			case what < 6:
				e.Type = chatlog.TypeEdit
			case what < 9:
				e.Type, e.Reaction, e.Remove = chatlog.TypeReaction, reactions[rng.IntN(len(reactions))], rng.IntN(3) == 0
				e.Text, e.Data = "", nil
			default:
				e.Type, e.Text, e.Data = chatlog.TypeDelete, "", nil
			}
			want, err1 = model.Amend(t.Context(), room, e, moderator)
			got, err2 = l.Amend(t.Context(), room, e, moderator)
		}
		if !errors.Is(err2, err1) {
			t.Fatalf("%+v: %v, want %v", e, err2, err1)
		}
		want.Epoch, got.Epoch = "", ""
		if w := want.Event; got.Event.Type == "" && want.Repeated { // an erased event keeps its ids
			want.Event = chatlog.Event{Offset: w.Offset, Time: w.Time, UserID: w.UserID, ID: w.ID}
		}
		if got.Event.Offset > last {
			own[got.Event.Offset] = got.Event
		}
		ownText(&want.Event, own)
		if diff := cmp.Diff(want, got, sameButTimes); diff != "" {
			t.Fatalf("%d: %+v (-want +got)\n%s", step, e, diff)
		}
		last = max(last, got.Event.Offset)
		if step%10 == 0 {
			readModel(t, rng, room, l, model, last, users, own)
		}
	}
}

// ownText gives an edit its own text. The log in memory gives it the current text of its
// message.
func ownText(e *chatlog.Event, own map[uint64]chatlog.Event) {
	if e.Type == chatlog.TypeEdit {
		e.Text, e.Data = own[e.Offset].Text, own[e.Offset].Data
	}
}

func readModel(t *testing.T, rng *rand.Rand, room string, l *pglog.Log, model interface {
	chatlog.Store
	chatlog.Marker
}, last uint64, users []string, own map[uint64]chatlog.Event) {
	t.Helper()
	for _, r := range someRanges(rng, last, append(users, "stranger")) {
		want, err := model.Read(t.Context(), room, r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := l.Read(t.Context(), room, r)
		if err != nil {
			t.Fatal(err)
		}
		want.Position.Epoch, got.Position.Epoch = "", ""
		for i := range want.Events {
			ownText(&want.Events[i], own)
		}
		if diff := cmp.Diff(want, got, sameButTimes, sortUsers); diff != "" {
			t.Fatalf("%+v (-want +got)\n%s", r, diff)
		}
	}
	user := append(users, "stranger")[rng.IntN(len(users)+1)]
	if user == "" {
		return
	}
	to := rng.Uint64N(last + 3)
	read1, raised1, err1 := model.MarkRead(t.Context(), room, user, to)
	read2, raised2, err2 := l.MarkRead(t.Context(), room, user, to)
	if read1 != read2 || raised1 != raised2 || err1 != nil || err2 != nil {
		t.Fatalf("MarkRead %q %d: %d, %v, %v, want %d, %v, %v", user, to, read2, raised2, err2, read1, raised1, err1)
	}
	for _, user := range users {
		want, err1 := model.Unread(t.Context(), user, []string{room, "none", room})
		got, err2 := l.Unread(t.Context(), user, []string{room, "none", room})
		if diff := cmp.Diff(want, got); diff != "" || err1 != nil || err2 != nil {
			t.Fatalf("Unread %q: %v, %v (-want +got)\n%s", user, err1, err2, diff)
		}
	}
}

var sortUsers = cmpopts.SortSlices(strings.Compare)
