package pglog_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/adapters/pglog"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/chattest"
	"github.com/seed-08328bfd/chat/client"
)

// The epoch of an empty room is a valid part of a Position, and is also the epoch of the room's
// first event. Of many concurrent calls of Renew, exactly one changes the epoch.
func TestRenew(t *testing.T) {
	l := newLog(t)
	for _, room := range []string{"written", "empty"} {
		before := position(t, l, room)
		if p, err := chatlog.ParsePosition(before.String()); err != nil || p != before {
			t.Fatalf("%v is read as %v, %v", before, p, err)
		}
		if room == "written" {
			if a, err := l.Append(t.Context(), room, text("u", "1", "m")); a.Epoch != before.Epoch || err != nil {
				t.Errorf("first event in epoch %q, %v; the empty room had %q", a.Epoch, err, before.Epoch)
			}
		}
		var mu sync.Mutex
		epochs := map[string]int{}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				epoch, err := l.Renew(t.Context(), room, before.Epoch)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				epochs[epoch]++
				mu.Unlock()
			})
		}
		wg.Wait()
		after := position(t, l, room)
		if epochs[after.Epoch] != 8 || after.Epoch == before.Epoch {
			t.Errorf("%s: renewed %q to %v, and it is %q", room, before.Epoch, epochs, after.Epoch)
		}
		if epoch, err := l.Renew(t.Context(), room, before.Epoch); err != nil || epoch != after.Epoch {
			t.Errorf("%s: renewed again: %q, %v", room, epoch, err)
		}
		if p := position(t, l, "another"); p.Epoch != before.Epoch {
			t.Errorf("another room is in %q, and was in %q", p.Epoch, before.Epoch)
		}
	}
	if n := len(readAll(t, l, "written")); n != 1 {
		t.Errorf("%d events after Renew", n)
	}
}

// If somebody empties the tables or makes them again, the rooms get new epochs.
func TestEpochOfLostTables(t *testing.T) {
	schema := newSchema()
	l := migrated(t, shared.pool(t), pglog.WithSchema(schema))
	seen := map[string]string{}
	for _, loss := range []string{
		`SELECT 1`,
		`TRUNCATE ` + schema + `.room`,
		`DELETE FROM ` + schema + `.room`,
		`DROP SCHEMA ` + schema + ` CASCADE`,
	} {
		shared.exec(t, loss)
		if err := l.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, room := range []string{"written", "empty"} {
			p := position(t, l, room)
			if was := seen[p.Epoch]; was != "" && was != loss || p.Offset != 0 {
				t.Errorf("after %s: %s is at %v, as after %q", loss, room, p, was)
			}
			seen[p.Epoch] = loss
		}
		if e := mustAppend(t, l, "written", text("u", "1", "m")); e.Offset != 1 {
			t.Errorf("after %s: offset %d", loss, e.Offset)
		}
	}
}

// If an operator deletes the row of a room, the room gets an epoch that it never had, whatever
// other servers remember. A later write keeps that epoch.
func TestEpochOfDeletedRoom(t *testing.T) {
	schema := newSchema()
	l := migrated(t, shared.pool(t), pglog.WithSchema(schema))
	seen := map[string]bool{}
	for range 3 {
		at := position(t, l, "room")
		if seen[at.Epoch] || at.Offset != 0 {
			t.Errorf("the room is at %v again", at)
		}
		seen[at.Epoch] = true
		if a, err := l.Append(t.Context(), "room", text("u", "1", "m")); err != nil || a.Epoch != at.Epoch {
			t.Errorf("first event in %q, %v; the empty room was at %v", a.Epoch, err, at)
		}
		shared.exec(t, `WITH r AS (DELETE FROM `+schema+`.room WHERE name = 'room' RETURNING id)
			DELETE FROM `+schema+`.event USING r WHERE room = r.id`)
	}
}

// A restart or a crash keeps the epochs. A recovery from an archive changes them: a restored
// backup does that, and so does a promoted standby.
func TestEpochOfRestoredDatabase(t *testing.T) {
	t.Parallel()
	c := freshCluster(t)
	l := migrated(t, c.pool(t))
	mustAppend(t, l, "room", text("u", "1", "m"))
	check := func(what string, same bool) {
		t.Helper()
		before := position(t, l, "room")
		c.stop(quitSignal)
		if !same {
			for name, content := range map[string]string{
				"recovery.signal":      "",
				"postgresql.auto.conf": "restore_command = 'false'\n",
			} {
				file := filepath.Join(c.data, name)
				if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
				if err := own(file); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := c.start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "recovery has ended", func() (ended bool) {
			c.query(t, &ended, `SELECT NOT pg_is_in_recovery()`)
			return ended
		})
		after := position(t, l, "room")
		if after.Offset != 1 || (after.Epoch == before.Epoch) != same {
			t.Errorf("%s: %v before, %v after", what, before, after)
		}
		if a, err := l.Append(t.Context(), "room", text("u", "1", "m")); err != nil || !a.Repeated || a.Event.Offset != 1 || a.Epoch != after.Epoch {
			t.Errorf("%s: repeated: %+v, %v", what, a, err)
		}
	}
	check("crash", true)
	check("recovery", false)
	check("crash after it", true)
}

// Somebody restores an older copy of the tables, twice, while the members of a server have seen
// more. New messages get an epoch that the room never had, although the copy contains an epoch
// that was replaced.
func TestOlderCopy(t *testing.T) {
	schema := newSchema()
	l := migrated(t, shared.pool(t), pglog.WithSchema(schema))
	srv := chattest.NewServer(t, chat.WithLog(l), chat.WithLogger(slog.New(slog.DiscardHandler)))
	c, err := client.Dial(t.Context(), srv.URL, "room", client.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	publish := func(n int) {
		t.Helper()
		for range n {
			if _, err := srv.Publish(t.Context(), "room", chat.Message{Username: "u", Text: "m"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	publish(5)
	first := position(t, l, "room")
	var stored string
	shared.query(t, &stored, `SELECT epoch FROM `+schema+`.room WHERE name = 'room'`)
	epochs := map[string]bool{first.Epoch: true}
	for range 2 {
		shared.exec(t, `DELETE FROM `+schema+`.event WHERE "offset" > 3`)
		shared.exec(t, `UPDATE `+schema+`.room SET last = 3, epoch = '`+stored+`' WHERE name = 'room'`)
		publish(1)
		eventually(t, "the room has an epoch that it never had", func() bool {
			p := position(t, l, "room")
			return p.Offset >= 4 && !epochs[p.Epoch]
		})
		epochs[position(t, l, "room").Epoch] = true
		publish(3)
	}
}
