package sqlitelog_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/adapters/sqlitelog"
)

const consumerVariable = "SQLITELOG_TEST_CONSUMER"

// archive writes each event into a table of the same file.
func archive(ctx context.Context, b chat.Batch) error {
	for _, e := range b.Events {
		if err := sqlitelog.Exec(ctx, `INSERT INTO archive (room, "offset", text) VALUES (?, ?, ?)`, b.Room, int64(e.Offset), e.Text); err != nil {
			return err
		}
	}
	return nil
}

// runConsumer publishes, and archives what is published, until it is killed. It prints a line for
// each batch.
func runConsumer(path string) {
	l, err := sqlitelog.Open(path)
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	srv := chat.New(chat.WithLog(l))
	for range 8 {
		go func() { // until the process is killed
			for i := 0; ; i++ {
				srv.Publish(context.Background(), fmt.Sprint("r", i%3), chat.Message{UserID: "u", Text: fmt.Sprint(i)})
			}
		}()
	}
	srv.FollowAll(context.Background(), "archive", chat.FromStart, func(ctx context.Context, b chat.Batch) error {
		fmt.Println(len(b.Events))
		err := archive(ctx, b)
		fmt.Println("written")
		return err
	})
}

// A process that archives in the transactions of its places is killed at random moments. In the end
// the archive has each event of the log once, in order.
func TestArchiveKilled(t *testing.T) {
	t.Parallel()
	rng := seed(t)
	path := filepath.Join(t.TempDir(), "chat.db")
	open(t, path).CloseFile()
	db, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Exec(`CREATE TABLE archive (n INTEGER PRIMARY KEY, room TEXT, "offset" INTEGER, text TEXT)`); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), consumerVariable+"="+path)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines, most := bufio.NewScanner(out), 1+rng.IntN(30)
		for n := 0; lines.Scan(); {
			if n++; n == most {
				time.Sleep(time.Duration(rng.IntN(3000)) * time.Microsecond) // before, in or after a commit
				cmd.Process.Kill()
			}
		}
		cmd.Wait()
	}
	l, err := sqlitelog.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.CloseFile()
	srv := chat.New(chat.WithLog(l), chat.WithLogger(slog.New(slog.DiscardHandler)))
	defer srv.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- srv.FollowAll(ctx, "archive", chat.FromStart, archive) }()
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		all, err := srv.Consumers(ctx)
		if err != nil || len(all) != 1 || time.Now().After(end) {
			t.Fatalf("behind: %+v, %v", all, err)
		}
		if all[0].Events == 0 {
			break
		}
	}
	cancel()
	<-ended
	total := 0
	for room := range 3 {
		name := fmt.Sprint("r", room)
		var want, got []string
		for _, e := range readAll(t, l, name) {
			want = append(want, fmt.Sprint(e.Offset, " ", e.Text))
		}
		s, _, err := db.Prepare(`SELECT "offset", text FROM archive WHERE room = ? ORDER BY n`)
		if err != nil {
			t.Fatal(err)
		}
		s.BindText(1, name)
		for s.Step() {
			got = append(got, fmt.Sprint(s.ColumnInt(0), " ", s.ColumnText(1)))
		}
		s.Close()
		if !slices.Equal(got, want) {
			t.Errorf("room %s: %d rows for %d events, or in another order", name, len(got), len(want))
		}
		total += len(want)
	}
	if t.Logf("%d events", total); total < 20 {
		t.Errorf("only %d events", total)
	}
}
