package chattest_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chattest"
	"github.com/seed-08328bfd/chat/internal/ws"
)

func TestNewServer(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var url string
	closed := make(chan int, 1)
	t.Run("running", func(t *testing.T) {
		srv := chattest.NewServer(t, chat.WithDefaultUsername("Guest"))
		url = srv.URL
		conn, _, err := ws.Dial(ctx, srv.WS+"/ws/general", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := srv.Publish(ctx, "general", chat.Message{Text: "hi"}); err != nil {
			t.Fatal(err)
		}
		if _, b, err := conn.Read(ctx); err != nil || len(b) == 0 {
			t.Fatalf("read %q, %v", b, err)
		}
		go func() {
			_, _, err := conn.Read(ctx)
			closed <- int(ws.CloseStatus(err))
			conn.CloseNow()
		}()
	})
	if code := <-closed; code != 1001 {
		t.Errorf("at the end of the test the connection was closed with %d", code)
	}
	if resp, err := http.Get(url + "/rooms"); err == nil {
		resp.Body.Close()
		t.Error("the server still runs after the test")
	}
}

// TestTwoServers checks that two servers with one log form one chat.
func TestTwoServers(t *testing.T) {
	log := chat.NewMemoryLog(chat.MemoryOptions{})
	a := chattest.NewServer(t, chat.WithLog(log))
	b := chattest.NewServer(t, chat.WithLog(log))
	if _, err := a.Publish(t.Context(), "general", chat.Message{Username: "Alice", Text: "hello"}); err != nil {
		t.Fatal(err)
	}
	page, err := b.History(t.Context(), "general", chat.Query{})
	if err != nil || len(page.Events) != 1 || page.Events[0].Text != "hello" {
		t.Errorf("history: %+v, %v", page, err)
	}
}
