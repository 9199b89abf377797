package sqlitelog_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/seed-08328bfd/chat/adapters/sqlitelog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// copyFiles copies the files of a database into a folder, with its lock file or without.
func copyFiles(t testing.TB, path, folder string, suffixes ...string) {
	t.Helper()
	for _, s := range suffixes {
		b, err := os.ReadFile(path + s)
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, filepath.Base(path)+s), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A new run keeps the epochs if the file is as the last run has left it, and otherwise begins
// new ones.
func TestEpochs(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(t *testing.T, path, backup string)
		same   bool
	}{
		{"nothing", func(*testing.T, string, string) {}, true},
		{"an older copy", func(t *testing.T, path, backup string) {
			copyFiles(t, backup, filepath.Dir(path), "")
		}, false},
		{"no lock file", func(t *testing.T, path, _ string) { os.Remove(path + "-lock") }, false},
		{"rows deleted", func(t *testing.T, path, _ string) {
			run(t, path, `DELETE FROM event WHERE pos & (1 << 36) - 1 > 2; UPDATE room SET last = 2`)
		}, false},
		{"tables read", func(t *testing.T, path, _ string) { run(t, path, `SELECT * FROM history; VACUUM`) }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			path, backup := filepath.Join(t.TempDir(), "chat.db"), filepath.Join(t.TempDir(), "chat.db")
			l := open(t, path)
			mustAppend(t, l, "room", text("u", "1", "m"))
			mustAppend(t, l, "room", text("u", "2", "m"))
			if err := l.Backup(t.Context(), backup); err != nil {
				t.Fatal(err)
			}
			mustAppend(t, l, "room", text("u", "3", "m"))
			before, never := position(t, l, "room"), position(t, l, "never")
			l.CloseFile()
			test.change(t, path, backup)
			l = open(t, path)
			after := position(t, l, "room")
			if same := after.Epoch == before.Epoch; same != test.same || test.same && after != before {
				t.Errorf("the position is %v, after %v", after, before)
			}
			if same := position(t, l, "never") == never; same != test.same {
				t.Errorf("a room never written to is at %v, after %v", position(t, l, "never"), never)
			}
			l.CloseFile()
			if l = open(t, path); position(t, l, "room") != after {
				t.Errorf("the position is %v after another run, want %v", position(t, l, "room"), after)
			}
		})
	}
}

// The run was killed, and then the end of the file was cut off or an older copy restored. That
// is found if the lock file knows better, and also if the database knows the run.
func TestCutAfterKill(t *testing.T) {
	for _, suffixes := range [][]string{{"", "-wal", "-lock"}, {"", "-lock"}, {"", "-wal"}} {
		path, folder := filepath.Join(t.TempDir(), "chat.db"), t.TempDir()
		l := open(t, path)
		mustAppend(t, l, "room", text("u", "1", "m"))
		run(t, path, `PRAGMA wal_checkpoint(TRUNCATE)`)
		mustAppend(t, l, "room", text("u", "2", "m"))
		keep(t, l)
		before := position(t, l, "room")
		copyFiles(t, path, folder, suffixes...)
		l.CloseFile()
		l, err := sqlitelog.Open(filepath.Join(folder, "chat.db"))
		if err != nil {
			t.Fatal(err)
		}
		if after := position(t, l, "room"); (after.Epoch == before.Epoch) != (len(suffixes) == 3) || len(suffixes) == 3 && after != before {
			t.Errorf("with the files %q the position is %v, after %v", suffixes, after, before)
		}
		l.CloseFile()
	}
}

// The disk breaks at any write of Open. The next run has the same epochs.
func TestOpenFails(t *testing.T) {
	d := newDisk(t)
	path := filepath.Join(t.TempDir(), "chat.db")
	l := open(t, path)
	mustAppend(t, l, "room", text("u", "1", "m"))
	before := position(t, l, "room")
	l.CloseFile()
	for writes := 0; ; writes++ {
		d.breakAfter(writes)
		l, err := sqlitelog.Open(path, d.on())
		d.breakAfter(1 << 30)
		if err == nil {
			l.CloseFile()
			if writes < 5 {
				t.Errorf("Open wrote %d times", writes)
			}
			return
		}
		l = open(t, path)
		if after := position(t, l, "room"); after != before {
			t.Errorf("after %d writes: %v, before %v", writes, after, before)
		}
		l.CloseFile()
	}
}

// A run that has begun and was killed leaves the epochs as they are, wherever it was killed.
func TestKilledAtTheBeginning(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chat.db")
	l := open(t, path)
	mustAppend(t, l, "room", text("u", "1", "m"))
	before := position(t, l, "room")
	l.CloseFile()
	run(t, path+"-lock", `UPDATE state SET next = 'next', clean = 0`)
	l = open(t, path)
	if after := position(t, l, "room"); after != before {
		t.Errorf("before the new session is in the file: %v, after %v", after, before)
	}
	l.CloseFile()
	run(t, path+"-lock", `UPDATE state SET next = 'next', clean = 0`)
	run(t, path, `UPDATE meta SET value = 'next' WHERE key = 'session'`)
	l = open(t, path)
	if after := position(t, l, "room"); after != before {
		t.Errorf("after the new session is in the file: %v, after %v", after, before)
	}
}

// A program changes the file by hand. The log sees that with the next message.
func TestForeignWrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chat.db")
	l := open(t, path)
	for range 3 {
		mustAppend(t, l, "room", text("u", "", "secret"))
		mustAppend(t, l, "old", text("u", "", "secret"))
	}
	before := position(t, l, "old")
	run(t, path, `DELETE FROM event WHERE user = 'u' AND pos >> 36 = (SELECT id FROM room WHERE name = 'room'); DELETE FROM room WHERE name = 'old'`)
	if e := mustAppend(t, l, "room", text("v", "", "m")); e.Offset != 4 {
		t.Errorf("stored %+v", e)
	}
	for _, e := range readAll(t, l, "room")[:3] {
		if e.Type != chatlog.TypePrivate || e.Text != "" || e.VisibleTo("u") {
			t.Errorf("read %+v", e)
		}
	}
	if after := position(t, l, "old"); after.Offset != 0 {
		t.Errorf("the deleted room is at %v, before %v", after, before)
	}
	room := position(t, l, "room")
	l.CloseFile()
	l = open(t, path)
	if after := position(t, l, "old"); after.Offset != 0 {
		t.Errorf("the deleted room is at %v, before %v", after, before)
	}
	if after := position(t, l, "room"); after != room {
		t.Errorf("the other room is at %v, before %v", after, room)
	}
}
