package sqlitelog_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/adapters/sqlitelog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// While the disk is full, read-only or broken, nothing is acknowledged, and everything can be
// read. Afterwards everything works again, and what was acknowledged is there.
func TestDiskRefuses(t *testing.T) {
	for name, fault := range map[string][2]error{
		"full": {diskFull, nil}, "read-only": {readOnly, readOnly}, "broken": {broken, broken}, "no sync": {nil, broken},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDisk(t)
			path := filepath.Join(t.TempDir(), "chat.db")
			l := open(t, path, d.on())
			var mu sync.Mutex
			acked := map[string]uint64{}
			attempt := func(from, to int, fails bool) {
				t.Helper()
				var wg sync.WaitGroup
				for i := from; i < to; i++ {
					wg.Go(func() {
						room, id := fmt.Sprint("room", i%3), fmt.Sprint(i)
						a, err := l.Append(soon(t), room, text("u", id, "m"))
						if (err != nil) != fails {
							t.Errorf("message %d: %+v, %v", i, a, err)
						}
						if err == nil {
							mu.Lock()
							acked[id] = a.Event.Offset
							mu.Unlock()
						}
					})
				}
				wg.Wait()
			}
			for round := range 5 {
				attempt(round*100, round*100+30, false)
				d.refuse(fault[0], fault[1])
				attempt(round*100+30, round*100+60, true)
				e := react("u", 1, fmt.Sprint(":", round, ":"))
				e.ID = e.Reaction
				if a, err := l.Amend(soon(t), "room0", e, false); err == nil {
					t.Errorf("amended %+v", a)
				}
				if p, err := l.Read(soon(t), "room0", chatlog.Range{Limit: 1}); err != nil || len(p.Events) != 1 {
					t.Errorf("read %+v, %v", p, err)
				}
				d.refuse(nil, nil)
				attempt(round*100+30, round*100+100, false) // also those that were refused
				a, err := l.Amend(soon(t), "room0", e, false)
				if err != nil {
					t.Error(err)
				}
				acked[e.ID] = a.Event.Offset
			}
			check := func(l *sqlitelog.Log) {
				t.Helper()
				n := 0
				for r := range 3 {
					for _, e := range readAll(t, l, fmt.Sprint("room", r)) {
						if n++; acked[e.ID] != e.Offset {
							t.Errorf("entry %d is %q, which was acknowledged at %d", e.Offset, e.ID, acked[e.ID])
						}
					}
				}
				if n != 505 || len(acked) != 505 {
					t.Errorf("%d entries, %d acknowledged, want 505", n, len(acked))
				}
			}
			check(l)
			before := position(t, l, "room0")
			if err := l.CloseFile(); err != nil {
				t.Fatal(err)
			}
			l = open(t, path)
			check(l)
			if at := position(t, l, "room0"); at != before {
				t.Errorf("the position is %v, want %v", at, before)
			}
		})
	}
}

// A server whose disk is full says so to the senders, and goes on when there is space.
func TestServerOnFullDisk(t *testing.T) {
	d := newDisk(t)
	srv := chat.New(chat.WithLog(open(t, filepath.Join(t.TempDir(), "chat.db"), d.on())))
	t.Cleanup(func() { srv.Close() })
	say := func(id string) (chat.Event, error) {
		return srv.Publish(soon(t), "room", chat.Message{UserID: "u", Username: "U", Text: "m", ID: id})
	}
	if e, err := say("1"); err != nil || e.Offset != 1 {
		t.Fatalf("%+v, %v", e, err)
	}
	d.refuse(diskFull, nil)
	if e, err := say("2"); err == nil {
		t.Fatalf("published %+v", e)
	}
	d.refuse(nil, nil)
	if e, err := say("2"); err != nil || e.Offset != 2 {
		t.Fatalf("%+v, %v", e, err)
	}
}

