package pglog_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/adapters/pglog"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/test/logtest"
	"github.com/seed-08328bfd/chat/internal/ws"
)

// TestAwayAtStart starts while PostgreSQL is paused, does not answer, or does not run.
func TestAwayAtStart(t *testing.T) {
	t.Parallel()
	c := freshCluster(t)
	l := migrated(t, c.pool(t))
	c.signal(stopSignal)
	logtest.RefusedWhileAway(t, "stopped", l)
	c.signal(contSignal)
	for what, addr := range map[string]string{"silent": logtest.Silent(t), "refused": "127.0.0.1:1"} {
		pool, err := pgxpool.New(context.Background(), "postgres://u@"+addr+"/db?sslmode=disable")
		if err != nil {
			t.Fatal(err)
		}
		logtest.RefusedWhileAway(t, what, pglog.New(pool))
		pool.Close()
	}
}

// TestLongestSignals uses the longest names that the rules allow and the longest reason. A user
// with these names joins, types and is disconnected, and another server learns of it.
func TestLongestSignals(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	rec := opened(t, l, strings.Repeat("\x01", 512))
	rule := chat.WithRoomRule(func(s string) (string, error) { return strings.Repeat("\x01", 512), nil })
	srv := chat.New(chat.WithLog(l), rule)
	defer srv.Close()
	id, name := strings.Repeat("<", 128), strings.Repeat("\x01", 512)
	if err := srv.Disconnect(soon(t), id, chat.Disconnect{Room: "r", Code: 1008, Reason: strings.Repeat("\x01", 10_000)}); err != nil {
		t.Errorf("Disconnect: %v", err)
	}
	for _, e := range []chatlog.Event{
		{Type: chatlog.TypeSystem, Kind: "leave", UserID: id, Username: name, Text: name + " left the room"},
		{Type: chatlog.TypeTyping, UserID: id, Username: name},
	} {
		if err := l.Signal(soon(t), strings.Repeat("\x01", 512), e); err != nil {
			t.Errorf("%s: %v", e.Type, err)
		}
	}
	eventually(t, "the signals", func() bool { return len(rec.all()) == 2 })
}

// TestReadOnly lets the database refuse writes while a client sends. The client gets an error
// for each message, stays connected, and can send again afterwards.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	c := freshCluster(t)
	srv := chat.New(chat.WithLog(migrated(t, c.pool(t))), chat.WithLogger(slog.New(slog.DiscardHandler)))
	hs := httptest.NewServer(srv)
	defer hs.Close()
	defer srv.Close()
	conn, _, err := ws.Dial(soon(t), hs.URL+"/ws/r", &ws.DialOptions{Subprotocols: []string{"chat.v1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	if s := sendNew(t, conn, -1); !strings.Contains(s, "ack") {
		t.Fatal(s)
	}
	c.exec(t, "ALTER SYSTEM SET default_transaction_read_only = on")
	c.exec(t, "SELECT pg_reload_conf()")
	refused := 0
	tries := 0
	for end := time.Now().Add(time.Minute); refused < 150 && time.Now().Before(end); {
		if s := sendNew(t, conn, tries); strings.Contains(s, `"unavailable"`) {
			refused++
		} else if refused > 0 {
			t.Fatal(s)
		}
		tries++
	}
	if refused < 150 {
		t.Errorf("%d messages were refused", refused)
	}
	c.exec(t, "ALTER SYSTEM RESET default_transaction_read_only")
	c.exec(t, "SELECT pg_reload_conf()")
	eventually(t, "the first message after the refusals", func() bool { return strings.Contains(sendNew(t, conn, 1000), "ack") })
}

// sendNew sends a new message with the number n, and returns the answer.
func sendNew(t *testing.T, conn *ws.Conn, n int) string {
	t.Helper()
	text := fmt.Sprintf(`{"type":"message","message":"x","id":"new %d"}`, n)
	if err := conn.Write(soon(t), ws.MessageText, []byte(text)); err != nil {
		t.Fatal(err)
	}
	for {
		_, b, err := conn.Read(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		if s := string(b); strings.Contains(s, `"type":"ack"`) || strings.Contains(s, `"type":"error"`) {
			return s
		}
	}
}
