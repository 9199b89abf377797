package sqlitelog_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat/adapters/sqlitelog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// Rows of hidden messages stay for ten minutes, because of their ids. Then they are deleted.
func TestKeep(t *testing.T) {
	for _, option := range []sqlitelog.Option{sqlitelog.WithKeep(10), sqlitelog.WithKeepFor(time.Minute)} {
		path := filepath.Join(t.TempDir(), "chat.db")
		synctest.Test(t, func(t *testing.T) {
			l, err := sqlitelog.Open(path, option)
			if err != nil {
				t.Fatal(err)
			}
			defer l.CloseFile()
			step := func() {
				if _, err := l.Beat(t.Context(), "s", time.Hour); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
			}
			for i := range 30 {
				a, err := l.Append(t.Context(), "room", text("u", fmt.Sprint("old", i), "m"))
				if err == nil && i%2 == 0 {
					_, err = l.Amend(t.Context(), "room", react("v", a.Event.Offset, ":a:"), false)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(2 * time.Minute)
			for i := range 10 {
				if _, err := l.Append(t.Context(), "room", text("u", fmt.Sprint("new", i), "m")); err != nil {
					t.Fatal(err)
				}
			}
			rows := func() (n int) {
				t.Helper()
				p, err := l.Read(t.Context(), "room", chatlog.Range{From: 1, Limit: 100})
				if err != nil || p.First != 46 || len(p.Events) != 10 || p.Position.Offset != 55 {
					t.Fatalf("%d events from %d on, %v, %v", len(p.Events), p.First, p.Position, err)
				}
				return int(sqlitelog.Rows(l))
			}
			step()
			if n := rows(); n != 55 {
				t.Errorf("%d rows", n)
			}
			if a, err := l.Append(t.Context(), "room", text("u", "old3", "m")); err != nil || !a.Repeated {
				t.Errorf("a hidden message is stored again: %+v, %v", a, err)
			}
			if _, err := l.Amend(t.Context(), "room", react("v", 3, ":b:"), false); err != chatlog.ErrNoSuchMessage {
				t.Errorf("a hidden message is amended: %v", err)
			}
			time.Sleep(11 * time.Minute)
			for range 10 {
				if _, err := l.Append(t.Context(), "other", text("u", "", "m")); err != nil {
					t.Fatal(err)
				}
			}
			step()
			if n := sqlitelog.Rows(l); n > 20 {
				t.Errorf("%d rows are left", n)
			}
		})
	}
}

// WithKeep keeps its number of messages, however many entries amend them, and bounds these.
func TestKeepMessages(t *testing.T) {
	t.Parallel()
	rng := seed(t)
	l := open(t, filepath.Join(t.TempDir(), "chat.db"), sqlitelog.WithKeep(20))
	deleted, given, n := map[uint64]bool{}, map[uint64]int{}, 0
	var last uint64
	for round := range 30 {
		for range 10 {
			n++
			last = mustAppend(t, l, "room", text("u", fmt.Sprint(n), fmt.Sprint(n))).Offset
		}
		some, _ := held(t, l)
		for range rng.IntN(80) {
			e := some[rng.IntN(len(some))]
			switch {
			case deleted[e.Offset]:
			case rng.IntN(10) == 0 && e.Offset != last:
				deleted[e.Offset] = true
				mustAmend(t, l, "room", remove("u", e.Offset))
			default:
				given[e.Offset]++
				mustAmend(t, l, "room", react(fmt.Sprint("v", given[e.Offset]), e.Offset, ":a:"))
			}
		}
		before, _ := held(t, l)
		keep(t, l)
		messages, _ := held(t, l)
		for _, e := range messages {
			g := given[e.Offset]
			if deleted[e.Offset] || g > 0 && (len(e.Reactions) != 1 || e.Reactions[0].Count != g) || g == 0 && e.Amended != 0 {
				t.Errorf("message %d has the reactions %+v, want %d", e.Offset, e.Reactions, g)
			}
		}
		if len(messages) != min(20, len(before)) || messages[len(messages)-1].Offset != last {
			t.Errorf("round %d: %d messages are kept", round, len(messages))
		}
		for _, e := range readAll(t, l, "room") {
			if e.Type == chatlog.TypeReaction && e.Target < messages[0].Offset && !deleted[e.Target] {
				t.Errorf("the entry %d is read without its message %d", e.Offset, e.Target)
			}
		}
		if wrong := sqlitelog.WrongCounts(l); wrong != "" {
			t.Fatalf("round %d: %s", round, wrong)
		}
	}
}

// held returns the messages of the room, and the first offset of its entries.
func held(t testing.TB, l *sqlitelog.Log) ([]chatlog.Event, uint64) {
	t.Helper()
	m, err := l.Read(soon(t), "room", chatlog.Range{Limit: 10_000, Messages: true})
	if err != nil {
		t.Fatal(err)
	}
	p, err := l.Read(soon(t), "room", chatlog.Range{})
	if err != nil || p.First < m.First {
		t.Fatalf("entries from %d, messages from %d, %v", p.First, m.First, err)
	}
	return m.Events, p.First
}

// WithKeep bounds the entries that amend. The messages before the first of them stay, and keep
// their reactions.
func TestKeepAmendments(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "chat.db"), sqlitelog.WithKeep(5))
	for i := range 4 {
		mustAppend(t, l, "room", text("u", fmt.Sprint("m", i), "m"))
	}
	for i := range 800 {
		mustAmend(t, l, "room", react(fmt.Sprint("v", i), uint64(i%4)+1, ":a:"))
	}
	keep(t, l)
	messages, first := held(t, l)
	if len(messages) != 4 || messages[3].Reactions[0].Count != 200 || len(messages[3].Reactions[0].Users) != 50 || first != 804+1-512 {
		t.Errorf("%d messages, entries from %d, %+v", len(messages), first, messages)
	}
	mustAmend(t, l, "room", edit("u", 1, "new"))
	mustAmend(t, l, "room", remove("u", 2))
	if messages, _ := held(t, l); len(messages) != 3 || messages[0].Text != "new" {
		t.Errorf("%+v", messages)
	}
	if wrong := sqlitelog.WrongCounts(l); wrong != "" {
		t.Error(wrong)
	}
}
