package pglog_test

import (
	"fmt"
	"log/slog"
	"testing"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/adapters/pglog"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/chattest"
	"github.com/seed-08328bfd/chat/client"
)

// shorten leaves only the first events of a room, in the same epoch, as older files do. Then a
// writer that does not know of the loss may write other events.
func shorten(t testing.TB, schema string, first, others int) {
	t.Helper()
	shared.exec(t, `DELETE FROM `+schema+`.event WHERE "offset" > $1`, first)
	shared.exec(t, `UPDATE `+schema+`.room r SET last = $1, last_at = (SELECT at FROM `+schema+`.event e WHERE e.room = r.id AND "offset" = $1)
		WHERE name = 'room'`, first)
	stranger := migrated(t, shared.pool(t), pglog.WithSchema(schema))
	for range others {
		mustAppend(t, stranger, "room", text("stranger", "", "m"))
	}
}

// Of 100 events, 71 to 100 are lost. A Log has written, received or read the last one. It begins
// a new epoch in its next Append or Amend, and before a room is opened. It does so also if
// another Log has written past 100 meanwhile.
func TestSeenIsCompared(t *testing.T) {
	for _, others := range []int{0, 10, 30, 31} {
		for _, know := range []string{"wrote", "heard", "read"} {
			for _, use := range []string{"Append", "Amend", "Watch"} {
				t.Run(fmt.Sprint(know, " ", others, " ", use), func(t *testing.T) {
					t.Parallel()
					schema := newSchema()
					l := migrated(t, shared.pool(t), pglog.WithSchema(schema))
					writer := l
					if know != "wrote" {
						writer = migrated(t, shared.pool(t), pglog.WithSchema(schema))
					}
					r := opened(t, l)
					if know == "heard" {
						if err := l.Watch(t.Context(), r, "room"); err != nil {
							t.Fatal(err)
						}
					}
					last := uint64(0)
					say := func() { last = mustAppend(t, writer, "room", text("u", "", "m")).Offset }
					for range 100 {
						say()
					}
					if know == "heard" {
						eventuallyTold(t, "it is pushed", say, func() bool { return r.offsets("room")[last] })
						l.Unwatch(r, "room")
					}
					was := position(t, writer, "room").Epoch
					if know == "read" {
						if _, err := l.Read(t.Context(), "room", chatlog.Range{Limit: 3}); err != nil {
							t.Fatal(err)
						}
					}
					shorten(t, schema, int(last)-30, others)
					epoch := was
					if use != "Watch" {
						store := func() (chatlog.Appended, error) { return l.Append(t.Context(), "room", text("u", "", "next")) }
						if use == "Amend" {
							store = func() (chatlog.Appended, error) { return l.Amend(t.Context(), "room", edit("u", 1, "next"), false) }
						}
						a, err := store()
						if err != nil {
							t.Fatal(err)
						}
						epoch = a.Epoch
					} else if err := l.Watch(t.Context(), r, "room"); err != nil {
						t.Fatal(err)
					}
					after := position(t, writer, "room").Epoch
					if after == was || use != "Watch" && epoch != after {
						t.Errorf("the room is in epoch %s; the lost events were in %s; the append was in %s", after, was, epoch)
					}
					// The epoch changes only once.
					if a, err := l.Append(t.Context(), "room", text("u", "", "next")); err != nil || a.Epoch != after {
						t.Errorf("the next event is in epoch %s, %v", a.Epoch, err)
					}
				})
			}
		}
	}
}

// Rows that an operator or retention deletes are no loss.
func TestSeenIsDeleted(t *testing.T) {
	schema := newSchema()
	l := migrated(t, shared.pool(t), pglog.WithSchema(schema), pglog.WithKeep(1))
	was := position(t, l, "room").Epoch
	for range 3 {
		e := mustAppend(t, l, "room", text("u", "", "m"))
		shared.exec(t, `DELETE FROM `+schema+`.event WHERE "offset" = $1`, e.Offset)
		mustAppend(t, migrated(t, shared.pool(t), pglog.WithSchema(schema)), "room", text("v", "", "m"))
		mustPrune(t, l)
	}
	r := opened(t, l, "room")
	l.Unwatch(r, "room")
	if a, err := l.Append(t.Context(), "room", text("u", "", "m")); err != nil || a.Epoch != was {
		t.Errorf("epoch %s, %v; want %s", a.Epoch, err, was)
	}
}

// A server has published 100 events into a room without members. The last 30 are lost, and 31
// others are written. A client that comes back from offset 100, without an epoch, is told of a
// gap.
func TestShorterCopy(t *testing.T) {
	schema := newSchema()
	l := migrated(t, shared.pool(t), pglog.WithSchema(schema))
	srv := chattest.NewServer(t, chat.WithLog(l), chat.WithLogger(slog.New(slog.DiscardHandler)))
	for range 100 {
		if _, err := srv.Publish(t.Context(), "room", chat.Message{Username: "u", Text: "m"}); err != nil {
			t.Fatal(err)
		}
	}
	at := position(t, l, "room")
	shorten(t, schema, 70, 31)
	c, err := client.Dial(soon(t), srv.URL, "room", client.WithUsername("back"), client.WithSince(chat.Position{Epoch: at.Epoch, Offset: at.Offset}))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if w := c.Welcome(); w.Resumed || !w.Gap {
		t.Errorf("from %v: resumed %t, gap %t", at, w.Resumed, w.Gap)
	}
}