// A file that cannot be opened for writing is refused, as is one in a folder that is not there.
func TestOpenRefuses(t *testing.T) {
	d := newDisk(t)
	path := filepath.Join(t.TempDir(), "chat.db")
	open(t, path).CloseFile()
	d.refuse(readOnly, readOnly)
	if l, err := sqlitelog.Open(path, d.on()); err == nil {
		t.Errorf("opened %v", l)
	}
	d.refuse(nil, nil)
	if l, err := sqlitelog.Open(filepath.Join(path, "..", "none", "chat.db")); err == nil {
		t.Errorf("opened %v", l)
	}
	other := filepath.Join(t.TempDir(), "other.db")
	if err := os.WriteFile(other, []byte("not a database, but a text that is long enough to be taken for one"), 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := sqlitelog.Open(other); err == nil {
		t.Errorf("opened %v", l)
	}
	open(t, path).CloseFile() // after all this
}

// After a failure of the power a file that syncs has all that was acknowledged. One that does
// not may have lost the end of it, and tells so by new epochs.
func TestPowerFails(t *testing.T) {
	rng := seed(t)
	sqlitelog.SetBootID("first")
	defer sqlitelog.SetBootID("-")
	lost := 0
	for run := range 40 {
		level := sqlitelog.Sync(run % 2)
		d := newDisk(t)
		folder := t.TempDir()
		sqlitelog.SetBootID("first")
		l, err := sqlitelog.Open(filepath.Join(t.TempDir(), "chat.db"), d.on(), sqlitelog.WithSync(level))
		if err != nil {
			t.Fatal(err)
		}
		acked := ackUntil(t, l, func() { d.refuse(broken, broken) }, 1+rng.IntN(400))
		d.after(t, rng, []float64{0, 0.5, 1}[rng.IntN(3)], folder)
		before := position(t, l, "room0").Epoch
		l.CloseFile() // with errors: the disk is gone
		sqlitelog.SetBootID("second")
		l = open(t, filepath.Join(folder, "chat.db"), sqlitelog.WithSync(level))
		n := 0
		for r := range 3 {
			for _, e := range readAll(t, l, fmt.Sprint("room", r)) {
				if o, ok := acked[e.ID]; ok && o == e.Offset {
					n++
				}
			}
		}
		epoch := position(t, l, "room0").Epoch
		switch {
		case level == sqlitelog.Full && (n != len(acked) || epoch != before):
			t.Fatalf("run %d: %d of %d acknowledged entries are left, in epoch %s after %s", run, n, len(acked), epoch, before)
		case level == sqlitelog.Normal && epoch == before:
			t.Fatalf("run %d: %d of %d acknowledged entries are left, and the epoch is the same", run, n, len(acked))
		case level == sqlitelog.Normal:
			lost += len(acked) - n
		}
	}
	if t.Logf("without syncs, %d entries were lost", lost); lost == 0 {
		t.Error("nothing was lost without syncs: the test does not test them")
	}
}

// A sync fails, and the operating system takes for written what it has not written. What is
// acknowledged afterwards is there after a failure of the power.
func TestPowerFailsAfterSync(t *testing.T) {
	rng := seed(t)
	for run := range 20 {
		d := newDisk(t)
		folder := t.TempDir()
		l, err := sqlitelog.Open(filepath.Join(t.TempDir(), "chat.db"), d.on())
		if err != nil {
			t.Fatal(err)
		}
		acked := map[string]uint64{}
		for i := range 60 {
			if rng.IntN(10) == 0 {
				d.refuse(nil, broken)
				if a, err := l.Append(soon(t), "room", text("u", fmt.Sprint("failed", i), "m")); err == nil {
					t.Fatalf("acknowledged %+v", a)
				}
				d.refuse(nil, nil)
			}
			acked[fmt.Sprint(i)] = mustAppend(t, l, "room", text("u", fmt.Sprint(i), "m")).Offset
		}
		d.refuse(broken, broken)
		d.after(t, rng, 0, folder)
		l.CloseFile() // with errors: the disk is gone
		l = open(t, filepath.Join(folder, "chat.db"))
		for _, e := range readAll(t, l, "room") {
			if acked[e.ID] == e.Offset {
				delete(acked, e.ID)
			}
		}
		if len(acked) > 0 {
			t.Fatalf("run %d: %d acknowledged entries are lost", run, len(acked))
		}
	}
}

// ackUntil appends from many goroutines, calls stop after so many acknowledgements, and
// returns all entries that were acknowledged.
func ackUntil(t testing.TB, l *sqlitelog.Log, stop func(), most int) map[string]uint64 {
	var mu sync.Mutex
	var wg sync.WaitGroup
	acked := map[string]uint64{}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				id := fmt.Sprint(w, "-", i)
				a, err := l.Append(ctx, fmt.Sprint("room", i%3), text("u", id, "some text that takes space"))
				if err != nil {
					return
				}
				mu.Lock()
				if acked[id] = a.Event.Offset; len(acked) == most {
					stop()
					cancel()
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return acked
}

// The file may have any name that the operating system takes.
func TestPathNames(t *testing.T) {
	for _, name := range []string{"a b.db", "a?b.db", "a#b%20.db", "ä&mode=ro.db", url.QueryEscape("a/b") + ".db"} {
		path := filepath.Join(t.TempDir(), name)
		l := open(t, path)
		mustAppend(t, l, "room", text("u", "", "m"))
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}
