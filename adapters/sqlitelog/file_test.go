package sqlitelog_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/seed-08328bfd/chat/adapters/sqlitelog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// run runs SQL on a file, as another program does.
func run(t testing.TB, path, sql string) {
	t.Helper()
	c, err := sqlite3.Open(path)
	if err == nil {
		err = c.BusyTimeout(10 * time.Second)
	}
	if err == nil {
		err = c.Exec(sql)
	}
	if err == nil {
		err = c.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// What waits is written in one transaction, with one sync.
func TestGroupCommit(t *testing.T) {
	d := newDisk(t)
	path := filepath.Join(t.TempDir(), "chat.db")
	l := open(t, path, d.on())
	mustAppend(t, l, "room", text("u", "", "m"))
	c, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Exec("BEGIN IMMEDIATE"); err != nil { // the log waits for this program
		t.Fatal(err)
	}
	before := d.syncs.Load()
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() { mustAppend(t, l, fmt.Sprint("room", i%7), text("u", "", "m")) })
	}
	time.Sleep(50 * time.Millisecond)
	if err := c.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if n := d.syncs.Load() - before; n < 1 || n > 40 {
		t.Errorf("200 messages took %d syncs", n)
	}
	before = d.syncs.Load()
	for range 10 {
		mustAppend(t, l, "room", text("u", "", "m"))
	}
	if n := d.syncs.Load() - before; n < 10 {
		t.Errorf("10 messages, one after another, took %d syncs", n)
	}
}

// When a deletion was acknowledged, the text is in no row; after the next step of retention it is
// nowhere in the files.
func TestDeletedIsNowhere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chat.db")
	l := open(t, path)
	long := "secret" + strings.Repeat("secret long text ", 1000)
	for i := range 30 {
		o := mustAppend(t, l, "room", chatlog.Event{Type: chatlog.TypeMessage, UserID: "u", Text: "secret", Data: []byte(`{"secret":1}`), ID: fmt.Sprint(i)}).Offset
		mustAmend(t, l, "room", edit("u", o, long))
		mustAmend(t, l, "room", react("v", o, ":secret:"))
		mustAmend(t, l, "room", edit("u", o, "secret"))
		if i%2 == 0 {
			mustAppend(t, l, "room", text("v", "", "other"))
		}
		mustAmend(t, l, "room", remove("u", o))
	}
	c, err := sqlite3.Open(path)
	if err == nil {
		err = c.Exec("BEGIN; SELECT * FROM event") // another program reads
	}
	if err != nil {
		t.Fatal(err)
	}
	keep(t, l)
	if b, err := os.ReadFile(path + "-wal"); err != nil || !bytes.Contains(b, []byte("secret")) {
		t.Errorf("the write-ahead log does not have it while somebody reads: %v", err)
	}
	mustAppend(t, l, "room", text("v", "", "other"))
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	keep(t, l)
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(b, []byte("secret")); n > 0 {
			t.Errorf("%q has it %d times in %d bytes", suffix, n, len(b))
		}
		if suffix == "" && !bytes.Contains(b, []byte("other")) {
			t.Error("the file has none of the messages")
		}
	}
}

// Open refuses databases that are not its own, and those of newer versions.
func TestForeignFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chat.db")
	run(t, path, `CREATE TABLE a (b); INSERT INTO a VALUES (1)`)
	if l, err := sqlitelog.Open(path); err == nil || !strings.Contains(err.Error(), "another program") {
		t.Errorf("opened %v, %v", l, err)
	}
	path = filepath.Join(t.TempDir(), "chat.db")
	open(t, path).CloseFile()
	run(t, path, `PRAGMA user_version = 99`)
	if l, err := sqlitelog.Open(path); err == nil || !strings.Contains(err.Error(), "version 99") {
		t.Errorf("opened %v, %v", l, err)
	}
}

// After CloseFile, calls return errors. What was acknowledged before is in the file.
func TestCloseFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chat.db")
	l := open(t, path)
	acked := ackUntil(t, l, func() { go l.CloseFile() }, 200)
	l.CloseFile()
	for name, err := range map[string]error{
		"Append":    second(l.Append(t.Context(), "room", text("u", "", "m"))),
		"Amend":     second(l.Amend(t.Context(), "room", remove("u", 1), false)),
		"Read":      second(l.Read(t.Context(), "room", chatlog.Range{})),
		"Positions": second(l.Positions(t.Context(), []string{"room"})),
		"Beat":      second(l.Beat(t.Context(), "s", time.Hour)),
		"Signal":    l.Signal(t.Context(), "room", chatlog.Event{}),
		"Backup":    l.Backup(t.Context(), path+"2"),
	} {
		if err == nil {
			t.Errorf("%s returned no error", name)
		}
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		if _, err := os.Stat(path + suffix); err == nil {
			t.Errorf("the file %s is left", suffix)
		}
	}
	l = open(t, path)
	stored := map[string]uint64{}
	for r := range 3 {
		for _, e := range readAll(t, l, fmt.Sprint("room", r)) {
			stored[e.ID] = e.Offset
		}
	}
	for id, o := range acked {
		if stored[id] != o {
			t.Errorf("%s was acknowledged at %d, and is at %d", id, o, stored[id])
		}
	}
}

func second[T any](_ T, err error) error { return err }

// A call that waits for another program ends with its context.
func TestWaitsWithContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chat.db")
	l := open(t, path)
	c, err := sqlite3.Open(path)
	if err == nil {
		err = c.Exec("BEGIN IMMEDIATE")
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if a, err := l.Append(ctx, "room", text("u", "1", "m")); err != context.DeadlineExceeded {
		t.Errorf("%+v, %v", a, err)
	}
	if p, err := l.Read(soon(t), "room", chatlog.Range{Limit: 1}); err != nil || len(p.Events) != 0 {
		t.Errorf("%+v, %v", p, err)
	}
	c.Close()
	if a, err := l.Append(soon(t), "room", text("u", "1", "m")); err != nil || a.Event.Offset != 1 {
		t.Errorf("%+v, %v", a, err)
	}
}
