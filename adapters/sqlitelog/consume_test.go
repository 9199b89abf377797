package sqlitelog_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/adapters/sqlitelog"
)

// An archive in the same file gets each event once, in order, although handlers and their
// statements fail, and the file is closed and opened again.
func TestArchiveExactlyOnce(t *testing.T) {
	t.Parallel()
	rng := seed(t)
	path := filepath.Join(t.TempDir(), "chat.db")
	open(t, path).CloseFile()
	db, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Exec(`CREATE TABLE archive (n INTEGER PRIMARY KEY, room TEXT, "offset" INTEGER, text TEXT, at TEXT, CHECK (text <> ''))`); err != nil {
		t.Fatal(err)
	}
	written := map[string]int{}
	for round := range 6 {
		l, err := sqlitelog.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		srv := chat.New(chat.WithLog(l), chat.WithLogger(slog.New(slog.DiscardHandler)))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		fails := 5
		go func() {
			ended <- srv.FollowAll(ctx, "archive", chat.FromStart, func(ctx context.Context, b chat.Batch) error {
				for _, e := range b.Events {
					if err := sqlitelog.Exec(ctx, `INSERT INTO archive (room, "offset", text, at) VALUES (?, ?, ?, ?)`, b.Room, int64(e.Offset), e.Text, e.Time); err != nil {
						return err
					}
				}
				if b.Room == "r0" && round < 5 && fails > 0 {
					fails--
					if fails%2 == 0 {
						return errors.New("the handler fails")
					}
					return sqlitelog.Exec(ctx, `INSERT INTO archive (text) VALUES ('')`) // violates the check
				}
				return nil
			})
		}()
		for range 100 {
			room := fmt.Sprint("r", rng.IntN(3))
			if _, err := srv.Publish(ctx, room, chat.Message{UserID: "u", Text: fmt.Sprint(written[room] + 1)}); err != nil {
				t.Fatal(err)
			}
			written[room]++
		}
		for end := time.Now().Add(time.Minute); round == 5; time.Sleep(5 * time.Millisecond) {
			if all, err := srv.Consumers(ctx); err != nil || all[0].Events == 0 {
				break
			} else if time.Now().After(end) {
				t.Fatalf("behind: %+v", all)
			}
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		srv.Close()
		if err := l.CloseFile(); err != nil {
			t.Fatal(err)
		}
	}
	for room, n := range written {
		s, _, err := db.Prepare(`SELECT "offset", text FROM archive WHERE room = ? ORDER BY n`)
		if err != nil {
			t.Fatal(err)
		}
		s.BindText(1, room)
		i := 0
		for ; s.Step(); i++ {
			if s.ColumnInt(0) != i+1 || s.ColumnText(1) != fmt.Sprint(i+1) {
				t.Fatalf("row %d of %s is event %d, %s", i, room, s.ColumnInt(0), s.ColumnText(1))
			}
		}
		if s.Close(); i != n {
			t.Errorf("%s has %d rows, want %d", room, i, n)
		}
	}
}

// TestExec refuses what cannot be stored, and other contexts.
func TestExec(t *testing.T) {
	t.Parallel()
	if err := sqlitelog.Exec(t.Context(), "SELECT 1"); err == nil {
		t.Error("Exec takes any context")
	}
	srv := chat.New(chat.WithLog(open(t, filepath.Join(t.TempDir(), "chat.db"))))
	t.Cleanup(func() { srv.Close() })
	if _, err := srv.Publish(t.Context(), "r", chat.Message{UserID: "u", Text: "hi"}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := srv.FollowAll(ctx, "c", chat.FromStart, func(h context.Context, _ chat.Batch) error {
		if err := sqlitelog.Exec(h, "SELECT ?", struct{}{}); err == nil {
			t.Error("a struct was taken")
		}
		err := sqlitelog.Exec(h, "SELECT ?, ?, ?, ?, ?, ?, ?, ?", nil, true, 1, int64(2), 1.5, "s", []byte("b"), time.Now())
		cancel()
		return err
	})
	if all, e := srv.Consumers(t.Context()); !errors.Is(err, context.Canceled) || e != nil || all[0].Events != 0 {
		t.Errorf("%v, %+v, %v", err, all, e)
	}
}
