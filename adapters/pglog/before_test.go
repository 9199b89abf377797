package pglog_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/seed-08328bfd/chat/adapters/pglog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// A server of the previous version reads and writes rooms in which other servers amend messages.
// It never sees a private or deleted text. Its history has the same messages. It may also have
// entries that its clients do not know.
func TestServersOfBefore(t *testing.T) {
	rng := seed(t)
	schema := newSchema()
	pool := shared.pool(t, "pool_max_conns=10")
	l := migrated(t, pool, pglog.WithSchema(schema))
	before := pglog.New(pool, pglog.WithSchema(schema))
	if err := pglog.AsVersion4(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	heard := opened(t, before, "room")
	mustAppend(t, before, "room", text("u", "", "first"))
	var wg sync.WaitGroup
	for w := range 4 {
		user := fmt.Sprint("u", w)
		kinds := rng.Perm(200)
		wg.Go(func() {
			for i, k := range kinds {
				e := text(user, "", fmt.Sprint("open ", i))
				if k%3 == 0 {
					e.Type, e.To, e.Text = chatlog.TypePrivate, "u0", "secret"
				}
				if k%2 == 0 {
					mustAppend(t, before, "room", e)
					continue
				}
				target := mustAppend(t, l, "room", e).Offset
				e = edit(user, target, e.Text+" edited")
				e.Data = []byte(`{"a":1}`)
				mustAmend(t, l, "room", e)
				mustAmend(t, l, "room", react(user, target, "secret"))
				if k%5 == 0 {
					mustAmend(t, l, "room", remove(user, target))
				}
			}
		})
	}
	wg.Wait()
	last := position(t, before, "room").Offset
	eventuallyTold(t, "all was pushed", func() { last = mustAppend(t, l, "room", text("u", "", "again")).Offset }, func() bool {
		return heard.offsets("room")[last]
	})
	told := heard.all()
	all := readAll(t, before, "room")
	checkDense(t, all)
	for _, e := range all {
		told = append(told, pushed{Event: e})
	}
	for _, p := range told {
		e := &p.Event
		if e.Type != chatlog.TypePrivate && strings.Contains(fmt.Sprintf("%+v", *e), "secret") {
			t.Fatalf("a server of the previous version gets %+v", p)
		}
	}
	for _, r := range []chatlog.Range{{Limit: 20}, {From: 1, Limit: 20}, {Limit: 10_000}} {
		r.Visible, r.Reader = true, "u1"
		p, err := before.Read(t.Context(), "room", r)
		if err != nil {
			t.Fatal(err)
		}
		r.Messages = true
		want, err := l.Read(t.Context(), "room", r)
		if err != nil {
			t.Fatal(err)
		}
		entries := len(p.Events)
		got := slices.DeleteFunc(p.Events, func(e chatlog.Event) bool { return e.Amends() || e.UserID == "" })
		if len(got) == 0 || len(got) < len(want.Events) && entries < len(want.Events) {
			t.Errorf("%+v: a server of the previous version has %d messages, others %d", r, len(got), len(want.Events))
		}
		expected := want.Events[:min(len(got), len(want.Events))]
		if r.From == 0 {
			expected = want.Events[max(0, len(want.Events)-len(got)):]
		}
		for i, e := range got {
			if w := expected[i]; e.Offset != w.Offset || e.Text != w.Text {
				t.Fatalf("%+v, want %+v", e, w)
			}
		}
	}
	counted(t, schema)
}
